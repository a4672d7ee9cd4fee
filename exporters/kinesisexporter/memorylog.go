package kinesisexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// maxMemory is what user records without a spool may take while their senders wait.
const maxMemory = 64 << 20

var (
	errClosed = errors.New("the exporter is shutting down")
	errNoRoom = errors.New("too much waits for the stream")
	errLate   = errors.New("the stream does not have all of the records yet")
)

// memoryQueue keeps user records in memory while their senders wait.
type memoryQueue struct {
	limit int

	// mu guards the following.
	mu sync.Mutex
	// records are in the order of their IDs; those that are done are nil, and are not at
	// the front. first is the ID of the first.
	records []*waiting
	first   uint64
	size    int
	open    int // records that are not done
	closed  bool
	// changed is closed when anything of the above has changed, and made anew.
	changed chan struct{}
}

// waiting is a user record whose sender waits.
type waiting struct {
	record sender.Record
	call   *call
}

// call is one that brought user records.
type call struct {
	left int
	// refused is why records were refused for good, lost why others may not be in the
	// stream: then the sender is to come again.
	refused, lost error
	done          chan struct{} // closed when none is left
}

func newMemoryQueue(limit int) *memoryQueue {
	return &memoryQueue{limit: limit, first: 1, changed: make(chan struct{})}
}

func (q *memoryQueue) changedLocked() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *memoryQueue) put(ctx context.Context, users []user, payloads [][]byte) error {
	// The buffer is the caller's, and a record that is on its way outlives a call that
	// gives up.
	copied := make([]byte, 0, sizeOf(users))
	c := &call{left: len(users), done: make(chan struct{})}
	q.mu.Lock()
	if q.closed { // since it was reserved
		q.size -= sizeOf(users)
		q.mu.Unlock()
		return errClosed
	}
	first := q.first + uint64(len(q.records))
	for i := range users {
		u := &users[i]
		start := len(copied)
		copied = append(copied, u.key.text...)
		data := len(copied)
		copied = append(copied, payloads[i][u.data-u.start:]...)
		q.records = append(q.records, &waiting{
			record: sender.Record{ID: first + uint64(i), Key: copied[start:data:data], Hash: u.key.hash, Data: copied[data:len(copied):len(copied)], Count: u.count},
			call:   c,
		})
	}
	q.open += len(users)
	q.changedLocked()
	q.mu.Unlock()

	select {
	case <-c.done:
		return c.result()
	case <-ctx.Done():
	}
	q.withdraw(first, len(users))
	return c.result()
}

// result is the answer to a call of which nothing is left.
func (c *call) result() error {
	if c.lost != nil {
		return c.lost // what was refused for good is refused again
	}
	return c.refused
}

func sizeOf(users []user) int {
	size := 0
	for i := range users {
		size += len(users[i].key.text) + users[i].end - users[i].data
	}
	return size
}

// reserve waits for room. A call that is alone has it, however large it is. What is
// reserved is kept for the caller, who must put it.
func (q *memoryQueue) reserve(ctx context.Context, users []user, _ [][]byte) error {
	size := sizeOf(users)
	for {
		q.mu.Lock()
		changed := q.changed
		switch {
		case q.closed:
			q.mu.Unlock()
			return errClosed
		case q.size == 0 || q.size+size <= q.limit:
			q.size += size
			q.mu.Unlock()
			return nil
		}
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errNoRoom, ctx.Err())
		}
	}
}

// release gives back what was reserved and is not put.
func (q *memoryQueue) release(users []user) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= sizeOf(users)
	q.changedLocked()
}

// withdraw takes out what nobody waits for any more. What the stream's sender has
// already got it sends all the same.
func (q *memoryQueue) withdraw(first uint64, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id := first; id < first+uint64(n); id++ {
		q.removeLocked(id, errLate)
	}
	q.trimLocked()
}

func (q *memoryQueue) done(ids []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		q.removeLocked(id, nil)
	}
	q.trimLocked()
}

func (q *memoryQueue) refused(id uint64, reason error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.removeLocked(id, reason)
	q.trimLocked()
}

// removeLocked counts a record as done, once.
func (q *memoryQueue) removeLocked(id uint64, reason error) {
	if id < q.first || id-q.first >= uint64(len(q.records)) {
		return
	}
	w := q.records[id-q.first]
	if w == nil {
		return
	}
	q.records[id-q.first] = nil
	q.open--
	switch {
	case reason == nil:
	case errors.Is(reason, errLate), errors.Is(reason, errClosed):
		w.call.lost = reason
	default:
		w.call.refused = reason
	}
	w.call.left--
	if w.call.left == 0 {
		close(w.call.done)
	}
	q.size -= len(w.record.Data) + len(w.record.Key)
}

func (q *memoryQueue) trimLocked() {
	n := 0
	for n < len(q.records) && q.records[n] == nil {
		n++
	}
	q.records = q.records[n:]
	q.first += uint64(n)
	if len(q.records) == 0 {
		q.records = nil
	}
	q.changedLocked()
}

// drain waits until all is done.
func (q *memoryQueue) drain(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.changedLocked() // for those who wait for room: they get none any more
	q.mu.Unlock()
	for {
		q.mu.Lock()
		changed, open := q.changed, q.open
		q.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d records had not been delivered, and their senders are told so: %w", open, ctx.Err())
		}
	}
}

// close tells those who still wait that it is over.
func (q *memoryQueue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for i, w := range q.records {
		if w != nil {
			q.removeLocked(q.first+uint64(i), errClosed)
		}
	}
	q.trimLocked()
	return nil
}

func (*memoryQueue) stats() spool.Stats { return spool.Stats{} }

func (q *memoryQueue) Reader(from uint64) (sender.Reader, error) {
	return &memoryReader{q: q, next: from}, nil
}

// memoryReader gives records that are not done.
type memoryReader struct {
	q    *memoryQueue
	next uint64
}

func (r *memoryReader) TryNext() (sender.Record, error) {
	record, _, err := r.take()
	return record, err
}

func (r *memoryReader) take() (sender.Record, <-chan struct{}, error) {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	r.next = max(r.next, r.q.first)
	for ; r.next-r.q.first < uint64(len(r.q.records)); r.next++ {
		if w := r.q.records[r.next-r.q.first]; w != nil {
			r.next++
			return w.record, nil, nil
		}
	}
	return sender.Record{}, r.q.changed, sender.ErrDrained
}

func (r *memoryReader) Next(ctx context.Context) (sender.Record, error) {
	for {
		record, changed, err := r.take()
		if err == nil {
			return record, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return sender.Record{}, ctx.Err()
		}
	}
}

func (*memoryReader) Close() error { return nil }
