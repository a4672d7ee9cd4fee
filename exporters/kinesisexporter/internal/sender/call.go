package sender

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/internal/kplrecord"
)

// call is one of PutRecords. Its records are its own until it is settled.
type call struct {
	shard   *shard
	recs    []*rec
	tried   int // of recs
	cost    amount
	at      time.Duration // of its start
	writer  kplrecord.Writer
	entries []Entry
	results []Result
	err     error
	// What becomes of recs.
	done   []uint64
	gone   []*rec // done, or refused for good
	back   []*rec
	failed bool // the shard is to pause
	busy   bool // because it is throttled
}

const never = time.Duration(math.MaxInt64)

// target is what makes a call worth while before its records are old.
func (s *Sender) target(sh *shard) amount {
	piece := sh.limiter.piece()
	if s.set.Aggregate {
		return amount{min(s.set.MaxRecordSize, s.perShard/4, piece.bytes), math.MaxInt}
	}
	return amount{min(s.set.MaxBytes, s.perShard/4, piece.bytes), min(s.set.MaxRecords, piece.records)}
}

// startCalls starts calls when they are due.
func (s *Sender) startCalls() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := never
		s.mu.Lock()
		for _, sh := range s.shards {
			next = min(next, s.sendLocked(sh))
		}
		now := s.now()
		s.mu.Unlock()
		timer.Reset(max(0, next-now))
		select {
		case <-s.wakeCalls:
		case <-timer.C:
		case <-s.ctx.Done():
			return
		}
	}
}

// sendLocked starts the calls of a shard that are due, and says when to look again,
// where nothing else tells.
func (s *Sender) sendLocked(sh *shard) time.Duration {
	for !s.closing && len(sh.calls) < s.set.MaxInFlight && !s.blockedLocked(sh) {
		first := sh.queue.first()
		if first == nil {
			return never
		}
		now, target := s.now(), s.target(sh)
		if now < sh.paused {
			return sh.paused
		}
		if age := first.at + s.set.MaxAge; now < age && sh.memory <= s.perShard/2 &&
			sh.waiting.bytes < target.bytes && sh.waiting.records < target.records {
			return age
		}
		waiting := amount{sh.waiting.bytes, sh.queue.ready()}
		if s.set.Aggregate {
			waiting.records = 1
		}
		most, at := sh.limiter.ask(now, waiting, amount{first.payload(), 1})
		if at > now {
			return at
		}
		c := s.newCallLocked(sh)
		s.fillLocked(c, most)
		c.at = now
		sh.limiter.took(now, c.cost)
		sh.calls = append(sh.calls, c)
		s.calls++
		s.flying.Add(1)
		go s.run(c)
	}
	return never
}

func (s *Sender) newCallLocked(sh *shard) *call {
	c := &call{}
	if n := len(s.spare); n > 0 {
		c = s.spare[n-1]
		s.spare = s.spare[:n-1]
	}
	c.shard = sh
	return c
}

// fillLocked takes the records of a call out of the queue, the first whatever the limits
// say. Aggregates are written while they are filled, so that their size is known; the
// digest, which takes longer, comes later.
func (s *Sender) fillLocked(c *call, most amount) {
	q := c.shard.queue
	for {
		r := q.first()
		switch {
		case r == nil:
			return
		case len(c.recs) == 0:
			c.cost = amount{r.payload(), 1}
		case r.alone || c.recs[0].alone:
			return
		case s.set.Aggregate:
			size := c.recs[0].keyLen + c.writer.SizeWith(r.keyBytes(), nil, len(r.data()))
			if size > min(s.set.MaxRecordSize, most.bytes) {
				return
			}
			c.cost.bytes = size
		default:
			size := c.cost.bytes + r.payload()
			if size > min(s.set.MaxBytes, most.bytes) || len(c.recs) >= min(s.set.MaxRecords, most.records) {
				return
			}
			c.cost = amount{size, len(c.recs) + 1}
		}
		if s.set.Aggregate {
			c.writer.Add(r.keyBytes(), nil, r.data())
		}
		q.pop()
		c.shard.waiting.bytes -= r.payload()
		c.shard.waiting.records--
		c.recs = append(c.recs, r)
		if r.tried {
			c.tried++
		}
	}
}

// run makes a call.
func (s *Sender) run(c *call) {
	if first := c.recs[0]; s.set.Aggregate && len(c.recs) > 1 {
		c.entries = append(c.entries, Entry{
			Key: first.keyBytes(), Data: c.writer.Aggregate(), HashKey: first.hash.bytes(), Explicit: true, Records: len(c.recs),
		})
	} else {
		for _, r := range c.recs {
			c.entries = append(c.entries, Entry{Key: r.keyBytes(), Data: r.data(), Records: 1})
		}
	}
	if c.tried > 0 {
		s.observer.Retried(c.shard.id, c.tried)
	}
	ctx, cancel := context.WithTimeout(s.callCtx, s.set.Timeout)
	c.results, c.err = s.set.Stream.PutRecords(ctx, c.entries)
	cancel()
	if c.err == nil && len(c.results) != len(c.entries) {
		c.err = fmt.Errorf("the answer has %d results for %d records", len(c.results), len(c.entries))
	}
	s.settle(c)
}

// settle does what the answer to a call says.
func (s *Sender) settle(c *call) {
	switch {
	case c.err != nil:
		s.settleError(c)
	case s.set.Aggregate:
		if !s.settleAggregate(c) {
			return
		}
	default:
		for i, r := range c.recs {
			s.settleOne(c, r, &c.results[i])
		}
	}
	if len(c.done) > 0 {
		s.set.Done(c.done)
	}
	s.finish(c)
	s.flying.Done()
}

func (s *Sender) settleError(c *call) {
	kind := KindRetry
	if ce := (*CallError)(nil); errors.As(c.err, &ce) {
		kind = ce.Kind
	}
	s.observer.Failed(c.shard.id, codeOf(c.err), c.err)
	switch {
	case kind == KindPermanent && len(c.recs) == 1:
		s.refuse(c, c.recs[0], &Result{Code: codeOf(c.err), Message: c.err.Error()})
		return
	case kind == KindPermanent:
		for _, r := range c.recs {
			r.alone = true
		}
	case kind == KindNoStream:
		wake(s.wakeList)
		c.failed = true
	default:
		c.failed, c.busy = true, kind == KindThrottled
	}
	c.back = append(c.back, c.recs...)
}

// settleAggregate settles a call of one entry with all the records; false: nobody knows
// yet.
func (s *Sender) settleAggregate(c *call) bool {
	result := &c.results[0]
	if len(c.recs) == 1 {
		s.settleOne(c, c.recs[0], result)
		return true
	}
	if result.Code == "" && result.ShardID != "" && result.ShardID != c.shard.id {
		// AWS's libraries drop an aggregate that has a key of another shard.
		wake(s.wakeList)
		s.mu.Lock()
		at, known := s.known[result.ShardID]
		if !known && !s.closing {
			id, err := c.shard.id, fmt.Errorf("records are in the shard %s, which is not in the list of shards", result.ShardID)
			s.held = append(s.held, c) // from here on it is who reads the list that has it
			s.mu.Unlock()
			s.observer.Failed(id, "ShardNotListed", err)
			return false
		}
		s.mu.Unlock()
		if !known || slices.ContainsFunc(c.recs, func(r *rec) bool { return !at.has(r.hash) }) {
			s.observer.Refused(c.shard.id, CodeWrongShard, len(c.recs))
			c.back = append(c.back, c.recs...)
			c.failed = true // each attempt is in the stream: not more of them than there must be
			return true
		}
	}
	switch {
	case result.Code == "":
		count := 0
		for _, r := range c.recs {
			c.done = append(c.done, r.id)
			count += r.count
		}
		c.gone = append(c.gone, c.recs...)
		s.observer.Put(s.shardOf(c, result), len(c.recs), count, len(c.entries[0].Key)+len(c.entries[0].Data))
	case s.set.Permanent(result.Code):
		s.observer.Refused(c.shard.id, result.Code, len(c.recs))
		for _, r := range c.recs {
			r.alone = true
		}
		c.back = append(c.back, c.recs...)
	default:
		s.observer.Refused(c.shard.id, result.Code, len(c.recs))
		c.back = append(c.back, c.recs...)
		c.failed, c.busy = true, result.Code == CodeThrottled
	}
	return true
}

func (s *Sender) shardOf(c *call, result *Result) string {
	if result.ShardID == "" {
		return c.shard.id
	}
	return result.ShardID
}

// settleOne settles one record that was an entry of its own.
func (s *Sender) settleOne(c *call, r *rec, result *Result) {
	switch {
	case result.Code == "":
		if result.ShardID != "" && result.ShardID != c.shard.id {
			wake(s.wakeList)
		}
		c.done = append(c.done, r.id)
		c.gone = append(c.gone, r)
		s.observer.Put(s.shardOf(c, result), 1, r.count, r.payload())
		return
	case s.set.Permanent(result.Code):
		s.observer.Refused(c.shard.id, result.Code, 1)
		s.refuse(c, r, result)
		return
	}
	s.observer.Refused(c.shard.id, result.Code, 1)
	c.back = append(c.back, r)
	c.failed = true
	c.busy = c.busy || result.Code == CodeThrottled
}

// refuse lets a record go that will never be delivered.
func (s *Sender) refuse(c *call, r *rec, result *Result) {
	err := errors.New("there is no place for what is refused")
	if s.set.Refuse != nil {
		err = s.set.Refuse(Record{ID: r.id, Key: r.keyBytes(), Hash: r.hash.bytes(), Data: r.data(), Count: r.count}, *result)
	}
	if err == nil {
		c.gone = append(c.gone, r)
		return
	}
	s.observer.Failed(c.shard.id, "Refuse", err)
	c.back = append(c.back, r)
	c.failed = true
}

// finish gives back what a settled call has.
func (s *Sender) finish(c *call) {
	var throttled time.Duration
	id := c.shard.id
	s.mu.Lock()
	sh := c.shard
	same := func(o *call) bool { return o == c }
	sh.calls = slices.DeleteFunc(sh.calls, same)
	if sh.retired {
		s.orphans = slices.DeleteFunc(s.orphans, same)
	}
	s.calls--
	for _, r := range c.gone {
		s.goneLocked(s.ownerLocked(sh, r), r)
	}
	for _, r := range c.back {
		r.tried = true
		to := s.ownerLocked(sh, r)
		to.waiting.bytes += r.payload()
		to.waiting.records++
	}
	owners := []*shard{sh}
	if !sh.retired {
		sh.queue.back(c.back)
	} else {
		owners = slices.DeleteFunc(slices.Clone(s.shards), func(o *shard) bool { return !o.overlaps(sh.hashRange) })
		for _, o := range owners {
			o.queue.back(slices.DeleteFunc(slices.Clone(c.back), func(r *rec) bool { return !o.has(r.hash) }))
		}
	}
	now := s.now()
	for _, o := range owners {
		o.limiter.trip = now - c.at
		if !c.failed || len(c.gone) > 0 {
			o.failed = 0
		}
		if !c.failed {
			continue
		}
		o.failed++
		pause := backoff(s.set.RetryInitial, s.set.RetryMax, o.failed, rand.Float64()) //nolint:gosec // a pause
		o.paused = max(o.paused, now+pause)
		if c.busy {
			throttled = pause
			o.limiter.refused(now)
		}
	}
	s.recycleLocked(c)
	if s.keysNeedy || slices.ContainsFunc(s.slots, func(sl slot) bool { return sl.behind }) {
		wake(s.wakePass)
	}
	s.mu.Unlock()
	wake(s.wakeCalls)
	if throttled > 0 {
		s.observer.Throttled(id, throttled)
	}
}

// goneLocked lets a record of a shard go.
func (s *Sender) goneLocked(sh *shard, r *rec) {
	s.keysNeedy = s.keysNeedy || r.key != nil && r.key.parked
	sh.queue.free(r)
	sh.memory -= r.memory()
	s.memory -= r.memory()
	s.queued--
	s.pool.give(r)
}

// ownerLocked is the shard that has a record of a call to sh now.
func (s *Sender) ownerLocked(sh *shard, r *rec) *shard {
	if !sh.retired {
		return sh
	}
	return find(s.slots, r.hash).shard
}

// recycleLocked keeps a call's memory for the next.
func (s *Sender) recycleLocked(c *call) {
	c.writer.Reset()
	clear(c.recs)
	clear(c.entries)
	clear(c.gone)
	clear(c.back)
	s.spare = append(s.spare, c)
	c.shard, c.err, c.results = nil, nil, nil
	c.recs, c.entries, c.done, c.gone, c.back = c.recs[:0], c.entries[:0], c.done[:0], c.gone[:0], c.back[:0]
	c.tried, c.cost, c.failed, c.busy = 0, amount{}, false, false
}
