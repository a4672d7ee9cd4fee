package worms3exporter

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// someCheckpoint is one as it is signed.
func someCheckpoint(tb testing.TB, number int64) archiver.Commit {
	tb.Helper()
	private, _, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(tb, err)
	signer, err := archive.NewSigner(private)
	require.NoError(tb, err)
	text, err := archive.SignCheckpoint("example.com/logs/gateway-1", number+1, archive.Hash{byte(number)}, signer)
	require.NoError(tb, err)
	return archiver.Commit{Number: number, Checkpoint: text}
}

func TestCheckpointsAreCopiedToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "folder", "checkpoints")
	b := newBench(t, "{checkpoint_copies: [{file: "+file+"}]}").withEngine(t)
	var want []byte
	// Twice, as after a restart.
	for i := range int64(2) {
		logs, err := NewFactory().CreateLogs(t.Context(), b.set, b.cfg)
		require.NoError(t, err)
		require.NoError(t, logs.Start(t.Context(), host{}))
		for j := range int64(2) {
			c := someCheckpoint(t, 2*i+j)
			want = append(want, c.Checkpoint...)
			b.engine.set.Observer.Committed(c)
		}
		require.NoError(t, logs.Shutdown(t.Context()))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(text), "in order, and all of them when it has shut down")
	}
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestWhatACrashHasLeftOfACheckpointGoes(t *testing.T) {
	one, two := string(someCheckpoint(t, 1).Checkpoint), string(someCheckpoint(t, 2).Checkpoint)
	for cut := range len(two) {
		file := filepath.Join(t.TempDir(), "checkpoints")
		require.NoError(t, os.WriteFile(file, []byte(one+two[:cut]), 0o600))
		require.NoError(t, appendFile(file, []byte(two)))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, one+two, string(text), cut)
		require.NoError(t, os.WriteFile(file, []byte(two[:cut]), 0o600))
		require.NoError(t, appendFile(file, []byte(two)))
		text, err = os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, two, string(text), cut)
	}
	file := filepath.Join(t.TempDir(), "checkpoints")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat(one, 100)), 0o600))
	require.NoError(t, appendFile(file, []byte(two)))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(one, 100)+two, string(text))
}

// inCopies replaces the store of the second place.
func inCopies(tb testing.TB) *memstore.Store {
	tb.Helper()
	store := memstore.New(nil)
	was := newCopyStore
	newCopyStore = func(context.Context, *copyConfig, string) (objectstore.Store, func(), error) {
		return store, func() {}, nil
	}
	tb.Cleanup(func() { newCopyStore = was })
	return store
}

func TestCheckpointsAreCopiedToABucket(t *testing.T) {
	store := inCopies(t)
	b := newBench(t, `{checkpoint_copies: [{bucket: another, prefix: p}]}`).withEngine(t)
	logs := b.startLogs(t, host{})
	c := someCheckpoint(t, 7)
	b.engine.set.Observer.Committed(c)
	b.engine.set.Observer.Committed(c) // told again, as after a crash
	other := someCheckpoint(t, 7)
	b.engine.set.Observer.Committed(other)
	require.NoError(t, logs.Shutdown(t.Context()))
	key := archive.Layout{Prefix: "p/"}.Checkpoint("gateway-1", 7)
	assert.Equal(t, []string{key}, store.Keys())
	text, _ := store.Bytes(key, "")
	assert.Equal(t, string(c.Checkpoint), string(text))
	assert.InDelta(t, 1, b.value(t, "deviations", ""), 0, "another checkpoint of this number")
	assert.Len(t, b.logLines("error"), 1)
}

func TestAPlaceThatFailsIsTriedAgain(t *testing.T) {
	store := inCopies(t)
	var failing atomic.Bool
	failing.Store(true)
	store.SetFault(func(context.Context, memstore.Call) error {
		if failing.Load() {
			return objectstore.ErrBusy
		}
		return nil
	})
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		defer func() { assert.NoError(t, tel.Shutdown(context.Background())) }()
		builder, err := metadata.NewTelemetryBuilder(tel.NewTelemetrySettings())
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "checkpoints")
		cfg := configured(t, "{checkpoint_copies: [{bucket: another}, {file: "+file+"}]}")
		c := &core{cfg: cfg, tel: newTelemetry(builder, zap.NewNop(), cfg)}
		places, err := openCopies(t.Context(), c, host{})
		require.NoError(t, err)
		for i := range int64(maxWaiting + 5) {
			places.add(archiver.Commit{Number: i, Checkpoint: []byte("x\n\n\u2014 y\n")})
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Positive(t, strings.Count(string(text), "x"), "one place does not wait for the other")
		failing.Store(false)
		places.close(t.Context())
		keys := store.Keys()
		assert.Equal(t, archive.Layout{}.Checkpoint("gateway-1", maxWaiting+4), keys[len(keys)-1])
		assert.InDelta(t, maxWaiting, len(keys), 1, "the oldest have gone")
		metric, err := tel.GetMetric("otelcol_exporter_worm_s3_checkpoint_failures")
		require.NoError(t, err)
		assert.NotNil(t, metric)

		// One that never answers does not keep the shutdown.
		failing.Store(true)
		places, err = openCopies(t.Context(), c, host{})
		require.NoError(t, err)
		places.add(archiver.Commit{Number: 1 << 40})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		places.close(ctx)
		require.Error(t, ctx.Err())
	})
}

func TestASecondPlaceThatCannotBeMade(t *testing.T) {
	was := newCopyStore
	defer func() { newCopyStore = was }()
	newCopyStore = func(context.Context, *copyConfig, string) (objectstore.Store, func(), error) {
		return nil, nil, errors.New("no region")
	}
	b := newBench(t, `{checkpoint_copies: [{file: `+filepath.Join(t.TempDir(), "f")+`}, {bucket: another}]}`).withEngine(t)
	require.ErrorContains(t, b.startError(t, host{}), `checkpoint_copies[1] is "another"; see to that it can be written: no region`)
}

// receiver takes OTLP over HTTP, and answers as it is told.
type receiver struct {
	t       *testing.T
	answers chan func(http.ResponseWriter)
	got     chan plog.Logs
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	assert.Equal(r.t, "/v1/logs", request.URL.Path)
	assert.Equal(r.t, "application/x-protobuf", request.Header.Get("Content-Type"))
	assert.Equal(r.t, "secret", request.Header.Get("X-Token"))
	body, err := io.ReadAll(request.Body)
	assert.NoError(r.t, err)
	logs := plogotlp.NewExportRequest()
	assert.NoError(r.t, logs.UnmarshalProto(body))
	r.got <- logs.Logs()
	(<-r.answers)(w)
}

func TestCheckpointsAreSentToAReceiver(t *testing.T) {
	r := &receiver{t: t, answers: make(chan func(http.ResponseWriter), 10), got: make(chan plog.Logs, 10)}
	server := httptest.NewServer(r)
	defer server.Close()
	b := newBench(t, `{checkpoint_copies: [{otlp: {endpoint: "`+server.URL+`/", headers: {X-Token: secret}}}]}`).withEngine(t)
	b.set.Resource.Attributes().PutStr("service.name", "gateway")
	logs := b.startLogs(t, host{})

	partial := plogotlp.NewExportResponse()
	partial.PartialSuccess().SetRejectedLogRecords(1)
	partial.PartialSuccess().SetErrorMessage("not today")
	refused, err := partial.MarshalProto()
	require.NoError(t, err)
	ok := func(http.ResponseWriter) {}
	for _, answer := range []func(http.ResponseWriter){
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
		func(w http.ResponseWriter) { _, _ = w.Write(refused) },
		func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>a proxy's page</html>")) },
		ok, ok,
	} {
		r.answers <- answer
	}
	one, two := someCheckpoint(t, 1), someCheckpoint(t, 2)
	one.Size, one.Event, one.To = 2, archive.EventInterval, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	b.engine.set.Observer.Committed(one)
	b.engine.set.Observer.Committed(two)
	require.NoError(t, logs.Shutdown(t.Context()))
	close(r.got)
	var got []plog.LogRecord
	for logs := range r.got {
		service, _ := logs.ResourceLogs().At(0).Resource().Attributes().Get("service.name")
		assert.Equal(t, "gateway", service.AsString())
		got = append(got, logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
	}
	require.Len(t, got, 6, "the first is sent until it is accepted, and then the second")
	uid, _ := got[0].Attributes().Get("log.record.uid")
	for _, r := range got[:5] {
		assert.Equal(t, string(one.Checkpoint), r.Body().Str())
		assert.Equal(t, "heartwood.checkpoint", r.EventName())
		assert.Equal(t, one.To, r.Timestamp().AsTime())
		assert.Equal(t, map[string]any{
			"log.record.uid": uid.AsString(), "heartwood.checkpoint.origin": "example.com/logs/gateway-1",
			"heartwood.checkpoint.number": int64(1), "heartwood.checkpoint.size": int64(2), "heartwood.checkpoint.event": "interval",
		}, r.Attributes().AsRaw())
	}
	assert.Equal(t, string(two.Checkpoint), got[5].Body().Str())
	assert.InDelta(t, 4, b.value(t, "checkpoint_failures", "otlp"), 0)
}
