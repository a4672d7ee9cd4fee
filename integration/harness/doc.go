// Package harness runs the built otelcol-heartwood binary in tests and looks
// at it from outside: it writes the configuration, starts the process, feeds
// it, receives what it sends, reads its metrics and its log, and stops it in
// whatever way the test asks for.
//
//	sink := harness.NewSink(t)
//	col := harness.Start(t, `
//	receivers:
//	  otlp: {protocols: {http: {endpoint: {{addr "otlp"}}}}}
//	exporters:
//	  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}}
//	service:
//	  pipelines:
//	    logs: {receivers: [otlp], exporters: [otlp_grpc]}
//	`, harness.With("sink", sink))
//
//	send(t, "http://"+col.Addr("otlp")+"/v1/logs", ...)
//	rec := sink.WaitLog(t, harness.Body("hi"))
//
// Every helper that can fail takes a testing.TB and ends the test with what a
// reader needs to know; nothing here is to be checked for errors, and nothing
// needs closing: what a test starts ends with it, and when the test process
// itself dies, the kernel ends what it had started (on Linux).
//
// integration/README.md is the tour.
package harness
