package integration

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

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

// waitForTwoPartitions waits until a gateway reads two of the topic's four partitions.
func waitForTwoPartitions(t *testing.T, gateway *harness.Collector) {
	t.Helper()
	gateway.WaitMetrics(t, "two of four partitions", func(m harness.Metrics) bool {
		return m.Sum("otelcol_kafka_receiver_partition_start")-m.Sum("otelcol_kafka_receiver_partition_close") == 2
	})
}

// TestKafkaFoldsEveryRequestOnce: what two agents write to Kafka is folded by two
// gateways, one document for each request, with a trace or without, also when a gateway is
// killed. The trace ids are the records' own again, and a large batch passes. Behind them,
// configs/destinations/kafka.yaml has all events in a topic, as ECS documents.
func TestKafkaFoldsEveryRequestOnce(t *testing.T) {
	t.Parallel()
	s, broker, sink := newSite(t), startKafka(t), harness.NewSink(t)
	gateway := func(name string) *harness.Collector {
		col := harness.New(t, gatewayToSink+`
	receivers:
	  kafka: {session_timeout: 6s, heartbeat_interval: 500ms}
`, harness.WithFile("configs/gateway.yaml"), harness.WithFile("configs/parts/request-documents.yaml"), harness.WithFile("configs/kafka-tier/gateway.yaml"),
			harness.WithFile("configs/destinations/kafka.yaml"), harness.WithName(name), harness.With("sink", sink), s.options(t, "HEARTWOOD_KAFKA="+broker, "HEARTWOOD_FOLD_IDLE=2s", "HEARTWOOD_FOLD_REQUEST_IDLE=4s"))
		col.Start(t)
		return col
	}
	var agents []*harness.Collector
	for i := range 2 {
		agents = append(agents, harness.Start(t, asItIs, harness.WithFile("configs/agent.yaml"), harness.WithFile("configs/kafka-tier/agent.yaml"),
			harness.WithName(fmt.Sprintf("agent %d", i+1)), s.options(t, "HEARTWOOD_KAFKA="+broker, `HEARTWOOD_LOGS={{dir "logs"}}/*.log`)))
	}
	sender := newFragments(t)
	send := func(name string, requests int) {
		for request := range requests {
			sender.traced = request%2 == 0
			for part, service := range []string{"purchasing", "inventory", "ordering"} {
				require.NoError(t, sender.send(t.Context(), agents[(request+part)%2].Addr(t, "otlp http"), []fragment{
					{service, fmt.Sprintf("%s-%d", name, request), fmt.Sprintf("%s-%d-%d", name, request, part)},
				}))
			}
		}
	}
	send("first", 10) // the topic is there when the gateways ask for it
	gateways := []*harness.Collector{gateway("gateway 1")}
	sender.requireFolded(t, sink)
	// A request that is under way while partitions move is divided.
	gateways = append(gateways, gateway("gateway 2"))
	for _, g := range gateways {
		waitForTwoPartitions(t, g)
	}
	send("both", 40)
	sender.requireFolded(t, sink)
	documents := sink.Logs()
	assert.Len(t, documents, 50, "one document for each request")
	for _, d := range documents {
		request, _ := d.Attributes["request.id"].(string)
		want, number := "", 0
		_, err := fmt.Sscanf(request[strings.LastIndexByte(request, '-')+1:], "%d", &number)
		require.NoError(t, err, "%v", d)
		if number%2 == 0 {
			want = traceOf(request).String()
		}
		assert.Equal(t, want, d.TraceID, request)
		assert.NotContains(t, d.Attributes, "heartwood.trace_id")
	}

	send("killed", 20)
	gateways[1].Kill()
	gateways[1].Start(t)
	ok := assert.Eventually(t, func() bool { return len(sender.missing(folded(t, sink.Logs()))) == 0 }, time.Minute, 200*time.Millisecond)
	assert.True(t, ok, "lost: %q", sender.missing(folded(t, sink.Logs())))

	// More at once than Kafka takes in a message, of records without a request.
	for batch := range 4 {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for range 40 {
			text := make([]byte, 50<<10)
			_, _ = rand.NewChaCha8([32]byte{byte(records.Len()), byte(batch)}).Read(text)
			records.AppendEmpty().Body().SetStr("large " + hex.EncodeToString(text))
		}
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		require.Greater(t, len(body), 4<<20-100<<10)
		post(t, "http://"+agents[0].Addr(t, "otlp http")+"/v1/logs", body)
	}
	distinct := func() int {
		bodies := map[string]bool{}
		for _, r := range sink.Logs(harness.BodyContains("large ")) {
			bodies[fmt.Sprint(r.Body)] = true
		}
		return len(bodies)
	}
	ok = assert.Eventually(t, func() bool { return distinct() == 160 }, time.Minute, 200*time.Millisecond)
	require.True(t, ok, "%d of 160 large records", distinct())

	events := harness.NewSink(t)
	reader := harness.Start(t, `
		extensions: {ecs_encoding: }
		receivers:
		  kafka: {brokers: [{{.broker}}], logs: {topics: [heartwood-events], encoding: ecs_encoding}, group_id: flink, initial_offset: earliest}
		exporters:
		  otlp_grpc: {endpoint: {{.events.GRPC}}, tls: {insecure: true}}
		service:
		  extensions: [ecs_encoding]
		  pipelines:
		    logs: {receivers: [kafka], exporters: [otlp_grpc]}
	`, harness.WithName("who reads the events"), harness.With("broker", broker), harness.With("events", events))
	requests := map[any]map[string]bool{}
	events.WaitFor(t, "an event of each service for each request", time.Minute, func() bool {
		for _, r := range events.Logs(harness.HasAttr("request.id")) {
			id := r.Attributes["request.id"]
			if requests[id] == nil {
				requests[id] = map[string]bool{}
			}
			requests[id][r.Service()] = true
		}
		complete := 0
		for _, services := range requests {
			if len(services) == 3 {
				complete++
			}
		}
		return complete == 70
	})
	for _, c := range append(agents, append(gateways, reader)...) {
		c.Stop(t)
	}
}
