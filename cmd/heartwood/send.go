package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

const (
	defaultLogfmtHTTPPort = "5644"

	// sendMaxBytes goes into one request or one write: well below the receiver's
	// limit of 10 MiB, and large enough that waiting for the answer costs little.
	sendMaxBytes = 1 << 20
	// sendMaxLine bounds what is held of one line. A longer one is sent in parts.
	sendMaxLine = 1 << 20
	// sendPause is how long a line waits for others to go with it.
	sendPause = 200 * time.Millisecond
	// sendTimeout of one request.
	sendTimeout = 30 * time.Second
	// sendPatience is how long a receiver that says "later" is obeyed.
	sendPatience = time.Minute
)

var sendCommand = command{
	name:    "send",
	summary: "send logfmt lines to a collector",
	usage: `['LINE' | KEY=VALUE...] [flags]

Sends one line to the logfmt receiver, or every line of standard input where no
line is given. One argument is the line as it is; several are its pairs, and are
quoted where they need it:

  heartwood send 'level=info msg="hello there" user=me'
  heartwood send level=info msg="hello there" user=me
  tail -f app.log | heartwood send

Over http (the default) it ends with status 0 when the receiver has said that it
has every line. Over tcp and unix there is no such word: status 0 says that the
connection was closed in peace after the last byte.`,
	run: runSend,
}

func runSend(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	port := p.getenv("HEARTWOOD_LOGFMT_HTTP_PORT")
	if port == "" {
		port = defaultLogfmtHTTPPort
	}
	endpoint := flags.String("endpoint", "http://127.0.0.1:"+port, "the receiver's `address`: http://host:port[/path], https://..., tcp://host:port, unix:///path")
	arguments, err := parse(flags, args)
	if err != nil {
		return err
	}
	s, err := newSender(*endpoint)
	if err != nil {
		return usageError{err}
	}
	defer s.close()
	if len(arguments) > 0 {
		line, err := lineOf(arguments)
		if err != nil {
			return usageError{err}
		}
		return errors.Join(s.send(ctx, []byte(line+"\n")), s.finish(ctx))
	}
	if file, ok := p.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		_, _ = fmt.Fprintln(p.stderr, "heartwood send: reading lines; Ctrl-D ends")
	}
	return errors.Join(sendLines(ctx, p.stdin, p.stderr, s), s.finish(ctx))
}

// lineOf makes the line that the arguments say.
func lineOf(arguments []string) (string, error) {
	line := arguments[0]
	if len(arguments) > 1 {
		pairs := make([]string, len(arguments))
		for i, argument := range arguments {
			pairs[i] = quotePair(argument)
		}
		line = strings.Join(pairs, " ")
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.TrimSpace(line) == "":
		return "", errors.New("the line is empty")
	case strings.ContainsAny(line, "\n\r"):
		return "", errors.New("the argument has more than one line; send them on standard input")
	}
	return line, nil
}

// quotePair gives back to a value the quotes that the shell took away.
func quotePair(argument string) string {
	key, value, isPair := strings.Cut(argument, "=")
	if !isPair || strings.HasPrefix(value, `"`) || !strings.ContainsAny(value, " \t\r\n\"") {
		return argument
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return argument
	}
	return key + "=" + string(quoted)
}

// sendLines sends what it reads, many lines at once where they come fast, and
// each soon where they come slowly.
func sendLines(ctx context.Context, in io.Reader, notes io.Writer, s sender) error {
	lines := make(chan []byte)
	failed := make(chan error, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(lines)
		reader := bufio.NewReaderSize(in, sendMaxLine)
		for number, cut := 1, false; ; {
			line, err := reader.ReadSlice('\n')
			if len(line) > 0 {
				line = bytes.Clone(line)
				if line[len(line)-1] != '\n' {
					line = append(line, '\n') // the last line, or a part of one that is too long
				}
				select {
				case lines <- line:
				case <-stop:
					return
				}
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				if !cut {
					_, _ = fmt.Fprintf(notes, "heartwood send: line %d is longer than %d bytes and is sent in parts\n", number, sendMaxLine)
				}
				cut = true
				continue
			}
			number, cut = number+1, false
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failed <- fmt.Errorf("read standard input: %w", err)
				}
				return
			}
		}
	}()

	var batch []byte
	pause := time.NewTimer(0)
	<-pause.C
	for {
		select {
		case line, more := <-lines:
			if !more {
				if err := s.send(ctx, batch); err != nil {
					return err
				}
				select {
				case err := <-failed:
					return err
				default:
					return nil
				}
			}
			if len(batch) == 0 {
				pause.Reset(sendPause)
			}
			if batch = append(batch, line...); len(batch) < sendMaxBytes {
				continue
			}
		case <-pause.C:
		case <-ctx.Done():
			// What has been read is sent; the rest was not ours yet.
			return errors.Join(s.send(context.WithoutCancel(ctx), batch), errors.New("interrupted"))
		}
		if err := s.send(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
}

// sender brings lines to a receiver.
type sender interface {
	// send sends whole lines, each with its end.
	send(ctx context.Context, lines []byte) error
	// finish returns nil when all that was sent has arrived, as far as the
	// transport can tell.
	finish(ctx context.Context) error
	close()
}

func newSender(endpoint string) (sender, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme == "" || (u.Host == "" && u.Scheme != "unix") {
		return nil, fmt.Errorf("--endpoint is %q, want http://host:port, tcp://host:port or unix:///path", endpoint)
	}
	switch u.Scheme {
	case "http", "https":
		return &httpSender{url: u.String(), client: &http.Client{Timeout: sendTimeout}}, nil
	case "tcp":
		if u.Port() == "" {
			return nil, fmt.Errorf("--endpoint is %q, want tcp://host:port with a port", endpoint)
		}
		return &streamSender{network: "tcp", address: u.Host}, nil
	case "unix":
		return &streamSender{network: "unix", address: u.Path}, nil
	}
	return nil, fmt.Errorf("--endpoint is %q, its scheme must be http, https, tcp or unix", endpoint)
}

// unreachable explains why nobody was there.
func unreachable(where string, err error) error {
	reason := err.Error()
	var refused syscall.Errno
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup):
		return fmt.Errorf("there is no host %q (%s); name another place with --endpoint", lookup.Name, lookup.Err)
	case errors.As(err, &refused) && refused == syscall.ECONNREFUSED:
		reason = "connection refused"
	case errors.As(err, &refused) && refused == syscall.ENOENT:
		reason = "no such socket"
	}
	return fmt.Errorf("nobody listens at %s (%s); start a collector, for example with `make run`, or name another place with --endpoint", where, reason)
}

type httpSender struct {
	url    string
	client *http.Client
}

// verdict is what the logfmt receiver answers.
type verdict struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
}

func (s *httpSender) send(ctx context.Context, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	deadline := time.Now().Add(sendPatience)
	for {
		later, err := s.post(ctx, lines)
		if err == nil || later == 0 || time.Now().Add(later).After(deadline) {
			return err
		}
		timer := time.NewTimer(later)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// post makes one attempt; later says when another may be made, 0 that none helps.
func (s *httpSender) post(ctx context.Context, lines []byte) (later time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(lines))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	request.Header.Set("User-Agent", "heartwood/"+version)
	response, err := s.client.Do(request)
	if err != nil {
		if ctx.Err() == nil && errors.As(err, new(*net.OpError)) {
			err = unreachable(s.url, err)
		}
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return 0, fmt.Errorf("read the answer of %s: %w", s.url, err)
	}
	switch {
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable:
		return retryAfter(response.Header), fmt.Errorf("%s does not take more now: %s: %s", s.url, response.Status, firstLine(body))
	case response.StatusCode >= 300:
		return 0, fmt.Errorf("%s refused: %s: %s", s.url, response.Status, firstLine(body))
	}
	var v verdict
	if json.Unmarshal(body, &v) == nil && v.Rejected > 0 {
		return 0, fmt.Errorf("%s took %d lines and not %d: %s", s.url, v.Accepted, v.Rejected, firstLine(body))
	}
	return 0, nil
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3) in seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		seconds = 1
	}
	return time.Duration(min(seconds, 60)) * time.Second
}

func firstLine(body []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	return strings.ToValidUTF8(string(line[:min(len(line), 500)]), "?")
}

func (*httpSender) finish(context.Context) error { return nil }

func (s *httpSender) close() { s.client.CloseIdleConnections() }

type streamSender struct {
	network, address string
	connection       net.Conn
}

func (s *streamSender) String() string { return s.network + "://" + s.address }

func (s *streamSender) send(ctx context.Context, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if s.connection == nil {
		dialer := net.Dialer{Timeout: sendTimeout}
		connection, err := dialer.DialContext(ctx, s.network, s.address)
		if err != nil {
			return unreachable(s.String(), err)
		}
		s.connection = connection
	}
	if err := s.connection.SetDeadline(time.Now().Add(sendPatience)); err != nil {
		return err
	}
	if _, err := s.connection.Write(lines); err != nil {
		return fmt.Errorf("the connection to %s broke, some lines may not have arrived: %w", s, err)
	}
	return nil
}

// finish closes our half and waits for the receiver to close its own, which it
// does when it has read all. A receiver that resets the connection has not.
func (s *streamSender) finish(context.Context) error {
	half, ok := s.connection.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	if err := half.CloseWrite(); err != nil {
		return fmt.Errorf("the connection to %s broke, some lines may not have arrived: %w", s, err)
	}
	if err := s.connection.SetReadDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, s.connection); err != nil {
		return fmt.Errorf("%s did not close the connection in peace, some lines may not have arrived: %w", s, err)
	}
	return nil
}

func (s *streamSender) close() {
	if s.connection != nil {
		_ = s.connection.Close()
	}
}
