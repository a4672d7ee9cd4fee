package spool

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLargeGroups: past the kernel's cache where the file system can do that, from
// memory and from the file.
func TestLargeGroups(t *testing.T) {
	set := Settings{Directory: filepath.Join(t.TempDir(), "s"), SegmentSize: 6 << 20}
	s := open(t, nil, set)
	following := s.NewReader()
	want := make(map[ID]string)
	var mu sync.Mutex
	var all sync.WaitGroup
	const callers, each = 8, 20
	for c := range callers {
		all.Go(func() {
			for n := range each {
				text := strings.Repeat(fmt.Sprint(c, "/", n, " "), 1<<(n%15))
				id, err := s.Append(t.Context(), Batch{Records: [][]byte{[]byte(text), bytes.Repeat([]byte("y"), 150<<10)}})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				want[id] = text
				mu.Unlock()
			}
		})
	}
	have := make(map[ID]string)
	for n := range ID(2 * callers * each) {
		record, err := following.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, firstID+n, record.ID)
		if n%2 == 0 {
			have[record.ID] = string(record.Payload)
		} else {
			require.Len(t, record.Payload, 150<<10)
		}
	}
	all.Wait()
	assert.Equal(t, want, have)
	require.NoError(t, following.Close())
	assert.Empty(t, s.recent.chunks, "nobody reads any more")
	check := func() {
		have := drain(t, s)
		assert.Len(t, have, 2*callers*each)
		for id, text := range want {
			require.Equal(t, text, have[id])
		}
	}
	check()
	require.NoError(t, s.Close())
	s = open(t, nil, set)
	check()
	require.NoError(t, s.Close())
}

// TestARecordStaysUntilTheNextCall: whatever is written meanwhile, also where its
// memory was to be used again.
func TestARecordStaysUntilTheNextCall(t *testing.T) {
	s := open(t, crashfs.New(), Settings{})
	r := s.NewReader()
	big := bytes.Repeat([]byte("a"), 1<<20)
	for range 3 {
		_, err := s.Append(t.Context(), Batch{Records: [][]byte{big}})
		require.NoError(t, err)
	}
	record, err := r.Next(t.Context())
	require.NoError(t, err)
	other := bytes.Repeat([]byte("b"), 1<<20)
	for range 3 * maxRecent >> 20 {
		_, err := s.Append(t.Context(), Batch{Records: [][]byte{other}})
		require.NoError(t, err)
	}
	assert.True(t, bytes.Equal(big, record.Payload))
	s.mu.Lock()
	assert.LessOrEqual(t, s.recent.size, maxRecent)
	assert.True(t, r.chunk.evicted)
	s.mu.Unlock()
	for n := range 2 {
		record, err = r.Next(t.Context())
		require.NoError(t, err, "from the file")
		assert.True(t, bytes.Equal(big, record.Payload), n)
	}
	record, err = r.Next(t.Context())
	require.NoError(t, err)
	assert.True(t, bytes.Equal(other, record.Payload))
	require.NoError(t, r.Close())
	require.NoError(t, s.Close())
}

// emptyingFS lets something happen before a file is read.
type emptyingFS struct {
	*crashfs.FS
	before func()
}

type emptyingFile struct {
	diskfs.File
	fs *emptyingFS
}

func (fs *emptyingFS) Open(path string) (diskfs.File, error) {
	f, err := fs.FS.Open(path)
	return &emptyingFile{f, fs}, err
}

func (f *emptyingFile) ReadAt(p []byte, off int64) (int, error) {
	if before := f.fs.before; before != nil {
		f.fs.before = nil
		before()
	}
	return f.File.ReadAt(p, off)
}

// TestASegmentIsEmptiedWhileItIsRead: its records are acknowledged, and the disk is full.
func TestASegmentIsEmptiedWhileItIsRead(t *testing.T) {
	fs := &emptyingFS{FS: crashfs.New()}
	s := open(t, fs, Settings{SegmentSize: 100})
	gone := put(t, s, strings.Repeat("a", 200))
	put(t, s, "kept")
	r := s.NewReader()
	fs.before = func() {
		fs.Fail(func(op, _ string) error {
			if op == "write" || op == "create" {
				return crashfs.ErrDisk
			}
			return nil
		})
		_ = s.Ack(gone).Wait(t.Context())
		for s.Stats().Segments > 1 {
			s.mu.Lock()
			changed := s.changed
			s.mu.Unlock()
			if s.Stats().Segments > 1 {
				<-changed
			}
		}
	}
	record, err := r.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "kept", string(record.Payload))
	require.NoError(t, r.Close())
	fs.Fail(nil)
	require.NoError(t, s.Close())
}

func TestPadding(t *testing.T) {
	for at := range int64(200) {
		size := paddingSize(at, 64)
		assert.Zero(t, (at+int64(size))%64)
		if at%64 == 0 {
			assert.Zero(t, size)
			continue
		}
		padding := appendPadding([]byte("before"), size)[len("before"):]
		require.Len(t, padding, size)
		sealFrame(padding, 5, at)
		f, n, err := readFrame(padding, 5)
		require.NoError(t, err)
		assert.True(t, f.padding)
		assert.Equal(t, size, n)
	}
	forged := appendPadding(nil, 64)
	forged[60] = 1
	forged = finishFrame(forged, 0, 0)
	sealFrame(forged, 5, 0)
	_, _, err := readFrame(forged, 5)
	require.ErrorIs(t, err, errContent)
}

// TestBuffersAreUsedAgain: the largest are kept, one is given that is large enough, and what
// a group has outgrown is not lost.
func TestBuffersAreUsedAgain(t *testing.T) {
	const most = 1 << 20
	s := &Spool{set: Settings{groupSize: most, block: 4096}}
	assert.Nil(t, s.spareLocked(1))
	s.reuseLocked(make([]byte, minBuffer-1))
	s.reuseLocked(make([]byte, most+s.padding()+1))
	assert.Empty(t, s.spare)
	for i := range maxSpare {
		s.reuseLocked(make([]byte, minBuffer+i))
	}
	s.reuseLocked(make([]byte, minBuffer)) // no larger than the smallest
	require.Len(t, s.spare, maxSpare)
	s.reuseLocked(make([]byte, most))
	require.Len(t, s.spare, maxSpare)
	for _, c := range []struct{ size, want int }{
		{minBuffer + 2, minBuffer + 7}, {minBuffer + 2, minBuffer + 6}, {minBuffer + 7, most}, {minBuffer + 6, 0}, {1, minBuffer + 5},
	} {
		got := s.spareLocked(c.size)
		assert.Empty(t, got)
		assert.Equal(t, c.want, cap(got))
	}
	assert.Len(t, s.spare, 4)

	s = &Spool{set: Settings{groupSize: most, block: 4096}}
	g := s.groupLocked(minBuffer)
	g.buf = append(g.buf, "what is there"...)
	first := cap(g.buf)
	require.Same(t, g, s.groupLocked(first))
	assert.Equal(t, "what is there", string(g.buf))
	require.Len(t, s.spare, 1)
	assert.Equal(t, first, cap(s.spare[0]))
	s.pending = nil
	assert.Equal(t, first, cap(s.groupLocked(minBuffer).buf))
	assert.Empty(t, s.spare)
}
