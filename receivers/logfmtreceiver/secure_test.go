package logfmtreceiver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

// authority is a CA with a server's and a client's certificate, in files.
type authority struct {
	dir    string
	pool   *x509.CertPool
	client tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	dir := t.TempDir()
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return key
	}
	caKey := newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	write := func(name, kind string, der []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	require.NoError(t, err)
	write("ca.pem", "CERTIFICATE", caDER)
	issue := func(name string, serial int64) {
		key := newKey()
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, ca, &key.PublicKey, caKey)
		require.NoError(t, err)
		write(name+".pem", "CERTIFICATE", der)
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		write(name+".key", "PRIVATE KEY", keyDER)
	}
	issue("server", 2)
	issue("client", 3)
	a := &authority{dir: dir, pool: x509.NewCertPool()}
	caCert, err := x509.ParseCertificate(caDER)
	require.NoError(t, err)
	a.pool.AddCert(caCert)
	a.client, err = tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	require.NoError(t, err)
	return a
}

// config is the tls section of a listener; mutual asks for client certificates.
func (a *authority) config(mutual bool) string {
	more := ""
	if mutual {
		more = fmt.Sprintf(", client_ca_file: %s/ca.pem", a.dir)
	}
	return fmt.Sprintf("tls: {cert_file: %[1]s/server.pem, key_file: %[1]s/server.key%[2]s}", a.dir, more)
}

type credentials struct {
	name   string
	config *tls.Config // nil: no TLS at all
	right  bool        // for TLS that asks for no client certificate
	mutual bool        // for mutual TLS
}

func (a *authority) credentials(stranger *authority) []credentials {
	return []credentials{
		{"client of the authority", &tls.Config{RootCAs: a.pool, ServerName: "localhost", Certificates: []tls.Certificate{a.client}, MinVersion: tls.VersionTLS12}, true, true},
		{"client without a certificate", &tls.Config{RootCAs: a.pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}, true, false},
		{"client of another authority", &tls.Config{RootCAs: a.pool, ServerName: "localhost", Certificates: []tls.Certificate{stranger.client}, MinVersion: tls.VersionTLS12}, true, false},
		{"old TLS", &tls.Config{RootCAs: a.pool, ServerName: "localhost", Certificates: []tls.Certificate{a.client}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false, false},
		{"no TLS", nil, false, false},
	}
}

func TestTCPOverTLS(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	for _, mutual := range []bool{false, true} {
		for _, c := range a.credentials(stranger) {
			t.Run(fmt.Sprintf("mutual=%t/%s", mutual, c.name), func(t *testing.T) {
				welcome := c.right
				if mutual {
					welcome = c.mutual
				}
				s := newSink()
				g := start(t, s, "tcp: {endpoint: 'localhost:0', "+a.config(mutual)+"}\nbatch: {linger: 1ms}")
				conn := g.dial(t, "tcp")
				if c.config != nil {
					conn = tls.Client(conn, c.config)
				}
				_, err := conn.Write([]byte("msg=one\nmsg=two"))
				if err == nil {
					if secured, ok := conn.(*tls.Conn); ok {
						_ = secured.CloseWrite()
					} else {
						_ = conn.(*net.TCPConn).CloseWrite()
					}
					_, _ = conn.Read(make([]byte, 1))
				}
				_ = conn.Close()
				if welcome {
					require.NoError(t, err)
					assert.Equal(t, []string{"one", "two"}, texts(s.wait(t, 2)))
				}
				g.shutdown(t)
				if !welcome {
					assert.Zero(t, s.count(), "nothing of a stranger is taken")
				}
			})
		}
	}
}

// A lingering batch is handed over by a read that times out, after which the TLS
// connection must go on.
func TestTLSGoesOnAfterATimeout(t *testing.T) {
	a := newAuthority(t)
	s := newSink()
	g := start(t, s, "tcp: {endpoint: 'localhost:0', "+a.config(false)+"}\nbatch: {linger: 5ms}")
	conn := tls.Client(g.dial(t, "tcp"), a.credentials(a)[0].config)
	for i := range 5 {
		send(t, conn, "msg=x\n")
		s.wait(t, i+1)
	}
}

// A client that opens a connection and never shakes hands holds nothing up.
func TestTLSShutdownDuringHandshake(t *testing.T) {
	a := newAuthority(t)
	s := newSink()
	g := start(t, s, "tcp: {endpoint: 'localhost:0', "+a.config(false)+"}")
	conn := g.dial(t, "tcp")
	send(t, conn, "\x16\x03\x01")
	require.Eventually(t, func() bool { return g.metric(t, "connections") == 1 }, 5*time.Second, time.Millisecond)
	begin := time.Now()
	g.shutdown(t)
	assert.Less(t, time.Since(begin), 3*time.Second)
}

func TestTLSFilesThatAreMissing(t *testing.T) {
	for _, transport := range []string{"tcp", "http"} {
		cfg := parseConfig(t, transport+": {endpoint: 'localhost:0', tls: {cert_file: /nowhere/cert.pem, key_file: /nowhere/key.pem}}")
		r, err := newReceiver(nopSettings(), cfg, newSink())
		require.NoError(t, err)
		require.ErrorContains(t, r.Start(t.Context(), nopHost), "start "+transport+": load tls")
	}
}

func TestHTTPOverTLS(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	for _, mutual := range []bool{false, true} {
		for _, c := range a.credentials(stranger) {
			for _, http2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("mutual=%t/%s/http2=%t", mutual, c.name, http2), func(t *testing.T) {
					s := newSink()
					g := start(t, s, "http: {endpoint: 'localhost:0', "+a.config(mutual)+"}")
					scheme := "https"
					transport := &http.Transport{TLSClientConfig: c.config, ForceAttemptHTTP2: http2, DisableKeepAlives: true}
					if c.config == nil {
						scheme = "http"
					}
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+g.addr(t, "http"), strings.NewReader("msg=one"))
					require.NoError(t, err)
					resp, err := (&http.Client{Transport: transport}).Do(req)
					ok := err == nil && resp.StatusCode == http.StatusOK
					if err == nil {
						_ = resp.Body.Close()
					}
					transport.CloseIdleConnections()
					assert.Equal(t, mutual && c.mutual || !mutual && c.right, ok, "%v", err)
					if ok {
						s.wait(t, 1)
						if http2 {
							assert.Equal(t, 2, resp.ProtoMajor)
						}
					}
					g.shutdown(t)
				})
			}
		}
	}
}

// keeper is an authentication extension that knows one password.
type keeper struct {
	component.StartFunc
	component.ShutdownFunc
}

func (keeper) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	if h := headers["Authorization"]; len(h) == 1 && h[0] == "Basic "+"aGVyb2t1OnNlY3JldA==" {
		return ctx, nil
	}
	return ctx, errors.New("who are you?")
}

type hostWith struct {
	extensions map[component.ID]component.Component
}

func (h hostWith) GetExtensions() map[component.ID]component.Component { return h.extensions }

func TestHTTPAuthentication(t *testing.T) {
	s := newSink()
	host := hostWith{map[component.ID]component.Component{component.MustNewID("basicauth"): keeper{}}}
	g := start(t, s, "http: {endpoint: 'localhost:0', auth: {authenticator: basicauth}}", withHost(host))
	for _, tc := range []struct {
		user, password string
		status         int
	}{{"", "", 401}, {"heroku", "wrong", 401}, {"heroku", "secret", 200}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+g.addr(t, "http")+"/logs", strings.NewReader("msg=one"))
		require.NoError(t, err)
		if tc.user != "" {
			req.SetBasicAuth(tc.user, tc.password)
		}
		r, err := do(req)
		require.NoError(t, err)
		assert.Equal(t, tc.status, r.status)
	}
	s.wait(t, 1)

	r, err := newReceiver(nopSettings(), parseConfig(t, "http: {endpoint: 'localhost:0', auth: {authenticator: nobody}}"), newSink())
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), host), "start http")
}
