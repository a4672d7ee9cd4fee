package sender

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultMaxRecordSize = 1 << 20
	defaultMaxRecords    = 500
	defaultMaxBytes      = 5 << 20
	defaultMaxAge        = 200 * time.Millisecond
	defaultMaxInFlight   = 4
	defaultRetryInitial  = 100 * time.Millisecond
	defaultRetryMax      = 10 * time.Second
	defaultTimeout       = 30 * time.Second
	defaultRefresh       = 60 * time.Second
	defaultMaxBuffered   = 64 << 20
)

// Sender puts the records of a log into a stream.
//
//	Log ──► reading ──► slots ──► a queue ──► calls ──► Stream
//	  └───► passes ───┘ by hash   for each    │
//	                    key       shard ◄─────┤ refused: back to the front
//	                                          └──► Done, Refuse
//
// Five kinds of goroutines: the main reading, the passes (see slot), the one that lists
// shards, the one that starts calls, and one for each call.
type Sender struct {
	set      Settings
	observer Observer
	begun    time.Time

	started, stopped sync.Once
	running          bool
	// ctx ends with Shutdown, callCtx when that can't wait any longer.
	ctx, callCtx  context.Context //nolint:containedctx // they are the Sender's own life
	stop, cut     context.CancelFunc
	loops, flying sync.WaitGroup

	// Each has one place.
	wakeCalls, wakeMain, wakePass, wakeList chan struct{}

	// mu guards the following.
	mu       sync.Mutex
	closing  bool
	slots    []slot // in the order of hash keys
	shards   []*shard
	perShard int                  // bytes of memory
	known    map[string]hashRange // of all shards listed, closed ones too
	orphans  []*call              // on their way to shards that were replaced
	held     []*call              // in the stream, in a shard that is not known yet
	keys     keys                 // of keyed queues
	pool     pool
	spare    []*call
	memory   int
	queued   int
	calls    int
	position uint64 // the last ID that the main reading has read
	pass     uint64 // number
	forKeys  bool   // it is for parked keys

	// Of keyed queues.
	parked    []*keyState
	keysNeedy bool          // one may be in need of a pass
	keysNext  time.Duration // not before there is one for keys
	sweep     uint64        // where the last of those has ended
	joined    []*keyState   // they take part in the pass, or did, by the places that they had
	reached   int           // of those, by the pass
	active    int           // of those, the ones that still take part
}

// New makes a Sender.
func New(set Settings) (*Sender, error) {
	if set.Stream == nil || set.Log == nil || set.Done == nil {
		return nil, errors.New("a stream, a log and a function that is told what is done must be set")
	}
	or := func(value *int, otherwise int) {
		if *value == 0 {
			*value = otherwise
		}
	}
	orTime := func(value *time.Duration, otherwise time.Duration) {
		if *value == 0 {
			*value = otherwise
		}
	}
	or(&set.MaxRecordSize, defaultMaxRecordSize)
	or(&set.MaxRecords, defaultMaxRecords)
	or(&set.MaxBytes, defaultMaxBytes)
	or(&set.MaxInFlight, defaultMaxInFlight)
	or(&set.MaxBuffered, defaultMaxBuffered)
	orTime(&set.MaxAge, defaultMaxAge)
	orTime(&set.RetryInitial, defaultRetryInitial)
	orTime(&set.RetryMax, defaultRetryMax)
	orTime(&set.Timeout, defaultTimeout)
	orTime(&set.Refresh, defaultRefresh)
	for name, n := range map[string]int{
		"MaxRecordSize": set.MaxRecordSize, "MaxRecords": set.MaxRecords, "MaxBytes": set.MaxBytes,
		"MaxInFlight": set.MaxInFlight, "MaxBuffered": set.MaxBuffered,
		"RateBytes": set.RateBytes, "RateRecords": set.RateRecords,
	} {
		if n < 0 {
			return nil, fmt.Errorf("%s is %d: it must not be negative", name, n)
		}
	}
	if set.Permanent == nil {
		set.Permanent = notValid
	}
	if set.Aggregate && set.Order == PerKey {
		set.MaxInFlight = 1
	}
	s := &Sender{
		set:       set,
		observer:  set.Observer,
		begun:     time.Now(),
		wakeCalls: make(chan struct{}, 1),
		wakeMain:  make(chan struct{}, 1),
		wakePass:  make(chan struct{}, 1),
		wakeList:  make(chan struct{}, 1),
		pool:      pool{limit: set.MaxBuffered / 4},
	}
	if s.observer == nil {
		s.observer = nobody{}
	}
	if set.Order == PerKey && !set.Aggregate {
		s.keys.states = make(map[hashKey]*keyState)
	}
	return s, nil
}

func notValid(code string) bool {
	switch code {
	case "ValidationException", "InvalidArgumentException", "SerializationException":
		return true
	}
	return false
}

func (s *Sender) newQueue() queue {
	if s.keys.states != nil {
		return &keyed{keys: &s.keys}
	}
	return &fifo{}
}

// Start begins to send, and returns at once.
func (s *Sender) Start() {
	s.started.Do(func() {
		s.running = true
		s.ctx, s.stop = context.WithCancel(context.Background())
		s.callCtx, s.cut = context.WithCancel(context.Background())
		s.loops.Go(s.listShards)
		s.loops.Go(s.read)
		s.loops.Go(s.catchUp)
		s.loops.Go(s.startCalls)
	})
}

// Shutdown takes no more records, and waits for the calls on their way: at the end of
// the context it ends them and returns its error. What was not named by Done is for the
// next Sender. A Sender is not started again.
func (s *Sender) Shutdown(ctx context.Context) (err error) {
	s.started.Do(func() {}) // not any more
	s.stopped.Do(func() {
		if s.running {
			err = s.shutdown(ctx)
		}
	})
	return err
}

func (s *Sender) shutdown(ctx context.Context) error {
	s.stop()
	s.mu.Lock()
	s.closing = true
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for range held { // nobody will say where they are
		s.flying.Done()
	}
	s.loops.Wait()
	ended := make(chan struct{})
	go func() {
		s.flying.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("end the calls that are on their way: %w", ctx.Err())
	}
	s.cut()
	<-ended
	return err
}

// Stats is the state now.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Shards: len(s.shards), InFlight: s.calls, Queued: s.queued, Buffered: s.memory, Parked: len(s.parked)}
	behind := make(map[*shard]bool)
	for i := range s.slots {
		if s.slots[i].behind {
			behind[s.slots[i].shard] = true
		}
	}
	st.Behind = len(behind)
	return st
}

func (s *Sender) now() time.Duration { return time.Since(s.begun) }

// wake puts something where there is nothing.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits; false: the Sender is stopped.
func (s *Sender) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

type nobody struct{}

func (nobody) Put(string, int, int, int)       {}
func (nobody) Refused(string, string, int)     {}
func (nobody) Failed(string, string, error)    {}
func (nobody) Retried(string, int)             {}
func (nobody) Throttled(string, time.Duration) {}
func (nobody) Resharded(int)                   {}
