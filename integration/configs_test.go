package integration

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
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
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// asItIs is all that tests of configs/ add to a configuration: nothing. They set variables
// of the environment.
const asItIs = "receivers: {}\n"

// site is what stands on the machines of an installation: certificates and a token.
type site struct {
	dir, token string
	authority  *x509.Certificate
	key        *ecdsa.PrivateKey
}

func newSite(t *testing.T) *site {
	t.Helper()
	random := make([]byte, 16)
	_, err := rand.Read(random)
	require.NoError(t, err)
	s := &site{dir: t.TempDir(), token: hex.EncodeToString(random)}
	s.authority, s.key = issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	s.writePEM(t, "ca.crt", "CERTIFICATE", s.authority.Raw)
	s.renew(t)
	s.setTokens(t, s.token)
	return s
}

// issue makes a certificate, signed by an authority or, without one, by itself.
func issue(t *testing.T, template, authority *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if authority == nil {
		authority, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, signer)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate, key
}

// renew writes a new certificate for the gateways, which are called that.
func (s *site) renew(t *testing.T) *x509.Certificate {
	t.Helper()
	certificate, key := issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "gateways"}, DNSNames: []string{"gateways", "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, s.authority, s.key)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	s.writePEM(t, "server.key", "EC PRIVATE KEY", private)
	s.writePEM(t, "server.crt", "CERTIFICATE", certificate.Raw)
	return certificate
}

func (s *site) writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (s *site) setTokens(t *testing.T, tokens ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.path("token"), []byte(strings.Join(tokens, "\n")+"\n"), 0o600))
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// options are variables that configs/README.md names, with places of this test's own.
func (s *site) options(t *testing.T, more ...string) harness.Option {
	t.Helper()
	return harness.WithEnv(append([]string{
		"HEARTWOOD_CONFIGS=" + filepath.Join(harness.Root(t), "configs"),
		"HEARTWOOD_TLS_CERT=" + s.path("server.crt"), "HEARTWOOD_TLS_KEY=" + s.path("server.key"),
		"HEARTWOOD_CA_FILE=" + s.path("ca.crt"), "HEARTWOOD_GATEWAY_NAME=gateways",
		"HEARTWOOD_TOKEN_FILE=" + s.path("token"),
		`HEARTWOOD_STATE_DIR={{dir "state"}}`,
		`HEARTWOOD_OTLP_GRPC_ADDRESS={{addr "otlp grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_ADDRESS={{addr "otlp http"}}`,
		`HEARTWOOD_LOGFMT_HTTP_ADDRESS={{addr "logfmt"}}`,
		`HEARTWOOD_PROMETHEUS_ADDRESS={{addr "page"}}`,
		`HEARTWOOD_HEALTH_ADDRESS={{addr "health"}}`,
		"HEARTWOOD_FOLD_IDLE=500ms", "HEARTWOOD_FOLD_REQUEST_IDLE=1500ms", "HEARTWOOD_HOST_INTERVAL=1s", "HEARTWOOD_MEASURE_INTERVAL=500ms",
	}, more...)...)
}

func (s *site) tls() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// client speaks TLS, and shows a token unless it is empty.
func (s *site) client(t *testing.T, token string) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: s.tls()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: time.Minute, Transport: withToken{transport, token}}
}

type withToken struct {
	http.RoundTripper

	token string
}

func (w withToken) RoundTrip(request *http.Request) (*http.Response, error) {
	if w.token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+w.token)
	}
	return w.RoundTripper.RoundTrip(request)
}

func postWith(ctx context.Context, client *http.Client, url, contentType string, body []byte) (status int, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func mustPost(t *testing.T, client *http.Client, url, contentType string, body []byte) {
	t.Helper()
	status, answer, err := postWith(t.Context(), client, url, contentType, body)
	require.NoError(t, err, url)
	require.Equal(t, http.StatusOK, status, "%s: %s", url, answer)
}

// startFront starts what stands for a gateway where a test wants to see what agents send:
// it asks for the token, over TLS, and hands everything on to a sink, whose answer is its own.
func (s *site) startFront(t *testing.T, sink *harness.Sink) *harness.Collector {
	t.Helper()
	front := harness.New(t, `
		extensions:
		  bearertokenauth: {filename: {{.site}}/token}
		receivers:
		  otlp: {protocols: {grpc: {endpoint: {{addr "otlp grpc"}}, max_recv_msg_size_mib: 32, auth: {authenticator: bearertokenauth},
		    tls: {cert_file: {{.site}}/server.crt, key_file: {{.site}}/server.key}}}}
		exporters:
		  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
		service:
		  extensions: [bearertokenauth]
		  pipelines:
		    logs: {receivers: [otlp], exporters: [otlp_grpc]}
		    traces: {receivers: [otlp], exporters: [otlp_grpc]}
		    metrics: {receivers: [otlp], exporters: [otlp_grpc]}
	`, harness.WithName("the front"), harness.With("sink", sink), harness.With("site", s.dir))
	front.Start(t)
	return front
}

// logRecord is one record as a request of OTLP in Protobuf.
func logRecord(t *testing.T, service, body string, set func(plog.LogRecord)) []byte {
	t.Helper()
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	if service != "" {
		rl.Resource().Attributes().PutStr("service.name", service)
	}
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	r.Body().SetStr(body)
	if set != nil {
		set(r)
	}
	text, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return text
}

// TestConfigurationsAreMergedAsDocumented: what configs/README.md says of several files.
func TestConfigurationsAreMergedAsDocumented(t *testing.T) {
	t.Setenv("HEARTWOOD_CONFIGS", filepath.Join(harness.Root(t), "configs"))
	overlay := filepath.Join(t.TempDir(), "overlay.yaml")
	merged := func(base, text string) map[string]any {
		require.NoError(t, os.WriteFile(overlay, []byte(text), 0o600))
		result := harness.Run(t, harness.Binary(t), "print-config", "--config="+filepath.Join(harness.Root(t), "configs", base), "--config="+overlay)
		require.Zero(t, result.Code, result.Stderr)
		var config map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(result.Stdout), &config))
		return config
	}
	at := func(config map[string]any, path ...string) any {
		var value any = config
		for _, key := range path {
			value = value.(map[string]any)[key]
		}
		return value
	}
	config := merged("gateway.yaml", `
receivers: {otlp: {protocols: {http: {endpoint: 127.0.0.1:1, tls: {cert_file: /tmp/other.crt, key_file: /tmp/other.key}}}}}
service: {extensions: [bearertokenauth], pipelines: {logs/store: {exporters: [kinesis]}}}
`)
	assert.Contains(t, at(config, "service", "extensions"), "bearertokenauth")
	assert.NotContains(t, at(config, "service", "extensions"), "file_storage", "a list is replaced")
	assert.Equal(t, []any{"kinesis"}, at(config, "service", "pipelines", "logs/store", "exporters"))
	assert.Equal(t, []any{"measure/folds"}, at(config, "service", "pipelines", "logs/store", "receivers"), "mappings are merged key by key")
	http := []string{"receivers", "otlp", "protocols", "http"}
	assert.Equal(t, "127.0.0.1:1", at(config, append(http, "endpoint")...))
	assert.NotNil(t, at(config, append(http, "auth")...))
	assert.Equal(t, "/tmp/other.crt", at(config, append(http, "tls", "cert_file")...))
	grpc := []string{"receivers", "otlp", "protocols", "grpc", "tls", "reload_interval"}
	assert.Equal(t, "1m0s", at(config, grpc...))
	assert.NotEqual(t, at(config, grpc...), at(config, append(http, "tls", "reload_interval")...), "what came from a file is replaced as a whole")

	// The path of a part is one from where the collector was started.
	t.Setenv("HEARTWOOD_CONFIGS", "configs")
	t.Chdir(t.TempDir())
	result := harness.Run(t, harness.Binary(t), "validate", "--config="+filepath.Join(harness.Root(t), "configs", "gateway.yaml"))
	assert.NotZero(t, result.Code)
	assert.Contains(t, result.Stderr, "configs/parts/")
	t.Chdir(harness.Root(t))
	result = harness.Run(t, harness.Binary(t), "validate", "--config=configs/gateway.yaml")
	assert.Zero(t, result.Code, result.Stderr)
}
