// Package kinesisfake is Amazon Kinesis Data Streams for tests: an HTTP server
// that speaks its protocol (AWS JSON 1.1), holds a client to its limits, and
// misbehaves as the real one does on a bad day, as often as a test asks for.
//
//	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"orders": 4}})
//	fake.Misbehave(kinesisfake.Faults{Seed: 1, RefuseRecords: 0.3, CutAfter: 0.02})
//	... a client at fake.URL() ...
//	for _, r := range fake.UserRecords(t, "orders") { ... }
//
// Limits and errors are those of the API reference,
// https://docs.aws.amazon.com/kinesis/latest/APIReference. Signatures are looked
// at for their form and their time, and not computed. Nothing here shares code
// with what it tests: aggregates are read by a reader of its own.
package kinesisfake
