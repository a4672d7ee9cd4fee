package integration

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// volumeConfig is a collector that keeps all kinds of state below one folder.
const volumeConfig = `
	receivers:
	  otlp/keyed: {protocols: {http: {endpoint: {{addr "keyed"}}}}}
	  otlp/archived: {protocols: {http: {endpoint: {{addr "archived"}}}}}
	  otlp/folded: {protocols: {http: {endpoint: {{addr "folded"}}}}}
	processors:
	  event_fold:
	    key: [request_id]
	    style: canonical
	    merge: {keys: {n: list}}
	    directory: {{dir "fold"}}
	    idle_timeout: 2s
	exporters:
	  kinesis:
	    stream: logs
	    region: {{.bed.Region}}
	    endpoint: {{.kinesis}}
	    encoding: json
	    rate: {bytes: 100MB, records: 100000}
	    retry: {max_interval: 200ms}
	    timeout: {{.timeout}}
	    spool: {directory: {{dir "kinesis"}}, max_size: {{.spool}}}
	    accept_timeout: 200ms
	  worm_s3:
	    bucket: {{.bed.Bucket}}
	    prefix: '{{.bed.Prefix}}'
	    region: {{.bed.Region}}
	    endpoint: {{.bed.URL}}
	    origin: ` + archiveOrigin + `
	    writer: {{.bed.Writer}}
	    signing_key_file: {{.bed.Keys}}/{{.bed.Writer}}.key
	    rules: {{.bed.Rules}}
	    max_retention: 3d
	    max_object_age: {{.age}}
	    checkpoint_interval: {{.age}}
	    retry: {initial_interval: 10ms, max_interval: 200ms}
	    timeout: {{.timeout}}
	    spool: {directory: {{dir "archive"}}, max_size: {{.spool}}}
	    accept_timeout: 200ms
	  otlp_grpc:
	    endpoint: {{.sink.GRPC}}
	    tls: {insecure: true}
	    sending_queue: {enabled: false}
	    retry_on_failure: {enabled: false}
	service:
	  pipelines:
	    logs/keyed: {receivers: [otlp/keyed], exporters: [kinesis]}
	    logs/archived: {receivers: [otlp/archived], exporters: [worm_s3]}
	    logs/folded: {receivers: [otlp/folded], processors: [event_fold], exporters: [otlp_grpc]}
`

// volume is such a collector, what stands for its destinations, and what is sent to it.
type volume struct {
	*archiveBed
	s3      *s3fake.Running
	kinesis *kinesisfake.Running
	sink    *harness.Sink
	col     *harness.Collector

	keyed    *keyedLoad
	archived *archiveLoad
	folded   *fragments
	requests int
}

func newVolume(t *testing.T, options ...harness.Option) *volume {
	t.Helper()
	s3, bed := newFakeBed(t)
	return newVolumeOn(t, s3, bed, options...)
}

func newVolumeOn(t *testing.T, s3 *s3fake.Running, bed *archiveBed, options ...harness.Option) *volume {
	t.Helper()
	v := &volume{
		s3: s3, archiveBed: bed,
		kinesis: kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2}}), sink: harness.NewSink(t),
		keyed: newKeyedLoad(t, 100, 20), archived: newArchiveLoad(t, "drained", 2000), folded: newFragments(t), requests: 50,
	}
	v.col = harness.New(t, volumeConfig, append([]harness.Option{
		harness.With("bed", *v.archiveBed), harness.With("kinesis", v.kinesis.URL()), harness.With("sink", v.sink),
		harness.With("spool", "64MiB"), harness.With("age", "2s"), harness.With("timeout", "2s"), harness.WithEnv(v.env...),
	}, options...)...)
	return v
}

// down takes all destinations away.
func (v *volume) down() {
	v.s3.Down()
	v.kinesis.Down()
	v.sink.Behave(harness.RefuseShare(1, 1, harness.Refusal{Reason: harness.Unavailable}))
}

// send sends all that there is to be sent.
func (v *volume) send(t *testing.T) {
	t.Helper()
	require.NoError(t, v.keyed.run(t.Context(), "http://"+v.col.Addr(t, "keyed")))
	require.NoError(t, v.archived.run(t.Context(), "http://"+v.col.Addr(t, "archived")))
	for request := range v.requests {
		var batch []fragment
		for part := range 4 {
			batch = append(batch, fragment{"shop", fmt.Sprintf("r%d", request), fmt.Sprintf("r%d-%d", request, part)})
		}
		require.NoError(t, v.folded.send(t.Context(), v.col.Addr(t, "folded"), batch))
	}
}

// requireAll requires that all that was accepted has arrived.
func (v *volume) requireAll(t *testing.T, kills ...kill) {
	t.Helper()
	v.keyed.requireAll(t, v.kinesis, "logs", kills...)
	a := v.read(t)
	v.archived.requireOnce(t, a)
	a.requireLog(t, v.archiveBed, archiveWriter)
	v.requireGood(t)
	v.folded.requireFolded(t, v.sink)
}

// drainArgs are those of `heartwood drain` with the collector's configuration.
func (v *volume) drainArgs(dir string, more ...string) []string {
	return append(append([]string{"drain", dir}, v.col.ConfigArgs()...), more...)
}

// held is what `heartwood drain --dry-run` says of a directory, by component.
func (v *volume) held(t *testing.T, dir string) map[string]int {
	t.Helper()
	r := v.run(t, v.drainArgs(dir, "--dry-run", "--output", "json")...)
	require.Zero(t, r.Code, r.Stderr)
	var states []struct {
		Kind, Component, Target string
		Records                 int
		Version                 int
	}
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &states), r.Stdout)
	held := map[string]int{}
	for _, s := range states {
		assert.Equal(t, 1, s.Version)
		assert.True(t, s.Records == 0 || s.Target != "", s.Kind)
		held[s.Kind] += s.Records
	}
	return held
}

// fingerprint is all that is in a folder.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	}))
	return all
}

// TestDrain: a collector is killed while nothing can be delivered, and its volume comes to
// another place. All that it had accepted is delivered from there, though the drain is
// interrupted and killed before.
func TestDrain(t *testing.T) {
	t.Parallel()
	v := newVolume(t)
	v.col.Start(t)
	v.down()
	v.send(t)
	v.col.Kill()
	dir := filepath.Join(t.TempDir(), "found")
	require.NoError(t, os.Rename(v.col.Path(""), dir))

	before := fingerprint(t, dir)
	assert.Equal(t, map[string]int{"kinesis": 2000, "worm_s3": 2000, "event_fold": 200}, v.held(t, dir))
	assert.Equal(t, before, fingerprint(t, dir), "a dry run changes nothing")

	// While nothing can be delivered, it says what is left.
	r := v.run(t, v.drainArgs(dir, "--timeout", "3s", "--grace", "20s")...)
	require.Equal(t, 1, r.Code, r.Stderr)
	assert.Contains(t, r.Stderr, "it took longer than --timeout 3s")
	assert.Contains(t, r.Stderr, "2000 records in "+filepath.Join(dir, "kinesis", "logs"))

	// It is killed when the stream has all of its records and the bucket none. What the stream
	// has answered for just before may come again.
	v.kinesis.Up(t)
	p := v.start(t, v.drainArgs(dir)...)
	require.Eventually(t, func() bool { return v.kinesis.Counts("logs").Stored >= 2000 }, time.Minute, 20*time.Millisecond)
	death := kill{at: time.Now(), first: 1}
	p.Kill()
	var held map[string]int
	require.Eventually(t, func() bool { // the collector that it has started ends with it
		return v.run(t, "drain", "--dry-run", dir).Code == 0
	}, time.Minute, 50*time.Millisecond)
	death.last = len(v.kinesis.Calls("logs"))
	held = v.held(t, dir)
	assert.Equal(t, 2000, held["worm_s3"])
	assert.Equal(t, 200, held["event_fold"])

	// Someone presses Ctrl-C.
	p = v.start(t, v.drainArgs(dir, "--verbose")...)
	p.WaitOutput(t, "Everything is ready", time.Minute)
	p.Interrupt(t)
	assert.Equal(t, 1, p.Wait(t, time.Minute))
	assert.Contains(t, p.Output(), "it was interrupted. Left: ")

	v.s3.Up(t)
	v.sink.Behave(harness.Accept)
	r = v.run(t, v.drainArgs(dir)...)
	require.Zero(t, r.Code, r.Stderr)
	assert.Contains(t, r.Stderr, "all is delivered")
	v.requireAll(t, death)
	for kind, n := range v.held(t, dir) {
		assert.Zero(t, n, kind)
	}
	r = v.run(t, v.drainArgs(dir)...)
	require.Zero(t, r.Code, "there is nothing to do: %s", r.Stderr)

	// Where the collector runs, its directory is its own.
	require.NoError(t, os.Rename(dir, v.col.Path("")))
	v.col.Start(t)
	r = v.run(t, v.drainArgs(v.col.Path(""))...)
	require.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stderr, fmt.Sprintf("the directory is in use (process %d): a collector runs on it", v.col.PID()))
	v.col.Stop(t)
	assert.NotContains(t, strings.ToLower(v.col.Output()), "panic")
}

// TestDrainTracesAndMetrics: the same with spans and data points, which share the spools of
// their exporters.
func TestDrainTracesAndMetrics(t *testing.T) {
	t.Parallel()
	s3, bed := newFakeBed(t)
	kinesis := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"measured": 2}})
	col := harness.New(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  kinesis: {stream: measured, region: {{.bed.Region}}, endpoint: {{.kinesis}}, encoding: json, retry: {max_interval: 200ms}, timeout: 2s, spool: {directory: {{dir "kinesis"}}}}
		  worm_s3:
		    bucket: {{.bed.Bucket}}
		    prefix: '{{.bed.Prefix}}'
		    region: {{.bed.Region}}
		    endpoint: {{.bed.URL}}
		    origin: `+archiveOrigin+`
		    writer: {{.bed.Writer}}
		    signing_key_file: {{.bed.Keys}}/{{.bed.Writer}}.key
		    rules: [{name: measured, mode: COMPLIANCE, period: 3d}]
		    max_retention: 3d
		    max_object_age: 1s
		    checkpoint_interval: 1s
		    retry: {initial_interval: 10ms, max_interval: 200ms}
		    timeout: 2s
		    spool: {directory: {{dir "archive"}}}
		service:
		  pipelines:
		    traces: {receivers: [otlp], exporters: [kinesis, worm_s3]}
		    metrics: {receivers: [otlp], exporters: [kinesis, worm_s3]}
	`, harness.With("bed", *bed), harness.With("kinesis", kinesis.URL()), harness.WithEnv(bed.env...))
	col.Start(t)
	s3.Down()
	kinesis.Down()
	spans, points := spansAndPoints(t)
	post(t, "http://"+col.Addr(t, "in")+"/v1/traces", spans)
	post(t, "http://"+col.Addr(t, "in")+"/v1/metrics", points)
	col.Kill()

	v := &volume{archiveBed: bed, col: col}
	assert.Equal(t, map[string]int{"kinesis": 40, "worm_s3": 40}, v.held(t, col.Path("")))
	kinesis.Up(t)
	s3.Up(t)
	r := v.run(t, v.drainArgs(col.Path(""))...)
	require.Zero(t, r.Code, r.Stderr)
	assert.Equal(t, map[string]int{"kinesis": 0, "worm_s3": 0}, v.held(t, col.Path("")))

	want := map[string]int{}
	for i := range 20 {
		want[fmt.Sprintf("GET /%d", i)], want[fmt.Sprintf("orders.%d", i)] = 1, 1
	}
	count := func(lines [][]byte) map[string]int {
		found := map[string]int{}
		for _, line := range lines {
			var d struct{ Name string }
			require.NoError(t, json.Unmarshal(line, &d), "%s", line)
			found[d.Name]++
		}
		return found
	}
	var streamed, archived [][]byte
	for _, user := range kinesis.UserRecords(t, "measured") {
		streamed = append(streamed, user.Data)
	}
	a := bed.read(t)
	for _, o := range a.objects {
		archived = append(archived, o.lines...)
	}
	assert.Equal(t, want, count(streamed), "in the stream")
	assert.Equal(t, want, count(archived), "in the archive")
	a.requireLog(t, bed, archiveWriter)
	bed.requireGood(t)
}

// start starts bin/heartwood.
func (v *volume) start(t *testing.T, args ...string) *harness.Process {
	t.Helper()
	return harness.StartProcess(t, harness.Command{
		Name: "heartwood " + args[0], Path: harness.Program(t, "heartwood", "cmd/heartwood"), Args: args, Env: v.env,
	})
}
