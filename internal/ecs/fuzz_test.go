package ecs_test

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

// FuzzMapper maps whatever the bytes make, and holds it against what the contract says of
// any record: names are unique, all is in ECS's table, no value is lost, and what was
// mapped is mapped to itself.
func FuzzMapper(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\x01\x05\x00\x02\x00\x01\x07", "\x01\x21\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
		"\x02\x21\x03\x05a.b\x00\x03\x03\x05a.b.c\x05\x03\x01", strings.Repeat("\x01\x31\x02\x06\x04\x02\x05", 12),
		"\x00\x55\x02\x00\x00\x02\x01\x00\x02\x02\x00\x02\x03\x00\x02\x04\x00\x02\x05\x00\x02\x06\x00\x02\x07\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g := &generator{data: data}
		unknown := ecs.Unknown(g.next() % 3)
		resource, scope, r := pcommon.NewResource(), pcommon.NewInstrumentationScope(), plog.NewLogRecord()
		g.record(r)
		if g.next()&1 != 0 {
			g.attributes(resource.Attributes(), 8)
			g.attributes(scope.Attributes(), 3)
			scope.SetName(g.text())
			scope.SetVersion(g.text())
		}
		before := plog.NewLogRecord()
		r.CopyTo(before)

		m := ecs.NewMapper(ecs.Options{Unknown: unknown})
		m.Begin(resource, scope)
		document := string(documentOf(m.Log(r), false))
		missing := g.missing(document)
		if dropped := m.TakeCounts().Dropped; unknown == ecs.Drop {
			assert.LessOrEqual(t, uint64(missing.attributes), dropped)
		} else {
			require.Empty(t, missing.values, "in %s", document)
			require.Zero(t, dropped)
		}
		require.True(t, r.Attributes().Equal(before.Attributes()))

		// What was remembered changes nothing, nor what is asked for between.
		items := m.Log(r)
		checkAll(t, items, unknown)
		require.Equal(t, document, string(documentOf(items, false)))
		checkAll(t, m.Attributes(r), unknown)
		checkAll(t, m.Resource(), unknown)
		checkAll(t, m.Scope(), unknown)
		span := ptrace.NewSpan()
		r.Attributes().CopyTo(span.Attributes())
		checkAll(t, m.Span(span), unknown)
		require.Equal(t, document, string(documentOf(m.Log(r), false)))

		// What was mapped stays what it is.
		again := plog.NewLogRecord()
		for _, item := range m.Log(r) {
			item.PutInto(again.Attributes().PutEmpty(item.Name))
		}
		m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
		m.TakeCounts()
		require.Equal(t, document, string(documentOf(m.Log(again), false)))
		require.Zero(t, m.TakeCounts())
	})
}

func checkAll(t *testing.T, items []ecs.Item, unknown ecs.Unknown) {
	t.Helper()
	names := make(map[string]bool)
	for i := range items {
		require.False(t, names[items[i].Name], items[i].Name)
		names[items[i].Name] = true
	}
	checkItems(t, items)
	if unknown != ecs.Keep {
		document := documentOf(items, true)
		require.NoError(t, ecscheck.Document(document), "%s", document)
	}
}

// generator makes records of bytes. Each value that is a text or a number can be told
// from all others in the document that comes of it.
type generator struct {
	data  []byte
	made  int
	marks []mark
	top   int // the attribute of the record that is being made
}

type mark struct {
	text      string
	attribute int
}

func (g *generator) next() byte {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return b
}

// number is another one each time, of seven digits.
func (g *generator) number() int {
	g.made++
	return 1000000 + g.made
}

func (g *generator) mark(text string) { g.marks = append(g.marks, mark{text, g.top}) }

func (g *generator) text() string {
	text := fmt.Sprintf("v%d;", g.number())
	g.mark(text)
	return text
}

func (g *generator) record(r plog.LogRecord) {
	flags := g.next()
	if flags&1 != 0 {
		r.SetTimestamp(pcommon.Timestamp(1e15 + g.number()))
		g.mark(strconv.Itoa(g.made + 1000000))
	}
	if flags&2 != 0 {
		r.SetObservedTimestamp(pcommon.Timestamp(1e15 + g.number()))
		g.mark(strconv.Itoa(g.made + 1000000))
	}
	if flags&4 != 0 {
		r.SetSeverityText(g.text())
	}
	r.SetSeverityNumber(plog.SeverityNumber(flags >> 3))
	if flags&8 != 0 {
		r.SetEventName(g.text())
	}
	if flags&16 != 0 {
		r.SetTraceID(pcommon.TraceID{flags})
		r.SetSpanID(pcommon.SpanID{flags})
	}
	if flags&32 != 0 {
		g.value(r.Body(), 3)
	} else if flags&64 != 0 {
		body := r.Body().SetEmptyMap()
		parts := body.PutEmptySlice("parts")
		for range g.next() % 3 {
			g.value(parts.AppendEmpty(), 2)
		}
		g.value(body.PutEmpty("shared"), 1)
	}
	g.attributes(r.Attributes(), 24)
}

func (g *generator) attributes(attributes pcommon.Map, most int) {
	for ; most > 0 && len(g.data) > 0; most-- {
		g.top++
		name := g.name()
		if _, has := attributes.Get(name); has {
			continue
		}
		g.value(attributes.PutEmpty(name), 4)
	}
	g.top = 0
}

var someNames = []string{
	"os.type", "os.name", "exception.type", "exception.message", "code.line.number", "thread.id", "log.record.uid", "deployment.environment",
	"client.address", "client.ip", "client.domain", "server.address", "log.category", "fold.id", "fold.outcome", "fold.duration", "http.server.request.duration",
	"network.protocol.name", "network.protocol.version", "http.version", "http.request.method", "http.request.method_original", "http.response.status_code",
	"container.label.a.b", "container.labels.a_b", "container.labels", "container.label", "k8s.pod.label.a", "k8s.pod.label", "labels.a", "labels.a_2", "labels.a.b", "labels",
	"heartwood", "heartwood.body", "heartwood.parts", "heartwood.a.b", "error", "error.type", "http", "http.request", "host", "host.geo", "host.geo.location",
	"event", "event.kind", "event.category", "event.type", "event.outcome", "event.duration", "event.dataset", "event.created", "@timestamp", "message", "log.level", "log", "ecs.version", "ecs",
	"dns.answers", "dns.answers.type", "dns", "entity.raw", "entity.raw.a", "log.syslog", "log.syslog.structured_data", "log.syslog.structured_data.a", "tags", "host.ip", "trace.id", "span.id",
	"a", "a.b", "a_b", "a.b.c", "a.b_c", "a*b", "", ".", "..", "a.", " ", "http.version.major", "message.a", "severity_text", "body", "rpc.grpc.status_code",
}

func (g *generator) name() string {
	kind := g.next()
	switch at := int(g.next()); kind % 8 {
	case 0:
		rows := ecs.Alignments()
		return rows[at*7%len(rows)].Attribute
	case 1:
		fields := ecs.Fields()
		return fields[(at<<3|int(kind>>5))*5%len(fields)].Name
	case 2, 3, 4, 5:
		return someNames[at%len(someNames)]
	case 6:
		return someNames[at%len(someNames)] + "." + someNames[int(g.next())%len(someNames)]
	default:
		n := min(at%16, len(g.data))
		name := string(g.data[:n])
		g.data = g.data[n:]
		return name
	}
}

func (g *generator) value(v pcommon.Value, levels int) {
	switch kind := g.next() % 16; kind {
	case 0, 1:
		v.SetStr(g.text())
	case 2:
		v.SetInt(int64(g.number()))
		g.mark(strconv.Itoa(g.made + 1000000))
	case 3:
		v.SetDouble(float64(g.number()) + 0.5)
		g.mark(strconv.Itoa(g.made + 1000000))
	case 4:
		v.SetBool(g.next()&1 != 0)
	case 5:
		text := fmt.Sprintf("v%d;", g.number())
		v.SetEmptyBytes().FromRaw([]byte(text))
		g.mark(base64.StdEncoding.EncodeToString([]byte(text)))
	case 6:
		v.SetStr(fmt.Sprintf("2026-02-03T04:05:06.00%dZ", g.number()))
		g.mark(strconv.Itoa(g.made + 1000000))
	case 7:
		n := g.number()
		text := fmt.Sprintf("10.%d.%d.1", n>>8&255, n&255)
		v.SetStr(text)
		g.mark(text)
	case 8:
		v.SetStr(strconv.Itoa(g.number()))
		g.mark(strconv.Itoa(g.made + 1000000))
	case 9:
		// Of these none needs to be found: they are said in another way.
		words := []string{"http", "GET", "get", "darwin", "freebsd", "access", "database", "event", "failure", "success", "web", "true", "1.5,2.5", "shop.example", "", "\xff\u2028", "OK"}
		v.SetStr(words[int(g.next())%len(words)])
	case 10, 11, 12:
		if levels > 0 {
			m := v.SetEmptyMap()
			for range g.next() % 4 {
				name := g.name()
				if _, has := m.Get(name); !has {
					g.value(m.PutEmpty(name), levels-1)
				}
			}
		}
	case 13, 14:
		if levels > 0 {
			list := v.SetEmptySlice()
			for range g.next() % 4 {
				g.value(list.AppendEmpty(), levels-1)
			}
		}
	case 15:
		if levels == 4 {
			many := v.SetEmptyMap()
			for i := range int(g.next()) {
				many.PutInt(fmt.Sprint("m", i), int64(g.number()))
				g.mark(strconv.Itoa(g.made + 1000000))
			}
		}
	}
}

// missing are the marks that are not in the document.
func (g *generator) missing(document string) (missing struct {
	values     []string
	attributes int
},
) {
	last := -1
	for _, m := range g.marks {
		if strings.Contains(document, m.text) {
			continue
		}
		missing.values = append(missing.values, m.text)
		if m.attribute != last {
			missing.attributes++
			last = m.attribute
		}
	}
	return missing
}
