// Gateway measures the built collector as a whole: OTLP comes in, goes through request_id,
// redact and measure, with or without event_fold, and leaves for Kinesis and for the
// archive; beside it upstream's transform and redaction, which write to awskinesis and a
// file.
//
//	make collector && go -C benchmarks run ./gateway
//
// The collector is a process of its own, whose CPU time counts from its being ready until
// its end. Who sends, the stream, the bucket and the receiver of metrics are this process:
// they count every record, and a round in which one is missing is an error.
package main
