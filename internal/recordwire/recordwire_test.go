package recordwire

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// sample has two resources; the first has two scopes, and a scope without records.
func sample() plog.Logs {
	logs := plog.NewLogs()
	for _, service := range []string{"inventory", "ordering"} {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", service)
		rl.SetSchemaUrl("https://opentelemetry.io/schemas/1.38.0")
		for _, scope := range []string{"a", "b", ""} {
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName(scope)
			sl.SetSchemaUrl("schema-" + scope)
			if scope == "" {
				continue
			}
			for i := range 3 {
				r := sl.LogRecords().AppendEmpty()
				r.Body().SetStr(service + scope)
				r.SetTimestamp(pcommon.Timestamp(i))
				r.SetTraceID([16]byte{1, 2, byte(i)})
				r.SetEventName("e")
				r.Attributes().PutEmptyMap("m").PutInt("i", int64(i))
			}
		}
	}
	return logs
}

func TestSplitAndAssembleGiveTheSame(t *testing.T) {
	var a Assembly
	for range 2 { // the second time with what the first left
		a.Reset()
		var last Origin
		index := -1
		records := 0
		require.NoError(t, Split(sample(), func(origin Origin, record []byte) error {
			if index < 0 || !bytes.Equal(origin, last) {
				index, last = a.Origin(origin), origin
			}
			assert.Equal(t, records%3, a.Record(index, record))
			records++
			return nil
		}))
		assert.Equal(t, 12, records)
		got, err := a.Logs()
		require.NoError(t, err)

		want := plog.NewLogs() // a resource per scope, none without records
		for _, rl := range sample().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				if sl.LogRecords().Len() == 0 {
					continue
				}
				to := want.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(to.Resource())
				to.SetSchemaUrl(rl.SchemaUrl())
				sl.CopyTo(to.ScopeLogs().AppendEmpty())
			}
		}
		assert.Equal(t, want, got)
	}
}

func TestRecordsShareNothingWithTheirBytes(t *testing.T) {
	var a Assembly
	var bytesOf [][]byte
	require.NoError(t, Split(sample(), func(origin Origin, record []byte) error {
		a.Record(a.Origin(origin), record)
		bytesOf = append(bytesOf, origin, record)
		return nil
	}))
	logs, err := a.Logs()
	require.NoError(t, err)
	for _, b := range bytesOf {
		clear(b)
	}
	clear(a.encoded)
	assert.Equal(t, "inventorya", logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
}

func TestDamagedBytesAreAnError(t *testing.T) {
	for name, c := range map[string]struct {
		origin Origin
		record []byte
	}{
		"no origin":            {nil, nil},
		"origin cut short":     {Origin{5, 1}, nil},
		"origin is no message": {Origin{1, 0xff}, nil},
		"record is no message": {Origin{0}, []byte{0x0a, 0xff}},
	} {
		t.Run(name, func(t *testing.T) {
			var a Assembly
			a.Record(a.Origin(c.origin), c.record)
			_, err := a.Logs()
			assert.Error(t, err)
		})
	}
	assert.Error(t, split([]byte{0x0a, 0x05, 0x00}, func(Origin, []byte) error { return nil }))
}

// FuzzSplit: what can be split is assembled to records of the same bytes.
func FuzzSplit(f *testing.F) {
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(sample())
	require.NoError(f, err)
	f.Add(encoded)
	f.Add([]byte{0x0a, 0x02, 0x12, 0x00})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
		if err != nil {
			return
		}
		splitBoth(t, &Splitter{}, logs)
		var a Assembly
		records := 0
		require.NoError(t, Split(logs, func(origin Origin, record []byte) error {
			a.Record(a.Origin(origin), record)
			records++
			return nil
		}))
		assert.Equal(t, logs.LogRecordCount(), records)
		again, err := a.Logs()
		require.NoError(t, err)
		assert.Equal(t, records, again.LogRecordCount())
	})
}
