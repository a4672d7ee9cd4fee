package accesslog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// values are the attributes by name.
func values(e *Entry) map[string]any {
	m := map[string]any{}
	for _, a := range e.Attributes(nil) {
		switch a.Kind {
		case String:
			m[a.Key] = a.String
		case Int:
			m[a.Key] = a.Int
		case Float:
			m[a.Key] = a.Float
		}
	}
	return m
}

// TestLines has the lines that the project promises to understand.
func TestLines(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "lines.jsonl"))
	require.NoError(t, err)
	n := 0
	for s := bufio.NewScanner(bytes.NewReader(file)); s.Scan(); {
		var c struct {
			Kind, Line string
			Want       struct {
				Time       string
				Attributes map[string]any
			}
		}
		require.NoError(t, json.Unmarshal(s.Bytes(), &c))
		if c.Kind != "access" {
			continue
		}
		n++
		var e Entry
		require.True(t, Parse(c.Line, nil, &e), c.Line)
		assert.Equal(t, c.Want.Time, time.Unix(0, int64(e.Time.UnixNano)).UTC().Format(time.RFC3339))
		got := values(&e)
		for key, want := range c.Want.Attributes {
			assert.EqualValues(t, want, got[key], key)
		}
	}
	assert.Equal(t, 1, n)
}

func TestParse(t *testing.T) {
	const at = "2000-10-10T20:55:36Z"
	f := func(line string, format Format, want map[string]any) {
		t.Helper()
		for _, line := range []string{line, line + "\r\n"} {
			var e Entry
			require.True(t, Parse(line, nil, &e), line)
			assert.Equal(t, format, e.Format, line)
			assert.True(t, e.HasTime)
			assert.Equal(t, at, time.Unix(0, int64(e.Time.UnixNano)).UTC().Truncate(time.Second).Format(time.RFC3339), line)
			assert.Equal(t, want, values(&e), line)
		}
	}
	type m = map[string]any
	const stamp = "[10/Oct/2000:13:55:36 -0700]"

	// Apache and nginx.
	f(`127.0.0.1 - frank `+stamp+` "GET /apache_pb.gif?a=1&b=%20 HTTP/1.0" 200 2326`, Common, m{
		"client.address": "127.0.0.1", "user.name": "frank", "http.request.method": "GET", "url.path": "/apache_pb.gif", "url.query": "a=1&b=%20",
		"network.protocol.name": "http", "network.protocol.version": "1.0", "http.response.status_code": int64(200), "http.response.body.size": int64(2326),
	})
	f(`2001:db8::1 ident mary ann `+stamp+` "POST / HTTP/2.0" 404 - "-" "curl/8.0 \"x\" \\ \x41"`, Combined, m{
		"client.address": "2001:db8::1", "http.log.ident": "ident", "user.name": "mary ann", "http.request.method": "POST", "url.path": "/",
		"network.protocol.name": "http", "network.protocol.version": "2", "http.response.status_code": int64(404), "user_agent.original": `curl/8.0 "x" \ A`,
	})
	f(`shop.example:443 10.0.0.1 - - `+stamp+` "GET http://other:81/a?b HTTP/1.1" 200 0 "http://ref/" "-"`, Combined, m{
		"server.address": "shop.example", "server.port": int64(443), "client.address": "10.0.0.1", "http.request.method": "GET", "url.full": "http://other:81/a?b",
		"url.scheme": "http", "url.path": "/a", "url.query": "b", "network.protocol.name": "http", "network.protocol.version": "1.1",
		"http.response.status_code": int64(200), "http.response.body.size": int64(0), "http.request.header.referer": "http://ref/",
	})
	f(`h - - `+stamp+` "CONNECT other:443 HTTP/1.1" 200 1`, Common, m{
		"client.address": "h", "http.request.method": "CONNECT", "url.full": "other:443", "server.address": "other", "server.port": int64(443),
		"network.protocol.name": "http", "network.protocol.version": "1.1", "http.response.status_code": int64(200), "http.response.body.size": int64(1),
	})
	f(`h - - `+stamp+` "OPTIONS * HTTP/1.1" 200 1`, Common, m{
		"client.address": "h", "http.request.method": "OPTIONS", "url.path": "*", "network.protocol.name": "http", "network.protocol.version": "1.1",
		"http.response.status_code": int64(200), "http.response.body.size": int64(1),
	})
	f(`h - - `+stamp+` "PROPFIND /dav HTTP/1.1" 207 1`, Common, m{
		"client.address": "h", "http.request.method": "_OTHER", "http.request.method_original": "PROPFIND", "url.path": "/dav", "network.protocol.name": "http",
		"network.protocol.version": "1.1", "http.response.status_code": int64(207), "http.response.body.size": int64(1),
	})
	f(`h - - `+stamp+` "GET /old" 200 1`, Common, m{
		"client.address": "h", "http.request.method": "GET", "url.path": "/old", "network.protocol.name": "http",
		"http.response.status_code": int64(200), "http.response.body.size": int64(1),
	})
	f(`h - - `+stamp+` "GET /with a blank HTTP/1.1" 400 1`, Common, m{
		"client.address": "h", "http.request.method": "GET", "url.path": "/with a blank", "network.protocol.name": "http", "network.protocol.version": "1.1",
		"http.response.status_code": int64(400), "http.response.body.size": int64(1),
	})

	// What is no request of HTTP.
	for _, request := range []string{`\x16\x03\x01\x02`, `GET`, `SSH-2.0-x`, `GET  HTTP/1.1`, `\"GET / HTTP/1.1`, `hello there all`, `GET / HTTP/9.9`} {
		f(`h - - `+stamp+` "`+request+`" 400 0 "-" "-"`, Combined, m{
			"client.address": "h", "http.request.line": request, "http.response.status_code": int64(400), "http.response.body.size": int64(0),
		})
	}
	f(`h - - `+stamp+` "-" 408 - "-" "-"`, Combined, m{"client.address": "h", "http.response.status_code": int64(408)})
	f(`h - - `+stamp+` "" 400 0 "-" "-"`, Combined, m{"client.address": "h", "http.response.status_code": int64(400), "http.response.body.size": int64(0)})
	f(`- - - `+stamp+` "-" - -`, Common, m{})

	// Behind the user agent.
	const base = `h - - ` + stamp + ` "-" 200 1 "-" "-"`
	with := func(more m) m {
		more["client.address"], more["http.response.status_code"], more["http.response.body.size"] = "h", int64(200), int64(1)
		return more
	}
	f(base+` "10.0.0.1, 2001:db8::1"`, Combined, with(m{"http.request.header.x-forwarded-for": "10.0.0.1, 2001:db8::1"}))
	f(base+` "-"`, Combined, with(m{}))
	f(base+` "-" 0.123 0.100`, Combined, with(m{"http.server.request.duration": 0.123, "http.upstream.duration": 0.1}))
	f(base+` rt=0.123 urt="0.100"`, Combined, with(m{"http.server.request.duration": 0.123, "http.upstream.duration": 0.1}))
	f(base+` 0.123 -`, Combined, with(m{"http.server.request.duration": 0.123, "http.log.extra": "-"}))
	f(base+` 1234`, Combined, with(m{"http.log.extra": "1234"}))
	f(base+` "quoted thing" x`, Combined, with(m{"http.log.extra": `"quoted thing" x`}))
	f(base+` "open`, Combined, with(m{"http.log.extra": `"open`}))
	f(`h - - `+stamp+` "-" 200 1 0.123`, Common, with(m{"http.server.request.duration": 0.123}))
	f(`h - - `+stamp+` "-" 200 1 "only"`, Common, with(m{"http.log.extra": `"only"`}))
	f(base+` 512 0.003 [default-web-80] [] 10.0.0.2:80, 10.0.0.3:80 12, 13 0.002, 0.001 502, 200 abc123`, Ingress, with(m{
		"http.request.size": int64(512), "http.server.request.duration": 0.003, "http.upstream.address": "10.0.0.2:80, 10.0.0.3:80", "request.id": "abc123",
		"http.log.extra": "[default-web-80] [] 12, 13 0.002, 0.001 502, 200",
	}))

	// Envoy and Istio.
	const envoy = `[2000-10-10T20:55:36.310Z] "POST /api/v1/x?y HTTP/2" 204 - `
	f(envoy+`154 0 226 100 "10.0.35.28" "nsq "http"" "cc21d9b0" "locations:80" "tcp://10.0.2.1:80"`, Envoy, m{
		"http.request.method": "POST", "url.path": "/api/v1/x", "url.query": "y", "network.protocol.name": "http", "network.protocol.version": "2",
		"http.response.status_code": int64(204), "http.request.body.size": int64(154), "http.response.body.size": int64(0), "http.server.request.duration": 0.226,
		"http.upstream.duration": 0.1, "http.request.header.x-forwarded-for": "10.0.35.28", "user_agent.original": `nsq "http"`, "request.id": "cc21d9b0",
		"server.address": "locations", "server.port": int64(80), "http.upstream.address": "tcp://10.0.2.1:80",
	})
	f(`[2000-10-10T20:55:36.310Z] "- - HTTP/1.1" 0 DC 0 0 1 - "-" "-" "-" "-" "-"`, Envoy, m{
		"http.request.line": "- - HTTP/1.1", "envoy.response_flags": "DC", "http.request.body.size": int64(0), "http.response.body.size": int64(0), "http.server.request.duration": 0.001,
	})
	f(`[2000-10-10T20:55:36.310Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 1 2 1 "-" "ua" "id" "a" "10.0.0.1:80" inbound|80|| 127.0.0.6:1 10.0.0.1:80 10.0.0.9:1 - default`, Istio, m{
		"http.request.method": "GET", "url.path": "/", "network.protocol.name": "http", "network.protocol.version": "1.1", "http.response.status_code": int64(200),
		"http.request.body.size": int64(0), "http.response.body.size": int64(1), "http.server.request.duration": 0.002, "http.upstream.duration": 0.001,
		"user_agent.original": "ua", "request.id": "id", "server.address": "a", "http.upstream.address": "10.0.0.1:80",
		"http.log.extra": `via_upstream - "-" inbound|80|| 127.0.0.6:1 10.0.0.1:80 10.0.0.9:1 - default`,
	})
}

// TestZone has werkzeug's time, which names none.
func TestZone(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	var e Entry
	require.True(t, Parse(`127.0.0.1 - - [09/Apr/2026 10:15:30] "GET / HTTP/1.1" 200 -`, newYork, &e))
	assert.True(t, e.Time.Guessed)
	assert.Equal(t, "2026-04-09T14:15:30Z", time.Unix(0, int64(e.Time.UnixNano)).UTC().Format(time.RFC3339))
	require.True(t, Parse(`127.0.0.1 - - [09/Apr/2026:10:15:30 +0530] "GET / HTTP/1.1" 200 -`, newYork, &e))
	assert.False(t, e.Time.Guessed)
	assert.Equal(t, "2026-04-09T04:45:30Z", time.Unix(0, int64(e.Time.UnixNano)).UTC().Format(time.RFC3339))
}

func TestRefuses(t *testing.T) {
	for _, line := range []string{
		"", " ", "\n", "plain", "[", "[1", "[10:15:30] x", `[10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1`, `[2026-04-09T10:15:30Z] "GET / HTTP/1.1" 200`,
		`h - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1`, `h - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" OK 1`, `h - - [10/Oct/2000:13:55:36 -0700] "-" 2000 1`,
		`h - - [10/Oct/2000:13:55:36 -0700] "-" 200 x`, `h - - [10/Oct/2000:13:55:36 -0700] "-" 200`, `h - - [32/Oct/2000:13:55:36 -0700] "-" 200 1`,
		`h - - [31/Apr/2000:13:55:36 -0700] "-" 200 1`, `h - - [10/Okt/2000:13:55:36 -0700] "-" 200 1`, `h - - [10/Oct/2000:13:55:36 0700] "-" 200 1`,
		`h - - [10/Oct/2000:13:55:36 PDT] "-" 200 1`, `h - - [10/Oct/2000:24:55:36 -0700] "-" 200 1`, `h - [10/Oct/2000:13:55:36 -0700] "-" 200 1`,
		`"h - - [10/Oct/2000:13:55:36 -0700] "-" 200 1`, `{"a":"h - - [10/Oct/2000:13:55:36 -0700] \"-\" 200 1"}`,
		`h - - [10/Oct/2000:13:55:36 -0700]"-" 200 1`, `[2026-04-09T10:15:30Z] "-" 200 - 1 2 3`, `[2026-04-09T10:15:30Z] "-" 200 - 1 2 3 4 "-" "-" "-" "-"`,
		strings.Repeat("x", 2000) + ` - - [10/Oct/2000:13:55:36 -0700] "-" 200 1`,
	} {
		e := Entry{Method: "left over"}
		assert.False(t, Parse(line, nil, &e), line)
		assert.Zero(t, e, line)
	}
}

func TestUnescape(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "plain": "plain", `\"`: `"`, `\\`: `\`, `\n\r\t\b\v`: "\n\r\t\b\v", `\x22\x5C\xc3\xA9`: "\"\\é", `\xff`: `\xff`, `\`: `\`, `a\`: `a\`,
		`\x`: `\x`, `\x2`: `\x2`, `\xgg`: `\xgg`, `\q`: `\q`,
	} {
		assert.Equal(t, want, unescape(s), s)
	}
}

func TestParseAllocations(t *testing.T) {
	var e Entry
	attributes := make([]Attribute, 0, 32)
	line := `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b HTTP/1.0" 200 2326 "http://x/" "Mozilla/4.08"`
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		Parse(line, nil, &e)
		attributes = e.Attributes(attributes[:0])
	}))
	assert.NotEmpty(t, attributes)
}

func TestSplitAuthority(t *testing.T) {
	f := func(s, host string, port int64) {
		t.Helper()
		gotHost, gotPort := splitAuthority(s)
		assert.Equal(t, host, gotHost)
		assert.Equal(t, port, gotPort)
	}
	f("", "", 0)
	f("a", "a", 0)
	f("a:80", "a", 80)
	f("a:65535", "a", 65535)
	f("a:65536", "a:65536", 0)
	f("a:0", "a:0", 0)
	f("a:", "a:", 0)
	f(":80", ":80", 0)
	f("[2001:db8::1]:80", "[2001:db8::1]", 80)
	f("2001:db8::1", "2001:db8::1", 0)
	f("::1", "::1", 0)
}
