package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// freePorts gives addresses on which nobody listened a moment ago.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	addresses := make([]string, n)
	for i := range addresses {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addresses[i] = l.Addr().String()
		defer func() { require.NoError(t, l.Close()) }()
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
