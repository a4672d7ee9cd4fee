// Package ecsencodingextension writes log records as documents in the Elastic Common
// Schema, one line each, for exporters that take an encoding, and reads such lines for
// receivers that do. docs/format/ecs.md is what it holds to.
//
// What it answers for: any record becomes a document, and nothing that the record says is
// left out of it without being counted. A batch of lines is read whole or not at all.
package ecsencodingextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
