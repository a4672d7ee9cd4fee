package accesslog

import (
	"net/netip"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// Format is the form of a line.
type Format string

// The forms that Parse knows.
const (
	Common   Format = "common"
	Combined Format = "combined"
	Ingress  Format = "ingress_nginx"
	Envoy    Format = "envoy"
	Istio    Format = "istio"
)

// Unknown is the value of sizes and durations that the line does not say.
const Unknown = -1

// Entry is one request. Its strings are parts of the line, but for those that had
// escapes, which are decoded.
type Entry struct {
	Format Format

	Time    timestamp.Time
	HasTime bool

	ClientAddress string
	ClientPort    int64 // 0 when not known
	Ident         string
	User          string

	// Request is the request line as written, where it is none of HTTP. Method,
	// Path and the rest are empty then.
	Request string
	Method  string
	URL     string // the target, where it is more than path and query
	Scheme  string
	Path    string
	Query   string
	Version string // 1.1, 2

	Status int64 // 0 when not known

	ResponseSize int64 // bytes, or Unknown
	RequestSize  int64 // bytes, or Unknown; RequestTotal says of what
	// RequestTotal says that RequestSize has the headers in it.
	RequestTotal bool
	Duration     float64 // seconds, or Unknown
	// UpstreamDuration is in seconds, or Unknown.
	UpstreamDuration float64

	Referer       string
	UserAgent     string
	XForwardedFor string
	RequestID     string
	Authority     string // host with or without a port
	Upstream      string
	ResponseFlags string // Envoy's

	// Extra is what stands behind the parts of the format, as written.
	Extra string
}

const (
	// maxHead bounds what may stand before the time, in bytes: two names, an
	// address and a user.
	maxHead = 1024
)

// Parse takes a line apart. loc is the zone of times that name none; nil is UTC.
// It is false, and e empty, for lines of no known format. It costs no allocation
// but for values with escapes.
func Parse(line string, loc *time.Location, e *Entry) bool {
	if mayBeAccess(line) {
		*e = Entry{ResponseSize: Unknown, RequestSize: Unknown, Duration: Unknown, UpstreamDuration: Unknown}
		for c := line[len(line)-1]; c == ' ' || c == '\r' || c == '\n'; c = line[len(line)-1] {
			line = line[:len(line)-1] // never empty: the bracket stays
		}
		if line[0] == '[' {
			if e.envoy(line, loc) {
				return true
			}
		} else if e.common(line, loc) {
			return true
		}
	}
	*e = Entry{}
	return false
}

// mayBeAccess refuses most other lines at once: there must be a bracket, a date
// behind it, and a quote behind that.
func mayBeAccess(line string) bool {
	open := 0
	if line == "" {
		return false
	}
	if line[0] != '[' {
		open = strings.IndexByte(line[:min(len(line), maxHead)], '[')
	}
	if open < 0 || len(line) < open+len(`[09/Apr/2026 10:15:30] "-" -`) || !isDigit(line[open+1]) {
		return false
	}
	end := strings.IndexByte(line[open:], ']')
	return end > 0 && strings.HasPrefix(line[open+end:], `] "`)
}

// common reads NCSA's common log format, and what stands behind it.
func (e *Entry) common(line string, loc *time.Location) bool {
	open := strings.Index(line[:min(len(line), maxHead)], " [")
	if open < 0 || !e.head(line[:open]) {
		return false
	}
	line = line[open+2:]
	end := strings.IndexByte(line, ']')
	if end < 0 || !e.clfTime(line[:end], loc) {
		return false
	}
	request, rest, ok := quoted(strings.TrimPrefix(line[end+1:], " "))
	if !ok {
		return false
	}
	e.request(request)
	status, rest := word(rest)
	size, rest := word(rest)
	if !e.status(status) || !setSize(&e.ResponseSize, size) {
		return false
	}
	e.Format = Common
	if rest == "" {
		return true
	}
	referer, after, ok := quoted(rest)
	if !ok {
		e.trailing(rest)
		return true
	}
	agent, after, ok := quoted(after)
	if !ok {
		e.Extra = rest
		return true
	}
	e.Format = Combined
	e.Referer, e.UserAgent = value(referer), value(agent)
	e.trailing(after)
	return true
}

// head reads "address ident user", with a virtual host before it or not. The user
// may have blanks.
func (e *Entry) head(head string) bool {
	first, rest := word(head)
	second, user := word(rest)
	if second == "" || user == "" {
		return false
	}
	if port := strings.LastIndexByte(first, ':'); port > 0 && isNumber(first[port+1:]) && isAddress(second) {
		if ident, rest := word(user); rest != "" {
			e.Authority = first
			first, second, user = second, ident, rest
		}
	}
	if strings.ContainsAny(first, `"[]`) {
		return false
	}
	e.ClientAddress, e.Ident, e.User = value(first), value(second), value(user)
	return true
}

// trailing reads what servers are told to write behind the user agent, where it is
// unmistakable: X-Forwarded-For in quotes, times in seconds with three digits, the
// pairs rt= and urt=, and ingress-nginx' nine values. All else is Extra.
func (e *Entry) trailing(rest string) {
	if rest == "" || e.ingress(rest) {
		return
	}
	if rest[0] == '"' {
		list, after, ok := quoted(rest)
		if !ok || list != "-" && !isAddressList(list) {
			e.Extra = rest
			return
		}
		e.XForwardedFor = value(list)
		rest = after
	}
	for rest != "" {
		part, after := word(rest)
		key, number, pair := strings.Cut(part, "=")
		if !pair {
			key, number = "", part
		}
		seconds, ok := parseSeconds(strings.Trim(number, `"`))
		switch {
		case !ok:
			e.Extra = rest
			return
		case (key == "" || key == "rt") && e.Duration == Unknown:
			e.Duration = seconds
		case (key == "" || key == "urt") && e.UpstreamDuration == Unknown:
			e.UpstreamDuration = seconds
		default:
			e.Extra = rest
			return
		}
		rest = after
	}
}

// ingress reads ingress-nginx' request_length request_time [upstream name]
// [alternative] address length time status id.
func (e *Entry) ingress(rest string) bool {
	length, rest := word(rest)
	seconds, rest := word(rest)
	if !isNumber(length) || !strings.HasPrefix(rest, "[") {
		return false
	}
	names := rest
	for range 2 {
		end := strings.IndexByte(rest, ']')
		if !strings.HasPrefix(rest, "[") || end < 0 {
			return false
		}
		rest = strings.TrimPrefix(rest[end+1:], " ")
	}
	names = strings.TrimRight(names[:len(names)-len(rest)], " ")
	var values [5]string
	for i := range values {
		values[i], rest = listWord(rest)
		if values[i] == "" {
			return false
		}
	}
	duration, ok := parseSeconds(seconds)
	if !ok || rest != "" {
		return false
	}
	e.Format = Ingress
	e.Duration = duration
	setSize(&e.RequestSize, length)
	e.RequestTotal = true
	e.Upstream, e.RequestID = value(values[0]), value(values[4])
	if seconds, ok := parseSeconds(values[2]); ok {
		e.UpstreamDuration = seconds
	}
	// Upstream's name, and length and status of what it answered.
	e.Extra = names + " " + values[1] + " " + values[2] + " " + values[3]
	return true
}

// envoy reads Envoy's default format, and Istio's, which has more.
// Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#default-format-string
func (e *Entry) envoy(line string, loc *time.Location) bool {
	end := strings.IndexByte(line, ']')
	var ok bool
	if e.Time, ok = timestamp.Parse(line[1:end], loc); !ok {
		return false
	}
	e.HasTime = true
	request, rest, ok := quoted(strings.TrimPrefix(line[end+1:], " "))
	if !ok {
		return false
	}
	e.request(request)
	status, rest := word(rest)
	flags, rest := word(rest)
	if flags == "" || !e.status(status) {
		return false
	}
	e.Format, e.ResponseFlags = Envoy, value(flags)
	details := ""
	if first, _ := word(rest); !isNumber(first) { // Istio: code details, termination details, failure
		_, after := word(rest)
		_, after = word(after)
		_, after, ok := quoted(after)
		if !ok {
			return false
		}
		details = strings.TrimRight(rest[:len(rest)-len(after)], " ")
		e.Format, rest = Istio, after
	}
	received, rest := word(rest)
	sent, rest := word(rest)
	millis, rest := word(rest)
	upstream, rest := word(rest)
	if !setSize(&e.RequestSize, received) || !setSize(&e.ResponseSize, sent) || !setMillis(&e.Duration, millis) || !setMillis(&e.UpstreamDuration, upstream) {
		return false
	}
	for _, to := range [...]*string{&e.XForwardedFor, &e.UserAgent, &e.RequestID, &e.Authority, &e.Upstream} {
		var part string
		if part, rest, ok = quoted(rest); !ok {
			return false
		}
		*to = value(part)
	}
	e.Extra = rest
	switch {
	case details == "" || details == `- - "-"`:
	case rest == "":
		e.Extra = details
	default:
		e.Extra = details + " " + rest
	}
	return true
}

// isAddress knows IP addresses.
func isAddress(s string) bool {
	if len(s) > 45 {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

func isAddressList(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); !isAddress(part) && part != "unknown" {
			return false
		}
	}
	return true
}
