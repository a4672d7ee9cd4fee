package logfmtreceiver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
)

const udpOnly = "udp: {endpoint: 'localhost:0'}\n"

func TestUDP(t *testing.T) {
	s := newSink()
	g := start(t, s, udpOnly+"max_line_size: 256")
	conn := g.dial(t, "udp")
	for _, datagram := range []string{
		"level=warn msg=one",
		"msg=two\nmsg=three\n",
		"\n\x00",
		"<13>1 - - a - - - four\nand more\n",
		"<13>five\n<13>six\n",
		strings.Repeat("x", 300),
	} {
		send(t, conn, datagram)
	}
	records := s.wait(t, 8)
	assert.ElementsMatch(t, []string{"one", "two", "three", "four\nand more", "five", "six", strings.Repeat("x", 256), strings.Repeat("x", 44)}, texts(records))
	assert.Equal(t, plog.SeverityNumberWarn, records[0].SeverityNumber())
	g.shutdown(t)
	g.requireConserved(t, "udp")
}

// Nobody can be told to wait: what the queue does not hold is counted.
func TestUDPCountsWhatItDrops(t *testing.T) {
	s := newSink()
	release := make(chan struct{})
	s.before = func(context.Context, int, plog.Logs) error { <-release; return nil }
	g := start(t, s, "udp: {endpoint: 'localhost:0', max_queue_size: 64KiB}\naccept_timeout: 1m")
	conn := g.dial(t, "udp")
	send(t, conn, "n=first\n")
	s.waitCalls(t, 1)
	const lines = 200
	for i := range lines / 2 {
		send(t, conn, fmt.Sprintf("n=%d m=%s\n\nn=%d\n", i, strings.Repeat("x", 2000), i))
	}
	inQueue := func() int64 { return g.metric(t, "records_dropped", "transport", "udp", "reason", "udp_queue_full") }
	require.Eventually(t, func() bool { return inQueue() > lines/2 }, 5*time.Second, time.Millisecond)
	close(release)
	g.shutdown(t)
	g.requireConserved(t, "udp")
	kernel := g.metric(t, "kernel_dropped")
	assert.Equal(t, int64(lines+1), g.metric(t, "records_received")+2*kernel)
	assert.Equal(t, int64(s.count()), g.metric(t, "records_accepted"))
	assert.Equal(t, lines+1-int(inQueue())-2*int(kernel), s.count())
}

func TestUDPShutdownDelivers(t *testing.T) {
	s := newSink()
	g := start(t, s, udpOnly)
	conn := g.dial(t, "udp")
	for range 100 {
		send(t, conn, "msg=one\n")
	}
	g.shutdown(t)
	s.wait(t, 100)
	g.requireConserved(t, "udp")
}

func TestDatagramQueue(t *testing.T) {
	q := newDatagramQueue(100)
	assert.True(t, q.push([]byte(strings.Repeat("a", 40))))
	assert.False(t, q.push([]byte(strings.Repeat("b", 40))), "the cost of a datagram counts too")
	assert.True(t, q.push([]byte("c")))
	text, ends, ok := q.take()
	assert.True(t, ok)
	assert.Equal(t, []int{40, 41}, ends)
	assert.Equal(t, strings.Repeat("a", 40)+"c", string(text))
	assert.True(t, q.push([]byte("d")), "there is room again while the first are delivered")
	assert.Equal(t, "c", string(text[40:]), "and they are left alone")
	q.close()
	text, _, ok = q.take()
	assert.True(t, ok)
	assert.Equal(t, "d", string(text))
	_, _, ok = q.take()
	assert.False(t, ok)
}

func TestLineCounter(t *testing.T) {
	c := &lineCounter{frames: lineframe.NewBytesReader(nil, lineframe.Settings{MaxLine: 16})}
	for datagram, want := range map[string]int{
		"a": 1, "a\nb": 2, "a\n\n\nb\n": 2, "<13>a\nb": 1, "<13>a\n<13>b": 2, "\n": 0, strings.Repeat("x", 40): 3,
	} {
		assert.Equal(t, want, c.count([]byte(datagram)), datagram)
	}
}
