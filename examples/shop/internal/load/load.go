// Package load plays the buyers: a steady stream of people who browse, buy, and
// ask after their orders.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fakesecret"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/inventory"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/purchasing"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

const (
	// maxInFlight bounds the buyers who wait for an answer; one more turns away.
	maxInFlight = 64
	// customers is how many different people come.
	customers = 400
	// remembered orders are those that a buyer may ask after.
	remembered = 32
)

// Kind is what a buyer does.
type Kind string

// What buyers do.
const (
	Browse Kind = "browse"
	Buy    Kind = "buy"
	Ask    Kind = "ask"
)

// Action is one thing that a buyer does.
type Action struct {
	Wait      time.Duration // after the action before
	Kind      Kind
	RequestID string
	Basket    purchasing.Basket // of Buy
	Pick      uint64            // which of the remembered orders Ask is about
}

// Script makes the actions, one after the other, as the seed decides.
type Script struct {
	rate   float64
	random *rand.Rand
	ids    *web.IDs
	skus   []string
}

// NewScript makes a script with rate actions in a second on average.
func NewScript(rate float64, seed uint64) *Script {
	return &Script{
		rate:   rate,
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // traffic that must be the same again, no secret
		ids:    web.NewIDs(seed ^ 0x6c6f6164),
		skus:   inventory.SKUs(),
	}
}

// Next gives the next action.
func (s *Script) Next() Action {
	a := Action{
		// From half to one and a half of the mean: steady, and not in step with anything.
		Wait:      time.Duration((0.5 + s.random.Float64()) / s.rate * float64(time.Second)),
		RequestID: s.ids.RequestID(),
		Pick:      s.random.Uint64(),
	}
	switch dice := s.random.Float64(); {
	case dice < 0.45:
		a.Kind = Buy
	case dice < 0.75:
		a.Kind = Browse
	default:
		a.Kind = Ask
	}
	a.Basket = purchasing.Basket{
		SKU:      s.skus[s.random.IntN(len(s.skus))],
		Quantity: 1 + s.random.IntN(6),
		Customer: fakesecret.NewCustomer(s.random.Uint64N(customers)),
	}
	return a
}

// Settings of the load.
type Settings struct {
	PurchasingURL string
	Rate          float64 // actions in a second
	Seed          uint64
	Actions       int // after so many it ends; 0: never
	Client        *http.Client
	Out           io.Writer     // where the summaries go
	Summary       time.Duration // between two summaries
	Patience      time.Duration // how long purchasing may take to be there
}

// Load plays the script against purchasing.
type Load struct {
	set    Settings
	script *Script

	mu sync.Mutex
	// mu guards the following.
	orders []string
	counts map[string]int
}

// New makes the load.
func New(set Settings) *Load {
	return &Load{set: set, script: NewScript(set.Rate, set.Seed), counts: make(map[string]int)}
}

// Run plays until ctx ends or the actions are done, and waits for the buyers who
// are still there.
func (l *Load) Run(ctx context.Context) error {
	if err := l.awaitShop(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(l.set.Out, "load: %g actions a second, seed %d\n", l.set.Rate, l.set.Seed)
	var buyers sync.WaitGroup
	defer func() {
		buyers.Wait()
		l.summarise()
	}()
	summary := time.NewTicker(l.set.Summary)
	defer summary.Stop()
	places := make(chan struct{}, maxInFlight)
	for n := 0; l.set.Actions == 0 || n < l.set.Actions; n++ {
		action := l.script.Next()
		next := time.NewTimer(action.Wait)
	waiting:
		for {
			select {
			case <-ctx.Done():
				next.Stop()
				return nil
			case <-summary.C:
				l.summarise()
			case <-next.C:
				break waiting
			}
		}
		select {
		case places <- struct{}{}:
		default:
			l.count("turned away")
			continue
		}
		buyers.Go(func() {
			defer func() { <-places }()
			l.play(web.WithRequestID(ctx, action.RequestID), action)
		})
	}
	return nil
}

// awaitShop gives purchasing the time to start.
func (l *Load) awaitShop(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.set.Patience, fmt.Errorf("no answer within %v", l.set.Patience))
	defer cancel()
	for {
		err := web.Call(ctx, l.set.Client, http.MethodGet, l.set.PurchasingURL+"/healthz", nil, nil)
		if err == nil {
			return nil
		}
		if ended := web.Sleep(ctx, 100*time.Millisecond); ended != nil {
			if errors.Is(ended, context.Canceled) {
				return nil
			}
			return fmt.Errorf("purchasing at %s: %w: %w", l.set.PurchasingURL, ended, err)
		}
	}
}

func (l *Load) play(ctx context.Context, a Action) {
	var err error
	kind := a.Kind
	ask := ""
	if kind == Ask {
		if ask = l.remembered(a.Pick); ask == "" {
			kind = Browse // nobody has ordered yet
		}
	}
	switch kind {
	case Buy:
		var order purchasing.Order
		if err = web.Call(ctx, l.set.Client, http.MethodPost, l.set.PurchasingURL+"/orders", a.Basket, &order); err == nil {
			l.remember(order.ID)
		}
	case Browse:
		err = web.Call(ctx, l.set.Client, http.MethodGet, l.set.PurchasingURL+"/catalogue", nil, nil)
	case Ask:
		err = web.Call(ctx, l.set.Client, http.MethodGet, l.set.PurchasingURL+"/orders/"+ask, nil, nil)
	}
	var status *web.StatusError
	switch {
	case err == nil:
		l.count(string(kind))
	case errors.As(err, &status):
		l.count(fmt.Sprintf("status %d", status.Status))
	case ctx.Err() == nil:
		l.count("no answer")
	}
}

func (l *Load) remember(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.orders) == remembered {
		l.orders = l.orders[1:]
	}
	l.orders = append(l.orders, id)
}

func (l *Load) remembered(pick uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.orders) == 0 {
		return ""
	}
	return l.orders[pick%uint64(len(l.orders))]
}

func (l *Load) count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[what]++
}

// Counts tells how the actions ended so far.
func (l *Load) Counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}

func (l *Load) summarise() {
	counts := l.Counts()
	parts := make([]string, 0, len(counts))
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, counts[what]))
	}
	_, _ = fmt.Fprintln(l.set.Out, "load: "+strings.Join(parts, ", "))
}
