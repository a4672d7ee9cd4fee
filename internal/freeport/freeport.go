// Package freeport gives tests ports to listen on that nobody else takes meanwhile.
package freeport

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are taken from below the range from which Linux, macOS and BSD give
// out ports for outgoing connections: those of other tests would take them between
// the look and the use, and a process that is started again would not find its own
// ports as it left them.
const (
	firstPort = 20000
	lastPort  = 29999
	// blockSize ports belong to the process that listens on the first of them, so
	// that tests of several packages, which run at one time, keep apart.
	blockSize = 50
)

var ports struct {
	sync.Mutex
	free []int
	// held keeps the blocks for as long as the process lives.
	held []net.Listener
}

// Take gives a port of 127.0.0.1 on which nothing listens, for TCP and for UDP, and
// which no other caller gets, in this process or another, before the test is over.
func Take(tb testing.TB) int {
	tb.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 1000 {
		if len(ports.free) == 0 {
			takeBlockLocked(tb.Context())
			continue
		}
		port := ports.free[0]
		ports.free = ports.free[1:]
		if !isFree(tb.Context(), port) {
			continue
		}
		tb.Cleanup(func() {
			ports.Lock()
			defer ports.Unlock()
			ports.free = append(ports.free, port)
		})
		return port
	}
	tb.Fatalf("no free port found between %d and %d in 1000 attempts", firstPort, lastPort)
	return 0
}

func takeBlockLocked(ctx context.Context) {
	first := firstPort + rand.IntN((lastPort-firstPort+1)/blockSize)*blockSize //nolint:gosec // no secret
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address(first))
	if err != nil {
		return // another process has it
	}
	ports.held = append(ports.held, l)
	for port := first + 1; port < first+blockSize; port++ {
		ports.free = append(ports.free, port)
	}
}

func isFree(ctx context.Context, port int) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address(port))
	if err != nil {
		return false
	}
	_ = l.Close()
	pc, err := lc.ListenPacket(ctx, "udp", address(port))
	if err != nil {
		return false
	}
	_ = pc.Close()
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
