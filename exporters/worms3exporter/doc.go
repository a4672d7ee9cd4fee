// Package worms3exporter writes log records, spans and data points to S3 under Object
// Lock, each once, and keeps a signed log of what it wrote.
//
// What it answers for: what it has answered with nil is on disk until it is in an object
// that the signed log has, or is a dead letter with the reason. A record that comes again
// within repeat_window, with its log.record.uid, is not written again.
//
//	Consume ─► uid, rule, hour, encoding ─► internal/archiver ─► S3
//	                  │
//	                  ▼
//	            dead letters
package worms3exporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
