// Package kinesisexporter puts log records, spans and metric points into a stream of
// Amazon Kinesis Data Streams.
//
// What it answers for: with a spool, what it has answered with nil is on disk until its
// shard has it, or until it is a dead letter with the reason; without one, it answers
// when the stream has the records. Records of one partition key reach the stream in the
// order they came; one that comes twice has the same log.record.uid.
//
//	Consume ─► keys, encoding ─► spool ─► sender ─► PutRecords
//	                 │             ▲         │
//	                 ▼             └── Ack ──┤
//	           dead letters ◄────────────────┘
package kinesisexporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
