package story

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

// The keys of a document.
const (
	keyParts   = "parts"
	keyShared  = "shared"  // names of attributes that all parts have, kept with the event
	keyOrigins = "origins" // where there are several

	keyOffset       = "offset" // s since the event's time; time and observed_time are what counts
	keyTime         = "time"   // Unix time in ns, absent: 0
	keyObserved     = "observed_time"
	keySeverity     = "severity"
	keySeverityNum  = "severity_number"
	keyMessage      = "message" // the body
	keyEventName    = "event_name"
	keyTraceID      = "trace_id" // absent: as the event's
	keySpanID       = "span_id"
	keyFlags        = "flags"
	keyDropped      = "dropped_attributes_count"
	keyAttributes   = "attributes"
	keyOrigin       = "origin" // an index in origins
	keyResource     = "resource"
	keyResourceURL  = "resource_schema_url"
	keyResourceDrop = "resource_dropped_attributes_count"
	keyScope        = "scope"
	keyScopeURL     = "scope_schema_url"
	keyName         = "name"
	keyVersion      = "version"
)

// writeDocument makes the event's body of the parts.
func writeDocument(event plog.LogRecord, parts []Part, m *merger) {
	origins, out := &m.origins, m.out
	several := len(origins.values) > 1
	shared := 0
	for i := range m.names {
		if m.names[i].shared {
			shared++
		}
	}
	body := out.MakeMap(event.Body(), 1+bit(shared > 0)+bit(several))
	list := out.MakeSlice(body.AppendEmpty(keyParts), len(parts))
	start := parts[0].time()
	for i := range parts {
		p := &parts[i]
		if m.sharedInside {
			p.Record.Attributes().RemoveIf(func(name string, _ pcommon.Value) bool { return m.isShared(name) })
		}
		service, hasService := pcommon.Value{}, false
		if several {
			service, hasService = p.ResourceLogs.Resource().Attributes().Get("service.name")
		}
		to := out.MakeMap(list.Next(), 1+members(p, event)+bit(hasService)+bit(several))
		to.AppendDouble(keyOffset, time.Duration(p.time()-start).Seconds())
		if hasService {
			out.CopyValue(service, to.AppendEmpty("service")) // to be read; what counts is the origin
		}
		m.writePart(&to, p, event)
		if several {
			to.AppendInt(keyOrigin, int64(origins.add(p.origin())))
		}
		to.Done()
	}
	if shared > 0 {
		names := out.MakeSlice(body.AppendEmpty(keyShared), shared)
		for i := range m.names {
			if m.names[i].shared {
				out.SetString(names.Next(), m.names[i].name)
			}
		}
	}
	if several {
		m.writeOrigins(body.AppendEmpty(keyOrigins))
	}
	body.Done()
}

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

// members is how many writePart will write.
func members(p *Part, event plog.LogRecord) int {
	r := p.Record
	return bit(r.SeverityText() != "") + bit(r.SeverityNumber() != 0) + bit(r.Body().Type() != pcommon.ValueTypeEmpty) +
		bit(r.EventName() != "") + bit(r.Attributes().Len() > 0) + bit(r.Timestamp() != 0) + bit(r.ObservedTimestamp() != 0) +
		bit(r.TraceID() != event.TraceID()) + bit(r.SpanID() != event.SpanID()) + bit(r.Flags() != 0) + bit(r.DroppedAttributesCount() != 0)
}

func (m *merger) writePart(to *pdataslab.Map, p *Part, event plog.LogRecord) {
	r := p.Record
	if s := r.SeverityText(); s != "" {
		to.AppendString(keySeverity, s)
	}
	if n := r.SeverityNumber(); n != 0 {
		to.AppendInt(keySeverityNum, int64(n))
	}
	if r.Body().Type() != pcommon.ValueTypeEmpty {
		r.Body().MoveTo(to.AppendEmpty(keyMessage))
	}
	if name := r.EventName(); name != "" {
		to.AppendString(keyEventName, name)
	}
	if r.Attributes().Len() > 0 {
		m.out.MoveMap(r.Attributes(), to.AppendEmpty(keyAttributes))
	}
	if t := r.Timestamp(); t != 0 {
		to.AppendInt(keyTime, int64(t))
	}
	if t := r.ObservedTimestamp(); t != 0 {
		to.AppendInt(keyObserved, int64(t))
	}
	if id := r.TraceID(); id != event.TraceID() {
		to.AppendString(keyTraceID, id.String())
	}
	if id := r.SpanID(); id != event.SpanID() {
		to.AppendString(keySpanID, id.String())
	}
	if f := r.Flags(); f != 0 {
		to.AppendInt(keyFlags, int64(f))
	}
	if n := r.DroppedAttributesCount(); n != 0 {
		to.AppendInt(keyDropped, int64(n))
	}
}

func (m *merger) writeOrigins(to pcommon.Value) {
	list := m.out.MakeSlice(to, len(m.origins.values))
	for _, o := range m.origins.values {
		to := m.out.MakeMap(list.Next(), 5)
		resource, scope := o.resource.Resource(), o.scope.Scope()
		m.copyMap(resource.Attributes(), to.AppendEmpty(keyResource))
		if n := resource.DroppedAttributesCount(); n != 0 {
			to.AppendInt(keyResourceDrop, int64(n))
		}
		if url := o.resource.SchemaUrl(); url != "" {
			to.AppendString(keyResourceURL, url)
		}
		s := m.out.MakeMap(to.AppendEmpty(keyScope), 4)
		if scope.Name() != "" {
			s.AppendString(keyName, scope.Name())
		}
		if scope.Version() != "" {
			s.AppendString(keyVersion, scope.Version())
		}
		if scope.Attributes().Len() > 0 {
			m.copyMap(scope.Attributes(), s.AppendEmpty(keyAttributes))
		}
		if n := scope.DroppedAttributesCount(); n != 0 {
			s.AppendInt(keyDropped, int64(n))
		}
		s.Done()
		if url := o.scope.SchemaUrl(); url != "" {
			to.AppendString(keyScopeURL, url)
		}
		to.Done()
	}
}

// copyMap makes the value, which is empty, a copy of the map.
func (m *merger) copyMap(from pcommon.Map, to pcommon.Value) {
	copied := m.out.MakeMap(to, from.Len())
	copied.AppendCopies(from)
	copied.Done()
}

var errNoDocument = errors.New("the record is no document of event_fold")

// Originals gives the records that a document was made of, in the order of their
// times: each in a ResourceLogs of its own. The parts of a second stage, documents
// themselves, become their originals in turn; one that only looks like a document
// stays as it is. An error names what is not as docs/format/folded-event.md says.
func Originals(rl plog.ResourceLogs, sl plog.ScopeLogs, event plog.LogRecord) (plog.Logs, error) {
	out := plog.NewLogs()
	return out, appendOriginals(out, rl, sl, event)
}

func isDocument(event plog.LogRecord) bool {
	if _, ok := event.Attributes().Get(attrID); !ok || event.Body().Type() != pcommon.ValueTypeMap {
		return false
	}
	parts, ok := event.Body().Map().Get(keyParts)
	return ok && parts.Type() == pcommon.ValueTypeSlice
}

func appendOriginals(out plog.Logs, rl plog.ResourceLogs, sl plog.ScopeLogs, event plog.LogRecord) error {
	if !isDocument(event) {
		return errNoDocument
	}
	body := event.Body().Map()
	parts, _ := body.Get(keyParts)
	var shared []string
	if v, ok := body.Get(keyShared); ok && v.Type() == pcommon.ValueTypeSlice {
		for _, name := range v.Slice().All() {
			shared = append(shared, name.AsString())
		}
	}
	origins := pcommon.NewSlice()
	if v, ok := body.Get(keyOrigins); ok && v.Type() == pcommon.ValueTypeSlice {
		origins = v.Slice()
	}
	for i, part := range parts.Slice().All() {
		if part.Type() != pcommon.ValueTypeMap {
			return fmt.Errorf("%w: part %d is no map", errNoDocument, i)
		}
		one := plog.NewLogs()
		toRL := one.ResourceLogs().AppendEmpty()
		toSL := toRL.ScopeLogs().AppendEmpty()
		if err := readOrigin(toRL, toSL, part.Map(), origins, rl, sl); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		record := toSL.LogRecords().AppendEmpty()
		if err := readPart(record, part.Map(), event, shared); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		if isDocument(record) {
			// A sender may have made it look like one: then it's an original.
			inner := plog.NewLogs()
			if err := appendOriginals(inner, toRL, toSL, record); err == nil {
				one = inner
			}
		}
		one.ResourceLogs().MoveAndAppendTo(out.ResourceLogs())
	}
	return nil
}

func readOrigin(toRL plog.ResourceLogs, toSL plog.ScopeLogs, part pcommon.Map, origins pcommon.Slice, rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	index, ok := part.Get(keyOrigin)
	if !ok {
		rl.Resource().CopyTo(toRL.Resource())
		toRL.SetSchemaUrl(rl.SchemaUrl())
		sl.Scope().CopyTo(toSL.Scope())
		toSL.SetSchemaUrl(sl.SchemaUrl())
		return nil
	}
	if index.Int() < 0 || index.Int() >= int64(origins.Len()) || origins.At(int(index.Int())).Type() != pcommon.ValueTypeMap {
		return fmt.Errorf("%w: origin %s is not there", errNoDocument, index.AsString())
	}
	o := origins.At(int(index.Int())).Map()
	copyMap(o, keyResource, toRL.Resource().Attributes())
	toRL.Resource().SetDroppedAttributesCount(uint32(integer(o, keyResourceDrop)))
	toRL.SetSchemaUrl(text(o, keyResourceURL))
	toSL.SetSchemaUrl(text(o, keyScopeURL))
	if s, ok := o.Get(keyScope); ok && s.Type() == pcommon.ValueTypeMap {
		toSL.Scope().SetName(text(s.Map(), keyName))
		toSL.Scope().SetVersion(text(s.Map(), keyVersion))
		copyMap(s.Map(), keyAttributes, toSL.Scope().Attributes())
		toSL.Scope().SetDroppedAttributesCount(uint32(integer(s.Map(), keyDropped)))
	}
	return nil
}

func readPart(r plog.LogRecord, part pcommon.Map, event plog.LogRecord, shared []string) error {
	r.SetTimestamp(pcommon.Timestamp(integer(part, keyTime)))
	r.SetObservedTimestamp(pcommon.Timestamp(integer(part, keyObserved)))
	r.SetSeverityText(text(part, keySeverity))
	r.SetSeverityNumber(plog.SeverityNumber(integer(part, keySeverityNum)))
	r.SetEventName(text(part, keyEventName))
	r.SetFlags(plog.LogRecordFlags(integer(part, keyFlags)))
	r.SetDroppedAttributesCount(uint32(integer(part, keyDropped)))
	if v, ok := part.Get(keyMessage); ok {
		v.CopyTo(r.Body())
	}
	copyMap(part, keyAttributes, r.Attributes())
	for _, name := range shared {
		if v, ok := event.Attributes().Get(name); ok {
			v.CopyTo(r.Attributes().PutEmpty(name))
		}
	}
	trace, span := event.TraceID(), event.SpanID()
	if err := readID(part, keyTraceID, trace[:]); err != nil {
		return err
	}
	if err := readID(part, keySpanID, span[:]); err != nil {
		return err
	}
	r.SetTraceID(trace)
	r.SetSpanID(span)
	return nil
}

// readID reads an id where there is one; an empty one is zero.
func readID(part pcommon.Map, name string, id []byte) error {
	v, ok := part.Get(name)
	if !ok {
		return nil
	}
	clear(id)
	if v.Str() == "" {
		return nil
	}
	if err := decodeID(id, v.Str()); err != nil {
		return fmt.Errorf("%w: %s is %q: %w", errNoDocument, name, v.Str(), err)
	}
	return nil
}

// decodeID fills id from its hex digits.
func decodeID(id []byte, text string) error {
	if len(text) != hex.EncodedLen(len(id)) {
		return hex.ErrLength
	}
	_, err := hex.Decode(id, []byte(text))
	return err
}

func integer(m pcommon.Map, name string) int64 {
	v, ok := m.Get(name)
	if !ok {
		return 0
	}
	return v.Int()
}

func text(m pcommon.Map, name string) string {
	v, ok := m.Get(name)
	if !ok {
		return ""
	}
	return v.Str()
}

func copyMap(from pcommon.Map, name string, to pcommon.Map) {
	if v, ok := from.Get(name); ok && v.Type() == pcommon.ValueTypeMap {
		v.Map().CopyTo(to)
	}
}
