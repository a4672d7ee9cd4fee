package requestidprocessor

import (
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// form is how an id stands in a source's value.
type form uint8

const (
	plain       form = iota
	amazonTrace      // X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678;Parent=...
	baggage          // W3C baggage: request.id=...,other=...
)

// defaultSources are looked for in this order.
var defaultSources = []string{
	"request.id", "request_id", "x-request-id", "http.request.header.x-request-id",
	"log_uid", "log_id", "uid",
	"correlation_id", "x-correlation-id", "http.request.header.x-correlation-id",
	"x-amzn-trace-id", "http.request.header.x-amzn-trace-id",
	"cf-ray", "http.request.header.cf-ray",
	"heroku_request_id",
	"baggage", "http.request.header.baggage",
}

// What else is read, by normalised name.
var (
	traceparentNames = []string{"traceparent", "http.request.header.traceparent"}
	parentNames      = []string{"causedby", "parentrequestid", "parentrequest.id"}
	macroNames       = []string{"request.macroid"}
)

// normalise appends a name in lower case without - and _.
func normalise(dst []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; {
		case isSeparator(c):
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c+'a'-'A')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// ends are the first and the last letters that normalised names have, five bits of each:
// most attributes have others, and need no look at all of their name.
type ends [1 << 10 / 64]uint64

func (e *ends) add(normal string) {
	at, ok := endsOf(normal)
	if ok {
		e[at/64] |= 1 << (at % 64)
	}
}

// mayHave says that a name may be one of those that were added, when it is normalised. What
// is nothing but separators is none.
func (e *ends) mayHave(name string) bool {
	at, ok := endsOf(name)
	return ok && e[at/64]&(1<<(at%64)) != 0
}

// endsOf is the same of a name and of what is left of it when it is normalised: upper and
// lower case differ in another bit.
func endsOf(name string) (at uint, ok bool) {
	first, last := 0, len(name)-1
	for first <= last && isSeparator(name[first]) {
		first++
	}
	for last > first && isSeparator(name[last]) {
		last--
	}
	if first > last {
		return 0, false
	}
	return uint(name[first]&31)<<5 | uint(name[last]&31), true
}

func isSeparator(c byte) bool { return c == '-' || c == '_' }

// formOf is the form of a source, by its normalised name.
func formOf(name string) form {
	switch {
	case strings.HasSuffix(name, "xamzntraceid"):
		return amazonTrace
	case name == "baggage" || strings.HasSuffix(name, ".baggage"):
		return baggage
	default:
		return plain
	}
}

// extract takes the id out of a value of the form; "" where there is none.
func extract(how form, value string) string {
	switch how {
	case amazonTrace:
		return fieldOf(value, ';', "Root")
	case baggage:
		return decodeBaggage(fieldOf(value, ',', "request.id"))
	default:
		return value
	}
}

// fieldOf finds name=value in a list, without the properties of a baggage member.
// Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html,
// https://www.w3.org/TR/baggage/#header-content
func fieldOf(list string, separator byte, name string) string {
	for len(list) > 0 {
		member := list
		if i := strings.IndexByte(list, separator); i >= 0 {
			member, list = list[:i], list[i+1:]
		} else {
			list = ""
		}
		key, value, ok := strings.Cut(member, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), name) {
			continue
		}
		value, _, _ = strings.Cut(value, ";")
		return strings.TrimSpace(value)
	}
	return ""
}

// decodeBaggage takes percent-encoding out of a value; what is none stays.
// Source: https://www.w3.org/TR/baggage/#value
func decodeBaggage(value string) string {
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}

// refusal is why a value is no id.
type refusal uint8

const (
	fine refusal = iota
	tooLong
	badCharacter
)

// check lets ids pass that can break no line, no header and no key: printable ASCII
// without blanks, quotes, backslashes and angle brackets.
func check(id string, maxLength int) refusal {
	if len(id) > maxLength {
		return tooLong
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c <= ' ' || c > '~', c == '"', c == '\'', c == '\\', c == '<', c == '>', c == '`':
			return badCharacter
		}
	}
	return fine
}

const (
	traceparentLength = 55 // 00-<32>-<16>-<2>
	versionInvalid    = "ff"
)

// traceContext is what a traceparent says.
type traceContext struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	flags byte
}

// parseTraceparent reads a header value by https://www.w3.org/TR/trace-context/#traceparent-header:
// lower-case hex, no zero ids, later versions by their first four fields.
func parseTraceparent(text string) (c traceContext, ok bool) {
	if len(text) < traceparentLength || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return c, false
	}
	var version [1]byte
	if !unhex(version[:], text[0:2]) || text[0:2] == versionInvalid {
		return c, false
	}
	if len(text) > traceparentLength && (version[0] == 0 || text[traceparentLength] != '-') {
		return c, false
	}
	var flags [1]byte
	if !unhex(c.trace[:], text[3:35]) || !unhex(c.span[:], text[36:52]) || !unhex(flags[:], text[53:55]) {
		return traceContext{}, false
	}
	if c.trace.IsEmpty() || c.span.IsEmpty() {
		return traceContext{}, false
	}
	c.flags = flags[0]
	return c, true
}

func unhex(dst []byte, text string) bool {
	digit := func(c byte) (byte, bool) {
		switch {
		case '0' <= c && c <= '9':
			return c - '0', true
		case 'a' <= c && c <= 'f':
			return c - 'a' + 10, true
		default:
			return 0, false
		}
	}
	for i := range dst {
		high, ok1 := digit(text[2*i])
		low, ok2 := digit(text[2*i+1])
		if !ok1 || !ok2 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// findTraceparent looks for one in a text, behind the word as programs and headers write
// it.
func findTraceparent(text string) (traceContext, bool) {
	const word = "raceparent" // a header's begins with a capital letter
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return traceContext{}, false
		}
		text = text[i+len(word):]
		value := strings.TrimLeft(text, `"'=: `)
		if len(text)-len(value) > 4 {
			continue
		}
		// One character more than it has says whether it ends there, or goes on as a later
		// version may.
		value = value[:min(len(value), traceparentLength+1)]
		end := strings.IndexFunc(value, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
		if end < 0 {
			end = len(value)
		}
		if c, ok := parseTraceparent(value[:end]); ok {
			return c, true
		}
	}
}
