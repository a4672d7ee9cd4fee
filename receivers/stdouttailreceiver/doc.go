// Package stdouttailreceiver takes what programs write to stdout and stderr, from a
// pipe, from a program that it starts, from container log files or from journald,
// and makes OpenTelemetry log records of it.
//
// What it answers for: the place in a file, and the journal's cursor, move only when
// the next consumer has returned nil for all records before it, also for lines that
// are held back for joining. While it takes nothing, nothing is read.
package stdouttailreceiver

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
