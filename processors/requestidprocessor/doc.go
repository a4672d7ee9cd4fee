// Package requestidprocessor gives every log record and span the id of the request that
// it belongs to, in one attribute, whatever its writer calls it; hands it on within a
// trace, from logs to spans and back; and makes one of trace ids where there is none.
//
// What it answers for: nil is returned only after the next consumer has returned nil,
// also for records that waited for another one to bring their id. Nothing is dropped.
package requestidprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
