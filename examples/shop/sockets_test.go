package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/heartwood-otel/heartwood/internal/freeport"
)

func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(freeport.Take(t)))
	}
	return addresses
}

type countingSink struct {
	*httptest.Server
	logs, traces atomic.Int64
}

func newSink(t *testing.T) *countingSink {
	t.Helper()
	s := &countingSink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/v1/logs":
			s.logs.Add(1)
		case "/v1/traces":
			s.traces.Add(1)
		}
	}))
	t.Cleanup(s.Close)
	return s
}
