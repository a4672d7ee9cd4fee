package textline

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// within says whether part is a piece of text's own bytes.
func within(text, part string) bool {
	if part == "" {
		return true
	}
	from := uintptr(unsafe.Pointer(unsafe.StringData(text)))
	at := uintptr(unsafe.Pointer(unsafe.StringData(part)))
	return at >= from && at+uintptr(len(part)) <= from+uintptr(len(text))
}

// FuzzParse: what is found is part of the text, the message goes to its end, or to
// the parts that were taken off the end, and nothing is left in a refused line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"2026-04-09 10:15:30,123 INFO shop.orders msg", "2026-04-09 10:15:30.123 | INFO     | a:<module>:42 - msg", "INFO:root:msg",
		"2026-04-09T10:15:30.123+02:00  INFO 1234 --- [app] [ main] c.e.Orders : msg", "Apr 09, 2026 10:15:30 AM c.Orders pay\r\nINFO: msg",
		"Apr 9, 2026, 10:15:30\u202fAM a", "I0409 10:15:30.123456    1234 orders.go:42] msg", "[2026-04-09T10:15:30Z INFO  a::b] msg",
		"I, [2026-04-09T10:15:30.123456 #1234]  INFO -- : [8601b555-6a83-4c12-8269-97c8e32cdb22] msg", "info: a.B[1]\n      msg", "fail: A[0]",
		`2026/04/09 10:15:30 [error] 1#2: *90 msg, client: 1, request: "a, b", host: "x"`, "[Thu Apr 09 10:15:30.1 2026] [a:error] [pid 1:tid 2] msg",
		"2026-04-09 10:15:30.123 UTC [1234] a@b ERROR:  msg", "1:M 09 Apr 2026 10:15:30.123 * msg", "2026-04-09T10:15:30Z 0 [Note] [MY-1] [S] msg",
		"Apr  9 10:15:30 web1 sshd[1234]: msg", "10:15AM INF msg", "[I 260409 10:15:30 web:2271] msg", "[10:15:30 INF] msg", "1775729730.123 msg",
		"2026-04-09T10:15:30.123456Z  INFO a{b=1}:c{}: d: e.rs:1: msg", `10:15:30.1 [main] INFO a.B -k="v" l="- "- msg`, "2026-04-09T10:15:30Z\tINFO\ta\tb.go:1\tm\t{}",
		"\x1b[31m10:15:30\x1b[0m msg", "[09-Apr-2026 10:15:30 CEST] PHP Notice:  msg", "[2026-04-09, 10:15:30 UTC] {a.py:1} INFO - msg", "3:04PM", "INFO[0", "a: 2026/",
		"[2026-04-09 10:15:30,1: INFO/x] msg", "[INFO] [2026-04-09 10:15:30] x", "INFO [10:15:30] x", "2026-04-09 10:15:30 -", "2026-04-09 10:15:30 |", "[10:15:30]", "I,  [",
	} {
		f.Add(s)
	}
	pattern, err := CompilePattern(`(?P<time>\d\S+)?(?P<a>.)(?P<message>b.*)`)
	require.NoError(f, err)
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(f, err)
	var out Line
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range []*Detector{{}, {Location: newYork, nameFirst: true}, {Pattern: pattern}} {
			if !d.Parse(text, noon, &out) {
				require.Equal(t, Line{Fields: out.Fields[:0]}, out)
				continue
			}
			require.Equal(t, out.HasTime, out.Time.UnixNano != 0)
			if strings.IndexByte(text, escape) >= 0 {
				continue
			}
			for _, part := range []string{out.SeverityText, out.Logger, out.Function, out.File, out.Thread, out.EventName, out.Message} {
				require.True(t, within(text, part), "%q", part)
			}
			for _, f := range out.Fields {
				require.True(t, within(text, f.Value), "%q", f.Value)
			}
			require.GreaterOrEqual(t, out.LineNumber, int64(0))
			require.GreaterOrEqual(t, out.PID, int64(0))
			if strings.Contains(text, "\n") && d.Pattern == nil {
				require.True(t, strings.HasSuffix(text, out.Message), "the message goes on to the end")
			}
		}
	})
}

func TestParseAllocations(t *testing.T) {
	var d Detector
	var out Line
	for _, line := range []string{
		"2026-04-09 10:15:30,123 INFO shop.orders Processing order 17", "10:15:30.123 [main] INFO  c.e.Orders - msg", "plain text", "INFO:root:msg",
		"2026-04-09 10:15:30.123 UTC [1234] a@b ERROR:  msg", "Apr  9 10:15:30 web1 sshd[1234]: msg", "I0409 10:15:30.123456    1234 orders.go:42] msg",
	} {
		d.Parse(line, noon, &out) // once, for the fields
		require.Zero(t, testing.AllocsPerRun(20, func() { d.Parse(line, noon, &out) }), line)
	}
}
