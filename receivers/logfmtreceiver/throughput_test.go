package logfmtreceiver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/heartwood-otel/heartwood/receivers/logfmtreceiver/internal/metadata"
)

// routerLine is 295 bytes and 14 pairs, as Heroku's router writes them.
const routerLine = `at=info method=GET path="/api/v1/articles/8601b555/comments?page=21&max=50" host=example.herokuapp.com ` +
	`request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="204.204.204.204" dyno=web.1 connect=1ms service=18ms ` +
	`status=200 bytes=1312 tls_version=tls1.3 protocol=https ts=2026-11-21T08:17:00.123456Z`

// counter is a next consumer that does nothing but count.
type counter struct {
	want int
	have int
	done chan struct{}
}

func (*counter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (c *counter) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	c.have += logs.LogRecordCount()
	if c.have == c.want {
		close(c.done)
	}
	return nil
}

const senderEnv = "LOGFMT_TEST_SENDER"

// TestSender is no test: BenchmarkSocketToRecords runs it in another process.
func TestSender(t *testing.T) {
	if os.Getenv(senderEnv) == "" {
		t.Skip("only for BenchmarkSocketToRecords")
	}
	sendLines()
}

func sendLines() {
	lines, _ := strconv.Atoi(os.Getenv("LOGFMT_TEST_LINES"))
	conn, err := net.Dial("tcp", os.Getenv(senderEnv))
	if err != nil {
		panic(err)
	}
	chunk := bytes.Repeat([]byte(routerLine+"\n"), 500)
	for ; lines >= 500; lines -= 500 {
		if _, err := conn.Write(chunk); err != nil {
			panic(err)
		}
	}
	_ = conn.Close()
}

// BenchmarkSocketToRecords measures the whole way of a line: from the socket,
// framed, parsed, typed, to the next consumer. The sender is a process of its own;
// the CPU time is this process's alone, with the garbage collector.
func BenchmarkSocketToRecords(b *testing.B) {
	const lines = 1_000_000
	for b.Loop() {
		c := &counter{want: lines, done: make(chan struct{})}
		cfg := parseConfig(b, "{tcp: {endpoint: 'localhost:0'}}")
		set := receivertest.NewNopSettings(metadata.Type)
		r, err := newReceiver(set, cfg, c)
		require.NoError(b, err)
		require.NoError(b, r.Start(context.Background(), nil))
		cmd := exec.Command(os.Args[0], "-test.run=^TestSender$")
		cmd.Env = append(os.Environ(), senderEnv+"="+r.servers[0].(*tcpServer).listener.Addr().String(), fmt.Sprint("LOGFMT_TEST_LINES=", lines))
		before, begin := cpuTime(b), time.Now()
		require.NoError(b, cmd.Start())
		<-c.done
		cpu, wall := cpuTime(b)-before, time.Since(begin)
		require.NoError(b, cmd.Wait())
		require.NoError(b, r.Shutdown(context.Background()))
		b.ReportMetric(lines/cpu.Seconds(), "lines/cpu-s")
		b.ReportMetric(lines/wall.Seconds(), "lines/s")
	}
}

func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
