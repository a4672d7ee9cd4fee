package story

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// origin is what some parts come from.
type origin struct {
	resource plog.ResourceLogs
	scope    plog.ScopeLogs
}

// originsOf gives the different origins of the parts, in order.
func originsOf(parts []Part) (origins distinct[origin]) {
	for i := range parts {
		origins.add(parts[i].origin())
	}
	return origins
}

func (p *Part) origin() origin { return origin{p.ResourceLogs, p.ScopeLogs} }

// mergeOrigins gives the event a resource and a scope: what all have in common, and
// lists of what differs.
func mergeOrigins(origins []origin, rl plog.ResourceLogs, sl plog.ScopeLogs) {
	first := origins[0]
	if len(origins) == 1 {
		first.resource.Resource().CopyTo(rl.Resource())
		rl.SetSchemaUrl(first.resource.SchemaUrl())
		first.scope.Scope().CopyTo(sl.Scope())
		sl.SetSchemaUrl(first.scope.SchemaUrl())
		return
	}
	resources, scopes := newMerger(), newMerger()
	rl.SetSchemaUrl(first.resource.SchemaUrl())
	sl.SetSchemaUrl(first.scope.SchemaUrl())
	sl.Scope().SetName(first.scope.Scope().Name())
	sl.Scope().SetVersion(first.scope.Scope().Version())
	for _, o := range origins {
		for name, value := range o.resource.Resource().Attributes().All() {
			resources.note(name, value)
		}
		scope := o.scope.Scope()
		for name, value := range scope.Attributes().All() {
			scopes.note(name, value)
		}
		if rl.SchemaUrl() != o.resource.SchemaUrl() {
			rl.SetSchemaUrl("")
		}
		if sl.SchemaUrl() != o.scope.SchemaUrl() {
			sl.SetSchemaUrl("")
		}
		if sl.Scope().Name() != scope.Name() || sl.Scope().Version() != scope.Version() {
			sl.Scope().SetName("")
			sl.Scope().SetVersion("")
		}
	}
	resources.writeFlat(rl.Resource().Attributes())
	scopes.writeFlat(sl.Scope().Attributes())
}

// writeFlat is write, where values that are lists already, from a stage before, are
// taken for their elements.
func (m *merger) writeFlat(to pcommon.Map) {
	m.built.EnsureCapacity(len(m.names))
	for i := range m.names {
		a := &m.names[i]
		if !a.differs {
			a.values[0].CopyTo(m.built.AppendEmpty(a.name))
			continue
		}
		flat := attribute{differs: true}
		for _, v := range a.values {
			if v.Type() != pcommon.ValueTypeSlice {
				flat.values = append(flat.values, v)
				continue
			}
			for _, e := range v.Slice().All() {
				flat.values = append(flat.values, e)
			}
		}
		flat.unique(m.built.AppendEmpty(a.name))
	}
	m.built.UnsafeIntoMap(to)
}
