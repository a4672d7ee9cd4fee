package kinesisfake

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/heartwood-otel/heartwood/integration/fakehttp"
)

// Running is a fake that listens, at the same address for as long as the test lasts.
type Running struct {
	*Server
	*fakehttp.Running

	connections *connections
}

// connections are those that are open, by the client's address.
type connections struct {
	mu   sync.Mutex
	open map[string]bool
}

func (c *connections) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.open == nil {
			c.open = make(map[string]bool)
		}
		c.open[conn.RemoteAddr().String()] = true
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn.RemoteAddr().String())
	case http.StateActive, http.StateIdle:
	}
}

// has says whether a connection is there, and how many are.
func (c *connections) has(client string) (bool, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[client], len(c.open)
}

// Start makes a fake that listens on a port of 127.0.0.1 until the test ends.
func Start(tb testing.TB, settings Settings) *Running {
	tb.Helper()
	s, c := New(settings), &connections{}
	return &Running{s, fakehttp.Start(tb, "the Kinesis fake", s, c.state), c}
}

// AwaitHangUp waits until nobody is connected any more, as after a client's death, and
// the fake is done with all calls that there were: those, too, that it had not read yet.
func (r *Running) AwaitHangUp(tb testing.TB) {
	tb.Helper()
	deadline := time.Now().Add(time.Minute)
	wait := func(what string, until func() bool) {
		for !until() {
			if time.Now().After(deadline) {
				tb.Fatalf("the Kinesis fake waits in vain for %s", what)
			}
			time.Sleep(time.Millisecond)
		}
	}
	// Connections are accepted in the order in which they were made: with one of its own,
	// those of a client that is gone have been, too.
	own, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", r.Addr())
	if err != nil {
		tb.Fatalf("the Kinesis fake can't be reached: %v", err)
	}
	wait("a connection of its own", func() bool { is, _ := r.connections.has(own.LocalAddr().String()); return is })
	_ = own.Close() // there is nothing to be written
	wait("its clients to hang up", func() bool { _, open := r.connections.has(""); return open == 0 })
}

// UserRecord is what a consumer gets: a record, or one of an aggregate.
type UserRecord struct {
	Key, HashKey string
	Data         []byte
	Shard        string
	// Order is the stream's, and within an aggregate the aggregate's.
	Order uint64
	// Call is the number of the call that brought it. AnswerLost: that call's answer
	// was not sent, or not all of it.
	Call       int
	At         time.Time
	AnswerLost bool
	Aggregated bool
	// Stray says that its aggregate has a key of another shard than it has come to. AWS's
	// consumer library leaves out all records of such an aggregate.
	Stray bool
}

// UserRecords are all records of a stream in the order in which they were stored, with
// the aggregates taken apart. One that can't be read, or is a stray, ends the test.
func (s *Server) UserRecords(tb testing.TB, name string) []UserRecord {
	tb.Helper()
	all, err := s.Read(name)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	for _, r := range all {
		if r.Stray {
			tb.Fatalf("a record of aggregate %d in %s has key %q, which belongs to another shard", r.Order, r.Shard, r.Key)
		}
	}
	return all
}

// Read is UserRecords with strays.
func (s *Server) Read(name string) ([]UserRecord, error) {
	one, e := s.find(streamName{StreamName: name})
	if e != nil {
		return nil, e
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	var all []UserRecord
	for _, place := range one.shards {
		for _, r := range place.records {
			lost := one.calls[r.Call-1].Lost
			parts, aggregated, err := readAggregate(r.Data)
			if err != nil {
				return nil, fmt.Errorf("record %s of %s: %w", r.Sequence, place.id, err)
			}
			if !aggregated {
				parts = []part{{key: r.Key, hashKey: r.HashKey, data: r.Data}}
			}
			stray := slices.ContainsFunc(parts, func(p part) bool { return !place.holds(p.hash()) })
			for _, p := range parts {
				all = append(all, UserRecord{
					Key: p.key, HashKey: p.hashKey, Data: p.data, Shard: place.id,
					Order: r.Order, Call: r.Call, At: r.At, AnswerLost: lost, Aggregated: aggregated, Stray: stray,
				})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b UserRecord) int { return int(int64(a.Order) - int64(b.Order)) })
	return all, nil
}

// Counts are what came to a stream, which is to be there.
func (s *Server) Counts(name string) Counts {
	one, e := s.find(streamName{StreamName: name})
	if e != nil {
		return Counts{}
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	c := one.counts
	c.Refused, c.Faults = maps.Clone(c.Refused), maps.Clone(c.Faults)
	return c
}

// Calls are those to a stream that were stored, by their numbers: the first is number 1.
func (s *Server) Calls(name string) []Call {
	one, e := s.find(streamName{StreamName: name})
	if e != nil {
		return nil
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return slices.Clone(one.calls)
}

// Shard is one of a stream's.
type Shard struct {
	ID      string
	Open    bool
	Parents []string
	Records []Stored
	Stored  int // also where the fake only counts
}

// Shards are all of a stream's, in the order in which they were made.
func (s *Server) Shards(name string) []Shard {
	one, e := s.find(streamName{StreamName: name})
	if e != nil {
		return nil
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	var all []Shard
	for _, place := range one.shards {
		all = append(all, Shard{
			ID: place.id, Open: place.closed == 0, Parents: place.parents,
			Records: slices.Clone(place.records), Stored: place.count,
		})
	}
	return all
}

// SetStatus makes a stream CREATING, UPDATING or ACTIVE again.
func (s *Server) SetStatus(tb testing.TB, name, status string) {
	tb.Helper()
	one, e := s.find(streamName{StreamName: name})
	if e != nil {
		tb.Fatal(e)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.status = status
}
