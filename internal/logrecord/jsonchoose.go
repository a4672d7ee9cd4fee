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
	j.style, j.members = 0, 0
	j.late, j.flat = j.late[:0], j.flat[:0]
	j.names = j.names[:0]
	j.stack, j.trace, j.file = "", 0, location{}
	b.chooseMembers(&b.f.keys, 0, len(b.pairs), 0)
	if len(b.hits) == 0 {
		return
	}
	if b.best[b.f.file].made() || b.best[b.f.location].made() {
		j.style |= styleSource
	}
	for _, h := range j.late {
		use := &b.f.keys.uses[h.use]
		if use.json.fulfilled(j.style) {
			b.consider(int(h.pair), use, 0)
		}
	}
	b.settle()
	b.settleJSON()
}

// fulfilled reports whether a line of this style is one that the key needs.
func (u *jsonUse) fulfilled(s style) bool {
	for _, marks := range u.needs {
		if all := marks &^ styleNot; s&all == all {
			return marks&styleNot == 0
		}
	}
	return false
}

// The ranks of keys are even at the top of a line, so that a key with points comes
// before objects in objects that say the same, and one that is an attribute's name is
// never an attribute beside the one that it names. Members of flattened objects come
// behind all others.
const (
	nestedRank = 1
	flatRank   = 1000
)

// chooseMembers goes over the members pairs[from:to] of one object, the line's own
// where ranks is 0.
func (b *Batch) chooseMembers(ix *keyIndex, from, to, ranks int) {
	j := b.json
	for i := from; i < to; i++ {
		p := &b.pairs[i]
		if ranks == 0 {
			j.members++
		}
		u := ix.find(p.Key)
		if u < 0 {
			i += p.Size()
			continue
		}
		use := &ix.uses[u]
		x := use.json
		j.style |= x.marks
		if use.target >= 0 {
			b.hits = append(b.hits, hit{pair: int32(i), use: int32(use.target), nested: ranks != 0})
			if len(x.needs) > 0 {
				j.late = append(j.late, hit{pair: int32(i), use: int32(u)})
			} else {
				b.consider(i, use, ranks)
			}
		}
		switch {
		case x.sub == nil:
		case p.Kind == linepair.Object:
			b.chooseMembers(x.sub, i+1, i+1+p.Size(), nestedRank)
		case p.Kind == linepair.Array && p.Size() > 0 && b.pairs[i+1].Kind == linepair.Object:
			last := i + 1
			for next := last; next <= i+p.Size(); next += 1 + b.pairs[next].Size() {
				last = next
			}
			b.chooseMembers(x.sub, last+1, last+1+b.pairs[last].Size(), nestedRank)
		}
		i += p.Size()
	}
}

// consider lets the pair at i fill the use's target, if it fits and nothing better
// does. ranks are added to that of the key.
func (b *Batch) consider(i int, use *keyUse, ranks int) {
	t := &b.f.targets[use.target]
	if t.kind == kindAttributes {
		b.flatten(i)
		return
	}
	c := &b.best[use.target]
	rank := int32(2*use.rank+ranks) + 1
	if c.rank != 0 && c.rank <= rank {
		return
	}
	if b.fitsJSON(t.kind, i, use.json.scheme) {
		*c = choice{pair: int32(i) + 1, rank: rank, kept: use.json.kept}
	} else if use.own && ranks == 0 {
		*c = blocked
	}
}

// maxFlattened is how many members an object may have that is not kept as a map.
const maxFlattened = 128

// flatten notes that the members of the object at i are attributes, or those of the
// objects of one member each that are the array at i.
func (b *Batch) flatten(at int) {
	p := &b.pairs[at]
	switch {
	case p.Kind == linepair.Object && p.Size() > 0 && members(b.pairs, at) <= maxFlattened:
		b.flattenObject(at)
	case p.Kind == linepair.Array && p.Size() > 0 && members(b.pairs, at) <= maxFlattened:
		end := at + 1 + p.Size()
		for i := at + 1; i < end; i += 1 + b.pairs[i].Size() {
			if b.pairs[i].Kind != linepair.Object || members(b.pairs, i) != 1 {
				return
			}
		}
		p.Flags |= flagFlat
		for i := at + 1; i < end; i += 1 + b.pairs[i].Size() {
			b.flattenObject(i)
		}
	}
}

// flattenObject is flatten for an object that is not empty. What its members say of
// a request or an error fills targets as if it stood at the top, where nothing at the
// top does.
func (b *Batch) flattenObject(at int) {
	b.pairs[at].Flags |= flagFlat
	b.json.flat = append(b.json.flat, int32(at))
	end := at + 1 + b.pairs[at].Size()
	for i := at + 1; i < end; i += 1 + b.pairs[i].Size() {
		b.json.members++
		u := b.f.keys.find(b.pairs[i].Key)
		if u < 0 {
			continue
		}
		use := &b.f.keys.uses[u]
		if use.target < 0 || len(use.json.needs) > 0 {
			continue
		}
		t := &b.f.targets[use.target]
		switch t.kind {
		case kindTraceID, kindSpanID, kindTraceFlags, kindTraceparent, kindException, kindStack, kindRename:
		default:
			if t.name != attrExceptionType {
				continue
			}
		}
		b.hits = append(b.hits, hit{pair: int32(i), use: int32(use.target)})
		b.consider(i, use, flatRank)
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
	case kindEcho:
		return isText
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
		if p.Bool() {
			b.rec.flags, b.rec.hasFlags = 1, true
			return true
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
		if len(lines) == 0 {
			return false
		}
		for k := range lines {
			if lines[k].Kind != linepair.String {
				b.noteTrace(i)
				return false
			}
		}
		if p.Key == "exception" && len(lines) == 2 {
			b.noteTrace(i)
			return false
		}
		var text strings.Builder
		b.writeLines(&text, i)
		b.json.stack = text.String()
		return true
	case linepair.Object:
		b.noteTrace(i)
	}
	return false
}

// noteTrace notes that the stack trace is at i, unless one was found before.
func (b *Batch) noteTrace(i int) {
	if b.json.trace == 0 {
		b.json.trace = int32(i) + 1
	}
}

// looksLikeStack knows the frames of Java, JavaScript and .NET, and of Python.
func looksLikeStack(s string) bool {
	return strings.Contains(s, "\n\tat ") || strings.Contains(s, "\n    at ") || strings.Contains(s, "\n   at ") ||
		strings.Contains(s, "\n  File \"")
}

// settleJSON decides what depends on more than one target.
func (b *Batch) settleJSON() {
	rec := &b.rec
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
	if c := &b.best[b.f.echo]; c.made() && (!rec.hasBody || b.pairs[c.pair-1].Value != rec.body) {
		*c = choice{}
	}
	if c := b.best[b.f.severity]; c.made() && b.m.set.SeverityNumbers == severity.Auto {
		b.settleSeverity(&b.pairs[c.pair-1])
	}
}

// settleSeverity reads the level again that p is, where the line's other keys say
// whose it is.
func (b *Batch) settleSeverity(p *linepair.Pair) {
	style, scheme, number := b.json.style, severity.Auto, p
	switch {
	case style&stylePython != 0 && p.Key == "level":
		scheme = severity.Python // whose numbers mean other things than pino's
	case style&styleMonolog != 0 && p.Key == "level_name":
		scheme = severity.Monolog // whose CRITICAL is below its ALERT
		for i := 0; i < len(b.pairs); i += 1 + b.pairs[i].Size() {
			if b.pairs[i].Key == "level" {
				number = &b.pairs[i]
			}
		}
	case style&styleGoogle != 0 && p.Value == "CRITICAL":
		b.rec.severity = severity.Error2 // and so is Google's
		return
	}
	if scheme == severity.Auto || number.Kind != linepair.Int {
		return
	}
	if n, ok := severity.FromNumber(number.Int(), scheme); ok {
		b.rec.severity = n
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
