package kinesisfake

import (
	"bytes"
	"math/big"
	"regexp"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// Kinesis's own limits.
const (
	maxRecords  = 500
	maxCall     = 10 << 20
	maxRecord   = 1 << 20 // unless the stream says otherwise
	largestSize = 10 << 20
	maxKey      = 256 // characters
	payloadUnit = 25 << 10
)

// stream is one data stream.
type stream struct {
	name     string
	arn      string
	settings *Settings
	created  time.Time

	// mu guards the following.
	mu        sync.Mutex
	status    string
	maxRecord int
	shards    []*shard
	order     uint64
	calls     []Call // those that were stored
	counts    Counts
}

// Counts are what came to a stream.
type Counts struct {
	Calls    int            // that wrote, answered in whatever way
	Failed   int            // of them, those that brought no record in
	Stored   int            // records
	Bytes    int            // of their data and keys
	Units    int            // PUT payload units: 25 KiB, begun ones count
	Refused  map[string]int // records refused in an answer that is a success, by code
	SameKey  int            // calls with two records of one partition key, of those with several
	Faults   map[string]int // what was done to calls
	Largest  int            // the largest call's records and keys in bytes
	Attempts int            // records that were brought, time and again
	Parts    int            // user records, those in aggregates too
}

// Call is one that got as far as being stored, if perhaps none of its records was.
type Call struct {
	Number int // from 1, in the order in which they were stored
	Stored time.Time
	// Ended is when the fake began to send the answer, or cut the connection instead; zero
	// until then.
	Ended time.Time
	// Lost says that the answer was not sent, or not all of it.
	Lost bool
}

func newStream(name string, shards int, settings *Settings) *stream {
	s := &stream{
		name: name, arn: "arn:aws:kinesis:" + region + ":" + account + ":stream/" + name, settings: settings,
		created: time.Now(), status: "ACTIVE", maxRecord: maxRecord,
		counts: Counts{Refused: make(map[string]int), Faults: make(map[string]int)},
	}
	if settings.MaxRecordSize > 0 {
		s.maxRecord = settings.MaxRecordSize
	}
	width := new(big.Int).Div(new(big.Int).Add(maxHashKey, big.NewInt(1)), big.NewInt(int64(shards)))
	for i := range shards {
		first := new(big.Int).Mul(width, big.NewInt(int64(i)))
		last := new(big.Int).Sub(new(big.Int).Add(first, width), big.NewInt(1))
		if i == shards-1 {
			last = maxHashKey
		}
		s.openLocked(first, last)
	}
	return s
}

func (s *stream) openLocked(first, last *big.Int, parents ...string) {
	s.shards = append(s.shards, &shard{
		id: shardID(len(s.shards)), index: len(s.shards), first: first, last: last, parents: parents, opened: s.order,
	})
}

func (s *stream) shardLocked(id string) (*shard, *apiError) {
	for _, one := range s.shards {
		if one.id == id {
			return one, nil
		}
	}
	return nil, refuse(codeMissing, "Could not find shard %s in stream %s under account %s.", id, s.name, account)
}

// placeLocked finds the open shard for a record.
func (s *stream) placeLocked(hash *big.Int) *shard {
	for _, one := range s.shards {
		if one.closed == 0 && one.holds(hash) {
			return one
		}
	}
	return nil // open shards cover all hashes, which a test sees to
}

// putEntry is a record as it comes.
type putEntry struct {
	Data            []byte
	PartitionKey    string
	ExplicitHashKey string
}

// putResult is the answer for it.
type putResult struct {
	ErrorCode      string `json:",omitempty"`
	ErrorMessage   string `json:",omitempty"`
	SequenceNumber string `json:",omitempty"`
	ShardId        string `json:",omitempty"` //nolint:revive // the name on the wire
}

var hashKeyForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,38})$`)

// check gives the records' hashes, or what is wrong with a call.
func (s *stream) check(entries []putEntry) ([]*big.Int, *apiError) {
	s.mu.Lock()
	largest := s.maxRecord
	s.mu.Unlock()
	if len(entries) == 0 || len(entries) > maxRecords {
		return nil, refuse(codeValidation, "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length less than or equal to %d and greater than or equal to 1; it has %d", maxRecords, len(entries))
	}
	total := 0
	hashes := make([]*big.Int, len(entries))
	for i, e := range entries {
		size := len(e.Data) + len(e.PartitionKey)
		total += size
		if n := utf8.RuneCountInString(e.PartitionKey); n == 0 || n > maxKey {
			return nil, refuse(codeValidation, "1 validation error detected: Value at 'records.%d.member.partitionKey' failed to satisfy constraint: Member must have length less than or equal to %d and greater than or equal to 1", i+1, maxKey)
		}
		if size > largest {
			return nil, refuse(codeInvalid, "Record %d has %d bytes of data and key, more than the stream's limit of %d", i, size, largest)
		}
		if e.ExplicitHashKey == "" {
			hashes[i] = hashOf(e.PartitionKey)
			continue
		}
		hash, ok := new(big.Int).SetString(e.ExplicitHashKey, 10)
		if !ok || !hashKeyForm.MatchString(e.ExplicitHashKey) || hash.Cmp(maxHashKey) > 0 {
			return nil, refuse(codeInvalid, "Invalid ExplicitHashKey %q. ExplicitHashKey must be in the range: [0, 2^128-1]", e.ExplicitHashKey)
		}
		hashes[i] = hash
	}
	if total > maxCall {
		return nil, refuse(codeInvalid, "Records size of %d exceeds the limit of %d", total, maxCall)
	}
	return hashes, nil
}

// put stores what it may of a call, and answers for each record. call is the number
// by which the call is known afterwards.
func (s *stream) put(entries []putEntry, hashes []*big.Int, d *dice, f *Faults) (results []putResult, call int) {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	if f.Shuffle {
		d.shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	now := time.Now()
	results = make([]putResult, len(entries))
	s.mu.Lock()
	defer s.mu.Unlock()
	call = len(s.calls) + 1
	s.calls = append(s.calls, Call{Number: call, Stored: now})
	s.counts.Calls++
	s.counts.Attempts += len(entries)
	keys := make(map[string]struct{}, len(entries))
	size, stored := 0, 0
	for _, i := range order {
		e := &entries[i]
		keys[e.PartitionKey] = struct{}{}
		length := len(e.Data) + len(e.PartitionKey)
		size += length
		place := s.placeLocked(hashes[i])
		code := d.record(f, place.id)
		if code == "" && !place.takes(s.settings, length, now) {
			code = codeThroughput
		}
		if code != "" {
			s.counts.Refused[code]++
			message := "Internal Service Failure"
			if code == codeThroughput {
				message = "Rate exceeded for shard " + place.id + " in stream " + s.name + " under account " + account + "."
			}
			results[i] = putResult{ErrorCode: code, ErrorMessage: message}
			continue
		}
		s.order++
		stored++
		place.count++
		s.counts.Stored++
		s.counts.Bytes += length
		s.counts.Units += (length + payloadUnit - 1) / payloadUnit
		number := sequence(place.index, s.order)
		results[i] = putResult{SequenceNumber: number, ShardId: place.id}
		s.counts.Parts += countParts(e.Data)
		if s.settings.CountOnly {
			continue
		}
		place.records = append(place.records, Stored{
			Key: e.PartitionKey, HashKey: e.ExplicitHashKey, Data: e.Data,
			Sequence: number, At: now, Order: s.order, Call: call,
		})
	}
	if len(keys) < len(entries) {
		s.counts.SameKey++
	}
	if stored == 0 {
		s.counts.Failed++
	}
	s.counts.Largest = max(s.counts.Largest, size)
	return results, call
}

// countParts counts the user records in a record.
func countParts(data []byte) int {
	if !bytes.HasPrefix(data, aggregateMagic) {
		return 1
	}
	if parts, ok, err := readAggregate(data); ok && err == nil {
		return len(parts)
	}
	return 1
}

// note counts a fault, and for a call that stored nothing the call.
func (s *stream) note(f fault, stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f != faultNone {
		s.counts.Faults[f.String()]++
	}
	if !stored {
		s.counts.Calls++
		s.counts.Failed++
	}
}

// end says that the fake is done with a call, whether its answer is sent or not.
func (s *stream) end(call int, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.calls[call-1]
	c.Ended, c.Lost = time.Now(), lost
}

// lose says that a call's answer did not get through after all.
func (s *stream) lose(call int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[call-1].Lost = true
}

// split divides a shard in two, the second from a hash key on.
func (s *stream) split(id string, from *big.Int) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, missing := s.shardLocked(id)
	switch {
	case missing != nil:
		return missing
	case old.closed != 0:
		return refuse(codeInvalid, "Shard %s in stream %s under account %s has already been merged or split", id, s.name, account)
	case from.Cmp(old.first) <= 0 || from.Cmp(old.last) > 0:
		return refuse(codeInvalid, "NewStartingHashKey %v is not in the range of shard %s", from, id)
	}
	s.order++
	old.closed = s.order
	s.openLocked(old.first, new(big.Int).Sub(from, big.NewInt(1)), id)
	s.openLocked(from, old.last, id)
	return nil
}

// merge makes one shard of two neighbours.
func (s *stream) merge(id, adjacent string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, missing := s.shardLocked(id)
	if missing != nil {
		return missing
	}
	b, missing := s.shardLocked(adjacent)
	if missing != nil {
		return missing
	}
	if a.first.Cmp(b.first) > 0 {
		a, b = b, a
	}
	switch {
	case a.closed != 0 || b.closed != 0:
		return refuse(codeInvalid, "A shard has already been merged or split")
	case new(big.Int).Add(a.last, big.NewInt(1)).Cmp(b.first) != 0:
		return refuse(codeInvalid, "Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging", id, adjacent, s.name, account)
	}
	s.order++
	a.closed, b.closed = s.order, s.order
	s.openLocked(a.first, b.last, id, adjacent)
	return nil
}

func (s *stream) creating() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status == "CREATING"
}

// openShardsLocked are the shards that take records.
func (s *stream) openShardsLocked() []*shard {
	return slices.DeleteFunc(slices.Clone(s.shards), func(one *shard) bool { return one.closed != 0 })
}
