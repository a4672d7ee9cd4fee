package story

import (
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
