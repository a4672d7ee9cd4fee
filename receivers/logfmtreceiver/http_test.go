package logfmtreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
)

const httpOnly = "http: {endpoint: 'localhost:0'}\n"

type reply struct {
	answer
	status int
	header http.Header
}

// post sends a request; headers are written as key, value, key, value.
func post(tb testing.TB, g *rig, body string, headers ...string) reply {
	tb.Helper()
	r, err := tryPost(tb.Context(), g.addr(tb, "http"), body, headers...)
	require.NoError(tb, err)
	return r
}

func tryPost(ctx context.Context, addr, body string, headers ...string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(req)
}

func do(req *http.Request) (reply, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	out := reply{status: resp.StatusCode, header: resp.Header}
	if err := json.NewDecoder(resp.Body).Decode(&out.answer); err != nil {
		return out, fmt.Errorf("answer of status %d: %w", resp.StatusCode, err)
	}
	return out, nil
}

func TestHTTPLines(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "text/plain; charset=utf-8", "TEXT/PLAIN", "application/logfmt", "application/x-www-form-urlencoded"} {
		t.Run(contentType, func(t *testing.T) {
			s := newSink()
			g := start(t, s, httpOnly)
			r := post(t, g, "level=error msg=one n=1\n\nno logfmt at all\r\n<14>1 - h a - - - msg=three", "Content-Type", contentType)
			assert.Equal(t, http.StatusOK, r.status)
			assert.Equal(t, answer{Accepted: 3}, r.answer)
			records := s.wait(t, 3)
			assert.Equal(t, []string{"one", "no logfmt at all", "three"}, texts(records))
			assert.Equal(t, plog.SeverityNumberError, records[0].SeverityNumber())
			assert.Equal(t, "h", records[2].resource.AsRaw()["host.name"])
			assert.Equal(t, 1, s.calls, "a request is one call")
			g.shutdown(t)
			g.requireConserved(t, "http")
		})
	}
}

func TestHTTPRefusesWhatItCannotRead(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', path: /logs}")
	url := "http://" + g.addr(t, "http")
	for name, tc := range map[string]struct {
		method, path, contentType, encoding, body string
		status                                    int
		reason                                    string
	}{
		"another path":         {"POST", "/", "", "", "a=1", 404, "send to /logs"},
		"GET":                  {"GET", "/logs", "", "", "", 405, "method is GET, but must be POST"},
		"JSON":                 {"POST", "/logs", "application/json", "", `{"a":1}`, 415, `content type is "application/json", but must be text/plain`},
		"protobuf":             {"POST", "/logs", "application/x-protobuf", "", "\x0a\x00", 415, "must be text/plain"},
		"an unknown encoding":  {"POST", "/logs", "", "br", "a=1", 415, "unsupported Content-Encoding: br"},
		"no gzip":              {"POST", "/logs", "", "gzip", "a=1", 400, "gzip"},
		"no zstd":              {"POST", "/logs", "", "zstd", "a=1", 400, "cannot be decompressed"},
		"lines called logplex": {"POST", "/logs", "application/logplex-1", "", "a=1\nb=2\n", 400, "does not begin with an octet-counted frame"},
		"logplex without PRI":  {"POST", "/logs", "application/logplex-1", "", "5 a=123", 400, "does not begin with an octet-counted frame"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tc.method, url+tc.path, strings.NewReader(tc.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", tc.contentType)
			if tc.encoding != "" {
				req.Header.Set("Content-Encoding", tc.encoding)
			}
			r, err := do(req)
			require.NoError(t, err)
			assert.Equal(t, tc.status, r.status)
			assert.Zero(t, r.Accepted)
			require.Len(t, r.Reasons, 1)
			assert.Contains(t, r.Reasons[0], tc.reason)
		})
	}
	assert.Zero(t, s.count())
}

// A text/plain POST needs no preflight: without this check any web page could write
// into the log of its visitor's machine.
func TestHTTPAndWebPages(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', cors: {allowed_origins: ['https://*.example.com']}}")
	assert.Equal(t, 403, post(t, g, "a=1", "Origin", "https://evil.example.org").status)
	assert.Equal(t, 403, post(t, g, "a=1", "Sec-Fetch-Site", "cross-site").status)
	assert.Zero(t, s.count())
	assert.Equal(t, 200, post(t, g, "a=1", "Origin", "https://app.example.com").status)
	assert.Equal(t, 200, post(t, g, "a=1", "Origin", "http://"+g.addr(t, "http")).status, "its own origin")
	s.wait(t, 2)
}

func TestHTTPBackPressure(t *testing.T) {
	for name, tc := range map[string]struct {
		before     func(ctx context.Context) error
		status     int
		retryAfter string
		metric     string
	}{
		"refuses":        {func(context.Context) error { return errRefused }, 503, "2", "records_refused"},
		"takes too long": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 503, "2", "records_refused"},
		"for good":       {func(context.Context) error { return consumererror.NewPermanent(errRefused) }, 400, "", "records_dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink()
			s.before = func(ctx context.Context, call int, _ plog.Logs) error {
				if call == 1 {
					return tc.before(ctx)
				}
				return nil
			}
			g := start(t, s, httpOnly+"accept_timeout: 1100ms")
			r := post(t, g, "msg=one\nmsg=two\n")
			assert.Equal(t, tc.status, r.status)
			assert.Equal(t, tc.retryAfter, r.header.Get("Retry-After"))
			assert.Zero(t, r.Accepted)
			require.Len(t, r.Reasons, 1)
			assert.NotContains(t, r.Reasons[0], errRefused.Error(), "what goes on inside is for the log")
			assert.Equal(t, int64(2), g.metric(t, tc.metric, "transport", "http"))
			assert.Equal(t, 200, post(t, g, "msg=one\nmsg=two\n").status)
			s.wait(t, 2)
			g.shutdown(t)
			g.requireConserved(t, "http")
		})
	}
}

func compress(tb testing.TB, encoding, text string) string {
	tb.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		var err error
		w, err = zstd.NewWriter(&out)
		require.NoError(tb, err)
	}
	_, err := io.WriteString(w, text)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return out.String()
}

func TestHTTPCompressed(t *testing.T) {
	for _, encoding := range []string{"gzip", "zstd"} {
		t.Run(encoding, func(t *testing.T) {
			s := newSink()
			g := start(t, s, "http: {endpoint: 'localhost:0', max_request_body_size: 1KiB}")
			for _, name := range []string{encoding, strings.ToUpper(encoding), encoding} { // the decoders are used again
				assert.Equal(t, answer{Accepted: 2}, post(t, g, compress(t, encoding, "msg=one\nmsg=two\n"), "Content-Encoding", name).answer)
			}
			s.wait(t, 6)
			if encoding == "gzip" {
				assert.Equal(t, answer{Accepted: 1}, post(t, g, compress(t, encoding, "msg=one"), "Content-Encoding", "x-gzip").answer)
			} else {
				assert.Equal(t, answer{Accepted: 1}, post(t, g, "msg=one", "Content-Encoding", "identity").answer)
			}
			r := post(t, g, compress(t, encoding, strings.Repeat("a=1\n", 1000)), "Content-Encoding", encoding)
			assert.Equal(t, 413, r.status, "the limit holds after decompression")
			assert.Contains(t, r.Reasons[0], "larger than max_request_body_size, 1024 bytes")
			r = post(t, g, strings.Repeat("a=1\n", 1000))
			assert.Equal(t, 413, r.status)
			s.wait(t, 7)
		})
	}
}

// A body that was damaged before it was sent is damaged each time it is sent: what
// can be read of it is taken, and the sender is told of the rest.
func TestHTTPDamagedCompression(t *testing.T) {
	for _, encoding := range []string{"gzip", "zstd"} {
		t.Run(encoding, func(t *testing.T) {
			s := newSink()
			g := start(t, s, httpOnly)
			var text strings.Builder
			for i := range 100_000 {
				fmt.Fprintf(&text, "n=%d\n", i)
			}
			whole := compress(t, encoding, text.String())
			r := post(t, g, whole[:len(whole)/2], "Content-Encoding", encoding)
			assert.Equal(t, 200, r.status)
			assert.Positive(t, r.Accepted)
			assert.Less(t, r.Accepted, 100_000)
			assert.Equal(t, 1, r.Rejected)
			require.Len(t, r.Reasons, 1)
			assert.Contains(t, r.Reasons[0], "cannot be decompressed to its end")
			records := s.wait(t, r.Accepted)
			for i, rec := range records {
				require.Equal(t, int64(i), rec.attr("n"), "no half line")
			}
			assert.Equal(t, int64(1), g.metric(t, "parts_rejected"))
			g.requireConserved(t, "http")
		})
	}
}

// A body that breaks off on its way will be sent again: nothing of it is taken.
func TestHTTPBodyBreaksOff(t *testing.T) {
	s := newSink()
	g := start(t, s, httpOnly)
	for _, encoding := range []string{"identity", "gzip"} {
		conn := g.dial(t, "http")
		body := "msg=one\nmsg=two\nms"
		header := ""
		if encoding == "gzip" {
			body = compress(t, "gzip", strings.Repeat("a=1\n", 1000))
			body = body[:len(body)-4]
			header = "Content-Encoding: gzip\r\n"
		}
		send(t, conn, fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1000\r\n\r\n%s", header, body))
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		answered, err := io.ReadAll(conn)
		require.NoError(t, err)
		assert.Contains(t, string(answered), "400 Bad Request", encoding)
		assert.Contains(t, string(answered), "the body broke off", encoding)
	}
	assert.Zero(t, s.calls)
}

func TestHTTPSlowSenders(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', read_header_timeout: 50ms, read_timeout: 100ms}")
	header := g.dial(t, "http")
	send(t, header, "POST / HTTP/1.1\r\nHost: x\r\nContent-")
	_, err := io.ReadAll(header)
	require.NoError(t, err, "a header that does not end is cut off")

	body := g.dial(t, "http")
	send(t, body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nmsg=one\n")
	answered, err := io.ReadAll(body)
	require.NoError(t, err)
	assert.Contains(t, string(answered), "408 Request Timeout")
	assert.Zero(t, s.calls)

	assert.Equal(t, 200, post(t, g, "msg=neighbour").status)
	s.wait(t, 1)
}

// The write timeout is the answer's, however long the body took.
func TestHTTPSlowBodyIsAnswered(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', write_timeout: 50ms}\naccept_timeout: 40ms")
	conn := g.dial(t, "http")
	begin := time.Now()
	send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\nmsg")
	require.Eventually(t, func() bool { return time.Since(begin) > 150*time.Millisecond }, 5*time.Second, 10*time.Millisecond)
	send(t, conn, "=slow")
	answered, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(answered), "200 OK")
	s.wait(t, 1)
}

func TestHTTPBodiesShareABudget(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', max_request_body_size: 1MiB}\nmax_buffer_size: 1MiB")
	slow := g.dial(t, "http")
	send(t, slow, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("a=1\n", 140_000))
	require.Eventually(t, func() bool { return g.budget.Used() == 1<<20 }, 5*time.Second, time.Millisecond)
	r := post(t, g, strings.Repeat("a=1\n", 200_000))
	assert.Equal(t, 429, r.status)
	assert.Equal(t, "1", r.header.Get("Retry-After"))
	require.NoError(t, slow.Close())
	require.Eventually(t, func() bool { return g.budget.Used() == 0 }, 5*time.Second, time.Millisecond, "all of it is given back")
	assert.Equal(t, 200, post(t, g, strings.Repeat("a=1\n", 1<<18)).status, "as large as allowed")
	s.wait(t, 1<<18)
}

func TestHTTPTooManyConnections(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', max_connections: 1}")
	first := g.dial(t, "http")
	send(t, first, "POST / HTTP/1.1\r\nHost: x\r\n")
	require.Eventually(t, func() bool { return g.metric(t, "connections", "transport", "http") == 1 }, 5*time.Second, time.Millisecond)
	r := post(t, g, "msg=one")
	assert.Equal(t, 503, r.status)
	assert.Equal(t, "1", r.header.Get("Retry-After"))
	assert.Equal(t, []string{"nothing was taken: max_connections are open already"}, r.Reasons)
	assert.Equal(t, int64(1), g.metric(t, "connections_refused", "transport", "http"))
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return post(t, g, "msg=one").status == 200 }, 5*time.Second, time.Millisecond)
}

func TestHTTPShutdownAnswers(t *testing.T) {
	s := newSink()
	release := make(chan struct{})
	s.before = func(context.Context, int, plog.Logs) error { <-release; return nil }
	g := start(t, s, httpOnly)
	status := make(chan int, 1)
	go func() {
		r, err := tryPost(context.Background(), g.addr(t, "http"), "msg=one")
		if err != nil {
			r.status = -1
		}
		status <- r.status
	}()
	s.waitCalls(t, 1)
	down := make(chan struct{})
	go func() {
		defer close(down)
		_ = g.Shutdown(context.Background())
	}()
	<-g.closing
	close(release)
	assert.Equal(t, 200, <-status, "the request that was under way gets its answer")
	<-down
	s.wait(t, 1)
}

// Shutdown waits neither for connections that say nothing nor for ever for those
// that say it slowly.
func TestHTTPShutdownIsNotHeldUp(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', read_header_timeout: 1m, read_timeout: 1m}\naccept_timeout: 100ms")
	silent := g.dial(t, "http")
	assert.Equal(t, 200, post(t, g, "msg=one").status, "so that the server knows of the silent one")
	begin := time.Now()
	slow := g.dial(t, "http")
	send(t, slow, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na=")
	require.Eventually(t, func() bool { return g.budget.Used() > 0 }, 5*time.Second, time.Millisecond)
	g.shutdown(t)
	assert.Less(t, time.Since(begin), 3*time.Second)
	_, err := silent.Read(make([]byte, 1))
	require.Error(t, err)
	s.wait(t, 1)
}

// A silent connection alone costs no time at all.
func TestHTTPShutdownBesideTheSilent(t *testing.T) {
	g := start(t, newSink(), httpOnly)
	g.dial(t, "http")
	require.Eventually(t, func() bool { return g.metric(t, "connections", "transport", "http") == 1 }, 5*time.Second, time.Millisecond)
	begin := time.Now()
	g.shutdown(t)
	assert.Less(t, time.Since(begin), 3*time.Second)
}

// Logplex

const (
	frameOne = "<190>1 2026-11-21T08:00:00.123456+00:00 host app web.1 - level=info msg=one n=1\n"
	frameTwo = "<40>1 2026-11-21T08:00:01+00:00 host heroku web.1 - State changed from starting to up\n"
	// L10 comes without a line end.
	frameL10 = "<172>1 2026-11-21T08:00:02+00:00 host heroku logplex - Error L10 (output buffer overflow): 13 messages dropped since 2026-11-21T07:59:00+00:00."
)

func framed(messages ...string) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%d %s", len(m), m)
	}
	return b.String()
}

func logplex(tb testing.TB, g *rig, body, count, frame string) reply {
	tb.Helper()
	headers := []string{
		"Content-Type", "application/logplex-1", "User-Agent", "Logplex/v72",
		"Logplex-Drain-Token", "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a",
	}
	if count != "" {
		headers = append(headers, "Logplex-Msg-Count", count)
	}
	if frame != "" {
		headers = append(headers, "Logplex-Frame-Id", frame)
	}
	return post(tb, g, body, headers...)
}

func TestLogplex(t *testing.T) {
	s := newSink()
	g := start(t, s, httpOnly)
	r := logplex(t, g, framed(frameOne, frameL10, frameTwo), "3", "09C557EAFCFB6CF2740EE62F62971098")
	assert.Equal(t, 200, r.status)
	assert.Equal(t, answer{Accepted: 3}, r.answer)
	byBody := map[string]record{}
	for _, rec := range s.wait(t, 3) {
		byBody[rec.Body().Str()] = rec
		assert.Equal(t, "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a", rec.resource.AsRaw()["heroku.drain.token"])
		assert.NotContains(t, rec.resource.AsRaw(), "host.name", "Logplex says host for every host")
	}
	one := byBody["one"]
	assert.Equal(t, "app", one.resource.AsRaw()["service.name"])
	assert.Equal(t, "web.1", one.attr("syslog.procid"))
	assert.Equal(t, int64(1), one.attr("n"))
	assert.Equal(t, time.Date(2026, 11, 21, 8, 0, 0, 123456000, time.UTC), one.Timestamp().AsTime())
	assert.Contains(t, byBody, "State changed from starting to up")

	l10 := byBody["Error L10 (output buffer overflow): 13 messages dropped since 2026-11-21T07:59:00+00:00."]
	require.NotNil(t, l10.attr("log.record.uid"), "the notice stays visible")
	assert.Equal(t, int64(13), l10.attr("heartwood.sender_dropped"))
	assert.Equal(t, plog.SeverityNumberWarn, l10.SeverityNumber())
	assert.Equal(t, int64(13), g.metric(t, "sender_dropped", "notice", "L10"))
}

func TestLogplexCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		body, count string
		status      int
		want        answer
	}{
		"right":        {framed(frameOne, frameTwo), "2", 200, answer{Accepted: 2}},
		"none":         {framed(frameOne, frameTwo), "", 200, answer{Accepted: 2}},
		"some missing": {framed(frameOne, frameTwo), "5", 200, answer{Accepted: 2, Rejected: 3, Reasons: []string{"Logplex-Msg-Count is 5, but the body holds 2 messages"}}},
		"all missing":  {"", "5", 400, answer{Rejected: 5, Reasons: []string{"Logplex-Msg-Count is 5, but the body holds 0 messages"}}},
		"too many":     {framed(frameOne, frameTwo), "1", 200, answer{Accepted: 2, Reasons: []string{"Logplex-Msg-Count is 1, but the body holds 2 messages; all were taken"}}},
		"no number":    {framed(frameOne), "many", 200, answer{Accepted: 1, Reasons: []string{`Logplex-Msg-Count is "many", but must be a number`}}},
		"huge":         {framed(frameOne), "99999999999999999999", 200, answer{Accepted: 1, Reasons: []string{`Logplex-Msg-Count is "99999999999999999999", but must be a number`}}},
		"negative":     {framed(frameOne), "-1", 200, answer{Accepted: 1, Reasons: []string{`Logplex-Msg-Count is "-1", but must be a number`}}},
		"nothing":      {"", "0", 200, answer{}},
		// Of what can't be framed nothing is left out: it comes as text.
		"a frame count too small": {"80" + framed(frameOne)[2:] + framed(frameTwo), "2", 200, answer{Accepted: 2}},
		"a frame count too large": {"99 " + frameOne, "1", 200, answer{Accepted: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink()
			g := start(t, s, httpOnly)
			r := logplex(t, g, tc.body, tc.count, "f1")
			assert.Equal(t, tc.status, r.status)
			assert.Equal(t, tc.want, r.answer)
			s.wait(t, tc.want.Accepted)
			assert.Equal(t, int64(tc.want.Rejected), g.metric(t, "parts_rejected"))
			g.requireConserved(t, "http")
		})
	}
}

func TestLogplexRepeats(t *testing.T) {
	s := newSink()
	g := start(t, s, httpOnly)
	body := framed(frameOne, frameTwo)
	assert.Equal(t, answer{Accepted: 2}, logplex(t, g, body, "2", "f1").answer)
	assert.Equal(t, answer{Accepted: 2, Repeated: 2}, logplex(t, g, body, "2", "f1").answer)
	assert.Equal(t, answer{Accepted: 2}, logplex(t, g, body, "2", "f2").answer, "another frame with the same lines")
	assert.Equal(t, answer{Accepted: 1}, logplex(t, g, framed(frameOne), "1", "f1").answer, "other lines with the same id")
	assert.Equal(t, answer{Accepted: 2}, logplex(t, g, body, "2", "").answer, "without an id nothing is a repeat")
	assert.Equal(t, answer{Accepted: 2}, logplex(t, g, body, "2", "").answer)
	records := s.wait(t, 9)
	uids := map[any]bool{}
	for _, r := range records {
		uids[r.attr("log.record.uid")] = true
	}
	assert.Len(t, uids, 9)
	g.shutdown(t)
	g.requireConserved(t, "http")
	assert.Equal(t, int64(2), g.metric(t, "records_repeated"))

	// After a restart nothing is remembered, but the uids are the same.
	again := newSink()
	logplex(t, start(t, again, httpOnly), body, "2", "f1")
	for i, r := range again.wait(t, 2) {
		assert.Equal(t, records[i].attr("log.record.uid"), r.attr("log.record.uid"))
	}
}

// What was refused is no repeat when it comes again.
func TestLogplexAfterRefusal(t *testing.T) {
	s := newSink()
	s.before = func(_ context.Context, call int, _ plog.Logs) error {
		if call == 1 {
			return errRefused
		}
		return nil
	}
	g := start(t, s, httpOnly)
	assert.Equal(t, 503, logplex(t, g, framed(frameOne), "1", "f1").status)
	assert.Equal(t, answer{Accepted: 1}, logplex(t, g, framed(frameOne), "1", "f1").answer)
	s.wait(t, 1)
}

// The sender's patience ends, it sends again, and the first request is still under
// way: the second waits for the outcome.
func TestLogplexRetryWhileUnderWay(t *testing.T) {
	for _, first := range []error{nil, errRefused} {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			s := newSink()
			release := make(chan struct{})
			s.before = func(_ context.Context, call int, _ plog.Logs) error {
				if call == 1 {
					<-release
					return first
				}
				return nil
			}
			g := start(t, s, httpOnly)
			var wg sync.WaitGroup
			replies := make([]reply, 2)
			wg.Go(func() { replies[0] = logplex(t, g, framed(frameOne), "1", "f1") })
			s.waitCalls(t, 1)
			wg.Go(func() { replies[1] = logplex(t, g, framed(frameOne), "1", "f1") })
			require.Eventually(t, func() bool { return g.metric(t, "connections", "transport", "http") == 2 }, 5*time.Second, time.Millisecond)
			close(release)
			wg.Wait()
			s.wait(t, 1)
			assert.Equal(t, 200, replies[1].status)
			if first == nil {
				assert.Equal(t, 200, replies[0].status)
				assert.Equal(t, answer{Accepted: 1, Repeated: 1}, replies[1].answer)
			} else {
				assert.Equal(t, 503, replies[0].status)
				assert.Equal(t, answer{Accepted: 1}, replies[1].answer)
			}
		})
	}
}

// Others than Logplex itself, log-shuttle among them, write STRUCTURED-DATA.
func TestLogplexDialects(t *testing.T) {
	s := newSink()
	g := start(t, s, httpOnly)
	body := framed("<13>1 - - - - - - x")
	post(t, g, body, "Content-Type", "application/logplex-1", "User-Agent", "log-shuttle/0.19.0")
	post(t, g, body, "Content-Type", "application/logplex-1", "User-Agent", "Logplex/v72")
	assert.Equal(t, []string{"x", "- x"}, texts(s.wait(t, 2)))
}
