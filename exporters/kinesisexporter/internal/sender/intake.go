package sender

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"
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
	k := s.keys.states[h]
	if k != nil && k.parked && s.passByLocked(k, r.ID) {
		return true
	}
	sl := find(s.slots, h)
	if sl.behind || s.admitLocked(sl.shard, k, r, h, r.ID) {
		return true
	}
	sl.behind, sl.resume, sl.needs = true, r.ID, memoryFor(len(r.Key)+len(r.Data))
	wake(s.wakePass)
	return false
}

// admitLocked puts a record of a slot into its shard's queue, or parks its key; last is
// the last ID that the key may have by now. False: neither can be.
func (s *Sender) admitLocked(sh *shard, k *keyState, r *Record, h hashKey, last uint64) bool {
	if s.fitsLocked(sh, k, memoryFor(len(r.Key)+len(r.Data))) {
		return s.enqueueLocked(sh, k, r, h, 0, false)
	}
	return s.parkLocked(sh, k, r.ID, last)
}

// enqueueLocked copies a record, which came so long ago, into a shard's queue; false:
// there is no room. Where that is allowed, a large one may take what other shards leave.
func (s *Sender) enqueueLocked(sh *shard, k *keyState, r *Record, h hashKey, age time.Duration, large bool) bool {
	size := len(r.Key) + len(r.Data)
	memory := memoryFor(size)
	switch {
	case s.hasRoomLocked(sh, memory):
	case large && memory > s.perShard/8 && s.memory+memory <= s.set.MaxBuffered:
		// One of a parked key that has nothing: its shard may never be that empty.
	default:
		return false
	}
	c := s.pool.take(size)
	c.id, c.hash, c.count, c.at = r.ID, h, r.Count, s.now()-age
	c.buf = append(append(c.buf, r.Key...), r.Data...)
	c.keyLen = len(r.Key)
	if c.key = k; k == nil && s.keys.states != nil {
		c.key = s.keys.add(h)
	}
	s.memory += c.memory()
	s.queued++
	s.waitLocked(sh, c)
	return true
}

// hasRoomLocked reports whether a shard may have so much more memory: one that has nothing
// may have a record that is larger than all it should.
func (s *Sender) hasRoomLocked(sh *shard, memory int) bool {
	return sh.memory+memory <= s.perShard && s.memory+memory <= s.set.MaxBuffered || sh.memory == 0 && s.memory <= s.set.MaxBuffered
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

// catchUp makes passes, see slot and parked.go.
func (s *Sender) catchUp() {
	failed, idle := 0, 0
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.wakePass:
		case <-timer.C:
		case <-s.ctx.Done():
			return
		}
		// Where there is not even room for one record, some must be sent first.
		for idle = 0; idle < 2 && s.ctx.Err() == nil; idle++ {
			begun := s.now()
			s.mu.Lock()
			from, ok, pause := s.beginPassLocked(begun)
			s.mu.Unlock()
			if !ok {
				if pause > 0 {
					timer.Reset(pause)
				}
				break
			}
			more, err := s.makePass(from)
			s.mu.Lock()
			if now := s.now(); s.forKeys {
				s.keysNext = now + max(leastKeyPause, keyPause*(now-begun))
			}
			s.mu.Unlock()
			if err != nil {
				failed++
				s.logFailed(err, failed)
			} else {
				failed = 0
			}
			if more || err != nil {
				idle = -1
			}
		}
	}
}

// beginPassLocked says where a pass is to begin, if there is one to make; pause is how
// long there is none for keys. Where one for slots and one for keys are to be made, they
// take turns.
func (s *Sender) beginPassLocked(now time.Duration) (from uint64, ok bool, pause time.Duration) {
	last := s.forKeys
	from, ok = s.beginSlotPassLocked()
	s.forKeys = false
	if len(s.parked) > 0 {
		pause = max(0, s.keysNext-now)
		s.needyKeysLocked()
		if turn := !ok || !last; turn && pause == 0 && len(s.joined) > 0 {
			from, ok, s.forKeys = s.beginKeyPassLocked(), true, true
		}
	}
	if !ok {
		s.joined = s.joined[:0]
		return 0, false, pause
	}
	s.pass++
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.resume < from {
			sl.missed = s.pass
		}
	}
	s.joinLocked(from)
	return from, true, 0
}

// beginSlotPassLocked: there is a pass for slots to make when the shard of one that is
// behind has half its room, or few keys. Others that have a little take part: they would
// be next.
func (s *Sender) beginSlotPassLocked() (from uint64, ok bool) {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && s.roomLocked(sl) {
			ok = ok || sl.shard.memory <= s.perShard/2 || s.fewKeysLocked(sl.shard)
			if from == 0 || sl.resume < from {
				from = sl.resume
			}
		}
	}
	return from, ok
}

// roomLocked reports whether a slot's shard has a quarter of its room, and room for the
// record that the slot waits with: where that is a large one, passes would only come to
// it, and others wait.
func (s *Sender) roomLocked(sl *slot) bool {
	sh := sl.shard
	return sh.memory <= s.perShard/4*3 && s.memory < s.set.MaxBuffered && s.hasRoomLocked(sh, sl.needs) && !s.stuckLocked(sh)
}

const (
	// hungryEvery is after how many records a pass looks whether it keeps a shard waiting.
	hungryEvery = 16
	// leastForKeys is how many a pass for keys reads all the same.
	leastForKeys = 1024
)

// makePass reads until all that it is for is level, or has missed it; more says that
// something has changed by it.
func (s *Sender) makePass(from uint64) (more bool, err error) {
	reader, err := s.set.Log.Reader(from)
	if err != nil {
		s.mu.Lock()
		s.endPassLocked(from - 1)
		s.mu.Unlock()
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
			over = s.takeBehindLocked(&record)
			more = more || s.queued > queued
			if !over && n%hungryEvery == 0 && s.hungryLocked(at, n) {
				// A pass for slots that has put nothing in would be the same again, at
				// once and for as long as nothing is sent; one for keys has its pause.
				over, more = true, more || s.forKeys
			}
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

// takeBehindLocked takes a record of a pass; true: nothing that it is for takes part in
// it any more that it would not only come to later.
func (s *Sender) takeBehindLocked(r *Record) (over bool) {
	h := hashKeyOf(r.Hash)
	k := s.keys.states[h]
	sl := find(s.slots, h)
	s.reachLocked(r.ID)
	if k != nil && k.parked {
		return s.takeParkedLocked(sl.shard, k, r, h) && s.forKeys && s.keysOverLocked(r.ID)
	}
	if !sl.behind || sl.missed == s.pass || r.ID < sl.resume {
		return false
	}
	if s.admitLocked(sl.shard, k, r, h, s.position) {
		sl.resume, sl.needs = r.ID+1, 0
		return false
	}
	sl.resume, sl.missed, sl.needs = r.ID, s.pass, memoryFor(len(r.Key)+len(r.Data))
	if s.forKeys {
		return false
	}
	for i := range s.slots {
		if o := &s.slots[i]; o.behind && o.missed != s.pass && o.resume <= r.ID+1 {
			return false
		}
	}
	return true
}

// hungryLocked reports whether a shard that has missed the pass has little left to send:
// it would be idle if the pass went on for others. A pass for keys is not to go on to a
// slot's place either.
func (s *Sender) hungryLocked(at uint64, n int) bool {
	if s.forKeys && n < leastForKeys {
		return false
	}
	for i := range s.slots {
		sl := &s.slots[i]
		if sl.behind && sl.shard.memory <= s.perShard/4 && s.roomLocked(sl) &&
			(sl.missed == s.pass || s.forKeys && sl.resume > at+1) {
			return true
		}
	}
	return false
}

// endPassLocked notes how far a pass has come for those that did not miss it.
func (s *Sender) endPassLocked(at uint64) {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.missed != s.pass {
			if sl.resume <= at {
				sl.resume, sl.needs = at+1, 0
			}
		}
	}
	s.sweep = at + 1
	s.endKeysLocked(at)
}

// levelLocked ends a pass that has read all that the main reading has.
func (s *Sender) levelLocked() {
	for i := range s.slots {
		if sl := &s.slots[i]; sl.behind && sl.missed != s.pass {
			sl.behind = false
		}
	}
	s.sweep = 0
	s.reachLocked(s.position + 1)
	s.endKeysLocked(s.position)
	wake(s.wakeMain)
}
