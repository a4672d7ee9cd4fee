package logfmtreceiver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/refusal"
	"github.com/heartwood-otel/heartwood/internal/syslogheader"
)

type httpServer struct {
	in     *intake
	cfg    *httpConfig
	frames *frameTable
	guard  *http.CrossOriginProtection
	server *http.Server
	limit  *limitedListener
	// address that is listened on
	address string
	work    sync.WaitGroup
	// assemblies of finished requests
	assemblies sync.Pool
}

func newHTTPServer(r *logfmtReceiver, cfg *httpConfig) (server, error) {
	in, err := newIntake(r, "http")
	if err != nil {
		return nil, err
	}
	return &httpServer{
		in:     in,
		cfg:    cfg,
		frames: newFrameTable(cfg.FrameIDs.MaxEntries, cfg.FrameIDs.TTL),
		guard:  http.NewCrossOriginProtection(),
	}, nil
}

func (s *httpServer) start(ctx context.Context, host component.Host) error {
	options := []confighttp.ToServerOption{confighttp.WithErrorHandler(answerError)}
	for name, decode := range newDecoders(s.cfg.MaxRequestBodySize) {
		if slices.Contains(s.cfg.CompressionAlgorithms, name) {
			options = append(options, confighttp.WithDecoder(name, decode))
		}
	}
	server, err := s.cfg.ToServer(ctx, host.GetExtensions(), s.in.set.TelemetrySettings, s, options...)
	if err != nil {
		return err
	}
	server.Handler = watchBodies(server.Handler)
	// What strangers do wrong with TLS or HTTP is not the operator's error.
	if server.ErrorLog, err = zap.NewStdLogAt(s.in.set.Logger, zapcore.DebugLevel); err != nil {
		return err
	}

	var secure *tls.Config
	if s.cfg.TLS.HasValue() {
		if secure, err = s.cfg.TLS.Get().LoadTLSConfig(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("load tls: %w", err)
		}
		secure.NextProtos = []string{"h2", "http/1.1"}
	}
	listener, err := s.cfg.NetAddr.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.NetAddr.Endpoint, err)
	}
	s.address = listener.Addr().String()
	s.in.logListening("http", s.address, zap.Bool("tls", secure != nil))
	s.limit = limitConnections(listener, s.in, &s.work, s.cfg.MaxConnections, secure == nil)
	listener = s.limit
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	s.server = server
	s.work.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.in.report(host, err)
		}
	})
	return nil
}

// shutdown waits for the requests under way until ctx ends, then cuts them off:
// their senders have no answer and send again.
func (s *httpServer) shutdown(ctx context.Context) error {
	s.limit.closeSilent()
	err := s.server.Shutdown(ctx)
	if ctx.Err() != nil {
		s.in.set.Logger.Warn("Cut off requests that were still under way; their senders have no answer", zap.Error(err))
		err = s.server.Close()
	}
	s.work.Wait()
	return err
}

// answer is the body of every answer of ours, as JSON.
type answer struct {
	// Accepted records are with the next consumer now, or were already.
	Accepted int `json:"accepted"`
	// Repeated says how many of the accepted came in an earlier request with the same
	// Logplex-Frame-Id.
	Repeated int `json:"repeated,omitempty"`
	// Rejected parts were not taken, and sending them again would not help, unless
	// the status is 429 or 503.
	Rejected int      `json:"rejected"`
	Reasons  []string `json:"reasons,omitempty"`
}

// ServeHTTP takes one request. Everything of a request is handed over in one call
// of the next consumer, so that it is accepted or refused as a whole.
func (s *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, status, problem := s.admit(w, r)
	if problem != "" {
		writeAnswer(w, status, answer{Reasons: []string{problem}})
		return
	}
	body := &bodyBuffer{budget: s.in.budget, max: int(s.cfg.MaxRequestBodySize)}
	defer body.release()
	damage, status, problem := body.read(r)
	if problem != "" {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		writeAnswer(w, status, answer{Reasons: []string{problem}})
		return
	}
	if s.cfg.WriteTimeout > 0 {
		// net/http counts the write timeout from the end of the header, which a slow
		// body would use up.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
	}
	req := &request{
		s:      s,
		kind:   kind,
		drain:  limited(r.Header.Get("Logplex-Drain-Token")),
		frame:  limited(r.Header.Get("Logplex-Frame-Id")),
		count:  r.Header.Get("Logplex-Msg-Count"),
		agent:  r.UserAgent(),
		body:   body.data,
		damage: damage,
	}
	status, a := req.take(r.Context())
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", s.retryAfter())
	}
	if a.Rejected > 0 {
		s.in.tel.ReceiverLogfmtPartsRejected.Add(context.WithoutCancel(r.Context()), int64(a.Rejected))
	}
	writeAnswer(w, status, a)
}

// retryAfter is accept_timeout in whole seconds: so long it may take until it is
// known whether the next consumer takes records again.
func (s *httpServer) retryAfter() string {
	return strconv.Itoa(int((s.in.cfg.AcceptTimeout + time.Second - 1) / time.Second))
}

// maxHeader bounds the headers of Logplex that are kept.
const maxHeader = 256

func limited(header string) string { return header[:min(len(header), maxHeader)] }

// bodyKind is how a body is framed.
type bodyKind int

const (
	linesBody bodyKind = iota
	logplexBody
)

// admit looks at all but the body.
func (s *httpServer) admit(w http.ResponseWriter, r *http.Request) (kind bodyKind, status int, problem string) {
	if s.cfg.Path != "" && r.URL.Path != s.cfg.Path {
		return 0, http.StatusNotFound, "nothing is served here; send to " + s.cfg.Path
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return 0, http.StatusMethodNotAllowed, fmt.Sprintf("method is %s, but must be POST", r.Method)
	}
	// text/plain needs no preflight, so any web page could send lines to a collector
	// on the visitor's machine. What cors allows has got its header by now.
	if err := s.guard.Check(r); err != nil && w.Header().Get("Access-Control-Allow-Origin") == "" {
		return 0, http.StatusForbidden, "requests of web pages from another origin are taken only when cors::allowed_origins names it"
	}
	kind, ok := kindOfBody(r.Header.Get("Content-Type"))
	if !ok {
		return 0, http.StatusUnsupportedMediaType, fmt.Sprintf("content type is %q, but must be text/plain (lines) or application/logplex-1", r.Header.Get("Content-Type"))
	}
	return kind, 0, ""
}

// kindOfBody knows the media types. None at all, and what curl -d says without
// being asked, are lines too.
func kindOfBody(contentType string) (kind bodyKind, ok bool) {
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "", "text/plain", "text/logfmt", "application/logfmt", "application/x-logfmt",
		"application/octet-stream", "application/x-www-form-urlencoded":
		return linesBody, true
	case "application/logplex-1":
		return logplexBody, true
	}
	return 0, false
}

// request is what take needs of an HTTP request.
type request struct {
	s            *httpServer
	kind         bodyKind
	drain, frame string
	count, agent string
	body         []byte
	// damage, if not "", says why the body ends before its end.
	damage string
	key    frameKey
}

// take makes records of the body and hands them over. It returns the answer.
func (q *request) take(ctx context.Context) (status int, out answer) {
	if q.kind == logplexBody && q.frame != "" {
		q.key = newFrameKey(q.drain, q.frame, q.body)
		repeat, err := q.s.frames.begin(ctx, q.key)
		if err != nil {
			return http.StatusServiceUnavailable, answer{Reasons: []string{"the same Logplex-Frame-Id is under way"}}
		}
		if repeat {
			return q.repeated(ctx)
		}
		defer func() { q.s.frames.end(q.key, status == http.StatusOK) }()
	}
	in := q.s.in
	a := q.s.assembly()
	defer q.s.release(a)
	q.prepare(a)
	out = q.fill(a)
	if a.batch.Len() == 0 {
		if out.Rejected > 0 {
			return http.StatusBadRequest, out
		}
		return http.StatusOK, out
	}
	logs, records := a.take()
	// The client's going away is no reason to stop half-way: it would send again what
	// the next consumer may have taken. The end of the receiver's work is one.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(in.work, cancel)() //nolint:contextcheck // both contexts end the call
	ctx = in.obs.StartLogsOp(work)
	err := in.call(ctx, logs)
	in.obs.EndLogsOp(ctx, logFormat, records, err)
	switch {
	case err == nil:
		in.tel.ReceiverLogfmtRecordsAccepted.Add(ctx, int64(records), in.attrs)
		out.Accepted = records
		return http.StatusOK, out
	case refusal.Permanent(err):
		in.drop(refusedForGood, records, err)
		out.Rejected += records
		out.Reasons = append(out.Reasons, "the collector refused the records for good; its log says why")
		return http.StatusBadRequest, out
	}
	in.tel.ReceiverLogfmtRecordsRefused.Add(ctx, int64(records), in.attrs)
	in.refused(records, "their sender is told to send them again", err)
	return http.StatusServiceUnavailable, answer{Reasons: []string{"nothing was taken: the collector cannot take records now; send the request again"}}
}

func (s *httpServer) assembly() *assembly {
	if a, ok := s.assemblies.Get().(*assembly); ok {
		return a
	}
	return newAssembly(s.in, false)
}

func (s *httpServer) release(a *assembly) {
	a.forget()
	a.lines, a.uid, a.resource, a.blank = 0, nil, nil, false
	a.header.Dialect = syslogheader.RFC5424
	s.assemblies.Put(a)
}

func (q *request) prepare(a *assembly) {
	a.batch.Observe(time.Now())
	if q.kind != logplexBody {
		return
	}
	// log-shuttle and others write STRUCTURED-DATA, Logplex itself does not.
	if q.agent == "" || strings.HasPrefix(q.agent, "Logplex/") {
		a.header.Dialect = syslogheader.Logplex
	}
	if q.drain != "" {
		a.resource = map[string]string{attrDrainToken: q.drain}
	}
	if q.frame != "" {
		frame := fmt.Sprintf("%s %x", q.frame, q.key)
		a.uid = func(line int) string { return recorduid.Logplex(q.drain, frame, line).String() }
	}
}

// fill adds the lines of the body and notes what could not be read.
func (q *request) fill(a *assembly) (out answer) {
	frames := lineframe.NewBytesReader(q.body, lineframe.Settings{MaxLine: int(a.in.cfg.MaxLineSize)})
	next := frames.Rest
	if q.damage != "" {
		// The line that the damage cut is no line of the sender's.
		next = frames.Next
		out.reject(1, q.damage)
	}
	var f lineframe.Frame
	messages, counted := 0, 0
	for next(&f) {
		if q.kind == logplexBody && counted == 0 && f.Framing != lineframe.Octets {
			out.reject(1, "the body does not begin with an octet-counted frame (RFC 6587), as application/logplex-1 has it; send lines as text/plain")
			return out
		}
		if f.Framing == lineframe.Octets {
			counted++
		}
		if !f.Cut || f.Last {
			messages++
		}
		a.add(&f)
	}
	if q.kind == logplexBody {
		q.checkCount(messages, &out)
	}
	return out
}

func (out *answer) reject(parts int, reason string) {
	out.Rejected += parts
	out.Reasons = append(out.Reasons, reason)
}

func (q *request) checkCount(messages int, out *answer) {
	if q.count == "" || q.damage != "" {
		return
	}
	announced, err := parseCount(q.count)
	switch {
	case err != nil:
		out.Reasons = append(out.Reasons, fmt.Sprintf("Logplex-Msg-Count is %q, but must be a number", limited(q.count)))
	case announced > messages:
		out.reject(announced-messages, fmt.Sprintf("Logplex-Msg-Count is %d, but the body holds %d messages", announced, messages))
	case announced < messages:
		out.Reasons = append(out.Reasons, fmt.Sprintf("Logplex-Msg-Count is %d, but the body holds %d messages; all were taken", announced, messages))
	}
}

// repeated answers a request whose records have been accepted before.
func (q *request) repeated(ctx context.Context) (status int, out answer) {
	in := q.s.in
	frames := lineframe.NewBytesReader(q.body, lineframe.Settings{MaxLine: int(in.cfg.MaxLineSize)})
	var f lineframe.Frame
	for frames.Rest(&f) {
		out.Repeated++
	}
	ctx = context.WithoutCancel(ctx)
	in.tel.ReceiverLogfmtRecordsReceived.Add(ctx, int64(out.Repeated), in.attrs)
	in.tel.ReceiverLogfmtRecordsRepeated.Add(ctx, int64(out.Repeated), in.attrs)
	out.Accepted = out.Repeated
	return http.StatusOK, out
}
