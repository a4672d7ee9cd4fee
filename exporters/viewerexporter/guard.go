package viewerexporter

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Why a request is refused. The list is that of metadata.yaml.
const (
	reasonHost   = "host"
	reasonOrigin = "origin"
	reasonMethod = "method"
	reasonLogin  = "login"
	reasonLimit  = "limit"
)

const (
	cookiePrefix = "heartwood_viewer_"
	cookieAge    = 30 * 24 * time.Hour
	// policy lets the page have what this server has, and nothing else.
	policy = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)

// guard lets through who may read: what asks under a name of this server, from no other
// page, with the token.
type guard struct {
	next   http.Handler
	hosts  map[string]bool
	token  string // "" where an extension decides
	cookie string // its name
	secure bool
	refuse func(reason string)
}

// newToken makes a token of 256 random bits.
func newToken() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// cookieName has the port in it: browsers send cookies to every port of a host.
func cookieName(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return cookiePrefix + "unix"
	}
	return cookiePrefix + port
}

// session is what the cookie has in place of the token: it can't be turned back into it.
func (g *guard) session() string {
	mac := hmac.New(sha256.New, []byte(g.token))
	mac.Write([]byte("session of the viewer's page"))
	return hex.EncodeToString(mac.Sum(nil))
}

// same compares in a time that says nothing about either.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !g.known(r.Host):
		g.refuse(reasonHost)
		answerProblem(w, http.StatusMisdirectedRequest, "this is not a name of this server", "the page was asked for as "+printable(r.Host)+"; use localhost, an address, or add the name to allowed_hosts")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		g.refuse(reasonMethod)
		h.Set("Allow", "GET, HEAD")
		answerProblem(w, http.StatusMethodNotAllowed, "only GET and HEAD", "the API only reads")
	case g.foreign(r):
		g.refuse(reasonOrigin)
		answerProblem(w, http.StatusForbidden, "another page asks", "only this server's own page may use the API from a browser")
	case g.token == "":
		g.next.ServeHTTP(w, r)
	case r.URL.Query().Has("token"):
		g.login(w, r)
	case g.hasCookie(r) || same(bearer(r), g.token):
		g.next.ServeHTTP(w, r)
	case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate":
		// A link on another page: the browser keeps the cookie back until this page asks itself.
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0"><title>Heartwood</title>`))
	default:
		g.refuse(reasonLogin)
		g.askForToken(w, r, false)
	}
}

// known says whether a request's Host is this server. An address is: whoever lets a name of
// his point to this server has that name in the request.
func (g *guard) known(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, _, _ := strings.Cut(host, "%"); net.ParseIP(address) != nil {
		return true
	}
	return g.hosts[strings.TrimSuffix(strings.ToLower(host), ".")]
}

// foreign says whether a browser asks for another page. Programs send neither header.
func (g *guard) foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	// A link to the page, and what it leads to, is not the API.
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" || strings.HasPrefix(r.URL.Path, apiPath)
}

func (g *guard) hasCookie(r *http.Request) bool {
	for _, c := range r.CookiesNamed(g.cookie) {
		if same(c.Value, g.session()) {
			return true
		}
	}
	return false
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// login takes the token out of the URL, into a cookie.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !same(strings.TrimSpace(query.Get("token")), g.token) {
		g.refuse(reasonLogin)
		g.askForToken(w, r, true)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure where there is TLS; on localhost there is none
		Name: g.cookie, Value: g.session(), Path: "/", MaxAge: int(cookieAge / time.Second),
		HttpOnly: true, Secure: g.secure, SameSite: http.SameSiteStrictMode,
	})
	query.Del("token")
	to := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/"), RawQuery: query.Encode()}
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusSeeOther)
}

// loginPage needs neither script nor style.
const loginPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Heartwood: token needed</title></head>
<body><main><h1>Heartwood</h1>
<p>%ERROR%This page needs its token. It stands in the URL that otelcol-heartwood printed when it started, or is what <code>token</code> is in its configuration.</p>
<form method="get" action="/"><label>Token <input type="password" name="token" autocomplete="off" required autofocus></label> <button>Open</button></form>
</main></body></html>
`

// askForToken answers what has no token, or a wrong one.
func (g *guard) askForToken(w http.ResponseWriter, r *http.Request, wrong bool) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="heartwood viewer"`)
	if strings.HasPrefix(r.URL.Path, apiPath) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		answerProblem(w, http.StatusUnauthorized, "a token is needed", "send Authorization: Bearer and the token, which stands in the URL that was printed at the start, or in the configuration")
		return
	}
	text := ""
	if wrong {
		text = "<strong>That is not the token.</strong> "
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(strings.Replace(loginPage, "%ERROR%", text, 1)))
}

// printable is a text of a stranger's, for an answer.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > '~' {
			return '?'
		}
		return r
	}, s)
}
