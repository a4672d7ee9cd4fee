package viewerexporter

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
)

// agentBatch is a request of an agent: 400 records of some 500 bytes, the attributes not sorted, eight
// records to a request.id.
func agentBatch(n int) plog.Logs {
	const size = 400
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	rl.Resource().Attributes().PutStr("service.version", "4.7.1")
	rl.Resource().Attributes().PutStr("host.name", fmt.Sprintf("web-%02d", n%8))
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range size {
		k := n*size + i
		event := uint64(n*size/8 + i%(size/8))
		r := records.AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(1_780_000_000_000_000_000 + k*1000))
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetSeverityText("info")
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:], event*0x9e3779b97f4a7c15)
		binary.BigEndian.PutUint64(trace[8:], event*0xd6e8feb86659fd93)
		r.SetTraceID(trace)
		var span pcommon.SpanID
		binary.BigEndian.PutUint64(span[:], uint64(k+1)*0x9e3779b97f4a7c15)
		r.SetSpanID(span)
		a := r.Attributes()
		a.EnsureCapacity(16)
		a.PutStr("log.record.uid", fmt.Sprintf("0197f3a0-4c6e-7000-8000-%012x", k))
		a.PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-%012x", event))
		a.PutStr("http.method", []string{"GET", "POST", "PUT"}[k%3])
		a.PutStr("url.path", fmt.Sprintf("/orders/%05d", k*31%100_003))
		a.PutInt("http.status", int64(200+k%3))
		a.PutStr("measure#svc", fmt.Sprintf("%03dms", k*7919%997))
		a.PutStr("client", fmt.Sprintf("10.%d.%d.%d", k&255, k>>3&255, k*7&255))
		a.PutStr("user", fmt.Sprintf("u%06d", k*104_729%1_000_003))
		a.PutInt("items", int64(k%9+1))
		a.PutBool("retry", k%7 == 0)
		a.PutDouble("cost", float64(k%9973)/100)
		a.PutStr("note", "on time, as said")
		r.Body().SetStr([]string{"order placed", "payment authorised", "stock reserved", "parcel announced"}[k%4] +
			" for a customer with 3 open orders, as the warehouse in Hamburg has said; for a customer with")
	}
	return logs
}

// BenchmarkLogs is what records cost the whole process, as a pipeline gives them, in CPU time: reading their
// protobuf, which is there with and without the exporter, and the exporter with all that its store does.
func BenchmarkLogs(b *testing.B) {
	const rounds, between = 64, 32
	requests := make([][]byte, rounds)
	marshaler, unmarshaler := plog.ProtoMarshaler{}, plog.ProtoUnmarshaler{}
	for n := range requests {
		var err error
		requests[n], err = marshaler.MarshalLogs(agentBatch(n))
		require.NoError(b, err)
	}
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("viewer=%t", with), func(b *testing.B) {
			s, err := store.Open(store.Settings{Directory: b.TempDir(), MaxWaiting: 64 << 20})
			require.NoError(b, err)
			b.ReportAllocs()
			records, leftOut, n := 0, 0, 0
			before := cpu(b)
			for b.Loop() {
				logs, err := unmarshaler.UnmarshalLogs(requests[n%rounds])
				require.NoError(b, err)
				records += logs.LogRecordCount()
				if with {
					leftOut += s.AddSource(newLogSource(logs))
				}
				if n++; n%between == 0 {
					require.NoError(b, s.Flush(b.Context()))
				}
			}
			require.NoError(b, s.Flush(b.Context()))
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(records), "cpu-ns/record")
			require.Zero(b, leftOut)
			if stats := s.Stats(); with {
				require.EqualValues(b, records, stats.Records+stats.Gone)
				b.ReportMetric(float64(stats.Bytes)/float64(stats.Records), "disk-B/record")
			}
			require.NoError(b, s.Close())
		})
	}
}

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
