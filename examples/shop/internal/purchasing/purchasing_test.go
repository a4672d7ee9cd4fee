package purchasing

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/webtest"
)

// sink takes OTLP over HTTP as the collector does.
type sink struct {
	mu    sync.Mutex
	logs  []plog.Logs
	spans []ptrace.Traces
}

func (s *sink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/v1/logs":
		request := plogotlp.NewExportRequest()
		if request.UnmarshalProto(body) == nil {
			s.logs = append(s.logs, request.Logs())
		}
	case "/v1/traces":
		request := ptraceotlp.NewExportRequest()
		if request.UnmarshalProto(body) == nil {
			s.spans = append(s.spans, request.Traces())
		}
	}
}

type bench struct {
	sink      *sink
	telemetry *Telemetry
	service   *Service
	handler   http.Handler
	network   webtest.Network
	// what the two other services answer
	inventory, ordering int
}

func newBench(t *testing.T, faults ...string) *bench {
	t.Helper()
	plan, err := fault.NewPlan(1, append([]string{"all=off"}, faults...))
	require.NoError(t, err)
	b := &bench{sink: &sink{}, inventory: http.StatusCreated, ordering: http.StatusAccepted}
	server := httptest.NewServer(b.sink)
	t.Cleanup(server.Close)
	b.telemetry, err = NewTelemetry(t.Context(), server.URL, "1.2.3", web.NewIDs(1))
	require.NoError(t, err)
	b.network.Add("inventory", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.inventory >= 300 {
			web.WriteError(w, b.inventory, "no")
			return
		}
		if r.Method == http.MethodGet {
			web.WriteJSON(w, http.StatusOK, []struct{}{})
			return
		}
		web.WriteJSON(w, b.inventory, map[string]any{"reservation_id": "v1", "cents": 2500})
	}))
	b.network.Add("ordering", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if b.ordering >= 300 {
			web.WriteError(w, b.ordering, "no")
			return
		}
		w.WriteHeader(b.ordering)
	}))
	b.service = New(Settings{
		IDs: web.NewIDs(2), Faults: plan, Telemetry: b.telemetry, Base: &b.network,
		InventoryURL: "http://inventory", OrderingURL: "http://ordering",
	})
	b.handler = b.service.Handler()
	return b
}

func (b *bench) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Request-ID", "r1")
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	recorder := httptest.NewRecorder()
	b.handler.ServeHTTP(recorder, r)
	return recorder
}

type logRecord struct {
	resource pcommon.Map
	plog.LogRecord
}

func (r logRecord) attr(key string) string {
	value, _ := r.Attributes().Get(key)
	return value.AsString()
}

// received ends the telemetry and gives what came out of it, over the wire.
func (b *bench) received(t *testing.T) (map[string]logRecord, map[string]ptrace.Span) {
	t.Helper()
	require.NoError(t, b.telemetry.Shutdown(context.WithoutCancel(t.Context())))
	b.sink.mu.Lock()
	defer b.sink.mu.Unlock()
	records, spans := map[string]logRecord{}, map[string]ptrace.Span{}
	for _, logs := range b.sink.logs {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					records[record.Body().AsString()] = logRecord{resource.Resource().Attributes(), record}
				}
			}
		}
	}
	for _, traces := range b.sink.spans {
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					spans[span.Name()] = span
				}
			}
		}
	}
	return records, spans
}

const basket = `{"sku":"ash-handle","quantity":2,"customer":{"id":"c1","name":"jane","email":"jane@example.com"}}`

func TestBuyingTellsOneStory(t *testing.T) {
	b := newBench(t)
	answer := b.do(http.MethodPost, "/orders", basket)
	require.Equal(t, http.StatusAccepted, answer.Code)
	assert.Regexp(t, `^{"order_id":"o-[0-9a-f-]{13}","state":"pending","sku":"ash-handle","cents":2500}\n$`, answer.Body.String())
	assert.Equal(t, "r1", answer.Header().Get("X-Request-ID"))

	records, spans := b.received(t)
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, name := range []string{"POST /orders", "buy", "HTTP POST"} {
		require.Contains(t, spans, name)
		assert.Equal(t, traceID, spans[name].TraceID().String())
	}
	assert.Equal(t, "00f067aa0ba902b7", spans["POST /orders"].ParentSpanID().String())
	assert.Equal(t, spans["POST /orders"].SpanID(), spans["buy"].ParentSpanID())

	placed := records["order placed"]
	assert.Equal(t, traceID, placed.TraceID().String())
	assert.Equal(t, spans["buy"].SpanID(), placed.SpanID())
	assert.Equal(t, plog.SeverityNumberInfo, placed.SeverityNumber())
	assert.Equal(t, "r1", placed.attr("request_id"))
	service, _ := placed.resource.Get("service.name")
	version, _ := placed.resource.Get("service.version")
	assert.Equal(t, "purchasing 1.2.3", service.Str()+" "+version.Str())
	assert.Equal(t, "202", records["request"].attr("http.response.status_code"))

	require.Len(t, b.network.Seen(), 2)
	for _, call := range b.network.Seen() {
		assert.Equal(t, "r1", call.Header.Get("X-Request-ID"))
		assert.Regexp(t, "^00-"+traceID+"-[0-9a-f]{16}-01$", call.Header.Get("traceparent"))
		assert.NotContains(t, call.Header.Get("traceparent"), placed.SpanID().String(), "the call has a span of its own")
	}
}

func TestOutcomeIsKept(t *testing.T) {
	b := newBench(t, fault.PurchasingBadMsg+"=every:2")
	b.service.keep(Order{ID: "o1", State: "pending"})
	assert.Equal(t, http.StatusNoContent, b.do(http.MethodPut, "/orders/o1/outcome", `{"state":"confirmed"}`).Code)
	assert.Equal(t, http.StatusServiceUnavailable, b.do(http.MethodPut, "/orders/o1/outcome", `{"state":"confirmed"}`).Code)
	assert.Equal(t, http.StatusNotFound, b.do(http.MethodPut, "/orders/o2/outcome", `{"state":"declined"}`).Code)
	assert.Equal(t, http.StatusBadRequest, b.do(http.MethodPut, "/orders/o1/outcome", `{"state":"lost"}`).Code)
	assert.Contains(t, b.do(http.MethodGet, "/orders/o1", "").Body.String(), `"state":"confirmed"`)
	assert.Equal(t, http.StatusNotFound, b.do(http.MethodGet, "/orders/o2", "").Code)
}

func TestOldOrdersAreForgotten(t *testing.T) {
	b := newBench(t)
	for range maxOrders + 10 {
		b.service.keep(Order{ID: b.service.set.IDs.RequestID()})
	}
	assert.Len(t, b.service.byID, maxOrders)
	assert.Len(t, b.service.oldest, maxOrders)
}

func TestFailuresOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		inventory, ordering int
		status              int
		says                string
		severity            plog.SeverityNumber
		calls               int
	}{
		"sold out":        {inventory: 409, status: 409, says: "reserving the goods failed", severity: plog.SeverityNumberWarn, calls: 1},
		"inventory fails": {inventory: 500, status: 502, says: "reserving the goods failed", severity: plog.SeverityNumberError, calls: 1},
		"inventory away":  {inventory: 503, status: 503, says: "reserving the goods failed", severity: plog.SeverityNumberError, calls: 1},
		"ordering fails":  {inventory: 201, ordering: 500, status: 502, says: "ordering the goods failed", severity: plog.SeverityNumberError, calls: 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.inventory, b.ordering = test.inventory, test.ordering
			assert.Equal(t, test.status, b.do(http.MethodPost, "/orders", basket).Code)
			records, _ := b.received(t)
			require.Contains(t, records, test.says)
			assert.Equal(t, test.severity, records[test.says].SeverityNumber())
			assert.Equal(t, "*web.StatusError", records[test.says].attr("exception.type"))
			calls := b.network.Seen()
			require.Len(t, calls, test.calls)
			if test.calls == 3 {
				assert.Equal(t, "DELETE http://inventory/reservations/v1", calls[2].Method+" "+calls[2].URL.String(), "the goods are given back")
			}
		})
	}
}

func TestFaults(t *testing.T) {
	b := newBench(t, fault.PurchasingPanic+"=every:1", fault.PurchasingLeak+"=every:1")
	assert.Equal(t, http.StatusInternalServerError, b.do(http.MethodPost, "/orders", basket).Code)
	records, spans := b.received(t)
	panicked := records["panic while serving a request"]
	assert.Equal(t, plog.SeverityNumberError, panicked.SeverityNumber())
	assert.Equal(t, "*runtime.TypeAssertionError", panicked.attr("exception.type"))
	assert.Equal(t, "interface conversion: interface {} is int, not string", panicked.attr("exception.message"))
	assert.Contains(t, panicked.attr("exception.stacktrace"), "purchasing.priceOf(")
	assert.Equal(t, "exception", spans["POST /orders"].Events().At(0).Name())
	assert.Equal(t, ptrace.StatusCodeError, spans["POST /orders"].Status().Code())

	leak := records["session checked"]
	assert.Regexp(t, "^token ghp_", leak.attr("http.request.header.authorization"))
	assert.Equal(t, "jane@example.com", leak.attr("user.email"))
}

func TestLoggerKeepsTheIDThroughWithAndGroup(t *testing.T) {
	b := newBench(t)
	ctx := web.WithRequestID(t.Context(), "r9")
	b.telemetry.Logger.With(slog.String("a", "b")).WithGroup("g").InfoContext(ctx, "grouped")
	records, _ := b.received(t)
	assert.Contains(t, records["grouped"].attr("g"), "r9")
}
