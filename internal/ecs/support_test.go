package ecs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

type raw = map[string]any

// values says items by name, as the processor writes them. It checks them, too.
func values(tb testing.TB, items []ecs.Item) raw {
	tb.Helper()
	checkItems(tb, items)
	named := make(raw, len(items))
	for i := range items {
		named[items[i].Name] = valueOf(&items[i]).AsRaw()
	}
	return named
}

func valueOf(item *ecs.Item) pcommon.Value {
	v := pcommon.NewValueEmpty()
	item.PutInto(v)
	return v
}

// checkItems checks items against the table alone, nested and with points. What the
// specification demands at the head is added, for not each test has it.
func checkItems(tb testing.TB, items []ecs.Item) {
	tb.Helper()
	for i := range items {
		field := ecs.Lookup(items[i].Name)
		require.Same(tb, field, items[i].Field, items[i].Name)
		require.NotZero(tb, items[i].Kind, items[i].Name)
		if kind := items[i].Kind; kind != ecs.KindTraceID && kind != ecs.KindSpanID {
			require.Zero(tb, items[i].Bytes, items[i].Name)
		}
		if items[i].Kind != ecs.KindValue {
			require.Zero(tb, items[i].Value, items[i].Name)
		}
	}
	for _, nested := range []bool{false, true} {
		document := documentOf(items, nested)
		require.NoError(tb, ecscheck.Keeping(document), "%s", document)
	}
}

// documentOf writes a document in one pass over the items.
func documentOf(items []ecs.Item, nested bool) []byte {
	named := make(map[string]*ecs.Item)
	for i := range items {
		named[items[i].Name] = &items[i]
	}
	var b []byte
	for name, absent := range map[string]string{"@timestamp": "1970-01-01T00:00:00.000000000Z", "log.level": "UNSPECIFIED", "message": "", "ecs.version": "none"} {
		if named[name] == nil || named[name].Kind == ecs.KindValue {
			named[name] = &ecs.Item{Name: name, Kind: ecs.KindText, Text: absent}
		}
	}
	member := func(name string, item *ecs.Item) {
		if len(b) > 0 && b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(ecs.AppendJSON(b, pcommon.NewValueStr(name)), ':')
		if item != nil {
			b = ecs.AppendJSON(b, valueOf(item))
		}
	}
	b = append(b, '{')
	head := []string{"@timestamp", "log.level", "message", "ecs.version"}
	for _, name := range head {
		member(name, named[name])
	}
	var open []string
	for i := range items {
		item := &items[i]
		label := strings.HasPrefix(item.Name, "labels.")
		if item.Name == head[0] || item.Name == head[1] || item.Name == head[2] || item.Name == head[3] {
			continue
		}
		if !nested && !label {
			member(item.Name, item)
			continue
		}
		parts := strings.Split(item.Name, ".")
		if label {
			parts = strings.SplitN(item.Name, ".", 2)
		}
		above := parts[:len(parts)-1]
		common := 0
		for common < len(open) && common < len(above) && open[common] == above[common] {
			common++
		}
		for range open[common:] {
			b = append(b, '}')
		}
		for _, part := range above[common:] {
			member(part, nil)
			b = append(b, '{')
		}
		open = above
		member(parts[len(parts)-1], item)
	}
	for range open {
		b = append(b, '}')
	}
	return append(b, '}')
}

// fill sets the members of a map; it is FromRaw in the order of the pairs.
func fill(tb testing.TB, m pcommon.Map, pairs ...any) {
	tb.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(tb, m.PutEmpty(pairs[i].(string)).FromRaw(pairs[i+1]))
	}
}

// begun is a Mapper that has begun an empty resource.
func begun(o ecs.Options) *ecs.Mapper {
	m := ecs.NewMapper(o)
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	return m
}

// mapped maps a record of these attributes, and leaves out ecs.version.
func mapped(tb testing.TB, o ecs.Options, pairs ...any) (raw, ecs.Counts) {
	tb.Helper()
	r := plog.NewLogRecord()
	fill(tb, r.Attributes(), pairs...)
	m := begun(o)
	got := values(tb, m.Attributes(r))
	require.Equal(tb, ecs.Version, got["ecs.version"])
	delete(got, "ecs.version")
	return got, m.TakeCounts()
}
