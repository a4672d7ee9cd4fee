package ecsprocessor

import (
	"encoding/hex"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// writer is the way to ECS. The attributes of a record are made anew, of what the mapper
// says of them.
type writer struct {
	mapper *ecs.Mapper
	slabs  pdataslab.Builder
	made   pcommon.Map // empty between calls
	none   pcommon.Resource
	texts  []byte // of times and ids
}

func newWriter(o ecs.Options) *writer {
	return &writer{mapper: ecs.NewMapper(o), slabs: pdataslab.New(), made: pcommon.NewMap(), none: pcommon.NewResource()}
}

func (w *writer) scope(resource pcommon.Resource, first bool, scope pcommon.InstrumentationScope) {
	if !first { // it is in ECS already
		resource = w.none
	}
	w.mapper.Begin(resource, scope)
	if first {
		w.write(w.mapper.Resource(), resource.Attributes(), false)
	}
	w.write(w.mapper.Scope(), scope.Attributes(), false)
}

func (w *writer) log(r plog.LogRecord) {
	t := r.Body().Type()
	w.write(w.mapper.Attributes(r), r.Attributes(), t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice)
}

func (w *writer) span(s ptrace.Span) { w.write(w.mapper.Span(s), s.Attributes(), false) }

func (w *writer) end(c *ecs.Counts) {
	w.slabs.Forget()
	w.mapper.End()
	*c = w.mapper.TakeCounts()
}

// write makes the attributes what the items say. Values of the items are in the attributes
// as they are, or may be parts of the body as well, which keeps them.
func (w *writer) write(items []ecs.Item, attributes pcommon.Map, ofBody bool) {
	if len(items) == 0 && attributes.Len() == 0 {
		return
	}
	size := 0
	w.texts = w.texts[:0]
	for i := range items {
		item := &items[i]
		size += len(item.Name) + len(item.Text)
		switch item.Kind {
		case ecs.KindTime:
			w.texts = timestamp.Append(w.texts, int64(item.Bits))
		case ecs.KindTraceID:
			w.texts = hex.AppendEncode(w.texts, item.Bytes[:])
		case ecs.KindSpanID:
			w.texts = hex.AppendEncode(w.texts, item.Bytes[:8])
		}
	}
	texts := string(w.texts) // one allocation for all
	w.slabs.Begin(size + len(texts))
	out := w.slabs.Fill(w.made, len(items))
	for i := range items {
		item := &items[i]
		if item.List {
			list := w.slabs.MakeSlice(out.AppendEmpty(item.Name), 1)
			texts = w.set(list.Next(), item, texts)
			continue
		}
		switch item.Kind {
		case ecs.KindText:
			out.AppendString(item.Name, item.Text)
		case ecs.KindInt:
			out.AppendInt(item.Name, int64(item.Bits))
		case ecs.KindDouble:
			out.AppendDouble(item.Name, math.Float64frombits(item.Bits))
		case ecs.KindBool:
			out.AppendBool(item.Name, item.Bits != 0)
		case ecs.KindValue:
			if v := out.AppendEmpty(item.Name); ofBody {
				item.Value.CopyTo(v)
			} else {
				item.Value.MoveTo(v)
			}
		default:
			texts = w.set(out.AppendEmpty(item.Name), item, texts)
		}
	}
	out.Done()
	w.made.MoveTo(attributes)
}

// set sets one value; of texts, which has those of times and ids in turn, it gives the
// rest.
func (w *writer) set(v pcommon.Value, item *ecs.Item, texts string) string {
	n := 0
	switch item.Kind {
	case ecs.KindText:
		w.slabs.SetString(v, item.Text)
	case ecs.KindInt:
		w.slabs.SetInt(v, int64(item.Bits))
	case ecs.KindDouble:
		w.slabs.SetDouble(v, math.Float64frombits(item.Bits))
	case ecs.KindBool:
		w.slabs.SetBool(v, item.Bits != 0)
	case ecs.KindTime:
		n = len(timestamp.Layout)
	case ecs.KindTraceID:
		n = 32
	case ecs.KindSpanID:
		n = 16
	case ecs.KindValue:
		item.Value.CopyTo(v)
	}
	if n > 0 {
		w.slabs.SetString(v, texts[:n])
	}
	return texts[n:]
}
