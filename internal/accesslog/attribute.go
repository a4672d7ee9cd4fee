package accesslog

import "strings"

// Kind is the type of an attribute's value.
type Kind uint8

const (
	// String is in Attribute.String.
	String Kind = iota
	// Int is in Attribute.Int.
	Int
	// Float is in Attribute.Float.
	Float
)

// Attribute is one value by its name in OpenTelemetry's semantic conventions.
type Attribute struct {
	Key    string
	Kind   Kind
	String string
	Int    int64
	Float  float64
}

// otherMethod stands for methods that the conventions do not know.
const otherMethod = "_OTHER"

// Attributes appends what e says, by the names in README.md, to dst. What the line
// does not say is left out.
func (e *Entry) Attributes(dst []Attribute) []Attribute {
	text := func(key, value string) {
		if value != "" {
			dst = append(dst, Attribute{Key: key, String: value})
		}
	}
	integer := func(key string, value int64) { dst = append(dst, Attribute{Key: key, Kind: Int, Int: value}) }
	float := func(key string, value float64) {
		if value >= 0 {
			dst = append(dst, Attribute{Key: key, Kind: Float, Float: value})
		}
	}

	text("client.address", e.ClientAddress)
	if e.ClientPort > 0 {
		integer("client.port", e.ClientPort)
	}
	text("user.name", e.User)
	text("http.log.ident", e.Ident)
	if e.Method != "" {
		if isKnownMethod(e.Method) {
			text("http.request.method", e.Method)
		} else {
			text("http.request.method", otherMethod)
			text("http.request.method_original", e.Method)
		}
		text("network.protocol.name", "http")
	}
	text("network.protocol.version", e.Version)
	text("url.full", e.URL)
	text("url.scheme", e.Scheme)
	text("url.path", e.Path)
	text("url.query", e.Query)
	text("http.request.line", e.Request)
	if e.Status > 0 {
		integer("http.response.status_code", e.Status)
	}
	if e.ResponseSize >= 0 {
		integer("http.response.body.size", e.ResponseSize)
	}
	if e.RequestSize >= 0 {
		if e.RequestTotal {
			integer("http.request.size", e.RequestSize)
		} else {
			integer("http.request.body.size", e.RequestSize)
		}
	}
	float("http.server.request.duration", e.Duration)
	float("http.upstream.duration", e.UpstreamDuration)
	text("http.upstream.address", e.Upstream)
	text("http.request.header.referer", e.Referer)
	text("user_agent.original", e.UserAgent)
	text("http.request.header.x-forwarded-for", e.XForwardedFor)
	text("request.id", e.RequestID)
	host, port := splitAuthority(e.Authority)
	text("server.address", host)
	if port > 0 {
		integer("server.port", port)
	}
	text("envoy.response_flags", e.ResponseFlags)
	text("http.log.extra", e.Extra)
	return dst
}

// isKnownMethod knows those of RFC 9110 and RFC 5789, as the conventions do.
func isKnownMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return true
	}
	return false
}

// splitAuthority takes the port off a host, if it is one from 1 to 65535.
func splitAuthority(s string) (host string, port int64) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || colon != strings.IndexByte(s, ':') && s[colon-1] != ']' || !isNumber(s[colon+1:]) || colon == 0 {
		return s, 0
	}
	if port = number(s[colon+1:]); port == 0 || port > 65535 {
		return s, 0
	}
	return s[:colon], port
}
