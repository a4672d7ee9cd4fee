// Package trouble makes one status of the troubles that a component has: which does not
// change at each call that fails or succeeds.
//
//	        Trouble          patience over             Over           hold over
//	fine ────────────► suspect ───────────► troubled ────────► recovering ─────────► fine
//	  ▲                   │                     ▲                   │
//	  └────── Over ───────┘                     └───── Trouble ─────┘
//
// Troubled and recovering count as trouble. A Board is fine when none of its troubles
// counts; it tells of each change once, since whoever counts how long a trouble lasts counts
// from what was told last.
package trouble

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// Status is what a component's troubles come to. Err is nil where it is fine.
type Status struct {
	Err error
	// Permanent says that it does not get better by itself.
	Permanent bool
}

// DefaultHold is how long a trouble must have been over until it counts no more. A full
// spool that has room for one call in a while is full.
const DefaultHold = 10 * time.Second

// DefaultPatience is how long calls to a place may fail without one that succeeds: what an
// ordinary retry mends is no trouble.
const DefaultPatience = 10 * time.Second

// Board has the troubles of one component. It is safe for concurrent use; a nil one does
// nothing.
type Board struct {
	hold time.Duration

	mu sync.Mutex
	// mu guards the following.
	tell     []func(Status)
	troubles map[string]*trouble
	told     Status
	closed   bool
	asking   sync.WaitGroup
}

type trouble struct {
	phase phase
	err   error
	timer *time.Timer // of a suspect or a recovering one
	// turn tells a timer that was stopped too late from the one that counts.
	turn int

	// isOver is asked at each interval while the trouble counts; nil: nobody is.
	isOver   func() bool
	interval time.Duration
}

type phase int

const (
	fine phase = iota
	suspect
	troubled
	recovering
)

// New makes a Board. Close must follow.
func New(hold time.Duration) *Board {
	return &Board{hold: hold, troubles: map[string]*trouble{}}
}

// Tell adds someone to be told of changes, and of the status now where that is no fine one.
// tell is called in the order of the changes, by one goroutine at a time, and must not call
// the Board.
func (b *Board) Tell(tell func(Status)) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell = append(b.tell, tell)
	if b.told.Err != nil {
		tell(b.told)
	}
}

// Trouble says that something is wrong. Where that is still so after patience, it counts.
func (b *Board) Trouble(name string, patience time.Duration, err error) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	t := b.troubleLocked(name)
	if t.phase != troubled { // what is told stays, so that the status does not change with each error's text
		t.err = err
	}
	switch {
	case t.phase == fine && patience > 0:
		b.enterLocked(name, t, suspect, patience, troubled)
	case t.phase == fine, t.phase == recovering:
		b.enterLocked(name, t, troubled, 0, troubled)
	}
	b.announceLocked()
}

func (b *Board) troubleLocked(name string) *trouble {
	t := b.troubles[name]
	if t == nil {
		t = &trouble{}
		b.troubles[name] = t
	}
	return t
}

// Watch has isOver asked whether a trouble is over, at each interval while it counts: who
// is not ready may get no calls that would tell. isOver must not take long, nor close the
// Board.
func (b *Board) Watch(name string, interval time.Duration, isOver func() bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.troubleLocked(name)
	t.isOver, t.interval = isOver, interval
}

// askLocked asks after an interval, and again until the trouble does not count.
func (b *Board) askLocked(name string, t *trouble) {
	turn := t.turn
	t.timer = time.AfterFunc(t.interval, func() {
		b.mu.Lock()
		if b.closed || t.turn != turn {
			b.mu.Unlock()
			return
		}
		b.asking.Add(1)
		b.mu.Unlock()
		over := t.isOver()
		b.asking.Done()
		if over {
			b.Over(name)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.closed && t.turn == turn {
			b.askLocked(name, t)
		}
	})
}

// Over says that something that may have been wrong is not.
func (b *Board) Over(name string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.troubles[name]
	switch {
	case t == nil || b.closed || t.phase == fine || t.phase == recovering:
		return // as nearly always
	case t.phase == suspect:
		b.enterLocked(name, t, fine, 0, fine)
	case t.phase == troubled:
		b.enterLocked(name, t, recovering, b.hold, fine)
	}
	b.announceLocked()
}

// Fail says that something is wrong until someone looks into it. Nothing is told after it.
func (b *Board) Fail(err error) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.tellLocked(Status{Err: err, Permanent: true})
	b.closeLocked()
}

// Close stops telling, and waits for what Watch has asked.
func (b *Board) Close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.closeLocked()
	b.mu.Unlock()
	b.asking.Wait()
}

func (b *Board) closeLocked() {
	b.closed = true
	for _, t := range b.troubles {
		if t.timer != nil {
			t.timer.Stop()
		}
	}
}

// enterLocked enters a phase, and after a time the next.
func (b *Board) enterLocked(name string, t *trouble, now phase, after time.Duration, next phase) {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.phase = now
	t.turn++
	if now == troubled && t.isOver != nil {
		b.askLocked(name, t)
	}
	if after <= 0 {
		if now == recovering {
			t.phase = next
		}
		return
	}
	turn := t.turn
	t.timer = time.AfterFunc(after, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.closed || t.turn != turn {
			return
		}
		b.enterLocked(name, t, next, 0, next)
		b.announceLocked()
	})
}

// announceLocked tells the status where it is another than the one told last.
func (b *Board) announceLocked() {
	if b.closed {
		return
	}
	var names []string
	for name, t := range b.troubles {
		if t.phase >= troubled {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	errs := make([]error, len(names))
	texts := make([]string, len(names))
	for i, name := range names {
		errs[i] = b.troubles[name].err
		texts[i] = name + ": " + errs[i].Error()
	}
	var s Status
	if len(names) > 0 {
		s.Err = &Troubles{Names: names, text: strings.Join(texts, "; "), errs: errs}
	}
	if sameNames(s.Err, b.told.Err) {
		return
	}
	b.tellLocked(s)
}

func (b *Board) tellLocked(s Status) {
	b.told = s
	for _, tell := range b.tell {
		tell(s)
	}
}

// Troubles are those that count.
type Troubles struct {
	Names []string
	text  string
	errs  []error
}

func (t *Troubles) Error() string   { return t.text }
func (t *Troubles) Unwrap() []error { return t.errs }

func sameNames(a, b error) bool {
	var x, y *Troubles
	isX, isY := errors.As(a, &x), errors.As(b, &y)
	return isX == isY && (!isX || slices.Equal(x.Names, y.Names))
}
