package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// agentConfig takes files, logfmt and OTLP, and hands them to the gateway through a queue
// on disk, as configs/agent.yaml does.
const agentConfig = `
	extensions:
	  file_storage: {directory: {{dir "storage"}}, fsync: true}
	  pprof: {endpoint: {{addr "pprof"}}}
	receivers:
	  stdout_tail:
	    storage: file_storage
	    files: {include: ['{{dir "logs"}}/*.log*'], start_at: beginning, poll_interval: 50ms}
	  logfmt:
	    tcp: {endpoint: {{addr "tcp"}}}
	    http: {endpoint: {{addr "http"}}}
	  otlp: {protocols: {grpc: {endpoint: {{addr "grpc"}}}}}
	processors:
	  memory_limiter: {check_interval: 1s, limit_mib: 400, spike_limit_mib: 100}
	  request_id:
	  redact:
	exporters:
	  otlp_grpc:
	    endpoint: {{.bed.Gateway}}
	    tls: {{.bed.TLS}}
	    sending_queue: {enabled: {{.bed.Queue}}, storage: file_storage, block_on_overflow: true, queue_size: 100000}
	    retry_on_failure: {enabled: {{.bed.Queue}}, initial_interval: 100ms, max_interval: 1s, max_elapsed_time: 0}
	service:
	  extensions: [file_storage, pprof]
	  pipelines:
	    logs:
	      receivers: [stdout_tail, logfmt, otlp]
	      processors: [memory_limiter, request_id, redact]
	      exporters: [otlp_grpc]
`

// gatewayConfig delivers each record to a stream and to the archive, what it folds to a
// second stream, and what the records say to a page for Prometheus.
const gatewayConfig = `
	extensions:
	  pprof: {endpoint: {{addr "pprof"}}}
	receivers:
	  otlp:
	    protocols:
	      grpc: {endpoint: {{addr "grpc"}}{{.bed.ServerTLS}}}
	      http: {endpoint: {{addr "http"}}}
	  logfmt:
	    tcp: {endpoint: {{addr "tcp"}}, max_connections: 12000}
	    http: {endpoint: {{addr "logplex"}}}
	processors:
	  memory_limiter: {check_interval: 200ms, min_gc_interval_when_soft_limited: 200ms, limit_mib: {{.bed.LimitMiB}}, spike_limit_mib: {{.bed.SpikeMiB}}}
	  request_id:
	  redact:
	  event_fold: {directory: {{dir "state/fold"}}, idle_timeout: 2s, repeat_window: {{.bed.RepeatWindow}}, max_remembered: {{.bed.Remembered}}}
	connectors:
	  measure: {interval: 1s, repeat_window: {{.bed.RepeatWindow}}}
	exporters:
	  kinesis: &kinesis
	    stream: logs
	    endpoint: {{.bed.Kinesis}}
	    encoding: json
	    aggregation: kpl
	    max_record_size: 256KiB # of an aggregate too: a shard of the flood takes no more at once
	    rate: {bytes: 100MB, records: 100000}
	    accept_timeout: {{.bed.AcceptTimeout}}
	    retry: {max_interval: 1s}
	    timeout: 5s
	    spool: {directory: {{dir "state/kinesis"}}, max_size: {{.bed.SpoolSize}}}
	  kinesis/folded:
	    <<: *kinesis
	    stream: folded
	    spool: {directory: {{dir "state/folded"}}, max_size: {{.bed.SpoolSize}}}
	  worm_s3:
	    bucket: archive
	    region: ` + s3fake.Region + `
	    endpoint: {{.bed.S3}}
	    origin: ` + origin + `
	    writer: ` + writer + `
	    signing_key_file: {{.bed.Keys}}/` + writer + `.key
	    rules: [{name: application, period: 1d}]
	    max_retention: 1d
	    max_object_size: 4MiB
	    max_object_age: 1s
	    checkpoint_interval: {{.bed.Checkpoint}}
	    timeout: 5s
	    retry: {initial_interval: 20ms, max_interval: 500ms}
	    accept_timeout: {{.bed.AcceptTimeout}}
	    repeat_window: {{.bed.RepeatWindow}}
	    max_remembered: {{.bed.Remembered}}
	    spool: {directory: {{dir "state/archive"}}, max_size: {{.bed.SpoolSize}}}
	  prometheus: {endpoint: {{addr "prometheus"}}}
	service:
	  extensions: [pprof]
	  pipelines:
	    logs/in: {receivers: [otlp, logfmt], processors: [memory_limiter, request_id, redact], exporters: [measure]}
	    logs/each: {receivers: [measure], exporters: [kinesis, worm_s3]}
	    logs/folded: {receivers: [measure], processors: [event_fold], exporters: [kinesis/folded]}
	    metrics: {receivers: [measure], exporters: [prometheus]}
`

const (
	origin = "example.com/soak"
	writer = "gateway-1"
)

var awsEnv = []string{
	"AWS_ACCESS_KEY_ID=" + s3fake.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3fake.SecretKey,
	"AWS_REGION=" + s3fake.Region, "AWS_EC2_METADATA_DISABLED=true",
}

// bed is an agent, a gateway, and the places that they deliver to.
type bed struct {
	settings

	agent, gateway *harness.Collector
	kinesis        *kinesisfake.Running
	s3             bucketServer
	client         *s3.Client
}

// bucketServer is an S3 that can go and come again.
type bucketServer interface {
	URL() string
	Down()
	Up(tb testing.TB)
}

// versity is versitygw, which ends by kill -9. What it has answered for is on disk.
type versity struct {
	command harness.Command
	url     string
	process *harness.Process
}

func newVersity(t *testing.T) *versity {
	t.Helper()
	root := harness.Root(t)
	path := filepath.Join(root, "bin", "tools", "versitygw")
	out, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", root, path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	addr := fmt.Sprintf("127.0.0.1:%d", freeport.Take(t))
	v := &versity{url: "http://" + addr, command: harness.Command{
		Name: "versitygw", Path: path,
		Args: []string{
			"--access", s3fake.AccessKey, "--secret", s3fake.SecretKey, "--region", s3fake.Region,
			"--port", addr, "--keep-alive", "posix", "--versioning-dir", t.TempDir(), t.TempDir(),
		},
	}}
	v.Up(t)
	c := s3fake.NewClient(t, v.url)
	waitFor(t, time.Minute, "versitygw to answer", func() (bool, string) {
		_, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{})
		return err == nil, fmt.Sprint(err)
	})
	return v
}

func (v *versity) URL() string      { return v.url }
func (v *versity) Down()            { v.process.Kill() }
func (v *versity) Up(tb testing.TB) { tb.Helper(); v.process = harness.StartProcess(tb, v.command) }

// settings are what the configurations ask for.
type settings struct {
	Gateway, Kinesis, S3, Keys   string
	TLS, ServerTLS               string
	Queue                        bool // the agent's, on disk; without it senders wait for the gateway
	LimitMiB, SpikeMiB           int
	SpoolSize, AcceptTimeout     string
	Checkpoint                   string
	RepeatWindow                 string // for how long repeats are known
	Remembered                   int    // how many records, by worm_s3, and events, by event_fold
	keepFiles                    int    // of those that were renamed; 0: all
	shards                       int
	shardBytes                   int  // what a shard takes in a second; 0: all
	versity                      bool // instead of the fake
	agentOptions, gatewayOptions []harness.Option
	// gatewayAt gives the agent another address of the gateway than the gateway's own.
	gatewayAt func(gateway *harness.Collector) string
	// named gives an address of 127.0.0.1 by a name.
	named func(url string) string
}

// newBed makes keys, a bucket and streams, and does not start the collectors yet.
func newBed(t *testing.T, change func(*settings)) *bed {
	t.Helper()
	b := &bed{settings: settings{
		TLS: "{insecure: true}", Queue: true, LimitMiB: 400, SpikeMiB: 100, SpoolSize: "256MiB", AcceptTimeout: "5s", Checkpoint: "1s", RepeatWindow: "1h", Remembered: 200_000, shards: 4,
	}}
	if change != nil {
		change(&b.settings)
	}
	b.kinesis = kinesisfake.Start(t, kinesisfake.Settings{
		Streams: map[string]int{"logs": b.shards, "folded": b.shards}, ShardBytes: b.shardBytes,
	})
	if b.versity {
		b.s3 = newVersity(t)
	} else {
		b.s3 = s3fake.Start(t, s3fake.Settings{})
	}
	b.client = s3fake.NewClient(t, b.s3.URL())
	b.Kinesis, b.S3, b.Keys = b.kinesis.URL(), b.s3.URL(), t.TempDir()
	if b.named != nil {
		b.Kinesis, b.S3 = b.named(b.Kinesis), b.named(b.S3)
	}
	b.heartwood(t, "keygen", "--root", origin, "--out", b.Keys)
	b.heartwood(t, "keygen", "--writer", origin+"/"+writer, "--out", b.Keys)
	b.heartwood(t, "bucket", "create", "s3://archive", "--path-style")
	b.heartwood(t, "enroll", "s3://archive", "--path-style", "--root-key", filepath.Join(b.Keys, "root.key"),
		"--writer", filepath.Join(b.Keys, writer+".pub"), "--period", "1d", "--mode", "COMPLIANCE")
	b.gateway = harness.New(t, gatewayConfig, append([]harness.Option{
		harness.With("bed", b.settings), harness.WithEnv(awsEnv...), harness.WithName("gateway"),
	}, b.gatewayOptions...)...)
	b.Gateway = b.gateway.Addr(t, "grpc")
	if b.gatewayAt != nil {
		b.Gateway = b.gatewayAt(b.gateway)
	}
	b.agent = harness.New(t, agentConfig, append([]harness.Option{
		harness.With("bed", b.settings), harness.WithName("agent"),
	}, b.agentOptions...)...)
	return b
}

func (b *bed) start(t *testing.T) {
	t.Helper()
	b.gateway.Start(t)
	b.agent.Start(t)
}

func (b *bed) stop(t *testing.T) {
	t.Helper()
	b.agent.Stop(t)
	b.gateway.Stop(t)
}

// heartwood runs bin/heartwood, which is to succeed.
func (b *bed) heartwood(t *testing.T, args ...string) string {
	t.Helper()
	var stdout syncBuffer
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood " + args[0], Path: harness.Program(t, "heartwood", "cmd/heartwood"), Args: args,
		Env: append([]string{"AWS_ENDPOINT_URL=" + b.s3.URL()}, awsEnv...), Stdout: &stdout,
	})
	code := p.Wait(t, 5*time.Minute)
	require.Zero(t, code, "heartwood %v\n%s%s", args, stdout.String(), p.Output())
	return stdout.String()
}

// requireVerified has the archive found good.
func (b *bed) requireVerified(t *testing.T) {
	t.Helper()
	var report struct{ Verdict string }
	require.NoError(t, json.Unmarshal([]byte(b.heartwood(t, "verify", "s3://archive", "--path-style",
		"--root-key", filepath.Join(b.Keys, "root.pub"), "--output", "json")), &report))
	require.Equal(t, "good", report.Verdict)
}

// waitDelivered waits until nothing is on its way any more.
func (b *bed) waitDelivered(t *testing.T, within time.Duration) {
	t.Helper()
	waitFor(t, within, "all to be delivered", func() (bool, string) {
		agent, err := readMetrics(t, b.agent)
		if err != nil {
			return false, err.Error()
		}
		gateway, err := readMetrics(t, b.gateway)
		if err != nil {
			return false, err.Error()
		}
		left := map[string]float64{"agent queue": agent.Sum("otelcol_exporter_queue_size")}
		for _, name := range []string{
			"otelcol_exporter_kinesis_oldest_record_age", "otelcol_exporter_worm_s3_oldest_record_age",
			"otelcol_exporter_worm_s3_objects_open", "otelcol_exporter_worm_s3_objects_waiting", "otelcol_processor_event_fold_events_open",
		} {
			left[name] = gateway.Sum(name)
		}
		for _, v := range maps.All(left) {
			if v != 0 {
				return false, string(must(json.Marshal(left)))
			}
		}
		return gateway.Has("otelcol_exporter_worm_s3_spool_size"), "no metrics of worm_s3 yet"
	})
}

// objects gives what is archived, one after the other.
func (b *bed) objects(t *testing.T, take func(key string, data []byte)) {
	t.Helper()
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: aws.String("archive"), Prefix: aws.String("category=")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, one := range page.Contents {
			out, err := b.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("archive"), Key: one.Key})
			require.NoError(t, err)
			data, err := io.ReadAll(out.Body)
			require.NoError(t, err)
			require.NoError(t, out.Body.Close())
			take(*one.Key, data)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func itoa(n int) string { return strconv.Itoa(n) }
