package main

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	streamName = "bench"
	shards     = 8
	// batchRecords come to the exporter in one call.
	batchRecords = 500
	// recordSize is about what one record is in OTLP, with its resource.
	recordSize = 300
	// keyRecords have one partition key.
	keyRecords = 20
	// uidKey is where a record's number stands, so that it can be found in the stream.
	uidKey = "log.record.uid"
)

var firstTime = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

func uid(i int) string { return fmt.Sprintf("019c2f50-0000-7000-8000-%012d", i) }

// batch is a call's records, from number first on. Each has a resource of its own:
// upstream's puts all records of a resource into one Kinesis record.
func batch(first, count int) plog.Logs {
	logs := plog.NewLogs()
	logs.ResourceLogs().EnsureCapacity(count)
	for i := first; i < first+count; i++ {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "purchasing")
		r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(firstTime.Add(time.Duration(i) * time.Microsecond)))
		r.SetObservedTimestamp(r.Timestamp())
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetSeverityText("info")
		r.Body().SetStr(text[:recordSize-overhead])
		a := r.Attributes()
		a.EnsureCapacity(4)
		a.PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-%012d", i%batchRecords+i/(batchRecords*keyRecords)*batchRecords))
		a.PutInt("http.response.status_code", 200)
		a.PutStr(uidKey, uid(i))
	}
	return logs
}

// overhead is what a record has beside its text; a test sees to it.
const overhead = 223

var text = strings.Repeat("order placed for 3 items; ", 20)
