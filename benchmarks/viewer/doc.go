// Package viewer measures SQLite at what the viewer's store does, beside the store itself, on the same
// records in one run.
package viewer
