package spool

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"github.com/heartwood-otel/heartwood/internal/crashfs"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testDir = "/spool"

func open(tb testing.TB, fs diskfs.FS, set Settings) *Spool {
	tb.Helper()
	set.FS = fs
	if set.Directory == "" {
		set.Directory = testDir
	}
	if set.AckDelay == 0 {
		set.AckDelay = time.Microsecond // the tests wait for acknowledgements
	}
	s, err := Open(set)
	require.NoError(tb, err)
	return s
}

// put writes texts in one batch.
func put(tb testing.TB, s *Spool, texts ...string) ID {
	tb.Helper()
	var b Batch
	for _, text := range texts {
		b.Records = append(b.Records, []byte(text))
	}
	id, err := s.Append(tb.Context(), b)
	require.NoError(tb, err)
	return id
}

// drain reads all there is, by ID.
func drain(tb testing.TB, s *Spool) map[ID]string {
	tb.Helper()
	r := s.NewReader()
	defer func() { assert.NoError(tb, r.Close()) }()
	all := make(map[ID]string)
	last := ID(0)
	for {
		record, err := r.TryNext()
		if err == ErrDrained { //nolint:errorlint // it is never wrapped
			return all
		}
		require.NoError(tb, err)
		require.Greater(tb, record.ID, last, "in order")
		last = record.ID
		all[record.ID] = string(record.Payload)
	}
}

func texts(all map[ID]string) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[id])
	}
	return out
}

func TestRecordsStayUntilAcknowledged(t *testing.T) {
	for name, fs := range map[string]diskfs.FS{"memory": crashfs.New(), "disk": nil} {
		t.Run(name, func(t *testing.T) {
			set := Settings{Directory: filepath.Join(t.TempDir(), "s")}
			s := open(t, fs, set)
			first := put(t, s, "a", "b", "c")
			put(t, s, "", "d")
			assert.Equal(t, []string{"a", "b", "c", "", "d"}, texts(drain(t, s)))
			require.NoError(t, s.Ack(first+1, first+3, first+1).Wait(t.Context()))
			assert.Equal(t, []string{"a", "c", "d"}, texts(drain(t, s)))
			assert.EqualValues(t, 3, s.Stats().Records)
			require.NoError(t, s.Close())
			s = open(t, fs, set)
			assert.Equal(t, []string{"a", "c", "d"}, texts(drain(t, s)))
			assert.EqualValues(t, 3, s.Recovered().Records)
			assert.Zero(t, s.Recovered().Cut)
			assert.Greater(t, put(t, s, "e"), first+4, "numbers are not used again")
			require.NoError(t, s.Close())
			require.ErrorIs(t, s.Enqueue(Batch{Records: [][]byte{nil}}).Wait(t.Context()), ErrClosed)
		})
	}
}

func TestHeadsStandBeforeTheirRecords(t *testing.T) {
	fs := crashfs.New()
	s := open(t, fs, Settings{})
	long := strings.Repeat("x", 300)
	b := Batch{Heads: [][]byte{[]byte("1"), nil, []byte(long), nil}, Records: [][]byte{[]byte("a"), []byte("b"), nil, nil}}
	_, err := s.Append(t.Context(), b)
	require.NoError(t, err)
	assert.Equal(t, []string{"1a", "b", long, ""}, texts(drain(t, s)))
	require.ErrorContains(t, s.Enqueue(Batch{Heads: b.Heads[:3], Records: b.Records}).Wait(t.Context()), "3 heads of 4 records")
	require.NoError(t, s.Close())
	s = open(t, fs, Settings{})
	assert.Equal(t, []string{"1a", "b", long, ""}, texts(drain(t, s)))
	put(t, s, "c")
	frame := appendFrame(nil, 1, b.Heads, b.Records, nil)
	assert.LessOrEqual(t, len(frame)-frameHead, maxFrameBody(b.Heads, b.Records, nil))

	// Of the frame that is at hand, what comes next is known.
	r := s.NewReader()
	assert.Empty(t, r.Ahead())
	for _, want := range [][]string{{"b", long, ""}, {long, ""}, {""}, {}, {}} {
		_, err = r.TryNext()
		require.NoError(t, err)
		got := []string{}
		for _, payload := range r.Ahead() {
			got = append(got, string(payload))
		}
		assert.Equal(t, want, got)
	}
	require.NoError(t, r.Close())
	assert.Empty(t, r.Ahead())
	require.NoError(t, s.Close())

	limited := open(t, crashfs.New(), Settings{MaxSize: 200})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = limited.Append(ctx, Batch{Heads: [][]byte{[]byte(long)}, Records: [][]byte{nil}})
	require.ErrorIs(t, err, ErrTooLarge, "heads take room, too")
	require.NoError(t, limited.Close())
}

func TestSegmentsGoInAnyOrder(t *testing.T) {
	fs := crashfs.New()
	s := open(t, fs, Settings{SegmentSize: 100})
	var ids []ID
	for n := range 20 {
		ids = append(ids, put(t, s, fmt.Sprint(n, strings.Repeat("x", 100))))
	}
	before := s.Stats()
	assert.Greater(t, before.Segments, 15)
	for _, id := range ids[1:19] {
		require.NoError(t, s.Ack(id).Wait(t.Context()))
	}
	put(t, s, "more")
	assert.Eventually(t, func() bool { return s.Stats().Segments <= 4 }, 10*time.Second, time.Millisecond, "those between go before the first")
	assert.Equal(t, []string{"0", "19", "more"}, firsts(drain(t, s)))
	require.NoError(t, s.Close())
	s = open(t, fs, Settings{SegmentSize: 100})
	assert.Equal(t, []string{"0", "19", "more"}, firsts(drain(t, s)))
	require.NoError(t, s.Close())
}

func firsts(all map[ID]string) (out []string) {
	for _, text := range texts(all) {
		out = append(out, strings.TrimRight(text, "x"))
	}
	return out
}

func TestAReaderFollows(t *testing.T) {
	s := open(t, crashfs.New(), Settings{SegmentSize: 200})
	r := s.NewReader()
	_, err := r.TryNext()
	require.ErrorIs(t, err, ErrDrained)
	go func() {
		for n := range 100 {
			_, _ = s.Append(context.Background(), Batch{Records: [][]byte{fmt.Append(nil, n)}})
		}
	}()
	for n := range 100 {
		record, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(n), string(record.Payload))
		s.Ack(record.ID)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, s.Close())
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, r.Close())
}

// TestAReaderSeesOnlyWhatIsKnown: it reads while many write.
func TestAReaderSeesOnlyWhatIsKnown(t *testing.T) {
	s := open(t, crashfs.New(), Settings{SegmentSize: 20_000, groupSize: 400, padFrom: 200, block: 64})
	const writers, each = 8, 300
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if _, err := s.Append(t.Context(), Batch{Records: make([][]byte, 70)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	r := s.NewReader()
	for n := range writers * each * 70 {
		record, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, firstID+ID(n), record.ID)
		s.Ack(record.ID)
	}
	all.Wait()
	require.NoError(t, r.Close())
	require.NoError(t, s.Close())
}

func TestAFullSpoolWaits(t *testing.T) {
	s := open(t, crashfs.New(), Settings{MaxSize: 4000})
	big := string(make([]byte, 1000))
	a := put(t, s, big)
	put(t, s, big)
	put(t, s, big)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Append(ctx, Batch{Records: [][]byte{[]byte(big)}})
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, "the limit is 4000")
	go func() { s.Ack(a) }()
	put(t, s, big)
	require.NoError(t, s.Close())
}

// TestEverythingAcknowledgedMakesRoom: also where all of it is in the last segment.
func TestEverythingAcknowledgedMakesRoom(t *testing.T) {
	s := open(t, crashfs.New(), Settings{MaxSize: 4000})
	id := put(t, s, string(make([]byte, 3900)))
	require.NoError(t, s.Ack(id).Wait(t.Context()))
	put(t, s, string(make([]byte, 3000)))
	require.NoError(t, s.Close())
}

func TestManyCallersShareASync(t *testing.T) {
	s := open(t, nil, Settings{Directory: filepath.Join(t.TempDir(), "s")})
	const callers, each = 50, 40
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for n := range each {
				if _, err := s.Append(t.Context(), Batch{Records: [][]byte{fmt.Append(nil, c, n)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	assert.Len(t, drain(t, s), callers*each)
	assert.Less(t, s.Stats().Syncs, uint64(callers*each/2))
	require.NoError(t, s.Close())
}

func TestOneSpoolADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	s := open(t, nil, Settings{Directory: dir})
	_, err := Open(Settings{Directory: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "again")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	s = open(t, nil, Settings{Directory: dir})
	require.NoError(t, s.Close())
}

// world is what must hold after a crash.
type world struct {
	must  map[ID]string // durable and never acknowledged
	may   map[ID]string // enqueued, or being acknowledged
	never map[ID]bool   // durably acknowledged
	// lazy says that nobody waits for acknowledgements; lazyAcks are theirs.
	lazy     bool
	lazyAcks []lazyAck
}

type lazyAck struct {
	ticket Ticket
	ids    []ID
}

// learn looks which of the acknowledgements that nobody waited for are durable.
func (w *world) learn() {
	ended, end := context.WithCancel(context.Background())
	end()
	for _, ack := range w.lazyAcks {
		if ack.ticket.Wait(ended) != nil {
			continue
		}
		for _, id := range ack.ids {
			delete(w.may, id)
			w.never[id] = true
		}
	}
	w.lazyAcks = nil
}

func newWorld() *world {
	return &world{must: map[ID]string{}, may: map[ID]string{}, never: map[ID]bool{}}
}

// play does random things with a spool until something fails. Batches have a common
// text, so that a part of one can be told.
func (w *world) play(s *Spool, dice *rand.Rand, steps int) error {
	ctx := context.Background()
	for step := range steps {
		switch dice.IntN(3) {
		case 0, 1:
			var b Batch
			texts := make([]string, 1+dice.IntN(3))
			for i := range texts {
				texts[i] = fmt.Sprintf("%d/%d of %d %s", step, i, len(texts), strings.Repeat("x", dice.IntN(60)))
				b.Records = append(b.Records, []byte(texts[i]))
			}
			t := s.Enqueue(b)
			for i, text := range texts {
				w.may[t.First+ID(i)] = text
			}
			if err := t.Wait(ctx); err != nil {
				return err
			}
			for i, text := range texts {
				w.must[t.First+ID(i)] = text
				delete(w.may, t.First+ID(i))
			}
		case 2:
			var ids []ID
			for id := range w.must {
				if len(ids) < 4 {
					ids = append(ids, id)
				}
			}
			for _, id := range ids {
				w.may[id] = w.must[id]
				delete(w.must, id)
			}
			acked := s.Ack(ids...)
			if w.lazy {
				w.lazyAcks = append(w.lazyAcks, lazyAck{acked, ids})
				for s.isPending() { // a group of its own, not with the records to come
					runtime.Gosched()
				}
				continue
			}
			if err := acked.Wait(ctx); err != nil {
				return err
			}
			for _, id := range ids {
				delete(w.may, id)
				w.never[id] = true
			}
		}
	}
	return nil
}

func (s *Spool) isPending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0
}

// check compares what a spool has with what it must have.
func (w *world) check(tb testing.TB, s *Spool) {
	tb.Helper()
	have := drain(tb, s)
	for id, text := range w.must {
		require.Equal(tb, text, have[id], "record %d is lost or changed", id)
	}
	for id, text := range have {
		require.False(tb, w.never[id], "record %d was acknowledged, and is back", id)
		if w.must[id] == "" {
			require.Equal(tb, w.may[id], text, "record %d was never written", id)
		}
	}
}

// TestPowerLossAtEveryCall: whenever the power goes, what was durable is there.
func TestPowerLossAtEveryCall(t *testing.T) {
	for seed := range uint64(14) {
		for at := 1; ; at++ {
			fs := crashfs.New()
			fs.CrashAt(at)
			w := newWorld()
			set := Settings{Directory: testDir, FS: fs, SegmentSize: 400, AckDelay: time.Nanosecond}
			if w.lazy = seed >= 3; w.lazy {
				set.AckDelay = time.Hour // they are synced with records only
			}
			if seed >= 10 {
				padAll(&set)
			}
			s, err := Open(set)
			if err == nil {
				err = w.play(s, rand.New(rand.NewPCG(seed, 1)), 60)
				_ = s.Close()
			}
			w.learn()
			var dice *rand.Rand
			if seed%2 == 1 {
				dice = rand.New(rand.NewPCG(seed, uint64(at)))
			}
			after := fs.Restart(dice)
			s, openErr := Open(Settings{Directory: testDir, FS: after, SegmentSize: 400, AckDelay: 1})
			require.NoError(t, openErr, "seed %d, call %d: a crash is no damage", seed, at)
			w.check(t, s)
			w.lazy = false
			require.NoError(t, w.play(s, rand.New(rand.NewPCG(seed, 2)), 20), "it goes on")
			w.check(t, s)
			require.NoError(t, s.Close())
			if err == nil {
				require.Greater(t, at, 100, "the crashes came to the end of the scenario")
				break
			}
		}
	}
}

// padAll makes every group begin and end at a block, in small.
func padAll(set *Settings) { set.padFrom, set.block = 1, 64 }

// TestModel: random operations, failing disks, restarts and crashes.
func TestModel(t *testing.T) {
	for seed := range uint64(100) {
		model(t, seed)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { model(t, seed) })
}

func model(t *testing.T, seed uint64) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 9))
	fs := crashfs.New()
	w := newWorld()
	for life := range 6 {
		set := Settings{Directory: testDir, FS: fs, SegmentSize: int64(100 + dice.IntN(800)), AckDelay: time.Duration(1 + dice.IntN(2)*int(time.Millisecond))}
		if dice.IntN(2) == 0 {
			padAll(&set)
		}
		s, err := Open(set)
		require.NoError(t, err, "seed %d, life %d", seed, life)
		if dice.IntN(2) == 0 {
			// So that what is written is kept in memory, and given from there.
			r := s.NewReader()
			defer func() { assert.NoError(t, r.Close()) }()
		}
		w.check(t, s)
		if dice.IntN(2) == 0 { // the disk fails now and then
			faults := rand.New(rand.NewPCG(seed, uint64(life)))
			fs.Fail(func(op, _ string) error {
				if op != "remove" && faults.IntN(20) == 0 {
					return crashfs.ErrDisk
				}
				return nil
			})
			for range 5 {
				_ = w.play(s, dice, 10)
				w.checkLive(t, s)
			}
		} else {
			require.NoError(t, w.play(s, dice, 30), "seed %d", seed)
			w.check(t, s)
		}
		fs.Fail(nil)
		if dice.IntN(2) == 0 {
			fs.Crash()
			_ = s.Close()
			fs = fs.Restart(dice)
		} else {
			require.NoError(t, s.Close())
		}
	}
}

// checkLive is check for a spool whose disk fails: what could not be acknowledged
// durably may be seen or not.
func (w *world) checkLive(tb testing.TB, s *Spool) {
	tb.Helper()
	have := drain(tb, s)
	for id, text := range w.must {
		require.Equal(tb, text, have[id], "record %d is lost or changed", id)
	}
}

func TestAFailingDiskIsToldAndOvercome(t *testing.T) {
	for _, op := range []string{"write", "sync", "create", "rename", "syncdir"} {
		t.Run(op, func(t *testing.T) {
			fs := crashfs.New()
			s := open(t, fs, Settings{SegmentSize: 300})
			kept := put(t, s, "before", strings.Repeat("x", 300))
			fs.Fail(func(which, _ string) error {
				if which == op {
					return crashfs.ErrDisk
				}
				return nil
			})
			_, err := s.Append(t.Context(), Batch{Records: [][]byte{[]byte("lost")}})
			require.ErrorIs(t, err, crashfs.ErrDisk)
			assert.NotContains(t, texts(drain(t, s)), "lost", "it is not given to a reader")
			fs.Fail(nil)
			put(t, s, "after")
			assert.Equal(t, []string{"before", "", "after"}, firsts(drain(t, s)))
			require.NoError(t, s.Close())
			s = open(t, fs.Restart(nil), Settings{SegmentSize: 300})
			have := drain(t, s)
			assert.Equal(t, "before", have[kept])
			assert.Contains(t, texts(have), "after")
			require.NoError(t, s.Close())
		})
	}
}

// TestAFailedBatchStillAcknowledges: in this process and, once a segment could be
// begun, after a power loss.
func TestAFailedBatchStillAcknowledges(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		t.Run(op, func(t *testing.T) {
			fs := crashfs.New()
			s := open(t, fs, Settings{})
			old := put(t, s, "old")
			fs.Fail(func(which, _ string) error {
				if which == op {
					return crashfs.ErrDisk
				}
				return nil
			})
			_, err := s.Append(t.Context(), Batch{Records: [][]byte{[]byte("new")}, Acks: []ID{old}})
			require.ErrorIs(t, err, crashfs.ErrDisk)
			assert.Empty(t, drain(t, s))
			fs.Fail(nil)
			put(t, s, "more")
			assert.Equal(t, []string{"more"}, texts(drain(t, s)))
			after := open(t, fs.Restart(nil), Settings{})
			assert.Equal(t, []string{"more"}, texts(drain(t, after)))
			require.NoError(t, after.Close())
			require.NoError(t, s.Close())
		})
	}
}

// TestAFullDiskIsFreedByAcknowledging: not a byte can be written, and none need be.
func TestAFullDiskIsFreedByAcknowledging(t *testing.T) {
	fs := crashfs.New()
	s := open(t, fs, Settings{SegmentSize: 500, AckDelay: time.Millisecond})
	var ids []ID
	for n := range 10 {
		ids = append(ids, put(t, s, fmt.Sprint(n, strings.Repeat("x", 600))))
	}
	fs.Fail(func(op, _ string) error {
		if op == "write" || op == "create" {
			return crashfs.ErrDisk
		}
		return nil
	})
	before := fs.Size()
	_ = s.Ack(ids[2:8]...).Wait(t.Context())
	assert.Eventually(t, func() bool { return fs.Size() < before-5*600 }, 10*time.Second, time.Millisecond)
	want := []string{"0", "1", "8", "9"}
	assert.Equal(t, want, firsts(drain(t, s)))
	after := open(t, fs.Restart(nil), Settings{SegmentSize: 500})
	assert.Equal(t, want, firsts(drain(t, after)), "also after a crash at this moment")
	require.NoError(t, after.Close())
	fs.Fail(nil)
	put(t, s, "again")
	require.NoError(t, s.Close())
}

// TestDamage: what is flipped, cut or removed is named, or was not in use.
func TestDamage(t *testing.T) {
	for name, pad := range map[string]func(*Settings){"": func(*Settings) {}, "padded": padAll} {
		t.Run(name, func(t *testing.T) { damage(t, pad) })
	}
}

func damage(t *testing.T, pad func(*Settings)) {
	t.Helper()
	fs := crashfs.New()
	set := Settings{SegmentSize: 150}
	pad(&set)
	s := open(t, fs, set)
	w := newWorld()
	require.NoError(t, w.play(s, rand.New(rand.NewPCG(4, 4)), 40))
	put(t, s, "last")
	w.must = drain(t, s)
	require.NoError(t, s.Close())
	require.Greater(t, len(fs.Files()), 3)

	reopen := func(t *testing.T, change func(fs *crashfs.FS)) error {
		t.Helper()
		damaged := fs.Restart(nil)
		change(damaged)
		s, err := Open(Settings{Directory: testDir, FS: damaged, SegmentSize: 150, AckDelay: 1})
		if err != nil {
			var damage *DamageError
			require.ErrorAs(t, err, &damage)
			require.ErrorContains(t, err, "move the whole directory aside")
			return err
		}
		w.check(t, s)
		require.NoError(t, s.Close())
		return nil
	}
	paths := fs.Restart(nil).Files()
	for i, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			require.Error(t, reopen(t, func(fs *crashfs.FS) { assert.NoError(t, fs.Remove(path)) }), "missing")
			named, content := 0, fs.Data(path)
			last := i == len(paths)-1
			for at := range content {
				if reopen(t, func(fs *crashfs.FS) {
					fs.Edit(path, func(data []byte) []byte { data[at] ^= 1 << (at % 8); return data })
				}) != nil {
					named++
				}
				if last {
					continue // an end that is cut off looks like one that was torn by a crash
				}
				size := at
				if reopen(t, func(fs *crashfs.FS) { fs.Edit(path, func(data []byte) []byte { return data[:size] }) }) != nil {
					named++
				}
			}
			assert.Positive(t, named)
			if !last {
				assert.Greater(t, named, len(content), "almost every byte counts")
			}
		})
	}
	require.ErrorContains(t, reopen(t, func(fs *crashfs.FS) {
		fs.Edit(testDir+"/notes.txt", func(data []byte) []byte { return data })
	}), "no file of a spool")
	require.ErrorContains(t, reopen(t, func(fs *crashfs.FS) {
		fs.Edit(paths[0], func(data []byte) []byte { data[7] = 2; return data })
	}), "version")
}

func FuzzReadFrame(f *testing.F) {
	frame := appendFrame(nil, 7, nil, [][]byte{[]byte("a"), nil}, []idRange{{1, 2}, {5, 1}})
	sealFrame(frame, 0, 100)
	f.Add(frame)
	f.Add(appendFollowed(nil, 3))
	padding := appendPadding(nil, 64)
	sealFrame(padding, 0, 100)
	f.Add(padding)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, size, err := readFrame(data, 0)
		if err != nil || got.followed != 0 || got.padding {
			return
		}
		again := appendFrame(nil, got.first, nil, got.records, got.acks)
		sealFrame(again, 0, got.durable)
		second, _, err := readFrame(again, 0)
		require.NoError(t, err)
		assert.Equal(t, got.first, second.first)
		assert.Equal(t, got.acks, second.acks)
		assert.Len(t, second.records, len(got.records))
		assert.LessOrEqual(t, size, len(data))
	})
}

func FuzzReadHeader(f *testing.F) {
	f.Add(encodeHeader(&manifest{number: 3, first: 9, entries: []manifestEntry{{1, 1, 8, 99, []idRange{{0, 3}}}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _, err := readHeader(data)
		if err != nil {
			return
		}
		again, _, err := readHeader(encodeHeader(m))
		require.NoError(t, err)
		assert.Equal(t, m, again)
	})
}

func TestEnqueueAllocatesLittle(t *testing.T) {
	s := open(t, crashfs.New(), Settings{})
	record := bytes.Repeat([]byte("x"), 300)
	batch := Batch{Records: [][]byte{record}}
	allocs := testing.AllocsPerRun(200, func() {
		if err := s.Enqueue(batch).Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
	assert.LessOrEqual(t, allocs, 12.0) // the test's file system has most of them
	require.NoError(t, s.Close())
}
