package s3fake

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/heartwood-otel/heartwood/integration/fakehttp"
)

// Running is a fake that listens, at the same address for as long as the test lasts.
type Running struct {
	*Server
	*fakehttp.Running
}

// Start makes a fake that listens on a port of 127.0.0.1 until the test ends.
func Start(tb testing.TB, settings Settings) *Running {
	tb.Helper()
	s := New(settings)
	return &Running{s, fakehttp.Start(tb, "the S3 fake", s, nil)}
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
