// Package story makes one log record of the parts of an event, in three styles, and the
// parts of a document again. docs/format/folded-event.md describes what comes out.
package story

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// Part is one record of an event with where it came from; many parts may share that.
// AppendTo consumes it: what it points to may be taken out.
type Part struct {
	ResourceLogs plog.ResourceLogs
	ScopeLogs    plog.ScopeLogs
	Record       plog.LogRecord
}

// time is the part's own time, or that of its observation.
func (p *Part) time() pcommon.Timestamp {
	if t := p.Record.Timestamp(); t != 0 {
		return t
	}
	return p.Record.ObservedTimestamp()
}

// Reason says why an event was emitted.
type Reason uint8

// The reasons.
const (
	Ended Reason = iota
	Idle
	MaxDuration
	MaxRecords
	MaxBytes
	Memory
	Shutdown
)

var reasonNames = [...]string{"ended", "idle", "max_duration", "max_records", "max_bytes", "memory", "shutdown"}

func (r Reason) String() string { return reasonNames[r] }

// Event is what is to become one record.
type Event struct {
	ID, Previous recorduid.UUID // Previous is zero where there is none
	Reason       Reason
	Complete     bool
	Early        bool   // it will come again; Reason and Complete are of no meaning
	Parts        []Part // in the order of their coming; at least one
	// Common are attributes that all parts have alike, taken out of them, with names
	// that MayTakeOut allows. The zero Map is an empty one.
	Common pcommon.Map
	// Slabs make the record, where not nil.
	Slabs *pdataslab.Builder
}

// Style is what the event looks like.
type Style uint8

// The styles.
const (
	Document Style = iota
	LogTrace
	Canonical
)

// Settings of a Builder.
type Settings struct {
	Style    Style
	LogTrace LogTraceSettings
	Merge    MergeSettings
	// Success and Failure say what a part makes of the outcome. Nil: its severity,
	// exception and status do.
	Success, Failure func(Part) bool
}

// The attributes of an event.
const (
	attrID       = "fold.id"
	attrPrevious = "fold.previous"
	attrOutcome  = "fold.outcome"
	attrCount    = "fold.count"
	attrDuration = "fold.duration"
	attrReason   = "fold.reason"
	attrComplete = "fold.complete"
	attrEarly    = "fold.early"
	attrTraceIDs = "fold.trace_ids"
	attrSpanIDs  = "fold.span_ids"
	attrEvents   = "fold.event_names"
	foldPrefix   = "fold."

	attrUID       = "log.record.uid"
	attrOriginal  = "log.record.original"
	exceptionType = "exception.type"
)

var exceptionNames = []string{exceptionType, "exception.message", "exception.stacktrace"}

// Builder makes records of events. It is safe for concurrent use.
type Builder struct {
	set     Settings
	scratch sync.Pool // of *merger
}

// New makes a builder.
func New(set Settings) *Builder {
	b := &Builder{set: set}
	b.scratch.New = func() any { return newMerger() }
	return b
}

// AppendTo makes one record of the event, with a resource of its own, and puts it
// behind those in dst.
func (b *Builder) AppendTo(dst plog.ResourceLogsSlice, ev Event) {
	if ev.Common == (pcommon.Map{}) {
		ev.Common = pcommon.NewMap()
	}
	parts := ev.Parts
	byTime := func(a, b Part) int { return cmp.Compare(a.time(), b.time()) }
	if !slices.IsSortedFunc(parts, byTime) {
		slices.SortStableFunc(parts, byTime)
	}
	folded := hasFolded(parts)
	if folded {
		parts = withoutEarly(parts)
	}

	m := b.scratch.Get().(*merger)
	defer b.scratch.Put(m)
	defer m.reset()
	if m.out = ev.Slabs; m.out == nil {
		m.out = &m.own
		m.out.Separate(0)
	}
	for i := range parts {
		m.origins.add(parts[i].origin())
	}
	rl := dst.AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	event := sl.LogRecords().AppendEmpty()
	m.mergeOrigins(rl, sl)
	m.folded = folded
	m.read(parts, ev.Common)
	attrs := m.out.Fill(event.Attributes(), fewAttributes+len(m.names))
	b.describe(event, &attrs, &ev, parts, m)
	m.write(&attrs, &b.set)
	attrs.Done()
	switch b.set.Style {
	case Document:
		m.share(&b.set.Merge)
		writeDocument(event, parts, m)
	case LogTrace:
		b.set.LogTrace.write(event, parts, ev.Common)
	case Canonical:
		parts[len(parts)-1].Record.Body().MoveTo(event.Body())
	}
}

// hasFolded reports whether a part is a folded event, or looks like one.
func hasFolded(parts []Part) bool {
	for i := range parts {
		for name := range parts[i].Record.Attributes().All() {
			if strings.HasPrefix(name, foldPrefix) {
				return true
			}
		}
	}
	return false
}

// withoutEarly leaves out events of a stage before that came early, where the whole
// one is there.
func withoutEarly(parts []Part) []Part {
	var whole map[string]bool
	early := false
	for i := range parts {
		if isEarly(&parts[i]) {
			early = true
		}
	}
	if !early {
		return parts
	}
	whole = make(map[string]bool)
	for i := range parts {
		if id, ok := parts[i].Record.Attributes().Get(attrID); ok && !isEarly(&parts[i]) {
			whole[id.Str()] = true
		}
	}
	kept := parts[:0]
	for i := range parts {
		if id, ok := parts[i].Record.Attributes().Get(attrID); ok && isEarly(&parts[i]) && whole[id.Str()] {
			continue
		}
		kept = append(kept, parts[i])
	}
	return kept
}

func isEarly(p *Part) bool {
	early, ok := p.Record.Attributes().Get(attrEarly)
	return ok && early.Type() == pcommon.ValueTypeBool && early.Bool()
}

// fewAttributes is how many describe mostly appends.
const fewAttributes = 7

// describe fills what all styles have: times, severity, ids, exception, fold.*.
func (b *Builder) describe(event plog.LogRecord, attrs *pdataslab.Map, ev *Event, parts []Part, m *merger) {
	id := ev.ID.String()
	attrs.AppendString(attrID, id)
	if ev.Previous != (recorduid.UUID{}) {
		attrs.AppendString(attrPrevious, ev.Previous.String())
	}
	attrs.AppendString(attrOutcome, b.outcome(ev, parts, m))
	attrs.AppendInt(attrCount, countOf(parts, m.folded))
	attrs.AppendDouble(attrDuration, durationOf(parts, m.folded))
	if ev.Early {
		attrs.AppendBool(attrEarly, true)
		attrs.AppendBool(attrComplete, false)
		attrs.AppendString(attrUID, earlyUID(ev.ID, len(parts)).String())
	} else {
		attrs.AppendString(attrReason, ev.Reason.String())
		attrs.AppendBool(attrComplete, ev.Complete)
		attrs.AppendString(attrUID, id)
	}

	event.SetTimestamp(parts[0].Record.Timestamp())
	event.SetObservedTimestamp(parts[0].Record.ObservedTimestamp())
	highest := 0
	for i := range parts {
		if parts[i].Record.SeverityNumber() > parts[highest].Record.SeverityNumber() {
			highest = i
		}
	}
	event.SetSeverityNumber(parts[highest].Record.SeverityNumber())
	event.SetSeverityText(parts[highest].Record.SeverityText())
	unite(event, attrs, parts, m)
	if m.excepted {
		for i := range parts {
			if copyException(attrs, parts[i].Record.Attributes(), m.out) {
				break
			}
		}
	}
}

// earlyUID names an early event: it is another record than the final one.
func earlyUID(id recorduid.UUID, parts int) recorduid.UUID {
	for i := 15; parts > 0 && i > 8; i-- {
		id[i] ^= byte(parts)
		parts >>= 8
	}
	id[9] ^= 0xff
	return id
}

// unite keeps the trace, the span, the flags and the name that all parts agree on, and
// lists what they don't.
func unite(event plog.LogRecord, attrs *pdataslab.Map, parts []Part, m *merger) {
	var traces distinct[pcommon.TraceID]
	var spans distinct[pcommon.SpanID]
	var names distinct[string]
	flags, same := parts[0].Record.Flags(), true
	for i := range parts {
		r := parts[i].Record
		if t := r.TraceID(); !t.IsEmpty() {
			traces.add(t)
		}
		if s := r.SpanID(); !s.IsEmpty() {
			spans.add(s)
		}
		if name := r.EventName(); name != "" {
			names.add(name)
		}
		same = same && r.Flags() == flags
		if !m.folded {
			continue
		}
		// A folded event that has several lists them. The whole must not claim the one
		// of another part.
		for text := range listed(r, attrTraceIDs) {
			if id := (pcommon.TraceID{}); decodeID(id[:], text) == nil && !id.IsEmpty() {
				traces.add(id)
			}
		}
		for text := range listed(r, attrSpanIDs) {
			if id := (pcommon.SpanID{}); decodeID(id[:], text) == nil && !id.IsEmpty() {
				spans.add(id)
			}
		}
		for text := range listed(r, attrEvents) {
			names.add(text)
		}
	}
	if same {
		event.SetFlags(flags)
	}
	switch {
	case len(traces.values) == 1:
		event.SetTraceID(traces.values[0])
	case len(traces.values) > 1:
		list := m.out.MakeSlice(attrs.AppendEmpty(attrTraceIDs), len(traces.values))
		for _, id := range traces.values {
			m.out.SetString(list.Next(), id.String())
		}
	}
	switch {
	case len(spans.values) == 1:
		event.SetSpanID(spans.values[0])
	case len(spans.values) > 1:
		list := m.out.MakeSlice(attrs.AppendEmpty(attrSpanIDs), len(spans.values))
		for _, id := range spans.values {
			m.out.SetString(list.Next(), id.String())
		}
	}
	switch {
	case len(names.values) == 1:
		event.SetEventName(names.values[0])
	case len(names.values) > 1:
		list := m.out.MakeSlice(attrs.AppendEmpty(attrEvents), len(names.values))
		for _, name := range names.values {
			m.out.SetString(list.Next(), name)
		}
	}
}

// listed gives the texts of a list that a folded event has.
func listed(r plog.LogRecord, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		list, ok := r.Attributes().Get(name)
		if !ok || list.Type() != pcommon.ValueTypeSlice {
			return
		}
		for _, v := range list.Slice().All() {
			if v.Type() == pcommon.ValueTypeStr && v.Str() != "" && !yield(v.Str()) {
				return
			}
		}
	}
}

func copyException(to *pdataslab.Map, from pcommon.Map, out *pdataslab.Builder) (found bool) {
	for _, name := range exceptionNames {
		if v, ok := from.Get(name); ok {
			out.CopyValue(v, to.AppendEmpty(name))
			found = true
		}
	}
	return found
}

// maxCount is more records than an event of events can have, and few enough to be added.
const maxCount = 1 << 40

// countOf counts records: a part that is a folded event counts what it holds, an early
// one nothing.
func countOf(parts []Part, folded bool) (count int64) {
	if !folded {
		return int64(len(parts))
	}
	for i := range parts {
		n := int64(1)
		// Anybody can send such an attribute: one that can't be a count is none.
		if v, ok := parts[i].Record.Attributes().Get(attrCount); ok && v.Type() == pcommon.ValueTypeInt && v.Int() >= 0 && v.Int() <= maxCount {
			n = v.Int()
			if isEarly(&parts[i]) {
				n = 0
			}
		}
		count += n
	}
	return count
}

// maxDuration in seconds, 100 years, is more than a folded event can have lasted.
const maxDuration = 100 * 365 * 24 * 60 * 60

// durationOf is the time from the first part to the end of the latest, in seconds.
func durationOf(parts []Part, folded bool) float64 {
	begin := parts[0].time()
	end := begin
	for i := range parts {
		t := parts[i].time()
		if folded {
			t += lasted(&parts[i])
		}
		end = max(end, t)
	}
	return float64(end-begin) / float64(time.Second)
}

// lasted is the duration of a part that is a folded event.
func lasted(p *Part) pcommon.Timestamp {
	v, ok := p.Record.Attributes().Get(attrDuration)
	if !ok || v.Type() != pcommon.ValueTypeDouble || !(v.Double() > 0 && v.Double() <= maxDuration) {
		return 0
	}
	return pcommon.Timestamp(v.Double() * float64(time.Second))
}

// The outcomes.
const (
	success = "success"
	failure = "failure"
	unknown = "unknown"
)

// outcome is failure where a part says so, otherwise success where one does.
func (b *Builder) outcome(ev *Event, parts []Part, m *merger) string {
	good := false
	if b.set.Failure == nil && b.set.Success == nil && !m.folded {
		switch m.outcome(parts) {
		case failure:
			return failure
		case success:
			return success
		}
		parts = nil
	}
	for i := range parts {
		said := partOutcome(&parts[i], ev.Common)
		if b.set.Failure != nil && b.set.Failure(parts[i]) || b.set.Failure == nil && said == failure {
			return failure
		}
		if b.set.Success != nil {
			good = good || b.set.Success(parts[i])
		} else {
			good = good || said == success
		}
	}
	if good || b.set.Success == nil && ev.Reason == Ended && !ev.Early {
		return success
	}
	return unknown
}

// statusNames are attributes that hold an HTTP status: the conventions' name, the one
// before it, and what many loggers write.
var statusNames = []string{"http.response.status_code", "http.status_code", "status"}

func partOutcome(p *Part, common pcommon.Map) string {
	attrs := p.Record.Attributes()
	if v, ok := attrs.Get(attrOutcome); ok {
		return v.Str() // of the stage before
	}
	if p.Record.SeverityNumber() >= plog.SeverityNumberError {
		return failure
	}
	for _, name := range exceptionNames {
		if _, ok := attrs.Get(name); ok {
			return failure
		}
	}
	said := unknown
	for _, name := range statusNames {
		if v, ok := either(attrs, common, name); ok {
			said = worse(said, statusOutcome(v))
		}
	}
	return said
}

// statusOutcome is what an attribute with an HTTP status says.
func statusOutcome(v pcommon.Value) string {
	switch status, ok := number(v); {
	case !ok || status < 100 || status >= 600:
		return unknown
	case status >= 500:
		return failure
	}
	return success
}

// worse is failure where one is, otherwise success where one is.
func worse(a, b string) string {
	if a == failure || b == unknown {
		return a
	}
	return b
}

// outcome is that of parts that are no folded events, all together.
func (m *merger) outcome(parts []Part) string {
	if m.excepted {
		return failure
	}
	for i := range parts {
		if parts[i].Record.SeverityNumber() >= plog.SeverityNumberError {
			return failure
		}
	}
	said := unknown
	for i := range m.names {
		a := &m.names[i]
		if !slices.Contains(statusNames, a.name) {
			continue
		}
		if !a.common && a.parts != len(a.values) { // one has it twice, and the first counts
			for k := range parts {
				if v, ok := parts[k].Record.Attributes().Get(a.name); ok {
					said = worse(said, statusOutcome(v))
				}
			}
			continue
		}
		for _, v := range a.values {
			said = worse(said, statusOutcome(v))
		}
	}
	return said
}

// either looks for an attribute of a part in what it has by itself and in what it has
// with all others.
func either(own, common pcommon.Map, name string) (pcommon.Value, bool) {
	if v, ok := own.Get(name); ok {
		return v, true
	}
	return common.Get(name)
}

// MayTakeOut says whether an attribute of this name that all parts have alike may be
// given as one of Event.Common: not where its parts are counted or listed one by one,
// what is no attribute of the event, or where a condition looks at the parts.
func (b *Builder) MayTakeOut(name string) bool {
	if b.set.Success != nil || b.set.Failure != nil {
		return false
	}
	switch b.set.Merge.Keys[name] {
	case Sum, Count, List:
		return false
	}
	return isMerged(name)
}

// isMerged says that an attribute may become one of the event.
func isMerged(name string) bool {
	return name != attrUID && name != attrOriginal && !strings.HasPrefix(name, foldPrefix) && !isException(name)
}

func isException(name string) bool { return slices.Contains(exceptionNames, name) }
