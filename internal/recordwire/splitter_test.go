package recordwire

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

type splitRecord struct{ origin, record string }

// splitBoth holds that a splitter gives what Split gives, and leaves the logs as they are.
func splitBoth(tb testing.TB, s *Splitter, logs plog.Logs) []splitRecord {
	tb.Helper()
	collect := func(to *[]splitRecord) func(Origin, []byte) error {
		return func(origin Origin, record []byte) error {
			*to = append(*to, splitRecord{string(origin), string(record)})
			return nil
		}
	}
	var want, got []splitRecord
	before, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(tb, err)
	require.NoError(tb, Split(logs, collect(&want)))
	require.NoError(tb, s.Split(logs, collect(&got)))
	require.Equal(tb, want, got)
	after, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(tb, err)
	require.Equal(tb, before, after)
	return got
}

func TestSplitterSplitsAsSplit(t *testing.T) {
	var s Splitter
	for range 2 {
		assert.Len(t, splitBoth(t, &s, sample()), 12)
	}
	assert.Empty(t, splitBoth(t, &s, plog.NewLogs()))
	s.Reset()
	assert.Empty(t, s.ends)
	assert.Empty(t, s.scopes)
	shared := sample()
	shared.MarkReadOnly()
	assert.Len(t, splitBoth(t, &s, shared), 12)
	deep := sample()
	v := deep.ResourceLogs().At(1).ScopeLogs().At(0).LogRecords().At(1).Body()
	for range 1000 { // more than an Encoder takes
		v = v.SetEmptySlice().AppendEmpty()
	}
	assert.Len(t, splitBoth(t, &s, deep), 12)
}

func TestSplitterStopsAtAnError(t *testing.T) {
	var s Splitter
	logs := sample()
	stop := errors.New("stop")
	visited := 0
	require.ErrorIs(t, s.Split(logs, func(Origin, []byte) error {
		visited++
		if visited == 5 {
			return stop
		}
		return nil
	}), stop)
	assert.Equal(t, 5, visited)
	assert.Equal(t, sample(), logs)
}

// TestSplitterRecordsEndWhereTheyEnd: who appends to a record does not change the one
// behind it.
func TestSplitterRecordsEndWhereTheyEnd(t *testing.T) {
	var s Splitter
	var records [][]byte
	require.NoError(t, s.Split(sample(), func(_ Origin, record []byte) error {
		records = append(records, record)
		return nil
	}))
	for _, r := range records {
		assert.Len(t, r, cap(r))
	}
}
