package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLineOfArguments(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"level=info msg=hi"}, "level=info msg=hi"},
		{[]string{"any text at all"}, "any text at all"},
		{[]string{"level=info", "msg=hello there", "tag"}, `level=info msg="hello there" tag`},
		{[]string{`q=say "hi"`, `b=\`, `already="quoted text"`}, `q="say \"hi\"" b=\ already="quoted text"`},
		{[]string{"a=1", "two\nlines=x"}, ""},
		{[]string{"a=1", "v=two\nlines"}, `a=1 v="two\nlines"`},
		{[]string{"a=1\n"}, "a=1"},
		{[]string{""}, ""},
		{[]string{" ", " "}, ""},
		{[]string{"a=1\nb=2"}, ""},
	} {
		line, err := lineOf(test.arguments)
		assert.Equal(t, test.want, line, test.arguments)
		assert.Equal(t, test.want == "", err != nil, test.arguments)
	}
}

// receiver plays the logfmt receiver over http. It answers with the statuses
// given, the last one for ever.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int
	body     string
	lines    []string
	requests chan string
}

func newReceiver(t *testing.T, body string, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses, body: body, requests: make(chan string, 100)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	status := r.statuses[0]
	if len(r.statuses) > 1 {
		r.statuses = r.statuses[1:]
	}
	if status < 300 {
		r.lines = append(r.lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	}
	r.requests <- fmt.Sprintf("%s %s %s", request.Method, request.Header.Get("Content-Type"), body)
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, r.body)
}

func TestSendOverHTTP(t *testing.T) {
	r := newReceiver(t, `{"accepted":1,"rejected":0}`, 200)
	status, stdout, stderr := call(t, "", "send", "level=info msg=hi", "--endpoint", r.URL+"/drain")
	assert.Equal(t, exitOK, status, stderr)
	assert.Empty(t, stdout+stderr)
	assert.Equal(t, "POST text/plain; charset=utf-8 level=info msg=hi\n", <-r.requests)
}

func TestSendReadsStandardInput(t *testing.T) {
	r := newReceiver(t, "", 200)
	var in strings.Builder
	want := make([]string, 30_000)
	for i := range want {
		want[i] = fmt.Sprintf("n=%d msg=%s", i, strings.Repeat("x", 80))
		in.WriteString(want[i] + "\n")
	}
	status, _, stderr := call(t, strings.TrimSuffix(in.String(), "\n"), "send", "--endpoint", r.URL)
	assert.Equal(t, exitOK, status, stderr)
	assert.Equal(t, want, r.lines)
	assert.Less(t, len(r.requests), 10, "in large pieces")
}

func TestSendOfNothing(t *testing.T) {
	r := newReceiver(t, "", 200)
	status, _, _ := call(t, "", "send", "--endpoint", r.URL)
	assert.Equal(t, exitOK, status)
	assert.Empty(t, r.requests)
}

func TestSendDoesNotWaitForMore(t *testing.T) {
	r := newReceiver(t, "", 200)
	in, out := io.Pipe()
	p := &program{stdin: in, stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
	ended := make(chan int, 1)
	go func() { ended <- p.main(t.Context(), []string{"send", "--endpoint", r.URL}) }()
	for _, line := range []string{"first\n", "second\n"} {
		_, err := io.WriteString(out, line)
		require.NoError(t, err)
		assert.Contains(t, <-r.requests, line)
	}
	require.NoError(t, out.Close())
	assert.Equal(t, exitOK, <-ended)
}

func TestSendTellsOfLongLines(t *testing.T) {
	r := newReceiver(t, "", 200)
	long := strings.Repeat("x", sendMaxLine+10)
	status, _, stderr := call(t, "a\n"+long+"\nb\n", "send", "--endpoint", r.URL)
	assert.Equal(t, exitOK, status)
	assert.Equal(t, "heartwood send: line 2 is longer than 1048576 bytes and is sent in parts\n", stderr)
	assert.Equal(t, []string{"a", long[:sendMaxLine], long[sendMaxLine:], "b"}, r.lines)
}

func TestSendTriesAgainWhenAskedTo(t *testing.T) {
	r := newReceiver(t, "", 503, 429, 200)
	status, _, stderr := call(t, "", "send", "a=1", "--endpoint", r.URL)
	assert.Equal(t, exitOK, status, stderr)
	assert.Equal(t, []string{"a=1"}, r.lines)
	assert.Len(t, r.requests, 3)
}

func TestSendSaysWhyItFailed(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, test := range map[string]struct{ endpoint, want string }{
		"rejected":     {newReceiver(t, `{"accepted":0,"rejected":1,"reasons":["too long"]}`, 200).URL, `took 0 lines and not 1: {"accepted":0`},
		"refused":      {newReceiver(t, "no such path\nmore", 404).URL, "refused: 404 Not Found: no such path\n"},
		"nobody, http": {gone.URL, "nobody listens at " + gone.URL + " (connection refused); start a collector, for example with `make run`"},
		"nobody, tcp":  {strings.Replace(gone.URL, "http", "tcp", 1), "nobody listens at tcp://127.0.0.1:"},
		"nobody, unix": {"unix:///nonexistent/logfmt.sock", "nobody listens at unix:///nonexistent/logfmt.sock (no such socket)"},
		"unknown host": {"http://no-such-host.invalid:5644", `there is no host "no-such-host.invalid"`},
		"no such, tcp": {"tcp://no-such-host.invalid:5644", `there is no host "no-such-host.invalid"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := call(t, "", "send", "a=1", "--endpoint", test.endpoint)
			assert.Equal(t, exitFailure, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, test.want)
		})
	}
}

// listen accepts one connection and gives what came over it.
func listen(t *testing.T, network, address string, closing func(net.Conn)) (string, <-chan string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	got := make(chan string, 1)
	go func() {
		connection, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		if closing != nil {
			closing(connection)
			return
		}
		text, _ := io.ReadAll(connection)
		got <- string(text)
	}()
	return l.Addr().String(), got
}

func TestSendOverStreams(t *testing.T) {
	address, got := listen(t, "tcp", "127.0.0.1:0", nil)
	status, _, stderr := call(t, "a=1\nb=2", "send", "--endpoint", "tcp://"+address)
	assert.Equal(t, exitOK, status, stderr)
	assert.Equal(t, "a=1\nb=2\n", <-got)

	address, got = listen(t, "unix", filepath.Join(t.TempDir(), "s"), nil)
	status, _, stderr = call(t, "", "send", "a=1", "--endpoint", "unix://"+address)
	assert.Equal(t, exitOK, status, stderr)
	assert.Equal(t, "a=1\n", <-got)
}

func TestSendNoticesAConnectionThatBroke(t *testing.T) {
	address, _ := listen(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.(*net.TCPConn).SetLinger(0) // reset
	})
	status, _, stderr := call(t, "", "send", "a=1", "--endpoint", "tcp://"+address)
	assert.Equal(t, exitFailure, status)
	assert.Contains(t, stderr, "some lines may not have arrived")
}

func TestSendSendsWhatItHasWhenInterrupted(t *testing.T) {
	r := newReceiver(t, "", 200)
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	p := &program{stdin: in, stdout: io.Discard, stderr: &errs, getenv: func(string) string { return "" }}
	ended := make(chan int, 1)
	go func() { ended <- p.main(ctx, []string{"send", "--endpoint", r.URL}) }()
	_, err := io.WriteString(out, "a=1\nb=2\n")
	require.NoError(t, err)
	_, err = io.WriteString(out, "c")
	require.NoError(t, err)
	cancel()
	assert.Equal(t, exitFailure, <-ended)
	assert.Contains(t, errs.String(), "interrupted")
	assert.Subset(t, []string{"a=1", "b=2"}, r.lines)
	assert.NotEmpty(t, r.lines)
	require.NoError(t, out.Close())
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Second, "0": time.Second, "-5": time.Second, "7": 7 * time.Second, "86400": time.Minute, "Wed, 21 Oct 2026 07:28:00 GMT": time.Second} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}), value)
	}
}
