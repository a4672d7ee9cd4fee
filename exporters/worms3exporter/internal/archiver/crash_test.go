package archiver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// world is a machine, a bucket, and a sender that remembers what was acknowledged.
type world struct {
	t     *testing.T
	fs    *crashfs.FS
	store *memstore.Store
	saw   *seen
	a     *Archiver
	next  int
	acked []int
	sent  map[string]int // by line
	tune  func(*Settings)
	// plain records have no uid: none is sent again, and none is known as a repeat.
	plain bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, fs: crashfs.New(), store: memstore.New(nil), sent: map[string]int{}}
}

func (w *world) settings() Settings {
	set := testSettings("/state", w.store)
	w.saw = &seen{}
	set.FS, set.Observer = w.fs, w.saw
	set.RetryMax = time.Second
	set.CheckpointInterval = 30 * time.Second
	set.MaxObjectAge = 10 * time.Second
	set.RepeatWindow = 24 * time.Hour
	if w.tune != nil {
		w.tune(&set)
	}
	return set
}

// up starts it, as often as it takes.
func (w *world) up(ctx context.Context) error {
	a, err := New(w.settings())
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	w.a = a
	return nil
}

// send sends records, and once more what it had no answer for.
func (w *world) send(ctx context.Context, n int) error {
	var records []Record
	for i := range n {
		records = append(records, testRecord(w.next+i, []string{"access", "audit"}[i%2]))
		records[i].HasUID = !w.plain
		w.sent[string(records[i].Line)] = w.next + i
	}
	err := w.a.Accept(ctx, records)
	if err == nil {
		for i := range n {
			w.acked = append(w.acked, w.next+i)
		}
	}
	if err == nil || w.plain {
		w.next += n
	}
	return err
}

// check sees that what was acknowledged is in exactly one object, and the log is right.
func (w *world) check() {
	w.t.Helper()
	r, err := audit(w.store, archive.Layout{})
	require.NoError(w.t, err, "%+v", w.saw)
	found := map[int]int{}
	for line, times := range r.lines {
		n, ok := w.sent[line]
		require.True(w.t, ok, "a line that nobody sent: %s", line)
		found[n] += times
	}
	for n, times := range found {
		require.Equal(w.t, 1, times, "record %d", n)
	}
	for _, n := range w.acked {
		require.Equal(w.t, 1, found[n], "record %d, which was acknowledged", n)
	}
	last := r.manifests[len(r.manifests)-1]
	require.Equal(w.t, "shutdown", string(last.Event))
	require.Zero(w.t, last.Ledger.Waiting)
	require.EqualValues(w.t, len(found), last.Totals.Archived)
}

// story is what happens between two starts: some records, an interval, some more.
func (w *world) story(ctx context.Context) error {
	var errs []error
	if err := w.up(ctx); err != nil {
		return err
	}
	errs = append(errs, w.send(ctx, 20))
	time.Sleep(11 * time.Second)
	errs = append(errs, w.send(ctx, 300))
	time.Sleep(21 * time.Second)
	errs = append(errs, w.send(ctx, 3))
	errs = append(errs, w.a.Shutdown(ctx))
	return errors.Join(errs...)
}

// powerLoss is the story with the power gone at a call, and then the story again.
func powerLoss(t *testing.T, call int, plain bool, dice *rand.Rand) (calls int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.plain = plain
		w.fs.CrashAt(call)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		err := w.story(ctx)
		cancel()
		calls = w.fs.Calls()
		if !w.fs.Crashed() {
			require.NoError(t, err)
			require.NoError(t, w.saw.fatal)
			w.check()
			return
		}
		if w.a != nil {
			kill(w.a)
			w.a = nil
		}
		w.fs = w.fs.Restart(dice)
		require.NoError(t, w.story(t.Context()), "at call %d", call)
		w.check()
		assert.Empty(t, w.saw.deviations)
		assert.NoError(t, w.saw.fatal)
	})
	return calls
}

func TestPowerLossAtEveryCall(t *testing.T) {
	all := powerLoss(t, 0, false, nil)
	require.Greater(t, all, 50)
	for call := 1; call <= all+20; call++ {
		powerLoss(t, call, true, nil)
		if t.Failed() {
			t.Fatalf("at call %d", call)
		}
		for seed := range uint64(3) {
			powerLoss(t, call, seed == 0, rand.New(rand.NewPCG(uint64(call), seed)))
			if t.Failed() {
				t.Fatalf("at call %d with seed %d", call, seed)
			}
		}
	}
	t.Logf("%d calls", all)
}

// TestModel does random things with faults of store and disk, kills and power losses.
func TestModel(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { model(t, rand.New(rand.NewPCG(seed, 8))) })
		})
	}
}

func model(t *testing.T, dice *rand.Rand) {
	t.Helper()
	w := newWorld(t)
	w.plain = dice.IntN(2) == 0
	faults := rand.New(rand.NewPCG(dice.Uint64(), 1)) // of other goroutines
	var disk, net int                                 // of 100
	lock := make(chan struct{}, 1)
	roll := func(limit *int) bool {
		lock <- struct{}{}
		defer func() { <-lock }()
		return faults.IntN(100) < *limit
	}
	set := func(p *int, v int) {
		lock <- struct{}{}
		defer func() { <-lock }()
		*p = v
	}
	w.store.SetFault(func(_ context.Context, _ memstore.Call) error {
		if roll(&net) {
			return objectstore.ErrBusy
		}
		return nil
	})
	failing := func(string, string) error {
		if roll(&disk) {
			return crashfs.ErrDisk
		}
		return nil
	}
	w.fs.Fail(failing)
	for range 6 { // lives
		set(&net, []int{0, 20, 60}[dice.IntN(3)])
		set(&disk, 0)
		for tries := 0; w.a == nil; tries++ {
			require.Less(t, tries, 100)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.IntN(5000))*time.Millisecond)
			err := w.up(ctx)
			cancel()
			require.NoError(t, err)
		}
		set(&disk, []int{0, 0, 5, 30}[dice.IntN(4)])
		for range dice.IntN(12) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_ = w.send(ctx, 1+dice.IntN(100)) // what has no answer is sent again
			cancel()
			time.Sleep(time.Duration(dice.IntN(20000)) * time.Millisecond)
			if dice.IntN(4) == 0 {
				set(&disk, []int{0, 0, 5, 30}[dice.IntN(4)])
				set(&net, []int{0, 20, 60}[dice.IntN(3)])
			}
		}
		switch dice.IntN(3) {
		case 0:
			w.fs.Crash()
			kill(w.a)
			w.fs = w.fs.Restart(dice)
		case 1:
			fs := w.fs
			w.fs = fs.Killed()
			kill(w.a)
		case 2:
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.IntN(20000))*time.Millisecond)
			_ = w.a.Shutdown(ctx)
			cancel()
		}
		w.fs.Fail(failing)
		require.NoError(t, w.saw.fatal)
		w.a = nil
	}
	set(&disk, 0)
	set(&net, 0)
	require.NoError(t, w.up(t.Context()))
	for w.send(t.Context(), 10) != nil {
	}
	require.NoError(t, w.a.Shutdown(t.Context()))
	w.check()
	assert.Empty(t, w.saw.deviations)
}
