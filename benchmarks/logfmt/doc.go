// Package logfmt measures internal/logfmt beside the other Go parsers of the
// format, on the same lines in one run, and holds the format document's table of
// differences to what they do.
package logfmt
