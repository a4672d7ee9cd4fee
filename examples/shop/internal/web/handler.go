package web

import (
	"context"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
)

// Exchange is a request that has been answered.
type Exchange struct {
	Request *http.Request // its context carries the identity
	Route   string        // the pattern that matched, "GET /stock/{sku}"; "" when none did
	Status  int
	Bytes   int64 // of the answer's body
	Elapsed time.Duration
	Panic   any    // what the handler panicked with, or nil
	Stack   []byte // the stack of the panic as runtime/debug prints it
}

// Metrics counts what a service answers.
type Metrics struct {
	Registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewMetrics makes the registry of a service, with the figures of its process
// and of the Go runtime.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_http_requests_total",
			Help: "Requests answered.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "shop_http_request_duration_seconds",
			Help:    "Time from a request's head to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "shop_http_requests_in_flight",
			Help: "Requests being served.",
		}),
	}
	m.Registry.MustRegister(m.requests, m.seconds, m.inFlight,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) observe(ctx context.Context, x Exchange) {
	route := x.Route
	if route == "" {
		route = "none" // one value for all paths nobody serves, whatever strangers ask for
	}
	m.requests.WithLabelValues(route, strconv.Itoa(x.Status)).Inc()
	seconds := m.seconds.WithLabelValues(route)
	span := trace.SpanContextFromContext(ctx)
	if exemplars, ok := seconds.(prometheus.ExemplarObserver); ok && span.IsSampled() {
		exemplars.ObserveWithExemplar(x.Elapsed.Seconds(), prometheus.Labels{"trace_id": span.TraceID().String()})
		return
	}
	seconds.Observe(x.Elapsed.Seconds())
}

// Mount adds to mux what every service of the shop serves besides its own.
func Mount(mux *http.ServeMux, m *Metrics) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
}

// Quiet reports whether a request is the machinery's own, which no service logs.
func Quiet(r *http.Request) bool {
	return r.URL.Path == "/metrics" || r.URL.Path == "/healthz"
}

// Handler identifies each request, serves it through mux, survives its panics
// with status 500, counts it, and gives it to done, which logs it.
func Handler(mux *http.ServeMux, ids *IDs, m *Metrics, done func(Exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Quiet(r) {
			mux.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		m.inFlight.Inc()
		defer m.inFlight.Dec()

		outer := r
		ctx := identify(r.Context(), r.Header, ids)
		r = r.WithContext(ctx)
		w.Header().Set(RequestIDHeader, RequestID(ctx))
		answer := &answerRecorder{ResponseWriter: w}
		x := Exchange{Request: r}
		x.Panic, x.Stack = serve(mux, answer, r)
		if x.Panic != nil && answer.status == 0 {
			WriteError(answer, http.StatusInternalServerError, "internal error")
		}
		outer.Pattern = r.Pattern // for the name of the span, which is made outside
		x.Route, x.Status, x.Bytes = r.Pattern, answer.status, answer.bytes
		if x.Status == 0 {
			x.Status = http.StatusOK
		}
		x.Elapsed = time.Since(start)
		m.observe(ctx, x)
		done(x)
	})
}

func serve(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) (cause any, stack []byte) {
	defer func() {
		if cause = recover(); cause != nil {
			stack = debug.Stack()
		}
	}()
	mux.ServeHTTP(w, r)
	return nil, nil
}

type answerRecorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *answerRecorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answerRecorder) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the writer below.
func (a *answerRecorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Sleep waits for d, or until the request is given up; then it tells why.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
