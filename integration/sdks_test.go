package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// sdkConfig is all that a record goes through: with originals passed, what arrives is each
// record and each request's story, in ECS.
const sdkConfig = `
	extensions:
	  bearertokenauth: {token: {{.bed.Token}}}
	  ecs_encoding:
	receivers:
	  otlp:
	    protocols:
	      grpc: {endpoint: {{addr "grpc"}}}
	      http: {endpoint: {{addr "http"}}}
	  otlp/secure:
	    protocols:
	      grpc:
	        endpoint: {{addr "secure grpc"}}
	        tls: &tls {cert_file: {{.bed.Certificate}}, key_file: {{.bed.Key}}}
	        auth: &auth {authenticator: bearertokenauth}
	      http: {endpoint: {{addr "secure http"}}, tls: *tls, auth: *auth}
	processors:
	  request_id: {generate: none}
	  redact:
	  event_fold:
	    key: [request.id]
	    originals: pass
	    idle_timeout: 20s # a service may be late when the machine is busy
	    max_duration: 10m
	    directory: {{dir "fold"}}
	  ecs:
	connectors:
	  forward:
	exporters:
	  kinesis:
	    stream: logs
	    region: us-east-1
	    endpoint: {{.kinesis.URL}}
	    encoding: ecs_encoding
	    spool: {directory: {{dir "kinesis logs"}}}
	  kinesis/traces:
	    stream: traces
	    region: us-east-1
	    endpoint: {{.kinesis.URL}}
	    spool: {directory: {{dir "kinesis traces"}}}
	  worm_s3:
	    bucket: {{.bed.Bucket}}
	    prefix: {{.bed.Prefix}}
	    region: {{.bed.Region}}
	    endpoint: {{.bed.URL}}
	    origin: ` + archiveOrigin + `
	    writer: {{.bed.Writer}}
	    signing_key_file: {{.bed.Keys}}/{{.bed.Writer}}.key
	    rules: {{.bed.Rules}}
	    max_retention: 3d
	    max_object_age: 1s
	    checkpoint_interval: 1s
	    encoding: ecs_encoding
	    spool: {directory: {{dir "archive"}}, max_size: 64MiB}
	  otlp_http: {endpoint: {{.sink.HTTP}}, sending_queue: {enabled: false}}
	  # The last program may say something when the first has long ended.
	  prometheus: {endpoint: {{addr "page"}}, enable_open_metrics: true, metric_expiration: 1h}
	service:
	  extensions: [bearertokenauth, ecs_encoding]
	  pipelines:
	    logs: {receivers: [otlp, otlp/secure], processors: [request_id, redact, event_fold], exporters: [kinesis, worm_s3, forward]}
	    logs/ecs: {receivers: [forward], processors: [ecs], exporters: [otlp_http]}
	    traces: {receivers: [otlp, otlp/secure], processors: [request_id, redact, ecs], exporters: [kinesis/traces, otlp_http]}
	    metrics: {receivers: [otlp, otlp/secure], processors: [redact], exporters: [prometheus]}
`

// sdkRecords is how many records the scenario has; all but one are of a request.
const sdkRecords = 10

// sdkBed is a collector with all that its records can reach.
type sdkBed struct {
	*archiveBed
	began                       time.Time
	Token, CA, Certificate, Key string

	col     *harness.Collector
	sink    *harness.Sink
	kinesis *kinesisfake.Running
	prom    *prometheus
}

func newSDKBed(t *testing.T) *sdkBed {
	t.Helper()
	fake := s3fake.Start(t, s3fake.Settings{})
	b := &sdkBed{
		archiveBed: newArchiveBed(t, fake.URL(), s3fake.NewClient(t, fake.URL())),
		began:      time.Now().Truncate(time.Millisecond), // some SDKs know no less
		Token:      "a-token-of-the-test-0123456789",
		sink:       harness.NewSink(t),
		kinesis:    kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2, "traces": 1}}),
	}
	b.certify(t)
	b.col = harness.Start(t, sdkConfig, harness.With("bed", b), harness.With("sink", b.sink),
		harness.With("kinesis", map[string]string{"URL": b.kinesis.URL()}), harness.WithEnv(b.env...))
	b.prom = startPrometheus(t, b.col.Addr(t, "page"))
	return b
}

// certify makes an authority that no machine knows, and the collector's certificate.
func (b *sdkBed) certify(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	issue := func(serial int64, authority bool) (*ecdsa.PrivateKey, *x509.Certificate) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fmt.Sprintf("heartwood test %d", serial)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: authority,
		}
		if authority {
			c.KeyUsage |= x509.KeyUsageCertSign
		} else {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			c.IPAddresses, c.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
		}
		return key, c
	}
	caKey, ca := issue(1, true)
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	require.NoError(t, err)
	b.CA = write("ca.pem", "CERTIFICATE", der)
	key, own := issue(2, false)
	der, err = x509.CreateCertificate(rand.Reader, own, ca, key.Public(), caKey)
	require.NoError(t, err)
	b.Certificate = write("own.pem", "CERTIFICATE", der)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	b.Key = write("own.key", "PRIVATE KEY", der)
}

// sdkRun is one run of a program: by which bridge a record comes, and how it is sent.
type sdkRun struct {
	language *sdkLanguage
	bridge   *sdkBridge
	protocol string
	secure   bool // gzip, a token in a header, TLS by an authority of one's own
	token    string
}

func (r sdkRun) instance() string {
	name := r.language.name + "-" + r.bridge.name + "-" + strings.ReplaceAll(r.protocol, "/", "-")
	if r.secure {
		name += "-secure"
	}
	return name + r.token
}

func (r sdkRun) request() string { return "req-" + r.instance() }

func (r sdkRun) service() string { return "sdk-" + r.language.name }

// argument is the run in the programs' words.
func (r sdkRun) argument(t *testing.T, b *sdkBed) string {
	t.Helper()
	words := []string{
		"bridge=" + r.bridge.name, "protocol=" + r.protocol, "service=" + r.service(), "instance=" + r.instance(), "request=" + r.request(),
	}
	kind, _, _ := strings.Cut(r.protocol, "/")
	if !r.secure {
		return strings.Join(append(words, "endpoint=http://"+b.col.Addr(t, kind)), " ")
	}
	return strings.Join(append(words, "endpoint=https://"+b.col.Addr(t, "secure "+kind), "gzip=true", "token="+b.Token+r.token, "ca="+b.CA), " ")
}

// runs are all ways of a language to send: each bridge by each protocol, plainly or not in turn.
func (l *sdkLanguage) runs() []sdkRun {
	var all []sdkRun
	for i := range l.bridges {
		for _, protocol := range l.protocols {
			for _, secure := range []bool{false, true} {
				all = append(all, sdkRun{language: l, bridge: &l.bridges[i], protocol: protocol, secure: secure})
			}
		}
	}
	return all
}

// refused is a run with a token that is not the collector's.
func (l *sdkLanguage) refused(protocol string) sdkRun {
	return sdkRun{language: l, bridge: &l.bridges[0], protocol: protocol, secure: true, token: "-wrong"}
}

func sdkScript(t *testing.T) string {
	t.Helper()
	return filepath.Join(harness.Root(t), "integration", "sdks", "sdks.sh")
}

// TestSDKs: the SDKs of five languages send by all that they have, and what arrives in
// Kinesis, the archive and Prometheus says what was said, field by field.
func TestSDKs(t *testing.T) {
	t.Parallel()
	t.Run("prepare", func(t *testing.T) {
		for i := range sdkLanguages {
			l := &sdkLanguages[i]
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				l.prepare(t)
			})
		}
	})
	require.False(t, t.Failed(), "a program can't be built")
	b := newSDKBed(t)
	t.Run("send", func(t *testing.T) {
		for i := range sdkLanguages {
			l := &sdkLanguages[i]
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				b.send(t, l)
			})
		}
		t.Run("chain", func(t *testing.T) {
			t.Parallel()
			b.callChain(t)
		})
	})
	require.False(t, t.Failed(), "a program has failed")
	b.settle(t)
	told := b.read(t)
	t.Run("a request through three services", func(t *testing.T) { b.checkChain(t, told) })
	t.Run("the README's snippets", func(t *testing.T) { b.checkSnippets(t, told) })
	for i := range sdkLanguages {
		l := &sdkLanguages[i]
		for _, r := range l.runs() {
			t.Run(r.instance(), func(t *testing.T) {
				b.checkRun(t, r, told)
			})
		}
		for _, protocol := range l.protocols {
			r := l.refused(protocol)
			assert.Empty(t, told.of(r.instance()), "%s", r.instance())
			assert.Empty(t, told.spans[r.instance()], "%s", r.instance())
		}
	}
	page := harness.FetchMetrics(t, "http://"+b.col.Addr(t, "page")+"/metrics")
	b.col.Stop(t)
	b.checkSecrets(t, told, page)
}

// prepare installs and builds a language's program.
func (l *sdkLanguage) prepare(t *testing.T) {
	t.Helper()
	for _, program := range l.needs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there's no %s on this machine", program)
		}
	}
	shell(t, sdkScript(t), "prepare", l.name)
}

// send has a language's program say everything.
func (b *sdkBed) send(t *testing.T, l *sdkLanguage) {
	t.Helper()
	arguments := []string{"run", l.name}
	for _, r := range l.runs() {
		arguments = append(arguments, r.argument(t, b))
	}
	for _, protocol := range l.protocols {
		arguments = append(arguments, l.refused(protocol).argument(t, b))
	}
	for _, p := range []*harness.Process{b.start(t, arguments...), b.start(t, "snippet", l.name)} {
		require.Zero(t, p.Wait(t, 5*time.Minute))
		t.Log(p.Output()) // what is refused, and what should not be
	}
}

// start starts one of the programs.
func (b *sdkBed) start(t *testing.T, arguments ...string) *harness.Process {
	t.Helper()
	var env []string
	if arguments[0] == "snippet" { // others are told where the collector is, and this would count for them, too
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+b.col.Addr(t, "http"))
	}
	return harness.StartProcess(t, harness.Command{
		Name: strings.Join(arguments[:2], " "), Path: "/bin/sh", Args: append([]string{sdkScript(t)}, arguments...), Env: env,
	})
}

// settle waits until all that came has got to where it goes.
func (b *sdkBed) settle(t *testing.T) {
	t.Helper()
	runs := 0
	for i := range sdkLanguages {
		runs += len(sdkLanguages[i].runs())
	}
	documents := runs*(sdkRecords+1) + chainRecords + 1 + len(sdkLanguages) + 1
	b.prom.wait(t, `sum(shop_orders_total)`, float64(3*runs))
	b.prom.wait(t, `sum(shop_order_duration_seconds_count)`, float64(3*runs))
	b.col.WaitMetrics(t, "all stories to be told", func(m harness.Metrics) bool {
		return m.Sum("otelcol_processor_event_fold_records_received") > 0 && m.Sum("otelcol_processor_event_fold_records_held") == 0
	})
	// Where something is missing, the checks of what has come say what.
	assert.Eventually(t, func() bool {
		return b.col.Metrics(t).Sum("otelcol_exporter_worm_s3_records_archived") >= float64(documents)
	}, 2*time.Minute, 100*time.Millisecond, "all records and stories to be in the archive")
	waitArchived(t, b.col)
	assert.Eventually(t, func() bool {
		return len(b.kinesis.UserRecords(t, "logs")) >= documents && len(b.kinesis.UserRecords(t, "traces")) >= runs*2+3
	}, time.Minute, 50*time.Millisecond, "all to be in the streams")
	b.requireGood(t)
}

// sdkTold is what has reached the stream and the archive.
type sdkTold struct {
	documents []sdkDocument
	spans     map[string][]ptrace.Span // by service.node.name
	raw       bytes.Buffer             // all of it
}

// sdkDocument is a document of ECS, with the names' points instead of objects.
type sdkDocument map[string]any

func (b *sdkBed) read(t *testing.T) *sdkTold {
	t.Helper()
	told := &sdkTold{spans: map[string][]ptrace.Span{}}
	streamed, archived := map[string]sdkDocument{}, map[string]sdkDocument{}
	for _, r := range b.kinesis.UserRecords(t, "logs") {
		d := readDocument(t, r.Data)
		told.documents = append(told.documents, d)
		streamed[d.key()] = d
		told.raw.Write(r.Data)
	}
	require.Len(t, streamed, len(told.documents), "each is there once")
	for _, o := range b.archiveBed.read(t).objects {
		for _, line := range o.lines {
			d := readDocument(t, line)
			archived[d.key()] = d
		}
		told.raw.Write(o.plain)
	}
	require.Len(t, archived, len(streamed), "documents in the stream and in the archive")
	for id, line := range archived {
		require.Equal(t, streamed[id], line, "%s in the stream and in the archive", id)
	}
	for _, r := range b.kinesis.UserRecords(t, "traces") {
		told.raw.Write(r.Data)
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(r.Data)
		require.NoError(t, err)
		for _, rs := range traces.ResourceSpans().All() {
			instance, _ := rs.Resource().Attributes().Get("service.node.name")
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					told.spans[instance.Str()] = append(told.spans[instance.Str()], s)
				}
			}
		}
	}
	return told
}

func readDocument(t *testing.T, data []byte) sdkDocument {
	t.Helper()
	var nested map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // 3 is an integer, 3.0 is none
	require.NoError(t, decoder.Decode(&nested), "%s", data)
	d := sdkDocument{}
	d.add("", nested)
	return d
}

// add takes objects apart; what is in lists stays as it is.
func (d sdkDocument) add(prefix string, object map[string]any) {
	for name, value := range object {
		if below, ok := value.(map[string]any); ok {
			d.add(prefix+name+".", below)
		} else {
			d[prefix+name] = value
		}
	}
}

func (d sdkDocument) text(name string) string {
	text, _ := d[name].(string)
	return text
}

// key tells documents apart. What is of no request has no uid until it is at an exporter,
// and each gives it one of its own.
func (d sdkDocument) key() string {
	if d.text("http.request.id") != "" {
		return d.text("event.id")
	}
	delete(d, "event.id")
	return d.text("service.node.name") + " " + d.text("message")
}

func (told *sdkTold) of(instance string) []sdkDocument {
	var found []sdkDocument
	for _, d := range told.documents {
		if d.text("service.node.name") == instance && d["labels.fold_id"] == nil {
			found = append(found, d)
		}
	}
	return found
}

func (told *sdkTold) story(t *testing.T, request string) sdkDocument {
	t.Helper()
	var found []sdkDocument
	for _, d := range told.documents {
		if d.text("http.request.id") == request && d["labels.fold_id"] != nil {
			found = append(found, d)
		}
	}
	require.Len(t, found, 1, "stories of %s", request)
	return found[0]
}

// checkSecrets looks for what was planted in all that was written and shown.
func (b *sdkBed) checkSecrets(t *testing.T, told *sdkTold, page harness.Metrics) {
	t.Helper()
	look := func(where string, data []byte) {
		for _, secret := range []string{"hunter2", "4111 1111", "jane.doe"} {
			assert.NotContains(t, string(data), secret, where)
		}
	}
	look("what was delivered", told.raw.Bytes())
	files := 0
	require.NoError(t, filepath.WalkDir(filepath.Dir(b.col.Path("x")), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		look(path, data)
		files++
		return nil
	}))
	assert.Positive(t, files)
	require.True(t, page.Has("shop_orders_total"))
	for _, s := range page {
		look("the page of metrics", []byte(s.String()))
	}
	for _, s := range b.sink.Spans() {
		look("spans", []byte(s.String()))
	}
}
