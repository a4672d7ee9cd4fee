// Package sender takes records out of a log in the order of their IDs and puts them
// into the shards of a Kinesis stream: each until its shard has said so, those of one
// partition key in order.
//
// It knows the stream, and the log, by small interfaces: nothing here is of AWS's SDK or
// of the Collector.
package sender
