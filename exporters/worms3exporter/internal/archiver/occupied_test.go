package archiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// newKey is another key of this writer's name.
func newKey(tb testing.TB) (note.Signer, note.Verifier) {
	tb.Helper()
	private, public, err := archive.GenerateKey(archive.WriterOrigin(testOrigin, testWriter))
	require.NoError(tb, err)
	signer, err := archive.NewSigner(private)
	require.NoError(tb, err)
	verifier, err := archive.NewVerifier(public)
	require.NoError(tb, err)
	return signer, verifier
}

// newCheckpoint is one of a size.
func newCheckpoint(tb testing.TB, size int64, signer note.Signer) []byte {
	tb.Helper()
	data, err := archive.SignCheckpoint(archive.WriterOrigin(testOrigin, testWriter), size, archive.Hash{byte(size)}, signer)
	require.NoError(tb, err)
	return data
}

func checkpointKey(number int64) string { return archive.Layout{}.Checkpoint(testWriter, number) }

// last is the number of the last checkpoint.
func (w *world) last() int64 { return w.a.Stats().Number }

// onTop is a store in which a stranger puts something on top of whatever was put.
type onTop struct {
	*memstore.Store
	lost map[string]bool // keys of which the first answer is lost
	mu   sync.Mutex
}

func (s *onTop) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	info, err := s.Store.Put(ctx, o)
	if err != nil || strings.Contains(o.Key, "/tile/") {
		return info, err
	}
	s.Overwrite(o.Key, []byte("junk"), objectstore.Lock{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost[o.Key] {
		s.lost[o.Key] = true
		return objectstore.Info{}, fmt.Errorf("cut off: %w", objectstore.ErrBusy)
	}
	return info, nil
}

// TestStrangersInTheWay has strangers put something where the next checkpoints will be, and
// far behind. The writer goes on; an auditor is told which versions are theirs, and of
// nothing else.
func TestStrangersInTheWay(t *testing.T) {
	stranger, _ := newKey(t)
	for name, junk := range map[string]func(t *testing.T, w *world) []byte{
		"bytes":               func(*testing.T, *world) []byte { return []byte("junk") },
		"nothing":             func(*testing.T, *world) []byte { return nil },
		"too long":            func(*testing.T, *world) []byte { return bytes.Repeat([]byte("x"), 100<<10) },
		"a stranger's key":    func(t *testing.T, _ *world) []byte { t.Helper(); return newCheckpoint(t, 5000, stranger) },
		"an older checkpoint": func(_ *testing.T, w *world) []byte { return w.saw.commits[0].Checkpoint },
		"the last checkpoint": func(_ *testing.T, w *world) []byte { return w.saw.commits[len(w.saw.commits)-1].Checkpoint },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				t := w.t
				require.NoError(t, w.up(t.Context()))
				require.NoError(t, w.send(t.Context(), 300))
				time.Sleep(45 * time.Second)
				at, data := w.last(), junk(t, w)
				require.Positive(t, at)
				theirs := map[string]bool{}
				put := func(number int64) {
					theirs[w.store.Overwrite(checkpointKey(number), data, objectstore.Lock{})] = true
				}
				for _, n := range []int64{1, 1, 2, 4} {
					put(at + n)
				}
				if !strings.Contains(name, "checkpoint") { // one far away would be a hole in the log
					put(at + 900)
				}
				time.Sleep(time.Minute) // one more was put, and the next is in the way
				require.NoError(t, w.saw.fatal)
				require.Greater(t, w.last(), at+1)
				assert.NotEmpty(t, w.saw.deviations)
				// A start finds them as well.
				kill(w.a)
				w.fs = w.fs.Killed()
				require.NoError(t, w.up(t.Context()))
				require.NoError(t, w.send(t.Context(), 10))
				time.Sleep(3 * time.Minute)
				require.NoError(t, w.a.Shutdown(t.Context()))
				require.NoError(t, w.saw.fatal)
				require.Greater(t, w.last(), at+4)
				report := w.verify()
				require.Equal(t, archiveaudit.Bad, report.Verdict)
				found := map[string]bool{}
				for _, f := range report.Findings {
					if f.Severity != archiveaudit.Note {
						assert.True(t, theirs[f.Version], "%s", f)
						found[f.Version] = true
					}
				}
				assert.Equal(t, theirs, found, "%s", report.AppendText(nil, time.Second))
				assert.Equal(t, w.last(), report.Writers[0].Last)
				assert.EqualValues(t, 310, report.Writers[0].Ledger.Archived)
			})
		})
	}
}

// TestStrangersOnTop has a stranger put something on top of all that is written, before the
// writer has the answer, which is lost.
func TestStrangersOnTop(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		w.tune = func(s *Settings) { s.Store = &onTop{Store: w.store, lost: map[string]bool{}} }
		require.NoError(t, w.story(t.Context()))
		require.NoError(t, w.saw.fatal)
		require.Len(t, w.saw.commits, 3)
		for _, c := range w.saw.commits {
			versions := w.store.All(checkpointKey(c.Number))
			require.Len(t, versions, 2, "it was put once")
			assert.Equal(t, c.Checkpoint, versions[1].Data)
		}
		// And the disk is lost: the log is taken up below what is on top.
		w.fs, w.tune = crashfs.New(), nil
		require.NoError(t, w.story(t.Context()))
		require.NoError(t, w.saw.fatal)
		report := w.verify()
		for _, f := range report.Findings {
			if f.Severity == archiveaudit.Tampered {
				assert.Equal(t, archiveaudit.KindNewer, f.Kind, "%s", f)
			}
		}
		assert.EqualValues(t, len(w.acked), report.Writers[0].Ledger.Archived)
	})
}

// TestStrangersBeforeTheFirst has a stranger put something where a log will begin.
func TestStrangersBeforeTheFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		w.store.Overwrite(checkpointKey(0), []byte("junk"), objectstore.Lock{})
		w.store.Overwrite(checkpointKey(7), []byte("junk"), objectstore.Lock{})
		require.NoError(t, w.story(t.Context()))
		require.NoError(t, w.saw.fatal)
		assert.EqualValues(t, 2, w.last())
	})
}

// TestTakeUpBesideStrangers has a lost disk's log taken up where a stranger has put copies of
// its checkpoints, and junk, behind its end, on top of it and below a delete marker.
func TestTakeUpBesideStrangers(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.story(t.Context()))
		end := w.last()
		last := w.saw.commits[len(w.saw.commits)-1].Checkpoint
		for n, data := range map[int64][]byte{0: w.saw.commits[0].Checkpoint, 1: last, 3: []byte("junk"), 5: w.saw.commits[0].Checkpoint} {
			w.store.Overwrite(checkpointKey(end+n), data, objectstore.Lock{})
		}
		w.store.Mark(checkpointKey(end))
		w.fs = crashfs.New()
		require.NoError(t, w.story(t.Context()))
		require.NoError(t, w.saw.fatal)
		require.Greater(t, w.last(), end)
		report := w.verify()
		assert.EqualValues(t, len(w.acked), report.Writers[0].Ledger.Archived)
		assert.Equal(t, w.last()+1, report.Writers[0].Checkpoints, "%s", report.AppendText(nil, time.Second))
	})
}

// TestSignedInTheWay has what another writer signs where the next checkpoint will be.
func TestSignedInTheWay(t *testing.T) {
	other, verifier := newKey(t)
	for name, signer := range map[string]note.Signer{"with its own key": testKeys().signer, "with another key that is enrolled": other} {
		for _, over := range []string{"nothing", "junk below", "junk on top", "a delete marker on top"} {
			t.Run(name+", "+over, func(t *testing.T) {
				inWorld(t, func(w *world) {
					t := w.t
					w.tune = func(s *Settings) {
						s.OtherKeys = func(context.Context) ([]note.Verifier, error) { return []note.Verifier{verifier}, nil }
					}
					require.NoError(t, w.up(t.Context()))
					time.Sleep(time.Second)
					key := checkpointKey(w.last() + 1)
					junk := func(where string) {
						if over == where {
							w.store.Overwrite(key, []byte("junk"), objectstore.Lock{})
						}
					}
					junk("junk below")
					w.store.Overwrite(key, newCheckpoint(t, 5000, signer), objectstore.Lock{})
					junk("junk on top")
					if over == "a delete marker on top" {
						w.store.Mark(key)
					}
					before := w.last()
					time.Sleep(2 * time.Minute)
					w.saw.mu.Lock()
					require.ErrorIs(t, w.saw.fatal, ErrOtherWriter)
					w.saw.mu.Unlock()
					assert.Equal(t, before, w.last())
					shut(t, w.a)
					w.fs = w.fs.Killed()
					err := w.up(t.Context())
					if over == "a delete marker on top" {
						require.NoError(t, err, "a listing does not show it; the next PUT does")
						kill(w.a)
						return
					}
					require.NoError(t, err, "its own may have been put before it")
					time.Sleep(time.Minute)
					require.ErrorIs(t, w.a.Stats().Fatal, ErrOtherWriter)
					kill(w.a)
				})
			})
		}
	}
}

// TestNoVersionsNoTop: where nothing keeps what is there, nothing is put on top.
func TestNoVersionsNoTop(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		w.store.SetBucket(objectstore.Bucket{})
		w.tune = func(s *Settings) { s.LogLock = Retention{} }
		require.NoError(t, w.up(t.Context()))
		time.Sleep(time.Second)
		w.store.Overwrite(checkpointKey(w.last()+1), []byte("junk"), objectstore.Lock{})
		time.Sleep(2 * time.Minute)
		w.saw.mu.Lock()
		require.ErrorIs(t, w.saw.fatal, ErrOtherWriter)
		require.ErrorContains(t, w.saw.fatal, "keeps no versions")
		w.saw.mu.Unlock()
		data, _ := w.store.Bytes(checkpointKey(w.last()+1), "")
		assert.Equal(t, "junk", string(data))
		shut(t, w.a)
	})
}

// actor is a writer that puts one checkpoint, and waits before each call that changes
// something or lists versions until it may go on.
type actor struct {
	*memstore.Store
	archiver   *Archiver
	checkpoint []byte
	turn       chan bool // false: the machine dies
	idle       chan struct{}
	done       chan error // when it ends
}

var errDead = errors.New("the machine died")

func (a *actor) wait(ctx context.Context) error {
	a.idle <- struct{}{}
	select {
	case alive := <-a.turn:
		if !alive {
			return permanent(errDead)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *actor) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	if err := a.wait(ctx); err != nil {
		return objectstore.Info{}, err
	}
	return a.Store.Put(ctx, o)
}

func (a *actor) Versions(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	if err := a.wait(ctx); err != nil {
		return func(yield func(objectstore.Info, error) bool) { yield(objectstore.Info{}, err) }
	}
	return a.Store.Versions(ctx, prefix)
}

// begin has the actor put its checkpoint.
func (a *actor) begin(ctx context.Context) {
	a.idle, a.done = make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := a.archiver.putCheckpoint(ctx, 0, a.checkpoint, time.Now())
		a.done <- err
		close(a.idle)
	}()
	<-a.idle
}

// step has it go on to its next call. False: it has ended.
func (a *actor) step(alive bool) bool {
	a.turn <- alive
	_, more := <-a.idle
	return more
}

func newActor(t *testing.T, store *memstore.Store, checkpoint []byte) *actor {
	t.Helper()
	a := &actor{Store: store, checkpoint: checkpoint, turn: make(chan bool)}
	set := testSettings("/state", a)
	require.NoError(t, set.prepare())
	a.archiver = &Archiver{
		set: set, origin: archive.WriterOrigin(testOrigin, testWriter), head: &headEntry{Number: -1}, logger: set.Logger,
		retry: &retrier{initial: 1, most: 1, observer: set.Observer, logger: set.Logger},
	}
	return a
}

// schedule is what happens one after the other: 0 and 1 are a call of a writer, x and y its
// machine's death before its next call and its coming back, j is a stranger's object, and m a
// delete marker.
type schedule string

// play plays a schedule, and then each writer to its end. It says who went on.
func play(t *testing.T, s schedule, checkpoints [2][]byte) (wentOn [2]bool) {
	t.Helper()
	store := memstore.New(nil)
	for range store.List(t.Context(), "", "") { //nolint:errcheck // the clock is known now
		continue
	}
	actors := [2]*actor{newActor(t, store, checkpoints[0]), newActor(t, store, checkpoints[1])}
	running := [2]bool{true, true}
	for _, a := range actors {
		a.begin(t.Context())
	}
	die := func(i int) {
		a := actors[i]
		if running[i] {
			running[i] = a.step(false)
			require.False(t, running[i])
			require.ErrorIs(t, <-a.done, errDead)
			a.begin(t.Context())
			running[i] = true
		}
	}
	for _, c := range s {
		switch c {
		case '0', '1':
			if i := int(c - '0'); running[i] {
				running[i] = actors[i].step(true)
			}
		case 'x', 'y':
			die(int(c - 'x'))
		case 'j':
			store.Overwrite(checkpointKey(0), []byte("junk"), objectstore.Lock{})
		case 'm':
			store.Mark(checkpointKey(0))
		}
	}
	for i, a := range actors {
		for n := 0; running[i]; n++ {
			require.Less(t, n, 50, "%s: it does not end", s)
			running[i] = a.step(true)
		}
		err := <-a.done
		if wentOn[i] = err == nil; !wentOn[i] {
			require.ErrorIs(t, err, errOther, s)
		}
	}
	return wentOn
}

// schedules gives all orders of so many of each event.
func schedules(events map[rune]int) iter.Seq[schedule] {
	kinds := slices.Sorted(maps.Keys(events))
	total := 0
	for _, n := range events {
		total += n
	}
	return func(yield func(schedule) bool) {
		left := maps.Clone(events)
		order := make([]rune, 0, total)
		var next func() bool
		next = func() bool {
			if len(order) == total {
				return yield(schedule(order))
			}
			for _, k := range kinds {
				if left[k] == 0 {
					continue
				}
				left[k]--
				order = append(order, k)
				ok := next()
				order = order[:len(order)-1]
				left[k]++
				if !ok {
					return false
				}
			}
			return true
		}
		next()
	}
}

// TestTwoWritersNeverGoOn plays two writers of one name, who put a checkpoint of the same
// number, in every order of their calls, with strangers' objects, delete markers and deaths
// in between. Never do both go on; and a writer who is alone does.
func TestTwoWritersNeverGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checkpoints := [2][]byte{newCheckpoint(t, 10, testKeys().signer), newCheckpoint(t, 20, testKeys().signer)}
		for _, events := range []map[rune]int{
			{'0': 5, '1': 5},
			{'0': 5, '1': 5, 'j': 1},
			{'0': 3, '1': 3, 'j': 2},
			{'0': 3, '1': 3, 'j': 1, 'm': 1},
			{'0': 3, '1': 3, 'j': 1, 'x': 1},
			{'0': 3, '1': 2, 'j': 1, 'x': 1, 'y': 1},
		} {
			played, first, second, none := 0, 0, 0, 0
			for s := range schedules(events) {
				wentOn := play(t, s, checkpoints)
				require.False(t, wentOn[0] && wentOn[1], "%s: both go on", s)
				switch {
				case wentOn[0]:
					first++
				case wentOn[1]:
					second++
				default:
					none++
				}
				played++
			}
			assert.Positive(t, first)
			assert.Positive(t, second)
			t.Logf("%v: %d orders; in %d the first goes on, in %d the second, in %d neither", events, played, first, second, none)
		}
	})
}
