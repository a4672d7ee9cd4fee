package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/archivelines"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
)

var replayCommand = command{
	name:    "replay",
	summary: "send records of an archive to an OTLP receiver again",
	usage: `ARCHIVE --from TIME --to TIME --receiver ADDRESS [flags]

Sends what an archive has to a receiver of OTLP: http://host:4318, https://host, or for
gRPC host:4317, grpc://host:4317, grpcs://host:4317. Records of the encodings otlp_json and
otlp_proto are sent as they were. Other documents are read as well as their form allows:
docs/archive.md says what comes back.

Records are sent in the order of the log. When a receiver asks to come again later, it
does, for some time; a replay that failed may be begun anew, and records that carry
log.record.uid can be told apart by it.`,
	run: runReplay,
}

const (
	// replayRecords go into one request.
	replayRecords = 1000
	// replayBytes is about the size from which a request is sent.
	replayBytes    = 2 << 20
	replayTimeout  = 30 * time.Second
	replayPatience = time.Minute
)

func runReplay(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	where := newPlaceFlags(flags)
	reader := newReaderFlags(flags)
	times := newTimeFlags(flags, "records")
	request := flags.String("request-id", "", "only of this `request`")
	trace := flags.String("trace-id", "", "only of this `trace`")
	receiver := flags.String("receiver", "", "the `address` of what the records are sent to")
	var headers repeated
	flags.Var(&headers, "header", "`name=value`, sent with each request; may be given again")
	var fields conditions
	flags.Var(&fields, "where", "lines with `field=value`; may be given again, all must fit")
	arguments, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(arguments) != 1 {
		return usageError{errors.New("name one archive: s3://bucket/prefix, or a folder")}
	}
	q := archiveaudit.Query{Notes: noted(p, flags.Name())}
	if q.Root, err = reader.root(); err != nil {
		return err
	}
	if q.From, q.To, err = times.read(); err != nil {
		return err
	}
	if q.ID, err = readID(*request, *trace); err != nil {
		return err
	}
	if q.ID == "" && q.From.IsZero() {
		return usageError{errors.New("give --from, --request-id or --trace-id")}
	}
	client, err := newReplayClient(*receiver, headers)
	if err != nil {
		return usageError{fmt.Errorf("--receiver: %w", err)}
	}
	defer client.close()
	at, err := where.open(ctx, arguments[0])
	if err != nil {
		return err
	}
	defer at.close()
	q.Prefix = at.prefix
	r := &replay{client: client, notes: p.stderr}
	_, err = archiveaudit.Search(ctx, at, q, func(h archiveaudit.Hit) error {
		line := found{Hit: h}
		line.records, line.err = r.decoder.Decode(h.Class, h.Encoding, h.Data)
		if line.err != nil {
			return fmt.Errorf("read line %d of %s: %w", h.Line, h.Object, line.err)
		}
		line.records = only(line.records, q.ID, q)
		if line.at = firstTime(line.records); line.at != 0 && !within(line.at, q) {
			return nil
		}
		if !fields.fit(&line) {
			return nil
		}
		return r.add(ctx, line.records, len(h.Data))
	})
	err = errors.Join(err, r.flush(ctx))
	fmt.Fprintf(p.stderr, "heartwood replay: %d records sent\n", r.sent)
	return err
}

// replay gathers records to requests of one signal.
type replay struct {
	client  replayClient
	notes   io.Writer
	decoder archivelines.Decoder
	batch   archivelines.Records
	count   int
	bytes   int
	sent    int64
}

func (r *replay) add(ctx context.Context, records archivelines.Records, size int) error {
	if r.count > 0 && r.batch.Signal != records.Signal {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	if r.count == 0 {
		r.batch = archivelines.Records{Signal: records.Signal, Logs: plog.NewLogs(), Traces: ptrace.NewTraces(), Metrics: pmetric.NewMetrics()}
	}
	switch records.Signal {
	case archivelines.Logs:
		r.count += records.Logs.LogRecordCount()
		records.Logs.ResourceLogs().MoveAndAppendTo(r.batch.Logs.ResourceLogs())
	case archivelines.Traces:
		r.count += records.Traces.SpanCount()
		records.Traces.ResourceSpans().MoveAndAppendTo(r.batch.Traces.ResourceSpans())
	case archivelines.Metrics:
		r.count += records.Metrics.DataPointCount()
		records.Metrics.ResourceMetrics().MoveAndAppendTo(r.batch.Metrics.ResourceMetrics())
	}
	if r.bytes += size; r.count < replayRecords && r.bytes < replayBytes {
		return nil
	}
	return r.flush(ctx)
}

func (r *replay) flush(ctx context.Context) error {
	if r.count == 0 {
		return nil
	}
	deadline := time.Now().Add(replayPatience)
	for {
		later, rejected, err := r.client.send(ctx, r.batch)
		if err == nil {
			if rejected > 0 {
				err = fmt.Errorf("the receiver took %d of %d records", int64(r.count)-rejected, r.count)
			}
			r.sent += int64(r.count) - rejected
			r.count, r.bytes = 0, 0
			return err
		}
		if later == 0 || time.Now().Add(later).After(deadline) {
			return fmt.Errorf("send: %w", err)
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

// replayClient sends records. later says when it may be tried again, 0 that it does not help.
type replayClient interface {
	send(ctx context.Context, records archivelines.Records) (later time.Duration, rejected int64, err error)
	close()
}

func newReplayClient(address string, headers []string) (replayClient, error) {
	if address == "" {
		return nil, errors.New("it is not set")
	}
	fields := map[string]string{}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--header %q, want name=value", h)
		}
		fields[name] = value
	}
	t, err := otlpTarget(address, "", nil)
	if err != nil {
		return nil, err
	}
	if t.exporter == otlpGRPC {
		return newReplayGRPC(t, fields)
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), logsPath)
	return &replayHTTP{base: strings.TrimSuffix(u.String(), "/"), headers: fields, client: &http.Client{Timeout: replayTimeout}}, nil
}

type replayHTTP struct {
	base    string
	headers map[string]string
	client  *http.Client
}

func (c *replayHTTP) close() { c.client.CloseIdleConnections() }

func (c *replayHTTP) send(ctx context.Context, records archivelines.Records) (later time.Duration, rejected int64, err error) {
	var body []byte
	path := logsPath
	switch records.Signal {
	case archivelines.Logs:
		body, err = plogotlp.NewExportRequestFromLogs(records.Logs).MarshalProto()
	case archivelines.Traces:
		path = "/v1/traces"
		body, err = ptraceotlp.NewExportRequestFromTraces(records.Traces).MarshalProto()
	case archivelines.Metrics:
		path = "/v1/metrics"
		body, err = pmetricotlp.NewExportRequestFromMetrics(records.Metrics).MarshalProto()
	}
	if err != nil {
		return 0, 0, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(body)
	if err := errors.Join(err, z.Close()); err != nil {
		return 0, 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, &packed)
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("User-Agent", "heartwood/"+version)
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	response, err := c.client.Do(request)
	if err != nil {
		if ctx.Err() == nil && errors.As(err, new(*net.OpError)) {
			err = unreachable(c.base, err)
		}
		return 0, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, 0, fmt.Errorf("read the answer: %w", err)
	}
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return retryAfter(response.Header), 0, fmt.Errorf("%s does not take more now: %s", c.base, response.Status)
	case code >= 300:
		return 0, 0, fmt.Errorf("%s refused: %s: %s", c.base, response.Status, firstLine(answer))
	}
	if records.Signal == archivelines.Logs {
		partial := plogotlp.NewExportResponse()
		if partial.UnmarshalProto(answer) == nil {
			rejected = partial.PartialSuccess().RejectedLogRecords()
		}
	}
	return 0, rejected, nil
}

type replayGRPC struct {
	connection *grpc.ClientConn
	headers    metadata.MD
}

func newReplayGRPC(t *target, headers map[string]string) (*replayGRPC, error) {
	secure := credentials.NewTLS(nil)
	if settings, ok := t.settings["tls"].(map[string]any); ok && settings["insecure"] == true {
		secure = insecure.NewCredentials()
	}
	address, _ := t.settings["endpoint"].(string)
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(secure), grpc.WithUserAgent("heartwood/"+version))
	if err != nil {
		return nil, err
	}
	return &replayGRPC{connection: connection, headers: metadata.New(headers)}, nil
}

func (c *replayGRPC) close() { _ = c.connection.Close() }

func (c *replayGRPC) send(ctx context.Context, records archivelines.Records) (later time.Duration, rejected int64, err error) {
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, c.headers), replayTimeout)
	defer cancel()
	switch records.Signal {
	case archivelines.Logs:
		var answer plogotlp.ExportResponse
		answer, err = plogotlp.NewGRPCClient(c.connection).Export(ctx, plogotlp.NewExportRequestFromLogs(records.Logs))
		if err == nil {
			rejected = answer.PartialSuccess().RejectedLogRecords()
		}
	case archivelines.Traces:
		var answer ptraceotlp.ExportResponse
		answer, err = ptraceotlp.NewGRPCClient(c.connection).Export(ctx, ptraceotlp.NewExportRequestFromTraces(records.Traces))
		if err == nil {
			rejected = answer.PartialSuccess().RejectedSpans()
		}
	case archivelines.Metrics:
		var answer pmetricotlp.ExportResponse
		answer, err = pmetricotlp.NewGRPCClient(c.connection).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(records.Metrics))
		if err == nil {
			rejected = answer.PartialSuccess().RejectedDataPoints()
		}
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Aborted:
		later = time.Second
	default:
	}
	return later, rejected, err
}
