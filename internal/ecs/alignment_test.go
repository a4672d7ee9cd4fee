package ecs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

const relations = int(ecs.NotApplicable) + 1

// What the generator said when it made the table.
func TestTable(t *testing.T) {
	var counts [relations]int
	for _, row := range ecs.Alignments() {
		counts[row.Relation]++
	}
	assert.Equal(t, [relations]int{
		ecs.Conflict: 1, ecs.Equivalent: 26, ecs.Match: 133, ecs.Metric: 11, ecs.NotApplicable: 9, ecs.OTLP: 7, ecs.Related: 6,
	}, counts)
	assert.Len(t, ecs.Fields(), 2604)
	for _, name := range []string{"event.kind", "event.category", "event.type", "event.outcome"} {
		assert.NotEmpty(t, ecs.Allowed(name), name)
	}
}

// sample is a value that fits the field, and what becomes of it.
func sample(tb testing.TB, f *ecs.Field) (in, out any) {
	tb.Helper()
	switch f.Type {
	case ecs.Keyword, ecs.ConstantKeyword, ecs.Wildcard, ecs.MatchOnlyText:
		in = "a text"
		if allowed := ecs.Allowed(f.Name); allowed != nil {
			in = allowed[0]
		}
	case ecs.Long, ecs.Integer:
		in = int64(7)
	case ecs.Float, ecs.Double, ecs.ScaledFloat:
		in = 0.25
	case ecs.Boolean:
		in = true
	case ecs.Date:
		in, out = "2026-02-03T04:05:06.789Z", "2026-02-03T04:05:06.789000000Z"
	case ecs.IP:
		in = "2001:db8::1"
	case ecs.GeoPoint, ecs.Object, ecs.Flattened, ecs.Nested:
		in = raw{"lat": 1.5, "lon": -2.5}
	default:
		require.Fail(tb, "a type without a sample", f.Name)
	}
	if out == nil {
		out = in
	}
	if f.List {
		in, out = []any{in}, []any{out}
	}
	return in, out
}

// Each row of the alignment: what is written under OpenTelemetry's name is in ECS's field.
func TestAlignment(t *testing.T) {
	var counts [relations]int
	for _, row := range ecs.Alignments() {
		counts[row.Relation]++
		switch row.Relation {
		case ecs.Match, ecs.Equivalent, ecs.Conflict:
			in, out := sample(t, row.Field)
			got, counted := mapped(t, ecs.Options{}, row.Attribute, in)
			assert.Equal(t, out, got[row.Field.Name], row.Attribute)
			assert.Len(t, got, 1+derivedBeside(row.Attribute), row.Attribute)
			assert.Zero(t, counted, row.Attribute)
			assert.Equal(t, row.Relation == ecs.Equivalent, row.Attribute != row.Field.Name, row.Attribute)
		case ecs.OTLP:
			checkOTLP(t, row)
		case ecs.Related:
			checkRelated(t, row)
		case ecs.Metric, ecs.NotApplicable:
			// TestInventsNothing
		default:
			assert.Fail(t, "a relation that the mapping does not know", row.Field.Name)
		}
	}
	assert.Equal(t, [relations]int{
		ecs.Conflict: 1, ecs.Equivalent: 26, ecs.Match: 133, ecs.Metric: 11, ecs.NotApplicable: 9, ecs.OTLP: 7, ecs.Related: 6,
	}, counts)
}

// derivedBeside counts the fields that are derived from the attribute alone.
func derivedBeside(attribute string) int {
	switch attribute {
	case "http.response.status_code", "exception.message", "exception.stacktrace":
		return 1
	}
	return 0
}

func checkOTLP(t *testing.T, row ecs.Alignment) {
	t.Helper()
	r := plog.NewLogRecord()
	s := ptrace.NewSpan()
	var want any
	inSpan, inLog := true, true
	switch row.OTLP {
	case "time_unix_nano":
		r.SetTimestamp(1770091506789000001)
		r.SetObservedTimestamp(1)
		want, inSpan = "2026-02-03T04:05:06.789000001Z", false
	case "observed_time_unix_nano":
		r.SetObservedTimestamp(1770091506789000001)
		want, inSpan = "2026-02-03T04:05:06.789000001Z", false
	case "start_time_unix_nano":
		s.SetStartTimestamp(1770091506789000001)
		want, inLog = "2026-02-03T04:05:06.789000001Z", false
	case "severity_text":
		r.SetSeverityText("notice")
		want, inSpan = "notice", false
	case "body":
		r.Body().SetStr("what happened")
		want, inSpan = "what happened", false
	case "trace_id":
		id := pcommon.TraceID{0xab, 15: 1}
		r.SetTraceID(id)
		s.SetTraceID(id)
		want = "ab000000000000000000000000000001"
	case "span_id":
		id := pcommon.SpanID{0xab, 7: 1}
		r.SetSpanID(id)
		s.SetSpanID(id)
		want = "ab00000000000001"
	default:
		assert.Fail(t, "a field of the record that the mapping does not know", row.OTLP)
	}
	m := begun(ecs.Options{})
	if inLog {
		assert.Equal(t, want, values(t, m.Attributes(r))[row.Field.Name], row.OTLP)
	}
	if inSpan {
		assert.Equal(t, want, values(t, m.Span(s))[row.Field.Name], row.OTLP)
	}
	assert.Zero(t, m.TakeCounts())
}

func checkRelated(t *testing.T, row ecs.Alignment) {
	t.Helper()
	switch row.Attribute {
	case "container.label": // of container.labels, and of labels, whose row the other one makes needless
		got, counted := mapped(t, ecs.Options{}, "container.label.com.example.app", "shop")
		assert.Equal(t, raw{"container.labels.com_example_app": "shop"}, got)
		assert.Zero(t, counted)
	case "k8s.pod.label":
		got, counted := mapped(t, ecs.Options{}, "k8s.pod.label.app.kubernetes.io/name", "shop")
		assert.Equal(t, raw{"labels.app_kubernetes_io/name": "shop"}, got)
		assert.Zero(t, counted)
	case "dns.answers":
		in := []any{raw{"name": "example.com", "data": "192.0.2.1"}}
		got, counted := mapped(t, ecs.Options{}, "dns.answers", in)
		assert.Equal(t, raw{"dns.answers": in}, got)
		assert.Zero(t, counted)
	case "network.protocol.name", "network.protocol.version": // of http.version together
		got, counted := mapped(t, ecs.Options{}, "network.protocol.version", "1.1", "network.protocol.name", "http")
		assert.Equal(t, raw{"http.version": "1.1", "network.protocol": "http"}, got)
		assert.Zero(t, counted)
	default:
		assert.Fail(t, "a relation that the mapping does not know", row.Attribute)
	}
}

// A metric's name is no name of a field, and what OpenTelemetry has not is in no record
// that does not have it under ECS's name: the one of all attributes has none of them.
func TestInventsNothing(t *testing.T) {
	r := plog.NewLogRecord()
	r.SetTimestamp(1)
	r.SetObservedTimestamp(2)
	r.SetSeverityNumber(plog.SeverityNumberError)
	r.SetTraceID(pcommon.TraceID{1})
	r.SetSpanID(pcommon.SpanID{1})
	r.SetEventName("buy")
	r.Body().SetStr("what happened")
	scope := pcommon.NewInstrumentationScope()
	scope.SetName("shop")
	for _, row := range ecs.Alignments() {
		if row.Attribute != "" {
			in, _ := sample(t, row.Field)
			fill(t, r.Attributes(), row.Attribute, in)
		}
	}
	m := ecs.NewMapper(ecs.Options{})
	m.Begin(pcommon.NewResource(), scope)
	full := values(t, m.Log(r))
	metrics, absent := 0, 0
	for _, row := range ecs.Alignments() {
		switch row.Relation {
		case ecs.Metric:
			metrics++
			assert.NotContains(t, full, row.Field.Name)
			if row.Metric == row.Field.Name {
				continue
			}
			got, counted := mapped(t, ecs.Options{}, row.Metric, 0.5)
			assert.Equal(t, raw{"labels." + strings.ReplaceAll(row.Metric, ".", "_"): 0.5}, got)
			assert.Equal(t, ecs.Counts{Unknown: 1}, counted)
		case ecs.NotApplicable:
			absent++
			if row.Field.Name == "ecs.version" {
				assert.Equal(t, ecs.Version, full[row.Field.Name])
				continue
			}
			assert.NotContains(t, full, row.Field.Name)
			in, out := sample(t, row.Field)
			got, counted := mapped(t, ecs.Options{}, row.Field.Name, in)
			assert.Equal(t, raw{row.Field.Name: out}, got)
			assert.Zero(t, counted)
		default:
		}
	}
	assert.Equal(t, []int{11, 9}, []int{metrics, absent})
}

// Each field of the schema takes what fits it under its own name, in all modes.
func TestFields(t *testing.T) {
	for _, unknown := range []ecs.Unknown{ecs.Label, ecs.Keep, ecs.Drop} {
		m := begun(ecs.Options{Unknown: unknown})
		for i := range ecs.Fields() {
			f := &ecs.Fields()[i]
			if f.Name == "ecs.version" || f.Name == "labels" || f.Name == "container.labels" {
				continue // TestMapsTakenApart has the objects
			}
			in, out := sample(t, f)
			got := values(t, m.Attributes(newRecord(t, f.Name, in)))
			if f.Type == ecs.Object && !f.List && ecs.IsObject(f.Name) {
				assert.NotContains(t, got, f.Name)
				m.TakeCounts()
				continue
			}
			require.Equal(t, out, got[f.Name], f.Name)
			require.Zero(t, m.TakeCounts(), f.Name)
		}
	}
}
