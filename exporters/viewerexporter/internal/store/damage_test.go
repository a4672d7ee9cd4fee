package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/internal/crashfs"
)

// written is a file system with a closed store: three blocks and a head in the journal, 35 records in all.
func written(t *testing.T) (fs *crashfs.FS, records []record.Record) {
	t.Helper()
	fs = crashfs.New()
	s, err := Open(inMemory(fs))
	require.NoError(t, err)
	d := newDice(3)
	for i := range 35 {
		r := d.record()
		r.Body, r.Attributes = fmt.Sprint("body ", i), append(r.Attributes, record.Field{Name: "number", Value: int64(i)})
		records = append(records, r)
	}
	require.Zero(t, s.Add(records))
	require.NoError(t, s.Flush(t.Context()))
	require.NoError(t, s.Close())
	return fs, records
}

func inMemory(fs *crashfs.FS) Settings {
	return Settings{Directory: "store", fs: fs, blockRecords: 10, Now: func() time.Time { return start }, FlushInterval: time.Hour, QueryTime: time.Minute}
}

// dataFiles are those with records.
func dataFiles(fs *crashfs.FS) (out []string) {
	for _, path := range fs.Files() {
		if name := filepath.Base(path); strings.HasSuffix(name, segmentSuffix) || name == journalName {
			out = append(out, path)
		}
	}
	return out
}

// checkDamaged opens a store with damage and asks it all kinds of things: what it gives is what was written, and what
// is missing is named. It gives how many records are there.
func checkDamaged(t *testing.T, fs *crashfs.FS, records []record.Record, message string) int {
	t.Helper()
	s, err := Open(inMemory(fs))
	require.NoError(t, err, message)
	defer func() { require.NoError(t, s.Close()) }()
	ctx := t.Context()
	_, err = s.Volume(ctx, parse(t, "number>=0"), start, time.Minute, 60)
	require.NoError(t, err, message)
	_, _, _, err = s.Facets(ctx, query.Query{}, Range{}, nil, 10)
	require.NoError(t, err, message)
	_, err = s.Fields(ctx, "", Range{}, 10)
	require.NoError(t, err, message)
	word, err := s.Records(ctx, parse(t, `body "body 17"`), Range{}, true, 100, "")
	require.NoError(t, err, message)
	page, err := s.Records(ctx, query.Query{}, Range{}, true, 100, "")
	require.NoError(t, err, message)
	for i := range page.Records {
		r := page.Records[i]
		n, ok := number(&r)
		require.True(t, ok, message)
		want := records[n]
		want.ID, want.Arrived = r.ID, start
		normalise(&want)
		same(t, []record.Record{want}, []record.Record{r}, message)
		if n == 17 {
			assert.Len(t, word.Records, 1, message)
		}
	}
	stats := s.Stats()
	if len(page.Records) < len(records) {
		assert.NotEmpty(t, stats.Damaged, message)
		assert.True(t, strings.Contains(stats.Damaged[0], segmentSuffix) || strings.Contains(stats.Damaged[0], journalName), stats.Damaged[0])
	}
	assert.Equal(t, len(page.Records), int(stats.Records+stats.Spans), message)
	// It goes on from here.
	require.Zero(t, s.Add([]record.Record{{Body: "afterwards"}}))
	require.NoError(t, s.Flush(ctx))
	after, err := s.Records(ctx, parse(t, "afterwards"), Range{}, true, 10, "")
	require.NoError(t, err, message)
	assert.Len(t, after.Records, 1, message)
	return len(page.Records)
}

func number(r *record.Record) (int, bool) {
	for i := range r.Attributes {
		if r.Attributes[i].Name == "number" {
			n, ok := r.Attributes[i].Value.(int64)
			return int(n), ok
		}
	}
	return 0, false
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	fs, records := written(t)
	require.Len(t, dataFiles(fs), 2)
	require.Equal(t, 35, checkDamaged(t, fs.Killed(), records, "nothing"))
	dice := rand.New(rand.NewPCG(1, 1))
	for _, path := range dataFiles(fs) {
		size := len(fs.Data(path))
		// Each byte of the first and the last of a file, and of what is between some.
		for at := 0; at < size; at += 1 + dice.IntN(1+size/200) {
			bit := dice.IntN(8)
			damaged := fs.Killed()
			damaged.Edit(path, func(data []byte) []byte {
				data[at] ^= 1 << bit
				return data
			})
			left := checkDamaged(t, damaged, records, fmt.Sprintf("%s byte %d of %d, bit %d", path, at, size, bit))
			// A filter's line, or a part of the journal, or a block; or the bit is one that nothing asked for.
			assert.Contains(t, []int{25, 30, 35}, left)
		}
	}
}

func TestEveryTruncationIsSurvived(t *testing.T) {
	fs, records := written(t)
	for _, path := range dataFiles(fs) {
		size := len(fs.Data(path))
		for at := 0; at < size; at += 1 + size/150 {
			damaged := fs.Killed()
			damaged.Edit(path, func(data []byte) []byte { return data[:at] })
			checkTruncated(t, damaged, records, fmt.Sprintf("%s cut at %d of %d", path, at, size))
		}
	}
}

// checkTruncated is checkDamaged, but where a file is cut between two blocks nobody can know that there was more.
func checkTruncated(t *testing.T, fs *crashfs.FS, records []record.Record, message string) {
	t.Helper()
	s, err := Open(inMemory(fs.Killed()))
	require.NoError(t, err, message)
	whole := len(s.Stats().Damaged) == 0
	stats := s.Stats()
	require.NoError(t, s.Close())
	if whole {
		assert.Contains(t, []int64{5, 15, 25, 30, 35}, stats.Records+stats.Spans, message)
		return
	}
	checkDamaged(t, fs.Killed(), records, message)
}

func TestGarbageBetweenBlocks(t *testing.T) {
	fs, records := written(t)
	path := dataFiles(fs)[0]
	if !strings.HasSuffix(path, segmentSuffix) {
		path = dataFiles(fs)[1]
	}
	fs = fs.Killed()
	fs.Edit(path, func(data []byte) []byte {
		garbage := []byte(strings.Repeat("garbage HWVB ", 9000))
		return append(garbage, data...)
	})
	require.Equal(t, 35, checkDamaged(t, fs, records, "garbage before"))
}

func TestNewerVersionStays(t *testing.T) {
	fs, records := written(t)
	for _, path := range dataFiles(fs) {
		if strings.HasSuffix(path, segmentSuffix) {
			fs = fs.Killed()
			fs.Edit(path, func([]byte) []byte {
				k := block{size: 100, footerOffset: 50, footerSize: 50}
				data := make([]byte, 100)
				k.putHead(data)
				data[4] = 2 // the version; its checksum is wrong now, too
				return data
			})
		}
	}
	checkDamaged(t, fs, records, "version")
	files := 0
	for _, path := range dataFiles(fs) {
		if strings.HasSuffix(path, segmentSuffix) {
			files++
		}
	}
	assert.Equal(t, 1, files, "a file that can't be read is not removed")
}

// A crash at each call that changes something loses what was not flushed, and nothing else.
func TestKilledAnywhere(t *testing.T) {
	run := func(fs *crashfs.FS) (flushed int) {
		s, err := Open(inMemory(fs))
		if err != nil {
			return 0
		}
		defer func() { _ = s.Close() }()
		for i := range 8 {
			batch := make([]record.Record, 4)
			for j := range batch {
				batch[j] = record.Record{Body: int64(4*i + j), Time: start.Add(time.Duration(4*i+j) * time.Second)}
			}
			s.Add(batch)
			if s.Flush(t.Context()) == nil && !fs.Crashed() {
				flushed += 4
			}
		}
		return flushed
	}
	whole := crashfs.New()
	require.Equal(t, 32, run(whole))
	for at := 1; at <= whole.Calls(); at++ {
		fs := crashfs.New()
		fs.CrashAt(at)
		flushed := run(fs)
		s, err := Open(inMemory(fs.Killed()))
		require.NoError(t, err, at)
		page, err := s.Records(t.Context(), query.Query{}, Range{}, true, 100, "")
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(page.Records), flushed, at)
		require.Equal(t, int64(len(page.Records)), s.Stats().Records, at)
		for i := range page.Records {
			require.Equal(t, int64(i), page.Records[i].Body, "crash at call %d: each record once, in order", at)
		}
		require.NoError(t, s.Close())
	}
}

func TestFullDisk(t *testing.T) {
	fs := crashfs.New()
	s, err := Open(inMemory(fs))
	require.NoError(t, err)
	add := func(from, n int) {
		t.Helper()
		batch := make([]record.Record, n)
		for i := range batch {
			batch[i] = record.Record{Body: int64(from + i), Time: start.Add(time.Duration(from+i) * time.Second)}
		}
		require.Zero(t, s.Add(batch))
	}
	add(0, 55)
	require.NoError(t, s.Flush(t.Context()))
	full := true
	fs.Fail(func(op, _ string) error {
		if full && (op == "write" || op == "create") {
			return fmt.Errorf("write: %w", syscall.ENOSPC)
		}
		return nil
	})
	add(55, 40)
	require.ErrorIs(t, s.Flush(t.Context()), syscall.ENOSPC)
	stats := s.Stats()
	assert.Equal(t, int64(40), stats.LeftOut, "the head of 50 to 59, and what followed")
	assert.Equal(t, int64(50), stats.Gone, "the oldest went")
	v, err := s.Volume(t.Context(), query.Query{}, start, time.Hour, 1)
	require.NoError(t, err)
	assert.Equal(t, []int{40}, v.LeftOut)
	assert.Equal(t, 5, v.Total, "the head has what a block is not full of yet")

	full = false
	add(95, 30)
	require.NoError(t, s.Flush(t.Context()))
	page, err := s.Records(t.Context(), query.Query{}, Range{}, true, 100, "")
	require.NoError(t, err)
	assert.Len(t, page.Records, 35)
	require.NoError(t, s.Close())
	s, err = Open(inMemory(fs))
	require.NoError(t, err)
	assert.Empty(t, s.Stats().Damaged)
	assert.Equal(t, int64(35), s.Stats().Records)
	require.NoError(t, s.Close())
}

// A file that is there twice, under a name that makes it the oldest, is left out by name.
func TestSameBlocksTwice(t *testing.T) {
	fs, records := written(t)
	fs = fs.Killed()
	for _, path := range dataFiles(fs) {
		if strings.HasSuffix(path, segmentSuffix) {
			data := fs.Data(path)
			fs.Edit(filepath.Join("store", segmentName(1)), func([]byte) []byte { return data })
		}
	}
	s, err := Open(inMemory(fs))
	require.NoError(t, err)
	assert.Len(t, s.Stats().Damaged, 3)
	assert.Equal(t, int64(len(records)), s.Stats().Records+s.Stats().Spans)
	require.NoError(t, s.Close())
	require.Equal(t, len(records), checkDamaged(t, fs, records, "twice"))
}
