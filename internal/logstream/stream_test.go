package logstream

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
)

var usual = Join{MaxLines: 100, MaxBytes: 10_000, Timeout: time.Second}

// bed is a stream under test.
type bed struct {
	*Stream
	batch  *logrecord.Batch
	offset int64
	now    time.Time
}

func newBed(tb testing.TB, set Settings, mapping logrecord.Settings, from Source) *bed {
	tb.Helper()
	m, err := logrecord.NewMapper(mapping)
	require.NoError(tb, err)
	b := &bed{batch: m.NewBatch(), now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	b.Stream = New(&set, from, b.batch)
	return b
}

func (b *bed) add(text string) {
	for line := range strings.Lines(text) {
		data := []byte(strings.TrimSuffix(line, "\n"))
		b.Add(&Line{Data: data, Offset: b.offset, Read: b.now})
		for i := range data {
			data[i] = 0xff // it was valid during the call only
		}
		b.offset += int64(len(line))
	}
}

func (b *bed) take() []plog.LogRecord {
	var records []plog.LogRecord
	for _, rl := range b.batch.Take().ResourceLogs().All() {
		for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
			records = append(records, r)
		}
	}
	return records
}

func (b *bed) bodies() []string {
	var bodies []string
	for _, r := range b.take() {
		bodies = append(bodies, r.Body().AsString())
	}
	return bodies
}

func attr(r plog.LogRecord, key string) any {
	v, ok := r.Attributes().Get(key)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

func TestEachLineHasItsFormat(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{})
	b.add(`{"level":"info","msg":"json"}
level=info msg=logfmt
2026-11-21 08:15:30,123 WARNING shop.cart text
10.0.0.1 - - [21/Nov/2026:08:15:30 +0000] "GET /cart?id=7 HTTP/1.1" 200 512 "-" "curl/8.5.0"
plain
`)
	b.Flush()
	records := b.take()
	require.Len(t, records, 5)
	assert.Equal(t, "json", records[0].Body().Str())
	assert.Equal(t, "logfmt", records[1].Body().Str())
	assert.Equal(t, "text", records[2].Body().Str())
	assert.Equal(t, plog.SeverityNumberWarn, records[2].SeverityNumber())
	assert.Equal(t, "WARNING", records[2].SeverityText())
	assert.Equal(t, true, attr(records[2], "heartwood.time_guess"))
	assert.Equal(t, "access", attr(records[3], "log.category"))
	assert.Equal(t, int64(200), attr(records[3], "http.response.status_code"))
	assert.Equal(t, "/cart", attr(records[3], "url.path"))
	assert.Equal(t, time.Date(2026, 11, 21, 8, 15, 30, 0, time.UTC), records[3].Timestamp().AsTime())
	assert.Equal(t, "plain", records[4].Body().Str())
}

const trace = `2026-11-21 08:15:30,123 ERROR shop.cart cannot save
Traceback (most recent call last):
  File "/srv/app/main.py", line 3, in save
    raise ValueError("no")
ValueError: no
`

func TestTraceIsJoinedToItsRecord(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{ID: "file", Offsets: true})
	b.add("before\n" + trace)
	assert.Equal(t, []string{"before"}, b.bodies())
	offset, held := b.Held()
	assert.True(t, held)
	assert.Equal(t, int64(len("before\n")), offset, "the checkpoint stays before the first line")
	b.add("2026-11-21 08:15:31,000 INFO shop.cart next\n")
	records := b.take()
	require.Len(t, records, 1)
	r := records[0]
	assert.Equal(t, "cannot save", r.Body().Str())
	assert.Equal(t, "ValueError", attr(r, "exception.type"))
	assert.Equal(t, "no", attr(r, "exception.message"))
	assert.Contains(t, attr(r, "exception.stacktrace"), `raise ValueError("no")`)
	assert.Equal(t, "file-7", attr(r, "log.record.uid"))
	assert.Equal(t, int64(7), attr(r, "log.file.record_offset"))
	assert.Equal(t, int64(4), b.TakeJoined())
	b.Flush()
	_, held = b.Held()
	assert.False(t, held)
}

func TestTraceAloneIsARecord(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{})
	_, alone, _ := strings.Cut(trace, "\n")
	b.add(alone)
	b.Flush()
	records := b.take()
	require.Len(t, records, 1)
	assert.Equal(t, strings.TrimSuffix(alone, "\n"), records[0].Body().Str())
	assert.Equal(t, "ValueError", attr(records[0], "exception.type"))
}

func TestUnindentedLinesMayBeJoined(t *testing.T) {
	const text = "2026-11-21 08:15:30,123 INFO a.b one\ntwo\n2026-11-21 08:15:30,124 INFO a.b three\n"
	for unindented, want := range map[bool][]string{false: {"one", "two", "three"}, true: {"one\ntwo", "three"}} {
		join := usual
		join.Unindented = unindented
		b := newBed(t, Settings{Join: join}, logrecord.Settings{}, Source{})
		b.add(text)
		b.Flush()
		assert.Equal(t, want, b.bodies())
	}
}

func TestHeldRecordExpires(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{})
	b.add("waits\n")
	b.Expire(b.now.Add(usual.Timeout - 1))
	assert.Empty(t, b.bodies())
	b.Expire(b.now.Add(usual.Timeout))
	assert.Equal(t, []string{"waits"}, b.bodies())
	b.add("  too late\n")
	b.Flush()
	assert.Equal(t, []string{"  too late"}, b.bodies())
}

func TestStructuredLinesAreNotHeld(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{})
	b.add("{\"msg\":\"one\"}\nmsg=two n=1\n")
	assert.Equal(t, []string{"one", "two"}, b.bodies())
}

func TestJoinHasLimits(t *testing.T) {
	join := Join{MaxLines: 3, MaxBytes: 60, Timeout: time.Second}
	b := newBed(t, Settings{Join: join}, logrecord.Settings{}, Source{})
	const head = "2026-11-21 08:15:30,123 ERROR a.b m\n"
	b.add(head + "  1\n  2\n  3\n")
	b.Flush()
	got := b.bodies()
	assert.Equal(t, "m\n  1\n  2", got[0])
	assert.Equal(t, "  3", got[1])
	b.add(head + "  " + strings.Repeat("x", 40) + "\n")
	b.Flush()
	assert.Len(t, b.bodies(), 2)
}

func TestJoinDisabled(t *testing.T) {
	b := newBed(t, Settings{Join: Join{Disabled: true}}, logrecord.Settings{}, Source{})
	b.add(trace)
	assert.Len(t, b.bodies(), 5)
}

func TestBrokenJSON(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{})
	b.add("{\"a\": this is no json\n")
	b.Flush()
	first := b.take()[0]
	assert.Nil(t, attr(first, "heartwood.parse_error"), "in a stream of text it is text")
	const cut = "{\"msg\":\"cut o"
	b.add("{\"msg\":\"whole\"}\n" + cut + "\n")
	b.Flush()
	records := b.take()
	require.Len(t, records, 2)
	assert.Equal(t, []string{cut}, []string{records[1].Body().Str()})
	assert.NotNil(t, attr(records[1], "heartwood.parse_error"))
}

func TestFixedFormats(t *testing.T) {
	for format, line := range map[Format]string{
		JSON: `["no object"]`, Logfmt: `just words`, Access: `no access`, Text: `{"msg":"stays text"}`,
	} {
		b := newBed(t, Settings{Join: usual, Format: format}, logrecord.Settings{}, Source{})
		b.add(line + "\n")
		b.Flush()
		assert.Equal(t, []string{line}, b.bodies(), "format %d", format)
	}
}

func TestPiecesAndProblems(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{ID: "f", Offsets: true})
	b.add("held\n")
	b.Add(&Line{Data: []byte(`{"msg":`), Offset: 5, Piece: logrecord.Piece{ID: "f-5"}, Read: b.now})
	b.Add(&Line{Data: []byte(`"x"}`), Offset: 5, Nth: 1, Piece: logrecord.Piece{ID: "f-5", Index: 1, Last: true}, Read: b.now})
	b.Add(&Line{Data: []byte(`{"msg":`), Offset: 17, Problem: "cut", Read: b.now})
	records := b.take()
	require.Len(t, records, 4)
	uids := map[any]bool{}
	for _, r := range records {
		uids[attr(r, "log.record.uid")] = true
	}
	assert.Len(t, uids, 4)
	assert.Equal(t, int64(1), attr(records[2], "heartwood.line.index"))
	assert.Equal(t, "cut", attr(records[3], "heartwood.parse_error"))
}

func TestRuntimesTimeFillsIn(t *testing.T) {
	b := newBed(t, Settings{Join: usual}, logrecord.Settings{}, Source{})
	written := time.Date(2026, 11, 21, 7, 59, 59, 0, time.UTC)
	b.Add(&Line{Data: []byte("no time of its own"), Time: written, Read: b.now, Attributes: []logrecord.Attribute{{Key: "cri.tags", Value: "x"}}})
	b.Flush()
	r := b.take()[0]
	assert.Equal(t, written, r.Timestamp().AsTime())
	assert.Equal(t, "x", attr(r, "cri.tags"))
}

// TestRealProgramsLinesAreKept reads what real loggers wrote: every line is in some
// record, and none is there twice.
func TestRealProgramsLinesAreKept(t *testing.T) {
	const dir = "../logrecord/testdata/loggers"
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") {
			continue
		}
		text, err := os.ReadFile(dir + "/" + e.Name())
		require.NoError(t, err)
		b := newBed(t, Settings{Join: Join{MaxLines: 1000, MaxBytes: 1 << 20, Timeout: time.Second}}, logrecord.Settings{KeepOriginal: true}, Source{})
		b.add(string(text))
		b.Flush()
		var got []string
		for _, r := range b.take() {
			assert.Nil(t, attr(r, "heartwood.parse_error"), "%s: %v", e.Name(), r.Body().AsString())
			got = append(got, fmt.Sprint(attr(r, "log.record.original")))
		}
		assert.Equal(t, withoutBlankLines(string(text)), withoutBlankLines(strings.Join(got, "\n")), e.Name())
	}
}

func withoutBlankLines(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n \t"); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// FuzzNothingIsLost: whatever lines come, each that is not blank is in exactly one
// record, in order.
func FuzzNothingIsLost(f *testing.F) {
	f.Add(trace+"{\"a\":1}\nk=v\n\n  x\n", byte(0))
	f.Add("panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1\n", byte(1))
	f.Add("{\"\":\"\xff\"}\n{\"msg\":\"a\"}\n{\n", byte(2))
	f.Add("\x00\xff\n\ta=\"\n at x\n", byte(3))
	f.Fuzz(func(t *testing.T, text string, format byte) {
		text = strings.ReplaceAll(text, "\r", "")
		b := newBed(t, Settings{Format: Format(format % 5), Join: Join{MaxLines: 5, MaxBytes: 2000, Timeout: time.Second}}, logrecord.Settings{KeepOriginal: true}, Source{ID: "f", Offsets: true})
		b.add(text)
		b.Flush()
		var got []string
		last := int64(-1)
		for _, r := range b.take() {
			original, ok := r.Attributes().Get("log.record.original")
			require.True(t, ok)
			if original.Type() == pcommon.ValueTypeBytes {
				got = append(got, string(original.Bytes().AsRaw()))
			} else {
				got = append(got, original.Str())
			}
			offset := attr(r, "log.file.record_offset").(int64)
			require.Greater(t, offset, last)
			last = offset
		}
		assert.Equal(t, withoutBlankLines(text), withoutBlankLines(strings.Join(got, "\n")))
	})
}
