package worms3exporter

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadatatest"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

func TestSignalsOfOneIDShareOneEngine(t *testing.T) {
	b := newBench(t, `{}`).withEngine(t)
	ctx, factory := t.Context(), NewFactory()
	logs, err := factory.CreateLogs(ctx, b.set, b.cfg)
	require.NoError(t, err)
	traces, err := factory.CreateTraces(ctx, b.set, b.cfg)
	require.NoError(t, err)
	metrics, err := factory.CreateMetrics(ctx, b.set, b.cfg)
	require.NoError(t, err)
	for _, one := range []component.Component{logs, traces, metrics} {
		require.NoError(t, one.Start(ctx, host{}))
	}
	assert.Equal(t, 1, b.engine.started)
	require.NoError(t, logs.ConsumeLogs(ctx, newLogs(rec{body: "x"})))
	require.NoError(t, traces.ConsumeTraces(ctx, someTraces()))
	require.NoError(t, metrics.ConsumeMetrics(ctx, someMetrics()))
	counts := map[archiver.Signal]int{}
	for _, r := range b.engine.records {
		counts[r.Signal]++
	}
	assert.Equal(t, map[archiver.Signal]int{archiver.Logs: 1, archiver.Traces: 4, archiver.Metrics: 4}, counts)
	require.NoError(t, logs.Shutdown(ctx))
	require.NoError(t, traces.Shutdown(ctx))
	assert.Zero(t, b.engine.shutDown)
	require.NoError(t, metrics.ConsumeMetrics(ctx, someMetrics()), "the others go on")
	require.NoError(t, metrics.Shutdown(ctx))
	assert.Equal(t, 1, b.engine.shutDown)
	assert.Zero(t, cores.Len())

	// Again, as after a change of the configuration.
	logs, err = factory.CreateLogs(ctx, b.set, b.cfg)
	require.NoError(t, err)
	require.NoError(t, logs.Start(ctx, host{}))
	assert.Equal(t, 2, b.engine.started)
	require.NoError(t, logs.Shutdown(ctx))
}

func TestTheEngineIsGivenTheConfiguration(t *testing.T) {
	b := newBench(t, `
prefix: logs
compression: gzip
partition: {max_open: 7, max_past: 24h}
max_object_size: 2MiB
max_object_age: 3m
min_object_size: 1MiB
max_wait: 4m
max_uploads: 5
rules: [{name: a, mode: COMPLIANCE, period: 1y}]
max_retention: 1y
tags: {a: b}
checkpoint_interval: 6m
verify_share: 0.5
repeat_window: 7m
max_remembered: 7654
retry: {initial_interval: 1s, max_interval: 2s}
timeout: 8s
accept_timeout: 9s`).withEngine(t)
	b.cfg.Spool.MaxSize = 17 * bytesize.MiB
	b.startLogs(t, host{})
	s := b.engine.set
	sum, err := b.cfg.sum()
	require.NoError(t, err)
	assert.Equal(t, archive.Layout{Prefix: "logs/"}, s.Layout)
	assert.Equal(t, "example.com/logs", s.Origin)
	assert.Equal(t, "gateway-1", s.Writer)
	assert.Equal(t, "example.com/logs/gateway-1", s.Signer.Name())
	assert.Equal(t, s.Signer.KeyHash(), s.Verifier.KeyHash())
	assert.Equal(t, b.cfg.Spool.Directory, s.Directory)
	assert.Equal(t, int64(17<<20), s.QueueSize)
	assert.Equal(t, archive.CompressionGzip, s.Compression)
	assert.Equal(t, map[string]string{"a": "b"}, s.Tags)
	assert.Equal(t, archiver.Retention{Mode: objectstore.Compliance, Period: 365 * 24 * time.Hour}, s.LogLock)
	assert.Equal(t, []int64{2 << 20, 1 << 20}, []int64{s.MaxObjectSize, s.MinObjectSize})
	assert.Equal(t, []int{7, 5}, []int{s.MaxOpen, s.MaxUploads})
	assert.Equal(t, []time.Duration{3 * time.Minute, 4 * time.Minute, 6 * time.Minute, 7 * time.Minute, time.Second, 2 * time.Second, 8 * time.Second, 9 * time.Second},
		[]time.Duration{s.MaxObjectAge, s.MaxWait, s.CheckpointInterval, s.RepeatWindow, s.RetryInitial, s.RetryMax, s.CallTimeout, s.AcceptTimeout})
	assert.Equal(t, 7654, s.MaxRepeats)
	assert.InDelta(t, 0.5, s.VerifyShare, 0)
	assert.Equal(t, sum, s.ConfigSHA256)
	assert.Equal(t, "1.2.3", s.Version)
	// What the engine signs with is what the writers file will have.
	v, err := archive.NewVerifier(b.key)
	require.NoError(t, err)
	signature, err := s.Signer.Sign([]byte("x"))
	require.NoError(t, err)
	assert.True(t, v.Verify([]byte("x"), signature))
	assert.True(t, s.Verifier.Verify([]byte("x"), signature))
}

func TestErrorsSayWhetherToComeAgain(t *testing.T) {
	b := newBench(t, `{}`).withEngine(t)
	logs := b.startLogs(t, host{})
	for _, one := range []struct {
		err       error
		permanent bool
		want      string
	}{
		{archiver.ErrFull, false, "records can't be taken now"},
		{spool.ErrTooLarge, true, "a call of this size can't be taken; spool::max_size is 4GiB"},
		{archiver.ErrClosed, false, "records can't be taken now"},
		{context.DeadlineExceeded, false, "records can't be taken now"},
	} {
		b.engine.err = one.err
		err := logs.ConsumeLogs(t.Context(), newLogs(rec{body: "x"}))
		require.ErrorIs(t, err, one.err)
		require.ErrorContains(t, err, one.want)
		assert.Equal(t, one.permanent, consumererror.IsPermanent(err), one.err)
	}
	assert.Equal(t, []string{"Records were not taken; their senders are told to come again"}, b.logLines("warn")[1:], "the first is about writers; and it is told once in a while")
	b.engine.err = nil
	require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs(rec{body: "x"})))
	require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs()), "nothing is fine")
}

func TestWhatCannotBeEncodedIsADeadLetter(t *testing.T) {
	b := newBench(t, `{encoding: x}`).withEngine(t)
	logs := b.startLogs(t, host{component.MustNewID("x"): marshaler{}})
	require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs(rec{body: "good"}, rec{body: "bad", uid: "u"}, rec{body: "also good"})))
	assert.Len(t, b.engine.records, 2)
	assert.Equal(t, 1, b.engine.letters, "the log's ledger has it")
	files, err := filepath.Glob(filepath.Join(b.cfg.Spool.Directory, "dead_letter", "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var letter map[string]any
	require.NoError(t, json.Unmarshal(text, &letter))
	for name, want := range map[string]any{
		"bucket": "example-archive", "writer": "gateway-1", "signal": "logs", "uid": "u", "reason": "not_encodable", "message": errBad.Error(), "records": 1.0,
	} {
		assert.Equal(t, want, letter[name], name)
	}
	assert.Contains(t, letter["data"], `"stringValue":"bad"`, "it is nowhere else")
	metadatatest.AssertEqualExporterWormS3DeadLetters(t, b.tel, []metricdata.DataPoint[int64]{{
		Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "not_encodable")),
	}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())

	// Where they can't be written, or not be counted, the call comes again.
	b.engine.lettersErr = errors.New("no")
	err = logs.ConsumeLogs(t.Context(), newLogs(rec{body: "bad"}))
	require.ErrorContains(t, err, "dead letters can't be counted in the log now")
	assert.False(t, consumererror.IsPermanent(err))
	require.NoError(t, os.RemoveAll(filepath.Join(b.cfg.Spool.Directory, "dead_letter")))
	require.ErrorContains(t, logs.ConsumeLogs(t.Context(), newLogs(rec{body: "bad"})), "write dead letters")
	assert.InDelta(t, 1, b.value(t, "dead_letters", ""), 0)
}

func TestStartsThatFailLeaveNothing(t *testing.T) {
	for text, want := range map[string]string{
		`{signing_key_file: /does/not/exist}`:          `signing_key_file is "/does/not/exist"; name the file that heartwood keygen --writer example.com/logs/gateway-1 has written`,
		`{encoding: nowhere}`:                          `there is no such extension`,
		`{checkpoint_copies: [{file: /dev/null/x/y}]}`: `checkpoint_copies[0] is "/dev/null/x/y"; see to that it can be written`,
		`{dead_letter: {directory: /dev/null/x}}`:      `make the directory of the dead letters`,
		`{writer: gateway-2}`:                          `it is the key of "example.com/logs/gateway-1", and origin and writer make "example.com/logs/gateway-2"`,
		`{signing_key_file: /proc/self/cmdline}`:       `signing_key_file is`,
		`{signing_key_file: /}`:                        `signing_key_file is "/"`,
	} {
		b := newBench(t, text).withEngine(t)
		require.ErrorContains(t, b.startError(t, host{}), want, text)
		assert.Equal(t, b.engine.started, b.engine.shutDown, text)
		assert.Zero(t, cores.Len(), text)
	}
}

func TestAKeyThatOthersMayRead(t *testing.T) {
	b := newBench(t, `{}`).withEngine(t)
	require.NoError(t, os.Chmod(b.cfg.SigningKeyFile, 0o644))
	b.startLogs(t, host{})
	assert.Contains(t, strings.Join(b.logLines("warn"), "\n"), "The signing key may be read by others")
}

func TestAKeyOfTheEnvironment(t *testing.T) {
	private, _, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(t, err)
	b := newBench(t, "{signing_key_file: '', signing_key: '"+private+"\n'}").withEngine(t)
	b.startLogs(t, host{})
	assert.Equal(t, b.engine.set.Signer.KeyHash(), b.engine.set.Verifier.KeyHash())
	for _, e := range b.log.All() {
		assert.NotContains(t, e.Message, private)
		for _, f := range e.Context {
			assert.NotContains(t, f.String, private)
		}
	}
}

func TestTheEnginesNewsAreMetricsAndLog(t *testing.T) {
	b := newBench(t, `{checkpoint_copies: []}`).withEngine(t)
	b.startLogs(t, host{})
	o := b.engine.set.Observer
	now := time.Now()
	b.engine.mu.Lock()
	b.engine.stats = archiver.Stats{Queue: spool.Stats{Bytes: 5, Oldest: 3 * time.Second}, Open: 2, Sealed: 4, SealedBytes: 6, Number: 8, To: now.Add(-time.Minute), Fatal: errors.New("x")}
	b.engine.mu.Unlock()
	o.Accepted(3, 300)
	o.Repeated(2)
	o.Sealed(archive.ManifestObject{})
	o.Uploaded(archive.ManifestObject{Class: "application", Size: 100, Records: 3}, time.Second)
	o.Uploaded(archive.ManifestObject{Class: "of a former configuration", Size: 10, Records: 1}, time.Second)
	o.Retry("put", objectstore.ErrBusy)
	o.Retry("put", os.ErrInvalid)
	o.Retry("write", &os.PathError{Err: errors.New("full")})
	o.Retry("put", archiver.ErrClock)
	o.Deviation("key", errors.New("other bytes"))
	o.Committed(archiver.Commit{Number: 8, Event: archive.EventInterval, Checkpoint: []byte("example\n"), Ledger: archive.Ledger{Counts: archive.Counts{Redactions: 4}}})
	o.Fatal(errors.New("x"))
	for name, want := range map[string]float64{
		"records_accepted": 3, "bytes_accepted": 300, "records_repeated": 2, "objects_written": 2, "bytes_written": 110, "records_archived": 4,
		"retries": 4, "deviations": 1, "redactions": 4, "spool_size": 11, "objects_open": 2, "objects_waiting": 4, "checkpoint_number": 8,
		"failed": 1, "oldest_record_age": 3, "uploads_in_flight": 0, "spool_limit": 8 << 30, "checkpoint_interval": 300,
	} {
		assert.InDelta(t, want, b.value(t, name, ""), 0, name)
	}
	for label, want := range map[string]float64{"busy": 1, "other": 1, "disk": 1, "clock": 1} {
		assert.InDelta(t, want, b.value(t, "retries", label), 0, label)
	}
	metadatatest.AssertEqualExporterWormS3ObjectsWritten(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("class", "application"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("class", "of a former configuration"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	assert.InDelta(t, 60, b.value(t, "checkpoint_age", ""), 5)
	assert.InDelta(t, 0, b.value(t, "clock_offset", ""), 1)
	assert.Contains(t, b.logLines("info"), "Checkpoint")
	assert.Contains(t, b.logLines("error"), "An object in the bucket is not as it was put there: look into who has rights to it")
	b.engine.mu.Lock()
	b.engine.stats = archiver.Stats{Number: -1}
	b.engine.mu.Unlock()
	assert.InDelta(t, -1, b.value(t, "checkpoint_age", ""), 0)
}

func TestTheClocksOffset(t *testing.T) {
	b := newBench(t, `{}`).withEngine(t)
	b.store.SetClock(func() time.Time { return time.Now().Add(-10 * time.Minute) })
	b.startLogs(t, host{})
	assert.InDelta(t, 600, b.value(t, "clock_offset", ""), 5)
}

func TestCheckpointsThatCannotBePut(t *testing.T) {
	b := newBench(t, `{prefix: p}`).withEngine(t)
	b.startLogs(t, host{})
	key := archive.Layout{Prefix: "p/"}.Checkpoint("gateway-1", 3)
	put := func(key string) error {
		_, err := b.engine.set.Store.Put(t.Context(), objectstore.Object{Key: key, Body: strings.NewReader(""), SHA256: sha256.Sum256(nil)})
		return err
	}
	require.NoError(t, put(key))
	require.ErrorIs(t, put(key), objectstore.ErrExists)
	b.store.SetFault(func(context.Context, memstore.Call) error { return objectstore.ErrBusy })
	require.Error(t, put(key))
	require.Error(t, put("p/another"))
	metadatatest.AssertEqualExporterWormS3CheckpointFailures(t, b.tel, []metricdata.DataPoint[int64]{{
		Value: 1, Attributes: attribute.NewSet(attribute.String("place", "archive")),
	}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}
