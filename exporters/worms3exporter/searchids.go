package worms3exporter

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/recordids"
)

// requestOf is the request id, which most records have one of; "" where it is none, or a
// list.
func requestOf(attributes pcommon.Map) string {
	v, ok := attributes.Get(recordids.Request)
	if !ok {
		return ""
	}
	return requestIn(v)
}

// requestIn is the request id that the attribute of one has, or would have.
func requestIn(v pcommon.Value) string {
	if v == (pcommon.Value{}) || v.Type() == pcommon.ValueTypeSlice {
		return ""
	}
	return recordids.Text(v)
}

// idCollector collects ids but one that is known.
type idCollector struct {
	known string
	ids   []byte
	seen  map[string]struct{}
}

func (c *idCollector) add(id string) {
	if id == c.known {
		return
	}
	if _, there := c.seen[id]; there {
		return
	}
	if c.seen == nil {
		c.seen = make(map[string]struct{})
	}
	c.seen[id] = struct{}{}
	c.ids = archiver.AppendID(c.ids, id)
}

// moreIDsOfLog are the ids of a record by which it is searched for, but its trace id and
// that of requestOf. Most records have none, which meant and the resource say.
func moreIDsOfLog(resource pcommon.Map, r plog.LogRecord) []byte {
	c := idCollector{known: requestOf(r.Attributes())}
	recordids.OfLog(resource, r, c.add)
	return c.ids
}

// moreIDs is moreIDsOfLog for other items.
func moreIDs(resource, item pcommon.Map) []byte {
	if recordids.Plain(resource, item) {
		return nil
	}
	c := idCollector{known: requestOf(item)}
	recordids.Of(resource, item, c.add)
	return c.ids
}
