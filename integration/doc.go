// Package integration holds the black-box tests of the built binary,
// otelcol-heartwood: they start it as a user does, send to its ports and look
// at what comes out. README.md says how to run and to write them.
package integration
