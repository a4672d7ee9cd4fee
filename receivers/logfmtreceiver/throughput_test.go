//go:build unix

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
)

// routerLine is 295 bytes and 14 pairs, as Heroku's router writes them.
const routerLine = `at=info method=GET path="/api/v1/articles/8601b555/comments?page=21&max=50" host=example.herokuapp.com ` +
	`request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="204.204.204.204" dyno=web.1 connect=1ms service=18ms ` +
	`status=200 bytes=1312 tls_version=tls1.3 protocol=https ts=2026-11-21T08:17:00.123456Z`

// counter is a next consumer that does nothing but count.
type counter struct {
	mutates bool
	want    int
	have    int
	done    chan struct{}
}

func (c *counter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: c.mutates}
}

func (c *counter) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	c.have += logs.LogRecordCount()
	if c.have == c.want {
		close(c.done)
	}
	return nil
}

const senderEnv = "LOGFMT_TEST_SENDER"

// TestSender tests nothing: BenchmarkSocketToRecords runs it in another process,
// with senderEnv set.
func TestSender(t *testing.T) {
	addr := os.Getenv(senderEnv)
	if addr == "" {
		return
	}
	lines, err := strconv.Atoi(os.Getenv(senderEnv + "_LINES"))
	require.NoError(t, err)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	chunk := bytes.Repeat([]byte(routerLine+"\n"), 500)
	for ; lines >= 500; lines -= 500 {
		_, err := conn.Write(chunk)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
}

// BenchmarkSocketToRecords measures the whole way of a line: from the socket,
// framed, parsed, typed, to the next consumer. The sender is a process of its own;
// the CPU time is this process's alone, with the garbage collector.
func BenchmarkSocketToRecords(b *testing.B) {
	for _, mutates := range []bool{false, true} {
		b.Run(fmt.Sprintf("mutates=%t", mutates), func(b *testing.B) { benchmarkSocketToRecords(b, mutates) })
	}
}

func benchmarkSocketToRecords(b *testing.B, mutates bool) {
	b.Helper()
	const lines = 1_000_000
	var cpu, wall time.Duration
	for b.Loop() {
		c := &counter{mutates: mutates, want: lines, done: make(chan struct{})}
		cfg := parseConfig(b, "{tcp: {endpoint: 'localhost:0'}}")
		r, err := newReceiver(nopSettings(), cfg, c)
		require.NoError(b, err)
		require.NoError(b, r.Start(b.Context(), nopHost))
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestSender$")
		cmd.Env = append(os.Environ(), senderEnv+"="+r.servers[0].(*tcpServer).listener.Addr().String(), fmt.Sprint(senderEnv, "_LINES=", lines))
		before, begin := cpuTime(b), time.Now()
		require.NoError(b, cmd.Start())
		<-c.done
		cpu += cpuTime(b) - before
		wall += time.Since(begin)
		require.NoError(b, cmd.Wait())
		require.NoError(b, r.Shutdown(b.Context()))
	}
	b.ReportMetric(float64(b.N)*lines/cpu.Seconds(), "lines/cpu-s")
	b.ReportMetric(float64(b.N)*lines/wall.Seconds(), "lines/s")
}

func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
