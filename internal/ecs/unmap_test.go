package ecs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// setJSON makes m what a JSON object says. Whole numbers are integers.
func setJSON(t *testing.T, m pcommon.Map, text string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var raw map[string]any
	require.NoError(t, decoder.Decode(&raw), text)
	require.NoError(t, m.FromRaw(withNumbers(raw).(map[string]any)))
}

func withNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		x, _ := v.Float64()
		return x
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = withNumbers(v[name])
		}
	}
	return v
}

// recordJSON is what a record says, its own fields under names in brackets.
func recordJSON(t *testing.T, r plog.LogRecord) string {
	t.Helper()
	all := r.Attributes().AsRaw()
	if r.Timestamp() != 0 {
		all["(time)"] = r.Timestamp().AsTime().Format("2006-01-02T15:04:05.000000000Z")
	}
	if r.ObservedTimestamp() != 0 {
		all["(observed)"] = r.ObservedTimestamp().AsTime().Format("2006-01-02T15:04:05.000000000Z")
	}
	if r.Body().Type() != pcommon.ValueTypeEmpty {
		all["(body)"] = r.Body().AsRaw()
	}
	if r.SeverityText() != "" || r.SeverityNumber() != 0 {
		all["(severity)"] = fmt.Sprintf("%s %d", r.SeverityText(), r.SeverityNumber())
	}
	if !r.TraceID().IsEmpty() || !r.SpanID().IsEmpty() {
		all["(ids)"] = strings.TrimSpace(r.TraceID().String() + " " + r.SpanID().String())
	}
	if r.EventName() != "" {
		all["(event)"] = r.EventName()
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return string(text)
}

func TestUnmapLog(t *testing.T) {
	const (
		trace = "0af7651916cd43dd8448eb211c80319c"
		span  = "b7ad6b7169203331"
	)
	// It has seen all that comes before, with many attributes beside, and nothing is left
	// of that.
	used := NewUnmapper()
	for name, test := range map[string]struct {
		was      func(plog.LogRecord) // beside the attributes
		in, want string
	}{
		"nothing of ECS": {
			in:   `{"order.id": "o-1", "n": 1, "m": {"a": {"b": 2}}}`,
			want: `{"order.id": "o-1", "n": 1, "m": {"a": {"b": 2}}}`,
		},
		"own fields": {
			in:   `{"@timestamp":"2026-02-03T04:05:06.789+01:00","log.level":"warn","message":"hello","trace.id":"` + trace + `","span.id":"` + span + `","event.action":"buy","ecs.version":"8.11.0"}`,
			want: `{"(time)":"2026-02-03T03:05:06.789000000Z","(severity)":"warn 13","(body)":"hello","(ids)":"` + trace + ` ` + span + `","(event)":"buy"}`,
		},
		"nested": {
			in:   `{"log":{"level":"ERROR","logger":"x.y","origin":{"file":{"name":"a.go","line":7},"function":"f"}},"error":{"type":"E","message":"m","stack_trace":"s"},"trace":{"id":"` + trace + `"},"service":{"name":"n","environment":"prod"}}`,
			want: `{"(severity)":"ERROR 17","log.logger":"x.y","code.file.path":"a.go","code.line.number":7,"code.function.name":"f","exception.type":"E","exception.message":"m","exception.stacktrace":"s","(ids)":"` + trace + `","service.name":"n","deployment.environment.name":"prod"}`,
		},
		"mixed": {
			in:   `{"http":{"request":{"id":"i","body.bytes":12}},"http.response":{"body":{"bytes":13},"status_code":200},"http.version":"1.1"}`,
			want: `{"request.id":"i","http.request.body.size":12,"http.response.body.size":13,"http.response.status_code":200,"network.protocol.version":"1.1"}`,
		},
		"a version of HTTP without HTTP": {
			in:   `{"http.version":"1.1"}`,
			want: `{"http.version":"1.1"}`,
		},
		"a version beside another protocol": {
			in:   `{"http.version":"1.1","http.request.method":"GET","network.protocol":"spdy"}`,
			want: `{"http.version":"1.1","http.request.method":"GET","network.protocol.name":"spdy"}`,
		},
		"what is there twice": {
			in:   `{"http":{"request":{"id":"b","method":"GET"}},"http.request.id":"a","log":{"level":"warn"},"log.level":"info"}`,
			want: `{"http.request.id":"a","http.request.method":"GET","http":{"request.id":"b"},"log":{"level":"warn"},"log.level":"info"}`,
		},
		"and a member that says the same says nothing": {
			in:   `{"http":{"request":{"id":"a"}},"http.request.id":"a"}`,
			want: `{"request.id":"a"}`,
		},
		"what does not fit": {
			in:   `{"@timestamp":["2026-02-03T04:05:06Z"],"log.level":3,"message":{"a":1},"trace.id":"abc","span.id":7,"event.action":["x"],"event.created":1770091506,"ecs.version":[1],"error.message":{"a":1},"log.origin.file.line":"x"}`,
			want: `{"@timestamp":["2026-02-03T04:05:06Z"],"log.level":3,"message":{"a":1},"trace.id":"abc","span.id":7,"event.action":["x"],"event.created":1770091506,"ecs.version":[1],"error.message":{"a":1},"log.origin.file.line":"x"}`,
		},
		"times of which something would be lost": {
			in:   `{"@timestamp":"2026-02-03T04:05:06.1234567891Z","event.created":"2026-02-03 04:05:06"}`,
			want: `{"@timestamp":"2026-02-03T04:05:06.1234567891Z","event.created":"2026-02-03 04:05:06"}`,
		},
		"a time before 1970": {
			in:   `{"@timestamp":"1969-12-31T23:59:59Z"}`,
			want: `{"@timestamp":"1969-12-31T23:59:59Z"}`,
		},
		"a method with another original": {
			in:   `{"http.request.method":"get","http.request.method_original":"Get"}`,
			want: `{"http.request.method":"get","http.request.method_original":"Get"}`,
		},
		"times that are numbers": {
			in:   `{"@timestamp":1770091506}`,
			want: `{"@timestamp":1770091506}`,
		},
		"fields that are there stay": {
			was: func(r plog.LogRecord) {
				r.SetTimestamp(1)
				r.SetObservedTimestamp(2)
				r.SetSeverityText("info")
				r.SetSeverityNumber(9)
				r.Body().SetStr("b")
				r.SetTraceID([16]byte{1})
				r.SetSpanID([8]byte{1})
				r.SetEventName("n")
			},
			in:   `{"@timestamp":"2026-02-03T04:05:06Z","event.created":"2026-02-03T04:05:06Z","log.level":"warn","message":"m","trace.id":"` + trace + `","span.id":"` + span + `","event.action":"a"}`,
			want: `{"@timestamp":"2026-02-03T04:05:06Z","event.created":"2026-02-03T04:05:06Z","log.level":"warn","message":"m","trace.id":"` + trace + `","span.id":"` + span + `","event.action":"a","(time)":"1970-01-01T00:00:00.000000001Z","(observed)":"1970-01-01T00:00:00.000000002Z","(severity)":"info 9","(body)":"b","(ids)":"01000000000000000000000000000000 0100000000000000","(event)":"n"}`,
		},
		"and what says the same goes": {
			was: func(r plog.LogRecord) {
				r.SetTimestamp(1)
				r.SetObservedTimestamp(2)
				r.SetSeverityNumber(9)
				r.Body().SetInt(7)
				r.SetTraceID([16]byte{1})
				r.SetSpanID([8]byte{1})
				r.SetEventName("n")
			},
			in:   `{"@timestamp":"1970-01-01T00:00:00.000000001Z","event.created":"1970-01-01T00:00:00.000000002Z","log.level":"INFO","message":"7","trace.id":"01000000000000000000000000000000","span.id":"0100000000000000","event.action":"n","event.kind":"event"}`,
			want: `{"(time)":"1970-01-01T00:00:00.000000001Z","(observed)":"1970-01-01T00:00:00.000000002Z","(severity)":" 9","(body)":7,"(ids)":"01000000000000000000000000000000 0100000000000000","(event)":"n"}`,
		},
		"the observed time for the time": {
			was:  func(r plog.LogRecord) { r.SetObservedTimestamp(2) },
			in:   `{"@timestamp":"1970-01-01T00:00:00.000000002Z"}`,
			want: `{"(observed)":"1970-01-01T00:00:00.000000002Z"}`,
		},
		"a creation that to_ecs would call the time": {
			in:   `{"event.created":"2026-02-03T04:05:06Z"}`,
			want: `{"event.created":"2026-02-03T04:05:06Z"}`,
		},
		"a level of another spelling": {
			was:  func(r plog.LogRecord) { r.SetSeverityNumber(13) },
			in:   `{"log.level":"warning"}`,
			want: `{"(severity)":"warning 13"}`,
		},
		"a level that no table has": {
			in:   `{"log.level":"loud"}`,
			want: `{"(severity)":"loud 0"}`,
		},
		"an error's type alone": {
			in:   `{"error.type":"timeout"}`,
			want: `{"error.type":"timeout"}`,
		},
		"an error's type beside what the receiver named": {
			in:   `{"error.type":"E","exception.stacktrace":"s"}`,
			want: `{"exception.type":"E","exception.stacktrace":"s"}`,
		},
		"targets that are taken": {
			in:   `{"exception.message":"a","error.message":"b","exception.type":"c","error.type":"d","request.id":"e","http.request.id":"e"}`,
			want: `{"exception.message":"a","error.message":"b","exception.type":"c","error.type":"d","request.id":"e"}`,
		},
		"methods": {
			in:   `{"http.request.method":"get"}`,
			want: `{"http.request.method":"GET","http.request.method_original":"get"}`,
		},
		"a method nobody knows": {
			in:   `{"http.request.method":"PURGE"}`,
			want: `{"http.request.method":"_OTHER","http.request.method_original":"PURGE"}`,
		},
		"a method with its original": {
			in:   `{"http.request.method":"_OTHER","http.request.method_original":"PURGE"}`,
			want: `{"http.request.method":"_OTHER","http.request.method_original":"PURGE"}`,
		},
		"the version of HTTP": {
			in:   `{"network.protocol":"http","http.version":"1.1"}`,
			want: `{"network.protocol.name":"http","network.protocol.version":"1.1"}`,
		},
		"addresses": {
			in:   `{"client.ip":"10.0.0.1","server.address":"a.example","server.domain":"a.example","source.address":"x","source.ip":"::1","destination.ip":"10.0.0.2","destination.domain":"d.example"}`,
			want: `{"client.address":"10.0.0.1","server.address":"a.example","source.address":"x","source.ip":"::1","destination.ip":"10.0.0.2","destination.address":"d.example"}`,
		},
		"an IP that is none": {
			in:   `{"client.ip":"a","source.ip":["10.0.0.1"]}`,
			want: `{"client.ip":"a","source.ip":["10.0.0.1"]}`,
		},
		"systems": {
			in:   `{"host.os.type":"macos","host.os.full":"f"}`,
			want: `{"os.type":"darwin","os.description":"f"}`,
		},
		"systems that ECS has one word for": {
			in:   `{"host.os.type":"unix","labels.os_type":"solaris"}`,
			want: `{"os.type":"solaris"}`,
		},
		"labels": {
			in:   `{"labels":{"order_id":"o","n":3},"labels.fold_id":"f","labels.request_macro_id":"r"}`,
			want: `{"order_id":"o","n":3,"fold.id":"f","request.macro_id":"r"}`,
		},
		"labels that would take a name": {
			in:   `{"labels.message":"a","labels.a":1,"a":2,"labels.http":"h","labels.a.b":"c","labels.exception":"e","labels.":1,"labels.@timestamp":"2026-02-03T04:05:06Z","labels.trace_id":"` + trace + `","labels.otel_scope_version":"1"}`,
			want: `{"labels.message":"a","labels.a":1,"a":2,"labels.http":"h","labels.a.b":"c","exception":"e","labels.":1,"labels.@timestamp":"2026-02-03T04:05:06Z","trace_id":"` + trace + `","labels.otel_scope_version":"1"}`,
		},
		"a container's labels": {
			in:   `{"container":{"labels":{"app":"x"},"runtime":"docker","image":{"tag":["1","2"]}}}`,
			want: `{"container.label.app":"x","container.runtime.name":"docker","container.image.tags":["1","2"]}`,
		},
		"categories": {
			in:   `{"event":{"dataset":"access","category":["web"],"type":["access"]}}`,
			want: `{"log.category":"access"}`,
		},
		"a dataset of another": {
			in:   `{"event.dataset":"nginx.access","event.category":["web"],"event.type":["access"]}`,
			want: `{"event.dataset":"nginx.access","event.category":["web"],"event.type":["access"]}`,
		},
		"a category that is more": {
			in:   `{"event.dataset":"access","event.category":["web","api"],"event.type":["access"]}`,
			want: `{"event.dataset":"access","event.category":["web","api"],"event.type":["access"]}`,
		},
		"outcomes": {
			in:   `{"event.outcome":"failure","http.response.status_code":500}`,
			want: `{"http.response.status_code":500}`,
		},
		"an outcome that nothing else says": {
			in:   `{"event.outcome":"failure","http.response.status_code":404}`,
			want: `{"event.outcome":"failure","http.response.status_code":404}`,
		},
		"an outcome of nothing": {
			in:   `{"event.outcome":""}`,
			want: `{"event.outcome":""}`,
		},
		"a kind that nothing else says": {
			in:   `{"event.kind":"event"}`,
			want: `{"event.kind":"event"}`,
		},
		"a folded event": {
			in: `{"message":"last","heartwood":{"parts":[{"message":"first","offset":0},{"message":"last"}],"shared":["a"]},"labels":{"fold_id":"f","fold_outcome":"success"},"event":{"kind":"event","outcome":"success","duration":1500000000}}`,
			want: `{"(body)":{"parts":[{"message":"first","offset":0},{"message":"last"}],"shared":["a"]},
				"fold.id":"f","fold.outcome":"success","fold.duration":1.5}`,
		},
		"a body that was a map": {
			in:   `{"message":"m","heartwood.body":{"msg":"m","x":1}}`,
			want: `{"(body)":{"msg":"m","x":1}}`,
		},
		"a body of which the receiver took the message": {
			was:  func(r plog.LogRecord) { r.Body().SetStr("m") },
			in:   `{"heartwood.body":{"msg":"m","x":1}}`,
			want: `{"(body)":{"msg":"m","x":1}}`,
		},
		"a body that is another": {
			in:   `{"message":"other","heartwood.body":{"msg":"m"},"heartwood.parse_error":"x"}`,
			want: `{"(body)":"other","heartwood.body":{"msg":"m"},"heartwood.parse_error":"x"}`,
		},
		"a duration of what is no folded event": {
			in:   `{"event.duration":1500000000}`,
			want: `{"event.duration":1500000000}`,
		},
		"nothing is a value": {
			in:   `{"error.message":null,"labels.x":null,"http":{"request":{"id":null}}}`,
			want: `{"exception.message":null,"x":null,"request.id":null}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := NewUnmapper()
			for range 2 { // the second time with what the first has left behind
				r := plog.NewLogRecord()
				if test.was != nil {
					test.was(r)
				}
				setJSON(t, r.Attributes(), test.in)
				u.Log(r)
				assert.JSONEq(t, test.want, recordJSON(t, r))
				u.Log(r)
				assert.JSONEq(t, test.want, recordJSON(t, r), "a second time changes nothing")
				u.Forget()
			}
			r := plog.NewLogRecord()
			if test.was != nil {
				test.was(r)
			}
			setJSON(t, r.Attributes(), test.in)
			const more = 2 * fewEntries
			for i := range more {
				r.Attributes().PutInt(fmt.Sprint("filler", i), 1)
			}
			used.Log(r)
			assert.Equal(t, more, removeFillers(r.Attributes()))
			assert.JSONEq(t, test.want, recordJSON(t, r), "among many")
		})
	}
}

func removeFillers(m pcommon.Map) (n int) {
	m.RemoveIf(func(name string, _ pcommon.Value) bool {
		if strings.HasPrefix(name, "filler") {
			n++
			return true
		}
		return false
	})
	return n
}

func TestUnmapSpan(t *testing.T) {
	s := ptrace.NewSpan()
	s.SetStartTimestamp(1_000_000_000)
	s.SetEndTimestamp(3_000_000_000)
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{2})
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("late")
	const said = `{"@timestamp":"1970-01-01T00:00:01Z","event":{"start":"1970-01-01T00:00:01Z","end":"1970-01-01T00:00:03Z","duration":2000000000,"outcome":"failure"},
		"trace.id":"01000000000000000000000000000000","span.id":"0200000000000000","error.message":"late","http.request.id":"r"}`
	setJSON(t, s.Attributes(), said)
	NewUnmapper().Span(s)
	assert.Equal(t, map[string]any{"request.id": "r"}, s.Attributes().AsRaw())

	s.SetStartTimestamp(2)
	s.SetEndTimestamp(5)
	s.SetTraceID([16]byte{3})
	s.SetSpanID([8]byte{4})
	s.Status().SetCode(ptrace.StatusCodeOk)
	setJSON(t, s.Attributes(), said)
	NewUnmapper().Span(s)
	assert.Equal(t, map[string]any{
		"@timestamp": "1970-01-01T00:00:01Z", "event.start": "1970-01-01T00:00:01Z", "event.end": "1970-01-01T00:00:03Z",
		"event.duration": int64(2000000000), "event.outcome": "failure", "trace.id": "01000000000000000000000000000000",
		"span.id": "0200000000000000", "exception.message": "late", "request.id": "r",
	}, s.Attributes().AsRaw(), "the span's own fields say something else")
}

func TestUnmapResource(t *testing.T) {
	m := pcommon.NewMap()
	setJSON(t, m, `{"service":{"environment":"prod","node":{"name":"n"}},"@timestamp":"2026-02-03T04:05:06Z","message":"m","labels":{"x":1},"host.architecture":"amd64"}`)
	NewUnmapper().Attributes(m)
	assert.Equal(t, map[string]any{
		"deployment.environment.name": "prod", "service.instance.id": "n", "@timestamp": "2026-02-03T04:05:06Z",
		"message": "m", "x": int64(1), "host.arch": "amd64",
	}, m.AsRaw(), "a resource has no fields of a record")
}

// TestUnmapTwice has names twice, as only a broken writer has them: none is taken for the
// other, and none is lost.
func TestUnmapTwice(t *testing.T) {
	for _, name := range []string{"error.message", "log.level", "client.ip", "message", "order"} {
		for _, more := range []int{0, 2 * fewEntries} {
			r := plog.NewLogRecord()
			var b xpdata.MapBuilder
			b.AppendEmpty(name).SetStr("10.0.0.1")
			b.AppendEmpty("http.request.id").SetStr("r")
			b.AppendEmpty(name).SetStr("10.0.0.2")
			for i := range more {
				b.AppendEmpty(fmt.Sprint("a", i)).SetInt(1)
			}
			b.UnsafeIntoMap(r.Attributes())
			NewUnmapper().Log(r)
			var under []string
			for key, v := range r.Attributes().All() {
				if key == name {
					under = append(under, v.Str())
				}
			}
			assert.Equal(t, []string{"10.0.0.1", "10.0.0.2"}, under, name)
			assert.Equal(t, 3+more, r.Attributes().Len())
			assert.Empty(t, r.SeverityText())
			assert.Equal(t, pcommon.ValueTypeEmpty, r.Body().Type())
		}
	}
}

// TestUnmapLargeTwice holds that large values of one name are not compared, which would
// take the square of their size: both stay.
func TestUnmapLargeTwice(t *testing.T) {
	for members, stay := range map[int]bool{100: false, 1000: true} {
		r := plog.NewLogRecord()
		for _, m := range []pcommon.Map{r.Attributes(), r.Attributes().PutEmptyMap("labels")} {
			for i := range members {
				if i == 0 {
					m = m.PutEmptyMap("a")
				}
				m.PutInt(strconv.Itoa(i), 1)
			}
		}
		labelled := r.Attributes().PutEmptyMap("labels.b")
		for i := range members {
			labelled.PutInt(strconv.Itoa(i), 1)
		}
		labelled.CopyTo(r.Attributes().PutEmptyMap("b"))
		before := r.Attributes().AsRaw()
		NewUnmapper().Log(r)
		got := r.Attributes().AsRaw()
		want := map[string]any{"a": before["a"], "b": before["b"]}
		if stay {
			want["labels.a"], want["labels.b"] = before["a"], before["b"]
		}
		assert.Equal(t, want, got)
	}
}

// TestLargeAmongMany holds that one large value is not looked through for each of many
// small ones of its name: that would take half a minute here.
func TestLargeAmongMany(t *testing.T) {
	const many = 50_000
	var b xpdata.MapBuilder
	b.EnsureCapacity(many + 1)
	for i := range many + 1 {
		list := b.AppendEmpty("labels.x").SetEmptySlice()
		if list.AppendEmpty().SetInt(int64(i)); i > 0 {
			continue
		}
		for range many {
			list.AppendEmpty()
		}
	}
	r := plog.NewLogRecord()
	b.UnsafeIntoMap(r.Attributes())
	m := NewMapper(Options{})
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	begin := time.Now()
	assert.Len(t, m.Log(r), many+2)
	NewUnmapper().Log(r)
	assert.Less(t, time.Since(begin), 5*time.Second)
	assert.Equal(t, many+1, r.Attributes().Len())
}
