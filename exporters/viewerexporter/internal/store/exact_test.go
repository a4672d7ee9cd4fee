package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// checkExact has a block of all records, and compares what it finds with what matches.
func checkExact(t *testing.T, records []record.Record, queries map[string]int) {
	t.Helper()
	s := open(t, Settings{blockRecords: len(records), Now: func() time.Time { return start }})
	want := twin{lastID: s.lastID}
	want.add(records, start)
	require.Zero(t, s.Add(records))
	require.NoError(t, s.Flush(t.Context()))
	require.Len(t, s.blocks, 1)
	for text, n := range queries {
		q := parse(t, text)
		found := walk(t, s, q, Range{}, true, 1000)
		same(t, want.find(q, Range{}, true), found, text)
		assert.Len(t, found, n, text)
	}
}

// The filter does not have the fractions of a column of many.
func TestFractionsAreFound(t *testing.T) {
	var records []record.Record
	for i := range 300 {
		records = append(records, record.Record{Attributes: []record.Field{{Name: "f", Value: float64(i) + 0.25}, {Name: "n", Value: int64(i * 1000)}, {Name: "s", Value: fmt.Sprint(i, "e3")}}})
	}
	checkExact(t, records, map[string]int{
		"f:7.25": 1, "f:7.5": 0, "F:299.250": 1, `f:"8.25"`: 1, "n:7000": 1, "n:7000.0": 1, `n:"7000"`: 1, "n:7e3": 1, "n:7001": 0, "s:7e3": 1, `s:"7E3"`: 0, "f:7.2*": 1, "-f:7.25": 299,
	})
}

// Two texts side by side are not one.
func TestTextsAreApart(t *testing.T) {
	var records []record.Record
	for i := range 100 {
		records = append(records, record.Record{Body: fmt.Sprintf("ut %d timeo", i)})
	}
	records[60].Body = "it was a Timeout"
	records[61].Body = "ut timeout timeo"
	records[99].Body = "last timeout"
	checkExact(t, records, map[string]int{"timeout": 3, `"timeout ti"`: 1, "timeo": 100, "out": 3})
}

// Of names that differ in case only the first counts, in a column of its own or not.
func TestNamesBeyondTheColumns(t *testing.T) {
	var many []record.Field
	for i := range maxAttributeColumns - 2 {
		many = append(many, record.Field{Name: fmt.Sprintf("a%04d", i), Value: int64(i)})
	}
	many = append(many, record.Field{Name: "NAME", Value: "first"}, record.Field{Name: "path", Value: "first"})
	records := []record.Record{
		{Attributes: many},
		{Attributes: []record.Field{{Name: "PATH", Value: "rest"}, {Name: "path", Value: "column"}}},
		{Attributes: []record.Field{{Name: "NAME", Value: "column"}, {Name: "Name", Value: "rest"}}},
		{Attributes: []record.Field{{Name: "Name", Value: "rest"}, {Name: "Path", Value: "rest"}}, Resource: []record.Field{{Name: "path", Value: "resource"}}},
		{Resource: []record.Field{{Name: "path", Value: "resource"}}},
	}
	checkExact(t, records, map[string]int{
		"path:rest": 2, "path:column": 0, `"name":x OR "NAME":x`: 0, "path:resource": 1, "path:first": 1, "path:*": 4, "a0007:7": 1, "column": 2, "rest": 3,
	})
	facetsOf := func(s *Store) []Facet {
		facets, _, _, err := s.Facets(t.Context(), query.Query{}, Range{}, []string{"path"}, 10)
		require.NoError(t, err)
		return facets
	}
	now := func() time.Time { return start }
	head, block := open(t, Settings{Now: now}), open(t, Settings{Now: now, blockRecords: len(records)})
	for _, s := range []*Store{head, block} {
		require.Zero(t, s.Add(append([]record.Record(nil), records...)))
		require.NoError(t, s.Flush(t.Context()))
	}
	assert.Equal(t, facetsOf(head), facetsOf(block))
}

// A flipped bit in a filter is found, and no record is missing in silence.
func TestFlippedBitsOfFilters(t *testing.T) {
	fs, _ := written(t)
	s, err := Open(inMemory(fs.Killed()))
	require.NoError(t, err)
	filters := make([]filterShape, len(s.blocks))
	for i, k := range s.blocks {
		filters[i] = k.filter
	}
	require.NoError(t, s.Close())
	for _, path := range dataFiles(fs) {
		if !strings.HasSuffix(path, segmentSuffix) {
			continue
		}
		for _, filter := range filters {
			require.NotZero(t, filter.size)
			for at := filter.offset; at < filter.offset+int64(filter.size); at += 5 {
				damaged := fs.Killed()
				damaged.Edit(path, func(data []byte) []byte {
					data[at] = ^data[at]
					return data
				})
				s, err := Open(inMemory(damaged))
				require.NoError(t, err)
				for n := range 35 {
					page, err := s.Records(t.Context(), parse(t, fmt.Sprint("number:", n)), Range{}, true, 10, "")
					require.NoError(t, err)
					if len(page.Records) != 1 {
						require.NotEmpty(t, s.Stats().Damaged, "number %d, byte %d", n, at)
					}
				}
				require.NoError(t, s.Close())
			}
		}
	}
}
