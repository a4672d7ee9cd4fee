package logrecord

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/linepair"
	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// finish lays what the transport knows under what the line said, and notes which
// attributes the collector itself will set.
func (b *Batch) finish(o *Origin) {
	rec, m := &b.rec, b.f
	if c := b.best[m.event]; c.made() && !rec.hasSeverity && b.pairs[c.pair-1].Key == atKey {
		if n, ok := severity.FromPlainWord(rec.event); ok {
			rec.severity, rec.sevText, rec.hasSeverity = n, rec.event, true
			rec.event = ""
		}
	}
	if !rec.hasSeverity {
		rec.severity, rec.sevText = o.Severity, strings.ToValidUTF8(o.SeverityText, "\uFFFD")
	}
	if !rec.hasTime {
		if nanos, ok := unixNano(o.Time); ok {
			rec.time.UnixNano, rec.time.Guessed = nanos, o.TimeGuess
		}
	}
	if c := b.best[m.service]; c.made() {
		rec.service = b.pairs[c.pair-1].Value
	}

	b.extras, b.extraLens = b.extras[:0], 0
	if !b.best[m.uid].made() {
		b.noteExtra(attrUID)
	}
	if rec.time.Guessed {
		b.noteExtra(attrTimeGuess)
	}
	if rec.exception.typ != "" {
		b.noteExtra(attrExceptionType)
	}
	if rec.exception.message != "" {
		b.noteExtra(attrException)
	}
	if rec.exception.stack != "" {
		b.noteExtra(attrExceptionStack)
	}
	if b.m.set.KeepOriginal && o.Piece.ID == "" {
		b.noteExtra(attrOriginal)
	}
	if b.appDiffers(o) {
		b.noteExtra(attrSyslogApp)
	}
	if o.ProcID != "" {
		if _, ok := parsePID(o.ProcID); !ok {
			b.noteExtra(attrSyslogProcID)
		}
	}
	if o.MsgID != "" {
		b.noteExtra(attrSyslogMsgID)
	}
	for i := range o.Attributes {
		b.noteExtra(o.Attributes[i].Key)
	}
}

func (b *Batch) appDiffers(o *Origin) bool {
	return o.App != "" && b.rec.service != "" && b.rec.service != o.App
}

func (b *Batch) noteExtra(name string) {
	b.extras = append(b.extras, name)
	b.extraLens |= 1 << (len(name) & 63)
}

// unixNano is t for a record; ok is false when t is zero or cannot be held.
func unixNano(t time.Time) (nanos uint64, ok bool) {
	seconds := t.Unix()
	if t.IsZero() || seconds < 0 || seconds >= math.MaxInt64/int64(time.Second) {
		return 0, false
	}
	nanos = uint64(t.UnixNano())
	return nanos, nanos != 0
}

// setFields sets what is a field of the record, and no attribute.
func (b *Batch) setFields(r plog.LogRecord) {
	rec := &b.rec
	if rec.time.UnixNano != 0 {
		r.SetTimestamp(pcommon.Timestamp(rec.time.UnixNano))
	}
	if rec.severity != severity.Unspecified {
		r.SetSeverityNumber(plog.SeverityNumber(rec.severity))
	}
	if rec.sevText != "" {
		r.SetSeverityText(rec.sevText)
	}
	if !rec.traceID.IsEmpty() {
		r.SetTraceID(rec.traceID)
	}
	if !rec.spanID.IsEmpty() {
		r.SetSpanID(rec.spanID)
	}
	if rec.flags != 0 {
		r.SetFlags(plog.LogRecordFlags(rec.flags))
	}
}

// setText makes the line the body.
func (b *Batch) setText(r plog.LogRecord, o *Origin, line, problem string) {
	b.putText(r.Body(), line)
	b.out.Expect(r, len(b.extras)+5)
	if c := b.best[b.f.uid]; c.made() {
		p := &b.pairs[c.pair-1]
		b.out.AppendString(attrUID, keep(p, p.Value))
	}
	if problem != "" {
		b.out.AppendString(attrParseError, problem)
	}
	if o.Piece.ID != "" {
		b.putText(b.out.AppendEmpty(attrPieceID), o.Piece.ID)
		b.out.AppendInt(attrPieceIndex, int64(o.Piece.Index))
		b.out.AppendBool(attrPieceLast, o.Piece.Last)
	}
	b.putExtras(o, line)
	b.out.Done()
}

// setPairs sets the body and attributes of a line that was parsed.
func (b *Batch) setPairs(r plog.LogRecord, o *Origin, line string) {
	if b.rec.hasBody {
		b.out.SetString(r.Body(), b.rec.body)
	}
	if b.rec.event != "" {
		r.SetEventName(b.rec.event)
	}
	b.out.Expect(r, b.attributes())
	hits := b.hits
	lists := b.m.set.Duplicates == logfmt.List
	for i := 0; i < len(b.pairs); i++ {
		p := &b.pairs[i]
		if len(hits) > 0 && int(hits[0].pair) == i {
			chosen := &b.f.targets[b.f.keys.uses[hits[0].use].target]
			c := b.best[b.f.keys.uses[hits[0].use].target]
			hits = hits[1:]
			if int(c.pair)-1 == i {
				b.putChosen(chosen, p)
				continue
			}
		}
		if lists && i+1 < len(b.pairs) && b.pairs[i+1].Key == p.Key {
			i = b.putList(i) - 1
			continue
		}
		b.putPair(keep(p, p.Key), p)
	}
	b.putExtras(o, line)
	b.out.Done()
}

// attributes counts what setPairs will set, or a few more where there are lists: an
// exact fit keeps the record's memory small.
func (b *Batch) attributes() int {
	n := len(b.pairs) + len(b.extras)
	for _, h := range b.hits {
		to := b.f.keys.uses[h.use].target
		if b.best[to].pair != h.pair+1 {
			continue
		}
		switch k := b.f.targets[to].kind; {
		case k == kindLocation && b.rec.location.column != 0:
			n += 2
		case k == kindLocation:
			n++
		case k == kindTimestamp && b.rec.time.Inexact:
		case k < kindException || k == kindResource:
			n--
		}
	}
	return n
}

// putChosen sets what the pair that fills a target is besides a field.
func (b *Batch) putChosen(t *target, p *logfmt.Pair) {
	switch t.kind {
	case kindTimestamp:
		if b.rec.time.Inexact {
			b.putPair(keep(p, p.Key), p)
		}
	case kindLocation:
		b.out.AppendString(b.own(attrFilePath), b.rec.location.path)
		b.out.AppendInt(b.own(attrLineNumber), b.rec.location.line)
		if b.rec.location.column != 0 {
			b.out.AppendInt(b.own(attrColumnNumber), b.rec.location.column)
		}
	case kindException, kindUID, kindText, kindFile, kindStack:
		b.out.AppendString(b.own(t.name), keep(p, p.Value))
	case kindPID:
		pid, _ := parsePID(p.Value)
		b.out.AppendInt(b.own(t.name), pid)
	case kindRename, kindLine:
		b.putPair(t.name, p)
	}
}

// putList makes the pairs from i on that share a key one attribute, a slice, and
// gives the index of the first pair behind them.
func (b *Batch) putList(i int) int {
	key := b.pairs[i].Key
	end := i + 1
	for end < len(b.pairs) && b.pairs[end].Key == key {
		end++
	}
	list := b.out.AppendEmpty(b.own(keep(&b.pairs[i], key))).SetEmptySlice()
	list.EnsureCapacity(end - i)
	for ; i < end; i++ {
		setValue(list.AppendEmpty(), &b.pairs[i])
	}
	return end
}

// own is the name of an attribute that comes from the line. A key that is the
// collector's own is displaced, and so is the empty one, which OpenTelemetry
// doesn't allow: the line's value is kept under "line." and the key.
func (b *Batch) own(key string) string {
	if b.extraLens&(1<<(len(key)&63)) != 0 || key == "" || key[0] == reservedPrefix[0] {
		return b.displace(key)
	}
	return key
}

func (b *Batch) displace(key string) string {
	if key != "" && !strings.HasPrefix(key, reservedPrefix) && !b.isExtra(key) {
		return key
	}
	key = displacedPrefix + key
	for b.hasKey(key) || b.isExtra(key) {
		key = displacedPrefix + key
	}
	return key
}

func (b *Batch) isExtra(key string) bool {
	return slices.Contains(b.extras, key)
}

// putExtras sets the attributes that the collector adds of itself.
func (b *Batch) putExtras(o *Origin, line string) {
	for i, name := range b.extras {
		switch {
		case i >= len(b.extras)-len(o.Attributes):
			a := &o.Attributes[i-len(b.extras)+len(o.Attributes)]
			key := a.Key
			if !utf8.ValidString(key) { // quicker than ToValidUTF8
				key = strings.ToValidUTF8(key, "\uFFFD")
			}
			if a.IsInt {
				b.out.AppendInt(key, a.Int)
			} else {
				b.putText(b.out.AppendEmpty(key), a.Value)
			}
		case name == attrUID:
			b.putText(b.out.AppendEmpty(name), b.rec.uid)
		case name == attrExceptionType:
			b.putText(b.out.AppendEmpty(name), b.rec.exception.typ)
		case name == attrException:
			b.putText(b.out.AppendEmpty(name), b.rec.exception.message)
		case name == attrExceptionStack:
			b.putText(b.out.AppendEmpty(name), b.rec.exception.stack)
		case name == attrTimeGuess:
			b.out.AppendBool(name, true)
		case name == attrOriginal:
			if o.Original != "" {
				line = o.Original
			}
			b.putText(b.out.AppendEmpty(name), line)
		case name == attrSyslogApp:
			b.putText(b.out.AppendEmpty(name), o.App)
		case name == attrSyslogProcID:
			b.putText(b.out.AppendEmpty(name), o.ProcID)
		case name == attrSyslogMsgID:
			b.putText(b.out.AppendEmpty(name), o.MsgID)
		}
	}
}

// putText makes s the value, which is empty.
func (b *Batch) putText(v pcommon.Value, s string) {
	if utf8.ValidString(s) {
		b.out.SetString(v, s)
	} else {
		setBytes(v, s)
	}
}

// setText is putText for values outside of records.
func setText(v pcommon.Value, s string) {
	if utf8.ValidString(s) {
		v.SetStr(s)
	} else {
		setBytes(v, s)
	}
}

// setBytes keeps a text that is not valid UTF-8, as protobuf's strings must be.
func setBytes(v pcommon.Value, s string) { v.SetEmptyBytes().FromRaw([]byte(s)) }

// putPair sets an attribute of the line's.
func (b *Batch) putPair(key string, p *logfmt.Pair) {
	key = b.own(key)
	switch p.Kind {
	case logfmt.Int:
		b.out.AppendInt(key, p.Int())
	case logfmt.Float:
		b.out.AppendDouble(key, p.Float())
	case logfmt.Bool:
		b.out.AppendBool(key, p.Bool())
	case linepair.Null:
		b.out.AppendEmpty(key)
	default:
		b.out.AppendString(key, keep(p, p.Value))
	}
}

func setValue(v pcommon.Value, p *logfmt.Pair) {
	switch p.Kind {
	case logfmt.Int:
		v.SetInt(p.Int())
	case logfmt.Float:
		v.SetDouble(p.Float())
	case logfmt.Bool:
		v.SetBool(p.Bool())
	case linepair.Null:
	default:
		v.SetStr(keep(p, p.Value))
	}
}
