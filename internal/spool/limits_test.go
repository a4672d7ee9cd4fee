package spool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAFullDiskAtStart: what only a .done file says is not forgotten while no header
// can be written.
func TestAFullDiskAtStart(t *testing.T) {
	for _, op := range []string{"create", "write", "sync", "rename", "syncdir"} {
		t.Run(op, func(t *testing.T) {
			fs := crashfs.New()
			set := Settings{Directory: testDir, FS: fs, SegmentSize: 100}
			s := open(t, fs, set)
			gone := put(t, s, strings.Repeat("a", 200))
			put(t, s, "kept")
			fs.Fail(func(op, _ string) error {
				if op == "write" || op == "create" {
					return crashfs.ErrDisk
				}
				return nil
			})
			require.ErrorIs(t, s.Ack(gone).Wait(t.Context()), crashfs.ErrDisk)
			require.Eventually(t, func() bool { return s.Stats().Segments == 1 }, 10*time.Second, time.Millisecond)
			require.NoError(t, s.Close())

			fs.Fail(func(which, _ string) error {
				if which == op {
					return crashfs.ErrDisk
				}
				return nil
			})
			_, err := Open(set)
			require.ErrorIs(t, err, crashfs.ErrDisk)
			for name, after := range map[string]*crashfs.FS{"restart": fs, "power loss": fs.Restart(nil)} {
				after.Fail(nil)
				set.FS = after
				s, err := Open(set)
				require.NoError(t, err, name)
				assert.Equal(t, []string{"kept"}, texts(drain(t, s)), name)
				require.NoError(t, s.Close())
			}
		})
	}
}

// TestPowerLossAtEveryCallOfAStart: with a .done file there.
func TestPowerLossAtEveryCallOfAStart(t *testing.T) {
	fs := crashfs.New()
	s := open(t, fs, Settings{SegmentSize: 100})
	gone := put(t, s, strings.Repeat("a", 200))
	put(t, s, "kept")
	fs.Fail(func(op, _ string) error {
		if op == "write" || op == "create" {
			return crashfs.ErrDisk
		}
		return nil
	})
	require.Error(t, s.Ack(gone).Wait(t.Context()))
	require.Eventually(t, func() bool { return s.Stats().Segments == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, s.Close())
	for at := 1; ; at++ {
		before := fs.Restart(nil)
		before.CrashAt(at)
		s, err := Open(Settings{Directory: testDir, FS: before, SegmentSize: 100})
		if err == nil {
			require.Greater(t, at, 5, "there was something to crash in")
			require.NoError(t, s.Close())
			return
		}
		// A removal may be on disk without a sync of the directory.
		for _, kept := range []bool{false, true} {
			if kept {
				before.KeepNames()
			}
			s, err := Open(Settings{Directory: testDir, FS: before.Restart(nil), SegmentSize: 100})
			require.NoError(t, err, "call %d", at)
			assert.Equal(t, []string{"kept"}, texts(drain(t, s)))
			require.NoError(t, s.Close())
		}
	}
}

func TestUnknownAcknowledgementsDoNoHarm(t *testing.T) {
	fs := crashfs.New()
	s := open(t, fs, Settings{})
	a := put(t, s, "a")
	require.NoError(t, s.Ack(math.MaxUint64, 0, a+1, a, a+2).Wait(t.Context()))
	require.NoError(t, s.Ack(math.MaxUint64).Wait(t.Context()))
	put(t, s, "b", "c")
	assert.Equal(t, []string{"b", "c"}, texts(drain(t, s)))
	require.NoError(t, s.Close())
	s = open(t, fs, Settings{})
	assert.Equal(t, []string{"b", "c"}, texts(drain(t, s)), "IDs that were not given yet stay unacknowledged")
	require.NoError(t, s.Close())
}

func TestRunsAreAcknowledged(t *testing.T) {
	runs := func(pairs ...uint64) iter.Seq2[ID, uint64] {
		return func(yield func(ID, uint64) bool) {
			for at := 0; at < len(pairs) && yield(ID(pairs[at]), pairs[at+1]); at += 2 {
			}
		}
	}
	for name, c := range map[string]struct {
		acked []uint64 // in pairs, counted from the first record
		left  []string
	}{
		"none":                   {nil, []string{"a", "b", "c", "d", "e", "f"}},
		"of no length":           {[]uint64{1, 0}, []string{"a", "b", "c", "d", "e", "f"}},
		"through segments":       {[]uint64{1, 3}, []string{"a", "e", "f"}},
		"next to each other":     {[]uint64{0, 1, 1, 1, 2, 2}, []string{"e", "f"}},
		"apart":                  {[]uint64{0, 1, 2, 1, 5, 1}, []string{"b", "d", "e"}},
		"all":                    {[]uint64{0, 6}, nil},
		"and some not given yet": {[]uint64{4, 1, 5, 3}, []string{"a", "b", "c", "d"}},
		"only such":              {[]uint64{6, 2, 9, 1}, []string{"a", "b", "c", "d", "e", "f"}},
	} {
		t.Run(name, func(t *testing.T) {
			fs := crashfs.New()
			s := open(t, fs, Settings{SegmentSize: 100})
			var first ID
			for i, text := range []string{"a", "b", "c", "d", "e", "f"} {
				if id := put(t, s, text); i == 0 {
					first = id
				}
			}
			require.Greater(t, s.Stats().Segments, 1)
			for at := 0; at < len(c.acked); at += 2 {
				c.acked[at] += uint64(first)
			}
			require.NoError(t, s.Enqueue(Batch{AckRanges: runs(c.acked...)}).Wait(t.Context()))
			assert.EqualValues(t, len(c.left), s.Stats().Records)
			assert.Equal(t, c.left, texts(drain(t, s)))
			put(t, s, "g", "h")
			require.NoError(t, s.Close())
			s = open(t, fs, Settings{})
			assert.Equal(t, append(c.left, "g", "h"), texts(drain(t, s)))
			require.NoError(t, s.Close())
		})
	}
	joined, err := (&Batch{AckRanges: runs(1, 2, 3, 1, 9, 1, 10, 0, 10, 5)}).ranges()
	require.NoError(t, err)
	assert.Equal(t, []idRange{{1, 3}, {9, 6}}, joined)
	s := open(t, crashfs.New(), Settings{})
	a := put(t, s, "a", "b", "c")
	require.ErrorContains(t, s.Enqueue(Batch{AckRanges: runs(uint64(a)+1, 2, uint64(a), 1)}).Wait(t.Context()), "can't be acknowledged behind")
	require.ErrorContains(t, s.Enqueue(Batch{AckRanges: runs(math.MaxUint64, 2)}).Wait(t.Context()), "can't be acknowledged behind")
	require.ErrorContains(t, s.Enqueue(Batch{Acks: []ID{a}, AckRanges: runs(uint64(a), 1)}).Wait(t.Context()), "both")
	assert.Equal(t, []string{"a", "b", "c"}, texts(drain(t, s)))
	require.NoError(t, s.Close())
}

// TestAForgedManifestTakesNoMemory: a checksum is no proof.
func TestAForgedManifestTakesNoMemory(t *testing.T) {
	for name, entry := range map[string]manifestEntry{
		"count":  {number: 1, first: 1, count: 1 << 60, length: 100},
		"length": {number: 1, first: 1, count: 1, length: -1},
		"acked":  {number: 1, first: 1, count: 1, length: 100, acked: []idRange{{0, 1 << 60}}},
		"first":  {number: 1, first: math.MaxUint64, count: 2, length: 100},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readHeader(encodeHeader(&manifest{number: 2, first: 2, entries: []manifestEntry{entry}}))
			require.ErrorIs(t, err, errContent)
		})
	}
	seg := &segment{first: 10}
	seg.add(5)
	seg.ackRange(idRange{from: 1, count: math.MaxUint64 - 1})
	assert.Zero(t, seg.unacked)
}

func TestTooLarge(t *testing.T) {
	s := open(t, crashfs.New(), Settings{MaxSize: 8000})
	require.ErrorIs(t, s.Reserve(t.Context(), 8001), ErrTooLarge)
	_, err := s.Append(t.Context(), Batch{Records: [][]byte{make([]byte, 8001)}})
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, "8001")
	// One slice many times: more than a frame holds, and hardly any memory.
	records := slices.Repeat([][]byte{make([]byte, 1<<20)}, maxBody>>20)
	require.ErrorIs(t, s.Enqueue(Batch{Records: records}).Wait(t.Context()), ErrTooLarge)
	put(t, s, "a")
	assert.Equal(t, []string{"a"}, texts(drain(t, s)))
	require.NoError(t, s.Close())
}

// TestRoomForALargeBatch: what is acknowledged in the last segment does not stand in
// its way, whether that comes before or after the caller.
func TestRoomForALargeBatch(t *testing.T) {
	for _, first := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, crashfs.New(), Settings{MaxSize: 8000})
			id := put(t, s, strings.Repeat("x", 600))
			if first {
				require.NoError(t, s.Ack(id).Wait(t.Context()))
			} else {
				time.AfterFunc(time.Second, func() { s.Ack(id) })
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := s.Append(ctx, Batch{Records: [][]byte{make([]byte, 7700)}})
			require.NoError(t, err)
			require.NoError(t, s.Close())
		})
	}
}

func TestASegmentIsClosedForItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := crashfs.New()
		s := open(t, fs, Settings{SegmentAge: time.Minute})
		id := put(t, s, "a")
		r := s.NewReader()
		record, err := r.TryNext()
		require.NoError(t, err)
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		isClosed := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.segments[0].number == record.Segment && s.segments[0].closed
		}
		assert.False(t, isClosed())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.True(t, isClosed(), "though nothing more was written")
		assert.Equal(t, 2, s.Stats().Segments)

		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, 2, s.Stats().Segments, "an empty one does not age")

		require.NoError(t, s.Ack(id).Wait(t.Context()))
		put(t, s, "b")
		fs.Fail(func(op, _ string) error {
			if op == "create" {
				return crashfs.ErrDisk
			}
			return nil
		})
		before := s.Stats().Segments
		time.Sleep(90 * time.Second)
		synctest.Wait()
		assert.Equal(t, before, s.Stats().Segments)
		fs.Fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, before+1, s.Stats().Segments, "it is tried again")
		require.NoError(t, r.Close())
		require.NoError(t, s.Close())
	})
}

// TestTheOldestIsOneThatWaits: what is delivered at once does not age because others of
// its segment wait, nor because a segment lasts long where little comes.
func TestTheOldestIsOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := crashfs.New()
		s := open(t, fs, Settings{})
		oldest := func() time.Duration { return s.Stats().Oldest.Round(time.Second) } // commits take a moment
		assert.Zero(t, s.Stats().Oldest)
		last := put(t, s, "first")
		for range 600 { // more than is remembered of a segment
			time.Sleep(10 * time.Second)
			id := put(t, s, "next")
			require.NoError(t, s.Ack(last).Wait(t.Context()))
			require.Zero(t, oldest())
			last = id
		}
		require.Equal(t, 1, s.Stats().Segments)
		kept := last
		time.Sleep(10 * time.Second)
		for range 600 {
			id := put(t, s, "next")
			require.NoError(t, s.Ack(id).Wait(t.Context()))
			time.Sleep(10 * time.Second)
		}
		assert.Equal(t, 6_010*time.Second, oldest())
		last = put(t, s, "last")
		require.NoError(t, s.Ack(kept).Wait(t.Context()))
		assert.Less(t, oldest(), 60*time.Second, "a hundredth of what waited when it came")
		time.Sleep(3 * time.Second)
		put(t, s, "one more")
		require.NoError(t, s.Ack(last).Wait(t.Context()))
		time.Sleep(2 * time.Second)
		assert.Equal(t, 2*time.Second, oldest())
		require.NoError(t, s.Close())

		s = open(t, fs, Settings{})
		assert.Zero(t, oldest(), "found just now")
		time.Sleep(5 * time.Second)
		put(t, s, "after")
		assert.Equal(t, 5*time.Second, oldest())
		require.NoError(t, s.Close())
	})
}

// TestTheOldestIsExact: of a hundred minutes of records that wait, to a hundredth.
func TestTheOldestIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, crashfs.New(), Settings{})
		var ids []ID
		begin := time.Now()
		came := map[ID]time.Duration{}
		for range 2000 {
			id := put(t, s, "x")
			ids = append(ids, id)
			came[id] = time.Since(begin)
			time.Sleep(3 * time.Second)
		}
		require.Equal(t, 1, s.Stats().Segments)
		for i, id := range ids[:len(ids)-1] {
			require.NoError(t, s.Ack(id).Wait(t.Context()))
			want := time.Since(begin) - came[ids[i+1]]
			got := s.Stats().Oldest
			require.GreaterOrEqual(t, got, want)
			require.Less(t, got, want+70*time.Second, "a hundredth of what has waited, and a little")
		}
		require.NoError(t, s.Close())
	})
}

// TestARecordMayLookLikeAFrame: after a power loss in the middle of its write, too.
func TestARecordMayLookLikeAFrame(t *testing.T) {
	fs := crashfs.New()
	s := open(t, fs, Settings{})
	put(t, s, "kept")
	before := fs.Size() // of one file
	forged := appendFrame(nil, 1, nil, nil, nil)
	for durable := range int64(300) {
		sealFrame(forged, 0, durable)
		forged = append(forged, forged[:frameHead+3]...)
	}
	put(t, s, strings.Repeat("p", 100)+string(forged))
	torn := fs.Restart(nil)
	require.NoError(t, s.Close())
	for _, path := range torn.Files() { // a block that was not written
		torn.Edit(path, func(data []byte) []byte { clear(data[before : before+40]); return data })
	}
	s = open(t, torn, Settings{})
	assert.Equal(t, []string{"kept"}, texts(drain(t, s)))
	assert.Positive(t, s.Recovered().Cut)
	require.NoError(t, s.Close())
}

// openedFS notes which files are opened.
type openedFS struct {
	diskfs.FS
	opened []string
}

func (f *openedFS) Open(path string) (diskfs.File, error) {
	f.opened = append(f.opened, filepath.Base(path))
	return f.FS.Open(path)
}

// TestAReaderThatBeginsLater reads no segment that is before its record.
func TestAReaderThatBeginsLater(t *testing.T) {
	fs := &openedFS{FS: crashfs.New()}
	set := Settings{SegmentSize: 300, SegmentAge: time.Hour}
	s := open(t, fs, set)
	for n := range 20 {
		put(t, s, fmt.Sprint(n, strings.Repeat("x", 60)), fmt.Sprint(n, "+", strings.Repeat("x", 60)))
	}
	require.NoError(t, s.Ack(25).Wait(t.Context()))
	require.NoError(t, s.Close())
	s = open(t, fs, set)
	for from := range ID(45) {
		fs.opened = nil
		r := s.NewReaderFrom(from)
		var got []ID
		for {
			record, err := r.TryNext()
			if errors.Is(err, ErrDrained) {
				break
			}
			require.NoError(t, err)
			got = append(got, record.ID)
		}
		var want []ID
		for id := max(from, 1); id <= 40; id++ {
			if id != 25 {
				want = append(want, id)
			}
		}
		require.Equal(t, want, got)
		require.NoError(t, r.Close())
		require.LessOrEqual(t, len(fs.opened), len(want)/4+1, "from %d: %v", from, fs.opened)
	}
	// One that waits at the end begins with what is written later.
	r := s.NewReaderFrom(43)
	_, err := r.TryNext()
	require.ErrorIs(t, err, ErrDrained)
	assert.Equal(t, ID(41), put(t, s, "41", "42", "43"))
	record, err := r.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "43", string(record.Payload))
	require.NoError(t, r.Close())
	require.NoError(t, s.Close())
}

func TestBehindNamesWhatIsOld(t *testing.T) {
	s, err := Open(Settings{Directory: t.TempDir(), SegmentSize: 1000})
	require.NoError(t, err)
	assert.Zero(t, s.Behind(0))
	var ids []ID
	for range 20 {
		id, err := s.Append(t.Context(), Batch{Records: [][]byte{make([]byte, 600)}})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	newest := s.Behind(1)
	assert.Contains(t, ids, newest)
	assert.Less(t, newest, ids[19])
	assert.Less(t, s.Behind(5000), newest-5)
	assert.Zero(t, s.Behind(1<<20))
	require.NoError(t, s.Close())
}

func TestFailedIsToldFirst(t *testing.T) {
	d := &failing{FS: diskfs.OS()}
	type span struct{ first, last ID }
	var told []span
	var s *Spool
	var advanced []ID
	set := Settings{
		Directory: t.TempDir(), FS: d, Failed: func(first, last ID) { told = append(told, span{first, last}) },
		Advanced: func() { advanced = append(advanced, s.Settled()) },
	}
	s, err := Open(set)
	require.NoError(t, err)
	one := Batch{Records: [][]byte{{1}, {2}}}
	_, err = s.Append(t.Context(), one)
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.Settled())
	d.fail.Store(true)
	_, err = s.Append(t.Context(), one)
	require.ErrorIs(t, err, errFailing)
	assert.Equal(t, []span{{3, 4}}, told)
	assert.EqualValues(t, 4, s.Settled())
	d.fail.Store(false)
	_, err = s.Append(t.Context(), one)
	require.NoError(t, err)
	assert.Len(t, told, 1)
	s.Ack(5)
	require.NoError(t, s.Close())
	assert.Equal(t, []ID{2, 4, 6}, advanced, "each time before Close has ended")
	ticket := s.Enqueue(one)
	require.ErrorIs(t, ticket.Err(), ErrClosed)
	s, err = Open(set)
	require.NoError(t, err)
	assert.EqualValues(t, 6, s.Settled(), "what is found is on disk")
	require.NoError(t, s.Close())
}

var errFailing = errors.New("the test's disk fails")

// failing is a file system whose files can't be synced.
type failing struct {
	diskfs.FS
	fail atomic.Bool
}

func (f *failing) Create(path string) (diskfs.File, error) {
	file, err := f.FS.Create(path)
	return failingFile{file, f}, err
}

type failingFile struct {
	diskfs.File
	fs *failing
}

func (f failingFile) Sync() error {
	if f.fs.fail.Load() {
		return errFailing
	}
	return f.File.Sync()
}

// TestALazyBatchWaitsForOthers, or for AckDelay, or for Close.
func TestALazyBatchWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := Settings{Directory: "/spool", FS: crashfs.New(), AckDelay: time.Minute}
		s, err := Open(set)
		require.NoError(t, err)
		begin := time.Now()
		lazy := Batch{Records: [][]byte{{1}}, Lazy: true}
		_, err = s.Append(t.Context(), lazy)
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(begin))

		syncs := s.Stats().Syncs
		ticket := s.Enqueue(lazy)
		_, err = s.Append(t.Context(), Batch{Records: [][]byte{{2}}})
		require.NoError(t, err)
		require.NoError(t, ticket.Wait(t.Context()))
		assert.Equal(t, time.Minute, time.Since(begin), "with the next one, at once")
		assert.Equal(t, syncs+1, s.Stats().Syncs)

		s.Enqueue(lazy)
		require.NoError(t, s.Close())
		assert.Equal(t, time.Minute, time.Since(begin))
		s, err = Open(set)
		require.NoError(t, err)
		assert.EqualValues(t, 4, s.Recovered().Records)
		require.NoError(t, s.Close())
	})
}
