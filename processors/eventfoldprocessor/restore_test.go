package eventfoldprocessor

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
	"github.com/heartwood-otel/heartwood/internal/spool"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldjournal"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

// writeJournal makes a journal of entries.
func writeJournal(tb testing.TB, dir string, entries ...[]byte) {
	tb.Helper()
	s, err := spool.Open(spool.Settings{Directory: dir})
	require.NoError(tb, err)
	for _, e := range entries {
		_, err := s.Append(tb.Context(), spool.Batch{Records: [][]byte{e}})
		require.NoError(tb, err)
	}
	require.NoError(tb, s.Close())
}

// entryOf is the entry of the only record of some logs.
func entryOf(tb testing.TB, logs plog.Logs, part foldjournal.Part) (entry []byte) {
	tb.Helper()
	require.NoError(tb, recordwire.Split(logs, func(origin recordwire.Origin, record []byte) error {
		part.Origin, part.Record = origin, record
		entry = foldjournal.AppendPart(nil, &part)
		return nil
	}))
	return entry
}

// TestAClockThatWasSetBack must not keep events open until it is where it was.
func TestAClockThatWasSetBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	hour := time.Now().Add(time.Hour).UnixNano()
	var entries [][]byte
	for n, arrived := range []int64{hour, time.Now().UnixNano(), hour, hour} {
		entries = append(entries, entryOf(t, logs(rec{request: "1", uid: string(rune('a' + n))}), foldjournal.Part{
			Key: [16]byte{byte(n)}, UID: uint64(n), Arrived: arrived, Opens: true,
		}))
	}
	entries = append(entries, foldjournal.AppendEnded(nil, &foldjournal.Ended{Key: [16]byte{9}, Ended: hour, UIDs: make([]byte, 8)}))
	writeJournal(t, dir, entries...)
	b := start(t, &keeper{}, withJournal(dir, ", idle_timeout: 100ms, repeat_window: 200ms"))
	b.consume(t, rec{request: "2", uid: "u"})
	require.Eventually(t, func() bool { return len(b.next.records()) == 5 }, 20*time.Second, time.Millisecond)
	assert.Eventually(t, func() bool { return b.sum(t, "events_remembered", "") == 0 }, 20*time.Second, time.Millisecond)
	b.stop(t)
}

// TestTimeDownDoesNotCountForRepeats: nobody could have sent again what came before. The
// collector died when its event had been delivered, and the sender had no answer.
func TestTimeDownDoesNotCountForRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, next := crashfs.New(), &keeper{}
		one := numbered("1", 1)
		one.body = "end"
		p := startCrashing(t, fs, next)
		require.NoError(t, p.ConsumeLogs(t.Context(), logs(one)))
		time.Sleep(time.Second)
		require.NoError(t, p.Shutdown(context.Background()))
		require.Len(t, next.records(), 1)

		time.Sleep(time.Hour)
		for range 2 { // a second time, with nothing new in the journal
			p = startCrashing(t, fs, next)
			time.Sleep(time.Minute)
			require.NoError(t, p.ConsumeLogs(t.Context(), logs(one)))
			require.NoError(t, p.Shutdown(context.Background()))
			time.Sleep(time.Hour)
		}
		assert.Len(t, next.records(), 1)

		p = startCrashing(t, fs, next)
		time.Sleep(6 * time.Minute)
		require.NoError(t, p.ConsumeLogs(t.Context(), logs(one)))
		time.Sleep(time.Second)
		require.NoError(t, p.Shutdown(context.Background()))
		assert.Len(t, next.records(), 2, "it is forgotten in the end")
	})
}

// TestAnEventBeginsWhereItBegan: where the event before is not remembered any more, both
// have the same generation. They must not become one, or what was delivered in one of them
// before the crash comes again in the other.
func TestAnEventBeginsWhereItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const forgetful = crashingOpen + `, max_remembered: 0}`
		refuses := atomic.Bool{}
		refuses.Store(true)
		fs, next := crashfs.New(), &keeper{before: func(context.Context, int) error {
			if refuses.Load() {
				return errRefused
			}
			return nil
		}}
		p := startOnDisk(t, fs, next, forgetful)
		for n := range 2 {
			require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("1", n))))
			time.Sleep(10 * time.Second)
		}
		left := fs.Killed()
		refuses.Store(false)
		time.Sleep(10 * time.Second)
		require.NoError(t, p.Shutdown(context.Background()))
		require.Len(t, next.records(), 2)

		p = startOnDisk(t, left, next, forgetful)
		time.Sleep(10 * time.Second)
		require.NoError(t, p.Shutdown(context.Background()))
		require.Len(t, next.records(), 4)
		for n, in := range eventsOf(next.records()) {
			assert.Len(t, in, 1, "record %s", n)
		}
	})
}

// TestWhatCouldNotBeRememberedIsWrittenAgain: the disk fails for a while when an event has
// been delivered. After a crash, the event must be known.
func TestWhatCouldNotBeRememberedIsWrittenAgain(t *testing.T) {
	for name, delay := range map[string]time.Duration{"the disk fails at once": 0, "it fails later": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := crashfs.New()
				d := &disk{FS: fs}
				broken := func() error {
					time.Sleep(delay) // the entry is noted before
					return errDisk
				}
				next := &keeper{}
				next.before = func(_ context.Context, call int) error {
					if call == 1 {
						d.set(broken)
					}
					return nil
				}
				p := startCrashing(t, d, next)
				require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("1", 1), numbered("1", 2))))
				time.Sleep(5 * time.Second)
				d.set(nil)
				time.Sleep(2 * time.Minute)
				require.Len(t, next.records(), 1)
				require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("2", 3)))) // in a new segment, which knows what is acknowledged
				time.Sleep(10 * time.Second)
				left := fs.Restart(rand.New(rand.NewPCG(1, 1)))
				require.NoError(t, p.Shutdown(context.Background()))
				require.Len(t, next.records(), 2)

				p = startCrashing(t, left, next)
				require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("1", 2))))
				time.Sleep(10 * time.Second)
				require.NoError(t, p.Shutdown(context.Background()))
				assert.Len(t, next.records(), 2, "it is a repeat")
			})
		})
	}
}

// TestTheDiskFailsBeforeItIsNoted: it can say so before the shard knows which entries are
// those of its events.
func TestTheDiskFailsBeforeItIsNoted(t *testing.T) {
	b := start(t, &keeper{}, withJournal(filepath.Join(t.TempDir(), "journal"), ""))
	s := b.shards[0]
	s.mu.Lock()
	var batch []*foldtable.Closed
	for n := range 4 {
		key := foldtable.Key{1: byte(n)}
		place := s.table.Place(1, key, uint64(n), false)
		s.table.Insert(1, place, &foldtable.Part{UID: uint64(n)})
		s.table.EndOldest(1, foldtable.Ended)
		batch = append(batch, s.table.Take())
	}
	s.remembering = true
	s.mu.Unlock()
	s.retract(1, 99)
	s.retract(101, 102)
	s.mu.Lock()
	s.rememberLocked(batch, 100) // so the second and the third
	s.mu.Unlock()
	again := 0
	s.mu.Lock()
	s.table.WriteAgain(func(m foldtable.PastEvent) uint64 {
		again++
		assert.Contains(t, []byte{1, 2}, m.Key[1])
		return 200
	})
	for _, c := range batch {
		s.table.Done(c)
	}
	s.mu.Unlock()
	assert.Equal(t, 2, again)
	assert.Empty(t, s.failed)
	b.stop(t)
}

// TestAnEventStaysWholeUnderOtherLimits: one that was delivered before the crash is the same
// when limits are lower after it, and ends then.
func TestAnEventStaysWholeUnderOtherLimits(t *testing.T) {
	for _, lower := range []string{"max_records: 2", "max_bytes: 100B"} {
		synctest.Test(t, func(t *testing.T) {
			fs, next := crashfs.New(), &keeper{}
			const config = `{directory: /journal, style: canonical, idle_timeout: 2s, merge: {keys: {n: list}}`
			p := startOnDisk(t, fs, next, config+`}`)
			for n := range 5 {
				require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("1", n))))
			}
			left := fs.Killed()
			time.Sleep(10 * time.Second)
			require.NoError(t, p.Shutdown(context.Background()))
			require.Len(t, next.records(), 1)

			p = startOnDisk(t, left, next, config+`, `+lower+`}`)
			time.Sleep(time.Second)
			require.Len(t, next.records(), 2, "it has reached the limit")
			require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("1", 5))))
			time.Sleep(10 * time.Second)
			require.NoError(t, p.Shutdown(context.Background()))
			ids := eventsOf(next.records())
			assert.Len(t, ids, 6)
			for n, in := range ids {
				assert.Len(t, in, 1, "%s: record %s", lower, n)
			}
			assert.Len(t, next.records(), 3)
		})
	}
}

// TestMemoriesAreRestoredInTheOrderOfTheirEnds: an older one may have been written again.
func TestMemoriesAreRestoredInTheOrderOfTheirEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, &keeper{}, withJournal(dir, ", max_records: 1"))
	b.consume(t, rec{request: "1", uid: "a"})
	b.awaitNothingHeld(t)
	b.consume(t, rec{request: "1", uid: "b"})
	b.awaitNothingHeld(t)
	second := b.next.records()[1].attr("fold.id")
	b.journal.old.Store(3) // the part and the memory of the first
	for _, s := range b.shards {
		s.mu.Lock()
		s.moveLocked()
		s.mu.Unlock()
	}
	b.stop(t)

	b = start(t, &keeper{}, withJournal(dir, ", max_records: 1"))
	b.consume(t, rec{request: "1", uid: "c"})
	b.awaitNothingHeld(t)
	assert.Equal(t, second, b.next.records()[0].attr("fold.previous"))
	b.stop(t)
}
