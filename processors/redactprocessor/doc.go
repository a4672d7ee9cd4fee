// Package redactprocessor takes secrets out of log records, spans and metric points:
// out of bodies and attributes at any depth, of keys, names and messages. What it can't
// look through it masks whole, or refuses; nothing passes unseen.
//
// What it answers for: nil is returned only after the next consumer has returned nil.
// It holds nothing, and drops only what an action says it is to drop, counted.
package redactprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
