package pdataslab

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
)

// BenchmarkDecodeRequest decodes requests of 400 records of twelve attributes.
func BenchmarkDecodeRequest(b *testing.B) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	const n = 400
	for i := range n {
		r := records.AppendEmpty()
		r.SetTimestamp(1_700_000_000_123_456_789)
		r.SetSeverityText("info")
		r.SetSeverityNumber(9)
		r.Body().SetStr("order is placed, for a customer with 3 open orders, as the warehouse has said")
		for k := range 8 {
			r.Attributes().PutStr(fmt.Sprint("attribute.", k), fmt.Sprintf("value %d of %d", k, i))
		}
		r.Attributes().PutInt("items", int64(i))
		r.Attributes().PutInt("http.status", 200)
		r.Attributes().PutBool("retry", i%7 == 0)
		r.Attributes().PutDouble("cost", float64(i)/100)
	}
	wire := marshal(b, logs)
	run := func(name string, decode func(request any) bool) {
		b.Run("decoder="+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				request := newRequest()
				if !decode(request) || logsOfRequest(b, request).LogRecordCount() != n {
					b.Fatal("not decoded")
				}
			}
		})
	}
	run("pdata", func(request any) bool { return request.(decodes).UnmarshalProto(wire) == nil })
	var d RequestDecoder
	run("slabs", func(request any) bool {
		defer d.Forget()
		_, ok := d.Split(wire)
		return ok && d.Decode(request)
	})
}
