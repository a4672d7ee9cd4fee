package logrecord

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
)

var slabLines = []string{
	`level=info msg="hi" a=1 b=2.5 c=true d=text tag`,
	`app=shop at=seed n=7 x=1.5 y=false z=z`,
	"plain text",
	`cut off="`,
	`caller=main.go:7:3 log.record.uid=u error=e`,
	strings.Repeat("k=v ", 5) + `long="` + strings.Repeat("x", 8<<10) + `"`,
	`{"level":"info","msg":"hi","m":{"a":1,"b":{"c":[1,2.5,true,null,"x",{}]},"d":{}},"s":[[],[{"k":"v"}]],"extra":{"e":{"f":1}}}`,
	`{"message":{"a":{"b":1}},"log":{"level":"info","x":{"y":[1]}},"n":null}`,
}

func slabBatch(tb testing.TB, n int) plog.Logs {
	tb.Helper()
	m, err := NewMapper(Settings{KeepOriginal: true})
	require.NoError(tb, err)
	b := m.NewBatch()
	require.True(tb, b.out.UsesSlabs())
	for i := range n {
		line := slabLines[i%len(slabLines)]
		if object, ok := strings.CutSuffix(line, "}"); ok {
			require.True(tb, b.AddJSON(fmt.Appendf(nil, `%s,"i":%d}`, object, i), &Origin{ProcID: "web.1"}))
			continue
		}
		b.Add(fmt.Appendf(nil, "%s i=%d", line, i), &Origin{ProcID: "web.1"})
	}
	return b.Take()
}

func eachRecord(logs plog.Logs, f func(r plog.LogRecord)) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
			f(r)
		}
	}
}

func asText(tb testing.TB, r plog.LogRecord) string {
	tb.Helper()
	logs := plog.NewLogs()
	r.CopyTo(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(tb, err)
	return string(text)
}

// change does to a record what a processor may.
func change(r plog.LogRecord, i int) {
	attributes := r.Attributes()
	attributes.PutStr("added", "by a processor")
	attributes.PutInt("added too", int64(i))
	for _, v := range attributes.All() {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			v.SetStr("changed")
		case pcommon.ValueTypeInt:
			v.SetInt(-1)
		case pcommon.ValueTypeDouble:
			v.SetDouble(-1)
		case pcommon.ValueTypeBool:
			v.SetBool(!v.Bool())
		case pcommon.ValueTypeMap:
			v.Map().PutStr("added", "by a processor")
			v.Map().Remove("a")
			for _, inner := range v.Map().All() {
				inner.SetStr("changed")
			}
			v.Map().EnsureCapacity(50)
		case pcommon.ValueTypeSlice:
			v.Slice().AppendEmpty().SetStr("added")
			v.Slice().At(0).SetEmptyMap().PutInt("changed", 1)
			v.Slice().EnsureCapacity(50)
		}
	}
	attributes.Remove("a")
	attributes.RemoveIf(func(key string, _ pcommon.Value) bool { return key == "d" })
	attributes.PutEmptyMap("map").PutStr("k", "v")
	r.Body().SetStr("changed")
	r.SetEventName("changed")
	r.Body().SetEmptySlice().AppendEmpty().SetInt(1)
	attributes.EnsureCapacity(100)
}

// TestNeighboursAreLetAlone changes every other record in all ways, from two
// goroutines, and looks at the others.
func TestNeighboursAreLetAlone(t *testing.T) {
	logs := slabBatch(t, 500)
	var records []plog.LogRecord
	var before []string
	eachRecord(logs, func(r plog.LogRecord) {
		records = append(records, r)
		before = append(before, asText(t, r))
	})
	var running sync.WaitGroup
	for first := range 2 {
		running.Go(func() {
			for i := 3*first + 1; i < len(records); i += 6 {
				change(records[i], i)
				moved := plog.NewLogRecord()
				records[i].MoveTo(moved)
				change(moved, i)
			}
		})
	}
	for i := 0; i < len(records); i += 3 {
		assert.Equal(t, before[i], asText(t, records[i]))
	}
	running.Wait()
	for i := 2; i < len(records); i += 3 {
		assert.Equal(t, before[i], asText(t, records[i]))
	}
}

// TestCollectorSeesSlabs lets the garbage collector run while records are made and
// nothing but them holds on to their memory.
func TestCollectorSeesSlabs(t *testing.T) {
	var batches []plog.Logs
	var texts [][]string
	for range 20 {
		logs := slabBatch(t, 100)
		var text []string
		eachRecord(logs, func(r plog.LogRecord) { text = append(text, asText(t, r)) })
		batches, texts = append(batches, logs), append(texts, text)
		runtime.GC()
	}
	for range 3 {
		runtime.GC()
		_ = slabBatch(t, 1000)
	}
	for i, logs := range batches {
		var text []string
		eachRecord(logs, func(r plog.LogRecord) { text = append(text, asText(t, r)) })
		require.Equal(t, texts[i], text)
	}
}

// TestSlabsAndPools has pdata put what it is done with into its pools, which it
// does when its feature gate is open.
func TestSlabsAndPools(t *testing.T) {
	require.NoError(t, featuregate.GlobalRegistry().Set("pdata.useProtoPooling", true))
	defer func() { require.NoError(t, featuregate.GlobalRegistry().Set("pdata.useProtoPooling", false)) }()
	var kept []plog.Logs
	for range 50 {
		gone, stays := slabBatch(t, 60), slabBatch(t, 60)
		kept = append(kept, stays)
		pref.UnrefLogs(gone)
		runtime.GC()
		pooled := plog.NewLogs()
		for i := range 60 {
			r := pooled.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			r.Body().SetStr("pooled")
			r.Attributes().PutInt("n", int64(i))
			r.Attributes().PutStr("s", "pooled")
			r.Attributes().PutEmptyMap("m").PutEmptySlice("pooled").AppendEmpty().SetStr("pooled")
		}
	}
	for _, logs := range kept {
		i := 0
		eachRecord(logs, func(r plog.LogRecord) {
			i++
			if original, ok := r.Attributes().Get(attrOriginal); assert.True(t, ok) {
				assert.NotContains(t, original.Str(), "pooled")
			}
			assert.NotContains(t, asText(t, r), "pooled")
		})
		assert.Equal(t, 60, i)
	}
}
