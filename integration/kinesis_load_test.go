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
	sent  []int           // by key, how many were accepted
	again map[string]bool // uids that were sent more than once
}

func newKeyedLoad(t *testing.T, keys, perKey int) *keyedLoad {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &keyedLoad{
		keys: keys, perKey: perKey, senders: 4, batch: 500, stop: make(chan struct{}),
		body:   "order placed for 3 items; order placed for 2 items",
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		sent:   make([]int, keys), again: make(map[string]bool),
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
	for attempt := 0; ; attempt++ {
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
		if attempt == 0 {
			l.mu.Lock()
			for _, one := range batch {
				l.again[one.uid()] = true
			}
			l.mu.Unlock()
		}
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

// arrivals are what has come to a stream of a load's records, as `encoding: json`.
type arrivals struct {
	next     []int // by key, the first number that has not come
	records  int
	repeats  int
	unasked  []string // repeats for which there was no reason
	disorder []string // first occurrences that come too early
	strays   int
}

// arrivalsOf looks through a stream. A record may come again where the answer to the
// call that brought it was lost, where the load has sent it again, or where the collector
// was killed soon after it came.
func (l *keyedLoad) arrivalsOf(t *testing.T, users []kinesisfake.UserRecord, killed []time.Time) *arrivals {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &arrivals{next: make([]int, l.keys)}
	before := make(map[string]kinesisfake.UserRecord, len(users))
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
		switch first, ok := before[d.UID]; {
		case ok:
			a.repeats++
			if !first.AnswerLost && !l.again[d.UID] && !killedSoonAfter(first.At, killed) {
				a.unasked = append(a.unasked, d.UID)
			}
		case d.N == a.next[d.K]:
			a.next[d.K]++
		default:
			a.disorder = append(a.disorder, fmt.Sprintf("%s comes before number %d", d.UID, a.next[d.K]))
		}
		before[d.UID] = user
	}
	return a
}

// inFlight is how long before the death of the collector a record may have come without
// the collector having noted it.
const inFlight = 3 * time.Second

func killedSoonAfter(at time.Time, killed []time.Time) bool {
	for _, kill := range killed {
		if after := kill.Sub(at); after > -inFlight && after < inFlight {
			return true
		}
	}
	return false
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
func (l *keyedLoad) requireAll(t *testing.T, fake *kinesisfake.Running, stream string, killed ...time.Time) *arrivals {
	t.Helper()
	var a *arrivals
	deadline := time.Now().Add(3 * time.Minute)
	for {
		if parts := fake.Counts(stream).Parts; parts >= int(l.confirmed.Load()) || time.Now().After(deadline) {
			users, err := fake.Read(stream)
			require.NoError(t, err)
			a = l.arrivalsOf(t, users, killed)
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
