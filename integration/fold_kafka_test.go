package integration

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// startKafka runs a broker of its own, and gives its address.
func startKafka(t *testing.T) string {
	t.Helper()
	script := filepath.Join(harness.Root(t), "integration", "kafka", "kafka.sh")
	if _, err := exec.LookPath("mvn"); err != nil {
		t.Skip("there's no Maven on this machine")
	}
	out, err := exec.CommandContext(t.Context(), "sh", script, "prepare").CombinedOutput()
	require.NoError(t, err, "%s", out)
	port := freeport.Take(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	harness.StartProcess(t, harness.Command{
		Name: "kafka", Path: "/bin/sh",
		Args: []string{script, "run", t.TempDir(), strconv.Itoa(port), strconv.Itoa(freeport.Take(t))},
	})
	require.Eventually(t, func() bool {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, time.Minute, 100*time.Millisecond, "the broker to listen at %s", addr)
	return addr
}

// TestKafkaFoldsEveryRequestOnce: what two agents write to Kafka is folded by two
// gateways, one event for each trace, also when a gateway is killed.
func TestKafkaFoldsEveryRequestOnce(t *testing.T) {
	t.Parallel()
	broker := startKafka(t)
	sink := harness.NewSink(t)
	gateway := func(name string) *harness.Collector {
		return harness.Start(t, `
			receivers:
			  kafka: {session_timeout: 6s, heartbeat_interval: 500ms}
			processors:
			  event_fold: {idle_timeout: 1s, style: canonical, merge: {keys: {n: list}}}
			  event_fold/request: {idle_timeout: 2s, style: canonical, merge: {keys: {n: list}}}
			exporters:
			  otlp_http: {endpoint: {{.sink.HTTP}}}
		`, harness.WithFile("configs/gateway-kafka.yaml"), harness.WithName(name), harness.With("sink", sink), harness.WithEnv(
			`HEARTWOOD_STATE_DIR={{dir "state"}}`,
			`HEARTWOOD_KAFKA=`+broker,
			`HEARTWOOD_HEALTH_PORT={{port "health"}}`,
		))
	}
	var agents []*harness.Collector
	for i := range 2 {
		agents = append(agents, harness.Start(t, `
			receivers: {}
		`, harness.WithFile("configs/agent-kafka.yaml"), harness.WithName(fmt.Sprintf("agent %d", i+1)), harness.WithEnv(
			`HEARTWOOD_STATE_DIR={{dir "state"}}`,
			`HEARTWOOD_KAFKA=`+broker,
			`HEARTWOOD_OTLP_GRPC_PORT={{port "grpc"}}`,
			`HEARTWOOD_OTLP_HTTP_PORT={{port "http"}}`,
			`HEARTWOOD_HEALTH_PORT={{port "health"}}`,
			`HEARTWOOD_LOGS={{dir "logs"}}/*.log`,
		)))
	}
	sender := newFragments(t)
	sender.traced = true
	send := func(name string, requests int) {
		for request := range requests {
			for part, service := range []string{"purchasing", "inventory", "ordering"} {
				require.NoError(t, sender.send(t.Context(), agents[(request+part)%2].Addr(t, "http"), []fragment{
					{service, fmt.Sprintf("%s-%d", name, request), fmt.Sprintf("%s-%d-%d", name, request, part)},
				}))
			}
		}
	}
	send("first", 10) // the topic is there when the gateways ask for it
	gateways := []*harness.Collector{gateway("gateway 1"), gateway("gateway 2")}
	sender.requireFolded(t, sink)
	send("both", 40)
	sender.requireFolded(t, sink)
	assert.Len(t, sink.Logs(), 50, "one document for each request")

	send("killed", 20)
	gateways[1].Kill()
	gateways[1].Start(t)
	ok := assert.Eventually(t, func() bool { return len(sender.missing(folded(t, sink.Logs()))) == 0 }, time.Minute, 200*time.Millisecond)
	assert.True(t, ok, "lost: %q", sender.missing(folded(t, sink.Logs())))
	for _, c := range append(agents, gateways...) {
		c.Stop(t)
	}
}
