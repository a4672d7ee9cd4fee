// Package ecsprocessor renames what log records and spans say into the Elastic Common
// Schema, or back. Both ways, and all that does not fit, are in docs/format/ecs.md.
//
// What it answers for: nil is returned only after the next consumer has returned nil. It
// holds nothing, keeps each record and span, and drops a value only where unknown is
// drop, counted.
package ecsprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
