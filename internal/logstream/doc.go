// Package logstream makes records of the lines of one stream: what one program
// writes to its stdout or its stderr. It tells which format each line is in, JSON,
// logfmt, an access log's, a logger's layout or nothing known, joins stack traces and
// other lines that continue a record to it, and has internal/logrecord make the
// records. README.md says how.
//
// It knows nothing of where a stream comes from, but for the Source that it is given
// with it.
package logstream
