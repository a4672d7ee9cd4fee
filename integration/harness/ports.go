package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports are taken from below the range from which Linux, macOS and BSD give
// out ports for outgoing connections, so that a collector that is started
// again finds its own ports as it left them.
const (
	firstPort = 20000
	lastPort  = 29999
)

var ports struct {
	sync.Mutex
	given map[int]bool
}

// FreePort gives a port of 127.0.0.1 on which nothing listens, for TCP and for
// UDP, and which no other caller in this process has been given.
func FreePort(tb testing.TB) int {
	tb.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = make(map[int]bool)
	}
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if ports.given[port] || !portIsFree(tb.Context(), port) {
			continue
		}
		ports.given[port] = true
		return port
	}
	tb.Fatalf("no free port found between %d and %d in 1000 attempts", firstPort, lastPort)
	return 0
}

func portIsFree(ctx context.Context, port int) bool {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = l.Close()
	pc, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return false
	}
	_ = pc.Close()
	return true
}
