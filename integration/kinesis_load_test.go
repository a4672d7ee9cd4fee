package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// writeFile writes a file of the test's own, and gives its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// keyedLoad sends records of many keys, those of a key in order, each until it is
// accepted. A record knows its key and its number in it.
type keyedLoad struct {
	keys, senders, batch int
	// perKey is how many records each key gets. 0: until stop is closed.
	perKey int
	first  int // the number of each key's first record
	stop   chan struct{}
	body   string
	pause  time.Duration // of a sender after each batch
	client *http.Client

	confirmed atomic.Int64
	refused   atomic.Int64 // calls that were told to come again

	mu    sync.Mutex
	sent  []int          // by key, how many were accepted
	again map[string]int // by uid, how often it was sent after the first time
}

func newKeyedLoad(t *testing.T, keys, perKey int) *keyedLoad {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &keyedLoad{
		keys: keys, perKey: perKey, senders: 4, batch: 500, stop: make(chan struct{}),
		body:   "order placed for 3 items; order placed for 2 items",
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		sent:   make([]int, keys), again: make(map[string]int),
	}
}

// keyedRecord names a record.
type keyedRecord struct{ key, n int }

func (r keyedRecord) keyText() string { return fmt.Sprintf("request-%d", r.key) }
func (r keyedRecord) uid() string     { return fmt.Sprintf("uid-%d-%d", r.key, r.n) }

// run sends from several goroutines, which share the keys, until all are accepted.
func (l *keyedLoad) run(ctx context.Context, url string) error {
	failed := make(chan error, l.senders)
	for sender := range l.senders {
		go func() { failed <- l.runSender(ctx, url, sender) }()
	}
	var err error
	for range l.senders {
		if e := <-failed; e != nil {
			err = e
		}
	}
	return err
}

func (l *keyedLoad) runSender(ctx context.Context, url string, sender int) error {
	var batch []keyedRecord
	for n := l.first; l.perKey == 0 || n < l.first+l.perKey; n++ {
		for key := sender; key < l.keys; key += l.senders {
			batch = append(batch, keyedRecord{key, n})
			if len(batch) == l.batch {
				if err := l.send(ctx, url, batch); err != nil {
					return err
				}
				batch = batch[:0]
				time.Sleep(l.pause)
			}
		}
		select {
		case <-l.stop:
			return l.send(ctx, url, batch)
		default:
		}
	}
	return l.send(ctx, url, batch)
}

// send posts records until they are accepted.
func (l *keyedLoad) send(ctx context.Context, url string, batch []keyedRecord) error {
	if len(batch) == 0 {
		return nil
	}
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for _, one := range batch {
		r := records.AppendEmpty()
		r.SetTimestamp(1_770_000_000_000_000_000)
		r.Body().SetStr(l.body)
		r.Attributes().PutStr("request.id", one.keyText())
		r.Attributes().PutInt("k", int64(one.key))
		r.Attributes().PutInt("n", int64(one.n))
		r.Attributes().PutStr("log.record.uid", one.uid())
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		return err
	}
	for {
		status, answer, err := l.post(ctx, url, body)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && status == http.StatusOK:
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, one := range batch {
				l.sent[one.key] = one.n + 1
			}
			l.confirmed.Add(int64(len(batch)))
			return nil
		case err == nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests:
			return fmt.Errorf("status %d, which does not ask to come again: %s", status, answer)
		case err == nil:
			l.refused.Add(1)
		}
		l.mu.Lock()
		for _, one := range batch {
			l.again[one.uid()]++
		}
		l.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *keyedLoad) post(ctx context.Context, url string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/logs", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := l.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// ackWindow is how long before a kill the stream may have answered for a record that comes
// again all the same. The spool promises that an acknowledgement is durable after 100 ms
// (docs/format/spool.md); the rest is for the collector to read the answer, and for a write
// to the disk that is under way before, on a machine that has other things to do.
const ackWindow = 100*time.Millisecond + 400*time.Millisecond

// kill is the death of a collector, by the calls that it made.
type kill struct {
	at          time.Time
	first, last int // numbers of its calls
	// held says that the stream had sent no answers for an ackWindow by then.
	held bool
}

// call says whether a call was on its way when its collector was killed, or else answered
// within an ackWindow before, and how long.
func (k *kill) call(c kinesisfake.Call) (inFlight, answered bool, before time.Duration) {
	if c.Number < k.first || c.Number > k.last {
		return false, false, 0
	}
	if c.Ended.IsZero() || !c.Ended.Before(k.at) {
		return true, false, 0
	}
	before = k.at.Sub(c.Ended)
	return false, !c.Lost && before <= ackWindow, before
}

// killedRecords are those that came again after a kill.
type killedRecords struct {
	inFlight, answered int           // of calls on their way, and of answered ones
	before             time.Duration // the longest between answer and kill
}

// arrivals are what has come to a stream of a load's records, as `encoding: json`.
type arrivals struct {
	next     []int // by key, the first number that has not come
	records  int
	repeats  int
	unasked  []string // repeats for which there was no reason
	disorder []string // first occurrences that come too early
	strays   int
	// largest is the most records that one call brought.
	largest int
	killed  []killedRecords // by kill
}

// reasons are why a record may come again: each is good for one time.
type reasons struct{ came, had int }

// arrivalsOf looks through a stream. A record may come again once for each time that the
// load has sent it again, and once for each time that it came with a call of which the
// collector could not know, or not have noted, that it did: because the answer was lost, or
// because the collector was killed before, or within an ackWindow after, the answer.
func (l *keyedLoad) arrivalsOf(t *testing.T, users []kinesisfake.UserRecord, calls []kinesisfake.Call, kills []kill) *arrivals {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &arrivals{next: make([]int, l.keys), killed: make([]killedRecords, len(kills))}
	before := make(map[string]reasons, len(users))
	carried := make(map[int]int)
	pending := make(map[string][]func()) // what is noted when the record comes again
	for _, user := range users {
		var d struct {
			UID string `json:"log.record.uid"`
			Key string `json:"request.id"`
			K   int    `json:"k"`
			N   int    `json:"n"`
		}
		require.NoError(t, json.Unmarshal(user.Data, &d), "%s", user.Data)
		one := keyedRecord{d.K, d.N}
		require.Equal(t, one.uid(), d.UID)
		require.Equal(t, one.keyText(), user.Key, "the partition key")
		if user.Stray {
			a.strays++
			continue
		}
		a.records++
		carried[user.Call]++
		a.largest = max(a.largest, carried[user.Call])
		r := before[d.UID]
		switch {
		case r.came > 0:
			a.repeats++
			if r.came > l.again[d.UID]+r.had {
				a.unasked = append(a.unasked, fmt.Sprintf("%s, which came %d times before, with %d reasons to come again", d.UID, r.came, l.again[d.UID]+r.had))
			}
			if l.again[d.UID] == 0 { // otherwise nobody knows which reason it was
				for _, note := range pending[d.UID] {
					note()
				}
			}
			delete(pending, d.UID)
		case d.N == a.next[d.K]:
			a.next[d.K]++
		default:
			a.disorder = append(a.disorder, fmt.Sprintf("%s comes before number %d", d.UID, a.next[d.K]))
		}
		r.came++
		excused := user.AnswerLost
		call := calls[user.Call-1]
		for i := range kills {
			of := &a.killed[i]
			switch inFlight, answered, long := kills[i].call(call); {
			case inFlight:
				excused = true
				pending[d.UID] = append(pending[d.UID], func() { of.inFlight++ })
			case answered:
				excused = true
				pending[d.UID] = append(pending[d.UID], func() { of.answered++; of.before = max(of.before, long) })
			}
		}
		if excused {
			r.had++
		}
		before[d.UID] = r
	}
	return a
}

// missing counts accepted records that have not come.
func (l *keyedLoad) missing(a *arrivals) (missing int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, sent := range l.sent {
		missing += max(0, sent-a.next[key])
	}
	return missing
}

// requireAll waits until every accepted record has come, and requires that they came in
// the order of their keys, and again only with a reason.
func (l *keyedLoad) requireAll(t *testing.T, fake *kinesisfake.Running, stream string, kills ...kill) *arrivals {
	t.Helper()
	var a *arrivals
	deadline := time.Now().Add(3 * time.Minute)
	for {
		if parts := fake.Counts(stream).Parts; parts >= int(l.confirmed.Load()) || time.Now().After(deadline) {
			users, err := fake.Read(stream)
			require.NoError(t, err)
			a = l.arrivalsOf(t, users, fake.Calls(stream), kills)
			require.Empty(t, a.disorder[:min(3, len(a.disorder))], "%d records out of order", len(a.disorder))
			missing := l.missing(a)
			if missing == 0 {
				break
			}
			require.False(t, time.Now().After(deadline), "%d of %d records are lost", missing, l.confirmed.Load())
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Empty(t, a.unasked[:min(3, len(a.unasked))], "%d records came again without a reason", len(a.unasked))
	return a
}

// TestKinesisRepeatsNeedAReason: what the tests with a load take for a repeat that may be.
func TestKinesisRepeatsNeedAReason(t *testing.T) {
	death := time.Now()
	at := func(ago time.Duration) time.Time { return death.Add(-ago) }
	const soon, long = 10 * time.Millisecond, ackWindow + 10*time.Millisecond
	for name, test := range map[string]struct {
		// calls brings the same record each; the number is by its place.
		calls   []kinesisfake.Call
		again   int
		kills   []kill
		unasked int
	}{
		"once":                         {calls: []kinesisfake.Call{{Ended: at(long)}}},
		"twice":                        {calls: []kinesisfake.Call{{Ended: at(long)}, {}}, unasked: 1},
		"after an answer that is lost": {calls: []kinesisfake.Call{{Ended: at(long), Lost: true}, {}}},
		"twice after one such":         {calls: []kinesisfake.Call{{Ended: at(long), Lost: true}, {}, {}}, unasked: 1},
		"before one such":              {calls: []kinesisfake.Call{{Ended: at(long)}, {Lost: true}}, unasked: 1},
		"sent again":                   {calls: []kinesisfake.Call{{Ended: at(long)}, {}}, again: 1},
		"sent again once":              {calls: []kinesisfake.Call{{Ended: at(long)}, {}, {}}, again: 1, unasked: 1},
		"on its way":                   {calls: []kinesisfake.Call{{}, {}}, kills: []kill{{at: death, first: 1, last: 1}}},
		"ended by the kill":            {calls: []kinesisfake.Call{{Ended: at(-soon)}, {}}, kills: []kill{{at: death, first: 1, last: 1}}},
		"answered soon before":         {calls: []kinesisfake.Call{{Ended: at(soon)}, {}}, kills: []kill{{at: death, first: 1, last: 1}}},
		"answered long before":         {calls: []kinesisfake.Call{{Ended: at(long)}, {}}, kills: []kill{{at: death, first: 1, last: 1}}, unasked: 1},
		"on another's way":             {calls: []kinesisfake.Call{{Ended: at(long)}, {}, {}}, kills: []kill{{at: death, first: 3, last: 3}}, unasked: 2},
		"twice after one kill":         {calls: []kinesisfake.Call{{Ended: at(soon)}, {}, {}}, kills: []kill{{at: death, first: 1, last: 1}}, unasked: 1},
		"after each of two kills": {
			calls: []kinesisfake.Call{{Ended: at(time.Second)}, {Ended: at(soon)}, {}},
			kills: []kill{{at: at(time.Second), first: 1, last: 1}, {at: death, first: 2, last: 2}},
		},
	} {
		l := newKeyedLoad(t, 1, 1)
		one := keyedRecord{0, 0}
		l.again[one.uid()] = test.again
		var users []kinesisfake.UserRecord
		for i := range test.calls {
			test.calls[i].Number = i + 1
			data := fmt.Sprintf(`{"log.record.uid":%q,"request.id":%q,"k":0,"n":0}`, one.uid(), one.keyText())
			users = append(users, kinesisfake.UserRecord{Key: one.keyText(), Data: []byte(data), Call: i + 1, AnswerLost: test.calls[i].Lost})
		}
		a := l.arrivalsOf(t, users, test.calls, test.kills)
		assert.Len(t, a.unasked, test.unasked, name)
		assert.Equal(t, len(users)-1, a.repeats, name)
	}
}
