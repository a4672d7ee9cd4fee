// Package flatdocument writes log records, spans and data points as JSON: flat documents, as
// docs/format/kinesis.md has them, and OTLP's form for log records. It appends to the
// caller's memory. Text that is not UTF-8 has U+FFFD in place of what is wrong, so that
// what it writes is JSON always.
package flatdocument
