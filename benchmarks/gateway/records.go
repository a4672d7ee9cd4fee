package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

const (
	// batchRecords come in one request, as an agent sends them.
	batchRecords = 400
	// eventRecords have one request.id, and so become one folded event.
	eventRecords = 8
	// templates differ in what their records say.
	templates = 8
	// secretEvery is how many records have one secret.
	secretEvery = 100
	markPrefix  = "mark="
)

// What a template has where a request's own numbers will stand: as long as those.
const (
	uidDigits     = "a%011d"
	requestDigits = "b%011d"
	markDigits    = "c%011d"
)

func traceDigits(i int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0xfe, 0xed, 0xfa, 0xce}, uint32(i))
}

// template is a request in protobuf, and where in it its own numbers stand.
type template struct {
	request []byte
	uids    [batchRecords]int
	ids     [batchRecords]int
	traces  [batchRecords]int
	mark    int
}

// eventOf is which of a batch's events a record is of: they are interleaved.
func eventOf(record int) int { return record % (batchRecords / eventRecords) }

func newTemplate(variant, size int, now time.Time) (*template, error) {
	request, err := plogotlp.NewExportRequestFromLogs(newBatch(variant, size, now)).MarshalProto()
	if err != nil {
		return nil, err
	}
	t := &template{request: request}
	find := func(from int, what []byte) (at int) {
		if err != nil {
			return 0
		}
		if at = bytes.Index(request[from:], what); at < 0 {
			err = fmt.Errorf("a template has no %q behind byte %d", what, from)
		}
		return from + at
	}
	at := 0
	for i := range batchRecords {
		// The order of fields within a record is protobuf's affair.
		t.uids[i] = find(at, fmt.Appendf(nil, uidDigits, i))
		t.ids[i] = find(at, fmt.Appendf(nil, requestDigits, i))
		t.traces[i] = find(at, traceDigits(i))
		at = min(t.uids[i], t.ids[i], t.traces[i])
	}
	t.mark = find(0, fmt.Appendf(nil, markDigits, 0))
	return t, err
}

// appendRequest appends request number n: no two have a record in common.
func (t *template) appendRequest(dst []byte, n int) []byte {
	start := len(dst)
	dst = append(dst, t.request...)
	own := dst[start:]
	for i := range batchRecords {
		event := n*(batchRecords/eventRecords) + eventOf(i)
		putDigits(own[t.uids[i]:], n*batchRecords+i)
		putDigits(own[t.ids[i]:], event)
		binary.BigEndian.PutUint64(own[t.traces[i]:], uint64(event)+1)
	}
	putDigits(own[t.mark:], n)
	return dst
}

// putDigits writes twelve digits.
func putDigits(into []byte, n int) {
	for i := 11; i >= 0; i-- {
		into[i] = byte('0' + n%10)
		n /= 10
	}
}

// newBatch is one agent's request: one resource, records of which each says size bytes.
func newBatch(variant, size int, now time.Time) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	rl.Resource().Attributes().PutStr("service.version", "4.7.1")
	rl.Resource().Attributes().PutStr("host.name", fmt.Sprintf("web-%02d", variant))
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range batchRecords {
		newRecord(records.AppendEmpty(), variant*batchRecords+i, i, size, now)
	}
	return logs
}

var (
	methods = []string{"GET", "POST", "PUT"}
	steps   = []string{"order placed", "payment authorised", "stock reserved", "parcel announced"}
)

func newRecord(r plog.LogRecord, k, i, size int, now time.Time) {
	r.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i) * time.Microsecond)))
	r.SetObservedTimestamp(r.Timestamp())
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetSeverityText("info")
	trace := pcommon.TraceID{}
	copy(trace[:], traceDigits(i))
	binary.BigEndian.PutUint64(trace[8:], 0x9e3779b97f4a7c15)
	r.SetTraceID(trace)
	span := pcommon.SpanID{}
	binary.BigEndian.PutUint64(span[:], uint64(k+1)*0x9e3779b97f4a7c15)
	r.SetSpanID(span)
	a := r.Attributes()
	a.EnsureCapacity(16)
	a.PutStr("log.record.uid", fmt.Sprintf("0197f3a0-4c6e-7000-8000-"+uidDigits, i))
	a.PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-"+requestDigits, i))
	a.PutStr("http.method", methods[k%len(methods)])
	a.PutStr("url.path", fmt.Sprintf("/orders/%05d", k*31%100_003))
	a.PutInt("http.status", int64(200+k%3))
	a.PutStr("measure#svc", fmt.Sprintf("%03dms", k*7919%997))
	a.PutStr("client", fmt.Sprintf("10.%d.%d.%d", k&255, k>>3&255, k*7&255))
	a.PutStr("user", fmt.Sprintf("u%06d", k*104_729%1_000_003))
	a.PutInt("items", int64(k%9+1))
	a.PutBool("retry", k%7 == 0)
	a.PutDouble("cost", float64(k%9973)/100)
	body := steps[k%len(steps)]
	if i == 0 {
		body += " " + markPrefix + fmt.Sprintf(markDigits, 0)
	}
	if size > 500 {
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36")
		a.PutStr("url.query", fmt.Sprintf("page=%d&sort=price&filter=in_stock&session=%016x", k%50, uint64(k)*0x9e3779b97f4a7c15))
		a.PutStr("code.function", "purchasing.internal.orders.PlacementService.place")
	}
	if k%secretEvery == 17 {
		a.PutStr("note", "to jo@example.com") // redact finds it
	} else {
		a.PutStr("note", "on time, as said")
	}
	// The body fills up what is left.
	for left := size - contentSize(r) - len(body) - 1; left > 0; left = size - contentSize(r) - len(body) - 1 {
		body += " " + filling[:min(left, len(filling))]
	}
	r.Body().SetStr(body)
}

var filling = strings.Repeat("for a customer with 3 open orders, as the warehouse in Hamburg has said; ", 4)

// contentSize is what a record says: body, names and values of attributes, trace and span
// id, severity; numbers have eight bytes and a time, too.
func contentSize(r plog.LogRecord) int {
	size := len(r.Body().AsString()) + len(r.SeverityText()) + 16 + 8 + 8
	for key, value := range r.Attributes().All() {
		size += len(key)
		switch value.Type() {
		case pcommon.ValueTypeStr:
			size += len(value.Str())
		case pcommon.ValueTypeBool:
			size++
		default:
			size += 8
		}
	}
	return size
}
