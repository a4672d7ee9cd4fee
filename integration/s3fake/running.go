package s3fake

import (
	"bytes"
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

// Running is a fake that listens, at the same address for as long as the test lasts.
type Running struct {
	*Server
	addr string

	mu     sync.Mutex
	server *http.Server
	done   chan struct{}
}

// Start makes a fake that listens on a port of 127.0.0.1 until the test ends.
func Start(tb testing.TB, settings Settings) *Running {
	tb.Helper()
	r := &Running{Server: New(settings), addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(freeport.Take(tb)))}
	r.Up(tb)
	tb.Cleanup(r.Down)
	return r
}

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
		tb.Fatalf("the S3 fake can't listen: %v", err)
	}
	r.server = &http.Server{Handler: r.Server, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	r.done = make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("the S3 fake: %v", err)
		}
	}(r.server, r.done)
}

// Down stops listening, and cuts all connections. What it holds stays.
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

// HTTPClient calls the fake directly, without a socket, in the goroutine of the caller:
// for a test in a bubble of testing/synctest, or of speed. Any URL will do.
func (s *Server) HTTPClient() *http.Client { return &http.Client{Transport: direct{s}} }

type direct struct{ s *Server }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := &directAnswer{header: make(http.Header)}
	torn := out.serve(d.s, in)
	_ = in.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if torn && !out.flushed {
		return nil, io.ErrUnexpectedEOF
	}
	var body io.Reader = bytes.NewReader(out.body.Bytes())
	if torn {
		body = io.MultiReader(body, brokenReader{})
	}
	length, err := strconv.ParseInt(out.header.Get("Content-Length"), 10, 64)
	if err != nil {
		length = int64(out.body.Len())
	}
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// directAnswer is an http.ResponseWriter.
type directAnswer struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	flushed bool
}

func (a *directAnswer) Header() http.Header         { return a.header }
func (a *directAnswer) WriteHeader(status int)      { a.status = status }
func (a *directAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *directAnswer) Flush()                      { a.flushed = true }

// serve says whether the connection was cut.
func (a *directAnswer) serve(h http.Handler, r *http.Request) (torn bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			torn = true
		default:
			panic(p) //nolint:forbidigo // not ours
		}
	}()
	h.ServeHTTP(a, r)
	return false
}
