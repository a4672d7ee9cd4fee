// Package fault decides when the shop misbehaves. A real service fails when it
// likes; this one fails by a plan, so that a test can ask for the third order
// to panic and a demonstration can run for a day with one error in fifty.
package fault

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Fault names one way to fail.
type Fault struct {
	Name    string
	Rate    float64 // share of occasions, 0 to 1, when no flag says otherwise
	Meaning string
}

// The names of the faults, as the --fault flag takes them.
const (
	InventoryPanic   = "inventory.panic"
	InventorySlow    = "inventory.slow"
	InventoryError   = "inventory.error"
	InventoryLeak    = "inventory.leak"
	OrderingPanic    = "ordering.panic"
	OrderingDecline  = "ordering.decline"
	OrderingLeak     = "ordering.leak"
	OrderingRetry    = "ordering.retry"
	PurchasingPanic  = "purchasing.panic"
	PurchasingLeak   = "purchasing.leak"
	PurchasingBadMsg = "purchasing.callback"
)

// Known lists every fault with its rate in an ordinary run.
func Known() []Fault {
	return []Fault{
		{InventoryError, 0.01, "the stock database refuses the connection; answer 503"},
		{InventoryLeak, 0.04, "a supplier's URL is logged with its access token and the buyer's e-mail address"},
		{InventoryPanic, 0.01, "an index runs out of range; a raw stack trace on stdout, answer 500"},
		{InventorySlow, 0.03, "the stock query takes 400 to 1,200 ms"},
		{OrderingDecline, 0.04, "the card is declined when the order is to be confirmed"},
		{OrderingLeak, 0.05, "the payment request is logged with its Authorization header and the buyer's e-mail address"},
		{OrderingPanic, 0.015, "a nil pointer is dereferenced; the stack trace in a JSON field, answer 500"},
		{OrderingRetry, 0.05, "the first attempt to confirm fails and is made again"},
		{PurchasingBadMsg, 0.02, "the confirmation of an order is refused once with 503"},
		{PurchasingLeak, 0.03, "the buyer's session token is logged as an attribute"},
		{PurchasingPanic, 0.01, "a type assertion fails; exception attributes on log and span, answer 500"},
	}
}

type rule struct {
	rate  float64
	every uint64
	count atomic.Uint64
}

// Plan says on which occasions a fault occurs. It is safe for concurrent use.
type Plan struct {
	seed  uint64
	rules map[string]*rule
}

// NewPlan makes a plan from the known rates and the given changes to them, each
// in one of the forms name=rate, name=every:n, name=off; the name "all" stands
// for every fault. Later changes win.
func NewPlan(seed uint64, changes []string) (*Plan, error) {
	p := &Plan{seed: seed, rules: make(map[string]*rule)}
	for _, f := range Known() {
		p.rules[f.Name] = &rule{rate: f.Rate}
	}
	for _, change := range changes {
		name, text, ok := strings.Cut(change, "=")
		if !ok {
			return nil, fmt.Errorf("fault %q: want name=rate, name=every:n or name=off", change)
		}
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", change, err)
		}
		if name == "all" {
			for known := range p.rules {
				p.rules[known] = &rule{rate: r.rate, every: r.every}
			}
			continue
		}
		if _, known := p.rules[name]; !known {
			return nil, fmt.Errorf("fault %q: no such fault; known are %s", change,
				strings.Join(slices.Sorted(maps.Keys(p.rules)), ", "))
		}
		p.rules[name] = r
	}
	return p, nil
}

func parseRule(text string) (*rule, error) {
	if text == "off" {
		return &rule{}, nil
	}
	if n, ok := strings.CutPrefix(text, "every:"); ok {
		every, err := strconv.ParseUint(n, 10, 32)
		if err != nil || every == 0 {
			return nil, fmt.Errorf("%q is no whole number from 1", n)
		}
		return &rule{every: every}, nil
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > 1 {
		return nil, fmt.Errorf("%q is no rate from 0 to 1", text)
	}
	return &rule{rate: rate}, nil
}

// Hit reports whether the fault occurs on the occasion named by key, usually a
// request's id. A rate depends on the seed, the name and the key alone, so that
// requests served in another order fail the same; every:n counts occasions.
func (p *Plan) Hit(name, key string) bool {
	r := p.rules[name]
	if r == nil {
		return false
	}
	if r.every > 0 {
		return r.count.Add(1)%r.every == 0
	}
	return r.rate > 0 && p.Fraction(name, key) < r.rate
}

// Fraction gives a number in [0, 1) that the seed, the name and the key decide.
func (p *Plan) Fraction(name, key string) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d\x00%s\x00%s", p.seed, name, key)
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix is the finalizer of splitmix64: FNV leaves neighbouring keys close
// together in the upper bits, which Fraction uses.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
