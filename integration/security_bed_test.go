package integration

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// authority is a CA of a test, with the certificates it issues in a folder.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	pool *x509.CertPool
}

var serials atomic.Int64

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return key
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	a := &authority{dir: tb.TempDir(), key: newKey(tb), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: fmt.Sprintf("authority %d", serials.Load())},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(tb, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(tb, err)
	a.pool.AddCert(a.cert)
	writePEM(tb, a.ca(), "CERTIFICATE", der)
	return a
}

func writePEM(tb testing.TB, path, kind string, der []byte) {
	tb.Helper()
	// Whole at once: a reader of a certificate that is changed sees the old or the new one.
	require.NoError(tb, os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	require.NoError(tb, os.Rename(path+".new", path))
}

func (a *authority) ca() string                { return filepath.Join(a.dir, "ca.pem") }
func (a *authority) certOf(name string) string { return filepath.Join(a.dir, name+".pem") }
func (a *authority) keyOf(name string) string  { return filepath.Join(a.dir, name+".key") }

// issue makes a certificate for localhost and both ends of a connection, with changes.
func (a *authority) issue(tb testing.TB, name string, changes ...func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, change := range changes {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(tb, err)
	writePEM(tb, a.certOf(name), "CERTIFICATE", der)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	writePEM(tb, a.keyOf(name), "PRIVATE KEY", keyDER)
	pair, err := tls.LoadX509KeyPair(a.certOf(name), a.keyOf(name))
	require.NoError(tb, err)
	return pair
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-24*time.Hour), time.Now().Add(-time.Hour)
}

func notYetValid(c *x509.Certificate) {
	c.NotBefore = time.Now().Add(time.Hour)
}

func forAnotherName(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"elsewhere.example"}, nil
}

func forServersOnly(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

// trusting is what a client of this authority's servers has.
func (a *authority) trusting(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: a.pool, ServerName: "localhost", Certificates: certificates, MinVersion: tls.VersionTLS12}
}

// server is the tls section of a listener, with more fields.
func (a *authority) server(more string) string {
	return fmt.Sprintf("{cert_file: %s, key_file: %s%s}", a.certOf("server"), a.keyOf("server"), more)
}

// errRefused is that of an attempt which the listener refuses for who it comes from.
var errRefused = errors.New("refused")

// credential is what a sender shows.
type credential struct {
	tls           *tls.Config // nil: plain text
	authorization []string
}

// attempt sends one record with a body to a listener, and gives an error when it is not
// taken: errRefused where the listener says so.
type attempt func(ctx context.Context, addr, body string, as credential) error

// attempts by the names of listeners in the configurations of these tests.
var attempts = map[string]attempt{
	"logfmt_tcp":  overLogfmtTCP,
	"logfmt_http": overLogfmtHTTP,
	"otlp_grpc":   overOTLPGRPC,
	"otlp_http":   overOTLPHTTP,
}

func overLogfmtTCP(ctx context.Context, addr, body string, as credential) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	type halfCloser interface{ CloseWrite() error }
	end, _ := conn.(halfCloser)
	if as.tls != nil {
		secured := tls.Client(conn, as.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		conn, end = secured, secured
	}
	if _, err := io.WriteString(conn, "msg="+body+"\n"); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	_ = end.CloseWrite()
	n, err := conn.Read(make([]byte, 16)) // the receiver has nothing to say but its end
	if n == 0 && errors.Is(err, io.EOF) && as.tls != nil {
		return nil
	}
	return fmt.Errorf("%w: read %d bytes: %w", errRefused, n, err)
}

func overHTTP1(ctx context.Context, url, contentType, body string, as credential) error {
	scheme := "http://"
	transport := &http.Transport{TLSClientConfig: as.tls, DisableKeepAlives: true}
	if as.tls != nil {
		scheme = "https://"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	if as.authorization != nil {
		request.Header["Authorization"] = as.authorization
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: 401", errRefused)
	case http.StatusBadRequest: // what a server of TLS says to plain text
		if as.tls == nil {
			return fmt.Errorf("%w: 400", errRefused)
		}
	}
	return fmt.Errorf("status %s", response.Status)
}

func overLogfmtHTTP(ctx context.Context, addr, body string, as credential) error {
	return overHTTP1(ctx, addr+"/", "text/plain", "msg="+body, as)
}

func oneRecord(body string) plogotlp.ExportRequest {
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
	return plogotlp.NewExportRequestFromLogs(logs)
}

func overOTLPHTTP(ctx context.Context, addr, body string, as credential) error {
	data, err := oneRecord(body).MarshalProto()
	if err != nil {
		return err
	}
	return overHTTP1(ctx, addr+"/v1/logs", "application/x-protobuf", string(data), as)
}

func overOTLPGRPC(ctx context.Context, addr, body string, as credential) error {
	transport := insecure.NewCredentials()
	if as.tls != nil {
		transport = credentials.NewTLS(as.tls)
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, value := range as.authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
	}
	_, err = plogotlp.NewGRPCClient(conn).Export(ctx, oneRecord(body))
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.Unauthenticated:
		return fmt.Errorf("%w: %w", errRefused, err)
	case codes.Unavailable: // no connection: the handshake failed
		if strings.Contains(err.Error(), "connection refused") {
			return err
		}
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// listenersToSink is the rest of a configuration whose receivers are named.
func listenersToSink(receivers string) string {
	return `
		exporters:
		  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}, timeout: 60s}
		service:
		  pipelines:
		    logs: {receivers: [` + receivers + `], exporters: [otlp_grpc]}
		`
}

// requireBodies has the sink show that these, and no others, have reached it.
func requireBodies(t *testing.T, sink *harness.Sink, want []string) {
	t.Helper()
	sink.WaitLogCount(t, len(want))
	var got []string
	for _, r := range sink.Logs() {
		got = append(got, r.Text())
	}
	require.ElementsMatch(t, want, got, "what was let in")
}
