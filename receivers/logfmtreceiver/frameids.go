package logfmtreceiver

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// frameKey names a Logplex request: its drain, its Logplex-Frame-Id and what it
// says. The body is part of it, so that a sender that gives two different requests
// one id loses none of them.
type frameKey [sha256.Size]byte

func newFrameKey(drain, frame string, body []byte) frameKey {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(drain), []byte(frame), body} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return frameKey(h.Sum(nil))
}

// frameTable remembers the requests that were accepted, so that one which is sent
// again, because the answer was lost, is not handed over again.
//
//	           begin                      end(accepted)
//	unknown ----------> under way ---------------------------> known --(ttl, or the
//	   ^                    |                                    |      oldest of too
//	   +--------------------+ end(not accepted)                  |      many)--> unknown
//	                                                             +--> begin: a repeat
//
// A second request with the same key waits while the first is under way, and takes
// its place if that one fails.
type frameTable struct {
	max int
	ttl time.Duration

	mu      sync.Mutex // guards the following
	entries map[frameKey]*frameEntry
	known   *list.List // of *frameEntry, the oldest first
}

type frameEntry struct {
	key   frameKey
	until time.Time
	// done is closed when the request is no longer under way.
	done     chan struct{}
	accepted bool
}

func newFrameTable(maxEntries int, ttl time.Duration) *frameTable {
	return &frameTable{max: maxEntries, ttl: ttl, entries: map[frameKey]*frameEntry{}, known: list.New()}
}

// begin says whether the request with this key has been accepted before. If not,
// the caller is to handle it and must call end. While another request with the key
// is under way, begin waits for its outcome, or until ctx ends.
func (t *frameTable) begin(ctx context.Context, key frameKey) (repeat bool, err error) {
	for {
		t.mu.Lock()
		t.expireLocked(time.Now())
		e := t.entries[key]
		if e == nil {
			t.entries[key] = &frameEntry{key: key, done: make(chan struct{})}
			t.mu.Unlock()
			return false, nil
		}
		accepted, done := e.accepted, e.done
		t.mu.Unlock()
		if accepted {
			return true, nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// end tells the outcome of the request for which begin said that it is new.
func (t *frameTable) end(key frameKey, accepted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[key]
	if accepted {
		e.accepted = true
		e.until = time.Now().Add(t.ttl)
		t.known.PushBack(e)
		t.expireLocked(time.Now())
	} else {
		delete(t.entries, key)
	}
	close(e.done)
}

// expireLocked forgets what is too old, and the oldest of what is too much. Entries
// of requests under way don't count: they are bounded by the connections.
func (t *frameTable) expireLocked(now time.Time) {
	for front := t.known.Front(); front != nil; front = t.known.Front() {
		e := front.Value.(*frameEntry)
		if t.known.Len() <= t.max && now.Before(e.until) {
			return
		}
		t.known.Remove(front)
		delete(t.entries, e.key)
	}
}
