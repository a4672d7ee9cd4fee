package viewerexporter

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
)

// oddLogs are of all shapes: attributes in any order, of any type, some of them twice, or more than there are columns.
func oddLogs(t *testing.T, dice *rand.Rand, n int) plog.Logs {
	t.Helper()
	logs := plog.NewLogs()
	names := []string{"request.id", "log.record.uid", "request.macro_id", "fold.duration", "event.duration", "a", "B", "http.response.status_code", "é"}
	values := []any{
		"text", "", "0197f3a0-4c6e-7000-8000-0123456789ab", "0197F3A0-4C6E-7000-8000-0123456789AB", "feedfacefeedface", "FEEDFACEFEEDFACE", int64(503), int64(-1), 1.5, true, nil,
		[]any{"x", int64(1)},
		map[string]any{"k": "v"},
		[]byte{1, 2},
		"\xff\xfe",
	}
	for rest := n; rest > 0; {
		rl := logs.ResourceLogs().AppendEmpty()
		if dice.IntN(4) > 0 {
			rl.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", dice.IntN(3)))
		}
		list := rl.ScopeLogs().AppendEmpty().LogRecords()
		for range min(rest, 1+dice.IntN(50)) {
			rest--
			lr := list.AppendEmpty()
			lr.SetTimestamp(pcommon.Timestamp(dice.IntN(3) * 1_700_000_000_000_000_000))
			lr.SetObservedTimestamp(pcommon.Timestamp(dice.IntN(2)) * 1_600_000_000_000_000_000)
			lr.SetSeverityNumber(plog.SeverityNumber(dice.IntN(30)))
			lr.SetSeverityText([]string{"", "info"}[dice.IntN(2)])
			lr.SetEventName([]string{"", "", "bought"}[dice.IntN(3)])
			lr.SetTraceID(pcommon.TraceID{byte(dice.IntN(3))})
			lr.SetSpanID(pcommon.SpanID{byte(dice.IntN(3))})
			require.NoError(t, lr.Body().FromRaw(values[dice.IntN(len(values))]))
			for range dice.IntN(8) {
				require.NoError(t, lr.Attributes().PutEmpty(names[dice.IntN(len(names))]).FromRaw(values[dice.IntN(len(values))]))
			}
			switch dice.IntN(100) {
			case 0:
				for i := range 40 {
					lr.Attributes().PutInt(fmt.Sprint("many.", dice.IntN(20), ".", i), int64(i))
				}
			case 1: // what no map of Go has, but protobuf may
				require.NoError(t, lr.Attributes().PutEmpty("twice-1").FromRaw("first"))
				lr.Attributes().PutStr("twice-2", "second")
			}
		}
	}
	marshaler, unmarshaler := plog.ProtoMarshaler{}, plog.ProtoUnmarshaler{}
	encoded, err := marshaler.MarshalLogs(logs)
	require.NoError(t, err)
	encoded = bytes.ReplaceAll(encoded, []byte("twice-2"), []byte("twice-1"))
	decoded, err := unmarshaler.UnmarshalLogs(encoded)
	require.NoError(t, err)
	return decoded
}

// What a store has of a source is the same as of records that are made of it, in the head and in blocks.
func TestSourceIsItsRecords(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	open := func() *store.Store {
		s, err := store.Open(store.Settings{Directory: t.TempDir(), Now: func() time.Time { return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	fromSource, fromRecords := open(), open()
	dice := rand.New(rand.NewPCG(1, 2))
	const each = 500
	asked := 0
	for range 9 { // two blocks, and a part of one
		logs := oddLogs(t, dice, each)
		records := recordsAt(logs, now)
		require.Zero(t, fromSource.AddSource(newLogSource(logs)))
		require.Zero(t, fromRecords.Add(records))
		require.NoError(t, fromSource.Flush(t.Context()))
		require.NoError(t, fromRecords.Flush(t.Context()))
		asked += each
		for _, text := range []string{"", "request.id:text", "uid:*", "duration>1s", "service:service-1 level>=warn", "feedface", "status:503", "B:true", "a:\"\"", "-é:*", "twice-1:first", "0123456789ab", "many.3.7:7"} {
			q, err := query.Parse(text)
			require.NoError(t, err)
			got, want := all(t, fromSource, q), all(t, fromRecords, q)
			require.Equal(t, want, got, "%q, %d records", text, asked)
			if text == "" {
				require.Len(t, got, asked)
			}
			if text != "many.3.7:7" {
				assert.NotEmpty(t, got, "%q", text)
			}
		}
	}
}

func all(t *testing.T, s *store.Store, q query.Query) (out []record.Record) {
	t.Helper()
	for cursor := ""; ; {
		page, err := s.Records(t.Context(), q, store.Range{}, true, 1000, cursor)
		require.NoError(t, err)
		for i := range page.Records {
			page.Records[i].ID = 0
		}
		out = append(out, page.Records...)
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// What has no room is left out of a source from where it was.
func TestSourceIsLeftOutInParts(t *testing.T) {
	s, err := store.Open(store.Settings{Directory: t.TempDir(), MaxSize: store.MinSize})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	logs := manyLogs(5)
	list := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for _, i := range []int{1, 2} {
		list.At(i).Attributes().PutStr("large", string(make([]byte, store.MinSize)))
	}
	assert.Equal(t, 2, s.AddSource(newLogSource(logs)))
	require.NoError(t, s.Flush(t.Context()))
	var bodies []any
	for _, r := range all(t, s, query.Query{}) {
		bodies = append(bodies, r.Body)
	}
	assert.Equal(t, []any{"line 0", "line 3", "line 4"}, bodies)
	assert.EqualValues(t, 2, s.Stats().LeftOut)
}

// Records and the event that they were folded into are told apart by fold.id.
func TestFoldedEventsAreToldApart(t *testing.T) {
	v := start(t, "")
	logs := manyLogs(4)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(2).Attributes().PutStr("fold.id", "0197f3a0-4c6e-7000-8000-0123456789ab")
	require.NoError(t, v.logs.ConsumeLogs(t.Context(), logs))
	v.settled(t)
	for query, want := range map[string]int{"": 4, "-fold.id:*": 3, "fold.id:*": 1} {
		assert.Len(t, v.get(t, "records", "query", query)["records"], want, "%q", query)
	}
}
