package store

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// filled has 300 records of 3 services, in blocks of 64 and a head.
func filled(t *testing.T) *Store {
	t.Helper()
	s := open(t, Settings{blockRecords: 64, Now: func() time.Time { return start }})
	var records []record.Record
	for i := range 300 {
		records = append(records, record.Record{
			Time: start.Add(time.Duration(i) * time.Second), Severity: uint8(9 + 4*(i%3)), Service: []string{"api", "web", "db"}[i%3], Body: fmt.Sprint("line ", i),
			Request: fmt.Sprintf("r-%d", i/10), Macro: fmt.Sprintf("m-%d", i/50), Trace: fmt.Sprintf("%032x", i/20), Kind: record.Kind(i % 2),
			Attributes: []record.Field{{Name: "http.response.status_code", Value: int64(200 + i%4)}, {Name: "number", Value: int64(i)}, {Name: "path", Value: fmt.Sprint("/", i%7)}},
			Resource:   []record.Field{{Name: "host.name", Value: "web-1"}},
		})
	}
	require.Zero(t, s.Add(records))
	require.NoError(t, s.Flush(t.Context()))
	return s
}

func TestStandardFacets(t *testing.T) {
	s := filled(t)
	facets, counted, complete, err := s.Facets(t.Context(), query.Query{}, Range{}, nil, 2)
	require.NoError(t, err)
	assert.True(t, complete)
	assert.Equal(t, 300, counted)
	assert.Equal(t, []Facet{
		{"service", []ValueCount{{"api", 100}, {"db", 100}}, 100},
		{"level", []ValueCount{{"error", 100}, {"info", 100}}, 100},
		{"http.response.status_code", []ValueCount{{"200", 75}, {"201", 75}}, 150},
		{"path", []ValueCount{{"/0", 43}, {"/1", 43}}, 214},
	}, facets)
}

func TestFieldsAndValues(t *testing.T) {
	s := filled(t)
	fields, err := s.Fields(t.Context(), "", Range{}, 100)
	require.NoError(t, err)
	names := map[string]int{}
	for _, f := range fields {
		names[f.Value] = f.Count
	}
	assert.Equal(t, map[string]int{
		"service": 300, "level": 300, "kind": 300, "request": 300, "macro": 300, "trace": 300, "body": 300, "status": 300, "host": 300,
		"http.response.status_code": 300, "number": 300, "path": 300, "host.name": 300,
	}, names)
	fields, err = s.Fields(t.Context(), "HO", Range{}, 1)
	require.NoError(t, err)
	assert.Equal(t, []ValueCount{{"host", 300}}, fields)
	values, err := s.Values(t.Context(), "service", "W", Range{}, 5)
	require.NoError(t, err)
	assert.Equal(t, []ValueCount{{"web", 100}}, values)
	values, err = s.Values(t.Context(), "level", "", Range{From: start.Add(297 * time.Second)}, 5)
	require.NoError(t, err)
	assert.Equal(t, []ValueCount{{"error", 1}, {"info", 1}, {"warn", 1}}, values)
}

func TestVolumeSaysWhatWasLeftOut(t *testing.T) {
	var since atomic.Int64 // start, on the clock that the writer reads as well
	s := open(t, Settings{MaxWaiting: 1000, Now: func() time.Time { return start.Add(time.Duration(since.Load())) }})
	s.Add(make([]record.Record, 100))
	since.Store(int64(70 * time.Second))
	require.NoError(t, s.Flush(t.Context()))
	s.Add(make([]record.Record, 200))
	since.Store(int64(130 * time.Second))
	s.LeaveOut(7)
	v, err := s.Volume(t.Context(), query.Query{}, start, time.Minute, 3)
	require.NoError(t, err)
	require.Len(t, v.LeftOut, 3)
	assert.Positive(t, v.LeftOut[0])
	assert.Positive(t, v.LeftOut[1])
	assert.Equal(t, 7, v.LeftOut[2])
	assert.Equal(t, int(s.Stats().LeftOut), v.LeftOut[0]+v.LeftOut[1]+v.LeftOut[2])
	assert.Equal(t, int64(307), s.Stats().Received)
	v, err = s.Volume(t.Context(), query.Query{}, start.Add(time.Hour), time.Minute, 3)
	require.NoError(t, err)
	assert.Nil(t, v.LeftOut)
	_, err = s.Volume(t.Context(), query.Query{}, start, 0, 3)
	require.Error(t, err)
	_, err = s.Volume(t.Context(), query.Query{}, start, time.Duration(1<<62), 1000)
	require.Error(t, err)
}

func TestStory(t *testing.T) {
	s := filled(t)
	numbers := func(request, trace string, limit int) (out []int, complete bool) {
		t.Helper()
		records, complete, err := s.Story(t.Context(), request, trace, limit)
		require.NoError(t, err)
		for i := range records {
			out = append(out, int(records[i].Attributes[1].Value.(int64)))
		}
		return out, complete
	}
	span := func(from, to int) (out []int) {
		for i := from; i < to; i++ {
			out = append(out, i)
		}
		return out
	}
	got, complete := numbers("", strings.ToUpper(fmt.Sprintf("%032x", 10)), 100)
	assert.Equal(t, span(200, 220), got)
	assert.True(t, complete)
	// The request 7 is 70 to 79, its macro-transaction 50 to 99, whose traces are 40 to 99.
	got, complete = numbers("r-7", "", 100)
	assert.Equal(t, span(40, 100), got)
	assert.True(t, complete)
	got, _ = numbers("m-1", "", 100)
	assert.Equal(t, span(40, 100), got)
	got, complete = numbers("r-7", "", 10)
	assert.Equal(t, span(40, 50), got)
	assert.False(t, complete)
	got, complete = numbers("r-99", "", 10)
	assert.Empty(t, got)
	assert.True(t, complete)
	got, _ = numbers("", "", 10)
	assert.Empty(t, got)
}

func TestTail(t *testing.T) {
	ctx := t.Context()
	s := filled(t)
	cursor := s.Cursor()
	records, matched, leftOut, next, err := s.Since(ctx, query.Query{}, cursor, 10)
	require.NoError(t, err)
	assert.Empty(t, records)
	assert.Zero(t, matched+leftOut)
	assert.Equal(t, cursor, next)

	waited := make(chan error, 1)
	go func() { waited <- s.Wait(ctx, cursor) }()
	var batch []record.Record
	for i := range 200 {
		batch = append(batch, record.Record{Time: start.Add(-time.Hour), Body: fmt.Sprint("new ", i), Service: []string{"a", "b"}[i%2]})
	}
	s.Add(batch)
	require.NoError(t, <-waited)
	require.NoError(t, s.Flush(ctx))
	records, matched, _, next, err = s.Since(ctx, parse(t, "service:a"), cursor, 3)
	require.NoError(t, err)
	assert.Equal(t, []string{"new 194", "new 196", "new 198"}, bodies(records))
	assert.Equal(t, 100, matched)
	records, matched, _, _, err = s.Since(ctx, query.Query{}, next, 3)
	require.NoError(t, err)
	assert.Empty(t, records)
	assert.Zero(t, matched)
	// What was missed is there for the asking, and no more.
	page, err := s.Records(ctx, parse(t, "new"), Range{}, true, 150, cursor)
	require.NoError(t, err)
	require.Len(t, page.Records, 150)
	assert.Equal(t, "new 0", page.Records[0].Body)
	page, err = s.Records(ctx, parse(t, "new"), Range{}, true, 150, page.Next)
	require.NoError(t, err)
	assert.Len(t, page.Records, 50)

	// The cursor is good after a restart, in which nothing was left out.
	settings := s.settings
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Wait(ctx, next), ErrClosed)
	s = open(t, settings)
	_, matched, leftOut, _, err = s.Since(ctx, query.Query{}, cursor, 3)
	require.NoError(t, err)
	assert.Equal(t, 200, matched)
	assert.Zero(t, leftOut)
	_, matched, _, next, err = s.Since(ctx, query.Query{}, "", 3)
	require.NoError(t, err)
	assert.Zero(t, matched)
	assert.Equal(t, s.Cursor(), next)
	_, _, _, _, err = s.Since(ctx, query.Query{}, "nonsense", 3)
	require.ErrorIs(t, err, ErrCursor)
}

func TestTailGoesOnWhereItsTimeEnded(t *testing.T) {
	s := filled(t)
	settings := s.settings
	settings.QueryTime = 1
	require.NoError(t, s.Close())
	s = open(t, settings)
	cursor, sum := cursor{tail: true}.String(), 0
	for range 100 {
		_, matched, _, next, err := s.Since(t.Context(), query.Query{}, cursor, 3)
		require.NoError(t, err)
		sum += matched
		if next == cursor {
			break
		}
		cursor = next
	}
	assert.Equal(t, 300, sum)
}
