package ordering

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/webtest"
)

// bench is ordering with the two services it calls, which answer status.
type bench struct {
	service *Service
	handler http.Handler
	network webtest.Network
	out     bytes.Buffer

	mu       sync.Mutex
	status   int
	received []string
}

func newBench(t *testing.T, faults ...string) *bench {
	t.Helper()
	plan, err := fault.NewPlan(1, append([]string{"all=off"}, faults...))
	require.NoError(t, err)
	b := &bench{status: http.StatusNoContent}
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.received = append(b.received, r.Method+" "+r.URL.String()+" "+body.String())
		w.WriteHeader(b.status)
	})
	b.network.Add("inventory", answer)
	b.network.Add("purchasing", answer)
	b.service = New(Settings{
		IDs: web.NewIDs(1), Faults: plan, Out: &b.out,
		Client:       &http.Client{Transport: web.Transport{Base: &b.network}},
		InventoryURL: "http://inventory", PurchasingURL: "http://purchasing",
		ConfirmMin: 2 * time.Second, ConfirmMax: 90 * time.Second,
	})
	b.handler = b.service.Handler()
	return b
}

func (b *bench) answer(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

func (b *bench) calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.received)
}

func (b *bench) post(body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(body))
	r.Header.Set("X-Request-ID", "r1")
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	recorder := httptest.NewRecorder()
	b.handler.ServeHTTP(recorder, r)
	return recorder
}

// lines gives the lines written, each of which must be one JSON object with what
// all lines have.
func (b *bench) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(b.out.String()) {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object), line)
		assert.Equal(t, "ordering", object["service"])
		_, err := time.Parse(time.RFC3339Nano, object["ts"].(string))
		require.NoError(t, err)
		assert.Contains(t, []any{"debug", "info", "warn", "error"}, object["level"])
		lines = append(lines, object)
	}
	return lines
}

func (b *bench) line(t *testing.T, msg string) map[string]any {
	t.Helper()
	for _, line := range b.lines(t) {
		if strings.HasPrefix(line["msg"].(string), msg) {
			return line
		}
	}
	require.Fail(t, "no such line", "%s in\n%s", msg, b.out.String())
	return nil
}

const order = `{"order_id":"o1","reservation_id":"v1","sku":"ash-handle","quantity":2,"cents":2500,
	"customer":{"id":"c1","name":"jane","email":"jane@example.com"}}`

func TestOrderIsConfirmedLaterUnderItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		start := time.Now()
		require.Equal(t, http.StatusAccepted, b.post(order).Code)
		assert.Equal(t, []string{"o1"}, b.service.Pending())
		time.Sleep(2 * time.Second)
		assert.Empty(t, b.calls(), "not before the shortest time")

		b.service.confirming.Wait()
		assert.LessOrEqual(t, time.Since(start), 91*time.Second)
		assert.Equal(t, []string{
			"POST http://inventory/reservations/v1/commit ",
			`PUT http://purchasing/orders/o1/outcome {"state":"confirmed"}`,
		}, b.calls())
		assert.Empty(t, b.service.Pending())

		accepted, confirmed := b.line(t, "order accepted"), b.line(t, "order confirmed")
		assert.Equal(t, map[string]any{"id": "o1", "sku": "ash-handle", "quantity": 2.0, "total": 25.0}, accepted["order"])
		for _, line := range []map[string]any{accepted, confirmed} {
			assert.Equal(t, "r1", line["request_id"])
			assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", line["trace_id"])
			assert.Equal(t, "01", line["trace_flags"])
		}
		assert.NotEqual(t, accepted["span_id"], confirmed["span_id"])
		for _, seen := range b.network.Seen() {
			assert.Equal(t, "r1", seen.Header.Get("X-Request-ID"))
			assert.Equal(t, "00-4bf92f3577b34da6a3ce929d0e0e4736-"+confirmed["span_id"].(string)+"-01", seen.Header.Get("traceparent"))
		}
		b.service.Stop()
	})
}

func TestConfirmationIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer(http.StatusServiceUnavailable)
		require.Equal(t, http.StatusAccepted, b.post(order).Code)
		b.service.confirming.Wait()
		assert.Len(t, b.calls(), maxAttempts)
		assert.Equal(t, "error", b.line(t, "order could not be confirmed")["level"])
		assert.Equal(t, "warn", b.line(t, "attempt to confirm failed")["level"])
		b.service.Stop()

		b = newBench(t)
		b.answer(http.StatusNotFound)
		require.Equal(t, http.StatusAccepted, b.post(order).Code)
		b.service.confirming.Wait()
		assert.Len(t, b.calls(), 1, "what was understood and refused is not asked again")
		b.service.Stop()
	})
}

func TestStopGivesUpWhatIsStillToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		require.Equal(t, http.StatusAccepted, b.post(order).Code)
		start := time.Now()
		b.service.Stop()
		b.service.Stop()
		assert.Zero(t, time.Since(start))
		assert.InDelta(t, 1, b.line(t, "ordering stops")["orders"], 0)
		assert.Empty(t, b.calls())
		assert.Equal(t, http.StatusServiceUnavailable, b.post(strings.ReplaceAll(order, "o1", "o2")).Code)
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		assert.Equal(t, http.StatusBadRequest, b.post(`{"order_id":"o1"}`).Code)
		assert.Equal(t, http.StatusAccepted, b.post(order).Code)
		assert.Equal(t, http.StatusServiceUnavailable, b.post(order).Code, "twice the same")
		b.service.Stop()
	})
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		check  func(t *testing.T, b *bench)
	}{
		fault.OrderingPanic: {500, func(t *testing.T, b *bench) {
			t.Helper()
			line := b.line(t, "panic recovered")
			assert.Equal(t, "runtime error: invalid memory address or nil pointer dereference", line["error"])
			assert.Contains(t, line["stacktrace"], "ordering.total(")
			assert.InDelta(t, 500, line["http"].(map[string]any)["status"], 0)
		}},
		fault.OrderingLeak: {202, func(t *testing.T, b *bench) {
			t.Helper()
			line := b.line(t, "payment request")
			assert.Contains(t, line["msg"], "jane@example.com")
			assert.Regexp(t, "^Bearer eyJ", line["headers"].(map[string]any)["Authorization"])
			assert.Regexp(t, "^sk_test_", line["payment"].(map[string]any)["key"])
		}},
		fault.OrderingDecline: {202, func(t *testing.T, b *bench) {
			t.Helper()
			assert.Equal(t, "card_declined", b.line(t, "order declined")["reason"])
			assert.Equal(t, []string{
				"DELETE http://inventory/reservations/v1 ",
				`PUT http://purchasing/orders/o1/outcome {"state":"declined","reason":"card_declined"}`,
			}, b.calls())
		}},
		fault.OrderingRetry: {202, func(t *testing.T, b *bench) {
			t.Helper()
			assert.Contains(t, b.line(t, "attempt to confirm failed")["error"], "connection reset by peer")
			b.line(t, "order confirmed")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, name+"=every:1")
				assert.Equal(t, test.status, b.post(order).Code)
				b.service.confirming.Wait()
				test.check(t, b)
				b.service.Stop()
			})
		})
	}
}
