package logrecord

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

var benchmarkLines = []struct {
	name, line string
}{
	{"heroku", `ts=2026-11-21T08:15:30.123456Z at=info app=shop-web method=GET path="/orders/17?page=2&sort=desc" ` +
		`host=shop.example.herokuapp.com request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="204.204.204.204" ` +
		`dyno=web.1 connect=1ms service=18ms status=200 bytes=13042 cached=false protocol=https tls=tls1.3`},
	{"short", `level=info msg=hi`},
	{"zap", `ts=1763712930.123 level=warn caller=shop/orders.go:142 msg="order is late" order=17 waited=3.25 ` +
		`trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 error="context deadline exceeded"`},
	{"escapes", `level=error msg="cannot read \"/etc/shop.conf\":\n\tno such file" err="open \"x\"" retry=true`},
	{"text", `Started GET "/orders/17" for 204.204.204.204 at 2026-11-21 08:15:30 +0000`},
	{"error", `ts=2026-11-21T08:15:30Z level=info app=shop msg="cut off in the middle of a sen`},
}

// BenchmarkAdd measures lines to records. cpu-ns/op is the processor time of the
// whole process, garbage collection on other cores included.
func BenchmarkAdd(b *testing.B) {
	for _, x := range benchmarkLines {
		for _, types := range []logfmt.Types{logfmt.Infer, logfmt.Strings} {
			b.Run(fmt.Sprintf("line=%s/types=%s", x.name, map[logfmt.Types]string{logfmt.Infer: "infer", logfmt.Strings: "string"}[types]), func(b *testing.B) {
				m, err := NewMapper(Settings{Types: types})
				require.NoError(b, err)
				benchmarkAdd(b, m, []byte(x.line), true)
			})
		}
	}
}

// BenchmarkSlabs measures what pdataslab brings: the same records from slabs, and by
// pdata's own functions.
func BenchmarkSlabs(b *testing.B) {
	for _, withSlabs := range []bool{true, false} {
		b.Run(fmt.Sprintf("slabs=%v", withSlabs), func(b *testing.B) {
			m, err := NewMapper(Settings{})
			require.NoError(b, err)
			benchmarkAdd(b, m, []byte(benchmarkLines[0].line), withSlabs)
		})
	}
}

func benchmarkAdd(b *testing.B, m *Mapper, line []byte, withSlabs bool) {
	b.Helper()
	const batchSize = 1000
	batch := m.NewBatch()
	if !withSlabs {
		batch.out = pdataslab.Builder{}
	}
	origin := &Origin{Host: "web-1.example.com"}
	added, taken := 0, 0
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	began := processorTime(b)
	for b.Loop() {
		if batch.Len() == 0 {
			batch.Observe(time.Now())
		}
		batch.Add(line, origin)
		added++
		if batch.Len() == batchSize {
			taken += batch.Take().LogRecordCount()
		}
	}
	b.ReportMetric(float64(processorTime(b)-began)/float64(added), "cpu-ns/op")
	taken += batch.Take().LogRecordCount()
	require.Equal(b, added, taken)
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
