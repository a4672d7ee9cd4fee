package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what otlp_grpc compresses with by default

	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// waitTimeout is how long the Wait functions wait. Nothing that works needs as
// long; it is for a machine with much else to do.
const waitTimeout = 60 * time.Second

// maxSinkMessage bounds one OTLP request to the sink, in bytes.
const maxSinkMessage = 64 << 20

// Sink is an OTLP server, over gRPC and over HTTP, that keeps what it accepts
// and behaves as badly as it's told to. It may be used from several goroutines.
//
// Each log record and span that it accepts is said in ECS when the test ends, and
// checked against the schema.
type Sink struct {
	grpcAddr, httpAddr string

	// mu guards the following.
	mu        sync.Mutex
	behaviour Behaviour
	server    *sinkServer // nil while Down
	logs      kept[plog.Logs, LogRecord]
	metrics   kept[pmetric.Metrics, DataPoint]
	traces    kept[ptrace.Traces, Span]
	requests  int
	refused   int
	records   int // log records in logs
	ecs       *ecsChecker
	changed   chan struct{}
}

// NewSink starts a sink that accepts everything, on free ports of localhost.
func NewSink(tb testing.TB) *Sink {
	tb.Helper()
	s := &Sink{
		grpcAddr:  fmt.Sprintf("127.0.0.1:%d", freeport.Take(tb)),
		httpAddr:  fmt.Sprintf("127.0.0.1:%d", freeport.Take(tb)),
		behaviour: Accept,
		logs:      kept[plog.Logs, LogRecord]{flatten: appendLogRecords},
		metrics:   kept[pmetric.Metrics, DataPoint]{flatten: appendDataPoints},
		traces:    kept[ptrace.Traces, Span]{flatten: appendSpans},
		ecs:       newECSChecker(),
		changed:   make(chan struct{}),
	}
	s.Up(tb)
	tb.Cleanup(func() {
		s.Down()
		s.checkECS(tb)
		if tb.Failed() {
			tb.Log(s.Summary())
		}
	})
	return s
}

// GRPC is the sink's address for OTLP over gRPC, as host:port, without TLS.
func (s *Sink) GRPC() string { return s.grpcAddr }

// HTTP is the sink's URL for OTLP over HTTP, without the path: what
// otlp_http calls endpoint.
func (s *Sink) HTTP() string { return "http://" + s.httpAddr }

// Behave says what becomes of the requests from here on. Those that are being
// held by the behaviour before stay with it.
func (s *Sink) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

// sinkServer is what listens between Up and Down.
type sinkServer struct {
	grpc    *grpc.Server
	http    *http.Server
	serving sync.WaitGroup
}

// Up makes the sink listen again after Down, at the same addresses.
func (s *Sink) Up(tb testing.TB) {
	tb.Helper()
	var lc net.ListenConfig
	grpcListener, err := lc.Listen(tb.Context(), "tcp", s.grpcAddr)
	if err != nil {
		tb.Fatalf("the sink: %v", err)
	}
	httpListener, err := lc.Listen(tb.Context(), "tcp", s.httpAddr)
	if err != nil {
		_ = grpcListener.Close()
		tb.Fatalf("the sink: %v", err)
	}
	server := &sinkServer{
		grpc: grpc.NewServer(grpc.MaxRecvMsgSize(maxSinkMessage)),
		http: &http.Server{
			Handler:           s.httpHandler(),
			ReadHeaderTimeout: requestTimeout,
		},
	}
	plogotlp.RegisterGRPCServer(server.grpc, &sinkLogs{sink: s})
	pmetricotlp.RegisterGRPCServer(server.grpc, &sinkMetrics{sink: s})
	ptraceotlp.RegisterGRPCServer(server.grpc, &sinkTraces{sink: s})
	server.serving.Go(func() { _ = server.grpc.Serve(grpcListener) })
	server.serving.Go(func() { _ = server.http.Serve(httpListener) })

	s.mu.Lock()
	s.server = server
	s.mu.Unlock()
}

// Down makes the sink drop its connections and refuse new ones. What it has
// stays; requests that were being held get no answer.
func (s *Sink) Down() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	if server == nil {
		return
	}
	server.grpc.Stop()
	_ = server.http.Close()
	server.serving.Wait()
}

// kept holds the requests of one signal, and their items flattened as far as
// someone has asked.
type kept[Batch any, Item any] struct {
	batches   []Batch
	items     []Item
	flattened int // batches that are in items
	flatten   func([]Item, Batch) []Item
}

func (k *kept[Batch, Item]) add(batch Batch) { k.batches = append(k.batches, batch) }

func (k *kept[Batch, Item]) forget() { k.batches, k.items, k.flattened = nil, nil, 0 }

// all gives the items. They are shared: not to be changed, nor appended to.
func (k *kept[Batch, Item]) all() []Item {
	for ; k.flattened < len(k.batches); k.flattened++ {
		k.items = k.flatten(k.items, k.batches[k.flattened])
	}
	return slices.Clip(k.items)
}

// decide asks the behaviour about one request and keeps its content if it may.
// keep is called with mu held.
func (s *Sink) decide(ctx context.Context, signal Signal, items int, keep func()) error {
	s.mu.Lock()
	s.requests++
	s.announceLocked()
	request := Request{Signal: signal, Number: s.requests, Items: items}
	behaviour := s.behaviour
	s.mu.Unlock()

	err := behaviour(ctx, request)

	s.mu.Lock()
	defer s.mu.Unlock()
	refusal, isRefusal := errors.AsType[Refusal](err)
	if err == nil || isRefusal && refusal.AfterStoring {
		keep()
	}
	if err != nil {
		s.refused++
	}
	s.announceLocked()
	return err
}

// announceLocked wakes those in WaitFor.
func (s *Sink) announceLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Sink) takeLogs(ctx context.Context, logs plog.Logs) error {
	return s.decide(ctx, SignalLogs, logs.LogRecordCount(), func() {
		s.logs.add(logs)
		s.records += logs.LogRecordCount()
	})
}

func (s *Sink) takeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	return s.decide(ctx, SignalMetrics, metrics.DataPointCount(), func() { s.metrics.add(metrics) })
}

func (s *Sink) takeTraces(ctx context.Context, traces ptrace.Traces) error {
	return s.decide(ctx, SignalTraces, traces.SpanCount(), func() { s.traces.add(traces) })
}

type sinkLogs struct {
	plogotlp.UnimplementedGRPCServer
	sink *Sink
}

func (g *sinkLogs) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	err := g.sink.takeLogs(ctx, request.Logs())
	return plogotlp.NewExportResponse(), grpcStatus(err)
}

type sinkMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
	sink *Sink
}

func (g *sinkMetrics) Export(ctx context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	err := g.sink.takeMetrics(ctx, request.Metrics())
	return pmetricotlp.NewExportResponse(), grpcStatus(err)
}

type sinkTraces struct {
	ptraceotlp.UnimplementedGRPCServer
	sink *Sink
}

func (g *sinkTraces) Export(ctx context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	err := g.sink.takeTraces(ctx, request.Traces())
	return ptraceotlp.NewExportResponse(), grpcStatus(err)
}

// Requests is how many export requests came, of all signals, whatever became
// of them.
func (s *Sink) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Refused is how many requests got an error for an answer, or none.
func (s *Sink) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Forget throws away what was kept and counted so far.
func (s *Sink) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkECSLocked()
	s.logs.forget()
	s.metrics.forget()
	s.traces.forget()
	s.requests, s.refused, s.records = 0, 0, 0
}

// checkECSLocked checks what is kept.
func (s *Sink) checkECSLocked() {
	for _, logs := range s.logs.batches {
		s.ecs.logs(logs)
	}
	for _, traces := range s.traces.batches {
		s.ecs.spans(traces)
	}
}

// checkECS fails the test for each record and span that is no good ECS.
func (s *Sink) checkECS(tb testing.TB) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkECSLocked()
	for _, problem := range s.ecs.problems {
		tb.Errorf("ECS: %s", problem)
	}
	if more := s.ecs.wrong - len(s.ecs.problems); more > 0 {
		tb.Errorf("ECS: and %d more documents", more)
	}
}

// Logs are the log records kept, in the order of their arrival, that satisfy
// all conditions.
func (s *Sink) Logs(conditions ...Condition) []LogRecord {
	s.mu.Lock()
	items := s.logs.all()
	s.mu.Unlock()
	return filter(items, conditions)
}

// LogCount is the number of log records kept.
func (s *Sink) LogCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records
}

// RawLogs are the requests as they came, for what LogRecord doesn't show. They
// are not to be changed.
func (s *Sink) RawLogs() []plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logs.batches)
}

// DataPoints are the data points of metrics kept, in the order of their
// arrival, that satisfy all conditions.
func (s *Sink) DataPoints(conditions ...Condition) []DataPoint {
	s.mu.Lock()
	items := s.metrics.all()
	s.mu.Unlock()
	return filter(items, conditions)
}

// RawMetrics are the requests as they came, for what DataPoint doesn't show.
// They are not to be changed.
func (s *Sink) RawMetrics() []pmetric.Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.metrics.batches)
}

// Spans are the spans kept, in the order of their arrival, that satisfy all
// conditions.
func (s *Sink) Spans(conditions ...Condition) []Span {
	s.mu.Lock()
	items := s.traces.all()
	s.mu.Unlock()
	return filter(items, conditions)
}

// RawTraces are the requests as they came, for what Span doesn't show. They
// are not to be changed.
func (s *Sink) RawTraces() []ptrace.Traces {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.traces.batches)
}

// WaitLog waits for a log record that satisfies all conditions, and gives the
// first.
func (s *Sink) WaitLog(tb testing.TB, conditions ...Condition) LogRecord {
	tb.Helper()
	return waitFirst(tb, s, "a log record", s.Logs, conditions)
}

// WaitDataPoint waits for a data point that satisfies all conditions, and
// gives the first.
func (s *Sink) WaitDataPoint(tb testing.TB, conditions ...Condition) DataPoint {
	tb.Helper()
	return waitFirst(tb, s, "a data point", s.DataPoints, conditions)
}

// WaitSpan waits for a span that satisfies all conditions, and gives the first.
func (s *Sink) WaitSpan(tb testing.TB, conditions ...Condition) Span {
	tb.Helper()
	return waitFirst(tb, s, "a span", s.Spans, conditions)
}

// WaitLogCount waits until at least n log records are kept. It tells nothing
// about what else is on its way.
func (s *Sink) WaitLogCount(tb testing.TB, n int) {
	tb.Helper()
	s.WaitFor(tb, fmt.Sprintf("%d log records", n), waitTimeout, func() bool { return s.LogCount() >= n })
}

// WaitRequests waits until at least n requests have come, whatever became of
// them.
func (s *Sink) WaitRequests(tb testing.TB, n int) {
	tb.Helper()
	s.WaitFor(tb, fmt.Sprintf("%d requests", n), waitTimeout, func() bool { return s.Requests() >= n })
}

// WaitFor waits until a condition on what the sink has is satisfied; what puts
// it in words. It is looked at again whenever a request comes or is decided.
func (s *Sink) WaitFor(tb testing.TB, what string, timeout time.Duration, condition func() bool) {
	tb.Helper()
	if !s.wait(timeout, condition) {
		tb.Fatalf("waited %v for %s.\n%s", timeout, what, s.Summary())
	}
}

func (s *Sink) wait(timeout time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition() {
			return true
		}
		select {
		case <-changed:
		case <-deadline.C:
			return false
		}
	}
}

func waitFirst[T item](tb testing.TB, s *Sink, kind string, get func(...Condition) []T, conditions []Condition) T {
	tb.Helper()
	var found []T
	s.WaitFor(tb, kind+describe(conditions), waitTimeout, func() bool {
		found = get(conditions...)
		return len(found) > 0
	})
	return found[0]
}

// Summary puts into words what the sink has, and shows the last of it.
func (s *Sink) Summary() string {
	logs, points, spans := s.Logs(), s.DataPoints(), s.Spans()
	var out strings.Builder
	fmt.Fprintf(&out, "The sink has seen %d requests, refused or not answered %d of them, and has %d log records, %d data points, %d spans.",
		s.Requests(), s.Refused(), len(logs), len(points), len(spans))
	showLast(&out, "log records", logs, 10)
	showLast(&out, "data points", points, 3)
	showLast(&out, "spans", spans, 3)
	return out.String()
}

func showLast[T fmt.Stringer](out *strings.Builder, kind string, items []T, shown int) {
	if len(items) == 0 {
		return
	}
	if len(items) > shown {
		items = items[len(items)-shown:]
	}
	fmt.Fprintf(out, "\nThe last %s:", kind)
	for _, item := range items {
		fmt.Fprintf(out, "\n  %v", item)
	}
}
