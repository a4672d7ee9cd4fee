package worms3exporter

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/google/uuid"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/recordids"
)

func TestUIDsAreGivenAndKept(t *testing.T) {
	logs := newLogs(rec{body: "a"}, rec{body: "b", uid: "mine"}, rec{body: "c"})
	in := taken(t, `{}`, logs, nil)
	records := in.all()
	require.Len(t, records, 3)
	given := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	var uids []string
	for i, r := range given.All() {
		uid, _ := r.Attributes().Get(uidAttribute)
		uids = append(uids, uid.Str())
		assert.Contains(t, string(records[i].Line), `"log.record.uid":"`+uid.Str()+`"`, "it is given before the record is encoded")
		assert.True(t, records[i].HasUID)
	}
	assert.Equal(t, "mine", uids[1])
	assert.NotEqual(t, uids[0], uids[2])
	parsed, err := uuid.Parse(uids[0])
	require.NoError(t, err)
	assert.Equal(t, uuid.Version(7), parsed.Version())

	again := taken(t, `{}`, logs, nil).all()
	for i := range records {
		assert.Equal(t, records[i].Fingerprint, again[i].Fingerprint, "what comes again is known")
		assert.Equal(t, string(records[i].Line), string(again[i].Line))
	}
}

// TestTakingRecordsAllocatesNothing for a record, when there is room from calls before.
func TestTakingRecordsAllocatesNothing(t *testing.T) {
	cfg := configured(t, `{rules: [{name: access, category: access, period: 1d}, {name: application, period: 2d}]}`)
	encoders, err := cfg.logEncoders(nil)
	require.NoError(t, err)
	rules, err := cfg.compileRules(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	in := newIntake(cfg, archiver.Logs, archiver.FingerprintKey{})
	logs := newLogs(requests(1000)...)
	take := func() {
		in.reset()
		in.arrival = noon
		in.logs(t.Context(), logs, rules, in.logEncoder(encoders))
		_ = in.all()
	}
	take()
	assert.Zero(t, testing.AllocsPerRun(10, take), "for a call of 1,000 records")
	assert.Len(t, in.all(), 1000)
}

func TestFingerprintsTellRecordsApart(t *testing.T) {
	f := newFingerprinter(archiver.FingerprintKey{})
	none := f.resource(pcommon.NewResource(), "")
	seen := map[[16]byte]string{}
	add := func(name string, sum [16]byte) {
		other, twice := seen[sum]
		assert.False(t, twice, "%s is as %s", name, other)
		seen[sum] = name
	}
	record := func(change func(plog.LogRecord)) plog.LogRecord {
		r := plog.NewLogRecord()
		r.SetTimestamp(1)
		r.SetEventName("e")
		r.Body().SetStr("b")
		change(r)
		return r
	}
	nothing := func(plog.LogRecord) {}
	add("as it is", f.log("u", none, record(nothing)))
	add("uid", f.log("v", none, record(nothing)))
	add("uid and event", f.log("ue", none, record(func(r plog.LogRecord) { r.SetEventName("") })))
	add("time", f.log("u", none, record(func(r plog.LogRecord) { r.SetTimestamp(2) })))
	add("event name", f.log("u", none, record(func(r plog.LogRecord) { r.SetEventName("f") })))
	for name, body := range map[string]any{
		"other": "c", "long": strings.Repeat("b", 10_000), "none": nil, "int": 1, "double": 1.0, "one": "1", "true": true, "false": false,
		"bytes": []byte("b"), "list": []any{"b"}, "lists": []any{"b", "b"}, "nested": []any{[]any{"b"}, "b"}, "map": map[string]any{"b": ""},
		"map of list": map[string]any{"b": []any{}}, "nan": math.NaN(), "long map": map[string]any{"": "b"},
	} {
		add("body "+name, f.log("u", none, record(func(r plog.LogRecord) { require.NoError(t, r.Body().FromRaw(body)) })))
	}
	for name, change := range map[string]func(plog.LogRecord){
		"attribute":     func(r plog.LogRecord) { r.Attributes().PutStr("actor", "a") },
		"its value":     func(r plog.LogRecord) { r.Attributes().PutStr("actor", "b") },
		"severity":      func(r plog.LogRecord) { r.SetSeverityNumber(3) },
		"severity text": func(r plog.LogRecord) { r.SetSeverityText("x") },
		"trace":         func(r plog.LogRecord) { r.SetTraceID([16]byte{1}) },
		"span of trace": func(r plog.LogRecord) { r.SetSpanID([8]byte{1}) },
		"flags":         func(r plog.LogRecord) { r.SetFlags(1) },
		"dropped":       func(r plog.LogRecord) { r.SetDroppedAttributesCount(1) },
	} {
		add(name, f.log("u", none, record(change)))
	}
	of := func(scope [16]byte) [16]byte { return f.log("u", scope, record(nothing)) }
	resource := func(change func(pcommon.Resource)) [16]byte {
		r := pcommon.NewResource()
		change(r)
		return f.resource(r, "")
	}
	other := resource(func(r pcommon.Resource) { r.Attributes().PutStr("service.name", "s") })
	add("resource", of(other))
	add("resource with less", of(resource(func(r pcommon.Resource) { r.SetDroppedAttributesCount(1) })))
	add("resource's schema", of(f.resource(pcommon.NewResource(), "x")))
	for name, change := range map[string]func(pcommon.InstrumentationScope){
		"scope":           func(pcommon.InstrumentationScope) {},
		"scope's name":    func(s pcommon.InstrumentationScope) { s.SetName("x") },
		"scope's version": func(s pcommon.InstrumentationScope) { s.SetVersion("x") },
		"scope's value":   func(s pcommon.InstrumentationScope) { s.Attributes().PutStr("x", "") },
		"scope with less": func(s pcommon.InstrumentationScope) { s.SetDroppedAttributesCount(1) },
	} {
		s := pcommon.NewInstrumentationScope()
		change(s)
		add(name, of(f.scope(none, s, "")))
	}
	add("scope's schema", of(f.scope(none, pcommon.NewInstrumentationScope(), "x")))
	add("scope's resource", of(f.scope(other, pcommon.NewInstrumentationScope(), "")))
	otherKey := newFingerprinter(archiver.FingerprintKey{31: 1})
	add("half a key", otherKey.log("u", none, record(nothing)))
	otherKey = newFingerprinter(archiver.FingerprintKey{1})
	add("the other half", otherKey.log("u", none, record(nothing)))
	assert.Equal(t, "as it is", seen[f.log("u", none, record(func(r plog.LogRecord) { r.SetObservedTimestamp(7) }))], "it comes again at another time")

	span := func(change func(ptrace.Span)) ptrace.Span {
		s := ptrace.NewSpan()
		s.SetTraceID([16]byte{1})
		s.SetSpanID([8]byte{1})
		change(s)
		return s
	}
	for name, change := range map[string]func(ptrace.Span){
		"span":                   func(ptrace.Span) {},
		"span's trace":           func(s ptrace.Span) { s.SetTraceID([16]byte{2}) },
		"span's id":              func(s ptrace.Span) { s.SetSpanID([8]byte{2}) },
		"span's flags":           func(s ptrace.Span) { s.SetFlags(1) },
		"span's state":           func(s ptrace.Span) { s.TraceState().FromRaw("a=b") },
		"span's start":           func(s ptrace.Span) { s.SetStartTimestamp(1) },
		"span's end":             func(s ptrace.Span) { s.SetEndTimestamp(1) },
		"span's attribute":       func(s ptrace.Span) { s.Attributes().PutStr("a", "b") },
		"span with less":         func(s ptrace.Span) { s.SetDroppedAttributesCount(1) },
		"span's status":          func(s ptrace.Span) { s.Status().SetCode(2) },
		"span's status' message": func(s ptrace.Span) { s.Status().SetMessage("m") },
		"span's parent":          func(s ptrace.Span) { s.SetParentSpanID([8]byte{3}) },
		"span's kind":            func(s ptrace.Span) { s.SetKind(2) },
		"span's name":            func(s ptrace.Span) { s.SetName("n") },
		"event":                  func(s ptrace.Span) { s.Events().AppendEmpty() },
		"event's name":           func(s ptrace.Span) { s.Events().AppendEmpty().SetName("x") },
		"event's time":           func(s ptrace.Span) { s.Events().AppendEmpty().SetTimestamp(1) },
		"event's attribute":      func(s ptrace.Span) { s.Events().AppendEmpty().Attributes().PutStr("a", "b") },
		"event with less":        func(s ptrace.Span) { s.Events().AppendEmpty().SetDroppedAttributesCount(1) },
		"fewer events":           func(s ptrace.Span) { s.SetDroppedEventsCount(1) },
		"link":                   func(s ptrace.Span) { s.Links().AppendEmpty() },
		"link's trace":           func(s ptrace.Span) { s.Links().AppendEmpty().SetTraceID([16]byte{1}) },
		"link's span":            func(s ptrace.Span) { s.Links().AppendEmpty().SetSpanID([8]byte{1}) },
		"link's state":           func(s ptrace.Span) { s.Links().AppendEmpty().TraceState().FromRaw("a=b") },
		"link's flags":           func(s ptrace.Span) { s.Links().AppendEmpty().SetFlags(1) },
		"link's attribute":       func(s ptrace.Span) { s.Links().AppendEmpty().Attributes().PutStr("a", "b") },
		"link with less":         func(s ptrace.Span) { s.Links().AppendEmpty().SetDroppedAttributesCount(1) },
		"fewer links":            func(s ptrace.Span) { s.SetDroppedLinksCount(1) },
	} {
		add(name, f.span(none, span(change)))
	}
	add("span's resource", f.span(other, span(func(ptrace.Span) {})))
}

// TestTheFormOfAttributesIsThatOfEachOfThem: short texts have the form that any attribute has, so
// that a record whose fingerprint is on disk is known when it comes again.
func TestTheFormOfAttributesIsThatOfEachOfThem(t *testing.T) {
	for _, name := range []int{0, 1, 7, 8, 9, 126, 127, 128, 129, 20_000} {
		for _, text := range []int{0, 1, 7, 8, 9, 126, 127, 128, 129, 20_000} {
			k, v := strings.Repeat("k", name), strings.Repeat("v", text)
			m := pcommon.NewMap()
			m.PutInt("n", 5)
			m.PutStr(k+"x", v)
			m.PutStr(k, v)
			want := binary.AppendUvarint([]byte("before"), 3)
			want = append(want, 1, 'n', byte(pcommon.ValueTypeInt), 10)
			for _, k := range []string{k + "x", k} {
				want = append(binary.AppendUvarint(want, uint64(len(k))), k...)
				want = append(binary.AppendUvarint(append(want, byte(pcommon.ValueTypeStr)), uint64(text)), v...)
			}
			require.Equal(t, want, appendDistinctMap([]byte("before"), m), "%d and %d bytes", name, text)
		}
	}
}

func TestWhatIsKnownOfARecordGoesWithIt(t *testing.T) {
	trace := pcommon.TraceID{1, 2, 3}
	in := taken(t, `{rules: [{name: access, category: access, period: 1d}, {name: rest, period: 2d}], partition: {attributes: [tenant]}}`, newLogs(
		rec{request: "r1", trace: trace, at: noon.Add(-2 * time.Hour), body: "x", attrs: map[string]any{"log.category": "access", "tenant": "t", redactionAttribute: 3}},
		rec{request: strings.Repeat("r", recordids.MaxLength+1), attrs: map[string]any{redactionAttribute: -5}},
		rec{request: strings.Repeat("r", recordids.MaxLength), attrs: map[string]any{redactionAttribute: math.MaxInt64}},
		rec{attrs: map[string]any{redactionAttribute: "many", requestAttribute: 17}},
	), nil)
	records := in.all()
	require.Len(t, records, 4)
	r := records[0]
	assert.Equal(t, "access", r.Rule.Name)
	assert.Equal(t, noon.Add(-2*time.Hour), r.Time)
	assert.Equal(t, noon, r.Arrival)
	assert.Equal(t, noon.Add(-2*time.Hour).Truncate(time.Hour), r.Hour)
	assert.Equal(t, "t", r.Partitions[0].Value)
	assert.Equal(t, "r1", string(r.RequestID))
	assert.Equal(t, trace[:], r.TraceID)
	assert.EqualValues(t, 3, r.Redactions)
	assert.Equal(t, "json", r.Encoding)
	assert.Equal(t, archiver.Logs, r.Signal)
	assert.Equal(t, "rest", records[1].Rule.Name)
	assert.Empty(t, records[1].RequestID, "that is no id")
	assert.Empty(t, records[1].TraceID)
	assert.Zero(t, records[1].Redactions)
	assert.Len(t, records[2].RequestID, recordids.MaxLength)
	assert.EqualValues(t, maxRedactions, records[2].Redactions)
	assert.Zero(t, records[3].Redactions)
	assert.Equal(t, "17", string(records[3].RequestID))
	assert.Equal(t, noon.Truncate(time.Hour), records[3].Hour)
	assert.True(t, records[3].Time.IsZero())

	in.reset()
	assert.Empty(t, in.all())
}

func TestObservedTimeStandsInForNone(t *testing.T) {
	logs := newLogs(rec{})
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetObservedTimestamp(pcommon.NewTimestampFromTime(noon))
	assert.Equal(t, noon, taken(t, `{}`, logs, nil).all()[0].Time)
}
