package worms3exporter

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/recordids"
)

// meant are the attributes of a log record that mean something here, of several of one name
// the first: all of them are found by going through the record's attributes once. Of one that
// is not there the value is the zero one.
type meant struct {
	uid, category, redactions, request pcommon.Value
	// plain says that there are no more ids than the request's, as recordids.Plain does.
	plain bool
}

func meantBy(attributes pcommon.Map) meant {
	m := meant{plain: true}
	for name, v := range attributes.All() {
		switch name {
		case uidAttribute:
			first(&m.uid, v)
		case categoryAttribute:
			first(&m.category, v)
		case redactionAttribute:
			first(&m.redactions, v)
		case requestAttribute:
			first(&m.request, v)
			m.plain = m.plain && v.Type() != pcommon.ValueTypeSlice
		case recordids.Macro, recordids.Traces, recordids.Fold:
			m.plain = false
		}
	}
	return m
}

func first(to *pcommon.Value, v pcommon.Value) {
	if *to == (pcommon.Value{}) {
		*to = v
	}
}

// text is a value's, "" of one that is not there.
func text(v pcommon.Value) string {
	if v == (pcommon.Value{}) {
		return ""
	}
	return textOf(v)
}
