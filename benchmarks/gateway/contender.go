package main

import (
	"fmt"
	"slices"
	"strings"
)

// contender is a collector with a configuration.
type contender struct {
	name  string
	title string
	// upstream runs upstream's components, which this program has.
	upstream bool
	// memory puts spools and journal into memory: folders of a tmpfs.
	memory bool
	// fold is how event_fold holds what is open; empty: there is none.
	fold string
	// viewer gives the page's exporter all records too.
	viewer bool
	// watched has a page of it open, which asks for what is new.
	watched bool
	// stages leaves out what is not named; empty: all. For finding out what costs what.
	stages string
}

const (
	foldMemory  = "memory"
	foldJournal = "journal"
)

var contenders = []contender{
	{name: "plain", title: "without folding"},
	{name: "plain-memory", title: "without folding, spools in memory", memory: true},
	{name: "fold", title: "folding in memory", fold: foldMemory},
	{name: "fold-journal", title: "folding with its journal", fold: foldJournal},
	{name: "upstream", title: "upstream: `transform`, `redaction`, to `awskinesis` and `file`", upstream: true},
}

// parts are the same with less, or with the page, for -only.
var parts = []contender{
	{name: "receive", title: "`otlp` to `nop`", stages: "none"},
	{name: "kinesis", title: "to Kinesis alone", stages: "request_id redact measure kinesis"},
	{name: "archive", title: "to the archive alone", stages: "request_id redact measure worm_s3"},
	{name: "viewer", title: "without folding, and to the page", viewer: true},
	{name: "watched", title: "without folding, and to the page, which is open", viewer: true, watched: true},
	{name: "bare", title: "without processors", stages: "kinesis worm_s3"},
}

func contenderNamed(name string) (contender, error) {
	for _, c := range slices.Concat(contenders, parts) {
		if c.name == name {
			return c, nil
		}
	}
	return contender{}, fmt.Errorf("no contender is called %q", name)
}

func (c contender) has(stage string) bool {
	return c.stages == "" || strings.Contains(" "+c.stages+" ", " "+stage+" ")
}

// places are where a collector listens, writes and sends.
type places struct {
	grpc, http, health, pprof string // addresses
	page                      string // the viewer's address
	stream, bucket, metrics   string // URLs
	dir, keyFile              string
}

// config is the collector's, in YAML.
func (c contender) config(p places) string {
	if c.upstream {
		return upstreamConfig(p)
	}
	var y strings.Builder
	fmt.Fprintf(&y, head, p.health, p.pprof, p.grpc, p.http)
	fmt.Fprintf(&y, "processors:\n  memory_limiter: {check_interval: 1s, min_gc_interval_when_soft_limited: 1s, limit_mib: 800, spike_limit_mib: 200}\n  request_id:\n  redact:\n")
	switch c.fold {
	case foldMemory:
		fmt.Fprintf(&y, "  event_fold: {idle_timeout: 5s}\n")
	case foldJournal:
		fmt.Fprintf(&y, "  event_fold: {idle_timeout: 5s, directory: %s/fold}\n", p.dir)
	}
	fmt.Fprintf(&y, `connectors:
  measure:
exporters:
  nop:
  otlp_http: {endpoint: %s, compression: none}
  kinesis:
    stream: %s
    region: us-east-1
    endpoint: %s
    encoding: json
    aggregation: kpl
    rate: {bytes: 1GB, records: 1000000}
    spool: {directory: %s/kinesis}
  worm_s3:
    bucket: %s
    region: us-east-1
    endpoint: %s
    origin: example.com/logs
    writer: bench
    signing_key_file: %s
    rules: [{name: application, period: 90d}]
    spool: {directory: %s/archive}
`, p.metrics, streamName, p.stream, p.dir, bucketName, p.bucket, p.keyFile, p.dir)
	processors := []string{"memory_limiter"}
	for _, stage := range []string{"request_id", "redact"} {
		if c.has(stage) {
			processors = append(processors, stage)
		}
	}
	var out []string
	for _, stage := range []string{"kinesis", "worm_s3"} {
		if c.has(stage) {
			out = append(out, stage)
		}
	}
	if c.viewer {
		fmt.Fprintf(&y, "  viewer: {endpoint: %s, token: %s, health_endpoint: none, directory: %s/viewer}\n", p.page, pageToken, p.dir)
		out = append(out, "viewer")
	}
	if len(out) == 0 {
		out = []string{"nop"}
	}
	fmt.Fprint(&y, "service:\n  extensions: [health_check, pprof]\n  telemetry: {metrics: {level: none}, logs: {level: warn}}\n  pipelines:\n")
	if !c.has("measure") {
		fmt.Fprintf(&y, "    logs: {receivers: [otlp], processors: [%s], exporters: [%s]}\n", strings.Join(processors, ", "), strings.Join(out, ", "))
		return y.String()
	}
	fold := ""
	if c.fold != "" {
		fold = "event_fold"
	}
	fmt.Fprintf(&y, `    logs: {receivers: [otlp], processors: [%s], exporters: [measure]}
    logs/out: {receivers: [measure], processors: [%s], exporters: [%s]}
    metrics: {receivers: [measure], exporters: [otlp_http]}
`, strings.Join(processors, ", "), fold, strings.Join(out, ", "))
	return y.String()
}

const head = `extensions:
  health_check: {endpoint: %s}
  pprof: {endpoint: %s}
receivers:
  otlp: {protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}}
`

// upstreamConfig does what of ours upstream's components do: request.id is renamed where it
// has another name, ten kinds of secrets are looked for, and records go to the stream, one
// Kinesis record for each request's resource, and to a file. There is no spool, what the
// stream refuses is lost, and the file is neither hashed nor signed nor locked.
func upstreamConfig(p places) string {
	return fmt.Sprintf(head+`processors:
  memory_limiter: {check_interval: 1s, min_gc_interval_when_soft_limited: 1s, limit_mib: 800, spike_limit_mib: 200}
  transform:
    log_statements:
      - set(log.attributes["request.id"], log.attributes["request_id"]) where log.attributes["request.id"] == nil
  redaction:
    allow_all_keys: true
    blocked_values: %s
exporters:
  awskinesis:
    aws: {stream_name: %s, kinesis_endpoint: "%s", region: us-east-1}
    encoding: {name: otlp}
    sending_queue: {block_on_overflow: true}
  file: {path: %s/logs.jsonl}
service:
  extensions: [health_check, pprof]
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    logs: {receivers: [otlp], processors: [memory_limiter, transform, redaction], exporters: [awskinesis, file]}
`, p.health, p.pprof, p.grpc, p.http, "["+strings.Join(patterns, ", ")+"]", streamName, p.stream, p.dir)
}
