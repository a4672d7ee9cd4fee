// Package ordering takes orders and confirms them later, as a supplier would. It
// writes JSON lines.
package ordering

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fakesecret"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

const (
	// maxPending bounds the orders that wait for their confirmation; a buyer
	// beyond it is sent away with 503.
	maxPending = 10_000
	// maxAttempts to tell the other services of a confirmation.
	maxAttempts = 4
)

// Order is what purchasing asks for.
type Order struct {
	ID            string              `json:"order_id"`
	ReservationID string              `json:"reservation_id"`
	SKU           string              `json:"sku"`
	Quantity      int                 `json:"quantity"`
	Cents         int                 `json:"cents"`
	Customer      fakesecret.Customer `json:"customer"`
}

// Outcome tells purchasing what became of an order.
type Outcome struct {
	State  string `json:"state"` // "confirmed" or "declined"
	Reason string `json:"reason,omitempty"`
}

// Settings of the service.
type Settings struct {
	IDs           *web.IDs
	Faults        *fault.Plan
	Out           io.Writer // where the lines go
	Client        *http.Client
	InventoryURL  string
	PurchasingURL string
	// An order is confirmed after a time between the two.
	ConfirmMin, ConfirmMax time.Duration
}

// Service is the ordering.
type Service struct {
	set     Settings
	log     *slog.Logger
	metrics *web.Metrics

	orders  *prometheus.CounterVec
	waiting prometheus.Gauge
	delay   prometheus.Histogram

	confirming sync.WaitGroup
	stopped    chan struct{} // closed when no order is to be confirmed any more

	mu sync.Mutex
	// mu guards the following.
	pending  map[string]time.Time // by order id, when it was accepted
	stopping bool
}

// New makes the service. Stop must be called to end what it does on its own.
func New(set Settings) *Service {
	s := &Service{
		set:     set,
		log:     newLogger(set.Out),
		metrics: web.NewMetrics(),
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_ordering_orders_total",
			Help: "Orders by what became of them.",
		}, []string{"state"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "shop_ordering_orders_pending",
			Help: "Orders that wait for their confirmation.",
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "shop_ordering_confirmation_delay_seconds",
			Help:    "Time from an order to its confirmation.",
			Buckets: []float64{1, 2.5, 5, 10, 20, 40, 60, 90, 120, 300},
		}),
		stopped: make(chan struct{}),
		pending: make(map[string]time.Time),
	}
	s.metrics.Registry.MustRegister(s.orders, s.waiting, s.delay)
	return s
}

// Handler serves the interface of ordering.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.accept)
	mux.HandleFunc("GET /orders/{id}", s.look)
	web.Mount(mux, s.metrics)
	return web.Handler(mux, s.set.IDs, s.metrics, s.done)
}

// Run serves on address until ctx ends.
func (s *Service) Run(ctx context.Context, address string) error {
	err := web.Serve(ctx, address, s.Handler(), slog.NewLogLogger(s.log.Handler(), slog.LevelError), func(a net.Addr) {
		s.log.InfoContext(ctx, "ordering listens", slog.String("address", a.String()))
	})
	s.Stop()
	return err
}

// Stop gives up the confirmations that are still to come and waits for those
// under way.
func (s *Service) Stop() {
	s.mu.Lock()
	already := s.stopping
	s.stopping = true
	left := len(s.pending)
	s.mu.Unlock()
	if !already {
		if left > 0 {
			s.log.Warn("ordering stops with orders not confirmed", slog.Int("orders", left))
		}
		close(s.stopped)
	}
	s.confirming.Wait()
}

func (s *Service) done(x web.Exchange) {
	ctx := x.Request.Context()
	request := slog.Group("http", slog.String("method", x.Request.Method), slog.String("path", x.Request.URL.Path),
		slog.String("route", x.Route), slog.Int("status", x.Status), slog.Int64("bytes", x.Bytes))
	if x.Panic != nil {
		s.log.ErrorContext(ctx, "panic recovered", slog.String("error", fmt.Sprint(x.Panic)),
			slog.String("error_type", fmt.Sprintf("%T", x.Panic)), slog.String("stacktrace", string(x.Stack)),
			request, milliseconds(x.Elapsed))
		return
	}
	level := slog.LevelInfo
	if x.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.log.LogAttrs(ctx, level, "request", request, milliseconds(x.Elapsed))
}

func (s *Service) accept(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var order Order
	if !web.ReadJSON(w, r, &order) {
		return
	}
	if order.ID == "" || order.ReservationID == "" {
		web.WriteError(w, http.StatusBadRequest, "order_id and reservation_id must not be empty")
		return
	}
	key := web.RequestID(ctx)
	took := time.Duration(5+25*s.set.Faults.Fraction("ordering.latency", key)) * time.Millisecond
	if err := web.Sleep(ctx, took); err != nil {
		web.WriteError(w, http.StatusServiceUnavailable, "given up")
		return
	}
	if s.set.Faults.Hit(fault.OrderingPanic, key) {
		total(order, nil)
	}
	if s.set.Faults.Hit(fault.OrderingLeak, key) {
		s.log.DebugContext(ctx, "payment request to https://pay.example/v1/charges for "+order.Customer.Email,
			slog.Group("headers", slog.String("Authorization", "Bearer "+fakesecret.JWT(order.Customer.ID)),
				slog.String("Content-Type", "application/json")),
			slog.Group("payment", slog.String("key", fakesecret.StripeKey(key)), slog.Int("cents", order.Cents)))
	}
	if err := s.queue(ctx, order); err != nil {
		s.log.ErrorContext(ctx, "order refused", slog.String("error", err.Error()), orderAttr(order))
		w.Header().Set("Retry-After", "5")
		web.WriteError(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	s.log.InfoContext(ctx, "order accepted", orderAttr(order),
		slog.Group("customer", slog.String("id", order.Customer.ID)))
	web.WriteJSON(w, http.StatusAccepted, map[string]string{"order_id": order.ID, "state": "pending"})
}

func orderAttr(o Order) slog.Attr {
	return slog.Group("order", slog.String("id", o.ID), slog.String("sku", o.SKU), slog.Int("quantity", o.Quantity),
		slog.Float64("total", float64(o.Cents)/100))
}

type discount struct{ percent int }

// total takes a discount that every order was meant to have.
//
//go:noinline // a frame of its own in the stack trace
func total(o Order, d *discount) int {
	return o.Cents * (100 - d.percent) / 100
}

var errStopping, errFull, errTwice = errors.New("ordering is stopping"),
	fmt.Errorf("%d orders wait already", maxPending), errors.New("this order is already pending")

// queue plans the confirmation. It happens long after the request is answered,
// under the request's identity.
func (s *Service) queue(ctx context.Context, order Order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.pending[order.ID]; twice {
		return errTwice
	}
	if s.stopping {
		return errStopping
	}
	if len(s.pending) >= maxPending {
		return errFull
	}
	s.pending[order.ID] = time.Now()
	s.waiting.Inc()

	// The request's identity without the request's end.
	later := context.WithoutCancel(ctx)
	span := trace.SpanContextFromContext(ctx)
	later = trace.ContextWithSpanContext(later, span.WithSpanID(s.set.IDs.NewSpanID(later, span.TraceID())))
	wait := s.set.ConfirmMin + time.Duration(float64(s.set.ConfirmMax-s.set.ConfirmMin)*s.set.Faults.Fraction("ordering.delay", order.ID))
	s.confirming.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			s.confirm(later, order)
		case <-s.stopped:
		}
		s.mu.Lock()
		delete(s.pending, order.ID)
		s.mu.Unlock()
		s.waiting.Dec()
	})
	return nil
}

func (s *Service) confirm(ctx context.Context, order Order) {
	s.mu.Lock()
	since := time.Since(s.pending[order.ID])
	s.mu.Unlock()

	outcome, method, path := Outcome{State: "confirmed"}, http.MethodPost, "/commit"
	if s.set.Faults.Hit(fault.OrderingDecline, web.RequestID(ctx)) {
		outcome, method, path = Outcome{State: "declined", Reason: "card_declined"}, http.MethodDelete, ""
	}
	steps := []func() error{
		func() error {
			return web.Call(ctx, s.set.Client, method, s.set.InventoryURL+"/reservations/"+order.ReservationID+path, nil, nil)
		},
		func() error {
			return web.Call(ctx, s.set.Client, http.MethodPut, s.set.PurchasingURL+"/orders/"+order.ID+"/outcome", outcome, nil)
		},
	}
	for i, step := range steps {
		if err := s.persist(ctx, order, i, step); err != nil {
			s.orders.WithLabelValues("lost").Inc()
			s.log.ErrorContext(ctx, "order could not be confirmed", slog.String("error", err.Error()), orderAttr(order))
			return
		}
	}
	s.orders.WithLabelValues(outcome.State).Inc()
	s.delay.Observe(since.Seconds())
	level := slog.LevelInfo
	attrs := []slog.Attr{orderAttr(order), slog.Float64("waited_s", since.Seconds())}
	if outcome.State == "declined" {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("reason", outcome.Reason))
	}
	s.log.LogAttrs(ctx, level, "order "+outcome.State, attrs...)
}

// persist makes step again while it may still succeed, with pauses of 1, 2, 4 s.
func (s *Service) persist(ctx context.Context, order Order, n int, step func() error) error {
	for attempt := 1; ; attempt++ {
		var err error
		if attempt == 1 && s.set.Faults.Hit(fault.OrderingRetry, fmt.Sprintf("%s/%d", order.ID, n)) {
			err = fmt.Errorf("call: %w", errReset)
		} else {
			err = step()
		}
		if err == nil || attempt == maxAttempts || !temporary(err) {
			return err
		}
		pause := time.Second << (attempt - 1)
		s.log.WarnContext(ctx, "attempt to confirm failed, will be made again", slog.String("error", err.Error()),
			slog.Int("attempt", attempt), slog.String("pause", pause.String()))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.stopped:
			timer.Stop()
			return errors.Join(errStopping, err)
		}
	}
}

var errReset = errors.New("read tcp 10.0.4.21:38412->10.0.4.17:8080: read: connection reset by peer")

// temporary tells whether the same call may yet succeed: not when the other side
// has understood and refused.
func temporary(err error) bool {
	var status *web.StatusError
	return !errors.As(err, &status) || status.Status >= 500 || status.Status == http.StatusTooManyRequests
}

func (s *Service) look(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	since, pending := s.pending[r.PathValue("id")]
	s.mu.Unlock()
	if !pending {
		web.WriteError(w, http.StatusNotFound, "no such order is pending")
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"state": "pending", "since": since.UTC().Format(time.RFC3339)})
}

// Pending gives the ids of the orders that wait, in alphabetical order.
func (s *Service) Pending() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.pending))
	for id := range s.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
