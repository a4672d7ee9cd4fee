package eventfoldprocessor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadatatest"
)

func withJournal(dir, more string) string {
	return fmt.Sprintf(`{directory: %q, style: canonical%s}`, dir, more)
}

func TestOpenEventsGoOnAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, &keeper{}, withJournal(dir, ""))
	b.consume(t, rec{service: "a", request: "1", uid: "u1", body: "one"})
	b.stop(t)
	assert.Empty(t, b.next.records(), "open events stay on disk")

	b = start(t, &keeper{}, withJournal(dir, `, end_when: ['body == "end"']`))
	assert.EqualValues(t, 1, b.sum(t, "records_held", ""))
	b.consume(t, rec{service: "a", request: "1", uid: "u1", body: "one"}, rec{service: "a", request: "1", uid: "u2", body: "end"})
	require.Eventually(t, func() bool { return len(b.next.records()) == 1 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, 2, b.next.records()[0].attr("fold.count"))
	assert.EqualValues(t, 1, b.sum(t, "records_repeated", ""))
	b.awaitNothingHeld(t)
	b.requireBalance(t, 3)
	b.stop(t)

	b = start(t, &keeper{}, withJournal(dir, ""))
	assert.Zero(t, b.sum(t, "records_held", ""), "what was delivered is gone")
	b.consume(t, rec{service: "a", request: "1", uid: "u2", body: "end"})
	assert.EqualValues(t, 1, b.sum(t, "records_repeated", ""), "the event is remembered over the restart")
	b.consume(t, rec{service: "a", request: "1", uid: "u3", body: "later"})
	b.stop(t)
}

func TestWhatIsNotDeliveredStaysOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, &keeper{before: func(context.Context, int) error { return errRefused }}, withJournal(dir, ", max_records: 2"))
	b.consume(t, rec{request: "1", uid: "u1"}, rec{request: "1", uid: "u2"})
	require.Eventually(t, func() bool { return b.sum(t, "delivery_retries", "") > 0 }, 10*time.Second, time.Millisecond)
	begin := time.Now()
	b.stop(t)
	assert.Less(t, time.Since(begin), 5*time.Second, "what is on disk need not be waited for")

	b = start(t, &keeper{}, withJournal(dir, ", max_records: 2"))
	require.Eventually(t, func() bool { return len(b.next.records()) == 1 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, 2, b.next.records()[0].attr("fold.count"))
	b.stop(t)
}

// TestTheSameEventHasTheSameID: one that was delivered, and not noted, is delivered
// again after a crash.
func TestTheSameEventHasTheSameID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	copied := filepath.Join(t.TempDir(), "copy")
	b := start(t, &keeper{}, withJournal(dir, ""))
	b.consume(t, rec{request: "1", uid: "u1"}, rec{request: "1", uid: "u2"})
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir))) // what a crash would leave
	b.stop(t)

	var ids []any
	for range 2 {
		again := filepath.Join(t.TempDir(), "again")
		require.NoError(t, os.CopyFS(again, os.DirFS(copied)))
		b := start(t, &keeper{}, withJournal(again, ", idle_timeout: 100ms"))
		require.Eventually(t, func() bool { return len(b.next.records()) == 1 }, 10*time.Second, time.Millisecond)
		assert.EqualValues(t, 2, b.next.records()[0].attr("fold.count"))
		ids = append(ids, b.next.records()[0].attr("fold.id"))
		b.stop(t)
	}
	assert.NotNil(t, ids[0])
	assert.Equal(t, ids[0], ids[1])
}

func TestADirectoryHasOneUser(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, &keeper{}, withJournal(dir, ""))
	metadatatest.AssertEqualProcessorEventFoldJournalLimit(t, b.tel, []metricdata.DataPoint[int64]{{Value: 4 << 30}},
		metricdatatest.IgnoreTimestamp())
	set := processortest.NewNopSettings(metadata.Type)
	second, err := newProcessor(t.Context(), set, configured(t, withJournal(dir, "")), &keeper{})
	require.NoError(t, err)
	err = second.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorIs(t, err, errNoJournal)
	require.ErrorContains(t, err, dir)
	require.NoError(t, second.Shutdown(context.Background()))
	b.stop(t)
}

func TestADamagedJournalIsAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, &keeper{}, withJournal(dir, ""))
	for n := range 100 {
		b.consume(t, rec{request: strconv.Itoa(n), uid: strconv.Itoa(n)})
	}
	b.stop(t)
	flipped := false
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		if len(content) < 5000 {
			continue
		}
		content[len(content)/2] ^= 1
		require.NoError(t, os.WriteFile(path, content, 0o600))
		flipped = true
	}
	require.True(t, flipped)
	p, err := newProcessor(t.Context(), processortest.NewNopSettings(metadata.Type), configured(t, withJournal(dir, "")), &keeper{})
	require.NoError(t, err)
	require.ErrorIs(t, p.Start(t.Context(), componenttest.NewNopHost()), errNoJournal)
	require.NoError(t, p.Shutdown(context.Background()))
}

func TestManySendersShareTheDisk(t *testing.T) {
	b := start(t, &keeper{}, withJournal(filepath.Join(t.TempDir(), "journal"), ", max_records: 5"))
	const senders, batches = 16, 50
	var failed atomic.Int64
	done := make(chan struct{})
	for s := range senders {
		go func() {
			defer func() { done <- struct{}{} }()
			for n := range batches {
				var batch []rec
				for part := range 5 {
					batch = append(batch, rec{request: fmt.Sprint(s, "/", n), uid: fmt.Sprint(s, "/", n, "/", part)})
				}
				if b.ConsumeLogs(context.Background(), logs(batch...)) != nil {
					failed.Add(1)
				}
			}
		}()
	}
	for range senders {
		<-done
	}
	assert.Zero(t, failed.Load())
	b.awaitNothingHeld(t)
	assert.Len(t, b.next.records(), senders*batches)
	b.requireBalance(t, senders*batches*5)
	b.stop(t)
}

// TestWhatIsRememberedKeepsNoRoom: the few bytes that remember an event must not keep the
// many of the events around it on disk.
func TestWhatIsRememberedKeepsNoRoom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, &keeper{}, withJournal(dir, ", max_records: 2, max_state: 1MiB, max_directory_size: 8MiB, accept_timeout: 3s"))
	body := strings.Repeat("x", 20_000)
	const events = 1000
	for n := range events {
		request := strconv.Itoa(n)
		b.consume(t, rec{request: request, uid: "a", body: body}, rec{request: request, uid: "b", body: body})
	}
	b.awaitNothingHeld(t)
	assert.Len(t, b.next.records(), events)
	assert.EqualValues(t, events, b.sum(t, "events_remembered", ""))
	b.stop(t)

	b = start(t, &keeper{}, withJournal(dir, ", max_state: 1MiB, max_directory_size: 8MiB"))
	assert.EqualValues(t, events, b.sum(t, "events_remembered", ""), "over a restart, too")
	b.consume(t, rec{request: "0", uid: "b", body: body})
	assert.EqualValues(t, 1, b.sum(t, "records_repeated", ""))
	b.stop(t)
}
