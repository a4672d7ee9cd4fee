// Package fakehttp runs the handler of a fake service at one address, which tests take down
// and up again.
package fakehttp

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// Running listens at the same address for as long as the test lasts.
type Running struct {
	name      string
	addr      string
	handler   http.Handler
	connState func(net.Conn, http.ConnState)

	mu     sync.Mutex
	server *http.Server
	done   chan struct{}
}

// Start listens on a port of 127.0.0.1 until the test ends. Errors have the name;
// connState, if any, is told of connections as an http.Server's is.
func Start(tb testing.TB, name string, handler http.Handler, connState func(net.Conn, http.ConnState)) *Running {
	tb.Helper()
	r := &Running{
		name: name, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(freeport.Take(tb))),
		handler: handler, connState: connState,
	}
	r.Up(tb)
	tb.Cleanup(r.Down)
	return r
}

// Addr is the host and port.
func (r *Running) Addr() string { return r.addr }

// URL is the endpoint.
func (r *Running) URL() string { return "http://" + r.addr }

// Up listens again after Down.
func (r *Running) Up(tb testing.TB) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", r.addr)
	if err != nil {
		tb.Fatalf("%s can't listen: %v", r.name, err)
	}
	r.server = &http.Server{Handler: r.handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), ConnState: r.connState}
	r.done = make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("%s: %v", r.name, err)
		}
	}(r.server, r.done)
}

// Down stops listening, and cuts all connections. What the service holds stays.
func (r *Running) Down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return
	}
	_ = r.server.Close() // which says nothing that a test could use
	<-r.done
	r.server = nil
}
