// Package kplrecord writes and reads aggregates in the form of the Kinesis Producer
// Library: several user records in one record of a stream. The form is in
// docs/format/kinesis.md, after
// https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md.
package kplrecord

import "google.golang.org/protobuf/encoding/protowire"

const (
	magic      = "\xf3\x89\x9a\xc2"
	digestSize = 16
	// Overhead is the size of an aggregate of nothing.
	Overhead = len(magic) + digestSize
)

// Fields of AggregatedRecord, and of the Record in it.
const (
	fieldKey     protowire.Number = 1
	fieldHashKey protowire.Number = 2
	fieldRecord  protowire.Number = 3

	recordKey     protowire.Number = 1
	recordHashKey protowire.Number = 2
	recordData    protowire.Number = 3
)

// The tags are a byte each.
const tagSize = 1
