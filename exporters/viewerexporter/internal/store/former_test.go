package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// formerRecords are what testdata/version1.blocks has, as two blocks that version 1 wrote. They must stay as they are.
func formerRecords() []record.Record {
	out := make([]record.Record, 400)
	for i := range out {
		x := uint64(i+1) * 0x9e3779b97f4a7c15
		out[i] = record.Record{
			Time: start.Add(time.Duration(i) * time.Second), Severity: uint8(i % 25), Service: []string{"orders", "mail"}[i%2],
			Body: fmt.Sprintf("order %d taken from 10.1.%d.%d", x%1_000_000, i%7, i), Request: fmt.Sprintf("%08x-0000-4000-8000-%012x", i/5, x>>16),
			Span: fmt.Sprintf("%016x", x),
			Attributes: []record.Field{
				{Name: "elapsed", Value: float64(x%90_000) / 1000}, {Name: "size", Value: int64(x % 40_000)}, {Name: "user", Value: fmt.Sprint("user-", x%100_000)},
			},
			Resource: []record.Field{{Name: "host.name", Value: fmt.Sprint("node-", i%3)}},
		}
	}
	return out
}

// What version 1 of the blocks wrote is read as ever, and new blocks go behind it.
func TestFormerBlocks(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("testdata", "version1.blocks"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, segmentName(1)), stored, 0o600))
	s := open(t, Settings{Directory: dir, MaxAge: 100 * 365 * 24 * time.Hour, blockRecords: 200, Now: func() time.Time { return start }})
	require.Len(t, s.blocks, 2)
	want := twin{}
	for i, r := range formerRecords() {
		r.ID, r.Arrived = s.blocks[i/200].ids.at(i%200), start
		normalise(&r)
		want.records = append(want.records, r)
	}
	want.lastID = s.lastID
	more := formerRecords()[:200]
	want.add(more, start)
	require.Zero(t, s.Add(more))
	require.NoError(t, s.Flush(t.Context()))
	require.Len(t, s.blocks, 3)
	require.Same(t, s.blocks[0].segment, s.blocks[2].segment)
	for _, text := range []string{"", "order", "10.1.3", "10.1.3.17", "7f4a", "4000-8000", "elapsed>50", "size<200", "user:user-9*", "345", "23", "host:node-1 level>=error", "service:mail"} {
		q := parse(t, text)
		found := want.find(q, Range{}, false)
		same(t, found, walk(t, s, q, Range{}, false, 1000), text)
		assert.NotEmpty(t, found, text)
	}
	assert.Empty(t, s.Stats().Damaged)
}
