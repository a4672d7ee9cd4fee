// Package ecsjson writes the fields of a record as a document in JSON, one line by the
// ECS logging specification, and reads such lines. docs/format/ecs.md is what it holds
// to, in its section "The document".
package ecsjson
