package harness

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Signal is a kind of telemetry.
type Signal string

// The signals a sink takes.
const (
	SignalLogs    Signal = "logs"
	SignalMetrics Signal = "metrics"
	SignalTraces  Signal = "traces"
)

// Request is what a Behaviour knows of an export request.
type Request struct {
	Signal Signal
	Number int // 1 for the first that came to the sink, of any signal
	Items  int // log records, data points or spans
}

// A Behaviour decides what becomes of a request: nil accepts it, a Refusal
// refuses it as said, any other error is Unavailable. It may take its time, and
// is called from several goroutines at once; ctx ends when the sender has
// given up or the sink goes down.
type Behaviour func(ctx context.Context, request Request) error

// Reason says what kind of answer a refusal is. OTLP lets the sender try again
// after Unavailable and Exhausted, and not after Invalid
// (https://opentelemetry.io/docs/specs/otlp/#failures).
type Reason int

const (
	// Unavailable is gRPC's UNAVAILABLE, HTTP's 503.
	Unavailable Reason = iota
	// Exhausted is gRPC's RESOURCE_EXHAUSTED with RetryInfo, HTTP's 429.
	Exhausted
	// Invalid is gRPC's INVALID_ARGUMENT, HTTP's 400.
	Invalid
)

// Refusal is an answer that isn't a success.
type Refusal struct {
	Reason Reason
	// RetryAfter goes with the answer, as RetryInfo or Retry-After. In HTTP it
	// is rounded up to seconds. Zero: none, but for Exhausted over gRPC, which
	// without it would mean that trying again is of no use.
	RetryAfter time.Duration
	// AfterStoring keeps the content and refuses all the same, as a server does
	// whose answer gets lost: an honest sender will send it again.
	AfterStoring bool
	Message      string
}

func (r Refusal) Error() string {
	if r.Message != "" {
		return r.Message
	}
	return [...]string{"unavailable", "resource exhausted", "invalid argument"}[r.Reason]
}

// Accept accepts at once.
func Accept(context.Context, Request) error { return nil }

// Refuse refuses everything.
func Refuse(refusal Refusal) Behaviour {
	return func(context.Context, Request) error { return refusal }
}

// RefuseFirst refuses the first n requests that come to it.
func RefuseFirst(n int, refusal Refusal) Behaviour {
	var mu sync.Mutex
	return func(context.Context, Request) error {
		mu.Lock()
		defer mu.Unlock()
		if n > 0 {
			n--
			return refusal
		}
		return nil
	}
}

// RefuseShare refuses a share, 0 to 1, of the requests, chosen at random from a
// seed: which of them depends on nothing but their order.
func RefuseShare(share float64, seed uint64, refusal Refusal) Behaviour {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, seed))
	return func(context.Context, Request) error {
		mu.Lock()
		defer mu.Unlock()
		if random.Float64() < share {
			return refusal
		}
		return nil
	}
}

// Delay accepts after a while.
func Delay(d time.Duration) Behaviour {
	return func(ctx context.Context, _ Request) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Hang never answers.
func Hang(ctx context.Context, _ Request) error {
	<-ctx.Done()
	return ctx.Err()
}

// Every applies a behaviour to every nth request that comes to it and accepts
// the others.
func Every(n int, b Behaviour) Behaviour {
	var mu sync.Mutex
	count := 0
	return func(ctx context.Context, request Request) error {
		mu.Lock()
		count++
		chosen := count%n == 0
		mu.Unlock()
		if chosen {
			return b(ctx, request)
		}
		return nil
	}
}

// All accepts what each of the behaviours, asked in their order, accepts.
func All(behaviours ...Behaviour) Behaviour {
	return func(ctx context.Context, request Request) error {
		for _, b := range behaviours {
			if err := b(ctx, request); err != nil {
				return err
			}
		}
		return nil
	}
}

// Only applies a behaviour to one signal and accepts the others.
func Only(signal Signal, b Behaviour) Behaviour {
	return func(ctx context.Context, request Request) error {
		if request.Signal != signal {
			return nil
		}
		return b(ctx, request)
	}
}

// Gate holds requests until it's opened. Its zero value is closed.
type Gate struct {
	mu     sync.Mutex
	open   chan struct{}
	opened bool
}

func (g *Gate) wait() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = make(chan struct{})
	}
	return g.open
}

// Hold is the behaviour: it waits for Open and then accepts.
func (g *Gate) Hold(ctx context.Context, _ Request) error {
	select {
	case <-g.wait():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open lets go of what is held, and of all that comes.
func (g *Gate) Open() {
	open := g.wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.opened {
		g.opened = true
		close(open)
	}
}

func asRefusal(err error) Refusal {
	if refusal, ok := errors.AsType[Refusal](err); ok {
		return refusal
	}
	return Refusal{Reason: Unavailable, Message: err.Error()}
}

// defaultRetryInfo goes with Exhausted over gRPC, see Refusal.RetryAfter.
const defaultRetryInfo = time.Millisecond

func grpcStatus(err error) error {
	if err == nil {
		return nil
	}
	refusal := asRefusal(err)
	code := [...]codes.Code{codes.Unavailable, codes.ResourceExhausted, codes.InvalidArgument}[refusal.Reason]
	st := status.New(code, refusal.Error())
	after := refusal.RetryAfter
	if after == 0 && refusal.Reason == Exhausted {
		after = defaultRetryInfo
	}
	if after > 0 {
		if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err == nil {
			st = detailed
		}
	}
	return st.Err()
}

func httpStatus(refusal Refusal) int {
	return [...]int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadRequest}[refusal.Reason]
}
