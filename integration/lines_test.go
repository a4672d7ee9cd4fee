package integration

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// dial connects to a socket and closes it when the test ends.
func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), network, addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// writeLines writes a writer's next lines to a stream, some at a time, and
// confirms them when all are written: a stream has no other answer.
func writeLines(conn net.Conn, ledger *harness.Ledger, writer string, lines, atOnce int) error {
	for written := 0; written < lines; written += atOnce {
		batch := ledger.Make(writer, min(atOnce, lines-written))
		if _, err := io.WriteString(conn, batch.Text()); err != nil {
			return err
		}
		batch.Confirm()
	}
	return nil
}

// poster is an honest HTTP client of the logfmt receiver: it sends again what
// was answered 429 or 503, as often as it takes, and confirms what was answered
// 200.
type poster struct {
	client    *http.Client
	url       string
	request   func(ctx context.Context, batch harness.Lines) (*http.Request, error)
	postponed atomic.Int64 // answers 429 and 503
}

func newPoster(t *testing.T, addr string) *poster {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	p := &poster{
		client: &http.Client{Transport: transport, Timeout: time.Minute},
		url:    "http://" + addr + "/",
	}
	p.request = p.plain
	return p
}

// plain is a request with lines.
func (p *poster) plain(ctx context.Context, batch harness.Lines) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(batch.Text()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "text/plain")
	return request, nil
}

// logplex is a request as Heroku's Logplex makes it: the same lines have the
// same Logplex-Frame-Id, however often they're sent.
func (p *poster) logplex(ctx context.Context, batch harness.Lines) (*http.Request, error) {
	var body strings.Builder
	for line := range strings.Lines(batch.Text()) {
		frame := "<190>1 2026-11-21T08:00:00.123456+00:00 host app web.1 - " + line
		fmt.Fprintf(&body, "%d %s", len(frame), frame)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(body.String()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/logplex-1")
	request.Header.Set("Logplex-Msg-Count", strconv.Itoa(batch.Count()))
	request.Header.Set("Logplex-Frame-Id", fmt.Sprintf("%x", sha256.Sum256([]byte(batch.Text()))))
	request.Header.Set("Logplex-Drain-Token", "d.5ca1ab1e")
	return request, nil
}

// maxPause is how long the poster waits at most before it sends again; a real
// client would wait as long as Retry-After says.
const maxPause = 200 * time.Millisecond

// post sends lines until they're accepted. An error is anything else than 200,
// 429 and 503: no answer, above all.
func (p *poster) post(ctx context.Context, batch harness.Lines) error {
	for {
		status, after, body, err := p.try(ctx, batch)
		if err != nil {
			return err
		}
		switch status {
		case http.StatusOK:
			var answer struct{ Accepted, Rejected int }
			if err := json.Unmarshal(body, &answer); err != nil || answer.Accepted != batch.Count() || answer.Rejected != 0 {
				return fmt.Errorf("%d lines were answered 200 and %s", batch.Count(), body)
			}
			batch.Confirm()
			return nil
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			p.postponed.Add(1)
			if after <= 0 {
				return fmt.Errorf("status %d without Retry-After: %s", status, body)
			}
			select {
			case <-time.After(min(after, maxPause)):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return fmt.Errorf("status %d: %s", status, body)
		}
	}
}

func (p *poster) try(ctx context.Context, batch harness.Lines) (status int, after time.Duration, body []byte, err error) {
	request, err := p.request(ctx, batch)
	if err != nil {
		return 0, 0, nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return 0, 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, time.Duration(seconds) * time.Second, body, err
}

// requireBalance checks the receiver's own account of a transport: everything
// received was accepted, given back or dropped, and the exporter sent what was
// accepted.
func requireBalance(t *testing.T, col *harness.Collector, transport string, accepted int) {
	t.Helper()
	m := col.Metrics(t)
	label := "transport=" + transport
	received := m.Sum("otelcol_receiver_logfmt_records_received", label)
	assert.InDelta(t, accepted, m.Sum("otelcol_receiver_logfmt_records_accepted", label), 0, "records accepted")
	assert.InDelta(t, received,
		m.Sum("otelcol_receiver_logfmt_records_accepted", label)+
			m.Sum("otelcol_receiver_logfmt_records_refused", label)+
			m.Sum("otelcol_receiver_logfmt_records_repeated", label)+
			m.Sum("otelcol_receiver_logfmt_records_dropped", label), 0,
		"received = accepted + refused + repeated + dropped")
	assert.InDelta(t, accepted, m.Sum("otelcol_exporter_sent_log_records"), 0, "records sent by the exporter")
}
