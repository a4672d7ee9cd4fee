package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// ownNames has a collector find names in a file of the test's own: in namespaces of users
// and mounts, which need no rights, it stands where /etc/hosts does.
type ownNames struct{ script, hosts string }

func newOwnNames(t *testing.T) *ownNames {
	t.Helper()
	n := &ownNames{script: filepath.Join(t.TempDir(), "with-own-names"), hosts: filepath.Join(t.TempDir(), "hosts")}
	n.set(t, "gateways", "127.0.0.1")
	script := fmt.Sprintf("#!/bin/sh\nexec unshare -Urm sh -ec 'mount --bind \"$0\" /etc/hosts; exec \"$@\"' '%s' '%s' \"$@\"\n", n.hosts, harness.Binary(t))
	require.NoError(t, os.WriteFile(n.script, []byte(script), 0o700))
	return n
}

// set gives a name its addresses, in the same file.
func (n *ownNames) set(t *testing.T, name string, addresses ...string) {
	t.Helper()
	text := []byte("127.0.0.1 localhost\n")
	for _, address := range addresses {
		text = fmt.Appendln(text, address, name)
	}
	require.NoError(t, os.WriteFile(n.hosts, text, 0o600))
}

// portOnBoth is a port that is free at two addresses of this machine.
func portOnBoth(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := freeport.Take(t)
		var lc net.ListenConfig
		if listener, err := lc.Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(port))); err == nil {
			require.NoError(t, listener.Close())
			return port
		}
	}
	require.Fail(t, "no port is free at 127.0.0.1 and 127.0.0.2")
	return 0
}

// TestGatewayPool: configs/gateway-pool.yaml as it is, at two agents before two gateways
// that are found by name. All of a request meets in one gateway, and what has no request
// goes to both. One gateway is killed: what is accepted from then on goes to the other as
// soon as the name does not lead to the dead one any more, and what that one had accepted
// is there when it is started again.
func TestGatewayPool(t *testing.T) {
	t.Parallel()
	s, sink, names, port := newSite(t), harness.NewSink(t), newOwnNames(t), portOnBoth(t)
	var gateways, agents []*harness.Collector
	for i := range 2 {
		gateway := newGateway(t, s, sink, fmt.Sprintf("gateway %d", i+1),
			harness.WithEnv(fmt.Sprintf("HEARTWOOD_OTLP_GRPC_ADDRESS=127.0.0.%d:%d", i+1, port), "HEARTWOOD_FOLD_IDLE=1s", "HEARTWOOD_FOLD_REQUEST_IDLE=3s"))
		gateway.Start(t)
		gateways = append(gateways, gateway)
	}
	names.set(t, "gateways", "127.0.0.1", "127.0.0.2")
	for i := range 2 {
		agents = append(agents, harness.Start(t, asItIs, harness.WithFile("configs/gateway-pool.yaml"), harness.WithBinary(names.script),
			harness.WithName(fmt.Sprintf("agent %d", i+1)),
			s.options(t, fmt.Sprintf("HEARTWOOD_GATEWAYS_PORT=%d", port), `HEARTWOOD_LOGS={{dir "logs"}}/*.log`)))
	}
	sender := newFragments(t)
	send := func(name string, requests int) {
		for request := range requests {
			for part, service := range []string{"purchasing", "inventory", "ordering"} {
				require.NoError(t, sender.send(t.Context(), agents[(request+part)%2].Addr(t, "otlp http"), []fragment{
					{service, fmt.Sprintf("%s-%d", name, request), fmt.Sprintf("%s-%d-%d", name, request, part)},
				}))
			}
		}
	}
	merged := func(gateway *harness.Collector) float64 {
		return gateway.Metrics(t).Sum("otelcol_processor_event_fold_records_merged")
	}
	send("both", 40)
	sender.requireFolded(t, sink)
	assert.Len(t, sink.Logs(), 40, "one document for each request")
	for i, gateway := range gateways {
		assert.Positive(t, merged(gateway), "gateway %d has its share", i+1)
	}

	send("open", 20) // the second gateway has its share of these, some of it not yet folded
	gateways[1].Kill()
	send("killed", 40)
	names.set(t, "gateways", "127.0.0.1")
	var lost []string
	ok := assert.Eventually(t, func() bool {
		lost = lost[:0]
		for _, n := range sender.missing(folded(t, sink.Logs())) {
			if n[:4] == "kill" {
				lost = append(lost, n)
			}
		}
		return len(lost) == 0
	}, time.Minute, 200*time.Millisecond)
	require.True(t, ok, "did not go on to the other: %d, such as %q", len(lost), lost[:min(len(lost), 5)])

	gateways[1].Start(t)
	names.set(t, "gateways", "127.0.0.1", "127.0.0.2")
	ok = assert.Eventually(t, func() bool { return len(sender.missing(folded(t, sink.Logs()))) == 0 }, time.Minute, 200*time.Millisecond)
	require.True(t, ok, "lost: %q", sender.missing(folded(t, sink.Logs())))

	// Neither a request nor a trace: a batch of such goes to both, as soon as the agent knows both.
	const batch = 40
	accepted := func() (each [2]float64) {
		for i, gateway := range gateways {
			each[i] = gateway.Metrics(t).Sum("otelcol_receiver_accepted_log_records")
		}
		return each
	}
	for deadline, before := time.Now().Add(time.Minute), accepted(); ; {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for range batch {
			records.AppendEmpty().Body().SetStr("of no request")
		}
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		post(t, "http://"+agents[0].Addr(t, "otlp http")+"/v1/logs", body)
		var now [2]float64
		require.Eventually(t, func() bool {
			now = accepted()
			return now[0]+now[1]-before[0]-before[1] >= batch
		}, time.Minute, 50*time.Millisecond, "the batch to come")
		if now[0] > before[0] && now[1] > before[1] {
			break
		}
		require.True(t, time.Now().Before(deadline), "records of no request go to one gateway: %v, %v", before, now)
		before = now
	}
	for _, c := range append(agents, gateways...) {
		c.Stop(t)
	}
}
