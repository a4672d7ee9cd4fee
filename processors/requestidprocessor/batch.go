package requestidprocessor

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logencoding"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// item is a log record or a span.
type item struct {
	attrs  pcommon.Map
	origin pcommon.Map // the resource's attributes
	trace  pcommon.TraceID
	id     string // "": none yet
	parent string
	source string // the attribute that it was found in, "": none
	how    how
	// refused says that request.id itself is no id: it stays, and nothing is put in its
	// place.
	refused bool
	// drop says that its request.macro_id goes, unless there is one to take its place.
	drop bool
	next int32 // of those of its trace that lack their id, while they wait
}

const noItem = -1

// batch is one call.
type batch struct {
	*requestIDProcessor
	items    []item
	refusals map[refusal]int64
	now      time.Time

	// The resource's own.
	resourceAttrs  pcommon.Map
	resourceID     string
	resourceParent string
	uids           *recorduid.Source // nil: none was needed yet
	missing        int               // items with a trace and no id
	waited         int
	skipped        int
}

// begin makes room for so many items.
func (p *requestIDProcessor) begin(items int) *batch {
	b, _ := p.batches.Get().(*batch)
	b.requestIDProcessor, b.now = p, time.Now()
	b.items = slices.Grow(b.items, items)
	return b
}

// maxKeptItems is how many items a batch may have had room for whose memory is used again.
const maxKeptItems = 4096

// found is what some attributes say.
type found struct {
	id, source, parent string
	place              int
	traceparent        string
	refusedOwn         bool
	uid                bool // there is a log.record.uid
	macro              bool // there is a request.macro_id that does not count
}

// look finds the best id in attributes.
func (b *batch) look(attrs pcommon.Map) (f found) {
	f.place = len(b.forms)
	var buf [64]byte
	for name, value := range attrs.All() {
		if name == uidAttribute {
			if f.uid = !logencoding.IsEmpty(value); !b.uidIsSource {
				continue
			}
		}
		if len(name) > 2*b.longest || !b.ends.mayHave(name) {
			continue
		}
		normal := normalise(buf[:0], name)
		if kind, ok := b.known[string(normal)]; ok {
			switch kind {
			case isTraceparent:
				f.traceparent = textOf(value)
				continue
			case isMacro:
				f.macro = f.macro || name == macroAttribute && !b.keepsMacro(value)
				continue
			}
			if text := textOf(value); text != "" && b.accept(text) {
				f.parent = text
			}
			continue
		}
		place, ok := b.sources[string(normal)]
		if !ok || place >= f.place {
			continue
		}
		id := b.idIn(value, b.forms[place])
		if id != "" {
			f.id, f.source, f.place = id, name, place
		} else if name == requestAttribute && !logencoding.IsEmpty(value) {
			f.refusedOwn = true
			if textOf(value) == "" && value.Type() != pcommon.ValueTypeSlice {
				b.refuse(badCharacter) // it is of a type that has none
			}
		}
	}
	return f
}

// textOf is a value's text: of a list, the first element's.
func textOf(value pcommon.Value) string {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return value.Str()
	case pcommon.ValueTypeSlice:
		if value.Slice().Len() > 0 {
			if first := value.Slice().At(0); first.Type() == pcommon.ValueTypeStr {
				return first.Str()
			}
		}
		return ""
	case pcommon.ValueTypeInt:
		return value.AsString()
	default:
		return ""
	}
}

// idIn finds an id that is one in a value: of a list, the first such element.
func (b *batch) idIn(value pcommon.Value, how form) string {
	if value.Type() == pcommon.ValueTypeSlice {
		for i, element := range value.Slice().All() {
			if i == maxElements {
				return ""
			}
			if element.Type() != pcommon.ValueTypeStr {
				continue
			}
			if id := extract(how, element.Str()); id != "" && b.accept(id) {
				return id
			}
		}
		return ""
	}
	if id := extract(how, textOf(value)); id != "" && b.accept(id) {
		return id
	}
	return ""
}

// keepsMacro says whether the request.macro_id that an item brings may stay: where senders
// are believed, and it is an id.
func (b *batch) keepsMacro(value pcommon.Value) bool {
	if !b.cfg.KeepMacroID {
		return false
	}
	if value.Type() == pcommon.ValueTypeStr && value.Str() != "" {
		return b.accept(value.Str())
	}
	return false
}

// maxElements of a list are looked at: a header comes once, seldom twice.
const maxElements = 8

// accept says whether an id is one, and counts those that are not.
func (b *batch) accept(id string) bool {
	why := check(id, b.cfg.MaxLength)
	if why == fine {
		return true
	}
	b.refuse(why)
	return false
}

func (b *batch) refuse(why refusal) {
	if b.refusals == nil {
		b.refusals = make(map[refusal]int64)
	}
	b.refusals[why]++
}

// resource begins the items of a resource.
func (b *batch) resource(attrs pcommon.Map) {
	f := b.look(attrs)
	if f.macro {
		attrs.Remove(macroAttribute)
	}
	b.resourceAttrs, b.resourceID, b.resourceParent = attrs, f.id, f.parent
}

// record takes a log record. Here it gets its uid, where it has none yet: all that is
// behind knows it by the same.
func (b *batch) record(r plog.LogRecord) {
	it, f := b.item(r.Attributes(), r.TraceID())
	if !f.uid {
		r.Attributes().PutStr(uidAttribute, b.newUID())
	}
	body := ""
	if r.Body().Type() == pcommon.ValueTypeStr {
		body = r.Body().Str()
	}
	if r.TraceID().IsEmpty() {
		c, ok := parseTraceparent(f.traceparent)
		if !ok && strings.Contains(body, "raceparent") {
			c, ok = findTraceparent(body)
		}
		if ok {
			r.SetTraceID(c.trace)
			if r.SpanID().IsEmpty() {
				r.SetSpanID(c.span)
			}
			if r.Flags() == 0 {
				r.SetFlags(r.Flags().WithIsSampled(c.flags&1 != 0))
			}
			it.trace = c.trace
		}
	}
	if (it.id == "" || it.how == byResource) && body != "" && !it.refused {
		for _, p := range b.patterns {
			if m := p.FindStringSubmatchIndex(body); m != nil {
				at := 2 * p.SubexpIndex("id")
				if m[at] >= 0 && m[at+1] > m[at] && b.accept(body[m[at]:m[at+1]]) {
					it.id, it.how, it.source = strings.Clone(body[m[at]:m[at+1]]), byBody, ""
					break
				}
			}
		}
	}
}

// item takes what has attributes and a trace. What it gives is good until the next.
func (b *batch) item(attrs pcommon.Map, trace pcommon.TraceID) (*item, found) {
	f := b.look(attrs)
	b.items = append(b.items, item{attrs: attrs, origin: b.resourceAttrs, trace: trace, id: f.id, source: f.source, parent: f.parent, how: byAttribute, refused: f.refusedOwn && f.source != requestAttribute, drop: f.macro})
	it := &b.items[len(b.items)-1]
	switch {
	case it.refused:
		it.id, it.how = "", byNothing
	case it.id == "" && b.resourceID != "":
		it.id, it.how = b.resourceID, byResource
	case it.id == "":
		it.how = byNothing
	}
	if it.parent == "" {
		it.parent = b.resourceParent
	}
	return it, f
}

// resolve finds the ids that are still missing, and writes all of them. size is of the
// batch, in bytes.
func (b *batch) resolve(ctx context.Context, size func() int64) error {
	var noted *item // most items are of the trace of the one before, and its first id counts
	for i := range b.items {
		it := &b.items[i]
		if it.id == "" || it.trace.IsEmpty() || noted != nil && noted.trace == it.trace {
			continue
		}
		b.shared.table.NoteTrace(it.trace, it.id, b.now)
		noted = it
	}
	b.join()
	if b.missing > 0 && b.cfg.Wait > 0 {
		if err := b.wait(ctx, size); err != nil {
			return err
		}
	}
	b.generate()
	b.write()
	return nil
}

// join takes the ids that the traces' other items brought.
func (b *batch) join() {
	b.missing = 0
	for i := range b.items {
		it := &b.items[i]
		if it.id != "" || it.refused || it.trace.IsEmpty() {
			continue
		}
		if id := b.shared.table.RequestOf(it.trace, b.now); id != "" {
			it.id, it.how = id, byTrace
		} else {
			b.missing++
		}
	}
}

// newUID makes a UUIDv7.
func (b *batch) newUID() string {
	if b.uids == nil {
		b.uids = b.uidSources.Get().(*recorduid.Source)
	}
	return b.uids.Next(b.now).String()
}

// generate makes ids where the configuration says so.
func (b *batch) generate() {
	for i := range b.items {
		it := &b.items[i]
		switch {
		case it.id != "" || it.refused || b.cfg.Generate == generateNone:
		case !it.trace.IsEmpty():
			// Another call may have brought one meanwhile: the first to note it is right.
			it.id, it.how = b.shared.table.NoteGenerated(it.trace, fromTrace(it.trace), b.now), byGeneration
		case b.cfg.Generate == generateRecord:
			it.id, it.how = b.newUID(), byGeneration
		}
	}
}

// write puts ids, roots and carried fields into the attributes.
func (b *batch) write() {
	for i := range b.items {
		if it := &b.items[i]; it.id != "" && it.parent != "" {
			b.shared.table.NoteParent(it.id, it.parent, b.now)
		}
	}
	fields := make([]string, len(b.cfg.Carry))
	var asked, root string // the id that was asked about last
	for i := range b.items {
		it := &b.items[i]
		if it.id == "" {
			if it.drop {
				it.attrs.Remove(macroAttribute)
			}
			continue
		}
		// The id is taken before its source goes: it may be the same memory.
		if it.source != requestAttribute {
			it.attrs.PutStr(requestAttribute, it.id)
			if !b.cfg.KeepSource && it.source != "" {
				it.attrs.Remove(it.source)
			}
		} else if v, ok := it.attrs.Get(requestAttribute); ok && v.Type() != pcommon.ValueTypeStr {
			v.SetStr(it.id)
		}
		if it.id != asked {
			asked, root = it.id, b.shared.table.Root(it.id, b.now)
		}
		if root != "" {
			it.attrs.PutStr(macroAttribute, root)
		} else if it.drop {
			it.attrs.Remove(macroAttribute)
		}
		if len(fields) > 0 {
			b.carry(it, fields)
		}
	}
}

func (b *batch) carry(it *item, fields []string) {
	for j, name := range b.cfg.Carry {
		fields[j] = ""
		v, ok := it.attrs.Get(name)
		if !ok {
			v, ok = it.origin.Get(name)
		}
		if ok {
			fields[j] = v.AsString()
			if len(fields[j]) > maxCarried {
				fields[j] = ""
			}
		}
	}
	b.shared.table.Carry(it.id, fields, b.now)
	for j, name := range b.cfg.Carry {
		if fields[j] == "" {
			continue
		}
		_, own := it.attrs.Get(name)
		if _, resources := it.origin.Get(name); !own && !resources {
			it.attrs.PutStr(name, fields[j])
		}
	}
}

// maxCarried is the longest value that is handed on, in bytes: it bounds the table.
const maxCarried = 256

// end gives back what others can use, which is the batch itself, too.
func (b *batch) end() {
	if b.uids != nil {
		b.uidSources.Put(b.uids)
	}
	p, items := b.requestIDProcessor, b.items
	clear(items)
	*b = batch{}
	if cap(items) <= maxKeptItems {
		b.items = items[:0]
	}
	p.batches.Put(b)
}

// count tells what became of the items.
func (b *batch) count(ctx context.Context) {
	var by [hows]int64
	for i := range b.items {
		by[b.items[i].how]++
	}
	for h, n := range by {
		if n > 0 {
			b.tel.ProcessorRequestIDItems.Add(ctx, n, howOptions[h])
		}
	}
	for why, n := range b.refusals {
		b.tel.ProcessorRequestIDRefused.Add(ctx, n, refusalOptions[why])
	}
	if b.waited > 0 {
		b.tel.ProcessorRequestIDWaited.Add(ctx, int64(b.waited))
	}
	if b.skipped > 0 {
		b.tel.ProcessorRequestIDWaitSkipped.Add(ctx, int64(b.skipped))
	}
}
