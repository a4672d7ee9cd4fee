package logrecord

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/linepair"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// chooseJSON is choose for the members of a JSON line, at all depths that the field
// map has keys for.
func (b *Batch) chooseJSON() {
	j := b.json
	j.style = 0
	j.late, j.flat = j.late[:0], j.flat[:0]
	j.names = j.names[:0]
	j.stack, j.file = "", location{}
	b.chooseMembers(&b.f.keys, 0, len(b.pairs))
	if len(b.hits) == 0 {
		return
	}
	if b.best[b.f.file].made() || b.best[b.f.location].made() {
		j.style |= styleSource
	}
	for _, h := range j.late {
		use := &b.f.keys.uses[h.use]
		if j.style.has(use.json.needs) {
			b.consider(int(h.pair), use, 0)
		}
	}
	b.settle()
	b.settleJSON()
}

// has reports whether all marks of one of the styles are in s.
func (s style) has(styles []style) bool {
	for _, marks := range styles {
		if s&marks == marks {
			return true
		}
	}
	return false
}

// chooseMembers goes over the members pairs[from:to] of one object.
func (b *Batch) chooseMembers(ix *keyIndex, from, to int) {
	j := b.json
	for i := from; i < to; i++ {
		p := &b.pairs[i]
		u := ix.find(p.Key)
		if u < 0 {
			i += p.Size()
			continue
		}
		use := &ix.uses[u]
		x := use.json
		j.style |= x.marks
		if use.target >= 0 {
			b.hits = append(b.hits, hit{pair: int32(i), use: int32(use.target)})
			if len(x.needs) > 0 {
				j.late = append(j.late, hit{pair: int32(i), use: int32(u)})
			} else {
				b.consider(i, use, 0)
			}
		}
		if x.sub != nil && p.Kind == linepair.Object {
			b.chooseMembers(x.sub, i+1, i+1+p.Size())
		}
		i += p.Size()
	}
}

// flatRank is behind the ranks of all keys at the top of a line.
const flatRank = 1000

// consider lets the pair at i fill the use's target, if it fits and nothing better
// does. ranks are added to that of the key.
func (b *Batch) consider(i int, use *keyUse, ranks int) {
	t := &b.f.targets[use.target]
	if t.kind == kindAttributes {
		b.flatten(i)
		return
	}
	c := &b.best[use.target]
	rank := int32(use.rank+ranks) + 1
	if c.rank != 0 && c.rank <= rank {
		return
	}
	if b.fitsJSON(t.kind, i, use.json.scheme) {
		*c = choice{pair: int32(i) + 1, rank: rank}
	} else if use.own && ranks == 0 {
		*c = blocked
	}
}

// maxFlattened is how many members an object may have that is not kept as a map.
const maxFlattened = 128

// flatten notes that the members of the object at i are attributes. Those that say
// something of a request or an error fill targets as if they stood at the top.
func (b *Batch) flatten(at int) {
	if p := &b.pairs[at]; p.Kind != linepair.Object || p.Size() == 0 || members(b.pairs, at) > maxFlattened {
		return
	}
	b.pairs[at].Flags |= flagFlat
	b.json.flat = append(b.json.flat, int32(at))
	end := at + 1 + b.pairs[at].Size()
	for i := at + 1; i < end; i += 1 + b.pairs[i].Size() {
		u := b.f.keys.find(b.pairs[i].Key)
		if u < 0 {
			continue
		}
		use := &b.f.keys.uses[u]
		if use.target < 0 || len(use.json.needs) > 0 {
			continue
		}
		switch t := &b.f.targets[use.target]; t.kind {
		case kindTraceID, kindSpanID, kindTraceFlags, kindTraceparent, kindException, kindStack, kindRename:
			b.hits = append(b.hits, hit{pair: int32(i), use: int32(use.target)})
			b.consider(i, use, flatRank)
		case kindText:
			if t.name == attrExceptionType {
				b.hits = append(b.hits, hit{pair: int32(i), use: int32(use.target)})
				b.consider(i, use, flatRank)
			}
		}
	}
}

// fitsJSON is fits for a value with a type of its own.
func (b *Batch) fitsJSON(k kind, i int, scheme severity.Scheme) bool {
	p := &b.pairs[i]
	isText := p.Kind == linepair.String
	switch k {
	case kindTimestamp:
		switch p.Kind {
		case linepair.String, linepair.Int, linepair.Float:
			return b.fits(k, p)
		case linepair.Object:
			t, ok := b.timeParts(i)
			if ok {
				b.rec.time, b.rec.hasTime = t, true
			}
			return ok
		}
		return false
	case kindSeverity:
		return b.fitsSeverity(p, scheme)
	case kindBody:
		if p.Kind >= linepair.Object {
			b.rec.hasBody = false // it is no text
			return true
		}
		return p.Kind != linepair.Null && b.fits(k, p)
	case kindNanos:
		return p.Kind == linepair.Int && p.Int() >= 0 && p.Int() < 1e9
	case kindTraceID:
		if isText && !b.fits(k, p) {
			// Google's projects/<name>/traces/<id> is kept, for its name.
			_, id, ok := strings.Cut(p.Value, "/traces/")
			var trace pcommon.TraceID
			if ok && decodeHex(trace[:], id) && !trace.IsEmpty() && b.rec.traceID.IsEmpty() {
				b.rec.traceID = trace
			}
			return false
		}
		return isText
	case kindTraceFlags:
		if p.Kind == linepair.Bool {
			b.rec.flags, b.rec.hasFlags = 1, true
			return p.Bool()
		}
		return (isText || p.Kind == linepair.Int) && b.fits(k, p)
	case kindPID:
		return (isText || p.Kind == linepair.Int) && b.fits(k, p)
	case kindFile:
		if !isText {
			return false
		}
		at, ok := parseLocation(p.Value)
		if ok || len(p.Value) <= maxPathLen && isSourceFile(p.Value) {
			b.json.file = at
			return true
		}
		return false
	case kindLine:
		_, ok := lineNumber(p)
		return ok
	case kindStack:
		return b.fitsStack(i)
	case kindRename:
		return p.Kind != linepair.Null
	}
	return isText && p.Value != "" && b.fits(k, p)
}

func (b *Batch) fitsSeverity(p *linepair.Pair, scheme severity.Scheme) bool {
	if p.Kind != linepair.String && p.Kind != linepair.Int {
		return false
	}
	if b.m.set.SeverityNumbers != severity.Auto {
		scheme = b.m.set.SeverityNumbers
	}
	n, ok := b.severityIn(p, scheme)
	if ok {
		b.rec.severity, b.rec.sevText, b.rec.hasSeverity = n, keep(p, p.Value), true
	}
	return ok
}

// timeParts reads a time that is an object of seconds and nanoseconds.
func (b *Batch) timeParts(i int) (t timestamp.Time, ok bool) {
	if b.pairs[i].Size() != 2 {
		return t, false
	}
	seconds, nanos := int64(-1), int64(-1)
	for _, p := range b.pairs[i+1 : i+3] {
		if p.Kind != linepair.Int {
			return t, false
		}
		switch p.Key {
		case "epochSecond", "seconds":
			seconds = p.Int()
		case "nanoOfSecond", "nanos":
			nanos = p.Int()
		}
	}
	if seconds < 0 || nanos < 0 || nanos >= 1e9 {
		return t, false
	}
	t, ok = timestamp.FromUnix(seconds)
	if !ok || t.UnixNano != uint64(seconds)*1e9 {
		return t, false
	}
	t.UnixNano += uint64(nanos)
	return t, true
}

// lineNumber reads a number of a line of code, from 1 to 999999999.
func lineNumber(p *linepair.Pair) (int64, bool) {
	if p.Kind != linepair.Int && p.Kind != linepair.String || len(p.Value) > 9 || p.Value == "" {
		return 0, false
	}
	for _, c := range []byte(p.Value) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(p.Value, 10, 64)
	return n, err == nil && n > 0 && p.Value[0] != '0'
}

// fitsStack reads a stack trace: a text, or a list of its lines.
func (b *Batch) fitsStack(i int) bool {
	p := &b.pairs[i]
	switch p.Kind {
	case linepair.String:
		if isNil(p.Value) || (p.Key == "full_message" || p.Key == "text") && !looksLikeStack(p.Value) {
			return false
		}
		b.json.stack = keep(p, p.Value)
		return true
	case linepair.Array:
		lines := b.pairs[i+1 : i+1+p.Size()]
		for k := range lines {
			if lines[k].Kind != linepair.String {
				return false
			}
		}
		if len(lines) == 0 {
			return false
		}
		var text strings.Builder
		for k := range lines {
			if k > 0 {
				text.WriteByte('\n')
			}
			text.WriteString(lines[k].Value)
		}
		b.json.stack = text.String()
		return true
	}
	return false
}

// looksLikeStack knows the frames of Java, JavaScript and .NET, and of Python.
func looksLikeStack(s string) bool {
	return strings.Contains(s, "\n\tat ") || strings.Contains(s, "\n    at ") || strings.Contains(s, "\n   at ") ||
		strings.Contains(s, "\n  File \"")
}

// settleJSON decides what depends on more than one target.
func (b *Batch) settleJSON() {
	j, rec := b.json, &b.rec
	if c := &b.best[b.f.nanos]; c.made() {
		nanos := uint64(b.pairs[c.pair-1].Int())
		at := rec.time.UnixNano
		switch {
		case !rec.hasTime || rec.time.Inexact:
			*c = choice{}
		case at%1e9 == 0 || at%1e6 == 0 && at%1e9/1e6 == nanos/1e6:
			rec.time.UnixNano = at - at%1e9 + nanos
		default:
			*c = choice{}
		}
	}
	if c := b.best[b.f.severity]; c.made() && j.style&stylePython != 0 && b.m.set.SeverityNumbers == severity.Auto {
		// pino's numbers mean other things than Python's.
		if p := &b.pairs[c.pair-1]; p.Kind == linepair.Int && p.Key == "level" {
			if n, ok := severity.FromNumber(p.Int(), severity.Python); ok {
				rec.severity = n
			}
		}
	}
}

// finishJSON sees to what needs two parts of the record.
func (b *Batch) finishJSON() {
	j, rec := b.json, &b.rec
	if c := b.best[b.f.event]; c.made() && !b.best[b.f.body].made() && b.pairs[c.pair-1].Key == "event" {
		// structlog's event is the message; it is the event's name as well where it
		// is written like one.
		rec.body, rec.hasBody = rec.event, true
		if !isEventName(rec.event) {
			rec.event = ""
		}
	}
	if j.style&styleSerilog != 0 && !rec.hasSeverity {
		// Compact JSON leaves out the level Information.
		rec.severity, rec.hasSeverity = severity.Info, true
	}
}

// isEventName knows names such as order.placed and order_placed, which no sentence
// looks like.
func isEventName(s string) bool {
	joined := false
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		case c == '_' || c == '.' || c == '-' || c == ':':
			joined = joined || i > 0 && i+1 < len(s)
		default:
			return false
		}
	}
	return joined
}
