package integration

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

const protobuf = "application/x-protobuf"

// amazon is what stands for Amazon behind a gateway.
type amazon struct {
	stream *kinesisfake.Running
	bucket *s3fake.Running
	bed    *archiveBed
}

func startAWS(t *testing.T) *amazon {
	t.Helper()
	a := &amazon{
		stream: kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"heartwood-logs": 2}}),
		bucket: s3fake.Start(t, s3fake.Settings{}),
	}
	a.bed = newArchiveBedBelow(t, "", a.bucket.URL(), s3fake.NewClient(t, a.bucket.URL()))
	return a
}

func (a *amazon) option() harness.Option { return harness.WithEnv(a.env()...) }

func (a *amazon) env() []string {
	return append([]string{
		"HEARTWOOD_KINESIS_ENDPOINT=" + a.stream.URL(), "HEARTWOOD_ARCHIVE_ENDPOINT=" + a.bucket.URL(),
		"HEARTWOOD_ARCHIVE_BUCKET=" + a.bed.Bucket, "HEARTWOOD_ARCHIVE_ORIGIN=" + archiveOrigin,
		"HEARTWOOD_ARCHIVE_KEY=" + a.bed.Keys + "/" + archiveWriter + ".key",
		"HEARTWOOD_ARCHIVE_OBJECT_AGE=1s", "HEARTWOOD_ARCHIVE_CHECKPOINT_INTERVAL=1s",
	}, a.bed.env...)
}

// streamed is all that is in the stream, as one text.
func (a *amazon) streamed(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, r := range a.stream.UserRecords(t, "heartwood-logs") {
		all.Write(r.Data)
		all.WriteByte('\n')
	}
	return all.String()
}

// archived is all that is in the archive's objects, as one text.
func (a *amazon) archived(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	keys, _ := a.bed.list(t)
	for _, key := range keys {
		if dataKey.MatchString(key) {
			plain, _ := decompress(t, a.bed.get(t, key))
			all.Write(plain)
		}
	}
	return all.String()
}

// requireThere waits until all texts are in what is looked at.
func requireThere(t *testing.T, place string, look func(*testing.T) string, texts []string) {
	t.Helper()
	var missing []string
	ok := assert.Eventually(t, func() bool {
		there := look(t)
		missing = missing[:0]
		for _, text := range texts {
			if !strings.Contains(there, text) {
				missing = append(missing, text)
			}
		}
		return len(missing) == 0
	}, time.Minute, 200*time.Millisecond)
	require.True(t, ok, "%d of %d are not in %s, such as %q", len(missing), len(texts), place, missing[:min(len(missing), 5)])
}

// down makes both unreachable.
func (a *amazon) down() {
	a.stream.Down()
	a.bucket.Down()
}

func (a *amazon) up(t *testing.T) {
	t.Helper()
	a.stream.Up(t)
	a.bucket.Up(t)
}

// oneSpan is a request of OTLP with a span, in Protobuf.
func oneSpan(t *testing.T, name string) []byte {
	t.Helper()
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(name)
	span.SetTraceID(traceOf(name))
	span.SetSpanID([8]byte{1, 2, 3})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	return text
}

// onePoint is a request of OTLP with a gauge, in Protobuf.
func onePoint(t *testing.T, name string) []byte {
	t.Helper()
	metrics := pmetric.NewMetrics()
	rm := metrics.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	rm.Resource().Attributes().PutStr("service.version", "1.2.3")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	point := m.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetDoubleValue(42)
	point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	text, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return text
}

// grpcCode is how a listener of OTLP over gRPC answers one record.
func (s *site) grpcCode(t *testing.T, addr, token string) codes.Code {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(s.tls())))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ctx := t.Context()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("over gRPC")
	_, err = plogotlp.NewGRPCClient(conn).Export(ctx, plogotlp.NewExportRequestFromLogs(logs), grpc.WaitForReady(true))
	return status.Code(err)
}

// requireClosed: without TLS, and without the right token, none of the listeners takes
// anything.
func (s *site) requireClosed(t *testing.T, col *harness.Collector) {
	t.Helper()
	secret := logRecord(t, "stranger", "a stranger's", nil)
	for what, client := range map[string]*http.Client{"without a token": s.client(t, ""), "with a wrong token": s.client(t, "guessed")} {
		for url, body := range map[string][]byte{
			"https://" + col.Addr(t, "otlp http") + "/v1/logs": secret,
			"https://" + col.Addr(t, "logfmt") + "/":           []byte("msg=\"a stranger's\""),
		} {
			status, _, err := postWith(t.Context(), client, url, protobuf, body)
			require.NoError(t, err)
			assert.Equal(t, http.StatusUnauthorized, status, "%s %s", url, what)
		}
	}
	for _, name := range []string{"otlp http", "logfmt"} {
		status, _, err := postWith(t.Context(), s.client(t, s.token), "http://"+col.Addr(t, name)+"/v1/logs", protobuf, secret)
		assert.True(t, err != nil || status == http.StatusBadRequest, "%s without TLS: %d", name, status)
	}
	addr := col.Addr(t, "otlp grpc")
	assert.Equal(t, codes.Unauthenticated, s.grpcCode(t, addr, ""), "gRPC without a token")
	assert.Equal(t, codes.Unauthenticated, s.grpcCode(t, addr, "guessed"), "gRPC with a wrong token")
	assert.Equal(t, codes.OK, s.grpcCode(t, addr, s.token), "gRPC with the token")
}

// TestGatewayKeepsWhatItAnswered: configs/gateway.yaml as it is, killed while neither the
// stream nor the bucket can be reached. What was answered comes to both; no secret is on the
// disk or anywhere behind; nobody gets in without TLS and a token.
func TestGatewayKeepsWhatItAnswered(t *testing.T) {
	t.Parallel()
	s, a := newSite(t), startAWS(t)
	col := harness.Start(t, asItIs, harness.WithFile("configs/gateway.yaml"), s.options(t), a.option())
	s.requireClosed(t, col)

	client := s.client(t, s.token)
	otlp, logfmt := "https://"+col.Addr(t, "otlp http"), "https://"+col.Addr(t, "logfmt")+"/"
	const requests = 20
	var texts []string
	send := func(round string) {
		for request := range requests {
			for _, service := range []string{"checkout", "stock"} {
				text := fmt.Sprintf("%s-%s-%d-otlp", round, service, request)
				mustPost(t, client, otlp+"/v1/logs", protobuf, logRecord(t, service, text+" password=hunter2", func(r plog.LogRecord) {
					r.Attributes().PutStr("request_id", fmt.Sprintf("%s-%d", round, request))
				}))
				texts = append(texts, text)
			}
			text := fmt.Sprintf("%s-%d-logfmt", round, request)
			mustPost(t, client, logfmt, "text/plain", fmt.Appendf(nil, "level=info app=stock msg=%q request_id=%s-%d password=hunter2\n", text, round, request))
			texts = append(texts, text)
		}
		mustPost(t, client, otlp+"/v1/traces", protobuf, oneSpan(t, round+"-span"))
		texts = append(texts, round+"-span")
	}
	a.down()
	send("down")
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "checkout")
	col.Kill()
	a.up(t)
	col.Start(t)
	send("up")
	for place, look := range map[string]func(*testing.T) string{"the stream": a.streamed, "the archive": a.archived} {
		requireThere(t, place, look, texts)
		assert.NotContains(t, look(t), "hunter2", place)
		assert.NotContains(t, look(t), "a stranger's", place)
	}
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "checkout")
	a.bed.requireGood(t)

	mustPost(t, client, otlp+"/v1/metrics", protobuf, onePoint(t, "cart.size"))
	page := harness.WaitMetrics(t, "http://"+col.Addr(t, "page")+"/metrics", "metrics of the application, of its lines and its requests", func(m harness.Metrics) bool {
		return m.Has("cart_size") && m.Sum("log_records_total", "service_name=stock") > 0 && m.Has("fold_duration_seconds_count")
	})
	assert.InDelta(t, 42, page.Sum("cart_size"), 0, "%v", page)
	assert.NotContains(t, fmt.Sprint(page), "1.2.3", "a release makes no new series")
	col.Stop(t)
}

// TestGatewayIsDrained: what a gateway that will not come back has accepted is delivered by
// heartwood drain, with configs/gateway.yaml and a further destination as they are.
func TestGatewayIsDrained(t *testing.T) {
	t.Parallel()
	s, a, sink := newSite(t), startAWS(t), harness.NewSink(t)
	col := harness.Start(t, asItIs, harness.WithFile("configs/gateway.yaml"), harness.WithFile("configs/destinations/otlp.yaml"),
		s.options(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP()), a.option())
	a.down()
	sink.Down()
	var texts []string
	for i := range 20 {
		text := fmt.Sprintf("left-%d-", i)
		mustPost(t, s.client(t, s.token), "https://"+col.Addr(t, "otlp http")+"/v1/logs", protobuf, logRecord(t, "checkout", text, func(r plog.LogRecord) {
			r.Attributes().PutStr("request_id", text)
		}))
		texts = append(texts, text)
	}
	col.Kill()
	a.up(t)
	sink.Up(t)
	drain := harness.StartProcess(t, harness.Command{
		Name: "heartwood drain", Path: runHeartwood(t),
		Args: []string{
			"drain", col.Path("state"), "--collector", harness.Binary(t), "--timeout", "2m",
			"--config", filepath.Join(harness.Root(t), "configs", "gateway.yaml"),
			"--config", filepath.Join(harness.Root(t), "configs", "destinations", "otlp.yaml"),
		},
		Env: append(a.env(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "HEARTWOOD_CONFIGS="+filepath.Join(harness.Root(t), "configs"), "HEARTWOOD_STATE_DIR="+col.Path("state"), "HEARTWOOD_TOKEN_FILE="+s.path("token"), "HEARTWOOD_FOLD_IDLE=500ms"),
	})
	require.Zero(t, drain.Wait(t, 2*time.Minute), drain.Output())
	requireThere(t, "the stream", a.streamed, texts)
	requireThere(t, "the archive", a.archived, texts)
	for _, text := range texts {
		assert.NotEmpty(t, sink.Logs(harness.Attr("request.id", text)), "%s, at the destination", text)
	}
	a.bed.requireGood(t)
}

// TestGatewayTakesUpANewCertificate: without a restart. Sooner than in earnest; what a file
// has put in place can be replaced only as a whole.
func TestGatewayTakesUpANewCertificate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.renew(t)
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {tls: {cert_file: {{.site}}/server.crt, key_file: {{.site}}/server.key, reload_interval: 100ms}}}}
		service:
		  pipelines:
		    logs/store: {exporters: [nop]}
		    traces/store: {exporters: [nop]}
		exporters: {nop: }
	`, harness.WithFile("configs/gateway.yaml"), harness.With("site", s.dir), s.options(t))
	served := func() *x509.Certificate {
		conn, err := (&tls.Dialer{Config: s.tls()}).DialContext(t.Context(), "tcp", col.Addr(t, "otlp http"))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	}
	require.Equal(t, first.SerialNumber, served().SerialNumber)
	second := s.renew(t)
	require.Eventually(t, func() bool { return served().SerialNumber.Cmp(second.SerialNumber) == 0 }, time.Minute, 50*time.Millisecond)

	// A second token, and then the first one taken away: both at once in between.
	next := s.token + "-next"
	body := logRecord(t, "checkout", "with a token", nil)
	url := "https://" + col.Addr(t, "otlp http") + "/v1/logs"
	answers := func(token string) int {
		status, _, err := postWith(t.Context(), s.client(t, token), url, protobuf, body)
		require.NoError(t, err)
		return status
	}
	require.Equal(t, http.StatusUnauthorized, answers(next))
	s.setTokens(t, s.token, next)
	require.Eventually(t, func() bool { return answers(next) == http.StatusOK }, time.Minute, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, answers(s.token))
	s.setTokens(t, next)
	require.Eventually(t, func() bool { return answers(s.token) == http.StatusUnauthorized }, time.Minute, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, answers(next))
	col.Stop(t)
}

// TestArchiveOnly: configs/archive-only.yaml as it is, killed while the bucket can't be
// reached: each record that was answered is in the archive, once, without its secrets.
func TestArchiveOnly(t *testing.T) {
	t.Parallel()
	s, a := newSite(t), startAWS(t)
	col := harness.Start(t, asItIs, harness.WithFile("configs/archive-only.yaml"), s.options(t), a.option())
	s.requireClosed(t, col)
	client := s.client(t, s.token)
	otlp := "https://" + col.Addr(t, "otlp http")
	want := map[string]string{} // body, class
	send := func(round string) {
		for i := range 30 {
			class := []string{"audit", "access", "application"}[i%3]
			body := fmt.Sprintf("%s-%d", round, i)
			mustPost(t, client, otlp+"/v1/logs", protobuf, logRecord(t, "checkout", body, func(r plog.LogRecord) {
				r.Attributes().PutStr("log.category", class)
				r.Attributes().PutStr("password", "hunter2")
			}))
			want[body] = class
		}
		mustPost(t, client, "https://"+col.Addr(t, "logfmt")+"/", "text/plain", []byte("app=checkout msg="+round+"-line password=hunter2\n"))
		want[round+"-line"] = "application"
		mustPost(t, client, otlp+"/v1/traces", protobuf, oneSpan(t, round+"-span"))
	}
	a.bucket.Down()
	send("down")
	col.Kill()
	a.bucket.Up(t)
	col.Start(t)
	send("up")
	requireThere(t, "the archive", a.archived, []string{"down-span", "up-span"})
	waitArchived(t, col)
	got := map[string]string{}
	for _, r := range a.bed.read(t).records {
		if r.Body != "" && r.Body != "over gRPC" {
			assert.NotContains(t, got, r.Body, "once")
			_, class, _ := strings.Cut(r.object.partition, "category=")
			got[r.Body], _, _ = strings.Cut(class, "/")
		}
	}
	assert.Equal(t, want, got)
	assert.NotContains(t, a.archived(t), "hunter2")
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "checkout")
	a.bed.requireGood(t)
	col.Stop(t)
}
