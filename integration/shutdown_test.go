package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// What was answered 200 is in the sink, whatever becomes of the collector in
// the middle of it. What wasn't answered is sent again by its client; of that,
// lines may come twice, with different uids when they are plain lines, with the
// same one when they come from a drain. A stream has no answers: of it, what
// came before the end is there, without a gap; and a line of which only the
// beginning came must not pass for a whole one.

const shutdownReceiver = `
	receivers:
	  logfmt:
	    http: {endpoint: {{addr "http"}}}
	    tcp: {endpoint: {{addr "tcp"}}}
	    unix: {path: {{file "unix"}}}
	    batch: {max_records: 100}
`

// traffic is writers that post and write until the collector goes away.
type traffic struct {
	posted, drained, streamed *harness.Ledger

	writing sync.WaitGroup
	mu      sync.Mutex     // guards resend
	resend  []func() error // what wasn't answered
}

func newTraffic() *traffic {
	return &traffic{posted: harness.NewLedger(), drained: harness.NewLedger(), streamed: harness.NewLedger()}
}

// start starts the writers of one round. Their names are those of the round.
func (tr *traffic) start(t *testing.T, col *harness.Collector, round int) {
	t.Helper()
	for w := range 4 {
		poster, ledger, kind := newPoster(t, col.Addr(t, "http")), tr.posted, "http"
		if w%2 == 1 {
			poster.request, ledger, kind = poster.logplex, tr.drained, "drain"
		}
		writer := fmt.Sprintf("%s-%d-%d", kind, round, w)
		tr.writing.Go(func() {
			for {
				batch := ledger.Make(writer, 20)
				if err := poster.post(context.Background(), batch); err != nil {
					tr.mu.Lock()
					defer tr.mu.Unlock()
					tr.resend = append(tr.resend, func() error { return poster.post(context.Background(), batch) })
					return
				}
			}
		})
	}
	for network, addr := range map[string]string{"tcp": col.Addr(t, "tcp"), "unix": col.Path("unix")} {
		conn := dial(t, network, addr)
		writer := fmt.Sprintf("%s-%d", network, round)
		tr.writing.Go(func() {
			for writeLines(conn, tr.streamed, writer, 100, 10) == nil {
				continue
			}
		})
	}
}

// check waits for the writers to notice the end, and compares.
func (tr *traffic) check(t *testing.T, sink *harness.Sink) {
	t.Helper()
	tr.writing.Wait()
	require.NotZero(t, tr.posted.Confirmed())
	require.NotZero(t, tr.drained.Confirmed())
	tr.posted.RequireNothingLost(t, sink.Logs(writtenBy("http")))
	tr.drained.RequireOncePerUID(t, sink.Logs(writtenBy("drain")))
	cutOff := harness.HasAttr("heartwood.parse_error")
	streamed := sink.Logs(harness.Not(writtenBy("http")), harness.Not(writtenBy("drain")), harness.Not(cutOff))
	require.NotEmpty(t, streamed)
	a := tr.streamed.Account(streamed)
	require.Empty(t, a.Unknown)
	require.Empty(t, a.Repeated)
	require.Empty(t, a.UIDs)
	tr.streamed.RequireNoGaps(t, streamed)

	var next []string // the line that each writer's last whole one was followed by
	for writer, n := range lastNumbers(streamed) {
		next = append(next, harness.LineText(writer, n+1))
	}
	for _, r := range sink.Logs(cutOff) {
		assert.True(t, slices.ContainsFunc(next, func(line string) bool { return strings.HasPrefix(line, r.Text()) }), "cut off: %v", r)
	}
}

func lastNumbers(records []harness.LogRecord) map[string]int {
	last := make(map[string]int)
	for _, r := range records {
		writer, _ := r.Attributes["writer"].(string)
		n, _ := r.Attributes["n"].(int64)
		last[writer] = max(last[writer], int(n))
	}
	return last
}

func writtenBy(prefix string) harness.Condition {
	return harness.Where("a writer named "+prefix+"...", func(r harness.LogRecord) bool {
		writer, _ := r.Attributes["writer"].(string)
		return strings.HasPrefix(writer, prefix+"-")
	})
}

// someDelay makes it likely that requests are under way at any time.
func someDelay() harness.Behaviour { return harness.Every(3, harness.Delay(20*time.Millisecond)) }

func TestTerminateInTheMiddle(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Behave(someDelay())
	col := harness.Start(t, outdent(shutdownReceiver)+outdent(overGRPC), harness.With("sink", sink))
	tr := newTraffic()
	tr.start(t, col, 0)
	sink.WaitLogCount(t, 4000)
	begin := time.Now()
	col.Stop(t)
	assert.Less(t, time.Since(begin), 20*time.Second, "nothing here takes so long to be delivered")
	tr.check(t, sink)
	// Those who were told nothing or 503 may have been in time all the same, but
	// those who were told 200 were told the truth.
	a := tr.posted.Account(sink.Logs(writtenBy("http")))
	assert.Empty(t, a.Repeated)
	assert.Zero(t, a.Again)
}

func TestKillInTheMiddle(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Behave(someDelay())
	col := harness.New(t, outdent(shutdownReceiver)+outdent(overGRPC), harness.With("sink", sink))
	tr := newTraffic()
	for round := range 4 {
		col.Start(t) // over the socket file that the round before left behind
		tr.start(t, col, round)
		sink.WaitLogCount(t, sink.LogCount()+3000)
		col.Kill()
		tr.check(t, sink)
	}

	// Clients that had no answer send again, and then nothing is missing at all.
	col.Start(t)
	require.NotEmpty(t, tr.resend)
	for _, resend := range tr.resend {
		require.NoError(t, resend())
	}
	require.Equal(t, tr.posted.Made(), tr.posted.Confirmed())
	require.Equal(t, tr.drained.Made(), tr.drained.Confirmed())
	tr.check(t, sink)
	col.Stop(t)
}
