package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/portholder"
)

// port is a TCP port on localhost that a part of the quickstart listens on.
type port struct {
	variable string // of the environment, which configs/quickstart.yaml reads
	number   int    // wanted at first, then the one taken
	use      string // for a person
}

// quickstartPorts in the order in which they are told.
func quickstartPorts() []port {
	return []port{
		{"HEARTWOOD_VIEWER_PORT", 8840, "page to look at"},
		{"HEARTWOOD_OTLP_GRPC_PORT", 4317, "OTLP over gRPC"},
		{"HEARTWOOD_OTLP_HTTP_PORT", 4318, "OTLP over HTTP"},
		{"HEARTWOOD_LOGFMT_TCP_PORT", 5643, "logfmt over TCP"},
		{"HEARTWOOD_LOGFMT_HTTP_PORT", 5644, "logfmt over HTTP"},
		{"HEARTWOOD_PROMETHEUS_PORT", 9464, "Prometheus page"},
		{"HEARTWOOD_TELEMETRY_PORT", 8888, "collector's own metrics"},
		{"HEARTWOOD_HEALTH_PORT", 13133, "health"},
		{"HEARTWOOD_PURCHASING_PORT", 8810, "shop: purchasing"},
		{"HEARTWOOD_INVENTORY_PORT", 8811, "shop: inventory"},
		{"HEARTWOOD_ORDERING_PORT", 8812, "shop: ordering"},
	}
}

// portSearch is how many numbers after the wanted one are tried before the system
// is asked for any: a number near the usual one is easier to remember.
const portSearch = 20

// choosePorts replaces the numbers of ports that are taken by free ones, and tells
// of it on notes. getenv may want others to begin with.
func choosePorts(ctx context.Context, ports []port, getenv func(string) string, notes io.Writer) error {
	reserved := make(map[int]string, len(ports))
	for i := range ports {
		p := &ports[i]
		if text := getenv(p.variable); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > 65535 {
				return fmt.Errorf("%s is %q, want a port from 1 to 65535", p.variable, text)
			}
			p.number = n
		}
		if other, twice := reserved[p.number]; twice {
			return fmt.Errorf("%s and %s are both %d", other, p.variable, p.number)
		}
		reserved[p.number] = p.variable
	}
	for i := range ports {
		p := &ports[i]
		taken := listenable(ctx, p.number)
		if taken == nil {
			continue
		}
		instead, err := freePort(ctx, p.number, reserved)
		if err != nil {
			return fmt.Errorf("port %d (%s) is taken and no other is to be had: %w", p.number, p.use, err)
		}
		_, _ = fmt.Fprintf(notes, "Port %d (%s) is taken by %v; taking %d.\n", p.number, p.use, portholder.Find(p.number), instead)
		p.number = instead
		reserved[instead] = p.variable
	}
	return nil
}

// freePort finds a port near wanted that nobody listens on and nobody has reserved.
func freePort(ctx context.Context, wanted int, reserved map[int]string) (int, error) {
	for n := wanted + 1; n <= min(wanted+portSearch, 65535); n++ {
		if reserved[n] == "" && listenable(ctx, n) == nil {
			return n, nil
		}
	}
	return anyPort(ctx)
}

// anyPort is one that the system says is free.
func anyPort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// listenable tells why one cannot listen on a port of localhost; nil: one can.
func listenable(ctx context.Context, n int) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", localhost(n))
	if err != nil {
		return err
	}
	return listener.Close()
}

func localhost(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
