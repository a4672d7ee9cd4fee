package measureconnector

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxExponentialSize is how many buckets an exponential histogram has for each sign, as
// OpenTelemetry's SDKs have by default.
const maxExponentialSize = 160

// metric is what series have in common.
type metric struct {
	name, description, unit string
	kind                    metricKind
	bounds                  []float64
	id                      uint64 // random: what the hashes of its series begin with
	// slots are the attributes of its series, by number; tags says whether tag# and
	// source count too.
	slots []int
	tags  bool
	// named says that a record's attribute made it.
	named bool

	// The engine's lock guards the following.
	series   map[uint64]*series // by hash; those with the same are a list
	count    int                // without the overflow series
	overflow *series
}

// series is one resource, metric and set of attributes, and its values so far.
type series struct {
	metric   *metric
	resource *resource
	attrs    []attribute
	next     *series // of the same hash
	hash     uint64
	over     bool // the overflow series

	// mu guards the following.
	mu    sync.Mutex
	gone  bool // it has ended: another one has its place
	live  bool // it has a value
	fresh bool // it has one that was not sent on
	start time.Time
	last  time.Time // arrival of the latest value, or when it was made

	sum      float64 // a gauge's value, too
	count    uint64
	low, top float64
	buckets  []uint64
	exp      *structure.Histogram[float64]
	at       pcommon.Timestamp // of a gauge's value
	// exemplars are for each bucket, or one.
	exemplars []exemplar
}

type attribute struct {
	name string
	value
}

// exemplar is a value that stands for others. seen counts those of its bucket in this
// interval: each has the same chance, and one of a later interval takes its place.
type exemplar struct {
	value   float64
	at      pcommon.Timestamp
	trace   pcommon.TraceID
	span    pcommon.SpanID
	request string
	seen    uint32
	age     uint32 // intervals since it was taken
	set     bool
}

// exemplarIntervals is how many intervals an exemplar is sent on for, unless another
// takes its place: a scrape may come less often than the interval.
const exemplarIntervals = 8

// origin is where a value comes from, for its exemplar.
type origin struct {
	at      pcommon.Timestamp
	trace   pcommon.TraceID
	span    pcommon.SpanID
	request string
}

func (o *origin) known() bool { return !o.trace.IsEmpty() || o.request != "" }

// observe adds a value; false where the series has ended. random is for exemplars.
func (s *series) observe(v float64, o *origin, now time.Time, exemplars bool, random func() uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	if !s.live {
		s.live, s.start = true, now
	}
	s.fresh, s.last = true, now
	bucket := 0
	switch s.metric.kind {
	case kindSum, kindUpDownSum:
		s.sum += v
	case kindGauge:
		if o.at >= s.at {
			s.sum, s.at = v, o.at
		}
		return true
	case kindHistogram:
		if s.buckets == nil {
			s.buckets = make([]uint64, len(s.metric.bounds)+1)
		}
		bucket, _ = slices.BinarySearch(s.metric.bounds, v) // bounds are inclusive
		s.buckets[bucket]++
		s.distribute(v)
	case kindExponential:
		if s.exp == nil {
			s.exp = structure.NewFloat64(structure.NewConfig(structure.WithMaxSize(maxExponentialSize)))
		}
		s.exp.Update(v)
		s.distribute(v)
	}
	if !exemplars || !o.known() {
		return true
	}
	if s.exemplars == nil {
		n := 1
		if s.metric.kind == kindHistogram {
			n = len(s.buckets)
		}
		s.exemplars = make([]exemplar, n)
	}
	e := &s.exemplars[bucket]
	if e.seen++; e.seen == 1 || random()%e.seen == 0 {
		seen := e.seen
		*e = exemplar{value: v, at: o.at, trace: o.trace, span: o.span, request: strings.Clone(o.request), seen: seen, set: true}
	}
	return true
}

// distribute adds a value to what both histograms have.
func (s *series) distribute(v float64) {
	if s.count == 0 {
		s.low, s.top = v, v
	} else {
		s.low, s.top = min(s.low, v), max(s.top, v)
	}
	s.count++
	s.sum += v
}

// resetLocked begins a new interval of a delta series.
func (s *series) resetLocked(now time.Time) {
	if s.metric.kind == kindGauge {
		return
	}
	s.start, s.sum, s.count = now, 0, 0
	clear(s.buckets)
	clear(s.exemplars)
	if s.exp != nil {
		s.exp.Clear()
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// resource is what records' resources say, kept once for all series of it.
type resource struct {
	attrs  pcommon.Map
	schema string
	hash   uint64
	users  int // series; the engine's lock guards it
	next   *resource

	// mu guards the following.
	mu     sync.Mutex
	routes map[string]struct{}
}

// says says whether there is an attribute that Prometheus would write as it writes name:
// exporters may make labels of those of a resource, too.
func (r *resource) says(name string) bool {
	for has := range r.attrs.All() {
		if sameLabel(has, name) {
			return true
		}
	}
	return false
}

// maxRoutes bounds the routes that a resource's paths are folded into: who asks for
// random paths must not fill the metrics.
const maxRoutes = 200

// otherRoute is what paths beyond maxRoutes have.
const otherRoute = "/*"

// route gives a folded path, or otherRoute where there are too many of them.
func (r *resource) route(route string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.routes[route]; ok {
		return route
	}
	if len(r.routes) >= maxRoutes {
		return otherRoute
	}
	if r.routes == nil {
		r.routes = map[string]struct{}{}
	}
	r.routes[strings.Clone(route)] = struct{}{}
	return route
}

// kept gives attributes that share no memory with the batch they came in, of which a
// short text may keep all.
func kept(attrs []attribute) []attribute {
	out := make([]attribute, len(attrs))
	for i, a := range attrs {
		a.text = strings.Clone(a.text)
		out[i] = a
	}
	return out
}
