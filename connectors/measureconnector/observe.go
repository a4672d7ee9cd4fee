package measureconnector

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/measurement"
)

// Why a value makes no point: the values of the attribute reason.
const (
	refusedNumber   = "no_number"
	refusedNegative = "negative"
	refusedName     = "name"
	refusedUnit     = "unit"
	refusedKind     = "kind"
	refusedTooMany  = "too_many_metrics"
)

var refusals = []string{refusedNumber, refusedNegative, refusedName, refusedUnit, refusedKind, refusedTooMany}

// maxTags bounds the tag# attributes of one record that become a series'.
const maxTags = 8

// reading is what the records of one call say: made before they are passed on, counted
// when they were accepted. It is for one goroutine at a time.
type reading struct {
	e       *engine
	records []origin
	uids    []uint64
	again   []bool
	values  []observation
	refused map[string]int64
	errors  int64

	// Of the record at hand:
	slots    []value         // by slot; those of the resource where the record has none
	set      []int           // slots that the record has set
	base     []value         // by slot, of the resource
	baseSet  []int           //
	tags     []attribute     // tag#, by name
	measures []measured      // attributes that are measures
	attrs    []attribute     // of the series at hand
	reasons  []error         // of conditions that failed, the first few
	res      *resource       // of the records at hand
	context  context.Context //nolint:containedctx // of one call
}

// observation is one value of one series, of the record with a number.
type observation struct {
	series *series
	value  float64
	record int
}

// measured is an attribute that is a measure by its name.
type measured struct {
	kind  measurement.Kind
	name  string
	value pcommon.Value
}

func (e *engine) newReading() *reading {
	n := len(e.slots.names)
	return &reading{e: e, slots: make([]value, n), base: make([]value, n), refused: map[string]int64{}}
}

// maxPooled is how many records or values a reading may have room for, and be used again.
const maxPooled = 1 << 15

// reset lets go of what the call was given. A reading that has grown beyond use is not to
// be kept: the result is false.
func (r *reading) reset() bool {
	if cap(r.values) > maxPooled || cap(r.records) > maxPooled {
		return false
	}
	clear(r.records)
	clear(r.values)
	clear(r.slots)
	clear(r.base)
	clear(r.refused)
	clear(r.tags[:cap(r.tags)])
	clear(r.measures[:cap(r.measures)])
	clear(r.attrs[:cap(r.attrs)])
	r.records, r.uids, r.again, r.values = r.records[:0], r.uids[:0], r.again[:0], r.values[:0]
	r.set, r.baseSet, r.reasons, r.errors = r.set[:0], r.baseSet[:0], nil, 0
	r.res, r.context = nil, nil
	return true
}

// read takes in what the records say. It changes nothing that is counted.
func (r *reading) read(ctx context.Context, logs plog.Logs, now time.Time) {
	r.context = ctx
	for _, rl := range logs.ResourceLogs().All() {
		for _, i := range r.baseSet {
			r.base[i] = value{}
		}
		r.baseSet = r.baseSet[:0]
		for name, v := range rl.Resource().Attributes().All() {
			if i := r.e.slots.find(name); i >= 0 {
				r.base[i] = valueOf(v)
				r.baseSet = append(r.baseSet, i)
			}
		}
		copy(r.slots, r.base)
		res := r.e.resourceOf(rl.Resource(), rl.SchemaUrl())
		r.res = res
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				r.record(res, lr, now)
				if len(r.e.rules) > 0 {
					r.rules(res, rl, sl, lr)
				}
				for _, i := range r.set {
					r.slots[i] = r.base[i]
				}
				r.set = r.set[:0]
			}
		}
	}
}

// give sets a slot of the record at hand.
func (r *reading) give(slot int, v value) {
	r.slots[slot] = v
	r.set = append(r.set, slot)
}

func (r *reading) record(res *resource, lr plog.LogRecord, now time.Time) {
	e, w := r.e, &r.e.well
	r.tags, r.measures = r.tags[:0], r.measures[:0]
	for name, v := range lr.Attributes().All() {
		if i := e.slots.find(name); i >= 0 {
			r.give(i, valueOf(v))
			continue
		}
		if !e.on.measures || len(name) < 5 {
			continue
		}
		switch name[0] {
		case 'm', 's', 'c':
			if kind, rest := measurement.ParseName(name); kind != measurement.NoKind {
				r.measures = append(r.measures, measured{kind, rest, v})
			}
		case 't':
			if tag, ok := strings.CutPrefix(name, "tag#"); ok && len(r.tags) < maxTags && tagName(tag) {
				r.tag(tag, valueOf(v))
			}
		}
	}
	if r.slots[w.event].kind == pcommon.ValueTypeEmpty && lr.EventName() != "" {
		r.give(w.event, textValue(lr.EventName()))
	}

	at := lr.Timestamp()
	if at == 0 {
		at = lr.ObservedTimestamp()
	}
	if at == 0 {
		at = pcommon.NewTimestampFromTime(now)
	}
	r.records = append(r.records, origin{at: at, trace: lr.TraceID(), span: lr.SpanID(), request: r.slots[w.request].text})
	if uid := r.slots[w.uid]; e.repeats != nil && uid.kind == pcommon.ValueTypeStr {
		r.uids = append(r.uids, uidHash(uid.text))
	} else {
		r.uids = append(r.uids, 0)
	}

	if e.records != nil {
		r.give(w.severity, textValue(severityName(lr)))
		r.add(e.records, res, 1, nil)
	}
	if e.exceptions != nil && r.slots[w.exceptionType].kind != pcommon.ValueTypeEmpty {
		r.add(e.exceptions, res, 1, nil)
	}
	if e.folds != nil && r.slots[w.foldDuration].kind == pcommon.ValueTypeDouble {
		r.number(e.folds, res, r.slots[w.foldDuration])
	}
	if e.on.access {
		r.access(res)
	}
	for i := range r.measures {
		r.measure(res, &r.measures[i])
	}
}

// tag puts a tag# attribute where its name sorts.
func (r *reading) tag(name string, v value) {
	i := len(r.tags)
	r.tags = append(r.tags, attribute{})
	for i > 0 && r.tags[i-1].name > name {
		r.tags[i] = r.tags[i-1]
		i--
	}
	r.tags[i] = attribute{name, v}
}

// severityName is the short name of the record's severity: INFO for INFO2, too.
func severityName(lr plog.LogRecord) string {
	n := lr.SeverityNumber()
	if n < plog.SeverityNumberTrace || n > plog.SeverityNumberFatal4 {
		return "UNSPECIFIED"
	}
	return severityNames[(n-1)/4]
}

var severityNames = [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// access counts an access log, or a line of Heroku's router.
func (r *reading) access(res *resource) {
	e, w := r.e, &r.e.well
	switch {
	case r.slots[w.category].text == "access":
		r.made(r.slots[w.method], r.slots[w.route], r.slots[w.path], r.slots[w.status])
		r.number(e.duration, res, r.slots[w.duration])
		r.number(e.bodySize, res, r.slots[w.bodySize])
	case r.slots[w.dyno].kind != pcommon.ValueTypeEmpty && r.slots[w.connect].kind == pcommon.ValueTypeStr && r.slots[w.service].kind == pcommon.ValueTypeStr:
		r.made(r.slots[w.herokuMethod], value{}, r.slots[w.herokuPath], r.slots[w.herokuStatus])
		r.number(e.duration, res, r.slots[w.service])
		r.number(e.connect, res, r.slots[w.connect])
		r.number(e.bodySize, res, r.slots[w.herokuBytes])
	}
}

// made sets the attributes of an access log's series.
func (r *reading) made(method, route, path, status value) {
	w := &r.e.well
	if route.kind == pcommon.ValueTypeEmpty && path.kind == pcommon.ValueTypeStr && r.e.cfg.RouteTemplate {
		route = textValue(r.res.route(measurement.Route(path.text)))
	}
	r.give(w.made[0], method)
	r.give(w.made[1], route)
	r.give(w.made[2], status.status())
}

// number adds an attribute's number to a metric of ours; nothing where it is not there.
func (r *reading) number(m *metric, res *resource, v value) {
	if m == nil || v.kind == pcommon.ValueTypeEmpty {
		return
	}
	n, ok := numberOf(v)
	switch {
	case !ok:
		r.refused[refusedNumber]++
	case n.Number < 0:
		r.refused[refusedNegative]++
	case n.HasUnit && string(n.Unit) != m.unit:
		r.refused[refusedUnit]++
	default:
		r.add(m, res, n.Number, nil)
	}
}

func numberOf(v value) (measurement.Value, bool) {
	switch v.kind {
	case pcommon.ValueTypeInt:
		return measurement.Value{Number: float64(int64(v.bits)), Unit: measurement.None}, true
	case pcommon.ValueTypeDouble:
		n := v.double()
		return measurement.Value{Number: n, Unit: measurement.None}, finite(n)
	case pcommon.ValueTypeStr:
		return measurement.Parse(v.text)
	default:
		return measurement.Value{}, false
	}
}

// measure adds what a measure says.
func (r *reading) measure(res *resource, a *measured) {
	name, ok := measurement.Clean(a.name)
	if !ok {
		r.refused[refusedName]++
		return
	}
	var v measurement.Value
	switch {
	case a.value.Type() == pcommon.ValueTypeEmpty:
		v, ok = measurement.Value{Number: 1, Unit: measurement.None}, true
	case a.value.Type() == pcommon.ValueTypeStr && strings.HasPrefix(name, "memory_"):
		v, ok = measurement.ParseMemory(a.value.Str())
	case a.value.Type() == pcommon.ValueTypeStr: // and not valueOf, which gives nothing for ""
		v, ok = measurement.Parse(a.value.Str())
	default:
		v, ok = numberOf(valueOf(a.value))
	}
	if ok && !v.HasUnit {
		if unit, set := r.e.cfg.Units[a.name]; set {
			v, ok = v.In(unit)
		} else if measurement.IsTime(name) {
			v = v.InMilliseconds()
		}
	}
	if !ok {
		r.refused[refusedNumber]++
		return
	}
	kind := kindGauge
	switch a.kind {
	case measurement.Distribution:
		kind = r.e.cfg.histogramKind()
	case measurement.Counter:
		if kind = kindSum; v.Number < 0 {
			r.refused[refusedNegative]++
			return
		}
	}
	m, why := r.e.metricOf(name, kind, v.Unit)
	if why != "" {
		r.refused[why]++
		return
	}
	r.add(m, res, v.Number, r.tags)
}

// rules adds what the user's rules say.
func (r *reading) rules(res *resource, rl plog.ResourceLogs, sl plog.ScopeLogs, lr plog.LogRecord) {
	tc := ottllog.NewTransformContextPtr(rl, sl, lr)
	defer tc.Close()
	for i := range r.e.rules {
		v, there, ok, err := r.e.rules[i].eval(r.context, tc)
		m := r.e.ruleMetrics[i]
		switch {
		case err != nil:
			if r.errors++; len(r.reasons) < 3 {
				r.reasons = append(r.reasons, err)
			}
		case !there:
		case !ok:
			r.refused[refusedNumber]++
		case v.HasUnit && string(v.Unit) != m.unit:
			r.refused[refusedUnit]++
		case v.Number < 0 && m.kind == kindSum:
			r.refused[refusedNegative]++
		default:
			r.add(m, res, v.Number, nil)
		}
	}
}

// add notes a value for the metric's series that has the record's attributes.
func (r *reading) add(m *metric, res *resource, v float64, tags []attribute) {
	attrs := r.attrs[:0]
	for _, slot := range m.slots {
		// What the resource says is on the metrics' resource, too, and exporters that make
		// labels of it overwrite what a record says otherwise: series would become one.
		if x := r.slots[slot]; x.kind != pcommon.ValueTypeEmpty && r.base[slot].kind == pcommon.ValueTypeEmpty {
			if slot != r.e.well.made[2] {
				x = x.label()
			}
			attrs = append(attrs, attribute{r.e.slotName(slot), x})
		}
	}
	if m.tags {
		if x := r.slots[r.e.well.source]; x.kind != pcommon.ValueTypeEmpty && !has(attrs, "source") && !res.says("source") {
			attrs = append(attrs, attribute{"source", x.label()})
		}
		for _, tag := range tags {
			if tag.kind != pcommon.ValueTypeEmpty && !has(attrs, tag.name) && !res.says(tag.name) {
				attrs = append(attrs, attribute{tag.name, tag.label()})
			}
		}
	}
	r.attrs = attrs
	s := r.e.seriesOf(m, res, attrs)
	if s == nil {
		r.refused[refusedKind]++
		return
	}
	r.values = append(r.values, observation{s, v, len(r.records) - 1})
}

// has says whether there is an attribute that Prometheus would write as it writes name.
func has(attrs []attribute, name string) bool {
	for i := range attrs {
		if sameLabel(attrs[i].name, name) {
			return true
		}
	}
	return false
}

// counted is what count did.
type counted struct{ records, repeats, overflowed int64 }

// count counts what was read.
func (r *reading) count(now time.Time) counted {
	c := counted{records: int64(len(r.records))}
	r.again = append(r.again, make([]bool, len(r.records))...)
	if r.e.repeats != nil {
		c.repeats = int64(r.e.repeats.remember(r.uids, r.again, now))
		c.records -= c.repeats
	}
	for i := range r.values {
		v := &r.values[i]
		if r.again[v.record] {
			continue
		}
		for !v.series.observe(v.value, &r.records[v.record], now, r.e.exemplars, rand.Uint32) {
			if v.series = r.e.again(v.series); v.series == nil {
				break
			}
		}
		if v.series == nil {
			r.refused[refusedKind]++
			continue
		}
		if v.series.over {
			c.overflowed++
		}
	}
	return c
}
