package stdouttailreceiver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/filetail"
)

// podLog makes a log file as kubelet lays it out, and gives its path.
func podLog(t *testing.T, root string) string {
	t.Helper()
	path := filepath.Join(root, "var/log/pods/shop_api-7d4b_0a1b2c3d-1111-2222-3333-444455556666/api/2.log")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	return path
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestFilesOfKubernetes(t *testing.T) {
	root := t.TempDir()
	path := podLog(t, root)
	appendTo(t, path, ""+
		"2026-11-21T08:15:30.1Z stdout F {\"level\":\"info\",\"msg\":\"json\"}\n"+
		"2026-11-21T08:15:30.2Z stderr F 2026-11-21 08:15:30,200 ERROR shop.api boom\n"+
		"2026-11-21T08:15:30.3Z stderr F Traceback (most recent call last):\n"+
		"2026-11-21T08:15:30.3Z stdout F level=info msg=between\n"+
		"2026-11-21T08:15:30.4Z stderr F   File \"a.py\", line 1, in f\n"+
		"2026-11-21T08:15:30.5Z stderr F KeyError: 'x'\n"+
		"2026-11-21T08:15:30.6Z stdout P a long \n"+
		"2026-11-21T08:15:30.7Z stdout F line\n")
	next := &keeper{}
	start(t, newHost().withStorage(&memoryStorage{}), fmt.Sprintf(
		`{storage: memory_storage, files: {include: [%s/var/log/pods/*/*/*.log], start_at: beginning}}`, root), next)
	records := next.wait(t, 4)
	byBody := map[string]record{}
	for _, r := range records {
		byBody[r.Body().Str()] = r
		assert.Equal(t, "shop", r.of("k8s.namespace.name"))
		assert.Equal(t, "api-7d4b", r.of("k8s.pod.name"))
		assert.Equal(t, "0a1b2c3d-1111-2222-3333-444455556666", r.of("k8s.pod.uid"))
		assert.Equal(t, "api", r.of("k8s.container.name"))
		assert.Equal(t, path, r.attr("log.file.path"))
		assert.Equal(t, "2.log", r.attr("log.file.name"))
		offset, ok := r.attr("log.file.record_offset").(int64)
		require.True(t, ok)
		assert.True(t, strings.HasSuffix(r.attr("log.record.uid").(string), fmt.Sprintf("-%d", offset)))
	}
	require.Contains(t, byBody, "boom")
	assert.Equal(t, "KeyError", byBody["boom"].attr("exception.type"))
	assert.Equal(t, "stderr", byBody["boom"].attr("log.iostream"))
	assert.Contains(t, byBody, "between")
	assert.Contains(t, byBody, "a long line")
	assert.Equal(t, time.Date(2026, 11, 21, 8, 15, 30, 6e8, time.UTC), byBody["a long line"].Timestamp().AsTime())
}

func TestFilesOfDocker(t *testing.T) {
	root := t.TempDir()
	id := strings.Repeat("0123456789abcdef", 4)
	path := filepath.Join(root, "var/lib/docker/containers", id, id+"-json.log")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	appendTo(t, filepath.Join(filepath.Dir(path), "config.v2.json"),
		`{"ID":"`+id+`","Name":"/web","Config":{"Image":"shop/web:1.2","Labels":{"team":"blue"}}}`)
	appendTo(t, path, `{"log":"{\"level\":\"warn\",\"msg\":\"in ","stream":"stdout","time":"2026-11-21T08:15:30.1Z"}`+"\n"+
		`{"log":"two pieces\"}\n","stream":"stdout","time":"2026-11-21T08:15:30.2Z"}`+"\n")
	next := &keeper{}
	start(t, newHost(), fmt.Sprintf(`{files: {include: [%s/**/*-json.log], start_at: beginning}}`, root), next)
	r := next.wait(t, 1)[0]
	assert.Equal(t, "in two pieces", r.Body().Str())
	assert.Equal(t, plog.SeverityNumberWarn, r.SeverityNumber())
	assert.Equal(t, id, r.of("container.id"))
	assert.Equal(t, "web", r.of("container.name"))
	assert.Equal(t, "shop/web", r.of("container.image.name"))
	assert.Equal(t, "blue", r.of("container.label.team"))
}

// TestFilesGoOnWhereAcceptanceEnded: what the next consumer has not accepted, or what
// a stream held back, is read again by the next receiver, with the same uid.
func TestFilesGoOnWhereAcceptanceEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	config := fmt.Sprintf(`{storage: memory_storage, files: {include: [%s], start_at: beginning}, accept_timeout: 100ms}`, path)
	store := &memoryStorage{}
	uids := map[string]string{}

	appendTo(t, path, "{\"msg\":\"accepted\"}\n")
	first := &keeper{}
	r := start(t, newHost().withStorage(store), config, first)
	first.wait(t, 1)
	require.NoError(t, r.Shutdown(t.Context()))

	appendTo(t, path, "{\"msg\":\"refused\"}\n")
	refusing := &keeper{before: func(_ context.Context, _ int, logs plog.Logs) error {
		r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		uids[r.Body().Str()] = record{LogRecord: r}.attr("log.record.uid").(string)
		return errRefused
	}}
	r = start(t, newHost().withStorage(store), config, refusing)
	require.Eventually(t, func() bool { return refusing.called() > 0 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_ = r.Shutdown(ctx) // it says that it could not deliver

	appendTo(t, path, "held back\n")
	holding := &keeper{}
	r = start(t, newHost().withStorage(store), strings.Replace(config, "accept_timeout", "join: {timeout: 1m}, accept_timeout", 1), holding)
	again := holding.wait(t, 1)[0]
	assert.Equal(t, "refused", again.Body().Str())
	assert.Equal(t, uids["refused"], again.attr("log.record.uid"))
	require.NoError(t, r.Shutdown(t.Context()))

	appendTo(t, path, "  and continued\n{\"msg\":\"last\"}\n")
	last := &keeper{}
	start(t, newHost().withStorage(store), config, last)
	last.wait(t, 3)
	assert.Equal(t, []string{"held back", "  and continued", "last"}, last.bodies())
}

func TestFilesTellWhatStorageIsMissing(t *testing.T) {
	r, err := newReceiver(settings(), parseConfig(t, `{storage: memory_storage, files: {include: [/tmp/x]}}`), &keeper{})
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), newHost()), `start files: storage is "memory_storage", but no extension of that name runs`)
}

// TestLongLineInAFile comes in pieces with uids of their own.
func TestLongLineInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, strings.Repeat("x", 1000)+"\nshort\n")
	next := &keeper{}
	start(t, newHost(), fmt.Sprintf(`{max_line_size: 256B, files: {include: [%s], start_at: beginning}}`, path), next)
	records := next.wait(t, 5)
	seen := map[any]bool{}
	size := 0
	for i, r := range records[:4] {
		assert.Equal(t, int64(i), r.attr("heartwood.line.index"))
		assert.Equal(t, records[0].attr("heartwood.line.id"), r.attr("heartwood.line.id"))
		seen[r.attr("log.record.uid")] = true
		size += len(r.Body().Str())
	}
	assert.Len(t, seen, 4)
	assert.Equal(t, 1000, size)
	assert.Equal(t, "short", records[4].Body().Str())
}

// TestDockersExtraKeysAreNotOurs: whoever can write a container's log file cannot
// write the collector's attributes.
func TestDockersExtraKeysAreNotOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x-json.log")
	appendTo(t, path, `{"log":"hello\n","stream":"stdout","time":"2026-11-21T08:15:30.1Z","log.record.uid":"evil","log.iostream":"evil",`+
		`"heartwood.dropped.lines":"9","x":"1","x":"2","":"empty","attrs":{"":"e","team":"a"}}`+"\n")
	next := &keeper{}
	start(t, newHost(), fmt.Sprintf(`{files: {include: [%s], start_at: beginning}}`, path), next)
	r := next.wait(t, 1)[0]
	seen := map[string]bool{}
	for name := range r.Attributes().All() {
		assert.False(t, seen[name], name)
		seen[name] = true
	}
	assert.Equal(t, "stdout", r.attr("log.iostream"))
	assert.Nil(t, r.attr("heartwood.dropped.lines"))
	assert.Equal(t, "9", r.attr("docker.heartwood.dropped.lines"))
	assert.Equal(t, "1", r.attr("docker.x"))
	assert.Nil(t, r.of(""))
	assert.Equal(t, "a", r.of("team"))
}

// TestQuietStreamDoesNotHoldTheCheckpoint: while a long backlog of stdout is read, a
// line of stderr that nothing follows is delivered after join::timeout all the same.
func TestQuietStreamDoesNotHoldTheCheckpoint(t *testing.T) {
	root := t.TempDir()
	path := podLog(t, root)
	var b strings.Builder
	b.WriteString("2026-11-21T08:15:30.1Z stderr F starting up\n")
	for i := range 40_000 {
		_, _ = fmt.Fprintf(&b, "2026-11-21T08:15:30.1Z stdout F {\"msg\":\"n\",\"n\":%d}\n", i)
	}
	appendTo(t, path, b.String())
	next := &keeper{before: func(context.Context, int, plog.Logs) error {
		time.Sleep(5 * time.Millisecond) // as a next consumer does that has work to do
		return nil
	}}
	start(t, newHost(), fmt.Sprintf(`{join: {timeout: 10ms}, files: {include: [%s/var/log/pods/*/*/*.log], start_at: beginning}}`, root), next)
	require.Eventually(t, func() bool { return slices.Contains(next.bodies(), "starting up") }, patience, time.Millisecond)
	assert.Less(t, len(next.records()), 40_000, "long before the end of the file")
}

func TestPieceWithoutAnEndIsDelivered(t *testing.T) {
	root := t.TempDir()
	path := podLog(t, root)
	appendTo(t, path, "2026-11-21T08:15:30.1Z stderr P dangling\n2026-11-21T08:15:30.1Z stdout F {\"msg\":\"n\"}\n")
	next := &keeper{}
	start(t, newHost(), fmt.Sprintf(`{files: {include: [%s/var/log/pods/*/*/*.log], start_at: beginning, flush_after: 50ms}}`, root), next)
	next.wait(t, 2)
	assert.ElementsMatch(t, []string{"dangling", "n"}, next.bodies())
}

func TestFramingIsFoundBehindATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	appendTo(t, path, "rest of a line\n2026-11-21T08:15:30.1Z stdout F hello\n2026-11-21T08:15:30.1Z stdout P a\n2026-11-21T08:15:30.1Z stdout F b\n")
	next := &keeper{}
	start(t, newHost(), fmt.Sprintf(`{files: {include: [%s], start_at: beginning}}`, path), next)
	next.wait(t, 3)
	assert.ElementsMatch(t, []string{"rest of a line", "hello", "ab"}, next.bodies())
}

// TestRefusedBatchStaysRefused: the worker may ask again, and must not hear that all
// is well.
func TestRefusedBatchStaysRefused(t *testing.T) {
	next := &keeper{before: func(context.Context, int, plog.Logs) error { return errRefused }}
	r, err := newReceiver(settings(), parseConfig(t, `{files: {include: [/x]}}`), next)
	require.NoError(t, err)
	in, err := newIntake(r, fromFiles)
	require.NoError(t, err)
	h := &fileHandler{capture: newFileCapture(in, r.cfg.Files.Get()), sink: in.newSink()}
	h.Open(filetail.FileInfo{ID: "id", Path: "/x", Resolved: "/x"}).Line(filetail.Line{Data: []byte(`{"msg":"a"}`), End: 12})
	r.stopWork()
	require.Error(t, h.Deliver(t.Context()))
	require.Error(t, h.Deliver(t.Context()))
	_, pending := h.Pending()
	assert.True(t, pending)
}

// TestUIDsOfPiecesAfterARestart are those from before, for the same bytes.
func TestUIDsOfPiecesAfterARestart(t *testing.T) {
	root := t.TempDir()
	var b strings.Builder
	for i := range 12 {
		_, _ = fmt.Fprintf(&b, "2026-11-21T08:15:30.1Z stdout P %s\n", strings.Repeat(string(rune('a'+i)), 190))
	}
	b.WriteString("2026-11-21T08:15:30.1Z stdout F end\n")
	appendTo(t, podLog(t, root), b.String())
	config := fmt.Sprintf(`{storage: memory_storage, max_line_size: 256B, batch: {max_records: 1}, accept_timeout: 50ms, files: {include: [%s/var/log/pods/*/*/*.log], start_at: beginning}}`, root)
	store := &memoryStorage{}
	uids := map[string]any{}
	refusing := &keeper{before: func(_ context.Context, call int, logs plog.Logs) error {
		r := record{LogRecord: logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)}
		uids[r.Body().Str()] = r.attr("log.record.uid")
		if call > 4 {
			return errRefused
		}
		return nil
	}}
	r := start(t, newHost().withStorage(store), config, refusing)
	require.Eventually(t, func() bool { return refusing.called() > 5 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = r.Shutdown(ctx) // it says that it could not deliver
	second := &keeper{}
	start(t, newHost().withStorage(store), config, second)
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(second.bodies(), func(body string) bool { return strings.HasSuffix(body, "end") })
	}, patience, time.Millisecond)
	again := 0
	for _, r := range second.records() {
		if uid, ok := uids[r.Body().Str()]; ok {
			again++
			assert.Equal(t, uid, r.attr("log.record.uid"), "%.3s", r.Body().Str())
		}
	}
	assert.Positive(t, again)
}

// TestSlowConsumerDoesNotPartWhatBelongsTogether: a next consumer takes longer than the time
// for which lines are held back, at each of its calls.
func TestSlowConsumerDoesNotPartWhatBelongsTogether(t *testing.T) {
	const traces = 30
	var text strings.Builder
	for i := range traces {
		_, _ = fmt.Fprintf(&text, "java.lang.IllegalStateException: %d\n\tat shop.Cart.add(Cart.java:17)\n\tat shop.Main.main(Main.java:%d)\n", i, i)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	appendTo(t, path, text.String())
	appendTo(t, filepath.Join(dir, "other.log"), text.String())
	const config = `{batch: {max_records: 1}, join: {timeout: 10ms}, `
	for name, input := range map[string]struct {
		config string
		traces int
	}{
		"files": {fmt.Sprintf(`files: {include: [%s/*.log], start_at: beginning}}`, dir), 2 * traces},
		"stdin": {`stdin: {}}`, traces},
	} {
		t.Run(name, func(t *testing.T) {
			next := &keeper{before: func(context.Context, int, plog.Logs) error {
				time.Sleep(30 * time.Millisecond)
				return nil
			}}
			in := pretendStdin(t)
			start(t, newHost(), config+input.config, next)
			_, err := in.WriteString(text.String())
			require.NoError(t, err)
			require.NoError(t, in.Close())
			for _, r := range next.wait(t, input.traces) {
				assert.Equal(t, 3, strings.Count(fmt.Sprint(r.attr("exception.stacktrace")), "\n")+1, "%v", r.Attributes().AsRaw())
			}
		})
	}
}
