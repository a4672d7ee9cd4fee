// Package webtest connects the shop's services without sockets, so that they can
// be tested in a testing/synctest bubble, whose time they cannot escape.
package webtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Network delivers requests to handlers by host name and keeps a copy of their
// heads. Add and RoundTrip may be called from many goroutines.
type Network struct {
	mu sync.Mutex
	// mu guards the following.
	hosts map[string]http.Handler
	seen  []*http.Request
}

// Add makes h answer for host.
func (n *Network) Add(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = make(map[string]http.Handler)
	}
	n.hosts[host] = h
}

// Seen gives the requests that were made, in their order.
func (n *Network) Seen() []*http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*http.Request(nil), n.seen...)
}

// RoundTrip implements http.RoundTripper.
func (n *Network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h := n.hosts[r.URL.Host]
	n.seen = append(n.seen, r.Clone(r.Context()))
	n.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("dial %s: connection refused", r.URL.Host)
	}
	// What the caller has in its context does not travel.
	arrived := httptest.NewRequestWithContext(context.Background(), r.Method, r.URL.String(), r.Body) //nolint:contextcheck // that is what it says
	arrived.Header = r.Header.Clone()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, arrived)
	return recorder.Result(), nil
}
