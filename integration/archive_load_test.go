package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// archiveLoad sends numbered records, each until it is accepted, and knows which were. A
// record's number says everything about it.
type archiveLoad struct {
	name           string // the first part of uids
	base           time.Time
	senders, batch int
	total          int // of records; 0: until stop is closed
	body           string
	stop           chan struct{}
	pause          time.Duration // of a sender after each batch
	again          int           // each so manieth batch is sent once more after it was accepted; 0: none
	noise          int           // bytes of each body that no compression makes smaller
	client         *http.Client

	next      atomic.Int64
	confirmed atomic.Int64
	refused   atomic.Int64 // calls that were told to come again
	shutOut   atomic.Int64 // senders that were told so five times since their last success
	repeated  atomic.Int64 // records that were sent again, though they had been accepted
	confused  atomic.Int64 // records that were sent again, and nobody knows whether they had been accepted

	mu       sync.Mutex
	accepted map[int]bool // by number
}

func newArchiveLoad(t *testing.T, name string, total int) *archiveLoad {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &archiveLoad{
		name: name, base: time.Now().UTC(), senders: 4, batch: 250, total: total, stop: make(chan struct{}),
		body:   "order placed for 3 items by customer 4711; payment pending",
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, accepted: make(map[int]bool),
	}
}

func (l *archiveLoad) uid(n int) string { return l.name + "-" + strconv.Itoa(n) }

// number is that of a uid, and false when it isn't one of this load's.
func (l *archiveLoad) number(uid string) (int, bool) {
	text, ok := strings.CutPrefix(uid, l.name+"-")
	n, err := strconv.Atoi(text)
	return n, ok && err == nil
}

// archiveCategories are those that the load's records say of themselves. The last is
// one that no rule knows.
var archiveCategories = []string{"application", "application", "access", "audit", "../../etc"}

func (*archiveLoad) category(n int) string { return archiveCategories[n%len(archiveCategories)] }

// class is the rule that a record falls under, by archiveRules.
func (l *archiveLoad) class(n int) string {
	switch c := l.category(n); c {
	case "access", "audit":
		return c
	}
	return "application"
}

// at is a record's time: the load's, or up to two hours earlier.
func (l *archiveLoad) at(n int) time.Time { return l.base.Add(-time.Duration(n%3) * time.Hour) }

// text is a record's body, the same whenever it is sent.
func (l *archiveLoad) text(n int) string {
	if l.noise == 0 {
		return l.body
	}
	random := rand.New(rand.NewPCG(uint64(n), 1))
	text := make([]byte, l.noise)
	for i := range text {
		text[i] = byte(' ' + 1 + random.IntN(90))
	}
	return l.body + string(text)
}

func (l *archiveLoad) append(records plog.LogRecordSlice, n int) {
	r := records.AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(l.at(n)))
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetSeverityText("info")
	r.Body().SetStr(l.text(n))
	a := r.Attributes()
	a.PutStr("log.record.uid", l.uid(n))
	a.PutStr("log.category", l.category(n))
	a.PutStr("request.id", fmt.Sprintf("request-%d", n/10))
	a.PutInt("n", int64(n))
	a.PutStr("http.request.method", "POST")
	a.PutStr("url.path", "/orders/"+strconv.Itoa(n%977))
}

// run sends from several goroutines until all is accepted, or stop is closed.
func (l *archiveLoad) run(ctx context.Context, url string) error {
	failed := make(chan error, l.senders)
	for range l.senders {
		go func() { failed <- l.runSender(ctx, url) }()
	}
	var err error
	for range l.senders {
		if e := <-failed; e != nil {
			err = e
		}
	}
	return err
}

func (l *archiveLoad) runSender(ctx context.Context, url string) error {
	for round := 0; ; round++ {
		select {
		case <-l.stop:
			return nil
		default:
		}
		first := int(l.next.Add(int64(l.batch))) - l.batch
		last := first + l.batch
		if l.total > 0 {
			last = min(last, l.total)
		}
		if first >= last {
			return nil
		}
		if err := l.send(ctx, url, first, last); err != nil {
			return err
		}
		if l.again > 0 && round%l.again == 0 {
			if err := l.send(ctx, url, first, last); err != nil {
				return err
			}
			l.repeated.Add(int64(last - first))
		}
		time.Sleep(l.pause)
	}
}

// send posts records until they are accepted.
func (l *archiveLoad) send(ctx context.Context, url string, first, last int) error {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for n := first; n < last; n++ {
		l.append(records, n)
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		return err
	}
	for refusals := 0; ; {
		status, answer, err := l.post(ctx, url, body)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && status == http.StatusOK:
			if refusals >= 5 {
				l.shutOut.Add(-1)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			for n := first; n < last; n++ {
				if !l.accepted[n] {
					l.accepted[n] = true
					l.confirmed.Add(1)
				}
			}
			return nil
		case err == nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests:
			return fmt.Errorf("status %d, which does not ask to come again: %s", status, answer)
		case err == nil:
			l.refused.Add(1)
			if refusals++; refusals == 5 {
				l.shutOut.Add(1)
			}
		default:
			l.confused.Add(int64(last - first))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *archiveLoad) post(ctx context.Context, url string, body []byte) (status int, answer []byte, err error) {
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

// requireOnce requires that each accepted record is in the archive exactly once, where
// it belongs and as it was sent, and that nothing else is.
func (l *archiveLoad) requireOnce(t *testing.T, a *archiveContent) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing, twice, strangers, elsewhere []string
	times := make(map[int]int)
	for i := range a.records {
		r := &a.records[i]
		n, ok := l.number(r.UID)
		if !ok || l.total > 0 && n >= l.total {
			strangers = append(strangers, r.UID)
			continue
		}
		if times[n]++; times[n] == 2 {
			twice = append(twice, r.UID)
		}
		want := fmt.Sprintf("category=%s/%s", l.class(n), l.at(n).Format("dt=2006-01-02/hour=15"))
		if got := r.object.partition; got != want {
			elsewhere = append(elsewhere, fmt.Sprintf("%s is in %s, want %s", r.UID, got, want))
		}
		require.Equal(t, l.text(n), r.Body, r.UID)
		require.Equal(t, n, r.N, r.UID)
		require.Equal(t, l.category(n), r.Category, r.UID)
	}
	for n := range l.accepted {
		if times[n] == 0 {
			missing = append(missing, l.uid(n))
		}
	}
	few := func(list []string) []string { return list[:min(5, len(list))] }
	require.Empty(t, few(missing), "%d of %d accepted records are not in the archive", len(missing), len(l.accepted))
	require.Empty(t, few(twice), "%d records are there more than once", len(twice))
	require.Empty(t, few(strangers), "%d records were never sent", len(strangers))
	require.Empty(t, few(elsewhere), "%d records are in a partition that isn't theirs", len(elsewhere))
}
