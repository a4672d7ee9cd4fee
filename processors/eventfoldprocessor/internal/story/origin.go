package story

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// origin is what some parts come from.
type origin struct {
	resource plog.ResourceLogs
	scope    plog.ScopeLogs
}

func (p *Part) origin() origin { return origin{p.ResourceLogs, p.ScopeLogs} }

// mergeOrigins gives the event a resource and a scope: what all have in common, and
// lists of what differs.
func (m *merger) mergeOrigins(rl plog.ResourceLogs, sl plog.ScopeLogs) {
	origins := m.origins.values
	first := origins[0]
	if len(origins) == 1 {
		m.copyResource(first.resource.Resource(), rl.Resource())
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

// copyResource copies to a resource that is empty.
func (m *merger) copyResource(from, to pcommon.Resource) {
	if entity.ResourceEntityRefs(from).Len() > 0 {
		from.CopyTo(to)
		return
	}
	if n := from.DroppedAttributesCount(); n != 0 {
		to.SetDroppedAttributesCount(n)
	}
	if n := from.Attributes().Len(); n > 0 {
		attributes := m.out.Fill(to.Attributes(), n)
		attributes.AppendCopies(from.Attributes())
		attributes.Done()
	}
}

// writeFlat is write, where values that are lists already, from a stage before, are
// taken for their elements.
func (m *merger) writeFlat(to pcommon.Map) {
	var built xpdata.MapBuilder
	built.EnsureCapacity(len(m.names))
	for i := range m.names {
		a := &m.names[i]
		if !a.differs {
			a.values[0].CopyTo(built.AppendEmpty(a.name))
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
		flat.unique(built.AppendEmpty(a.name))
	}
	built.UnsafeIntoMap(to)
}
