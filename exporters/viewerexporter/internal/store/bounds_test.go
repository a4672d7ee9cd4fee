package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func diskUsage(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.Name() != "lock" {
			bytes += info.Size()
		}
	}
	return bytes
}

func TestMaxSize(t *testing.T) {
	dir := t.TempDir()
	g := newTraffic(time.Millisecond)
	s := open(t, Settings{Directory: dir, MaxSize: MinSize, Now: func() time.Time { return start }})
	for range 25 {
		require.Zero(t, s.Add(g.batch(1000)))
		require.NoError(t, s.Flush(t.Context()))
		stats := s.Stats()
		require.LessOrEqual(t, stats.Bytes, int64(MinSize))
		require.Equal(t, diskUsage(t, dir), stats.Bytes)
	}
	stats := s.Stats()
	assert.Positive(t, stats.Gone)
	assert.Equal(t, int64(25_000), stats.Records+stats.Gone)
	assert.Greater(t, stats.Bytes, int64(MinSize)*8/10, "the room is used")
	page, err := s.Records(t.Context(), query.Query{}, Range{}, false, 1, "")
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	assert.WithinDuration(t, g.at, page.Records[0].Time, 3*time.Second, "the oldest go")
}

func TestMaxAge(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	now := start
	settings := Settings{Directory: dir, MaxAge: time.Hour, blockRecords: 10, FlushInterval: time.Hour, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}}
	s := open(t, settings)
	for i := range 240 { // four hours, and event times that are of no use
		mu.Lock()
		now = start.Add(time.Duration(i) * time.Minute)
		mu.Unlock()
		require.Zero(t, s.Add([]record.Record{{Time: start.AddDate(0, 0, i%3), Body: int64(i)}}))
		require.NoError(t, s.Flush(t.Context()))
		stats := s.Stats()
		require.LessOrEqual(t, stats.Records, int64(65))
		require.Equal(t, int64(i+1), stats.Records+stats.Gone)
	}
	assert.Greater(t, s.Stats().Records, int64(55))
	mu.Lock()
	now = now.Add(2 * time.Hour)
	mu.Unlock()
	require.NoError(t, s.Close())
	s = open(t, settings)
	require.NoError(t, s.Flush(t.Context()))
	assert.Zero(t, s.Stats().Records, "at once when it is opened")
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(files), 1)
}

func TestHugeAndHostileRecords(t *testing.T) {
	s := open(t, Settings{MaxWaiting: 64 << 20, MaxSize: 64 << 20})
	var records []record.Record
	for i := range 300 {
		var fields []record.Field
		for j := range 30 {
			fields = append(fields, record.Field{Name: fmt.Sprint("name ", i, " ", j), Value: int64(j)})
		}
		records = append(records, record.Record{Body: "many names", Attributes: fields})
	}
	deep := any("bottom")
	for range 500 {
		deep = []any{deep}
	}
	letters := make([]byte, 3<<20)
	dice := rand.New(rand.NewPCG(1, 1))
	for i := range letters {
		letters[i] = byte('a' + dice.IntN(26))
	}
	records = append(records,
		record.Record{Body: string(letters) + " needle"},
		record.Record{Body: strings.Repeat("0123456789abcdef ", 100_000) + "pinpinpin"},
		record.Record{Body: deep, Attributes: []record.Field{{Name: "", Value: "no name"}, {Name: "b", Value: 1.0}, {Name: "a", Value: 1.0}, {Name: "a", Value: 2.0}}},
		record.Record{Body: strings.Repeat("x", 9<<20), Service: "too large"},
		record.Record{Body: struct{ A int }{7}, Service: "strange"},
	)
	assert.Equal(t, 1, s.Add(records))
	require.NoError(t, s.Flush(t.Context()))
	require.Zero(t, s.Add(make([]record.Record, maxBlockRecords)), "so that all are in blocks")
	require.NoError(t, s.Flush(t.Context()))
	for text, want := range map[string]int{
		`"many names"`: 300, `"name 299 29":29`: 1, `"name 3 9":*`: 1, "needle": 1, "pinpinpin": 1, "bottom": 1, `service:"too large"`: 0, "a:2": 1, "a:1": 0, "b:1": 1, "service:strange": 1,
	} {
		assert.Len(t, walk(t, s, parse(t, text), Range{}, true, 1000), want, text)
	}
	assert.Empty(t, s.Stats().Damaged)
}

func TestPageIsBoundedInBytes(t *testing.T) {
	s := open(t, Settings{MaxWaiting: 64 << 20})
	var records []record.Record
	for range 20 {
		records = append(records, record.Record{Body: strings.Repeat("large ", 200_000)})
	}
	require.Zero(t, s.Add(records))
	require.NoError(t, s.Flush(t.Context()))
	page, err := s.Records(t.Context(), query.Query{}, Range{}, true, 100, "")
	require.NoError(t, err)
	assert.Len(t, page.Records, 6)
	assert.True(t, page.Complete)
	assert.Len(t, walk(t, s, query.Query{}, Range{}, false, 100), 20)
}

// While records come in and the oldest go, each walk gives what was there at its first page, once, in order.
func TestCursorsUnderIngest(t *testing.T) {
	s := open(t, Settings{blockRecords: 50, MaxWaiting: 64 << 20, FlushInterval: 20 * time.Millisecond})
	add := func(from, n int) {
		batch := make([]record.Record, n)
		for i := range batch {
			k := from + i
			batch[i] = record.Record{Time: start.Add(time.Duration(k*7919%1000) * time.Second), Body: int64(k), Service: []string{"a", "b"}[k%2]}
		}
		assert.Zero(t, s.Add(batch))
	}
	add(0, 1000)
	require.NoError(t, s.Flush(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	var writers, readers sync.WaitGroup
	writers.Go(func() {
		for k := 1000; ctx.Err() == nil && k < 50_000; k += 100 {
			add(k, 100)
			time.Sleep(time.Millisecond)
		}
	})
	for reader := range 3 {
		readers.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(reader), 1))
			for range 2 {
				before := s.Stats().Records
				oldest, cursor, seen := dice.IntN(2) == 0, "", map[int64]bool{}
				var last record.Record
				for {
					page, err := s.Records(ctx, query.Query{}, Range{}, oldest, 100+dice.IntN(900), cursor)
					if err != nil {
						assert.Fail(t, err.Error())
						return
					}
					for _, r := range page.Records {
						if last.ID != 0 {
							before := r.Time.After(last.Time) || r.Time.Equal(last.Time) && r.ID > last.ID
							assert.Equal(t, oldest, before)
						}
						assert.False(t, seen[r.Body.(int64)])
						seen[r.Body.(int64)] = true
						last = r
					}
					if cursor = page.Next; cursor == "" {
						break
					}
				}
				assert.GreaterOrEqual(t, int64(len(seen)), before)
				for k := range int64(len(seen)) {
					if !assert.True(t, seen[k], "what arrived first is there without a hole") {
						return
					}
				}
				_, err := s.Volume(ctx, query.Query{}, start, time.Second, 1000)
				_, _, _, facetsErr := s.Facets(ctx, query.Query{}, Range{}, nil, 5)
				assert.NoError(t, errors.Join(err, facetsErr))
			}
		})
	}
	readers.Wait()
	cancel()
	writers.Wait()
	assert.Zero(t, s.Stats().LeftOut)
}

// Segments go while they are read, and what is read stays readable.
func TestReadersOfWhatGoes(t *testing.T) {
	g := newTraffic(time.Millisecond)
	var mu sync.Mutex
	s := open(t, Settings{MaxSize: MinSize, MaxWaiting: 64 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for range 25 {
			mu.Lock()
			batch := g.batch(1000)
			mu.Unlock()
			s.Add(batch)
			if err := s.Flush(context.WithoutCancel(ctx)); err != nil {
				assert.Fail(t, err.Error())
			}
		}
		cancel()
	})
	for _, text := range []string{"", "invoice", "http.route:/login", "level>=error"} {
		q := parse(t, text)
		all.Go(func() {
			for ctx.Err() == nil {
				cursor := ""
				for ctx.Err() == nil {
					page, err := s.Records(ctx, q, Range{}, true, 500, cursor)
					if ctx.Err() == nil {
						assert.NoError(t, err)
					}
					if cursor = page.Next; cursor == "" {
						break
					}
				}
			}
		})
	}
	all.Wait()
	assert.Empty(t, s.Stats().Damaged)
}

func TestQueriesEndWithTheirContext(t *testing.T) {
	s := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Records(ctx, query.Query{}, Range{}, true, 10, "")
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Volume(ctx, parse(t, "line"), start, time.Minute, 10)
	require.ErrorIs(t, err, context.Canceled)
	_, _, _, err = s.Facets(ctx, query.Query{}, Range{}, nil, 10)
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.Story(ctx, "r-1", "", 10)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Wait(ctx, s.Cursor()), context.Canceled)
}

// A block of bytes that someone else made is an error, never a crash.
func FuzzReadColumn(f *testing.F) {
	d := newDice(1)
	var e columnEncoder
	for range 30 {
		var c cells
		c.reset(20)
		for row := range c.kinds {
			if d.IntN(4) > 0 {
				c.set(row, d.value(0))
			}
		}
		if c.there() > 0 {
			column, _ := e.append(nil, &c)
			f.Add(string(column))
		}
	}
	for _, text := range []string{"%032x", "0197f3a0-4c6e-7000-8000-%012x"} {
		var c cells
		c.reset(20)
		for row := range c.kinds {
			if row != 7 {
				c.text(row, fmt.Sprintf(text, row%5))
			}
		}
		e.distinct = nil
		f.Add(string(e.appendTexts(nil, &c)))
	}
	f.Fuzz(func(t *testing.T, src string) {
		c, err := readColumn(src, 20)
		if err != nil {
			return
		}
		for row := range 20 {
			if v, ok := c.at(row); ok {
				if got := string(c.appendText(nil, row)); got != record.Text(v) {
					t.Fatalf("%q and %q", got, record.Text(v))
				}
			}
		}
	})
}

func FuzzReadFooter(f *testing.F) {
	builder, err := newBlockBuilder()
	require.NoError(f, err)
	d := newDice(2)
	records := make([]record.Record, 9)
	for i := range records {
		records[i] = d.record()
		records[i].ID = uint64(i*i + 1)
		normalise(&records[i])
	}
	_, k := builder.append(nil, []chunk{{records: records, n: len(records)}})
	f.Add(string(appendFooter(nil, k, builder.places)))
	f.Fuzz(func(_ *testing.T, src string) {
		k := block{size: 1 << 20}
		if _, err := k.readFooter(src); err != nil {
			return
		}
		_, _ = k.ids.row(5)
	})
}
