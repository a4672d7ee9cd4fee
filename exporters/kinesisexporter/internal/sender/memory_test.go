package sender

import (
	"context"
	"sync"
)

// Memory is a Log that is gone with its process. It is safe for concurrent use.
type Memory struct {
	// mu guards the following.
	mu      sync.Mutex
	records []Record
	done    []bool // of records
	first   uint64 // the ID of records[0]
	changed chan struct{}
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{first: 1, changed: make(chan struct{})} }

// Put adds records, whose bytes must not change until they are done, and sets their IDs:
// the first, and those that follow.
func (m *Memory) Put(records ...Record) (first uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first = m.first + uint64(len(m.records))
	for i := range records {
		r := records[i]
		r.ID = first + uint64(i)
		m.records = append(m.records, r)
		m.done = append(m.done, false)
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return first
}

// Done lets records go.
func (m *Memory) Done(ids []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if i := id - m.first; id >= m.first && i < uint64(len(m.records)) {
			m.done[i] = true
			m.records[i] = Record{}
		}
	}
	n := 0
	for n < len(m.done) && m.done[n] {
		n++
	}
	m.records, m.done, m.first = m.records[n:], m.done[n:], m.first+uint64(n)
}

// Len is how many are not done.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, done := range m.done {
		if !done {
			n++
		}
	}
	return n
}

// Reader implements Log.
func (m *Memory) Reader(from uint64) (Reader, error) { return &memoryReader{m: m, next: from}, nil }

type memoryReader struct {
	m    *Memory
	next uint64
}

func (r *memoryReader) Next(ctx context.Context) (Record, error) {
	for {
		record, changed, err := r.take()
		if err == nil {
			return record, ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		}
	}
}

func (r *memoryReader) TryNext() (Record, error) {
	record, _, err := r.take()
	return record, err
}

func (r *memoryReader) take() (Record, chan struct{}, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.next = max(r.next, r.m.first)
	for ; r.next < r.m.first+uint64(len(r.m.records)); r.next++ {
		if i := r.next - r.m.first; !r.m.done[i] {
			r.next++
			return r.m.records[i], nil, nil
		}
	}
	return Record{}, r.m.changed, ErrDrained
}

func (r *memoryReader) Close() error { return nil }
