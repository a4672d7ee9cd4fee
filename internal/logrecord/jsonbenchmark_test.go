package logrecord

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var benchmarkJSONLines = []struct {
	name, line string
}{
	{"flat", `{"time":"2026-11-21T08:15:30.123456Z","level":"INFO","logger":"shop.orders.processing","message":"Order processed and handed to the shipping service","request_id":"8601b555-6a83-4c12-8269-97c8e32cdb22","order_id":123456,"items":17,"amount":99.99,"waited":3.25,"cached":false}`},
	{"ecs", `{"@timestamp":"2026-11-21T08:15:30.123Z","log.level":"info","message":"Order placed","ecs.version":"1.6.0","log":{"logger":"shop.checkout","origin":{"file":{"line":45,"name":"with_logging.py"},"function":"log"}},"process":{"name":"MainProcess","pid":27569,"thread":{"id":140352377981824,"name":"MainThread"}}}`},
	{"pino", `{"level":50,"time":1795260731085,"pid":27781,"hostname":"web-1","name":"shop.checkout","err":{"type":"PaymentError","message":"card declined","stack":"PaymentError: card declined\n    at pay (/srv/app/scenario.js:43:11)\n    at log (/srv/app/with_pino.js:18:25)"},"msg":"payment failed"}`},
	{"extra", `{"timestamp":"2024-01-15T14:30:00Z","level":"INFO","logger":"__main__","message":"Order processed","extra":{"order_id":123,"amount":99.99,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}}`},
	{"broken", `{"time":"2026-11-21T08:15:30.123456Z","level":"INFO","logger":"shop.orders.processing","message":"Order processed and handed to the ship`},
}

// hostileJSONLines are made to cost more than their size.
func hostileJSONLines() []struct{ name, line string } {
	list := func(n int, format string) string {
		var text strings.Builder
		for i := range n {
			if i > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	flat := "{" + list(128, `"k%d":1`) + "}"
	return []struct{ name, line string }{
		{"hostile-keys", "{" + list(999, `"key%d":1`) + "}"},
		{"hostile-members", `{"a":{` + list(3990, `"aaaaaaaaaaaa%04dbbbbbbbbbbbb":1`) + "}}"},
		{"hostile-duplicates", "{" + list(3999, `"a":%d`) + "}"},
		{"hostile-flat", `{"extra":` + flat + `,"fields":` + flat + `,"mdc":` + flat + `,` + list(300, `"z%d":0`) + "}"},
		{"hostile-trees", "{" + list(700, `"o%d":{"a":{"b":{"c":{}}}}`) + "}"},
		{"hostile-deep", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000)},
		{"hostile-brackets", `{"a":` + strings.Repeat("[", 1<<20)},
		{"hostile-escapes", `{"a":"` + strings.Repeat(`\u00e9`, 150000) + `"}`},
	}
}

func BenchmarkAddJSON(b *testing.B) {
	for _, x := range append(benchmarkJSONLines, hostileJSONLines()...) {
		b.Run("line="+x.name, func(b *testing.B) {
			m, err := NewMapper(Settings{})
			require.NoError(b, err)
			const batchSize, batchBytes = 1000, 1 << 20
			batch := m.NewBatch()
			origin := &Origin{Host: "web-1.example.com"}
			line := []byte(x.line)
			added, taken := 0, 0
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			began := processorTime(b)
			for b.Loop() {
				if batch.Len() == 0 {
					batch.Observe(time.Now())
				}
				batch.AddJSON(line, origin)
				added++
				if batch.Len() == batchSize || batch.Size() > batchBytes {
					taken += batch.Take().LogRecordCount()
				}
			}
			b.ReportMetric(float64(processorTime(b)-began)/float64(added), "cpu-ns/op")
			taken += batch.Take().LogRecordCount()
			require.Equal(b, added, taken)
		})
	}
}
