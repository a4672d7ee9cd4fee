// Package inventory is the shop's stock. It writes logfmt to stdout.
package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fakesecret"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

// maxReservations bounds what orders that are never confirmed may hold. Older
// ones are given back first.
const maxReservations = 10_000

// Item is one line of the stock.
type Item struct {
	SKU      string `json:"sku"`
	Name     string `json:"name"`
	Cents    int    `json:"cents"`
	Quantity int    `json:"quantity"`
}

// catalogue is the stock on the first morning.
var catalogue = []Item{
	{"oak-plank-2m", "Oak plank, 2 m", 4200, 400},
	{"ash-handle", "Ash tool handle", 1250, 600},
	{"beech-dowel-10", "Beech dowels, ten", 390, 900},
	{"larch-shingle", "Larch shingles, bundle", 5900, 250},
	{"linseed-oil-1l", "Linseed oil, 1 l", 1490, 300},
	{"walnut-veneer", "Walnut veneer, sheet", 3350, 200},
}

// SKUs lists what can be bought.
func SKUs() []string {
	skus := make([]string, len(catalogue))
	for i, item := range catalogue {
		skus[i] = item.SKU
	}
	return skus
}

// Reservation asks for goods to be put aside for an order.
type Reservation struct {
	OrderID  string `json:"order_id"`
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Email    string `json:"email,omitempty"`
}

// Reserved answers a Reservation.
type Reserved struct {
	ID    string `json:"reservation_id"`
	Cents int    `json:"cents"` // for all of the quantity
}

// Settings of the service.
type Settings struct {
	IDs     *web.IDs
	Faults  *fault.Plan
	Out     io.Writer     // where the lines go; stdout in the program
	Restock time.Duration // between two looks at the shelves
}

// Service is the inventory.
type Service struct {
	set     Settings
	log     *logger
	metrics *web.Metrics

	reservations *prometheus.CounterVec

	mu sync.Mutex
	// mu guards the following.
	items    map[string]*Item
	reserved map[string]Reservation
	oldest   []string // ids of reserved and of some already gone, in their order
}

// New makes the service.
func New(set Settings) *Service {
	s := &Service{
		set:     set,
		log:     &logger{out: set.Out},
		metrics: web.NewMetrics(),
		reservations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_inventory_reservations_total",
			Help: "Reservations by what became of them.",
		}, []string{"result"}),
		items:    make(map[string]*Item),
		reserved: make(map[string]Reservation),
	}
	s.metrics.Registry.MustRegister(s.reservations, (*shelves)(s))
	for _, item := range catalogue {
		s.items[item.SKU] = &item
	}
	return s
}

// Handler serves the inventory's interface.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stock", s.list)
	mux.HandleFunc("GET /stock/{sku}", s.look)
	mux.HandleFunc("POST /reservations", s.reserve)
	mux.HandleFunc("POST /reservations/{id}/commit", s.commit)
	mux.HandleFunc("DELETE /reservations/{id}", s.release)
	web.Mount(mux, s.metrics)
	return web.Handler(mux, s.set.IDs, s.metrics, s.done)
}

// Run serves on address until ctx ends.
func (s *Service) Run(ctx context.Context, address string) error {
	restocking := make(chan struct{})
	go func() {
		defer close(restocking)
		s.restockUntil(ctx)
	}()
	err := web.Serve(ctx, address, s.Handler(), log.New(s.log, "", 0), func(a net.Addr) {
		s.log.print(ctx, "start", "main", str("listen", a.String()))
	})
	if ctx.Err() != nil {
		<-restocking
	}
	s.log.print(context.WithoutCancel(ctx), "stop", "main")
	return err
}

// done writes the line that Heroku's router writes for a request, and the stack
// trace of one that panicked, raw and over many lines as net/http prints it.
func (s *Service) done(x web.Exchange) {
	ctx := x.Request.Context()
	at := "info"
	if x.Panic != nil {
		at = "error"
		s.log.raw(fmt.Sprintf("http: panic serving %s: %v\n%s", x.Request.RemoteAddr, x.Panic, x.Stack))
	}
	s.log.print(ctx, at, "", str("method", x.Request.Method), str("path", x.Request.URL.Path),
		num("status", x.Status), str("bytes", strconv.FormatInt(x.Bytes, 10)),
		str("service", strconv.FormatInt(x.Elapsed.Milliseconds(), 10)+"ms"))
}

func (s *Service) list(w http.ResponseWriter, r *http.Request) {
	if !s.query(w, r, "list") {
		return
	}
	s.mu.Lock()
	items := make([]Item, 0, len(s.items))
	for _, item := range s.items {
		items = append(items, *item)
	}
	s.mu.Unlock()
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.SKU, b.SKU) })
	s.log.print(r.Context(), "finish", "list", num("measure.items", len(items)), tag("cache_hit"))
	web.WriteJSON(w, http.StatusOK, items)
}

func (s *Service) look(w http.ResponseWriter, r *http.Request) {
	if !s.query(w, r, "look") {
		return
	}
	sku := r.PathValue("sku")
	s.mu.Lock()
	item, known := s.items[sku]
	var found Item
	if known {
		found = *item
	}
	s.mu.Unlock()
	if !known {
		s.log.print(r.Context(), "error", "look", str("sku", sku), str("error", "no such sku"))
		web.WriteError(w, http.StatusNotFound, "no such sku")
		return
	}
	web.WriteJSON(w, http.StatusOK, found)
}

func (s *Service) reserve(w http.ResponseWriter, r *http.Request) {
	ctx, start := r.Context(), time.Now()
	var want Reservation
	if !web.ReadJSON(w, r, &want) {
		return
	}
	if want.Quantity < 1 || want.Quantity > 1000 {
		web.WriteError(w, http.StatusBadRequest, fmt.Sprintf("quantity is %d, want 1 to 1000", want.Quantity))
		return
	}
	s.log.print(ctx, "start", "reserve", str("order", want.OrderID), str("sku", want.SKU), num("quantity", want.Quantity))
	key := web.RequestID(ctx)
	if s.set.Faults.Hit(fault.InventoryLeak, key) {
		s.log.print(ctx, "info", "ask_supplier",
			str("url", "https://api.supplier.example/v1/stock?sku="+want.SKU+"&access_token="+fakesecret.HexToken(key)),
			str("user", want.Email))
	}
	if !s.query(w, r, "reserve") {
		return
	}
	if s.set.Faults.Hit(fault.InventoryPanic, key) {
		s.pick(want)
	}

	id, cents, err := s.put(want)
	if err != nil {
		s.reservations.WithLabelValues("refused").Inc()
		s.log.print(ctx, "error", "reserve", str("order", want.OrderID), str("sku", want.SKU), str("error", err.Error()),
			elapsed(time.Since(start)))
		status := http.StatusConflict
		if errors.Is(err, errUnknownSKU) {
			status = http.StatusNotFound
		}
		web.WriteError(w, status, err.Error())
		return
	}
	s.reservations.WithLabelValues("reserved").Inc()
	s.log.print(ctx, "finish", "reserve", str("order", want.OrderID), str("reservation", id), num("count#reserved", want.Quantity),
		elapsed(time.Since(start)), tag("reserved"))
	web.WriteJSON(w, http.StatusCreated, Reserved{ID: id, Cents: cents})
}

var errUnknownSKU = errors.New("no such sku")

func (s *Service) put(want Reservation) (id string, cents int, err error) {
	id = s.set.IDs.RequestID()[:8]
	s.mu.Lock()
	defer s.mu.Unlock()
	item, known := s.items[want.SKU]
	if !known {
		return "", 0, errUnknownSKU
	}
	if item.Quantity < want.Quantity {
		return "", 0, fmt.Errorf("only %d of %s left, %d wanted", item.Quantity, want.SKU, want.Quantity)
	}
	for len(s.reserved) >= maxReservations {
		s.giveBackLocked(s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	item.Quantity -= want.Quantity
	s.reserved[id] = want
	s.oldest = append(s.oldest, id)
	return id, item.Cents * want.Quantity, nil
}

func (s *Service) giveBackLocked(id string) bool {
	r, held := s.reserved[id]
	if held {
		s.items[r.SKU].Quantity += r.Quantity
		delete(s.reserved, id)
	}
	return held
}

func (s *Service) commit(w http.ResponseWriter, r *http.Request) {
	if !s.query(w, r, "commit") {
		return
	}
	id := r.PathValue("id")
	s.mu.Lock()
	reservation, held := s.reserved[id]
	delete(s.reserved, id)
	s.compactLocked()
	s.mu.Unlock()
	s.answer(w, r, settled{"commit", "committed", id, reservation, held})
}

func (s *Service) release(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	reservation := s.reserved[id]
	held := s.giveBackLocked(id)
	s.compactLocked()
	s.mu.Unlock()
	s.answer(w, r, settled{"release", "released", id, reservation, held})
}

// compactLocked forgets the ids of reservations that are gone once they are most
// of the list.
func (s *Service) compactLocked() {
	if len(s.oldest) > 2*len(s.reserved)+16 {
		s.oldest = slices.DeleteFunc(s.oldest, func(id string) bool { _, held := s.reserved[id]; return !held })
	}
}

// settled is what became of a reservation.
type settled struct {
	fn, result  string
	id          string
	reservation Reservation
	held        bool
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, x settled) {
	if !x.held {
		s.log.print(r.Context(), "error", x.fn, str("reservation", x.id), str("error", "no such reservation"))
		web.WriteError(w, http.StatusNotFound, "no such reservation")
		return
	}
	s.reservations.WithLabelValues(x.result).Inc()
	s.log.print(r.Context(), "finish", x.fn, str("reservation", x.id), str("order", x.reservation.OrderID), tag(x.result))
	w.WriteHeader(http.StatusNoContent)
}

// query stands for the database: it takes its time and can fail.
func (s *Service) query(w http.ResponseWriter, r *http.Request, fn string) bool {
	ctx := r.Context()
	key := web.RequestID(ctx) + "/" + fn
	took := time.Duration(2+8*s.set.Faults.Fraction("inventory.latency", key)) * time.Millisecond
	slow := s.set.Faults.Hit(fault.InventorySlow, key)
	if slow {
		took = time.Duration(400+800*s.set.Faults.Fraction("inventory.latency", key)) * time.Millisecond
	}
	if err := web.Sleep(ctx, took); err != nil {
		s.log.print(ctx, "error", fn, str("error", err.Error()), tag("canceled"))
		web.WriteError(w, http.StatusServiceUnavailable, "given up")
		return false
	}
	if slow {
		s.log.print(ctx, "info", fn, str("measure#db.query", took.String()), str("level", "warn"), tag("slow"))
	}
	if s.set.Faults.Hit(fault.InventoryError, key) {
		s.log.print(ctx, "error", fn, str("error", "dial tcp 10.0.4.17:5432: connect: connection refused"), tag("db"), tag("retryable"))
		w.Header().Set("Retry-After", "1")
		web.WriteError(w, http.StatusServiceUnavailable, "stock database unavailable")
		return false
	}
	return true
}

// pick walks the aisles to where the goods lie. It was written when no item lay
// beyond the third aisle.
func (s *Service) pick(want Reservation) {
	aisles := [][]string{{"oak-plank-2m"}, {"ash-handle"}, {"beech-dowel-10"}}
	walk(aisles, len(aisles)+want.Quantity-1, want.SKU)
}

//go:noinline // a frame of its own in the stack trace
func walk(aisles [][]string, n int, sku string) bool {
	return slices.Contains(aisles[n], sku)
}

// restockUntil keeps the shop going for days: what is low is filled up.
func (s *Service) restockUntil(ctx context.Context) {
	tick := time.NewTicker(s.set.Restock)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.restock(ctx)
		}
	}
}

func (s *Service) restock(ctx context.Context) {
	for _, full := range catalogue {
		s.mu.Lock()
		item := s.items[full.SKU]
		low := item.Quantity < full.Quantity/2
		added := full.Quantity - item.Quantity
		if low {
			item.Quantity = full.Quantity
		}
		quantity := item.Quantity
		s.mu.Unlock()
		if low {
			s.log.print(ctx, "restock", "restock", str("sku", full.SKU), num("count#restocked", added), tag("supplier"))
		}
		s.log.print(ctx, "sample", "restock", str("sku", full.SKU), num("sample#stock", quantity))
	}
}

// shelves tells Prometheus how full the shelves are.
type shelves Service

var stockItems = prometheus.NewDesc("shop_inventory_stock_items", "Pieces on the shelf.", []string{"sku"}, nil)

func (s *shelves) Describe(out chan<- *prometheus.Desc) { out <- stockItems }

func (s *shelves) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sku, item := range s.items {
		out <- prometheus.MustNewConstMetric(stockItems, prometheus.GaugeValue, float64(item.Quantity), sku)
	}
}
