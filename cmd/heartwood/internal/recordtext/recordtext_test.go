package recordtext

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func record(service string) (plog.Logs, plog.LogRecord) {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	if service != "" {
		resource.Resource().Attributes().PutStr("service.name", service)
	}
	r := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 21, 8, 34, 19, 651e6, time.UTC)))
	return logs, r
}

func text(s Style, logs plog.Logs) string {
	s.Location = time.UTC
	return string(s.AppendLogs(nil, logs))
}

func TestRecordOnALine(t *testing.T) {
	logs, r := record("ordering")
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 21, 8, 0, 0, 5e6, time.UTC)))
	r.SetSeverityNumber(plog.SeverityNumberWarn)
	r.Body().SetStr("order declined")
	order := r.Attributes().PutEmptyMap("order")
	order.PutStr("id", "o1")
	order.PutDouble("total", 12.5)
	r.Attributes().PutStr("reason", "card declined")
	r.Attributes().PutStr("empty", "")
	r.Attributes().PutStr("request_id", "8601b555-6a83-4c12-8269-97c8e32cdb22")
	r.Attributes().PutStr("log.record.uid", "x")
	r.Attributes().PutStr("code.function.name", "example.com/shop/ordering.(*Service).confirm")
	r.SetTraceID([16]byte{0x4b, 0xf9, 0x2f, 0x35, 1})

	assert.Equal(t, `08:00:00.005 WARN  ordering   order declined order.id=o1 order.total=12.5 reason="card declined" empty="" request_id=8601b555 code.function.name=ordering.(*Service).confirm trace=4bf92f35`+"\n",
		text(Style{}, logs))
	full := text(Style{Full: true}, logs)
	assert.Contains(t, full, "request_id=8601b555-6a83-4c12-8269-97c8e32cdb22")
	assert.Contains(t, full, "trace=4bf92f35010000000000000000000000")
	assert.Contains(t, full, "log.record.uid=x")
	assert.Contains(t, text(Style{Color: true}, logs), "\x1b[33mWARN \x1b[0m")
}

func TestRecordWithLittle(t *testing.T) {
	logs, r := record("")
	assert.Equal(t, "08:34:19.651   -   -         \n", text(Style{}, logs))
	r.SetEventName("finish")
	assert.Equal(t, "08:34:19.651   -   -          [finish]\n", text(Style{}, logs))
	r.Body().SetStr("finish")
	assert.Equal(t, "08:34:19.651   -   -          finish\n", text(Style{}, logs))
}

func TestStackTracesStandBelow(t *testing.T) {
	logs, r := record("inventory")
	r.SetSeverityNumber(plog.SeverityNumberError)
	r.Body().SetStr("panic: out of range\nsecond line")
	r.Attributes().PutStr("exception.stacktrace", "goroutine 1:\n"+strings.Repeat("main.f()\n\tfile.go:1\n", 20))
	lines := strings.Split(strings.TrimSpace(text(Style{}, logs)), "\n")
	assert.Equal(t, []string{
		"08:34:19.651 ERROR inventory  panic: out of range",
		"             | second line",
		"             | goroutine 1:",
		"             | main.f()",
		"             |     file.go:1",
	}, lines[:5])
	assert.Equal(t, "             | … 33 more lines", lines[len(lines)-1])
	assert.Equal(t, 41+1, strings.Count(text(Style{Full: true}, logs), "| "))
}

func TestSeverities(t *testing.T) {
	for n, want := range map[plog.SeverityNumber]string{0: "  -  ", 1: "TRACE", 4: "TRACE", 5: "DEBUG", 8: "DEBUG", 9: "INFO ", 12: "INFO ", 13: "WARN ", 16: "WARN ", 17: "ERROR", 20: "ERROR", 21: "FATAL", 24: "FATAL"} {
		name, _ := level(n)
		assert.Equal(t, want, name, n)
	}
}

func FuzzNothingCommandsTheTerminal(f *testing.F) {
	f.Add("\x1b[2J\x1b]0;title\a", "k\n", "v\r\x9b31m", "\u202e", "\xff\xfe")
	f.Add("plain", "key", "value", "service", "stack\n\ttrace")
	f.Fuzz(func(t *testing.T, body, key, value, service, stack string) {
		logs, r := record(service)
		r.Body().SetStr(body)
		r.SetEventName(body)
		r.Attributes().PutStr(key, value)
		r.Attributes().PutEmptyMap("m").PutStr(key, value)
		r.Attributes().PutStr("exception.stacktrace", stack)
		out := text(Style{}, logs)
		assert.True(t, utf8.ValidString(out))
		for _, c := range out {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Fatalf("%q in %q", c, out)
			}
		}
		assert.True(t, strings.HasSuffix(out, "\n"))
	})
}
