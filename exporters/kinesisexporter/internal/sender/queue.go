package sender

import (
	"cmp"
	"slices"
)

// queue has a shard's records that wait to be sent.
type queue interface {
	// push adds a record behind the others of its key, which is set where keys have a state.
	push(*rec)
	// first is the record that pop gives next, nil where none may be sent now.
	first() *rec
	// pop takes it out; its key is busy from then on.
	pop() *rec
	// free says that a record that was taken out is done with.
	free(*rec)
	// back puts records that were taken out back to the front, in the order given.
	back([]*rec)
	// ready is how many may be sent now.
	ready() int
	// drain takes all out, busy keys' too, in the order of IDs.
	drain() []*rec
}

// fifo keeps the order of all records: a ring.
type fifo struct {
	ring []*rec // a power of two
	head int
	n    int
}

func (q *fifo) at(i int) **rec { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *fifo) room() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]*rec, max(64, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

func (q *fifo) push(r *rec) {
	q.room()
	*q.at(q.n) = r
	q.n++
}

func (q *fifo) first() *rec {
	if q.n == 0 {
		return nil
	}
	return *q.at(0)
}

func (q *fifo) pop() *rec {
	r := *q.at(0)
	*q.at(0) = nil
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return r
}

func (q *fifo) free(*rec) {}

func (q *fifo) back(recs []*rec) {
	for _, r := range slices.Backward(recs) {
		q.room()
		q.head = (q.head - 1) & (len(q.ring) - 1)
		*q.at(0) = r
		q.n++
	}
}

func (q *fifo) ready() int { return q.n }

func (q *fifo) drain() []*rec {
	var all []*rec
	for q.n > 0 {
		all = append(all, q.pop())
	}
	slices.SortStableFunc(all, func(a, b *rec) int { return cmp.Compare(a.id, b.id) })
	return all
}

// keyed keeps the order of each key, and lets no two records of one key out at a time.
// The keys are the Sender's, so that one that is busy stays so when its shard is split.
type keyed struct {
	keys *keys
	heap []*keyState // those that have records and are not busy, by the ID of the first
}

// keys are those that have records in memory, or are parked.
type keys struct {
	states map[hashKey]*keyState
	spare  []*keyState
}

type keyState struct {
	hash       hashKey
	head, tail *rec
	waiting    int // of them
	memory     int // of those
	busy       bool
	parking
}

// add makes a key that is not there.
func (ks *keys) add(h hashKey) *keyState {
	k := &keyState{}
	if n := len(ks.spare); n > 0 {
		k = ks.spare[n-1]
		ks.spare = ks.spare[:n-1]
	}
	*k = keyState{hash: h}
	ks.states[h] = k
	return k
}

// drop forgets a key that has nothing.
func (ks *keys) drop(k *keyState) {
	delete(ks.states, k.hash)
	if len(ks.spare) < maxSpareKeys {
		ks.spare = append(ks.spare, k)
	}
}

const maxSpareKeys = 4096

func (q *keyed) push(r *rec) {
	k := r.key
	r.next = nil
	k.waiting++
	k.memory += r.memory()
	if k.head != nil {
		k.tail.next, k.tail = r, r
		return
	}
	k.head, k.tail = r, r
	if !k.busy {
		q.rise(k)
	}
}

func (q *keyed) first() *rec {
	if len(q.heap) == 0 {
		return nil
	}
	return q.heap[0].head
}

func (q *keyed) pop() *rec {
	k := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = nil
	q.heap = q.heap[:last]
	q.sink()
	r := k.head
	k.head, r.next = r.next, nil
	k.waiting--
	k.memory -= r.memory()
	if k.head == nil {
		k.tail = nil
	}
	k.busy = true
	return r
}

func (q *keyed) free(r *rec) {
	k := r.key
	r.key, k.busy = nil, false
	if k.head != nil {
		q.rise(k)
		return
	}
	if !k.parked {
		q.keys.drop(k)
	}
}

func (q *keyed) back(recs []*rec) {
	for _, r := range recs { // each of another key
		k := r.key
		r.next, k.head = k.head, r
		k.waiting++
		k.memory += r.memory()
		if k.tail == nil {
			k.tail = r
		}
		k.busy = false
		q.rise(k)
	}
}

func (q *keyed) ready() int { return len(q.heap) }

// drain can't tell whose keys are busy: see Sender.moveKeys.
func (q *keyed) drain() []*rec {
	q.heap = nil
	return nil
}

func (q *keyed) less(i, j int) bool { return q.heap[i].head.id < q.heap[j].head.id }

func (q *keyed) rise(k *keyState) {
	q.heap = append(q.heap, k)
	for i := len(q.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.less(i, up) {
			return
		}
		q.heap[i], q.heap[up] = q.heap[up], q.heap[i]
		i = up
	}
}

func (q *keyed) sink() {
	for i := 0; ; {
		low := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(q.heap); c++ {
			if q.less(c, low) {
				low = c
			}
		}
		if low == i {
			return
		}
		q.heap[i], q.heap[low] = q.heap[low], q.heap[i]
		i = low
	}
}
