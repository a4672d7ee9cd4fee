package logrecord

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// choice is the pair that fills a target so far. Its zero value is none.
type choice struct {
	pair int32 // index in Batch.pairs, plus 1
	rank int32 // of the pair's key among the target's keys, plus 1
	kept bool  // the pair is an attribute as well
}

// blocked is the choice of a target that no pair may fill.
var blocked = choice{rank: -1}

func (c choice) made() bool { return c.pair != 0 }

// hit is a pair whose key is in the field map.
type hit struct {
	pair int32 // index in Batch.pairs
	use  int32 // index in keyIndex.uses, or of a JSON line in fieldMap.targets
	// nested is set for what is inside of an attribute's value.
	nested bool
}

// record is what the pairs of the current line say, beside its attributes.
type record struct {
	time     timestamp.Time
	severity severity.Number
	sevText  string
	body     string
	event    string
	traceID  pcommon.TraceID
	spanID   pcommon.SpanID
	flags    uint8
	parent   traceparent
	location location

	// uid is what the record gets where the line brings none.
	uid string
	// exception is what the line says of one otherwise than in a text for it.
	exception exception
	// service is the line's own word, "" for none.
	service string

	hasTime, hasSeverity, hasBody, hasFlags bool
}

type traceparent struct {
	traceID pcommon.TraceID
	spanID  pcommon.SpanID
	flags   uint8
}

type location struct {
	path         string
	line, column int64 // column is 0 when there is none
}

// choose walks over the pairs and finds the one that fills each target: that whose
// key stands first in the target's list, among those whose value fits. A pair that
// is not chosen stays an attribute with its own key.
func (b *Batch) choose() {
	m := b.f
	lists := b.m.set.Duplicates == logfmt.List
	for i := range b.pairs {
		p := &b.pairs[i]
		u := m.keys.find(p.Key)
		if u < 0 {
			continue
		}
		b.hits = append(b.hits, hit{pair: int32(i), use: int32(u)})
		use := &m.keys.uses[u]
		c, t := &b.best[use.target], &m.targets[use.target]
		if c.rank != 0 && c.rank <= int32(use.rank)+1 {
			continue
		}
		if (!lists || !b.inList(i)) && b.fits(t.kind, p) {
			*c = choice{pair: int32(i) + 1, rank: int32(use.rank) + 1}
		} else if use.own {
			*c = blocked // the attribute's name is taken by this very pair
		}
	}
	if len(b.hits) > 0 {
		b.settle()
	}
}

// inList reports whether the pair at i has a neighbour of the same key.
func (b *Batch) inList(i int) bool {
	key := b.pairs[i].Key
	return i > 0 && b.pairs[i-1].Key == key || i+1 < len(b.pairs) && b.pairs[i+1].Key == key
}

// settle decides what depends on more than one target.
func (b *Batch) settle() {
	rec := &b.rec
	if c := &b.best[b.f.traceparent]; c.made() {
		if rec.traceID.IsEmpty() && rec.spanID.IsEmpty() && !rec.hasFlags {
			rec.traceID, rec.spanID, rec.flags = rec.parent.traceID, rec.parent.spanID, rec.parent.flags
		} else {
			*c = choice{}
		}
	}
	if c := &b.best[b.f.location]; c.made() && b.locationTaken() {
		*c = choice{}
	}
}

func (b *Batch) locationTaken() bool {
	for _, i := range b.f.rivals {
		if b.best[i].made() {
			return true
		}
	}
	return b.hasKey(attrFilePath) || b.hasKey(attrLineNumber) || b.hasKey(attrColumnNumber)
}

func (b *Batch) hasKey(key string) bool {
	for i := range b.pairs {
		if b.pairs[i].Key == key {
			return true
		}
	}
	return false
}

// fits reports whether the pair's value can fill a target of this kind, and if so
// notes in b.rec what it says.
func (b *Batch) fits(k kind, p *logfmt.Pair) bool {
	if p.Bare() {
		return k == kindRename
	}
	rec, v := &b.rec, p.Value
	switch k {
	case kindTimestamp:
		t, ok := timestamp.Parse(v, b.m.set.Timezone)
		if ok {
			rec.time, rec.hasTime = t, true
		}
		return ok
	case kindSeverity:
		n, ok := b.severityOf(p)
		if ok {
			rec.severity, rec.sevText, rec.hasSeverity = n, keep(p, v), true
		}
		return ok
	case kindBody:
		rec.body, rec.hasBody = keep(p, v), true
		return true
	case kindEventName:
		if v == "" {
			return false
		}
		rec.event = keep(p, v)
		return true
	case kindTraceID:
		var id pcommon.TraceID
		if !decodeHex(id[:], v) || id.IsEmpty() {
			return false
		}
		rec.traceID = id
		return true
	case kindSpanID:
		var id pcommon.SpanID
		if !decodeHex(id[:], v) || id.IsEmpty() {
			return false
		}
		rec.spanID = id
		return true
	case kindTraceFlags:
		flags, err := strconv.ParseUint(v, 16, 8)
		if err != nil || len(v) > 2 {
			return false
		}
		rec.flags, rec.hasFlags = uint8(flags), true
		return true
	case kindTraceparent:
		parent, ok := parseTraceparent(v)
		if ok {
			rec.parent = parent
		}
		return ok
	case kindLocation:
		at, ok := parseLocation(keep(p, v))
		if ok {
			rec.location = at
		}
		return ok
	case kindNanos, kindAttributes, kindEcho:
		return false // JSON has them
	case kindException:
		return p.Kind == logfmt.String && !isNil(v)
	case kindUID:
		return v != "" && len(v) <= maxUIDLen
	case kindPID:
		_, ok := parsePID(v)
		return ok
	case kindResource:
		return v != "" && len(v) <= maxIdentityLen
	}
	return true
}

// maxIdentityLen is for values that become resource attributes, in bytes: a longer
// one is no identity, and would be made part of a key for each line.
const maxIdentityLen = 255

// keep gives s, a text of p, as a string that stays.
func keep(p *logfmt.Pair, s string) string {
	if p.Volatile() {
		return strings.Clone(s)
	}
	return s
}

// isNil knows how loggers write that there was no error.
func isNil(s string) bool {
	switch s {
	case "", "''", "null", "nil", "<nil>", "None", "undefined":
		return true
	}
	return false
}

func (b *Batch) severityOf(p *logfmt.Pair) (severity.Number, bool) {
	return b.severityIn(p, b.m.set.SeverityNumbers)
}

// severityIn reads a level whose number, if it is one, is that of a scheme.
func (b *Batch) severityIn(p *logfmt.Pair, scheme severity.Scheme) (severity.Number, bool) {
	if n, ok := severity.FromText(p.Value); ok {
		return n, true
	}
	if v := p.Value; len(v) > maxLevelDigits || v == "" || v[0] > '9' {
		return severity.Unspecified, false
	}
	level, err := strconv.ParseInt(p.Value, 10, 64)
	if err != nil {
		return severity.Unspecified, false
	}
	return severity.FromNumber(level, scheme)
}

// maxLevelDigits is the length of the longest level that is a number, 50000, with
// room to spare.
const maxLevelDigits = 8

// parsePID reads a process id: 32 bits, as Windows has them, and not 0.
func parsePID(s string) (int64, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false // without the cost of strconv's error
	}
	pid, err := strconv.ParseUint(s, 10, 32)
	return int64(pid), err == nil
}

func decodeHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := hexDigits[s[2*i]], hexDigits[s[2*i+1]]
		if high|low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

var hexDigits = func() (table [256]uint8) {
	for i := range table {
		table[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		table[c] = uint8(i)
	}
	for i, c := range []byte("ABCDEF") {
		table[c] = uint8(10 + i)
	}
	return table
}()

// parseTraceparent reads a header of W3C Trace Context, version 00.
// Source: https://www.w3.org/TR/trace-context/#traceparent-header
func parseTraceparent(s string) (t traceparent, ok bool) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) != length || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return t, false
	}
	var flags [1]byte
	ok = decodeHex(t.traceID[:], s[3:35]) && decodeHex(t.spanID[:], s[36:52]) && decodeHex(flags[:], s[53:])
	t.flags = flags[0]
	return t, ok && !t.traceID.IsEmpty() && !t.spanID.IsEmpty()
}

// parseLocation reads file:line or file:line:column. So that a host and port, or a
// Heroku dyno, is no location, the file must have the name of a source file.
func parseLocation(s string) (l location, ok bool) {
	path, last, ok := cutNumber(s)
	if !ok {
		return l, false
	}
	l.path, l.line = path, last
	if path, line, ok := cutNumber(path); ok {
		l = location{path: path, line: line, column: last}
	}
	if len(l.path) > maxPathLen || strings.Contains(l.path, "://") || !isSourceFile(l.path) {
		return location{}, false
	}
	return l, true
}

const maxPathLen = 4096 // bytes, Linux's PATH_MAX

// cutNumber cuts a colon and a number from 1 to 999999999, without leading zeros,
// off the end of s.
func cutNumber(s string) (rest string, n int64, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 1 || len(s)-at > 10 || len(s)-at < 2 || s[at+1] == '0' {
		return "", 0, false
	}
	for _, c := range []byte(s[at+1:]) {
		if c < '0' || c > '9' {
			return "", 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return s[:at], n, true
}

// isSourceFile goes by the extension.
func isSourceFile(path string) bool {
	dot := strings.LastIndexByte(path, '.')
	if dot < 1 || path[dot-1] == '/' || path[dot-1] == '\\' {
		return false
	}
	switch path[dot+1:] {
	case "c", "cc", "cjs", "clj", "coffee", "cpp", "cr", "cs", "cxx", "d", "dart", "erl", "ex", "exs",
		"f90", "fs", "go", "groovy", "h", "hpp", "hs", "java", "jl", "js", "jsx", "kt", "kts", "lua",
		"m", "mjs", "ml", "mm", "mts", "nim", "php", "pl", "pm", "py", "pyx", "r", "rb", "rs", "s",
		"scala", "sh", "sql", "svelte", "swift", "ts", "tsx", "vb", "vue", "zig":
		return true
	}
	return false
}
