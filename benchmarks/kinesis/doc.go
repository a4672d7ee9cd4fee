// Kinesis measures the kinesis exporter beside upstream's awskinesis, at the same
// records and the same stream: what a record costs in CPU time and in PUT payload units,
// and what is lost when a share of the records is refused in answers that are a success,
// as a shard does that has had enough.
//
//	go -C benchmarks run ./kinesis
//
// The stream is the fake of integration/kinesisfake, in this process; each exporter runs
// in a process of its own, whose CPU time counts, from its first record until the last
// one is in the stream. Rounds take turns; medians are shown.
package main
