package web_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/webtest"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// serve sends one request through a handler and gives what was seen of it.
func serve(t *testing.T, headers map[string]string, path string, inner http.HandlerFunc) (*http.Response, web.Exchange, *web.Metrics) {
	t.Helper()
	mux, metrics := http.NewServeMux(), web.NewMetrics()
	mux.HandleFunc("GET /things/{id}", inner)
	web.Mount(mux, metrics)
	var seen web.Exchange
	h := web.Handler(mux, web.NewIDs(1), metrics, func(x web.Exchange) { seen = x })
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result(), seen, metrics
}

func scrape(m *web.Metrics) string {
	mux := http.NewServeMux()
	web.Mount(mux, m)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

func TestRequestIDIsTakenOrMade(t *testing.T) {
	for name, test := range map[string]struct {
		given string
		taken bool
	}{
		"given":              {"8601b555-6a83-4c12-8269-97c8e32cdb22", true},
		"any printable text": {"req:42/a+b=c@d", true},
		"none":               {"", false},
		"a forged line":      {"x level=error", false},
		"a quote":            {`x"y`, false},
		"not ASCII":          {"é", false},
		"longest":            {strings.Repeat("x", 128), true},
		"too long":           {strings.Repeat("x", 129), false},
	} {
		t.Run(name, func(t *testing.T) {
			inside := ""
			response, _, _ := serve(t, map[string]string{"X-Request-ID": test.given}, "/things/1", func(_ http.ResponseWriter, r *http.Request) {
				inside = web.RequestID(r.Context())
			})
			defer func() { _ = response.Body.Close() }()
			if test.taken {
				assert.Equal(t, test.given, inside)
			} else {
				assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, inside)
			}
			assert.Equal(t, inside, response.Header.Get("X-Request-ID"))
		})
	}
}

func TestTraceIsContinuedOrBegun(t *testing.T) {
	inside := func(headers map[string]string) trace.SpanContext {
		var span trace.SpanContext
		response, _, _ := serve(t, headers, "/things/1", func(_ http.ResponseWriter, r *http.Request) {
			span = trace.SpanContextFromContext(r.Context())
		})
		_ = response.Body.Close()
		return span
	}
	span := inside(map[string]string{"traceparent": parent})
	assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.TraceID().String())
	assert.NotEqual(t, "00f067aa0ba902b7", span.SpanID().String(), "a span of its own")
	assert.True(t, span.IsSampled())

	for _, headers := range []map[string]string{nil, {"traceparent": "00-zz"}, {"traceparent": strings.ReplaceAll(parent, "4bf92f3577b34da6a3ce929d0e0e4736", strings.Repeat("0", 32))}} {
		span := inside(headers)
		assert.True(t, span.IsValid())
		assert.NotEqual(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.TraceID().String())
	}
}

func TestTransportPassesTheIdentityOn(t *testing.T) {
	var network webtest.Network
	network.Add("next", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	client := &http.Client{Transport: web.Transport{Base: &network}}
	var span trace.SpanContext
	response, _, _ := serve(t, map[string]string{"X-Request-ID": "r1", "traceparent": parent}, "/things/1", func(_ http.ResponseWriter, r *http.Request) {
		span = trace.SpanContextFromContext(r.Context())
		assert.NoError(t, web.Call(r.Context(), client, http.MethodGet, "http://next/x", nil, nil))
	})
	_ = response.Body.Close()
	require.Len(t, network.Seen(), 1)
	passed := network.Seen()[0].Header
	assert.Equal(t, "r1", passed.Get("X-Request-ID"))
	assert.Equal(t, "00-"+span.TraceID().String()+"-"+span.SpanID().String()+"-01", passed.Get("traceparent"))
}

func TestPanicIsAnsweredAndToldWithItsStack(t *testing.T) {
	response, seen, metrics := serve(t, nil, "/things/7", func(_ http.ResponseWriter, r *http.Request) {
		panicHere(r.PathValue("id"))
	})
	_ = response.Body.Close()
	assert.Equal(t, http.StatusInternalServerError, response.StatusCode)
	assert.Equal(t, "no thing 7", seen.Panic)
	assert.Contains(t, string(seen.Stack), "web_test.panicHere")
	assert.Equal(t, "GET /things/{id}", seen.Route)
	assert.Contains(t, scrape(metrics), "\n"+`shop_http_requests_total{code="500",route="GET /things/{id}"} 1`+"\n")
}

//go:noinline
func panicHere(id string) { panic("no thing " + id) }

func TestUnknownPathsShareOneLabel(t *testing.T) {
	response, seen, metrics := serve(t, nil, "/wp-admin/setup.php", func(http.ResponseWriter, *http.Request) {})
	_ = response.Body.Close()
	assert.Equal(t, http.StatusNotFound, seen.Status)
	assert.Contains(t, scrape(metrics), "\n"+`shop_http_requests_total{code="404",route="none"} 1`+"\n")
}

func TestMachineryIsNotLogged(t *testing.T) {
	for _, path := range []string{"/metrics", "/healthz"} {
		response, seen, _ := serve(t, nil, path, func(http.ResponseWriter, *http.Request) {})
		_ = response.Body.Close()
		assert.Less(t, response.StatusCode, 300)
		assert.Nil(t, seen.Request, path)
	}
}

func TestCallTellsWhyItWasRefused(t *testing.T) {
	var network webtest.Network
	network.Add("shut", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.WriteError(w, http.StatusConflict, "sold out")
	}))
	network.Add("vast", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20))
	}))
	client := &http.Client{Transport: &network}
	err := web.Call(t.Context(), client, http.MethodGet, "http://shut/", nil, nil)
	var status *web.StatusError
	require.ErrorAs(t, err, &status)
	assert.Equal(t, "http://shut/: 409 Conflict: sold out", err.Error())
	require.ErrorContains(t, web.Call(t.Context(), client, http.MethodGet, "http://vast/", nil, nil), "larger than 65536 bytes")
}

// TestServeDoesNotWaitForTheSilent: a connection opened in reserve is no request
// under way.
func TestServeDoesNotWaitForTheSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- web.Serve(ctx, "127.0.0.1:0", http.NotFoundHandler(), nil, func(a net.Addr) { address <- a })
	}()
	at := (<-address).String()
	silent, err := new(net.Dialer).DialContext(t.Context(), "tcp", at)
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	// A connection that was made later and is served proves that the first is known.
	require.ErrorContains(t, web.Call(t.Context(), http.DefaultClient, http.MethodGet, "http://"+at, nil, nil), "404")
	http.DefaultClient.CloseIdleConnections()
	begun := time.Now()
	cancel()
	require.NoError(t, <-ended)
	assert.Less(t, time.Since(begun), 3*time.Second)
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- web.Serve(ctx, "127.0.0.1:0", http.NotFoundHandler(), nil, func(a net.Addr) { address <- a })
	}()
	at := (<-address).String()
	err := web.Call(t.Context(), http.DefaultClient, http.MethodGet, "http://"+at, nil, nil)
	require.ErrorContains(t, err, "404")

	var taken *net.OpError
	require.ErrorAs(t, web.Serve(t.Context(), at, nil, nil, nil), &taken)

	cancel()
	require.NoError(t, <-ended)
	err = web.Call(t.Context(), http.DefaultClient, http.MethodGet, "http://"+at, nil, nil)
	require.Error(t, err)
	require.NotErrorAs(t, err, new(*web.StatusError))
	http.DefaultClient.CloseIdleConnections()
}
