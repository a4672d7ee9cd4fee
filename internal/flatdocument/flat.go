package flatdocument

import (
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/jsontext"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// The names at the front of a document, by signal. An attribute of such a name stands
// under attributes.<name>, a resource's under resource.<name>.
var (
	logNames   = setOf("time", "observed_time", "severity", "severity_number", "body", "event_name", "trace_id", "span_id", "flags", "scope")
	spanNames  = setOf("start_time", "end_time", "name", "kind", "status", "status_message", "trace_id", "span_id", "parent_span_id", "trace_state", "flags", "scope", "events", "links")
	pointNames = setOf("name", "unit", "type", "temporality", "monotonic", "time", "start_time", "value", "count", "sum", "min", "max",
		"buckets", "bounds", "scale", "zero_count", "zero_threshold", "positive", "negative", "quantiles", "flags", "scope", "exemplars", uidName)
)

// uidName is what a data point's identity is called.
const uidName = "heartwood.record.uid"

// nameSet is a set of names. Most names that it is asked for are not in it, and are told
// by their length and first letter.
type nameSet struct {
	names map[string]bool
	// first has a bit for each first letter, modulo 32, of the names of a length.
	first [maxFront + 1]uint32
}

// maxFront is at least the length of the longest name at the front.
const maxFront = 31

func setOf(names ...string) *nameSet {
	s := &nameSet{names: make(map[string]bool, len(names))}
	for _, name := range names {
		s.names[name] = true
		s.first[len(name)] |= 1 << (name[0] % 32)
	}
	return s
}

func (s *nameSet) has(name string) bool {
	return len(name) > 0 && len(name) <= maxFront && s.first[len(name)]>>(name[0]%32)&1 != 0 && s.names[name]
}

// Flat writes flat documents. Begin comes before the first of them. It is for one
// goroutine at a time; its zero value is ready.
type Flat struct {
	resource pcommon.Map
	scope    string

	// members are the resource's attributes as they stand in documents with such a front,
	// one behind the other; nil where they were not asked for yet.
	members     []member
	membersText []byte
	membersSeen nameBits
	front       *nameSet
	written     uint64 // how often they were asked for

	// names are those of the attributes of the document being written, for as long as
	// they are few; many has them when they are not.
	names []memberName
	many  map[string]struct{}

	// known are names as they stand in documents: most records have those of the one before.
	known  knownNames
	shapes [shapeCount]shape
	times  timestamp.Recent
}

// fewNames is how many names are compared with each other.
const fewNames = 24

// memberName is what an attribute is called.
type memberName struct {
	text  string
	plain bool       // nothing of it has to be escaped
	again bool       // one before it has the name
	known *knownName // has it as it stands in documents; nil: none
}

// knownNames has for each bit of nameBits a name that was met, of none at the front.
type knownNames [64]knownName

// knownName is a name's text in documents, with the comma before it and the colon: a name in
// which nothing has to be escaped. It is one of the attributes in documents with such a front.
type knownName struct {
	front *nameSet
	size  uint8
	text  [maxKnownName + 4]byte
}

// maxKnownName is the longest that is kept, in bytes.
const maxKnownName = 51

func (k *knownName) is(name string, front *nameSet) bool {
	return k.front == front && int(k.size) == len(name)+4 && string(k.text[2:k.size-2]) == name
}

func (k *knownName) set(name string, front *nameSet) {
	k.front, k.size = front, uint8(len(name)+4)
	text := append(k.text[:0], ',', '"')
	text = append(text, name...)
	_ = append(text, '"', ':')
}

// member is an attribute that was written: its text begins where that of the one before ends.
type member struct {
	name memberName
	end  int
}

// nameBits has a bit for each of some names: a name whose bit it has not is none of them.
type nameBits uint64

func bitOf(name string) nameBits { return 1 << placeOf(name) }

// placeOf is the place of a name's bit.
func placeOf(name string) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	return (n*7 ^ int(name[n-1]) ^ int(name[n/2])<<2) & 63
}

// Begin says what the items that follow belong to. They must stay unchanged until the
// next Begin or End.
func (f *Flat) Begin(resource pcommon.Resource, scope pcommon.InstrumentationScope) {
	f.resource, f.scope, f.front = resource.Attributes(), scope.Name(), nil
}

// End lets go of what Begin was given.
func (f *Flat) End() {
	clear(f.members[:cap(f.members)])
	f.resource, f.scope, f.front, f.many = pcommon.Map{}, "", nil, nil
	f.names, f.members, f.membersText, f.membersSeen = f.names[:0], f.members[:0], f.membersText[:0], 0
	if cap(f.membersText) > maxKeptText {
		f.membersText = nil
	}
}

// maxKeptText is the most that is kept for the next resource, in bytes.
const maxKeptText = 64 << 10

// object writes the members of one document.
type object struct {
	dst   []byte
	start int
	timed bool // of a data point: it has a time
}

func (o *object) name(name string) {
	if len(o.dst) > o.start+1 {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.dst = jsontext.AppendString(o.dst, value)
	}
}

func (o *object) time(name string, at pcommon.Timestamp) {
	if at != 0 {
		o.name(name)
		o.dst = appendTime(o.dst, at)
	}
}

func (o *object) trace(name string, id pcommon.TraceID) {
	if !id.IsEmpty() {
		o.name(name)
		o.dst = appendHex(o.dst, id[:])
	}
}

func (o *object) span(name string, id pcommon.SpanID) {
	if !id.IsEmpty() {
		o.name(name)
		o.dst = appendHex(o.dst, id[:])
	}
}

func (o *object) integer(name string, n int64) {
	o.name(name)
	o.dst = strconv.AppendInt(o.dst, n, 10)
}

func (o *object) unsigned(name string, n uint64) {
	o.name(name)
	o.dst = strconv.AppendUint(o.dst, n, 10)
}

func (o *object) float(name string, n float64) {
	o.name(name)
	o.dst = jsontext.AppendFloat(o.dst, n)
}

func begin(dst []byte) object { return object{dst: append(dst, '{'), start: len(dst)} }

func (o *object) end() []byte { return append(o.dst, '}') }

// time is object.time for times of which many are of one second.
func (f *Flat) time(o *object, name string, at pcommon.Timestamp) {
	if at == 0 || at > math.MaxInt64 {
		o.time(name, at)
		return
	}
	o.name(name)
	o.dst = append(o.dst, '"')
	o.dst = append(f.times.Append(o.dst, int64(at)), '"')
}

// attributes writes the resource's attributes and the item's, each name once: of one
// resource and item, the item's counts, and of two in one map the first.
func (f *Flat) attributes(o *object, item pcommon.Map, front *nameSet) {
	if item.Len()+f.resource.Len() > fewNames {
		f.manyAttributes(o, item, front)
		return
	}
	if f.front != front {
		f.writeResource(front)
	}
	s := &f.shapes[item.Len()%shapeCount]
	if s.fits(f, item.Len(), front) {
		start := len(o.dst)
		if s.attributes(o, item, f.membersText) {
			return
		}
		o.dst = o.dst[:start]
	}
	// The item's names count before the resource's, and its attributes stand behind.
	f.names = f.names[:0]
	var seen nameBits
	for name := range item.All() {
		n, bit := f.named(name, seen, front)
		n.again = seen&bit != 0 && contains(f.names, n.text)
		f.names = append(f.names, n)
		seen |= bit
	}
	if seen&f.membersSeen == 0 {
		o.dst = appendMembers(o.dst, o.start, f.membersText)
	} else {
		at := 0
		for i := range f.members {
			m := &f.members[i]
			if seen&bitOf(m.name.text) == 0 || !contains(f.names, m.name.text) {
				o.dst = appendMembers(o.dst, o.start, f.membersText[at:m.end])
			}
			at = m.end
		}
	}
	i := 0
	for _, v := range item.All() {
		if name := &f.names[i]; !name.again {
			o.attribute(*name, v)
		}
		i++
	}
	s.learn(f, front)
	clear(f.names)
}

// writeResource writes the resource's attributes, each with a comma before it.
func (f *Flat) writeResource(front *nameSet) {
	f.front, f.members, f.membersSeen = front, f.members[:0], 0
	f.written++
	o := object{dst: f.membersText[:0], start: -2} // of a document in which something stands
	f.names = f.names[:0]
	for name, v := range f.resource.All() {
		n, bit := named(name, "resource.", front)
		if f.membersSeen&bit != 0 && contains(f.names, n.text) {
			continue
		}
		f.names = append(f.names, n)
		f.membersSeen |= bit
		o.attribute(n, v)
		f.members = append(f.members, member{n, len(o.dst)})
	}
	f.membersText = o.dst
	clear(f.names)
}

// appendMembers appends members that have a comma before each of them to a document that
// begins at start.
func appendMembers(dst []byte, start int, members []byte) []byte {
	if len(members) > 0 && len(dst) == start+1 {
		members = members[1:]
	}
	return append(dst, members...)
}

func contains(names []memberName, name string) bool {
	for i := range names {
		if names[i].text == name {
			return true
		}
	}
	return false
}

// manyAttributes is attributes for any number of them.
func (f *Flat) manyAttributes(o *object, item pcommon.Map, front *nameSet) {
	if f.many == nil {
		f.many = make(map[string]struct{}, item.Len()+f.resource.Len())
	}
	clear(f.many)
	is := func(name string) bool {
		_, ok := f.many[name]
		return ok
	}
	for name := range item.All() {
		n, _ := named(name, "attributes.", front)
		f.many[n.text] = struct{}{}
	}
	for name, v := range f.resource.All() {
		n, _ := named(name, "resource.", front)
		if is(n.text) {
			continue
		}
		f.many[n.text] = struct{}{}
		o.attribute(n, v)
	}
	clear(f.many)
	for name, v := range item.All() {
		n, _ := named(name, "attributes.", front)
		if is(n.text) {
			continue
		}
		f.many[n.text] = struct{}{}
		o.attribute(n, v)
	}
	clear(f.many)
}

// named is what an attribute of an item is called in a document, where those before it have
// the bits in seen. It is known from then on, unless one of those has its place.
func (f *Flat) named(name string, seen nameBits, front *nameSet) (memberName, nameBits) {
	place := placeOf(name)
	k, bit := &f.known[place], nameBits(1)<<place
	if k.is(name, front) {
		return memberName{text: name, plain: true, known: k}, bit
	}
	n, got := named(name, "attributes.", front)
	if seen&bit == 0 && n.plain && n.text == name && len(name) <= maxKnownName {
		k.set(name, front)
		n.known = k
	}
	return n, got
}

// named is what an attribute is called in a document.
func named(name, prefix string, front *nameSet) (memberName, nameBits) {
	if front.has(name) {
		name = prefix + name
		return memberName{text: name, plain: true}, bitOf(name)
	}
	if jsontext.AllPlain(name) {
		return memberName{text: name, plain: true}, bitOf(name)
	}
	name = jsontext.Valid(name)
	return memberName{text: name}, bitOf(name)
}

func (o *object) attribute(name memberName, v pcommon.Value) {
	if name.known != nil {
		o.dst = appendMembers(o.dst, o.start, name.known.text[:name.known.size])
		o.dst = appendValue(o.dst, v)
		return
	}
	if len(o.dst) > o.start+1 {
		o.dst = append(o.dst, ',')
	}
	if name.plain {
		o.dst = jsontext.AppendPlain(o.dst, name.text)
	} else {
		o.dst = jsontext.AppendString(o.dst, name.text)
	}
	o.dst = append(o.dst, ':')
	o.dst = appendValue(o.dst, v)
}

// AppendLog appends the document of a log record.
func (f *Flat) AppendLog(dst []byte, r plog.LogRecord) []byte {
	o := begin(dst)
	at := r.Timestamp()
	if at == 0 {
		at = r.ObservedTimestamp()
	}
	f.time(&o, "time", at)
	f.time(&o, "observed_time", r.ObservedTimestamp())
	o.text("severity", r.SeverityText())
	if n := r.SeverityNumber(); n != 0 {
		o.integer("severity_number", int64(n))
	}
	if body := r.Body(); body.Type() != pcommon.ValueTypeEmpty {
		o.name("body")
		o.dst = appendValue(o.dst, body)
	}
	o.text("event_name", r.EventName())
	o.trace("trace_id", r.TraceID())
	o.span("span_id", r.SpanID())
	if flags := r.Flags(); flags != 0 {
		o.integer("flags", int64(flags))
	}
	o.text("scope", f.scope)
	f.attributes(&o, r.Attributes(), logNames)
	return o.end()
}

var kinds = [...]string{
	ptrace.SpanKindUnspecified: "",
	ptrace.SpanKindInternal:    "internal",
	ptrace.SpanKindServer:      "server",
	ptrace.SpanKindClient:      "client",
	ptrace.SpanKindProducer:    "producer",
	ptrace.SpanKindConsumer:    "consumer",
}

// AppendSpan appends the document of a span.
func (f *Flat) AppendSpan(dst []byte, s ptrace.Span) []byte {
	o := begin(dst)
	o.time("start_time", s.StartTimestamp())
	o.time("end_time", s.EndTimestamp())
	o.text("name", s.Name())
	if k := s.Kind(); k >= 0 && int(k) < len(kinds) {
		o.text("kind", kinds[k])
	}
	switch s.Status().Code() {
	case ptrace.StatusCodeOk:
		o.text("status", "ok")
	case ptrace.StatusCodeError:
		o.text("status", "error")
	case ptrace.StatusCodeUnset:
		o.text("status", "unset")
	}
	o.text("status_message", s.Status().Message())
	o.trace("trace_id", s.TraceID())
	o.span("span_id", s.SpanID())
	o.span("parent_span_id", s.ParentSpanID())
	o.text("trace_state", s.TraceState().AsRaw())
	if flags := s.Flags(); flags != 0 {
		o.integer("flags", int64(flags))
	}
	o.text("scope", f.scope)
	if events := s.Events(); events.Len() > 0 {
		o.name("events")
		o.list(events.Len(), func(i int) {
			e := begin(o.dst)
			e.time("time", events.At(i).Timestamp())
			e.text("name", events.At(i).Name())
			e.members("attributes", events.At(i).Attributes())
			o.dst = e.end()
		})
	}
	if links := s.Links(); links.Len() > 0 {
		o.name("links")
		o.list(links.Len(), func(i int) {
			l := begin(o.dst)
			l.trace("trace_id", links.At(i).TraceID())
			l.span("span_id", links.At(i).SpanID())
			l.text("trace_state", links.At(i).TraceState().AsRaw())
			l.members("attributes", links.At(i).Attributes())
			o.dst = l.end()
		})
	}
	f.attributes(&o, s.Attributes(), spanNames)
	return append(o.dst, '}')
}

// list writes a list; each appends one element to o.dst.
func (o *object) list(n int, each func(i int)) {
	o.dst = append(o.dst, '[')
	for i := range n {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		each(i)
	}
	o.dst = append(o.dst, ']')
}

func (o *object) members(name string, m pcommon.Map) {
	if m.Len() > 0 {
		o.name(name)
		o.dst = appendMap(o.dst, m)
	}
}

// AppendPoint appends the document of a metric's data point, by its place. One with a time
// has a uid, the same for the same point; without a time, nothing tells it from the next.
func (f *Flat) AppendPoint(dst []byte, m pmetric.Metric, point int) []byte {
	o := begin(dst)
	o.text("name", m.Name())
	o.text("unit", m.Unit())
	var attributes pcommon.Map
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		o.text("type", "gauge")
		attributes = f.number(&o, m.Gauge().DataPoints().At(point))
	case pmetric.MetricTypeSum:
		o.text("type", "sum")
		o.temporality(m.Sum().AggregationTemporality())
		o.name("monotonic")
		o.dst = strconv.AppendBool(o.dst, m.Sum().IsMonotonic())
		attributes = f.number(&o, m.Sum().DataPoints().At(point))
	case pmetric.MetricTypeHistogram:
		o.text("type", "histogram")
		o.temporality(m.Histogram().AggregationTemporality())
		attributes = f.histogram(&o, m.Histogram().DataPoints().At(point))
	case pmetric.MetricTypeExponentialHistogram:
		o.text("type", "exponential_histogram")
		o.temporality(m.ExponentialHistogram().AggregationTemporality())
		attributes = f.exponential(&o, m.ExponentialHistogram().DataPoints().At(point))
	case pmetric.MetricTypeSummary:
		o.text("type", "summary")
		attributes = f.summary(&o, m.Summary().DataPoints().At(point))
	default:
		attributes = pcommon.NewMap()
	}
	o.text("scope", f.scope)
	f.attributes(&o, attributes, pointNames)
	if o.timed {
		o.uid()
	}
	return append(o.dst, '}')
}

// uid writes the identity of what stands before it, which says all that tells one data
// point from another: its stream, its times and its value.
func (o *object) uid() {
	u := recorduid.Hashed(o.dst[o.start:])
	o.name(uidName)
	o.dst = append(o.dst, '"')
	o.dst = append(u.AppendText(o.dst), '"')
}

func (o *object) temporality(t pmetric.AggregationTemporality) {
	switch t {
	case pmetric.AggregationTemporalityDelta:
		o.text("temporality", "delta")
	case pmetric.AggregationTemporalityCumulative:
		o.text("temporality", "cumulative")
	}
}

func (o *object) point(at, start pcommon.Timestamp, flags pmetric.DataPointFlags) {
	o.timed = at != 0
	o.time("time", at)
	o.time("start_time", start)
	if flags != 0 {
		o.integer("flags", int64(flags))
	}
}

func (f *Flat) number(o *object, p pmetric.NumberDataPoint) pcommon.Map {
	o.point(p.Timestamp(), p.StartTimestamp(), p.Flags())
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		o.integer("value", p.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		o.float("value", p.DoubleValue())
	}
	return p.Attributes()
}

func (f *Flat) histogram(o *object, p pmetric.HistogramDataPoint) pcommon.Map {
	o.point(p.Timestamp(), p.StartTimestamp(), p.Flags())
	o.unsigned("count", p.Count())
	if p.HasSum() {
		o.float("sum", p.Sum())
	}
	if p.HasMin() {
		o.float("min", p.Min())
	}
	if p.HasMax() {
		o.float("max", p.Max())
	}
	o.counts("buckets", p.BucketCounts())
	if bounds := p.ExplicitBounds(); bounds.Len() > 0 {
		o.name("bounds")
		o.list(bounds.Len(), func(i int) { o.dst = jsontext.AppendFloat(o.dst, bounds.At(i)) })
	}
	return p.Attributes()
}

func (o *object) counts(name string, counts pcommon.UInt64Slice) {
	if counts.Len() > 0 {
		o.name(name)
		o.list(counts.Len(), func(i int) { o.dst = strconv.AppendUint(o.dst, counts.At(i), 10) })
	}
}

func (f *Flat) exponential(o *object, p pmetric.ExponentialHistogramDataPoint) pcommon.Map {
	o.point(p.Timestamp(), p.StartTimestamp(), p.Flags())
	o.unsigned("count", p.Count())
	if p.HasSum() {
		o.float("sum", p.Sum())
	}
	if p.HasMin() {
		o.float("min", p.Min())
	}
	if p.HasMax() {
		o.float("max", p.Max())
	}
	o.integer("scale", int64(p.Scale()))
	o.unsigned("zero_count", p.ZeroCount())
	if p.ZeroThreshold() != 0 {
		o.float("zero_threshold", p.ZeroThreshold())
	}
	for _, side := range []struct {
		name    string
		buckets pmetric.ExponentialHistogramDataPointBuckets
	}{{"positive", p.Positive()}, {"negative", p.Negative()}} {
		if side.buckets.BucketCounts().Len() == 0 {
			continue
		}
		o.name(side.name)
		b := begin(o.dst)
		b.integer("offset", int64(side.buckets.Offset()))
		b.counts("buckets", side.buckets.BucketCounts())
		o.dst = b.end()
	}
	return p.Attributes()
}

func (f *Flat) summary(o *object, p pmetric.SummaryDataPoint) pcommon.Map {
	o.point(p.Timestamp(), p.StartTimestamp(), p.Flags())
	o.unsigned("count", p.Count())
	o.float("sum", p.Sum())
	if q := p.QuantileValues(); q.Len() > 0 {
		o.name("quantiles")
		o.list(q.Len(), func(i int) {
			e := begin(o.dst)
			e.float("quantile", q.At(i).Quantile())
			e.float("value", q.At(i).Value())
			o.dst = e.end()
		})
	}
	return p.Attributes()
}
