// Package logrecord turns log lines into OpenTelemetry records.
//
// A Mapper holds the settings; a Batch of its own, made for each goroutine, takes
// lines and gives plog.Logs: Add those of logfmt, AddJSON those that are one JSON
// object. What becomes of each part of a line, what is kept where it does not fit,
// and what happens to lines that are neither is written down in README.md.
//
// Nothing of a line is lost: what is not in a field of the record or its resource
// is in its attributes or its body.
package logrecord
