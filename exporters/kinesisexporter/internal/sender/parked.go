package sender

import (
	"cmp"
	"slices"
	"time"
)

// A key of which much waits must not fill the memory of its shard: one record of it goes
// at a time, and other keys' could go. So a key has a bound in memory. What comes beyond
// it stays in the log, and the key is parked: it has a place of its own in the log, as a
// slot that is behind has one (see slot), while the slot goes on.
//
//	         a record is beyond the bound
//	of its ─────────────────────────────► parked: all before resume was put in,
//	slot    ◄─────────────────────────────         nothing is known of it behind last
//	         all up to last was put in,
//	         and the slot's place is not before that
//
// Main reading and passes take no record of a parked key for the slot. A pass for keys
// begins where one that has little left is parked, and puts in what it finds of that and
// of others that it comes to. It costs reading, so it goes on only while a key takes
// part, jumps over long stretches that none needs, and passes for keys take no more than
// a quarter of the time.

const (
	// parkedOverhead is what a parked key takes, with its places in map and list, in bytes.
	parkedOverhead = 192
	// parkedPart is the part of a shard's memory that its parked keys may take, besides that
	// for records: of 8 MiB a sixteenth is 2730 keys.
	parkedPart = 16
	// freePart is the part of what is free that one key may have: much where few keys are,
	// little where many are, and never all ("dynamic queue length thresholds", Choudhury
	// and Hahne, 1998).
	freePart = 128
	// minWaiting is how many records a key may have all the same, so that it is not parked
	// again and again, where that is not too much of its shard's memory.
	minWaiting = 4
	// passGap is how many IDs that nobody needs are read rather than jumped over: a new
	// Reader begins at a file's beginning.
	passGap = 8192
	// keyPause is how much longer than a pass for keys the pause behind it is, which is
	// leastKeyPause at least: more keys are in need by then.
	keyPause      = 3
	leastKeyPause = 50 * time.Millisecond
)

// parking is a key's state while it is parked.
type parking struct {
	parked bool
	place  int    // in Sender.parked
	resume uint64 // the first ID that was not put in
	last   uint64 // no record of the key is behind it, up to the main reading's position
	pass   uint64 // the number of the pass that it takes part in
}

// caughtUp says that everything up to the main reading's position was put in.
func (k *keyState) caughtUp() bool { return k.resume > k.last }

// fitsLocked reports whether a key may have one more record of so many bytes of memory.
// When a shard's memory is full, it has records of twice as many keys as its calls need.
func (s *Sender) fitsLocked(sh *shard, k *keyState, memory int) bool {
	return k == nil || k.head == nil || k.memory+memory <= s.boundLocked(sh, memory)
}

// boundLocked is how much memory one key of a shard may have, whose records are so large.
func (s *Sender) boundLocked(sh *shard, memory int) int {
	return max(s.perShard/(2*s.keysNeededLocked(sh, memory)), (s.perShard-sh.memory)/freePart, min(minWaiting*memory, s.perShard/8))
}

// keysNeededLocked is how many keys a shard's calls have at a time when it gets all that
// it takes, where records are so large.
func (s *Sender) keysNeededLocked(sh *shard, memory int) int {
	target := s.target(sh)
	calls := 1 + min(s.set.MaxInFlight-1, int(sh.limiter.trip*pieces/time.Second))
	return calls * max(1, min(target.records, target.bytes/max(1, memory-recordOverhead)))
}

// parkLocked parks a key from this ID on; false: too many of its shard are, and the shard
// waits for it.
func (s *Sender) parkLocked(sh *shard, k *keyState, from, last uint64) bool {
	if !s.mayParkLocked(sh) {
		sh.stuck, sh.stuckAt = true, k.hash
		return false
	}
	k.parking = parking{parked: true, place: len(s.parked), resume: from, last: last}
	s.parked = append(s.parked, k)
	sh.parked++
	return true
}

func (s *Sender) mayParkLocked(sh *shard) bool {
	return sh.parked < max(1, s.perShard/parkedPart/parkedOverhead)
}

// stuckLocked reports whether a shard waits for a key of which too much waits, and that
// can't be parked.
func (s *Sender) stuckLocked(sh *shard) bool {
	if !sh.stuck {
		return false
	}
	k := s.keys.states[sh.stuckAt]
	sh.stuck = !s.mayParkLocked(sh) && k != nil && !s.littleLocked(sh, k)
	return sh.stuck
}

// littleLocked reports whether a key has half its bound or less.
func (s *Sender) littleLocked(sh *shard, k *keyState) bool {
	return k.head == nil || k.memory <= s.boundLocked(sh, k.memory/k.waiting)/2
}

// levelKeyLocked gives a key back to its slot where it can.
func (s *Sender) levelKeyLocked(k *keyState) {
	sl := find(s.slots, k.hash)
	if !k.caughtUp() || sl.behind && sl.resume <= k.last {
		return
	}
	end := len(s.parked) - 1
	moved := s.parked[end]
	s.parked[k.place], moved.place = moved, k.place
	s.parked[end] = nil
	s.parked = s.parked[:end]
	sl.shard.parked--
	k.parking = parking{}
	if k.head == nil && !k.busy {
		s.keys.drop(k)
	}
}

// levelKeysLocked does so after slots have changed.
func (s *Sender) levelKeysLocked() {
	for _, k := range slices.Backward(s.parked) { // what is taken out is replaced by one behind it
		s.levelKeyLocked(k)
	}
}

// passByLocked notes that the main reading leaves a record of a parked key in the log.
// False: the key is not parked any more.
func (s *Sender) passByLocked(k *keyState, id uint64) bool {
	if k.caughtUp() {
		s.levelKeyLocked(k)
		if !k.parked {
			return false
		}
		k.resume = id
		s.keysNeedy = true
	}
	k.last = id
	return true
}

// needyLocked reports whether a pass is worth while for a parked key, which has
// little. It is one to be made later where there is no room.
func (s *Sender) needyLocked(k *keyState) (needy, room bool) {
	if k.caughtUp() {
		return false, false
	}
	sh := find(s.slots, k.hash).shard
	return s.littleLocked(sh, k), sh.memory <= s.perShard/8*7
}

// needyKeysLocked collects the parked keys that a pass is worth while for, by their
// places.
func (s *Sender) needyKeysLocked() {
	s.joined = s.joined[:0]
	if !s.keysNeedy || s.memory >= s.set.MaxBuffered {
		return
	}
	s.keysNeedy = false
	for _, k := range s.parked {
		needy, room := s.needyLocked(k)
		s.keysNeedy = s.keysNeedy || needy
		if needy && room {
			s.joined = append(s.joined, k)
		}
	}
	slices.SortFunc(s.joined, func(a, b *keyState) int { return cmp.Compare(a.resume, b.resume) })
}

// beginKeyPassLocked says where a pass for keys begins: behind the last, or at the
// oldest again.
func (s *Sender) beginKeyPassLocked() (from uint64) {
	i, _ := slices.BinarySearchFunc(s.joined, s.sweep, func(k *keyState, at uint64) int { return cmp.Compare(k.resume, at) })
	return s.joined[i%len(s.joined)].resume
}

// joinLocked lets those keys take part in a pass that are not before it.
func (s *Sender) joinLocked(from uint64) {
	n := 0
	for _, k := range s.joined {
		if k.resume >= from {
			k.pass = s.pass
			s.joined[n] = k
			n++
		}
	}
	s.joined, s.reached, s.active = s.joined[:n], 0, 0
}

// reachLocked counts the keys whose place is not behind this ID.
func (s *Sender) reachLocked(id uint64) {
	for s.reached < len(s.joined) && s.joined[s.reached].resume <= id {
		s.reached++
		s.active++
	}
}

// keysOverLocked reports whether a pass for keys that has read this ID is over: no key
// takes part now, and the next is far away.
func (s *Sender) keysOverLocked(at uint64) bool {
	s.reachLocked(at + 1)
	return s.active == 0 && (s.reached == len(s.joined) || s.joined[s.reached].resume > at+passGap)
}

// leaveLocked ends a key's part in the pass.
func (s *Sender) leaveLocked(k *keyState) {
	if k.pass == s.pass {
		k.pass = 0
		s.active--
	}
}

// takeParkedLocked takes a record of a parked key, of a pass, which has waited for others
// long enough; left says that the key has left the pass.
func (s *Sender) takeParkedLocked(sh *shard, k *keyState, r *Record, h hashKey) (left bool) {
	if k.pass != s.pass || r.ID < k.resume {
		return false
	}
	if !s.fitsLocked(sh, k, memoryFor(len(r.Key)+len(r.Data))) || !s.enqueueLocked(sh, k, r, h, s.set.MaxAge, k.head == nil && !k.busy) {
		k.resume = r.ID
		s.leaveLocked(k)
		return true
	}
	k.resume = r.ID + 1
	if !k.caughtUp() {
		return false
	}
	s.leaveLocked(k)
	s.levelKeyLocked(k)
	return true
}

// endKeysLocked notes how far a pass has come for the keys that take part.
func (s *Sender) endKeysLocked(at uint64) {
	for _, k := range s.joined[:s.reached] {
		if k.pass == s.pass {
			k.resume, k.pass = max(k.resume, at+1), 0
		}
	}
	s.joined, s.reached, s.active = s.joined[:0], 0, 0
	s.levelKeysLocked()
}

// fewKeysLocked reports whether a shard has fewer keys to send than a call has, however
// much memory others of its keys take.
func (s *Sender) fewKeysLocked(sh *shard) bool {
	if s.keys.states == nil || sh.waiting.records == 0 {
		return false
	}
	target := s.target(sh)
	return sh.queue.ready() < min(target.records, target.bytes/max(1, sh.waiting.bytes/sh.waiting.records))
}
