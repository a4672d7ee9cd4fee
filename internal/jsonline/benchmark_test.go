package jsonline

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

var benchmarkLines = []struct {
	name, line string
	pairs      int
}{
	{
		"flat",
		`{"time":"2026-11-21T08:15:30.123456Z","level":"INFO","logger":"shop.orders.processing","message":"Order processed and handed to the shipping service","request_id":"8601b555-6a83-4c12-8269-97c8e32cdb22","order_id":123456,"items":17,"amount":99.99,"waited":3.25,"cached":false}`,
		10,
	},
	{
		"nested",
		`{"@timestamp":"2026-11-21T08:15:30.123Z","log":{"level":"info","logger":"shop","origin":{"file":{"name":"orders.py","line":42},"function":"place"}},"message":"Order placed","ecs":{"version":"8.4.0"},"process":{"pid":17,"thread":{"id":1,"name":"MainThread"}},"tags":["a","b"]}`,
		20,
	},
	{
		"escapes",
		`{"level":"error","msg":"cannot read \"/etc/shop.conf\":\n\tno such file","stack":"Error: x\n    at a (/srv/a.js:1:2)\n    at b (/srv/b.js:3:4)","pid":17}`,
		4,
	},
}

func BenchmarkAppendPairs(b *testing.B) {
	for _, x := range benchmarkLines {
		b.Run("line="+x.name+"/parser=jsonline", func(b *testing.B) {
			p := NewParser(Options{})
			var pairs []linepair.Pair
			b.SetBytes(int64(len(x.line)))
			b.ReportAllocs()
			for b.Loop() {
				pairs, _ = p.AppendPairs(pairs[:0], x.line)
			}
			require.Len(b, pairs, x.pairs)
		})
		b.Run("line="+x.name+"/parser=encoding-json", func(b *testing.B) {
			var m map[string]any
			line := []byte(x.line)
			b.SetBytes(int64(len(x.line)))
			b.ReportAllocs()
			for b.Loop() {
				m = nil
				_ = json.Unmarshal(line, &m)
			}
			require.NotEmpty(b, m)
		})
	}
}
