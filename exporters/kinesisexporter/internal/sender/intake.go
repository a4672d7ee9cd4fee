package sender

import (
	"errors"
	"math/rand/v2"
	"slices"
)

// read is the main reading.
func (s *Sender) read() {
	var reader Reader
	failed := 0
	for level := false; level || s.anyLevel(); {
		var err error
		if reader == nil {
			s.mu.Lock()
			from := s.position + 1
			s.mu.Unlock()
			reader, err = s.set.Log.Reader(from)
		}
		var record Record
		if err == nil {
			record, err = reader.Next(s.ctx)
		}
		if err != nil {
			if reader != nil {
				_ = reader.Close()
				reader = nil
			}
			if s.ctx.Err() != nil {
				break
			}
			failed++
			s.logFailed(err, failed)
			continue
		}
		failed = 0
		s.mu.Lock()
		level = s.takeLocked(&record)
		s.mu.Unlock()
	}
	if reader != nil {
		_ = reader.Close()
	}
}

func (s *Sender) logFailed(err error, failed int) {
	s.observer.Failed("", "Log", err)
	s.pause(backoff(s.set.RetryInitial, s.set.RetryMax, failed, rand.Float64())) //nolint:gosec // a pause
}

// anyLevel waits while there is no slot that could take a record; false: the Sender is
// stopped.
func (s *Sender) anyLevel() bool {
	for {
		s.mu.Lock()
		level := s.anyLevelLocked()
		s.mu.Unlock()
		if s.ctx.Err() != nil {
			return false
		}
		if level {
			return true
		}
		select {
		case <-s.wakeMain:
		case <-s.ctx.Done():
			return false
		}
	}
}

func (s *Sender) anyLevelLocked() bool {
	return slices.ContainsFunc(s.slots, func(sl slot) bool { return !sl.behind })
}

// takeLocked takes a record of the main reading; false: it is to be asked again whether
// there is a use in reading on.
func (s *Sender) takeLocked(r *Record) bool {
	if r.ID <= s.position {
		return true // a Reader may begin earlier
	}
	s.position = r.ID
	h := hashKeyOf(r.Hash)
	sl := find(s.slots, h)
	if !sl.behind && !s.enqueueLocked(sl.shard, r, h) {
		sl.behind, sl.resume = true, r.ID
		wake(s.wakePass)
		return false
	}
	return true
}

// enqueueLocked copies a record into a shard's queue; false: there is no room.
func (s *Sender) enqueueLocked(sh *shard, r *Record, h hashKey) bool {
	size := len(r.Key) + len(r.Data)
	memory := memoryFor(size)
	switch {
	case sh.memory+memory <= s.perShard && s.memory+memory <= s.set.MaxBuffered:
	case sh.memory == 0 && s.memory <= s.set.MaxBuffered:
		// One that is larger than all that its shard may have.
	default:
		return false
	}
	c := s.pool.take(size)
	c.id, c.hash, c.count, c.at = r.ID, h, r.Count, s.now()
	c.buf = append(append(c.buf, r.Key...), r.Data...)
	c.keyLen = len(r.Key)
	s.memory += c.memory()
	s.queued++
	s.waitLocked(sh, c)
	return true
}

// waitLocked puts a record that came, or came from another shard, into a queue.
func (s *Sender) waitLocked(sh *shard, c *rec) {
	sh.memory += c.memory()
	sh.queue.push(c)
	before := sh.waiting
	sh.waiting.bytes += c.payload()
	sh.waiting.records++
	if target := s.target(sh); before.records == 0 ||
		before.bytes < target.bytes && sh.waiting.bytes >= target.bytes ||
		before.records < target.records && sh.waiting.records >= target.records {
		wake(s.wakeCalls)
	}
}

// catchUp makes passes, see slot.
func (s *Sender) catchUp() {
	failed := 0
	for {
		select {
		case <-s.wakePass:
		case <-s.ctx.Done():
			return
		}
		for s.ctx.Err() == nil {
			s.mu.Lock()
			from, ok := s.beginPassLocked()
			s.mu.Unlock()
			if !ok {
				break
			}
			more, err := s.makePass(from)
			if err != nil {
				failed++
				s.logFailed(err, failed)
				continue
			}
			failed = 0
			if !more {
				break // there is not even room for one: some must be sent first
			}
		}
	}
}

// beginPassLocked says where a pass is to begin, if there is one to make: when a shard
// that is behind has half its room. Others that have a little take part: they would be
// next.
func (s *Sender) beginPassLocked() (from uint64, ok bool) {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.shard.memory <= s.perShard/4*3 && s.memory < s.set.MaxBuffered {
			ok = ok || sl.shard.memory <= s.perShard/2
			if from == 0 || sl.resume < from {
				from = sl.resume
			}
		}
	}
	if !ok {
		return 0, false
	}
	s.pass++
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.resume < from {
			sl.missed = s.pass
		}
	}
	return from, true
}

// hungryEvery is after how many records a pass looks whether it keeps a shard waiting.
const hungryEvery = 16

// makePass reads until all that took part is level, or has missed it; more says that
// something has changed by it.
func (s *Sender) makePass(from uint64) (more bool, err error) {
	reader, err := s.set.Log.Reader(from)
	if err != nil {
		return false, err
	}
	defer func() { _ = reader.Close() }()
	at := from - 1
	for n := 0; s.ctx.Err() == nil; n++ {
		s.mu.Lock()
		position := s.position
		s.mu.Unlock()
		record, err := reader.TryNext()
		if err != nil && !errors.Is(err, ErrDrained) {
			s.mu.Lock()
			s.endPassLocked(at)
			s.mu.Unlock()
			return more, err
		}
		s.mu.Lock()
		var over bool
		switch {
		case err != nil:
			// There was nothing up to position. If the main reading has read on since,
			// there may be something now.
			if over = position == s.position; over {
				s.levelLocked()
				more = true
			}
		case record.ID > s.position:
			s.levelLocked()
			over, more = true, true
		default:
			at = record.ID
			queued := s.queued
			over = s.takeBehindLocked(&record) || n%hungryEvery == 0 && s.hungryLocked()
			more = more || s.queued > queued
			if over {
				s.endPassLocked(at)
			}
		}
		s.mu.Unlock()
		if over {
			return more, nil
		}
	}
	return more, nil
}

// takeBehindLocked takes a record of a pass; true: nothing takes part in it any more that
// it would not only come to later.
func (s *Sender) takeBehindLocked(r *Record) (over bool) {
	h := hashKeyOf(r.Hash)
	sl := find(s.slots, h)
	if !sl.behind || sl.missed == s.pass || r.ID < sl.resume {
		return false
	}
	if s.enqueueLocked(sl.shard, r, h) {
		sl.resume = r.ID + 1
		return false
	}
	sl.resume, sl.missed = r.ID, s.pass
	for i := range s.slots {
		if o := &s.slots[i]; o.behind && o.missed != s.pass && o.resume <= r.ID+1 {
			return false
		}
	}
	return true
}

// hungryLocked reports whether a shard that has missed the pass has little left to send:
// it would be idle if the pass went on for others.
func (s *Sender) hungryLocked() bool {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.missed == s.pass && sl.shard.memory <= s.perShard/4 {
			return true
		}
	}
	return false
}

// endPassLocked notes how far a pass has come for those that did not miss it.
func (s *Sender) endPassLocked(at uint64) {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.missed != s.pass {
			sl.resume = max(sl.resume, at+1)
		}
	}
}

// levelLocked ends a pass that has read all that the main reading has.
func (s *Sender) levelLocked() {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.missed != s.pass {
			sl.behind = false
		}
	}
	wake(s.wakeMain)
}
