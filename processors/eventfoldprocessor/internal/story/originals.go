package story

import (
	"encoding/hex"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

var (
	errNoDocument = errors.New("the record is no document of event_fold")
	// ErrTooMuch says that a document's originals are larger than the caller allows.
	ErrTooMuch = errors.New("the document has more originals than there is room for")
)

// maxStages bounds how deep documents are looked for in documents. Few configurations
// have more than two stages.
const maxStages = 8

// Originals gives the records that a document was made of, in the order of their
// times: each in a ResourceLogs of its own. The parts of a second stage, documents
// themselves, become their originals in turn, over eight stages; one that only looks like
// a document stays as it is. An error names what is not as docs/format/folded-event.md
// says.
//
// What parts have in common is in a document once and in each original: one of a
// stranger's may say that there are many of many bytes. With more than about so many
// bytes the error is ErrTooMuch.
func Originals(rl plog.ResourceLogs, sl plog.ScopeLogs, event plog.LogRecord, maxBytes int) (plog.Logs, error) {
	out := plog.NewLogs()
	u := unfolder{left: maxBytes}
	return out, u.appendOriginals(out, rl, sl, event, maxStages)
}

// unfolder takes a document apart.
type unfolder struct{ left int }

func (u *unfolder) take(bytes int) error {
	if u.left -= bytes; u.left < 0 {
		return ErrTooMuch
	}
	return nil
}

// sizeOf is about what a value takes.
func sizeOf(v pcommon.Value) int {
	const itself = 16
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return itself + len(v.Str())
	case pcommon.ValueTypeBytes:
		return itself + v.Bytes().Len()
	case pcommon.ValueTypeMap:
		return itself + sizeOfMap(v.Map())
	case pcommon.ValueTypeSlice:
		size := itself
		for _, e := range v.Slice().All() {
			size += sizeOf(e)
		}
		return size
	default:
		return itself
	}
}

func sizeOfMap(m pcommon.Map) (size int) {
	for name, v := range m.All() {
		size += len(name) + sizeOf(v)
	}
	return size
}

func isDocument(event plog.LogRecord) bool {
	if _, ok := event.Attributes().Get(attrID); !ok || event.Body().Type() != pcommon.ValueTypeMap {
		return false
	}
	parts, ok := event.Body().Map().Get(keyParts)
	return ok && parts.Type() == pcommon.ValueTypeSlice
}

// document is a record that is one.
type document struct {
	rl     plog.ResourceLogs
	sl     plog.ScopeLogs
	event  plog.LogRecord
	shared []sharedAttribute
	// origins are maps; sizes are those of what a part without or with an origin gets.
	origins     pcommon.Slice
	ownSize     int
	sharedSize  int
	originSizes []int
}

type sharedAttribute struct {
	name  string
	value pcommon.Value
}

func newDocument(rl plog.ResourceLogs, sl plog.ScopeLogs, event plog.LogRecord) *document {
	d := &document{rl: rl, sl: sl, event: event, origins: pcommon.NewSlice()}
	d.ownSize = sizeOfMap(rl.Resource().Attributes()) + sizeOfMap(sl.Scope().Attributes()) +
		len(rl.SchemaUrl()) + len(sl.SchemaUrl()) + len(sl.Scope().Name()) + len(sl.Scope().Version())
	body := event.Body().Map()
	if v, ok := body.Get(keyOrigins); ok && v.Type() == pcommon.ValueTypeSlice {
		d.origins = v.Slice()
		for _, o := range d.origins.All() {
			d.originSizes = append(d.originSizes, sizeOf(o))
		}
	}
	v, ok := body.Get(keyShared)
	if !ok || v.Type() != pcommon.ValueTypeSlice {
		return d
	}
	values := make(map[string]pcommon.Value, event.Attributes().Len())
	for name, value := range event.Attributes().All() {
		if _, twice := values[name]; !twice {
			values[name] = value
		}
	}
	for _, each := range v.Slice().All() {
		name := each.AsString()
		if value, ok := values[name]; ok {
			delete(values, name) // it may be named twice
			d.shared = append(d.shared, sharedAttribute{name, value})
			d.sharedSize += len(name) + sizeOf(value)
		}
	}
	return d
}

func (u *unfolder) appendOriginals(out plog.Logs, rl plog.ResourceLogs, sl plog.ScopeLogs, event plog.LogRecord, stages int) error {
	if !isDocument(event) {
		return errNoDocument
	}
	d := newDocument(rl, sl, event)
	parts, _ := event.Body().Map().Get(keyParts)
	for i, part := range parts.Slice().All() {
		if part.Type() != pcommon.ValueTypeMap {
			return fmt.Errorf("%w: part %d is no map", errNoDocument, i)
		}
		if err := u.appendPart(out, d, part, stages); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	return nil
}

func (u *unfolder) appendPart(out plog.Logs, d *document, part pcommon.Value, stages int) error {
	if err := u.take(sizeOf(part) + d.sharedSize); err != nil {
		return err
	}
	one := plog.NewLogs()
	rl := one.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	if err := u.readOrigin(rl, sl, d, part.Map()); err != nil {
		return err
	}
	record := sl.LogRecords().AppendEmpty()
	if err := d.readPart(record, part.Map()); err != nil {
		return err
	}
	if stages > 1 && isDocument(record) {
		// A sender may have made it look like one: then it's an original.
		inner := plog.NewLogs()
		switch err := u.appendOriginals(inner, rl, sl, record, stages-1); {
		case err == nil:
			one = inner
		case errors.Is(err, ErrTooMuch):
			return err
		}
	}
	one.ResourceLogs().MoveAndAppendTo(out.ResourceLogs())
	return nil
}

func (u *unfolder) readOrigin(toRL plog.ResourceLogs, toSL plog.ScopeLogs, d *document, part pcommon.Map) error {
	index, ok := part.Get(keyOrigin)
	if !ok {
		if err := u.take(d.ownSize); err != nil {
			return err
		}
		d.rl.Resource().CopyTo(toRL.Resource())
		toRL.SetSchemaUrl(d.rl.SchemaUrl())
		d.sl.Scope().CopyTo(toSL.Scope())
		toSL.SetSchemaUrl(d.sl.SchemaUrl())
		return nil
	}
	if index.Int() < 0 || index.Int() >= int64(d.origins.Len()) || d.origins.At(int(index.Int())).Type() != pcommon.ValueTypeMap {
		return fmt.Errorf("%w: origin %s is not there", errNoDocument, index.AsString())
	}
	if err := u.take(d.originSizes[index.Int()]); err != nil {
		return err
	}
	o := d.origins.At(int(index.Int())).Map()
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

func (d *document) readPart(r plog.LogRecord, part pcommon.Map) error {
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
	d.readAttributes(r.Attributes(), part)
	trace, span := d.event.TraceID(), d.event.SpanID()
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

// readAttributes gives a part its own attributes and the shared ones.
func (d *document) readAttributes(to pcommon.Map, part pcommon.Map) {
	if len(d.shared) == 0 {
		copyMap(part, keyAttributes, to)
		return
	}
	var built xpdata.MapBuilder
	if v, ok := part.Get(keyAttributes); ok && v.Type() == pcommon.ValueTypeMap {
		built.EnsureCapacity(v.Map().Len() + len(d.shared))
		for name, value := range v.Map().All() {
			value.CopyTo(built.AppendEmpty(name))
		}
	}
	for _, s := range d.shared {
		s.value.CopyTo(built.AppendEmpty(s.name))
	}
	built.UnsafeIntoMap(to)
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
