package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// answer is what became of an attempt to hand over records.
type answer int

const (
	accepted   answer = iota
	refused           // told to come again
	unanswered        // no answer: they may have been taken or not
)

// handOver makes one attempt. An error is an answer that says never to come again.
type handOver func(ctx context.Context, records []record) (answer, error)

// record is one record of a feeder: the name and the number are its identity, from which
// the uid is made where the sender gives one.
type record struct {
	writer string
	n      int
	noise  int
}

func (r record) id() string      { return r.writer + "/" + itoa(r.n) }
func (r record) uid() string     { return "uid-" + r.writer + "-" + itoa(r.n) }
func (r record) request() string { return fmt.Sprintf("request-%s-%d", r.writer, r.n/5) }
func (r record) body() string {
	return "order placed for " + itoa(r.n%7) + " items" + strings.Repeat(" and more", r.noise/9)
}

// line is the record in logfmt.
func (r record) line(uid bool) string {
	text := fmt.Sprintf("level=info msg=%q app=%s id=%s request_id=%s", r.body(), r.writer, r.id(), r.request())
	if uid {
		text += " log.record.uid=" + r.uid()
	}
	return text + "\n"
}

// account is what a feeder knows of its records.
type account struct {
	mu       sync.Mutex
	sent     int    // numbers below were attempted
	accepted []bool // by number
	owed     int    // how many were accepted
	// prefix says that the records were written to a stream without answers: what came
	// must be the first so many.
	prefix bool

	refused, unanswered atomic.Int64 // attempts
}

func (a *account) take(n int) (first int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first = a.sent
	a.sent += n
	a.accepted = append(a.accepted, make([]bool, n)...)
	return first
}

func (a *account) accept(records []record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range records {
		if !a.accepted[r.n] {
			a.accepted[r.n] = true
			a.owed++
		}
	}
}

// taken is how many were accepted.
func (a *account) taken() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.owed
}

// feeder sends numbered records, from several goroutines.
type feeder struct {
	name           string
	senders, batch int
	pause          time.Duration // of a sender after each batch
	noise          int           // bytes of each record's body, about
	hand           handOver
	*account
}

// run sends until stop is closed, each batch until it is accepted.
func (f *feeder) run(ctx context.Context, stop <-chan struct{}) error {
	failed := make(chan error, f.senders)
	for range f.senders {
		go func() { failed <- f.runSender(ctx, stop) }()
	}
	var errs []error
	for range f.senders {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

func (f *feeder) runSender(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(f.pause):
		}
		records := f.next()
		for {
			what, err := f.try(ctx, records)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			if what == accepted {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func (f *feeder) next() []record {
	first := f.take(f.batch)
	records := make([]record, f.batch)
	for i := range records {
		records[i] = record{f.name, first + i, f.noise}
	}
	return records
}

// try makes one attempt, and notes what came of it.
func (f *feeder) try(ctx context.Context, records []record) (answer, error) {
	what, err := f.hand(ctx, records)
	switch {
	case err != nil:
	case what == accepted:
		f.accept(records)
	case what == refused:
		f.refused.Add(1)
	default:
		f.unanswered.Add(1)
	}
	return what, err
}

func toLogs(records []record) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", records[0].writer)
	out := rl.ScopeLogs().AppendEmpty().LogRecords()
	for _, one := range records {
		r := out.AppendEmpty()
		r.SetTimestamp(1_770_000_000_000_000_000)
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetSeverityText("info")
		r.Body().SetStr(one.body())
		a := r.Attributes()
		a.PutStr("id", one.id())
		a.PutStr("request_id", one.request())
		a.PutStr("log.record.uid", one.uid())
	}
	return logs
}

// client is one for HTTP whose connections end with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func post(ctx context.Context, c *http.Client, url string, body []byte, header map[string]string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for k, v := range header {
		request.Header.Set(k, v)
	}
	response, err := c.Do(request)
	if err != nil {
		return unanswered, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return unanswered, nil
	case response.StatusCode == http.StatusOK:
		return accepted, nil
	case response.StatusCode == http.StatusServiceUnavailable, response.StatusCode == http.StatusTooManyRequests:
		return refused, nil
	default:
		return 0, fmt.Errorf("status %d, which does not ask to come again: %s", response.StatusCode, text)
	}
}

func otlpHTTP(c *http.Client, addr string) handOver {
	return func(ctx context.Context, records []record) (answer, error) {
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(toLogs(records))
		if err != nil {
			return 0, err
		}
		return post(ctx, c, "http://"+addr+"/v1/logs", body, map[string]string{"Content-Type": "application/x-protobuf"})
	}
}

func otlpGRPC(t *testing.T, addr string) handOver {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := plogotlp.NewGRPCClient(conn)
	return func(ctx context.Context, records []record) (answer, error) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		_, err := c.Export(ctx, plogotlp.NewExportRequestFromLogs(toLogs(records)))
		switch status.Code(err) { //nolint:exhaustive // the rest is an error
		case codes.OK:
			return accepted, nil
		case codes.ResourceExhausted:
			return refused, nil
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
			// A refusal and a connection that is gone have one code.
			if strings.Contains(err.Error(), "connection") || strings.Contains(err.Error(), "transport") || strings.Contains(err.Error(), "EOF") {
				return unanswered, nil
			}
			return refused, nil
		default:
			return 0, err
		}
	}
}

func logfmtHTTP(c *http.Client, addr string) handOver {
	return func(ctx context.Context, records []record) (answer, error) {
		var body bytes.Buffer
		for _, r := range records {
			body.WriteString(r.line(true))
		}
		return post(ctx, c, "http://"+addr+"/", body.Bytes(), map[string]string{"Content-Type": "text/plain"})
	}
}

func logplex(c *http.Client, addr string) handOver {
	return func(ctx context.Context, records []record) (answer, error) {
		var body bytes.Buffer
		for _, r := range records {
			frame := "<190>1 2026-02-02T02:40:00+00:00 host " + r.writer + " web.1 - " + r.line(false)
			fmt.Fprintf(&body, "%d %s", len(frame), frame)
		}
		return post(ctx, c, "http://"+addr+"/", body.Bytes(), map[string]string{
			"Content-Type": "application/logplex-1", "Logplex-Msg-Count": itoa(len(records)),
			"Logplex-Frame-Id": records[0].uid(), "Logplex-Drain-Token": "d.soak",
		})
	}
}

// files writes lines to a file, which it renames now and then, as kubelet does.
type files struct {
	path string
	keep int // how many of those that were renamed; 0: all
	mu   sync.Mutex
	file *os.File
	old  int
	dice *rand.Rand
}

func toFiles(t *testing.T, path string, keep int) handOver {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	f := &files{path: path, keep: keep, dice: rand.New(rand.NewPCG(1, 2))}
	t.Cleanup(func() {
		if f.file != nil {
			_ = f.file.Close()
		}
	})
	return f.hand
}

func (f *files) hand(_ context.Context, records []record) (answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		f.file = file
	}
	for _, r := range records {
		if _, err := f.file.WriteString(r.line(false)); err != nil {
			return 0, err
		}
	}
	if f.dice.IntN(300) == 0 {
		f.old++
		err := errors.Join(f.file.Close(), os.Rename(f.path, fmt.Sprintf("%s.%d", f.path, f.old)))
		f.file = nil
		if f.keep > 0 && f.old > f.keep {
			err = errors.Join(err, os.Remove(fmt.Sprintf("%s.%d", f.path, f.old-f.keep)))
		}
		return accepted, err
	}
	return accepted, nil
}

// stream writes lines to tcp, which has no answers. Each connection is a writer of its own.
// One that was closed by this end, and then by the other without a reset, was read to its
// end, and all of it is owed: where the collector was not killed meanwhile, whose kernel
// closes what it has read and not delivered in the same way.
type stream struct {
	addr  string
	kills *atomic.Int64 // of the collector; counted before each
	pause time.Duration
	lines int // of a connection, at most
	noise int

	mu       sync.Mutex
	accounts map[string]*account
}

func (s *stream) run(ctx context.Context, stop <-chan struct{}) error {
	for connection := 0; ; connection++ {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if !s.connect(ctx, stop, "tcp"+itoa(connection)) {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

func (s *stream) connect(ctx context.Context, stop <-chan struct{}, name string) bool {
	kills := s.kills.Load()
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	end := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer end()
	a := &account{prefix: true}
	s.mu.Lock()
	s.accounts[name] = a
	s.mu.Unlock()
	var written []record
	for done := false; !done && len(written) < s.lines; {
		select {
		case <-stop:
			done = true
			continue
		case <-time.After(s.pause):
		}
		var text strings.Builder
		for range 10 {
			r := record{name, a.take(1), s.noise}
			written = append(written, r)
			text.WriteString(r.line(false))
		}
		if _, err := io.WriteString(conn, text.String()); err != nil {
			return false
		}
	}
	if conn.(*net.TCPConn).CloseWrite() != nil {
		return false
	}
	if _, err := io.ReadAll(conn); err != nil {
		return false
	}
	if s.kills.Load() == kills {
		a.accept(written)
	}
	return true
}
