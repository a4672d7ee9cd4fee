// Package purchasing is the shop's side towards the buyers. It reports through
// the OpenTelemetry SDK, over OTLP.
package purchasing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fakesecret"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/inventory"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/ordering"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

// maxOrders bounds the orders that are remembered; the oldest are forgotten.
const maxOrders = 10_000

// Basket is what a buyer sends.
type Basket struct {
	SKU      string              `json:"sku"`
	Quantity int                 `json:"quantity"`
	Customer fakesecret.Customer `json:"customer"`
}

// Order is what a buyer gets to see.
type Order struct {
	ID     string `json:"order_id"`
	State  string `json:"state"` // pending, confirmed, declined
	Reason string `json:"reason,omitempty"`
	SKU    string `json:"sku"`
	Cents  int    `json:"cents"`
}

// Settings of the service.
type Settings struct {
	IDs          *web.IDs
	Faults       *fault.Plan
	Telemetry    *Telemetry
	Base         http.RoundTripper // for calls to the other services
	InventoryURL string
	OrderingURL  string
	Origins      []string // of pages that may talk to it from a browser
}

// Service is the purchasing.
type Service struct {
	set     Settings
	log     *slog.Logger
	tracer  trace.Tracer
	client  *http.Client
	metrics *web.Metrics
	orders  *prometheus.CounterVec

	mu sync.Mutex
	// mu guards the following.
	byID   map[string]Order
	oldest []string // ids of byID in the order of their making
}

// New makes the service.
func New(set Settings) *Service {
	s := &Service{
		set:    set,
		log:    set.Telemetry.Logger,
		tracer: set.Telemetry.Tracer.Tracer(scope),
		client: &http.Client{
			Timeout: 3 * time.Second,
			Transport: web.Transport{Base: otelhttp.NewTransport(set.Base,
				otelhttp.WithTracerProvider(set.Telemetry.Tracer), otelhttp.WithPropagators(propagation.TraceContext{}))},
		},
		metrics: web.NewMetrics(),
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_purchasing_orders_total",
			Help: "Orders by how far they came.",
		}, []string{"state"}),
		byID: make(map[string]Order),
	}
	s.metrics.Registry.MustRegister(s.orders)
	return s
}

// Handler serves the buyers.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /catalogue", s.catalogue)
	mux.HandleFunc("POST /orders", s.buy)
	mux.HandleFunc("GET /orders/{id}", s.look)
	mux.HandleFunc("PUT /orders/{id}/outcome", s.outcome)
	web.Mount(mux, s.metrics)
	return web.AllowOrigins(otelhttp.NewHandler(web.Handler(mux, s.set.IDs, s.metrics, s.done), "purchasing",
		otelhttp.WithTracerProvider(s.set.Telemetry.Tracer),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithFilter(func(r *http.Request) bool { return !web.Quiet(r) }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			if r.Pattern != "" {
				return r.Pattern
			}
			return r.Method
		})), s.set.Origins)
}

// Run serves on address until ctx ends.
func (s *Service) Run(ctx context.Context, address string) error {
	err := web.Serve(ctx, address, s.Handler(), slog.NewLogLogger(s.log.Handler(), slog.LevelError), func(a net.Addr) {
		s.log.InfoContext(ctx, "purchasing listens", slog.String("server.address", a.String()))
	})
	s.log.InfoContext(context.WithoutCancel(ctx), "purchasing stops")
	return err
}

func (s *Service) done(x web.Exchange) {
	ctx := x.Request.Context()
	attrs := []slog.Attr{
		slog.String("http.request.method", x.Request.Method),
		slog.String("url.path", x.Request.URL.Path),
		slog.String("http.route", x.Route),
		slog.Int("http.response.status_code", x.Status),
		slog.Float64("duration_s", x.Elapsed.Seconds()),
	}
	if x.Panic == nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
		return
	}
	kind, message := fmt.Sprintf("%T", x.Panic), fmt.Sprint(x.Panic)
	span := trace.SpanFromContext(ctx)
	span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(
		semconv.ExceptionType(kind), semconv.ExceptionMessage(message), semconv.ExceptionStacktrace(string(x.Stack))))
	span.SetStatus(codes.Error, message)
	s.log.LogAttrs(ctx, slog.LevelError, "panic while serving a request", append(attrs,
		slog.String(string(semconv.ExceptionTypeKey), kind),
		slog.String(string(semconv.ExceptionMessageKey), message),
		slog.String(string(semconv.ExceptionStacktraceKey), string(x.Stack)))...)
}

// fail answers a buyer when another service has let us down, with the status that
// tells whose fault it was.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, doing string, err error) {
	ctx := r.Context()
	status, level := http.StatusBadGateway, slog.LevelError
	if answered, ok := errors.AsType[*web.StatusError](err); ok {
		switch answered.Status {
		case http.StatusConflict, http.StatusNotFound, http.StatusBadRequest:
			status, level = answered.Status, slog.LevelWarn
		case http.StatusServiceUnavailable:
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "1")
		}
	}
	if level == slog.LevelError {
		trace.SpanFromContext(ctx).RecordError(err)
	}
	s.log.LogAttrs(ctx, level, doing+" failed",
		slog.String(string(semconv.ExceptionTypeKey), fmt.Sprintf("%T", err)),
		slog.String(string(semconv.ExceptionMessageKey), err.Error()))
	web.WriteError(w, status, doing+" failed")
}

func (s *Service) catalogue(w http.ResponseWriter, r *http.Request) {
	var items []inventory.Item
	if err := web.Call(r.Context(), s.client, http.MethodGet, s.set.InventoryURL+"/stock", nil, &items); err != nil {
		s.fail(w, r, "reading the stock", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, items)
}

func (s *Service) buy(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var basket Basket
	if !web.ReadJSON(w, r, &basket) {
		return
	}
	key := web.RequestID(ctx)
	if s.set.Faults.Hit(fault.PurchasingLeak, key) {
		s.log.DebugContext(ctx, "session checked", slog.String("user.id", basket.Customer.ID),
			slog.String("user.email", basket.Customer.Email),
			slog.String("http.request.header.authorization", "token "+fakesecret.GitHubToken(basket.Customer.ID)))
	}
	if s.set.Faults.Hit(fault.PurchasingPanic, key) {
		priceOf(basket.Quantity)
	}
	ctx, span := s.tracer.Start(ctx, "buy", trace.WithAttributes(
		attribute.String("shop.sku", basket.SKU), attribute.Int("shop.quantity", basket.Quantity)))
	defer span.End()
	r = r.WithContext(ctx)

	id := "o-" + s.set.IDs.RequestID()[:13]
	var reserved inventory.Reserved
	err := web.Call(ctx, s.client, http.MethodPost, s.set.InventoryURL+"/reservations", inventory.Reservation{
		OrderID: id, SKU: basket.SKU, Quantity: basket.Quantity, Email: basket.Customer.Email,
	}, &reserved)
	if err != nil {
		s.fail(w, r, "reserving the goods", err)
		return
	}
	// Known before it is ordered: the outcome may come sooner than the answer.
	s.keep(Order{ID: id, State: "pending", SKU: basket.SKU, Cents: reserved.Cents})
	err = web.Call(ctx, s.client, http.MethodPost, s.set.OrderingURL+"/orders", ordering.Order{
		ID: id, ReservationID: reserved.ID, SKU: basket.SKU, Quantity: basket.Quantity, Cents: reserved.Cents,
		Customer: basket.Customer,
	}, nil)
	if err != nil {
		s.giveBack(ctx, id, reserved.ID)
		s.fail(w, r, "ordering the goods", err)
		return
	}
	s.orders.WithLabelValues("placed").Inc()
	s.log.InfoContext(ctx, "order placed", slog.String("order.id", id), slog.String("user.id", basket.Customer.ID),
		slog.Group("order", slog.String("sku", basket.SKU), slog.Int("quantity", basket.Quantity), slog.Float64("total", float64(reserved.Cents)/100)))
	order, _ := s.order(id)
	web.WriteJSON(w, http.StatusAccepted, order)
}

// giveBack frees the goods of an order that could not be placed. The buyer need
// not wait for it to succeed.
func (s *Service) giveBack(ctx context.Context, id, reservation string) {
	s.mu.Lock()
	if order, known := s.byID[id]; known {
		order.State = "failed"
		s.byID[id] = order
	}
	s.mu.Unlock()
	s.orders.WithLabelValues("failed").Inc()
	err := web.Call(ctx, s.client, http.MethodDelete, s.set.InventoryURL+"/reservations/"+reservation, nil, nil)
	if err != nil {
		s.log.WarnContext(ctx, "goods stay reserved", slog.String("order.id", id),
			slog.String(string(semconv.ExceptionMessageKey), err.Error()))
	}
}

// priceOf was right while quantities came from a form, as text.
//
//go:noinline // a frame of its own in the stack trace
func priceOf(quantity any) string {
	return quantity.(string)
}

func (s *Service) keep(order Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.oldest) >= maxOrders {
		delete(s.byID, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	s.byID[order.ID] = order
	s.oldest = append(s.oldest, order.ID)
}

func (s *Service) order(id string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	order, known := s.byID[id]
	return order, known
}

func (s *Service) look(w http.ResponseWriter, r *http.Request) {
	order, known := s.order(r.PathValue("id"))
	if !known {
		s.log.WarnContext(r.Context(), "order not known", slog.String("order.id", r.PathValue("id")))
		web.WriteError(w, http.StatusNotFound, "no such order")
		return
	}
	web.WriteJSON(w, http.StatusOK, order)
}

func (s *Service) outcome(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), r.PathValue("id")
	var outcome ordering.Outcome
	if !web.ReadJSON(w, r, &outcome) {
		return
	}
	if outcome.State != "confirmed" && outcome.State != "declined" {
		web.WriteError(w, http.StatusBadRequest, fmt.Sprintf("state is %q, want confirmed or declined", outcome.State))
		return
	}
	// The span is new at each attempt, the request's id is not: an attempt that
	// was refused is not refused again.
	if s.set.Faults.Hit(fault.PurchasingBadMsg, trace.SpanContextFromContext(ctx).SpanID().String()) {
		s.log.WarnContext(ctx, "outcome refused: database is locked", slog.String("order.id", id))
		web.WriteError(w, http.StatusServiceUnavailable, "database is locked")
		return
	}
	s.mu.Lock()
	order, known := s.byID[id]
	if known {
		order.State, order.Reason = outcome.State, outcome.Reason
		s.byID[id] = order
	}
	s.mu.Unlock()
	if !known {
		web.WriteError(w, http.StatusNotFound, "no such order")
		return
	}
	s.orders.WithLabelValues(outcome.State).Inc()
	level := slog.LevelInfo
	if outcome.State == "declined" {
		level = slog.LevelWarn
	}
	s.log.LogAttrs(ctx, level, "order "+outcome.State, slog.String("order.id", id), slog.String("order.reason", outcome.Reason))
	w.WriteHeader(http.StatusNoContent)
}
