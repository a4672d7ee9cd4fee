package integration

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestTLSOfListeners: each listener of TCP with TLS and with mutual TLS, to senders with
// every kind of certificate. Of those that are refused, nothing reaches the sink.
func TestTLSOfListeners(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	a.issue(t, "server")
	sink := harness.NewSink(t)
	listeners := func(prefix, set string) string {
		return fmt.Sprintf(`
		  logfmt/%[1]s: {tcp: {endpoint: {{addr "%[1]s logfmt_tcp"}}, tls: %[2]s}, http: {endpoint: {{addr "%[1]s logfmt_http"}}, tls: %[2]s}}
		  otlp/%[1]s: {protocols: {grpc: {endpoint: {{addr "%[1]s otlp_grpc"}}, tls: %[2]s}, http: {endpoint: {{addr "%[1]s otlp_http"}}, tls: %[2]s}}}`, prefix, set)
	}
	col := harness.Start(t, `
		receivers:`+
		listeners("tls", a.server(""))+
		listeners("mutual", a.server(", client_ca_file: "+a.ca()))+
		listeners("strict", a.server(", min_version: '1.3'"))+
		listenersToSink("logfmt/tls, otlp/tls, logfmt/mutual, otlp/mutual, logfmt/strict, otlp/strict"), harness.With("sink", sink))

	old := a.trusting(a.issue(t, "client"))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	tls12 := a.trusting(a.issue(t, "client"))
	tls12.MaxVersion = tls.VersionTLS12
	other := a.trusting()
	other.ServerName = "elsewhere.example"
	senders := []struct {
		name                string
		as                  *tls.Config
		tls, mutual, strict bool // whether each kind of listener lets it in
	}{
		{"right certificate", a.trusting(a.issue(t, "client")), true, true, true},
		{"no certificate", a.trusting(), true, false, true},
		{"certificate of another authority", a.trusting(stranger.issue(t, "client")), true, false, true},
		{"expired certificate", a.trusting(a.issue(t, "expired", expired)), true, false, true},
		{"certificate that is not yet valid", a.trusting(a.issue(t, "early", notYetValid)), true, false, true},
		{"certificate for servers only", a.trusting(a.issue(t, "usage", forServersOnly)), true, false, true},
		{"TLS 1.2", tls12, true, true, false},
		{"TLS 1.1", old, false, false, false},
		{"plain text", nil, false, false, false},
		{"a sender who trusts another authority", stranger.trusting(), false, false, false},
		{"a sender who wants another name", other, false, false, false},
	}
	var mu sync.Mutex
	var let []string
	t.Run("senders", func(t *testing.T) {
		for _, s := range senders {
			for name, try := range attempts {
				for kind, welcome := range map[string]bool{"tls": s.tls, "mutual": s.mutual, "strict": s.strict} {
					t.Run(strings.Join([]string{kind, name, s.name}, "/"), func(t *testing.T) {
						body := strings.ReplaceAll(strings.Join([]string{kind, name, s.name}, "-"), " ", "-")
						var config *tls.Config
						if s.as != nil {
							config = s.as.Clone()
						}
						err := try(t.Context(), col.Addr(t, kind+" "+name), body, credential{tls: config})
						if !welcome {
							require.ErrorIs(t, err, errRefused)
							return
						}
						require.NoError(t, err)
						mu.Lock()
						defer mu.Unlock()
						let = append(let, body)
					})
				}
			}
		}
	})
	require.Len(t, let, 4*(7+2+6))
	requireBodies(t, sink, let)
	col.Stop(t)
}

// TestBadServers: exporters do not send to a server that does not show who it is.
func TestBadServers(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	type server struct {
		name string
		cert tls.Certificate
		said string
	}
	servers := []server{
		{"right", a.issue(t, "right"), ""},
		{"stranger", stranger.issue(t, "stranger"), "certificate signed by unknown authority"},
		{"expired", a.issue(t, "expired", expired), "certificate has expired or is not yet valid"},
		{"early", a.issue(t, "early", notYetValid), "certificate has expired or is not yet valid"},
		{"name", a.issue(t, "name", forAnotherName), "certificate is valid for elsewhere.example, not localhost"},
		{"plain", tls.Certificate{}, "server gave HTTP response to HTTPS client"},
	}
	got := map[string]*requestCount{}
	var receivers, exporters, pipelines strings.Builder
	for _, s := range servers {
		count := &requestCount{}
		got[s.name] = count
		target := httptest.NewUnstartedServer(count)
		target.Config.ErrorLog = log.New(io.Discard, "", 0)
		if s.name == "plain" {
			target.Start()
		} else {
			target.TLS = &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12}
			target.StartTLS()
		}
		t.Cleanup(target.Close)
		_, port, err := net.SplitHostPort(target.Listener.Addr().String())
		require.NoError(t, err)
		fmt.Fprintf(&receivers, "\n  logfmt/%s: {http: {endpoint: {{addr %q}}}}", s.name, s.name)
		fmt.Fprintf(&exporters, "\n  otlp_http/%s: {endpoint: 'https://localhost:%s', tls: {ca_file: %s}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}", s.name, port, a.ca())
		fmt.Fprintf(&pipelines, "\n    logs/%[1]s: {receivers: [logfmt/%[1]s], exporters: [otlp_http/%[1]s]}", s.name)
	}
	col := harness.Start(t, "receivers:"+receivers.String()+"\nexporters:"+exporters.String()+"\nservice:\n  pipelines:"+pipelines.String())
	for _, s := range servers {
		err := overLogfmtHTTP(t.Context(), col.Addr(t, s.name), "secret-of-"+s.name, credential{})
		if s.said == "" {
			require.NoError(t, err)
			assert.Equal(t, 1, got[s.name].count(), s.name)
			continue
		}
		require.ErrorContains(t, err, "503", s.name)
		col.WaitOutput(t, s.said, time.Minute)
		assert.Zero(t, got[s.name].count(), s.name)
	}
	col.Stop(t)
}

// requestCount counts the requests of exporters.
type requestCount struct {
	mu sync.Mutex
	n  int
}

func (c *requestCount) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *requestCount) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// TestAuthenticationOfListeners: bearer tokens and passwords on each listener of HTTP and
// gRPC. Senders that are not let in see 401, or Unauthenticated.
func TestAuthenticationOfListeners(t *testing.T) {
	t.Parallel()
	const token, user, password = "t0ken-of-the-agents", "agent", "pass:word"
	sink := harness.NewSink(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token), 0o600))
	listeners := func(kind string) string {
		return fmt.Sprintf(`
		  logfmt/%[1]s: {http: {endpoint: {{addr "%[1]s logfmt_http"}}, auth: {authenticator: %[1]s}}}
		  otlp/%[1]s: {protocols: {grpc: {endpoint: {{addr "%[1]s otlp_grpc"}}, auth: {authenticator: %[1]s}}, http: {endpoint: {{addr "%[1]s otlp_http"}}, auth: {authenticator: %[1]s}}}}`, kind)
	}
	col := harness.Start(t, `
		extensions:
		  bearertokenauth: {filename: {{.file}}}
		  basicauth: {htpasswd: {inline: '${env:AGENT_USER}:${env:AGENT_PASSWORD}'}}
		receivers:`+listeners("bearertokenauth")+listeners("basicauth")+
		strings.ReplaceAll(listenersToSink("logfmt/bearertokenauth, otlp/bearertokenauth, logfmt/basicauth, otlp/basicauth"), "service:", "service:\n\t\t  extensions: [bearertokenauth, basicauth]"),
		harness.With("sink", sink), harness.With("file", file), harness.WithEnv("AGENT_USER="+user, "AGENT_PASSWORD="+password))

	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for kind, senders := range map[string][]struct {
		name          string
		authorization []string
		welcome       bool
	}{
		"bearertokenauth": {
			{"right", []string{"Bearer " + token}, true},
			{"wrong", []string{"Bearer another-t0ken"}, false},
			{"none", nil, false},
			{"empty", []string{""}, false},
			{"scheme alone", []string{"Bearer "}, false},
			{"without a scheme", []string{token}, false},
			{"another scheme", []string{"Basic " + token}, false},
			{"beginning of it", []string{"Bearer " + token[:len(token)-1]}, false},
			{"more than it", []string{"Bearer " + token + "x"}, false},
			{"blank in it", []string{"Bearer  " + token}, false},
			{"in capitals", []string{"Bearer " + strings.ToUpper(token)}, false},
			{"wrong and then right", []string{"Bearer wrong", "Bearer " + token}, false},
			{"password", []string{basic(user, password)}, false},
		},
		"basicauth": {
			{"right", []string{basic(user, password)}, true},
			{"wrong password", []string{basic(user, "password")}, false},
			{"wrong user", []string{basic("another", password)}, false},
			{"no password", []string{basic(user, "")}, false},
			{"nobody", []string{basic("", "")}, false},
			{"blank behind", []string{basic(user, password+" ")}, false},
			{"beginning of it", []string{basic(user, "pass")}, false},
			{"no base64", []string{"Basic " + user + ":" + password}, false},
			{"none", nil, false},
			{"token", []string{"Bearer " + token}, false},
		},
	} {
		for _, s := range senders {
			for name, try := range attempts {
				if name == "logfmt_tcp" {
					continue // tcp has no header: TestTLSOfListeners has its means
				}
				body := strings.ReplaceAll(strings.Join([]string{kind, name, s.name}, "-"), " ", "-")
				err := try(t.Context(), col.Addr(t, kind+" "+name), body, credential{authorization: s.authorization})
				if s.welcome {
					require.NoError(t, err, body)
				} else {
					require.ErrorIs(t, err, errRefused, body)
				}
			}
		}
	}
	// Blanks at the end of a header are no part of it: HTTP takes them away.
	require.NoError(t, overLogfmtHTTP(t.Context(), col.Addr(t, "bearertokenauth logfmt_http"), "blank", credential{authorization: []string{"Bearer " + token + " "}}))
	require.ErrorIs(t, overOTLPGRPC(t.Context(), col.Addr(t, "bearertokenauth otlp_grpc"), "blank", credential{authorization: []string{"Bearer " + token + "x "}}), errRefused)

	var want []string
	for _, kind := range []string{"bearertokenauth", "basicauth"} {
		for _, name := range []string{"logfmt_http", "otlp_grpc", "otlp_http"} {
			want = append(want, kind+"-"+name+"-right")
		}
	}
	requireBodies(t, sink, append(want, "blank"))
	for _, secret := range []string{token, password, basic(user, password)} {
		assert.NotContains(t, col.Output(), secret)
	}
	col.Stop(t)
}

// TestCredentialsAreReloaded: a server's certificate, the authority of its clients and a
// bearer token are changed in their files, and hold without a restart. Who was let in
// before is not any more.
func TestCredentialsAreReloaded(t *testing.T) {
	t.Parallel()
	a, next := newAuthority(t), newAuthority(t)
	a.issue(t, "server")
	client, nextClient := a.issue(t, "client"), next.issue(t, "client")
	sink := harness.NewSink(t)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("first"), 0o600))
	set := a.server(", client_ca_file: " + a.ca() + ", client_ca_file_reload: true, reload_interval: 10ms")
	col := harness.Start(t, fmt.Sprintf(`
		extensions:
		  bearertokenauth: {filename: %[2]s}
		receivers:
		  logfmt: {tcp: {endpoint: {{addr "logfmt_tcp"}}, tls: %[1]s}, http: {endpoint: {{addr "logfmt_http"}}, tls: %[1]s, auth: {authenticator: bearertokenauth}}}
		  otlp: {protocols: {grpc: {endpoint: {{addr "otlp_grpc"}}, tls: %[1]s, auth: {authenticator: bearertokenauth}}, http: {endpoint: {{addr "otlp_http"}}, tls: %[1]s, auth: {authenticator: bearertokenauth}}}}`, set, token)+
		strings.ReplaceAll(listenersToSink("logfmt, otlp"), "service:", "service:\n\t\t  extensions: [bearertokenauth]"),
		harness.With("sink", sink))
	pid := col.PID()
	// As a client that takes any server, so that it sees which certificate that has.
	serverOf := func(addr string) []byte {
		conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{client, nextClient}}}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return nil
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
	}
	as := func(a *authority, cert tls.Certificate, token string) credential {
		return credential{tls: a.trusting(cert), authorization: []string{"Bearer " + token}}
	}
	var let []string
	send := func(name, what string, c credential) error {
		body := what + "-" + name
		err := attempts[name](t.Context(), col.Addr(t, name), body, c)
		if err == nil {
			let = append(let, body)
		} else {
			require.ErrorIs(t, err, errRefused, body)
		}
		return err
	}
	for name := range attempts {
		require.NoError(t, send(name, "before", as(a, client, "first")))
		require.Error(t, send(name, "before-next", as(a, nextClient, "first")))
	}

	newServer := a.issue(t, "server")
	for name := range attempts {
		require.Eventually(t, func() bool { return bytes.Equal(serverOf(col.Addr(t, name)), newServer.Certificate[0]) }, time.Minute, 10*time.Millisecond, name)
	}

	writePEM(t, a.ca(), "CERTIFICATE", next.cert.Raw)
	require.NoError(t, os.WriteFile(token+".new", []byte("second"), 0o600))
	require.NoError(t, os.Rename(token+".new", token))
	for name := range attempts {
		n := 0
		require.Eventually(t, func() bool {
			n++
			return send(name, fmt.Sprint("after-", n), as(a, nextClient, "second")) == nil
		}, time.Minute, 10*time.Millisecond, name)
		require.ErrorIs(t, send(name, "after-old", as(a, client, "second")), errRefused)
		if name != "logfmt_tcp" {
			require.Eventually(t, func() bool {
				n++
				return errors.Is(send(name, fmt.Sprint("old-token-", n), as(a, nextClient, "first")), errRefused)
			}, time.Minute, 10*time.Millisecond, name)
		}
	}
	assert.Equal(t, pid, col.PID())
	requireBodies(t, sink, let)
	col.Stop(t)
}
