package logrecord

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// group is one resource of the batch and its records.
type group struct {
	records plog.LogRecordSlice
	// id is what the resource was made of; simple when no resource attribute but
	// service.name came from the line.
	id     identity
	simple bool
}

// identity is what a resource is made of, but for the attributes other than
// service.name that a line sets.
type identity struct {
	service, host, pid string
	further            map[string]string
}

func (id identity) equal(other identity) bool {
	return id.service == other.service && id.host == other.host && id.pid == other.pid && sameMap(id.further, other.further)
}

// sameMap reports whether a and b are one and the same map, or both empty. It is
// true less often than maps.Equal, and as cheap for large maps as for small ones.
func sameMap(a, b map[string]string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// groupOf finds or makes the group of the current line.
func (b *Batch) groupOf(o *Origin) *group {
	id := identity{service: b.rec.service, host: o.Host, further: o.Resource}
	if id.service == "" {
		id.service = o.App
	}
	if o.ProcID != "" {
		if _, ok := parsePID(o.ProcID); ok {
			id.pid = o.ProcID
		}
	}
	simple := true
	for _, i := range b.f.resources {
		if i != b.f.service && b.best[i].made() {
			simple = false
		}
	}
	if g := b.current; g != nil && simple && g.simple && g.id.equal(id) {
		return g
	}
	b.appendKey(id)
	g := b.groups[string(b.key)]
	if g == nil {
		g = b.newGroup(id)
		b.groups[string(b.key)] = g
	}
	// The map of this line, so that the next one with it is quick.
	g.id.further = o.Resource
	g.simple = simple
	b.current = g
	return g
}

// appendKey makes the key of the current line's group: equal keys, equal resources.
func (b *Batch) appendKey(id identity) {
	b.key = appendPart(b.key[:0], id.service)
	b.key = appendPart(b.key, id.host)
	b.key = appendPart(b.key, id.pid)
	for _, i := range b.f.resources {
		if c := b.best[i]; i != b.f.service && c.made() {
			b.key = appendPart(append(b.key, 'r'), b.f.targets[i].name)
			b.key = appendPart(b.key, b.pairs[c.pair-1].Value)
		}
	}
	b.names = slices.AppendSeq(b.names[:0], maps.Keys(id.further))
	slices.Sort(b.names)
	for _, name := range b.names {
		b.key = appendPart(append(b.key, 'o'), name)
		b.key = appendPart(b.key, id.further[name])
	}
	clear(b.names)
}

func appendPart(dst []byte, s string) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, ':')
	return append(dst, s...)
}

// newGroup makes the resource: what the line says, then what the transport knows,
// each name once.
func (b *Batch) newGroup(id identity) *group {
	rl := b.logs.ResourceLogs().AppendEmpty()
	attrs := rl.Resource().Attributes()
	// Copies, so that a resource does not hold on to the line it was first seen in.
	id.service, id.host, id.pid = strings.Clone(id.service), strings.Clone(id.host), strings.Clone(id.pid)
	if id.service != "" {
		setText(attrs.PutEmpty(attrServiceName), id.service)
	}
	for _, i := range b.f.resources {
		if c := b.best[i]; i != b.f.service && c.made() {
			setText(attrs.PutEmpty(b.f.targets[i].name), strings.Clone(b.pairs[c.pair-1].Value))
		}
	}
	if id.host != "" {
		putAbsent(attrs, attrHostName, id.host)
	}
	if pid, ok := parsePID(id.pid); ok {
		if v, present := attrs.GetOrPutEmpty(attrProcessPID); !present {
			v.SetInt(pid)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(id.further)) {
		putAbsent(attrs, strings.ToValidUTF8(name, "\uFFFD"), id.further[name])
	}
	return &group{records: rl.ScopeLogs().AppendEmpty().LogRecords(), id: id}
}

func putAbsent(attrs pcommon.Map, name, value string) {
	if v, present := attrs.GetOrPutEmpty(name); !present {
		setText(v, value)
	}
}
