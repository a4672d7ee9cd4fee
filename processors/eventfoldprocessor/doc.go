// Package eventfoldprocessor folds all log records of one key, by default those of a
// request in a service, into one event.
//
// What it answers for: every record it has accepted is in exactly one emitted event,
// has passed, or is counted as a repeat or as dropped. With a directory, it answers
// nil only when the records are on disk, and events go on where they were after a
// crash; what is emitted twice has the same fold.id.
package eventfoldprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
