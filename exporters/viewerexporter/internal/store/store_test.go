package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, settings Settings) *Store {
	t.Helper()
	if settings.Directory == "" {
		settings.Directory = t.TempDir()
	}
	if settings.QueryTime == 0 {
		settings.QueryTime = time.Minute // a busy machine
	}
	s, err := Open(settings)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func parse(t *testing.T, text string) query.Query {
	t.Helper()
	q, err := query.Parse(text)
	require.NoError(t, err)
	return q
}

func bodies(records []record.Record) (out []string) {
	for i := range records {
		out = append(out, record.Text(records[i].Body))
	}
	return out
}

func TestRecordsInPages(t *testing.T) {
	ctx := t.Context()
	s := open(t, Settings{})
	var all []record.Record
	for i := range 10 {
		all = append(all, record.Record{Time: start.Add(time.Duration(i%5) * time.Second), Service: "api", Body: fmt.Sprint("line ", i)})
	}
	assert.Zero(t, s.Add(all))
	require.NoError(t, s.Flush(ctx))

	walk := func(oldest bool, limit int) (out []string) {
		t.Helper()
		cursor := ""
		for {
			page, err := s.Records(ctx, parse(t, "line service:api"), Range{start, start.Add(4 * time.Second)}, oldest, limit, cursor)
			require.NoError(t, err)
			assert.True(t, page.Complete)
			assert.LessOrEqual(t, len(page.Records), limit)
			out = append(out, bodies(page.Records)...)
			if cursor = page.Next; cursor == "" {
				return out
			}
			// What arrives between two pages is not among them.
			s.Add([]record.Record{{Time: start.Add(time.Second), Service: "api", Body: "late line"}})
			require.NoError(t, s.Flush(ctx))
		}
	}
	want := []string{"line 8", "line 3", "line 7", "line 2", "line 6", "line 1", "line 5", "line 0"}
	assert.Equal(t, want, walk(false, 3))
	page, err := s.Records(ctx, query.Query{}, Range{start.Add(2 * time.Second), time.Time{}}, true, 3, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"line 2", "line 7", "line 3"}, bodies(page.Records))

	one, err := s.Record(ctx, page.Records[1].ID)
	require.NoError(t, err)
	assert.Equal(t, page.Records[1], one)
	_, err = s.Record(ctx, 999_999_999_999)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Record(ctx, 0)
	require.ErrorIs(t, err, ErrNotFound)
	for _, cursor := range []string{"x", "p", "p1.2", "t1", "p1.2.3.zzzzzzzzzzzzzzzzzzz", "t1.2.3.4"} {
		_, err = s.Records(ctx, query.Query{}, Range{}, false, 3, cursor)
		require.ErrorIs(t, err, ErrCursor, cursor)
	}
}

func TestAddLeavesOutWhatHasNoRoom(t *testing.T) {
	s := open(t, Settings{MaxWaiting: 3000})
	records := make([]record.Record, 50)
	out := s.Add(records)
	assert.Positive(t, out)
	assert.Less(t, out, 50)
	require.NoError(t, s.Flush(t.Context()))
	assert.Zero(t, s.Add(make([]record.Record, 5)), "there is room again")
	require.NoError(t, s.Flush(t.Context()))
	stats := s.Stats()
	assert.Equal(t, int64(55), stats.Received)
	assert.Equal(t, int64(out), stats.LeftOut)
	assert.Equal(t, int64(55-out), stats.Records)
}

func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	open(t, Settings{Directory: dir})
	_, err := Open(Settings{Directory: dir})
	require.ErrorIs(t, err, diskfs.ErrInUse)
}

func TestClosed(t *testing.T) {
	s := open(t, Settings{})
	require.NoError(t, s.Close())
	assert.Equal(t, 3, s.Add(make([]record.Record, 3)))
	require.ErrorIs(t, s.Flush(context.Background()), ErrClosed)
}
