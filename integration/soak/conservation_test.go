package soak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// load is all the feeders of a bed.
type load struct {
	feeders []*feeder
	tcp     *stream

	stop     chan struct{}
	done     chan error
	stopping sync.Once
}

// newLoad makes a feeder for each input. Each sends a batch, and pauses.
func newLoad(t *testing.T, b *bed, batch int, pause time.Duration) *load {
	t.Helper()
	c := client(t)
	l := &load{stop: make(chan struct{}), done: make(chan error, 1)}
	add := func(name string, hand handOver) {
		l.feeders = append(l.feeders, &feeder{name: name, senders: 2, batch: batch, pause: pause, hand: hand, account: new(account)})
	}
	add("files", toFiles(t, b.agent.Path("logs")+"/app.log", b.keepFiles))
	add("agent-grpc", otlpGRPC(t, b.agent.Addr(t, "grpc")))
	add("agent-logfmt", logfmtHTTP(c, b.agent.Addr(t, "http")))
	add("otlp-http", otlpHTTP(c, b.gateway.Addr(t, "http")))
	add("logplex", logplex(c, b.gateway.Addr(t, "logplex")))
	l.tcp = &stream{addr: b.agent.Addr(t, "tcp"), kills: new(atomic.Int64), pause: pause, lines: 300, accounts: make(map[string]*account)}
	return l
}

// start has all feeders send until finish.
func (l *load) start(ctx context.Context) {
	failed := make(chan error, len(l.feeders)+1)
	for _, f := range l.feeders {
		go func() { failed <- f.run(ctx, l.stop) }()
	}
	go func() { failed <- l.tcp.run(ctx, l.stop) }()
	go func() {
		var first error
		for range len(l.feeders) + 1 {
			if err := <-failed; err != nil && first == nil {
				first = err
			}
		}
		l.done <- first
	}()
}

// finish waits until each has come to an end with what it had begun.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stopping.Do(func() { close(l.stop) })
	select {
	case err := <-l.done:
		require.NoError(t, err)
	case <-time.After(3 * time.Minute):
		t.Fatal("feeders do not get rid of their records")
	}
}

// accounts are those of all writers.
func (l *load) accounts() map[string]*account {
	all := make(map[string]*account)
	for _, f := range l.feeders {
		all[f.name] = f.account
	}
	l.tcp.mu.Lock()
	defer l.tcp.mu.Unlock()
	maps.Copy(all, l.tcp.accounts)
	return all
}

// owed is how many records were accepted.
func (l *load) owed() (n int) {
	for _, a := range l.accounts() {
		a.mu.Lock()
		n += a.owed
		a.mu.Unlock()
	}
	return n
}

// told is how many attempts were refused, and how many had no answer.
func (l *load) told() (refused, unanswered int64) {
	for _, a := range l.accounts() {
		refused += a.refused.Load()
		unanswered += a.unanswered.Load()
	}
	return refused, unanswered
}

// arrivals are what has come to an output: for each id its uids, with how often.
type arrivals struct {
	output string
	uids   map[string]map[string]int
	bad    []string // records that are none of ours, or damaged
}

func newArrivals(output string) *arrivals {
	return &arrivals{output: output, uids: make(map[string]map[string]int)}
}

func (a *arrivals) add(id, uid string) {
	if a.uids[id] == nil {
		a.uids[id] = make(map[string]int, 1)
	}
	a.uids[id][uid]++
}

func (a *arrivals) line(data []byte) {
	var d struct {
		ID  string `json:"id"`
		UID string `json:"log.record.uid"`
	}
	if err := json.Unmarshal(data, &d); err != nil || d.ID == "" || d.UID == "" {
		a.bad = append(a.bad, string(data))
		return
	}
	a.add(d.ID, d.UID)
}

// event takes a folded event apart (docs/format/folded-event.md).
func (a *arrivals) event(data []byte) {
	type identity struct {
		ID  string `json:"id"`
		UID string `json:"log.record.uid"`
	}
	var d struct {
		identity // what all parts share
		Body     struct {
			Parts []struct {
				Attributes identity `json:"attributes"`
			} `json:"parts"`
		} `json:"body"`
	}
	if err := json.Unmarshal(data, &d); err != nil || len(d.Body.Parts) == 0 {
		a.bad = append(a.bad, string(data))
		return
	}
	for _, part := range d.Body.Parts {
		id, uid := cmp.Or(part.Attributes.ID, d.ID), part.Attributes.UID
		if id == "" || uid == "" {
			a.bad = append(a.bad, string(data))
			continue
		}
		a.add(id, uid)
	}
}

func (b *bed) readStream(t *testing.T) *arrivals {
	t.Helper()
	a := newArrivals("kinesis")
	for _, r := range b.kinesis.UserRecords(t, "logs") {
		a.line(r.Data)
	}
	return a
}

func (b *bed) readFolded(t *testing.T) *arrivals {
	t.Helper()
	a := newArrivals("kinesis, folded")
	for _, r := range b.kinesis.UserRecords(t, "folded") {
		a.event(r.Data)
	}
	return a
}

func (b *bed) readArchive(t *testing.T) *arrivals {
	t.Helper()
	a := newArrivals("worm_s3")
	reader, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer reader.Close()
	b.objects(t, func(key string, data []byte) {
		plain, err := reader.DecodeAll(data, nil)
		require.NoError(t, err, key)
		for line := range bytes.Lines(plain) {
			a.line(line)
		}
	})
	return a
}

// split gives an id's writer and number.
func split(id string) (writer string, n int, ok bool) {
	writer, number, ok := strings.Cut(id, "/")
	n, err := strconv.Atoi(number)
	return writer, n, ok && err == nil
}

// audit is what is wrong with the arrivals.
type audit struct {
	missing   []string // accepted, and not there
	twice     []string // there more than once
	otherUIDs []string // there as records that nobody can tell to be one
	strangers []string // never sent
	gaps      []string // of a stream: missing, though a later one came
	distinct  int
	repeats   int
}

func auditOf(accounts map[string]*account, a *arrivals) (r audit) {
	highest := make(map[string]int)
	for id, uids := range a.uids {
		name, n, ok := split(id)
		of := accounts[name]
		if !ok || of == nil || n < 0 || n >= of.sent {
			r.strangers = append(r.strangers, id)
			continue
		}
		r.distinct++
		highest[name] = max(highest[name], n)
		count := 0
		for _, times := range uids {
			count += times
		}
		if count > 1 {
			r.repeats += count - 1
			r.twice = append(r.twice, id)
		}
		if len(uids) > 1 {
			r.otherUIDs = append(r.otherUIDs, fmt.Sprintf("%s as %v", id, slices.Sorted(maps.Keys(uids))))
		}
	}
	for name, of := range accounts {
		for n, is := range of.accepted {
			id := name + "/" + itoa(n)
			if a.uids[id] != nil {
				continue
			}
			if is {
				r.missing = append(r.missing, id)
			} else if of.prefix && n < highest[name] {
				r.gaps = append(r.gaps, id)
			}
		}
	}
	return r
}

func few(list []string) []string {
	slices.Sort(list)
	return list[:min(5, len(list))]
}

// requireConserved waits until all that was accepted is at each output, and requires that
// what is there again has the uid that it had, and that nothing else is there. The
// collectors run; it stops them.
func (b *bed) requireConserved(t *testing.T, l *load, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	read := []func(*testing.T) *arrivals{b.readStream, b.readFolded, b.readArchive}
	for _, one := range read {
		for {
			a := one(t)
			r := auditOf(l.accounts(), a)
			if len(r.missing) == 0 {
				break
			}
			require.False(t, time.Now().After(deadline), "%s: %d of %d accepted records are missing: %v; damaged: %v", a.output, len(r.missing), l.owed(), few(r.missing), few(a.bad))
			time.Sleep(200 * time.Millisecond)
		}
	}
	b.waitDelivered(t, max(time.Minute, time.Until(deadline)))
	b.stop(t)
	b.requireThere(t, l)
}

// requireThere is requireConserved, where all has been delivered and the collectors have
// stopped.
func (b *bed) requireThere(t *testing.T, l *load) {
	t.Helper()
	for i, one := range []func(*testing.T) *arrivals{b.readStream, b.readFolded, b.readArchive} {
		a := one(t)
		r := auditOf(l.accounts(), a)
		assert.Empty(t, few(r.missing), "%s: %d accepted records are missing", a.output, len(r.missing))
		assert.Empty(t, few(r.strangers), "%s: %d records were never sent", a.output, len(r.strangers))
		assert.Empty(t, few(a.bad), "%s: %d records are damaged", a.output, len(a.bad))
		assert.Empty(t, few(r.gaps), "%s: %d lines of streams are missing before others", a.output, len(r.gaps))
		assert.Empty(t, few(r.otherUIDs), "%s: %d records came again as others", a.output, len(r.otherUIDs))
		if i == 2 {
			assert.Empty(t, few(r.twice), "%s: %d records are there more than once", a.output, len(r.twice))
		}
		t.Logf("%s: %d records, %d repeats of %d of them", a.output, r.distinct, r.repeats, len(r.twice))
	}
	b.requireVerified(t)
	refused, unanswered := l.told()
	t.Logf("%d records accepted; %d attempts told to come again, %d without an answer", l.owed(), refused, unanswered)
}

func TestAudit(t *testing.T) {
	t.Parallel()
	yes := func(n int) *account {
		a := new(account)
		a.take(n)
		for i := range a.accepted {
			a.accepted[i] = true
		}
		return a
	}
	streamed := &account{prefix: true}
	streamed.take(4)
	accounts := map[string]*account{"a": yes(3), "s": streamed}
	a := newArrivals("")
	for _, one := range [][2]string{{"a/0", "u0"}, {"a/0", "u0"}, {"a/1", "u1"}, {"a/1", "other"}, {"s/0", "s0"}, {"s/2", "s2"}, {"a/3", "u3"}, {"b/0", "x"}, {"a/x", "x"}} {
		a.add(one[0], one[1])
	}
	r := auditOf(accounts, a)
	assert.Equal(t, []string{"a/2"}, r.missing)
	assert.Equal(t, []string{"a/0", "a/1"}, few(r.twice))
	assert.Equal(t, []string{"a/1 as [other u1]"}, r.otherUIDs)
	assert.Equal(t, []string{"a/3", "a/x", "b/0"}, few(r.strangers))
	assert.Equal(t, []string{"s/1"}, r.gaps)
	assert.Equal(t, 4, r.distinct)
	assert.Equal(t, 2, r.repeats)
	a.line([]byte(`{"id":"a/0"}`))
	a.event([]byte(`{"fold.id":"f"}`))
	a.event([]byte(`{"fold.id":"f","body":{"parts":[{"attributes":{"id":"a/0"}}]}}`))
	a.event([]byte(`{"fold.id":"f","id":"a/2","body":{"parts":[{"attributes":{"log.record.uid":"u2"}}]}}`))
	assert.Len(t, a.bad, 3)
	assert.Empty(t, auditOf(accounts, a).missing)
}

// syncBuffer is a bytes.Buffer for two goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// waitFor asks until it is so; what it says otherwise is shown in the end.
func waitFor(t *testing.T, within time.Duration, what string, ask func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, why := ask()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s: %s", within, what, why)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// readMetrics reads a collector's own metrics, where it is there to be asked.
func readMetrics(t *testing.T, c *harness.Collector) (harness.Metrics, error) {
	t.Helper()
	return c.TryMetrics(t)
}
