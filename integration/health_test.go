package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// healthGate lets the health check serve what components say of themselves.
const healthGate = "--feature-gates=+extension.healthcheck.useComponentStatus"

// withHealth adds the health check that an orchestrator is to ask for readiness, and gives its
// URL.
func withHealth(t *testing.T) (url string, options []harness.Option) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", freeport.Take(t))
	file := writeFile(t, "health.yaml", `
extensions:
  health_check:
    http: {endpoint: `+address+`, status: {path: /}}
    component_health: {include_permanent_errors: true, include_recoverable_errors: true, recovery_duration: 0s}
service:
  extensions: [health_check]
`)
	return "http://" + address, []harness.Option{harness.WithFile(file), harness.WithArgs(healthGate)}
}

// healthStatus is what the health check answers.
type healthStatus struct {
	Healthy    bool
	Status     string
	Error      string
	Components map[string]healthStatus
}

// health asks for the status; verbose, for that of each component.
func health(t *testing.T, url string) (code int, status healthStatus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/?verbose", http.NoBody)
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &status), string(text))
	return response.StatusCode, status
}

// awaitHealth waits for a status of a component that the condition accepts.
func awaitHealth(t *testing.T, url, component string, code int, condition func(healthStatus) bool) healthStatus {
	t.Helper()
	var last healthStatus
	require.Eventually(t, func() bool {
		var got int
		got, last = health(t, url)
		return got == code && condition(last.find(component))
	}, 2*time.Minute, 100*time.Millisecond, "%s to be as expected, with HTTP %d", component, code)
	return last.find(component)
}

// find looks for a component below a status.
func (s healthStatus) find(component string) healthStatus {
	for name, below := range s.Components {
		if name == component {
			return below
		}
		if found := below.find(component); found.Status != "" {
			return found
		}
	}
	return healthStatus{}
}

// TestNotReadyWhileSpoolsAreFull: Kinesis and S3 are away, and the spools are small. The
// collector is not ready while they are full, and says which and why; it is ready again when
// they have drained, although no sender comes.
func TestNotReadyWhileSpoolsAreFull(t *testing.T) {
	t.Parallel()
	url, options := withHealth(t)
	v := newVolume(t, append(options, harness.With("spool", "16MiB"))...)
	v.col.Start(t)
	code, status := health(t, url)
	require.Equal(t, http.StatusOK, code, "%+v", status)

	v.down()
	keyed, archived := newKeyedLoad(t, 100, 0), newArchiveLoad(t, "full", 60_000)
	keyed.body, archived.noise = strings.Repeat("a long line; ", 100), 1200
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 2)
	go func() { sent <- keyed.run(ctx, "http://"+v.col.Addr(t, "keyed")) }()
	go func() { sent <- archived.run(ctx, "http://"+v.col.Addr(t, "archived")) }()
	for _, exporter := range []string{"exporter:kinesis", "exporter:worm_s3"} {
		s := awaitHealth(t, url, exporter, http.StatusInternalServerError, func(s healthStatus) bool {
			return s.Status == "StatusRecoverableError"
		})
		assert.Regexp(t, "the spool is full|can't be reached|connection refused", s.Error, exporter)
	}
	awaitHealth(t, url, "exporter:kinesis", http.StatusInternalServerError, func(s healthStatus) bool {
		return strings.Contains(s.Error, "the spool is full") && strings.Contains(s.Error, "stream: ")
	})
	awaitHealth(t, url, "exporter:worm_s3", http.StatusInternalServerError, func(s healthStatus) bool {
		return strings.Contains(s.Error, "the spool is full") && strings.Contains(s.Error, "connection refused")
	})
	cancel() // nobody comes any more: who is not ready gets no calls
	require.ErrorIs(t, <-sent, context.Canceled)
	require.ErrorIs(t, <-sent, context.Canceled)

	v.kinesis.Up(t)
	v.s3.Up(t)
	for _, exporter := range []string{"exporter:kinesis", "exporter:worm_s3"} {
		awaitHealth(t, url, exporter, http.StatusOK, func(s healthStatus) bool { return s.Status == "StatusOK" })
	}
	v.col.Stop(t)
	assert.NotContains(t, v.col.Output(), "invalid state transition")
}

// TestNotReadyWhereNothingIsLocked: the bucket has no Object Lock, and the configuration
// allows that. It runs, and is not ready.
func TestNotReadyWhereNothingIsLocked(t *testing.T) {
	t.Parallel()
	fake, b := newFakeBed(t)
	b.Bucket = "open"
	_, err := s3fake.NewClient(t, fake.URL()).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.Bucket})
	require.NoError(t, err)
	url, options := withHealth(t)
	col := b.start(t, append(options, harness.WithFile(writeFile(t, "open.yaml", "exporters: {worm_s3: {on_unlocked_bucket: warn}}\n")))...)
	s := awaitHealth(t, url, "exporter:worm_s3", http.StatusInternalServerError, func(s healthStatus) bool {
		return s.Status == "StatusRecoverableError"
	})
	assert.Contains(t, s.Error, "the bucket has no Object Lock")
	col.Stop(t)
}

// TestReadinessOfTheGateway: configs/gateway.yaml, with health by what components say as a
// second --config, as it is. It is not ready while the stream can't be reached.
func TestReadinessOfTheGateway(t *testing.T) {
	t.Parallel()
	s, a := newSite(t), startAWS(t)
	col := harness.Start(t, asItIs, harness.WithFile("configs/gateway.yaml"), harness.WithFile("configs/parts/component-health.yaml"),
		harness.WithArgs(healthGate), s.options(t), a.option())
	url := "http://" + col.Addr(t, "health")
	code, status := health(t, url)
	require.Equal(t, http.StatusOK, code, "%+v", status)
	a.down()
	mustPost(t, s.client(t, s.token), "https://"+col.Addr(t, "otlp http")+"/v1/logs", protobuf, logRecord(t, "checkout", "while the stream is away", nil))
	awaitHealth(t, url, "exporter:kinesis", http.StatusInternalServerError, func(s healthStatus) bool {
		return s.Status == "StatusRecoverableError"
	})
	a.up(t)
	awaitHealth(t, url, "exporter:kinesis", http.StatusOK, func(s healthStatus) bool { return s.Status == "StatusOK" })
	col.Stop(t)
}
