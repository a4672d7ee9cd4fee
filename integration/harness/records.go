package harness

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Attributes are attributes as Go values: string, int64, float64, bool,
// []byte, []any and map[string]any.
type Attributes map[string]any

func (a Attributes) String() string {
	parts := make([]string, 0, len(a))
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if text, ok := a[key].(string); ok {
			parts = append(parts, fmt.Sprintf("%s=%q", key, text))
		} else {
			parts = append(parts, fmt.Sprintf("%s=%v", key, a[key]))
		}
	}
	return strings.Join(parts, " ")
}

// Origin says what an item belongs to.
type Origin struct {
	Resource Attributes
	Scope    string // name of the instrumentation scope
}

// Service is the resource's service.name.
func (o Origin) Service() string {
	name, _ := o.Resource["service.name"].(string)
	return name
}

// LogRecord is a log record, flattened for tests to look at.
type LogRecord struct {
	Origin
	Time, Observed time.Time // zero when not set
	Severity       plog.SeverityNumber
	SeverityText   string
	Body           any // as in Attributes
	Attributes     Attributes
	EventName      string
	TraceID        string // hexadecimal, empty when not set
	SpanID         string
	Flags          uint32
}

// Text is the body if it's a string, and how fmt prints it if not.
func (r LogRecord) Text() string {
	if text, ok := r.Body.(string); ok {
		return text
	}
	return fmt.Sprint(r.Body)
}

// UID is the attribute log.record.uid.
func (r LogRecord) UID() string {
	uid, _ := r.Attributes["log.record.uid"].(string)
	return uid
}

func (r LogRecord) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %v(%s) %s %q", r.Time.UTC().Format(time.RFC3339Nano), r.Severity, r.SeverityText, r.Service(), r.Text())
	if r.EventName != "" {
		fmt.Fprintf(&out, " event=%s", r.EventName)
	}
	if r.TraceID != "" {
		fmt.Fprintf(&out, " trace=%s span=%s", r.TraceID, r.SpanID)
	}
	fmt.Fprintf(&out, " [%v] of [%v]", r.Attributes, r.Resource)
	return out.String()
}

// DataPoint is one data point of a metric, flattened for tests to look at.
type DataPoint struct {
	Origin
	Name, Unit, Description string
	Type                    pmetric.MetricType
	Temporality             pmetric.AggregationTemporality // of sums and histograms
	Monotonic               bool                           // of sums
	Start, Time             time.Time                      // zero when not set
	Attributes              Attributes
	Value                   float64 // of gauges and sums; of the rest, the sum
	Count                   uint64  // of histograms and summaries
	Exemplars               int
}

func (p DataPoint) String() string {
	return fmt.Sprintf("%s %v %v [%v] of [%v]", p.Name, p.Type, p.Value, p.Attributes, p.Resource)
}

// Span is a span, flattened for tests to look at.
type Span struct {
	Origin
	Name                          string
	TraceID, SpanID, ParentSpanID string // hexadecimal, empty when not set
	Kind                          ptrace.SpanKind
	Start, End                    time.Time
	Status                        ptrace.StatusCode
	StatusMessage                 string
	Attributes                    Attributes
}

func (s Span) String() string {
	return fmt.Sprintf("%s %s %s/%s [%v] of [%v]", s.Service(), s.Name, s.TraceID, s.SpanID, s.Attributes, s.Resource)
}

func appendLogRecords(records []LogRecord, logs plog.Logs) []LogRecord {
	for _, rl := range logs.ResourceLogs().All() {
		resource := rl.Resource().Attributes().AsRaw()
		for _, sl := range rl.ScopeLogs().All() {
			origin := Origin{Resource: resource, Scope: sl.Scope().Name()}
			for _, r := range sl.LogRecords().All() {
				records = append(records, LogRecord{
					Origin:       origin,
					Time:         asTime(r.Timestamp()),
					Observed:     asTime(r.ObservedTimestamp()),
					Severity:     r.SeverityNumber(),
					SeverityText: r.SeverityText(),
					Body:         r.Body().AsRaw(),
					Attributes:   r.Attributes().AsRaw(),
					EventName:    r.EventName(),
					TraceID:      r.TraceID().String(),
					SpanID:       r.SpanID().String(),
					Flags:        uint32(r.Flags()),
				})
			}
		}
	}
	return records
}

func appendDataPoints(points []DataPoint, metrics pmetric.Metrics) []DataPoint {
	for _, rm := range metrics.ResourceMetrics().All() {
		resource := rm.Resource().Attributes().AsRaw()
		for _, sm := range rm.ScopeMetrics().All() {
			origin := Origin{Resource: resource, Scope: sm.Scope().Name()}
			for _, m := range sm.Metrics().All() {
				points = appendMetric(points, origin, m)
			}
		}
	}
	return points
}

func appendMetric(points []DataPoint, origin Origin, m pmetric.Metric) []DataPoint {
	add := func(attributes pcommon.Map, start, end pcommon.Timestamp, p DataPoint) {
		p.Origin, p.Name, p.Unit, p.Description, p.Type = origin, m.Name(), m.Unit(), m.Description(), m.Type()
		p.Attributes, p.Start, p.Time = attributes.AsRaw(), asTime(start), asTime(end)
		points = append(points, p)
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			add(p.Attributes(), p.StartTimestamp(), p.Timestamp(), DataPoint{
				Value: numberValue(p), Exemplars: p.Exemplars().Len(),
			})
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			add(p.Attributes(), p.StartTimestamp(), p.Timestamp(), DataPoint{
				Value: numberValue(p), Exemplars: p.Exemplars().Len(),
				Temporality: m.Sum().AggregationTemporality(), Monotonic: m.Sum().IsMonotonic(),
			})
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			add(p.Attributes(), p.StartTimestamp(), p.Timestamp(), DataPoint{
				Value: p.Sum(), Count: p.Count(), Exemplars: p.Exemplars().Len(),
				Temporality: m.Histogram().AggregationTemporality(),
			})
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			add(p.Attributes(), p.StartTimestamp(), p.Timestamp(), DataPoint{
				Value: p.Sum(), Count: p.Count(), Exemplars: p.Exemplars().Len(),
				Temporality: m.ExponentialHistogram().AggregationTemporality(),
			})
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			add(p.Attributes(), p.StartTimestamp(), p.Timestamp(), DataPoint{Value: p.Sum(), Count: p.Count()})
		}
	case pmetric.MetricTypeEmpty:
	}
	return points
}

func numberValue(p pmetric.NumberDataPoint) float64 {
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(p.IntValue())
	}
	return p.DoubleValue()
}

func appendSpans(spans []Span, traces ptrace.Traces) []Span {
	for _, rs := range traces.ResourceSpans().All() {
		resource := rs.Resource().Attributes().AsRaw()
		for _, ss := range rs.ScopeSpans().All() {
			origin := Origin{Resource: resource, Scope: ss.Scope().Name()}
			for _, s := range ss.Spans().All() {
				spans = append(spans, Span{
					Origin:        origin,
					Name:          s.Name(),
					TraceID:       s.TraceID().String(),
					SpanID:        s.SpanID().String(),
					ParentSpanID:  s.ParentSpanID().String(),
					Kind:          s.Kind(),
					Start:         asTime(s.StartTimestamp()),
					End:           asTime(s.EndTimestamp()),
					Status:        s.Status().Code(),
					StatusMessage: s.Status().Message(),
					Attributes:    s.Attributes().AsRaw(),
				})
			}
		}
	}
	return spans
}

func asTime(t pcommon.Timestamp) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.AsTime()
}

// item is what conditions look at: a LogRecord, a DataPoint or a Span.
type item interface {
	fmt.Stringer
	attributes() Attributes
	resource() Attributes
	name() string
	body() any
}

func (r LogRecord) attributes() Attributes { return r.Attributes }
func (r LogRecord) name() string           { return r.EventName }
func (r LogRecord) body() any              { return r.Body }

func (p DataPoint) attributes() Attributes { return p.Attributes }
func (p DataPoint) name() string           { return p.Name }
func (p DataPoint) body() any              { return nil }

func (s Span) attributes() Attributes { return s.Attributes }
func (s Span) name() string           { return s.Name }
func (s Span) body() any              { return nil }

func (o Origin) resource() Attributes { return o.Resource }

// Condition is something that an item satisfies or doesn't.
type Condition struct {
	text  string
	match func(item) bool
}

// Body is satisfied by log records with this text for a body.
func Body(text string) Condition {
	return Condition{fmt.Sprintf("body %q", text), func(i item) bool { return i.body() == text }}
}

// BodyContains is satisfied by log records with this in the text of their body.
func BodyContains(part string) Condition {
	return Condition{fmt.Sprintf("%q in the body", part), func(i item) bool {
		text, ok := i.body().(string)
		return ok && strings.Contains(text, part)
	}}
}

// Name is satisfied by metrics and spans of this name, and by log records with
// this event name.
func Name(name string) Condition {
	return Condition{"name " + name, func(i item) bool { return i.name() == name }}
}

// Attr is satisfied by items with this attribute. Go's integers stand for
// OpenTelemetry's, so that Attr("n", 1) means the integer 1, not "1" and not 1.0.
func Attr(key string, value any) Condition {
	want := asAttribute(value)
	return Condition{fmt.Sprintf("%s=%#v", key, value), func(i item) bool {
		got, ok := i.attributes()[key]
		return ok && reflect.DeepEqual(got, want)
	}}
}

// HasAttr is satisfied by items that have an attribute of this name.
func HasAttr(key string) Condition {
	return Condition{"attribute " + key, func(i item) bool {
		_, ok := i.attributes()[key]
		return ok
	}}
}

// Resource is satisfied by items whose resource has this attribute.
func Resource(key string, value any) Condition {
	want := asAttribute(value)
	return Condition{fmt.Sprintf("resource %s=%#v", key, value), func(i item) bool {
		got, ok := i.resource()[key]
		return ok && reflect.DeepEqual(got, want)
	}}
}

// Service is satisfied by items of this service.name.
func Service(name string) Condition {
	return Resource("service.name", name)
}

// Not is satisfied by what doesn't satisfy a condition.
func Not(c Condition) Condition {
	return Condition{"not " + c.text, func(i item) bool { return !c.match(i) }}
}

// Where is a condition of one's own on a LogRecord, a DataPoint or a Span; what
// puts it in words.
func Where[T any](what string, match func(T) bool) Condition {
	return Condition{what, func(i item) bool {
		t, ok := i.(T)
		return ok && match(t)
	}}
}

func asAttribute(value any) any {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
		return nil
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		return v.Float()
	}
	return value
}

func filter[T item](items []T, conditions []Condition) []T {
	if len(conditions) == 0 {
		return items
	}
	var kept []T
	for _, i := range items {
		if !slices.ContainsFunc(conditions, func(c Condition) bool { return !c.match(i) }) {
			kept = append(kept, i)
		}
	}
	return kept
}

func describe(conditions []Condition) string {
	texts := make([]string, 0, len(conditions))
	for _, c := range conditions {
		texts = append(texts, c.text)
	}
	if len(texts) == 0 {
		return ""
	}
	return " with " + strings.Join(texts, ", ")
}
