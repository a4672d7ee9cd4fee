package viewerexporter

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dialViewer(t *testing.T, v *viewer) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", v.core.server.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestFloods: more of a header, of an address and of a body than anything needs. What is asked
// meanwhile is answered.
func TestFloods(t *testing.T) {
	v := start(t, "")
	head := "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + testToken + "\r\n"
	for name, tc := range map[string]struct {
		text string
		want []int
	}{
		"a header of 10,000 bytes":    {head + "X: " + strings.Repeat("x", 10_000) + "\r\nConnection: close\r\n\r\n", []int{200}},
		"a header of 2 MiB":           {head + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", []int{431}},
		"10,000 headers":              {head + strings.Repeat("X: y\r\n", 10_000) + "Connection: close\r\n\r\n", []int{200, 431}},
		"a token of 100,000 bytes":    {"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + strings.Repeat("x", 100_000) + "\r\nConnection: close\r\n\r\n", []int{401}},
		"10,000 cookies":              {"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nCookie: " + strings.Repeat(cookiePrefix+"1=x; ", 10_000) + "\r\nConnection: close\r\n\r\n", []int{401}},
		"an address of 2 MiB":         {"GET /api/v1/records?query=" + strings.Repeat("x", 2<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{431}},
		"a body with GET":             {head + "Content-Length: 200000\r\nConnection: close\r\n\r\n" + strings.Repeat("x", 200_000), []int{200, 413}},
		"a body without end":          {"POST /api/v1/records HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 1000), []int{405}},
		"two hosts":                   {"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", []int{400}},
		"no host":                     {"GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n", []int{400}},
		"another host in the address": {"GET http://evil.example/api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", []int{421}},
		"CONNECT":                     {"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", []int{405, 421}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialViewer(t, v)
			go func() { _, _ = io.WriteString(conn, tc.text) }()
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer func() { _ = answer.Body.Close() }()
			assert.Contains(t, tc.want, answer.StatusCode)
			v.get(t, "status")
		})
	}
}

// TestSlowReaders: tails whose readers take nothing keep back neither records, nor queries, nor
// the end.
func TestSlowReaders(t *testing.T) {
	v := start(t, "")
	for range 4 {
		conn := dialViewer(t, v)
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err := fmt.Fprintf(conn, "GET /api/v1/tail HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", testToken)
		require.NoError(t, err)
	}
	logs := manyLogs(tailSample)
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		r.Body().SetStr(strings.Repeat("long ", 8000))
	}
	// Each event is of 2 MB: some of them fill what the kernel keeps for a reader.
	for range 30 {
		require.NoError(t, v.logs.ConsumeLogs(t.Context(), logs))
		time.Sleep(tailInterval)
	}
	v.get(t, "records", "limit", "1")
	begun := time.Now()
	v.stop(t)
	assert.Less(t, time.Since(begun), 15*time.Second, "a reader's time for one event is 30 s")
}

// TestProcessorTimeIsBounded: what there is no processor time for is left out, counted and said.
func TestProcessorTimeIsBounded(t *testing.T) {
	v := start(t, "max_cpu_share: 0.0000001\n")
	for range 3 {
		require.NoError(t, v.logs.ConsumeLogs(t.Context(), manyLogs(200)))
	}
	require.NoError(t, v.core.store.Flush(t.Context()))
	status := v.get(t, "status")
	assert.InDelta(t, 200, status["store"].(map[string]any)["records"], 0, "there is a microsecond at the start, and the first batch takes longer")
	assert.InDelta(t, 400, status["left_out"], 0)
	assert.Equal(t, int64(600), v.core.store.Stats().Received)
}

// deadlines is an answer that can have a deadline.
type deadlines struct {
	*httptest.ResponseRecorder

	set time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = at
	return nil
}

// TestWritesAreBounded: who asks and does not read is let go, through all that confighttp puts
// around the API.
func TestWritesAreBounded(t *testing.T) {
	v := start(t, "")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/status", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+testToken)
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	v.core.server.http.Handler.ServeHTTP(d, r)
	assert.Equal(t, http.StatusOK, d.Code)
	assert.WithinDuration(t, time.Now().Add(maxWrite), d.set, maxWrite/2)
}

// TestManyQueries: as many as there may be at a time are answered, the others are told to wait.
func TestManyQueries(t *testing.T) {
	v := start(t, "")
	v.story(t)
	var mu sync.Mutex
	seen := map[int]int{}
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 25 {
				answer := v.request(t, http.MethodGet, v.url("volume")+"?query=said")
				mu.Lock()
				seen[answer.StatusCode]++
				mu.Unlock()
			}
		})
	}
	work.Wait()
	assert.Equal(t, map[int]int{http.StatusOK: 200}, seen, "fewer than the limit")

	full := v.core.server.api.limits.queries
	for range cap(full) {
		full <- struct{}{}
	}
	answer := v.request(t, http.MethodGet, v.url("status"))
	assert.Equal(t, http.StatusTooManyRequests, answer.StatusCode)
	assert.Equal(t, "1", answer.Header.Get("Retry-After"))
	<-full
	v.get(t, "status")
}
