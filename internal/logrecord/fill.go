package logrecord

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// finish lays what the transport knows under what the line said, and notes which
// attributes the collector itself will set.
func (b *Batch) finish(o *Origin) {
	rec, m := &b.rec, b.m
	if c := b.best[m.event]; c.made() && !rec.hasSeverity && b.pairs[c.pair-1].Key == atKey {
		if n, ok := severity.FromPlainWord(rec.event); ok {
			rec.severity, rec.sevText, rec.hasSeverity = n, rec.event, true
			rec.event = ""
		}
	}
	if !rec.hasSeverity {
		rec.severity, rec.sevText = o.Severity, o.SeverityText
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
	if m.set.KeepOriginal && o.Piece.ID == "" {
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
		r.SetSeverityText(strings.ToValidUTF8(rec.sevText, "\uFFFD"))
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
	putText(r.Body(), line)
	b.attrs.EnsureCapacity(len(b.extras) + 4)
	if c := b.best[b.m.uid]; c.made() {
		p := &b.pairs[c.pair-1]
		b.attrs.AppendEmpty(attrUID).SetStr(keep(p, p.Value))
	}
	if problem != "" {
		b.attrs.AppendEmpty(attrParseError).SetStr(problem)
	}
	if o.Piece.ID != "" {
		putText(b.attrs.AppendEmpty(attrPieceID), o.Piece.ID)
		b.attrs.AppendEmpty(attrPieceIndex).SetInt(int64(o.Piece.Index))
		b.attrs.AppendEmpty(attrPieceLast).SetBool(o.Piece.Last)
	}
	b.putExtras(o, line)
	b.attrs.UnsafeIntoMap(r.Attributes())
}

// setPairs sets the body and attributes of a line that was parsed.
func (b *Batch) setPairs(r plog.LogRecord, o *Origin, line string) {
	if b.rec.hasBody {
		r.Body().SetStr(b.rec.body)
	}
	if b.rec.event != "" {
		r.SetEventName(b.rec.event)
	}
	b.attrs.EnsureCapacity(b.attributes())
	hits := b.hits
	lists := b.m.set.Duplicates == logfmt.List
	for i := 0; i < len(b.pairs); i++ {
		p := &b.pairs[i]
		if len(hits) > 0 && int(hits[0].pair) == i {
			chosen := &b.m.targets[b.m.keys.uses[hits[0].use].target]
			c := b.best[b.m.keys.uses[hits[0].use].target]
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
		putValue(b.put(keep(p, p.Key)), p)
	}
	b.putExtras(o, line)
	b.attrs.UnsafeIntoMap(r.Attributes())
}

// attributes counts what setPairs will set, or a few more where there are lists: an
// exact fit keeps the record's memory small.
func (b *Batch) attributes() int {
	n := len(b.pairs) + len(b.extras)
	for i, c := range b.best {
		if !c.made() {
			continue
		}
		switch k := b.m.targets[i].kind; {
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
			putValue(b.put(keep(p, p.Key)), p)
		}
	case kindLocation:
		b.put(attrFilePath).SetStr(b.rec.location.path)
		b.put(attrLineNumber).SetInt(b.rec.location.line)
		if b.rec.location.column != 0 {
			b.put(attrColumnNumber).SetInt(b.rec.location.column)
		}
	case kindException, kindUID, kindText:
		b.put(t.name).SetStr(keep(p, p.Value))
	case kindPID:
		pid, _ := parsePID(p.Value)
		b.put(t.name).SetInt(pid)
	case kindRename:
		putValue(b.put(t.name), p)
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
	list := b.put(keep(&b.pairs[i], key)).SetEmptySlice()
	list.EnsureCapacity(end - i)
	for ; i < end; i++ {
		putValue(list.AppendEmpty(), &b.pairs[i])
	}
	return end
}

// put begins an attribute that comes from the line. A key that is the collector's
// own is displaced, and so is the empty one, which OpenTelemetry doesn't allow: the
// line's value is kept under "line." and the key.
func (b *Batch) put(key string) pcommon.Value {
	if b.extraLens&(1<<(len(key)&63)) != 0 || key == "" || key[0] == reservedPrefix[0] {
		key = b.displace(key)
	}
	return b.attrs.AppendEmpty(key)
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
	for _, extra := range b.extras {
		if extra == key {
			return true
		}
	}
	return false
}

// putExtras sets the attributes that the collector adds of itself.
func (b *Batch) putExtras(o *Origin, line string) {
	for i, name := range b.extras {
		switch {
		case i >= len(b.extras)-len(o.Attributes):
			a := &o.Attributes[i-len(b.extras)+len(o.Attributes)]
			v := b.attrs.AppendEmpty(strings.ToValidUTF8(a.Key, "\uFFFD"))
			if a.IsInt {
				v.SetInt(a.Int)
			} else {
				putText(v, a.Value)
			}
		case name == attrUID:
			putText(b.attrs.AppendEmpty(name), b.rec.uid)
		case name == attrTimeGuess:
			b.attrs.AppendEmpty(name).SetBool(true)
		case name == attrOriginal:
			if o.Original != "" {
				line = o.Original
			}
			putText(b.attrs.AppendEmpty(name), line)
		case name == attrSyslogApp:
			putText(b.attrs.AppendEmpty(name), o.App)
		case name == attrSyslogProcID:
			putText(b.attrs.AppendEmpty(name), o.ProcID)
		case name == attrSyslogMsgID:
			putText(b.attrs.AppendEmpty(name), o.MsgID)
		}
	}
}

// putText makes s the value: a string, or bytes where s is not valid UTF-8, which
// protobuf's strings must be.
func putText(v pcommon.Value, s string) {
	if utf8.ValidString(s) {
		v.SetStr(s)
		return
	}
	v.SetEmptyBytes().FromRaw([]byte(s))
}

func putValue(v pcommon.Value, p *logfmt.Pair) {
	switch p.Kind {
	case logfmt.Int:
		v.SetInt(p.Int())
	case logfmt.Float:
		v.SetDouble(p.Float())
	case logfmt.Bool:
		v.SetBool(p.Bool())
	default:
		v.SetStr(keep(p, p.Value))
	}
}
