package measureconnector

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/measurement"
)

// engine has the series of one connector id: the Collector makes one connector for each
// pair of signals, and they count together.
type engine struct {
	cfg         *Config
	rules       []rule
	ruleMetrics []*metric
	slots       slots
	repeats     *repeats // nil: none are looked for
	on          struct{ measures, access, records, exceptions, folds bool }
	common      []int // slots of cfg.Attributes
	well        wellKnown
	exemplars   bool

	// mu guards the following, and what metric and resource say it does.
	mu        sync.RWMutex
	metrics   map[string]*metric // by name
	named     int
	resources map[uint64]*resource
	live      int // series

	// built-in metrics
	duration, bodySize, connect, records, exceptions, folds *metric
}

// wellKnown are slots of attributes with a meaning.
type wellKnown struct {
	uid, request, category                            int
	method, route, path, status, duration, bodySize   int
	dyno, connect, service, herokuStatus, herokuBytes int
	herokuMethod, herokuPath                          int
	exceptionType, foldDuration, foldKey              int
	source                                            int
	severity                                          int // no record has it: it is made
	event                                             int
	made                                              [3]int // method, route, status of an access log, after all was looked at
}

// severityAttribute is what series of log.records have beside service.name.
const severityAttribute = "log.severity"

func newEngine(cfg *Config, set component.TelemetrySettings) (*engine, error) {
	rules, err := cfg.compile(set)
	if err != nil {
		return nil, err
	}
	e := &engine{
		cfg: cfg, rules: rules, exemplars: cfg.Exemplars > 0,
		metrics: map[string]*metric{}, resources: map[uint64]*resource{},
	}
	if cfg.RepeatWindow > 0 {
		e.repeats = newRepeats(cfg.RepeatWindow)
	}
	for _, name := range cfg.Conventions {
		switch name {
		case conventionMeasures:
			e.on.measures = true
		case conventionAccess:
			e.on.access = true
		case conventionRecords:
			e.on.records = true
		case conventionExceptions:
			e.on.exceptions = true
		case conventionFolds:
			e.on.folds = true
		}
	}
	s := &e.slots
	e.common = e.slotsOf(cfg.Attributes)
	e.well = wellKnown{
		uid: s.slot("log.record.uid"), request: s.slot("request.id"), category: s.slot("log.category"),
		method: s.slot("http.request.method"), route: s.slot("http.route"), path: s.slot("url.path"),
		status: s.slot("http.response.status_code"), duration: s.slot("http.server.request.duration"),
		bodySize: s.slot("http.response.body.size"),
		dyno:     s.slot("dyno"), connect: s.slot("connect"), service: s.slot("service"), herokuStatus: s.slot("status"),
		herokuBytes: s.slot("bytes"), herokuMethod: s.slot("method"), herokuPath: s.slot("path"),
		exceptionType: s.slot("exception.type"), foldDuration: s.slot("fold.duration"), foldKey: s.slot("fold.key"),
		source: s.slot("source"), severity: s.slot("\x00severity"), event: s.slot("event.name"),
		made: [3]int{s.slot("\x00method"), s.slot("\x00route"), s.slot("\x00status")},
	}
	w := &e.well
	seconds, bytes := string(measurement.Seconds), string(measurement.Bytes)
	access := w.made[:]
	if e.on.access {
		e.duration = e.addMetric(&metric{name: "http.server.request.duration", description: "How long requests took, by access logs.", unit: seconds, kind: cfg.histogramKind(), slots: access})
		e.bodySize = e.addMetric(&metric{name: "http.server.response.body.size", description: "Sizes of answers, by access logs.", unit: bytes, kind: cfg.histogramKind(), slots: access})
		e.connect = e.addMetric(&metric{name: "heroku.router.connect.duration", description: "How long Heroku's router took to reach a dyno.", unit: seconds, kind: cfg.histogramKind(), slots: access})
	}
	service := s.slot("service.name")
	if e.on.records {
		e.records = e.addMetric(&metric{name: "log.records", description: "Log records.", unit: "{record}", kind: kindSum, slots: []int{service, w.severity}})
	}
	if e.on.exceptions {
		e.exceptions = e.addMetric(&metric{name: "log.exceptions", description: "Log records with an exception.", unit: "{exception}", kind: kindSum, slots: []int{service, w.exceptionType}})
	}
	if e.on.folds {
		e.folds = e.addMetric(&metric{name: "fold.duration", description: "From the first record of what was folded to the last.", unit: seconds, kind: cfg.histogramKind(), slots: []int{service, w.event}})
	}
	for i := range rules {
		r := rules[i].cfg
		unit, attributes, bounds := r.Unit, r.Attributes, r.Buckets
		if attributes == nil {
			attributes = cfg.Attributes
		}
		if len(bounds) == 0 {
			bounds = cfg.bounds(unit)
		}
		// A rule may have the name of a convention's metric: it takes its place.
		m := e.addMetric(&metric{name: r.Name, description: r.Description, unit: unit, kind: ruleKinds[r.Kind], bounds: bounds, slots: e.slotsOf(attributes)})
		e.ruleMetrics = append(e.ruleMetrics, m)
		for _, built := range []**metric{&e.duration, &e.bodySize, &e.connect, &e.records, &e.exceptions, &e.folds} {
			if *built != nil && (*built).name == r.Name {
				*built = nil
			}
		}
	}
	return e, nil
}

func (e *engine) slotsOf(names []string) []int {
	out := make([]int, len(names))
	for i, name := range names {
		out[i] = e.slots.slot(name)
	}
	return out
}

// slotName is the name that a slot's attribute has in series.
func (e *engine) slotName(slot int) string {
	w := &e.well
	switch slot {
	case w.severity:
		return severityAttribute
	case w.made[0]:
		return e.slots.names[w.method]
	case w.made[1]:
		return e.slots.names[w.route]
	case w.made[2]:
		return e.slots.names[w.status]
	}
	return e.slots.names[slot]
}

// addMetric takes a metric in. The caller has the lock, or nobody else has the engine.
func (e *engine) addMetric(m *metric) *metric {
	m.id = rand.Uint64() //nolint:gosec // it keeps hashes apart, no secret
	m.series = map[uint64]*series{}
	if m.bounds == nil {
		m.bounds = e.cfg.bounds(m.unit)
	}
	e.metrics[m.name] = m
	return m
}

// metricOf gives the metric that a record's attribute names, and makes it where it is
// new. The second result says why not.
func (e *engine) metricOf(name string, kind metricKind, unit measurement.Unit) (*metric, string) {
	e.mu.RLock()
	m := e.metrics[name]
	e.mu.RUnlock()
	if m == nil {
		e.mu.Lock()
		if m = e.metrics[name]; m == nil {
			if e.named >= e.cfg.MaxMetrics {
				e.mu.Unlock()
				return nil, refusedTooMany
			}
			e.named++
			m = e.addMetric(&metric{name: strings.Clone(name), unit: string(unit), kind: kind, slots: e.common, tags: true, named: true})
		}
		e.mu.Unlock()
	}
	switch {
	case m.kind != kind:
		return nil, refusedKind
	case m.unit != string(unit):
		return nil, refusedUnit
	}
	return m, ""
}

// resourceOf gives the one that is kept for a record's resource.
func (e *engine) resourceOf(res pcommon.Resource, schema string) *resource {
	h := xhash(schema)
	for name, v := range res.Attributes().All() {
		h += mix(xhash(name), deepHash(v)) // in any order
	}
	same := func(r *resource) bool { return r.schema == schema && r.attrs.Equal(res.Attributes()) }
	e.mu.RLock()
	r := e.resources[h]
	for r != nil && !same(r) {
		r = r.next
	}
	e.mu.RUnlock()
	if r != nil {
		return r
	}
	// It is kept with its first series.
	r = &resource{attrs: pcommon.NewMap(), schema: schema, hash: h}
	res.Attributes().CopyTo(r.attrs)
	for _, v := range r.attrs.All() {
		if v.Type() == pcommon.ValueTypeStr {
			v.SetStr(strings.Clone(v.Str()))
		}
	}
	return r
}

// seriesOf gives the series of a metric, a resource and attributes, and makes it where it
// is new, or gives the overflow series. attrs are copied when they are kept. It gives nil
// where the metric has ended and its name is taken by another kind or unit.
func (e *engine) seriesOf(m *metric, res *resource, attrs []attribute) *series {
	h := mix(m.id, res.hash)
	for i := range attrs {
		h = attrs[i].mix(mix(h, uint64(len(attrs[i].name))))
	}
	e.mu.RLock()
	s := m.find(h, res, attrs)
	e.mu.RUnlock()
	if s != nil {
		return s
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := m.find(h, res, attrs); s != nil {
		return s
	}
	if kept := e.sameLocked(m); kept != m {
		if kept == nil {
			return nil
		}
		e.mu.Unlock()
		s := e.seriesOf(kept, res, attrs)
		e.mu.Lock()
		return s
	}
	if m.count >= e.cfg.MaxSeries {
		return m.overflowLocked()
	}
	s = &series{metric: m, resource: e.keepLocked(res), attrs: kept(attrs), hash: h, next: m.series[h], last: time.Now()}
	s.resource.users++
	m.series[h] = s
	m.count++
	e.live++
	return s
}

// sameLocked gives the metric that is kept under a metric's name. It is another one when
// the last series of the one in hand has ended meanwhile: then that one is kept again, or
// one that took its name is used, and nil given where it is of another kind or unit.
func (e *engine) sameLocked(m *metric) *metric {
	switch kept := e.metrics[m.name]; {
	case kept == m:
		return m
	case kept == nil:
		e.metrics[m.name] = m
		e.named++
		return m
	case kept.kind == m.kind && kept.unit == m.unit:
		return kept
	}
	return nil
}

// overflowLocked gives the series for what is too much, which no resource has: there may
// be too many of those as well.
func (m *metric) overflowLocked() *series {
	if m.overflow == nil {
		m.overflow = &series{
			metric: m, resource: noResource, over: true, last: time.Now(),
			attrs: []attribute{{"otel.metric.overflow", value{kind: pcommon.ValueTypeBool, bits: 1}}},
		}
	}
	return m.overflow
}

var noResource = &resource{attrs: pcommon.NewMap()}

// again gives the series that has the place of one that has ended, or nil as seriesOf.
func (e *engine) again(s *series) *series {
	if !s.over {
		return e.seriesOf(s.metric, s.resource, s.attrs)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.sameLocked(s.metric)
	if m == nil {
		return nil
	}
	return m.overflowLocked()
}

func (m *metric) find(h uint64, res *resource, attrs []attribute) *series {
	s := m.series[h]
	for s != nil && !s.is(res, attrs) {
		s = s.next
	}
	return s
}

func (s *series) is(res *resource, attrs []attribute) bool {
	if len(s.attrs) != len(attrs) || s.resource != res && (s.resource.hash != res.hash || !s.resource.attrs.Equal(res.attrs)) {
		return false
	}
	for i := range attrs {
		if s.attrs[i] != attrs[i] {
			return false
		}
	}
	return true
}

// keepLocked gives the kept resource that is equal to one, or keeps it.
func (e *engine) keepLocked(res *resource) *resource {
	for r := e.resources[res.hash]; r != nil; r = r.next {
		if r == res || r.schema == res.schema && r.attrs.Equal(res.attrs) {
			return r
		}
	}
	res.next, res.users = e.resources[res.hash], 0
	e.resources[res.hash] = res
	return res
}

// dropLocked forgets a series, whose own lock the caller has too. Who has it in hand
// looks for it again.
func (e *engine) dropLocked(s *series) {
	s.gone = true
	m := s.metric
	defer func() {
		if m.named && m.count == 0 && m.overflow == nil {
			delete(e.metrics, m.name)
			e.named--
		}
	}()
	if s.over {
		m.overflow = nil
		return
	}
	unlink(m.series, s.hash, s, func(x *series) **series { return &x.next })
	m.count--
	e.live--
	if s.resource.users--; s.resource.users == 0 {
		unlink(e.resources, s.resource.hash, s.resource, func(x *resource) **resource { return &x.next })
	}
}

// unlink takes x out of the list that a map has under a hash.
func unlink[T any](in map[uint64]*T, hash uint64, x *T, next func(*T) **T) {
	if in[hash] == x {
		if n := *next(x); n != nil {
			in[hash] = n
		} else {
			delete(in, hash)
		}
		return
	}
	for at := in[hash]; at != nil; at = *next(at) {
		if *next(at) == x {
			*next(at) = *next(x)
			return
		}
	}
}
