package worms3exporter

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/logencoding"
)

// wholeLogs have all that logs can have.
func wholeLogs() plog.Logs {
	out := plog.NewLogs()
	for i := range 2 {
		rl := out.ResourceLogs().AppendEmpty()
		rl.SetSchemaUrl("https://example/1")
		rl.Resource().Attributes().PutStr("service.name", "orders")
		rl.Resource().Attributes().PutInt("i", int64(i))
		rl.Resource().SetDroppedAttributesCount(1)
		for j := range 2 {
			sl := rl.ScopeLogs().AppendEmpty()
			if j > 0 {
				sl.SetSchemaUrl("https://example/2")
				sl.Scope().SetName("pay")
				sl.Scope().Attributes().PutBool("a", true)
			}
			for k := range 3 {
				r := sl.LogRecords().AppendEmpty()
				r.SetTimestamp(pcommon.Timestamp(1_770_000_000_000_000_000 + 1000*i + 100*j + k))
				r.SetObservedTimestamp(5)
				r.SetSeverityNumber(plog.SeverityNumberWarn2)
				r.SetSeverityText("WARNING")
				r.Body().SetStr("paid \"10\"\n\x00 ü\u2028")
				r.SetEventName("order.paid")
				r.SetTraceID([16]byte{byte(i + 1), byte(j), byte(k)})
				r.SetSpanID([8]byte{9})
				r.SetFlags(1)
				r.SetDroppedAttributesCount(2)
				m := r.Attributes().PutEmptyMap("map")
				m.PutEmptySlice("list").AppendEmpty().SetDouble(1.5)
				m.PutEmptyBytes("bytes").FromRaw([]byte{0, 1, 255})
				r.Attributes().PutEmpty("nothing")
				r.Attributes().PutStr(requestAttribute, "request-1")
			}
		}
	}
	return out
}

// taken gives the records of logs.
func taken(tb testing.TB, text string, logs plog.Logs, h host) *intake {
	tb.Helper()
	cfg := configured(tb, text)
	encoders, err := cfg.logEncoders(h)
	require.NoError(tb, err)
	rules, err := cfg.compileRules(componenttest.NewNopTelemetrySettings())
	require.NoError(tb, err)
	in := newIntake(cfg, archiver.Logs, archiver.FingerprintKey{1})
	in.arrival = noon
	in.logs(tb.Context(), logs, rules, encoders())
	return in
}

func TestProtobufsOfSingleRecordsAreOneOfAll(t *testing.T) {
	logs := wholeLogs()
	in := taken(t, `{encoding: otlp_proto}`, logs, nil)
	require.Empty(t, in.letters)
	require.Len(t, in.records, 12)
	var object []byte
	for _, r := range in.all() {
		one := plogotlp.NewExportRequest()
		require.NoError(t, one.UnmarshalProto(r.Line))
		require.Equal(t, 1, one.Logs().LogRecordCount())
		lent := &logencoding.Request{}
		rl := one.Logs().ResourceLogs().At(0)
		lent.Begin(rl, rl.ScopeLogs().At(0))
		want, err := lent.Marshal((&plog.ProtoMarshaler{}).MarshalLogs, rl.ScopeLogs().At(0).LogRecords().At(0))
		require.NoError(t, err)
		assert.Len(t, r.Line, len(want), "nothing is there twice")
		object = append(object, r.Line...)
	}
	all := plogotlp.NewExportRequest()
	require.NoError(t, all.UnmarshalProto(object))
	// Resource by resource, each has one record; apart from that they are the same.
	require.Equal(t, 12, all.Logs().ResourceLogs().Len())
	n := 0
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				got := all.Logs().ResourceLogs().At(n)
				assert.Equal(t, rl.Resource(), got.Resource())
				assert.Equal(t, rl.SchemaUrl(), got.SchemaUrl())
				assert.Equal(t, sl.Scope(), got.ScopeLogs().At(0).Scope())
				assert.Equal(t, sl.SchemaUrl(), got.ScopeLogs().At(0).SchemaUrl())
				assert.Equal(t, r, got.ScopeLogs().At(0).LogRecords().At(0))
				n++
			}
		}
	}
}

func TestLinesComeBack(t *testing.T) {
	logs := wholeLogs()
	in := taken(t, `{encoding: otlp_json}`, logs, nil)
	require.Len(t, in.records, 12)
	for i, r := range in.all() {
		require.NotContains(t, string(r.Line), "\n")
		one := plogotlp.NewExportRequest()
		require.NoError(t, one.UnmarshalJSON(r.Line))
		got := one.Logs().ResourceLogs().At(0).ScopeLogs().At(0)
		assert.Equal(t, logs.ResourceLogs().At(i/6).ScopeLogs().At(i/3%2).LogRecords().At(i%3), got.LogRecords().At(0))
	}
	in = taken(t, `{encoding: json}`, logs, nil)
	for _, r := range in.all() {
		require.NotContains(t, string(r.Line), "\n")
		var document map[string]any
		require.NoError(t, json.Unmarshal(r.Line, &document))
		assert.Equal(t, "request-1", document[requestAttribute])
		assert.Equal(t, "orders", document["service.name"])
	}
}

var errBad = errors.New("it can't be encoded")

// marshaler is an extension that gives what the body says.
type marshaler struct {
	component.StartFunc
	component.ShutdownFunc
}

func (marshaler) MarshalLogs(logs plog.Logs) ([]byte, error) {
	if n := logs.LogRecordCount(); n != 1 {
		return nil, errors.New("one at a time")
	}
	body := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str()
	if body == "bad" {
		return nil, errBad
	}
	return []byte(body), nil
}

// appender is one that appends.
type appender struct {
	marshaler
	begun *int
}

func (a appender) NewLogEncoder() logencoding.LogEncoder { return &appendEncoder{begun: a.begun} }

type appendEncoder struct{ begun *int }

func (e *appendEncoder) Begin(pcommon.Resource, pcommon.InstrumentationScope) { *e.begun++ }

func (*appendEncoder) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	if r.Body().Str() == "bad" {
		return dst, errBad
	}
	return append(dst, r.Body().Str()...), nil
}

func (e *appendEncoder) End() { *e.begun -= 100 }

func TestExtensionsGiveALineForEachRecord(t *testing.T) {
	begun := 0
	for name, extension := range map[string]component.Component{"marshaler": marshaler{}, "appender": appender{begun: &begun}} {
		bodies := []rec{
			{service: "a", body: "one"},
			{service: "a", body: "bad"},
			{service: "a", body: "two\nlines"},
			{service: "a", body: ""},
			{service: "b", body: "last"},
			{service: "b", body: strings.Repeat("x", maxLine+1)},
		}
		in := taken(t, `{encoding: x}`, newLogs(bodies...), host{component.MustNewID("x"): extension})
		var lines []string
		for _, r := range in.all() {
			lines = append(lines, string(r.Line))
		}
		assert.Equal(t, []string{"one", "last"}, lines, name)
		require.Len(t, in.letters, 4, name)
		for i, want := range []struct{ reason, message, data string }{
			{reasonNotEncodable, errBad.Error(), `"stringValue":"bad"`},
			{reasonNotEncodable, errLineFeed.Error(), `"stringValue":"two\nlines"`},
			{reasonNotEncodable, errNothing.Error(), `"service.name"`},
			{reasonTooLarge, errTooLarge.Error(), "xxx"},
		} {
			assert.Equal(t, want.reason, in.letters[i].Reason, name)
			assert.Equal(t, want.message, in.letters[i].Message, name)
			assert.Contains(t, string(in.letters[i].Data), want.data, name)
			assert.Len(t, in.letters[i].Key, 36, "the uid")
		}
	}
	assert.Equal(t, 2-100, begun, "begun for each resource, and ended")
	in := taken(t, `{encoding: x}`, newLogs(rec{body: "with its end\n"}), host{component.MustNewID("x"): marshaler{}})
	assert.Equal(t, "with its end", string(in.all()[0].Line))
}

func TestEncodingsThatAreNotThere(t *testing.T) {
	cfg := configured(t, `{encoding: x}`)
	_, err := cfg.logEncoders(host{})
	require.ErrorContains(t, err, `encoding is "x", and there is no such extension; define it in extensions`)
	h := host{component.MustNewID("x"): marshaler{}}
	_, err = cfg.spanEncoders(h)
	require.ErrorContains(t, err, `encoding is "x", which can't encode traces; take another`)
	_, err = cfg.pointEncoders(h)
	require.ErrorContains(t, err, `which can't encode metrics`)
	_, err = cfg.logEncoders(host{component.MustNewID("x"): nil})
	require.ErrorContains(t, err, `which can't encode logs`)
}

func someTraces() ptrace.Traces {
	out := ptrace.NewTraces()
	for i := range 2 {
		rs := out.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("r")
		rs.Resource().Attributes().PutInt("resource", int64(i))
		ss := rs.ScopeSpans().AppendEmpty()
		ss.SetSchemaUrl("s")
		ss.Scope().SetName("scope")
		for k := range 2 {
			s := ss.Spans().AppendEmpty()
			s.SetName("get\n/")
			s.SetTraceID([16]byte{1, byte(i)})
			s.SetSpanID([8]byte{byte(k + 1)})
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(noon))
			s.Attributes().PutStr(requestAttribute, "r")
			s.Events().AppendEmpty().SetName("e")
		}
	}
	return out
}

func someMetrics() pmetric.Metrics {
	out := pmetric.NewMetrics()
	rm := out.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "orders")
	sm := rm.ScopeMetrics().AppendEmpty()
	for _, name := range []string{"a", "b"} {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		s := m.SetEmptySum()
		s.SetIsMonotonic(true)
		for v := range 2 {
			p := s.DataPoints().AppendEmpty()
			p.SetIntValue(int64(v))
			p.SetTimestamp(pcommon.NewTimestampFromTime(noon))
		}
	}
	return out
}

func TestSpansAndDataPointsComeBack(t *testing.T) {
	for _, encoding := range []string{"otlp_proto", "otlp_json", "json"} {
		cfg := configured(t, "{encoding: "+encoding+"}")
		spans, err := cfg.spanEncoders(nil)
		require.NoError(t, err)
		in := newIntake(cfg, archiver.Traces, archiver.FingerprintKey{1})
		in.arrival = noon
		traces := someTraces()
		in.traces(traces, cfg.otherRule(classTraces, nil), spans())
		require.Equal(t, someTraces(), traces, "what came is as it was")
		require.Len(t, in.records, 4)
		for i, r := range in.all() {
			assert.Equal(t, classTraces, r.Rule.Name)
			assert.Equal(t, archiver.Traces, r.Signal)
			assert.True(t, r.HasUID)
			assert.Equal(t, noon, r.Time)
			assert.Equal(t, "r", string(r.RequestID))
			want := someTraces().ResourceSpans().At(i / 2)
			assert.Equal(t, []byte{1, byte(i / 2)}, r.TraceID[:2])
			one := ptraceotlp.NewExportRequest()
			switch encoding {
			case "otlp_proto":
				require.NoError(t, one.UnmarshalProto(r.Line))
			case "otlp_json":
				require.NotContains(t, string(r.Line), "\n")
				require.NoError(t, one.UnmarshalJSON(r.Line))
			default:
				require.True(t, json.Valid(r.Line))
				require.NotContains(t, string(r.Line), "\n")
				continue
			}
			got := one.Traces().ResourceSpans().At(0)
			assert.Equal(t, want.Resource(), got.Resource())
			assert.Equal(t, want.ScopeSpans().At(0).Spans().At(i%2), got.ScopeSpans().At(0).Spans().At(0))
			assert.Equal(t, 1, one.Traces().SpanCount())
		}

		points, err := cfg.pointEncoders(nil)
		require.NoError(t, err)
		in = newIntake(cfg, archiver.Metrics, archiver.FingerprintKey{1})
		in.arrival = noon
		in.metrics(someMetrics(), cfg.otherRule(classMetrics, nil), points())
		require.Len(t, in.records, 4)
		for i, r := range in.all() {
			assert.False(t, r.HasUID, "nothing tells it from another")
			assert.Equal(t, classMetrics, r.Rule.Name)
			one := pmetricotlp.NewExportRequest()
			switch encoding {
			case "otlp_proto":
				require.NoError(t, one.UnmarshalProto(r.Line))
			case "otlp_json":
				require.NoError(t, one.UnmarshalJSON(r.Line))
			default:
				require.True(t, json.Valid(r.Line))
				continue
			}
			require.Equal(t, 1, one.Metrics().DataPointCount())
			m := one.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
			assert.Equal(t, []string{"a", "b"}[i/2], m.Name())
			assert.True(t, m.Sum().IsMonotonic())
			assert.EqualValues(t, i%2, m.Sum().DataPoints().At(0).IntValue())
		}
	}
}

func TestTextThatIsNotUTF8IsJSONAllTheSame(t *testing.T) {
	for _, encoding := range []string{"json", "otlp_json"} {
		in := taken(t, "{encoding: "+encoding+"}", newLogs(rec{service: "\xff", body: "a\xffb"}), nil)
		line := in.all()[0].Line
		assert.True(t, json.Valid(line))
		assert.True(t, bytes.Contains(line, []byte("a\ufffdb")))
	}
}

func FuzzLogs(f *testing.F) {
	f.Add("body", "key", "value", "name")
	f.Add("a\nb", "\xff", "\x00", "\n")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, body, key, value, service string) {
		for _, encoding := range []string{"json", "otlp_json", "otlp_proto"} {
			logs := newLogs(rec{service: service, body: body, attrs: map[string]any{key: value}})
			in := taken(t, "{encoding: "+encoding+"}", logs, nil)
			if len(in.records)+len(in.letters) != 1 {
				t.Fatalf("%d records and %d letters", len(in.records), len(in.letters))
			}
			for _, r := range in.all() {
				if encoding != "otlp_proto" && (!json.Valid(r.Line) || bytes.IndexByte(r.Line, '\n') >= 0) {
					t.Fatalf("%q", r.Line)
				}
				if encoding == "otlp_proto" {
					one := plogotlp.NewExportRequest()
					require.NoError(t, one.UnmarshalProto(r.Line))
					require.Equal(t, body, one.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
				}
			}
		}
	})
}
