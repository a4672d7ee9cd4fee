package viewerexporter

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGuard(t *testing.T) {
	v := start(t, "allowed_hosts: [logs.example.com]")
	base := "http://" + v.core.server.address
	_, port, err := net.SplitHostPort(v.core.server.address)
	require.NoError(t, err)
	status := "/api/v1/status"
	for name, tc := range map[string]struct {
		method, path string
		headers      []string
		want         int
	}{
		"with the token":                     {"GET", status, nil, 200},
		"the scheme in another case":         {"GET", status, []string{"Authorization", "bEaReR " + testToken}, 200},
		"HEAD":                               {"HEAD", status, nil, 200},
		"no token":                           {"GET", status, []string{"Authorization", ""}, 401},
		"another token":                      {"GET", status, []string{"Authorization", "Bearer " + testToken + "x"}, 401},
		"a part of the token":                {"GET", status, []string{"Authorization", "Bearer " + testToken[:10]}, 401},
		"the token in another case":          {"GET", status, []string{"Authorization", "Bearer " + strings.ToUpper(testToken)}, 401},
		"another scheme":                     {"GET", status, []string{"Authorization", "Basic " + testToken}, 401},
		"an empty token":                     {"GET", status + "?token=", []string{"Authorization", ""}, 401},
		"a wrong token in the URL":           {"GET", "/?token=x", []string{"Authorization", ""}, 401},
		"a made-up cookie":                   {"GET", status, []string{"Authorization", "", "Cookie", cookiePrefix + port + "=" + testToken}, 401},
		"the page without a token":           {"GET", "/", []string{"Authorization", "", "Accept", "text/html"}, 401},
		"a file without a token":             {"GET", "/assets/x.js", []string{"Authorization", ""}, 401},
		"POST":                               {"POST", status, nil, 405},
		"DELETE":                             {"DELETE", "/api/v1/records/1", nil, 405},
		"OPTIONS of another page":            {"OPTIONS", status, []string{"Origin", "http://evil.example", "Access-Control-Request-Method", "GET"}, 405},
		"localhost":                          {"GET", status, []string{"Host", "localhost:" + port}, 200},
		"localhost with a dot, in capitals":  {"GET", status, []string{"Host", "LOCALHOST.:" + port}, 200},
		"an allowed name":                    {"GET", status, []string{"Host", "logs.example.com"}, 200},
		"an address":                         {"GET", status, []string{"Host", "127.0.0.1:" + port}, 200},
		"an IPv6 address":                    {"GET", status, []string{"Host", "[::1]:" + port}, 200},
		"a name that was bound to us":        {"GET", status, []string{"Host", "evil.example:" + port}, 421},
		"a name that begins like ours":       {"GET", status, []string{"Host", "localhost.evil.example"}, 421},
		"a name that ends like ours":         {"GET", status, []string{"Host", "evil-logs.example.com"}, 421},
		"no name":                            {"GET", status, []string{"Host", ":" + port}, 421},
		"another page's request":             {"GET", status, []string{"Origin", "http://evil.example"}, 403},
		"another port's page":                {"GET", status, []string{"Origin", "http://localhost:1"}, 403},
		"a page of no origin":                {"GET", status, []string{"Origin", "null"}, 403},
		"its own page":                       {"GET", status, []string{"Origin", base, "Sec-Fetch-Site", "same-origin"}, 200},
		"another page's image":               {"GET", status, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		"another page's frame":               {"GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		"a link to the API of another page":  {"GET", status, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		"a page of another name of the site": {"GET", status, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"typed by a person":                  {"GET", status, []string{"Sec-Fetch-Site", "none"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			answer := v.request(t, tc.method, base+tc.path, tc.headers...)
			assert.Equal(t, tc.want, answer.StatusCode, "%s", answer.body)
			for header, want := range map[string]string{
				"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				assert.Equal(t, want, answer.Header.Get(header))
			}
			assert.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
			assert.NotContains(t, answer.body, testToken)
			if tc.want != http.StatusOK {
				assert.NotContains(t, answer.body, "max_bytes")
			}
		})
	}
}

func TestLogin(t *testing.T) {
	v := start(t, "")
	base := "http://" + v.core.server.address
	answer := v.request(t, http.MethodGet, base+"/?token="+testToken+"&query=level%3Aerror", "Authorization", "")
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	assert.Equal(t, "/?query=level%3Aerror", answer.Header.Get("Location"), "without the token")
	require.Len(t, answer.Cookies(), 1)
	c := answer.Cookies()[0]
	assert.True(t, c.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, c.SameSite)
	assert.NotContains(t, c.Value, testToken)
	answer = v.request(t, http.MethodGet, v.url("status"), "Authorization", "", "Cookie", c.Name+"="+c.Value)
	assert.Equal(t, http.StatusOK, answer.StatusCode)

	// A token in the URL leads nowhere else.
	answer = v.request(t, http.MethodGet, base+"//evil.example/?token="+testToken, "Authorization", "")
	if location := answer.Header.Get("Location"); location != "" {
		assert.True(t, strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//"), location)
	}

	// A link on another page comes without the cookie at first.
	answer = v.request(t, http.MethodGet, base+"/?query=x", "Authorization", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	assert.Contains(t, answer.body, `http-equiv="refresh"`)

	answer = v.request(t, http.MethodGet, base+"/?token=wrong", "Authorization", "", "Accept", "text/html")
	assert.Contains(t, answer.body, "That is not the token.")
	assert.NotContains(t, answer.body, "<script")
}

func TestTokens(t *testing.T) {
	a, b := newToken(), newToken()
	assert.NotEqual(t, a, b)
	assert.Len(t, a, 43, "256 bits")
	v := start(t, "")
	assert.NotContains(t, v.core.server.url(false), testToken, "one of the configuration is not printed")
}
