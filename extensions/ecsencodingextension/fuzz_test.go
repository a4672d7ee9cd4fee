package ecsencodingextension

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

// dice are decisions from the bytes of a fuzz test; when these are used up, zeros.
type dice struct{ data []byte }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	x := int(d.data[0])
	d.data = d.data[1:]
	return x % n
}

func (d *dice) text() string {
	n := min(d.roll(24), len(d.data))
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s
}

func (d *dice) word() uint64 {
	var x uint64
	for range 8 {
		x = x<<8 | uint64(d.roll(256))
	}
	return x
}

var (
	someNames = []string{
		"a", "a.b", "a.b.c", "a_b", "labels", "labels.a", "http", "http.request", "http.request.id", "error", "error.foo", "message", "message.x", "log.level",
		"ecs.version", "@timestamp", "heartwood.x", "exception.type", "exception.message", "client.address", "fold.id", "log.category",
		"service.name", "service.foo", "host", "host.foo", "container.label.x", "k8s.pod.label.y", "", ".", "x.", "\xff", "\xfe", "é", "a\n", "tags", "http.request.method_original",
	}
	someTexts = []string{"", "x", "1", "true", "GET", "2026-02-03T04:05:06Z", "203.0.113.17", "::1", "UNSPECIFIED", "access", "success", "event", "1,2", "\xff", "\u2028"}
)

func (d *dice) name() string {
	switch d.roll(4) {
	case 0:
		fields := ecs.Fields()
		return fields[(d.roll(256)*256+d.roll(256))%len(fields)].Name
	case 1:
		all := ecs.Alignments()
		return all[(d.roll(256)*256+d.roll(256))%len(all)].Attribute
	case 2:
		return d.text()
	}
	return someNames[d.roll(len(someNames))]
}

func (d *dice) value(v pcommon.Value, depth int) {
	n := 9
	if depth == 0 {
		n = 7
	}
	switch d.roll(n) {
	case 0:
		v.SetStr(d.text())
	case 1:
		v.SetStr(someTexts[d.roll(len(someTexts))])
	case 2:
		v.SetInt(int64(d.word()))
	case 3:
		if n := d.roll(10); n > 0 { // otherwise it stays a value of nothing
			v.SetInt(int64(n))
		}
	case 4:
		v.SetDouble(math.Float64frombits(d.word()))
	case 5:
		v.SetBool(d.roll(2) == 1)
	case 6:
		v.SetEmptyBytes().FromRaw([]byte(d.text()))
	case 7:
		s := v.SetEmptySlice()
		for range d.roll(4) {
			d.value(s.AppendEmpty(), depth-1)
		}
	case 8:
		d.attributes(v.SetEmptyMap(), d.roll(4), depth-1)
	}
}

func (d *dice) attributes(m pcommon.Map, n, depth int) {
	for range n {
		d.value(m.PutEmpty(d.name()), depth)
	}
}

func (d *dice) logs() plog.Logs {
	logs := plog.NewLogs()
	for len(d.data) > 0 {
		rl := logs.ResourceLogs().AppendEmpty()
		d.attributes(rl.Resource().Attributes(), d.roll(5), 2)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName(someTexts[d.roll(len(someTexts))])
		d.attributes(sl.Scope().Attributes(), d.roll(2), 1)
		for range 1 + d.roll(3) {
			r := sl.LogRecords().AppendEmpty()
			if d.roll(2) == 1 {
				r.SetTimestamp(pcommon.Timestamp(d.word()))
			}
			if d.roll(4) == 3 {
				r.SetObservedTimestamp(pcommon.Timestamp(d.word()))
			}
			r.SetSeverityNumber(plog.SeverityNumber(d.roll(27) - 1))
			r.SetSeverityText(someTexts[d.roll(len(someTexts))])
			r.SetEventName(someTexts[d.roll(len(someTexts))])
			r.SetSpanID(pcommon.SpanID{byte(d.roll(3))})
			d.value(r.Body(), 3)
			d.attributes(r.Attributes(), d.roll(12), 3)
		}
	}
	return logs
}

// FuzzMarshal: whatever logs say, each record is a document, and documents that are read
// and written again are the same.
func FuzzMarshal(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		seed := make([]byte, 300)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	var all []*ecsExtension
	for _, unknown := range []string{"label", "keep", "drop"} {
		for _, nesting := range []string{"nested", "dotted"} {
			all = append(all, start(f, func(c *Config) { c.Unknown, c.Nesting = unknown, nesting }))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		logs := (&dice{data: data}).logs()
		for _, e := range all {
			written, err := e.MarshalLogs(logs)
			require.NoError(t, err)
			lines := bytes.Split(written, []byte("\n"))
			if logs.LogRecordCount() > 0 {
				require.Len(t, lines, logs.LogRecordCount())
				for _, line := range lines {
					require.True(t, json.Valid(line), "%s", line)
					if e.options.Unknown != ecs.Keep { // kept maps may have any keys
						require.NoError(t, ecscheck.Document(line), "%s", line)
					}
				}
			}
			back, err := e.UnmarshalLogs(written)
			require.NoError(t, err)
			require.Equal(t, logs.LogRecordCount(), back.LogRecordCount())
			if e.options.Unknown != ecs.Label {
				continue // labels come back as what ECS does not know
			}
			again, err := e.MarshalLogs(back)
			require.NoError(t, err)
			for i, line := range bytes.Split(again, []byte("\n")) {
				if len(line) > 0 && !sameJSON(lines[i], line) {
					t.Logf("%s\n%s", lines[i], line)
					t.Fail()
				}
			}
		}
	})
}

// sameJSON compares documents but for ecs.version, which is that of the table, for the
// event.kind that comes of an event.action: read, this is the record's event name, and for
// the address that an ip or a domain is in OpenTelemetry.
func sameJSON(a, b []byte) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	for _, document := range []map[string]any{x, y} {
		delete(document, "ecs.version")
		if document["event.kind"] == "event" {
			delete(document, "event.kind")
		}
		if event, ok := document["event"].(map[string]any); ok && event["kind"] == "event" {
			delete(event, "kind")
		}
		for _, name := range [...]string{"client", "server", "source", "destination"} {
			end, nested := document[name].(map[string]any)
			point := ""
			if !nested {
				end, point = document, name+"."
			}
			if address := end[point+"address"]; address != nil && (address == end[point+"ip"] || address == end[point+"domain"]) {
				delete(end, point+"address")
			}
		}
	}
	return reflect.DeepEqual(x, y)
}
