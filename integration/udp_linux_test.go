package integration

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// UDP has no back-pressure: what doesn't fit is dropped, by the receiver or by
// the kernel, and each is counted.

func startUDP(t *testing.T, receiver string) (*harness.Collector, *harness.Sink, net.Conn) {
	t.Helper()
	sink := harness.NewSink(t)
	sink.Behave(difficult())
	col := harness.Start(t, "receivers: {logfmt: "+receiver+"}\n"+outdent(overGRPC), harness.With("sink", sink))
	return col, sink, dial(t, "udp", col.Addr(t, "in"))
}

func udpCount(m harness.Metrics, what string) int {
	return int(m.Sum("otelcol_receiver_logfmt_records_"+what, "transport=udp"))
}

func TestConservationOverUDP(t *testing.T) {
	t.Parallel()
	const lines = 18_000
	col, sink, conn := startUDP(t, `{udp: {endpoint: {{addr "in"}}}, accept_timeout: 30s}`)
	ledger := harness.NewLedger()
	for sent := 0; sent < lines; {
		// Datagrams of one to seven lines, and never more under way than the
		// smallest receive buffers hold.
		for sentBefore := sent; sent < lines && sent-sentBefore < 200; {
			batch := ledger.Make("w", min(1+sent%7, lines-sent))
			_, err := io.WriteString(conn, batch.Text())
			require.NoError(t, err)
			batch.Confirm()
			sent += batch.Count()
		}
		col.WaitMetrics(t, "what was sent to be read", func(harness.Metrics) bool { return receiveQueue(t, col) == 0 })
	}
	ledger.Await(sink)
	ledger.RequireExactlyOnce(t, sink.Logs())
	requireInOrder(t, sink.Logs())
	assert.Positive(t, sink.Refused(), "the sink was to be difficult")
	requireBalance(t, col, "udp", lines)
	assert.Zero(t, udpCount(col.Metrics(t), "dropped"))
	assert.Zero(t, kernelDrops(t, col))
	col.Stop(t)
}

func TestUDPCountsWhatItsQueueCannotHold(t *testing.T) {
	t.Parallel()
	const lines = 18_000
	col, sink, conn := startUDP(t, `{udp: {endpoint: {{addr "in"}}, max_queue_size: 64KiB}, accept_timeout: 30s}`)
	ledger := harness.NewLedger()
	for range lines {
		_, err := io.WriteString(conn, ledger.Make("w", 1).Text())
		require.NoError(t, err)
	}
	var kernel int
	m := col.WaitMetrics(t, "every datagram to be accepted or dropped", func(m harness.Metrics) bool {
		kernel = kernelDrops(t, col)
		return udpCount(m, "accepted")+udpCount(m, "dropped")+kernel == lines
	})
	dropped := udpCount(m, "dropped")
	assert.Positive(t, dropped, "the queue was to be too short")
	assert.Equal(t, dropped, int(m.Sum("otelcol_receiver_logfmt_records_dropped", "transport=udp", "reason=udp_queue_full")))

	a := ledger.Account(sink.Logs())
	assert.Equal(t, lines, a.Found+dropped+kernel, "sent = received + dropped by the receiver + dropped by the kernel (%d + %d + %d)", a.Found, dropped, kernel)
	assert.Empty(t, a.Unknown)
	assert.Empty(t, a.Repeated)
	assert.Empty(t, a.UIDs)
	assert.Zero(t, a.Again)
	requireInOrder(t, sink.Logs())
	requireBalance(t, col, "udp", a.Found)
	col.Stop(t)
}

func TestUDPCountsWhatTheKernelDrops(t *testing.T) {
	t.Parallel()
	const lines = 18_000
	col, sink, conn := startUDP(t, `{udp: {endpoint: {{addr "in"}}, receive_buffer_size: 64KiB}, accept_timeout: 30s}`)
	sink.Behave(harness.Accept)
	ledger := harness.NewLedger()
	send := func() {
		_, err := io.WriteString(conn, ledger.Make("w", 1).Text())
		require.NoError(t, err)
	}
	col.Pause(t) // nobody reads: what the kernel can't hold is lost
	for range lines {
		send()
	}
	kernel := kernelDrops(t, col)
	col.Resume(t)
	require.Positive(t, kernel, "the kernel was to have too little room")

	accepted := func(m harness.Metrics) bool { return udpCount(m, "accepted") == ledger.Made()-kernel }
	col.WaitMetrics(t, "the datagrams that the kernel held", accepted)
	send() // the kernel says what it dropped with the next datagram
	m := col.WaitMetrics(t, "one more", accepted)
	assert.Equal(t, kernel, int(m.Sum("otelcol_receiver_logfmt_kernel_dropped")))
	assert.Equal(t, kernel, kernelDrops(t, col))

	a := ledger.Account(sink.Logs())
	assert.Equal(t, ledger.Made(), a.Found+kernel, "sent = received + dropped by the kernel (%d + %d)", a.Found, kernel)
	assert.Empty(t, a.Repeated)
	assert.Zero(t, a.Again)
	requireBalance(t, col, "udp", a.Found)
	col.Stop(t)
}
