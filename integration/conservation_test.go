package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// Line for line through the whole binary, while the place behind it refuses
// three of ten requests and stalls for seconds. The exporters have no queue and
// don't try again themselves, so that all of this reaches the receiver.

const overGRPC = `
	exporters:
	  otlp_grpc:
	    endpoint: {{.sink.GRPC}}
	    tls: {insecure: true}
	    timeout: 60s
	    sending_queue: {enabled: false}
	    retry_on_failure: {enabled: false}
	service:
	  pipelines:
	    logs: {receivers: [logfmt], exporters: [otlp_grpc]}
`

const overHTTP = `
	exporters:
	  otlp_http:
	    endpoint: {{.sink.HTTP}}
	    timeout: 60s
	    sending_queue: {enabled: false}
	    retry_on_failure: {enabled: false}
	service:
	  pipelines:
	    logs: {receivers: [logfmt], exporters: [otlp_http]}
`

// difficult refuses three of ten requests, half of them with UNAVAILABLE or
// 503, half with RESOURCE_EXHAUSTED or 429, and lets every tenth that is left
// wait for two seconds.
func difficult() harness.Behaviour {
	return harness.All(
		harness.RefuseShare(0.15, 1, harness.Refusal{Reason: harness.Unavailable}),
		harness.RefuseShare(0.18, 2, harness.Refusal{Reason: harness.Exhausted}),
		harness.Every(10, harness.Delay(2*time.Second)),
	)
}

func TestConservationOverStreams(t *testing.T) {
	t.Parallel()
	const writers, lines = 3, 12_000
	for name, test := range map[string]struct {
		network, receiver, exporter string
	}{
		"tcp, from there over gRPC":  {"tcp", `{tcp: {endpoint: {{addr "in"}}}, accept_timeout: 30s, batch: {max_records: 500}}`, overGRPC},
		"tcp, from there over HTTP":  {"tcp", `{tcp: {endpoint: {{addr "in"}}}, accept_timeout: 30s, batch: {max_records: 500}}`, overHTTP},
		"unix, from there over gRPC": {"unix", `{unix: {path: {{file "in"}}}, accept_timeout: 30s, batch: {max_records: 500}}`, overGRPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, ledger := harness.NewSink(t), harness.NewLedger()
			sink.Behave(difficult())
			col := harness.Start(t, "receivers: {logfmt: "+test.receiver+"}\n"+outdent(test.exporter), harness.With("sink", sink))
			addr := col.Path("in")
			if test.network == "tcp" {
				addr = col.Addr(t, "in")
			}

			var writing sync.WaitGroup
			for w := range writers {
				conn := dial(t, test.network, addr)
				writing.Go(func() {
					// Sizes that don't go into those of the reader, so that lines
					// are cut anywhere.
					assert.NoError(t, writeLines(conn, ledger, fmt.Sprintf("w%d", w), lines, 1+97*w))
					assert.NoError(t, conn.Close())
				})
			}
			writing.Wait()
			ledger.Await(sink)

			require.Equal(t, writers*lines, ledger.Confirmed())
			ledger.RequireExactlyOnce(t, sink.Logs())
			requireInOrder(t, sink.Logs())
			assert.Greater(t, sink.Refused(), 5, "the sink was to be difficult")
			requireBalance(t, col, test.network, writers*lines)
			assert.Positive(t, col.Metrics(t).Sum("otelcol_receiver_logfmt_retries", "transport="+test.network))
			col.Stop(t)
			assert.Equal(t, writers*lines, sink.LogCount(), "nothing more may come at the end")
		})
	}
}

// requireInOrder checks that the lines of one connection came in their order.
func requireInOrder(t *testing.T, records []harness.LogRecord) {
	t.Helper()
	last := make(map[any]int64)
	for _, r := range records {
		writer, n := r.Attributes["writer"], r.Attributes["n"].(int64) //nolint:forcetypeassert // the ledger has seen it
		if n <= last[writer] {
			t.Fatalf("line %d of %v came after line %d", n, writer, last[writer])
		}
		last[writer] = n
	}
}

func outdent(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll("\n"+text, "\n\t", "\n"), "\n\n", "\n")
}

func TestConservationOverHTTP(t *testing.T) {
	t.Parallel()
	const writers, requests, lines = 4, 25, 73
	for name, exporter := range map[string]string{"from there over gRPC": overGRPC, "from there over HTTP": overHTTP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, ledger := harness.NewSink(t), harness.NewLedger()
			sink.Behave(difficult())
			col := harness.Start(t, `receivers: {logfmt: {http: {endpoint: {{addr "in"}}}, accept_timeout: 20s}}`+outdent(exporter), harness.With("sink", sink))

			poster := newPoster(t, col.Addr(t, "in"))
			var writing sync.WaitGroup
			for w := range writers {
				writing.Go(func() {
					for range requests {
						if !assert.NoError(t, poster.post(t.Context(), ledger.Make(fmt.Sprintf("w%d", w), lines))) {
							return
						}
					}
				})
			}
			writing.Wait()

			// No waiting: 200 says that they are there.
			require.Equal(t, writers*requests*lines, ledger.Confirmed())
			ledger.RequireExactlyOnce(t, sink.Logs())
			assert.Greater(t, int(poster.postponed.Load()), writers*requests/10, "the sink was to be difficult")
			assert.Equal(t, int(poster.postponed.Load()), sink.Refused(), "each refusal must reach the client, and nothing else postpones it")
			requireBalance(t, col, "http", writers*requests*lines)
			col.Stop(t)
		})
	}
}

// The answer may be lost after the place behind has taken the records, or may
// come after accept_timeout. Then the receiver hands them over again, and the
// next one knows them by their uid.
func TestRepeatsOfAStreamAreKnownByTheirUID(t *testing.T) {
	t.Parallel()
	const lines = 12_000
	sink, ledger := harness.NewSink(t), harness.NewLedger()
	sink.Behave(harness.All(
		harness.RefuseShare(0.2, 3, harness.Refusal{AfterStoring: true}),
		harness.Every(9, harness.Delay(1500*time.Millisecond)),
	))
	col := harness.Start(t, `receivers: {logfmt: {tcp: {endpoint: {{addr "in"}}}, accept_timeout: 1s, batch: {max_records: 500}}}`+outdent(overGRPC), harness.With("sink", sink))
	conn := dial(t, "tcp", col.Addr(t, "in"))
	require.NoError(t, writeLines(conn, ledger, "w", lines, 100))
	require.NoError(t, conn.Close())

	sink.WaitFor(t, "every line", time.Minute, func() bool { return ledger.Account(sink.Logs()).Found == lines })
	ledger.RequireOncePerUID(t, sink.Logs())
	assert.Positive(t, ledger.Account(sink.Logs()).Again, "the sink was to keep what it refused")
	col.Stop(t)
}

// Of a Logplex drain, too: there, the frame's id makes the uid, so that even
// what the sender sends again is known.
func TestRepeatsOfADrainAreKnownByTheirUID(t *testing.T) {
	t.Parallel()
	const writers, requests, lines = 3, 25, 20
	sink, ledger := harness.NewSink(t), harness.NewLedger()
	sink.Behave(harness.All(
		harness.RefuseShare(0.2, 4, harness.Refusal{AfterStoring: true}),
		harness.RefuseShare(0.1, 5, harness.Refusal{Reason: harness.Exhausted}),
	))
	col := harness.Start(t, `receivers: {logfmt: {http: {endpoint: {{addr "in"}}}}}`+outdent(overGRPC), harness.With("sink", sink))
	poster := newPoster(t, col.Addr(t, "in"))
	poster.request = poster.logplex
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for range requests {
				batch := ledger.Make(fmt.Sprintf("w%d", w), lines)
				if !assert.NoError(t, poster.post(t.Context(), batch)) {
					return
				}
				// The answer was lost, the sender thinks: it is answered 200
				// again, and nothing is handed over a second time.
				if !assert.NoError(t, poster.post(t.Context(), batch)) {
					return
				}
			}
		})
	}
	writing.Wait()
	ledger.RequireOncePerUID(t, sink.Logs())
	assert.Positive(t, ledger.Account(sink.Logs()).Again, "the sink was to keep what it refused")
	assert.Len(t, sink.Logs(harness.Resource("heroku.drain.token", "d.5ca1ab1e")), len(sink.Logs()))
	m := col.Metrics(t)
	assert.InDelta(t, writers*requests*lines, m.Sum("otelcol_receiver_logfmt_records_accepted"), 0)
	assert.InDelta(t, writers*requests*lines, m.Sum("otelcol_receiver_logfmt_records_repeated"), 0)
	col.Stop(t)
}

// The exporters' queue of our configurations: on disk, blocking when it's full,
// trying again for ever.
func TestConservationThroughAQueueOnDisk(t *testing.T) {
	t.Parallel()
	const writers, lines = 3, 6000
	sink, ledger := harness.NewSink(t), harness.NewLedger()
	sink.Behave(difficult())
	col := harness.Start(t, `
		receivers:
		  logfmt: {tcp: {endpoint: {{addr "in"}}}, accept_timeout: 20s, batch: {max_records: 200}}
		extensions:
		  file_storage: {directory: {{dir "queue"}}, fsync: true}
		exporters:
		  otlp_grpc:
		    endpoint: {{.sink.GRPC}}
		    tls: {insecure: true}
		    timeout: 60s
		    sending_queue: {storage: file_storage, queue_size: 10, block_on_overflow: true, num_consumers: 2}
		    retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0}
		service:
		  extensions: [file_storage]
		  pipelines:
		    logs: {receivers: [logfmt], exporters: [otlp_grpc]}
	`, harness.With("sink", sink))
	var writing sync.WaitGroup
	for w := range writers {
		conn := dial(t, "tcp", col.Addr(t, "in"))
		writing.Go(func() {
			assert.NoError(t, writeLines(conn, ledger, fmt.Sprintf("w%d", w), lines, 50))
			assert.NoError(t, conn.Close())
		})
	}
	writing.Wait()
	ledger.Await(sink)
	ledger.RequireExactlyOnce(t, sink.Logs())
	assert.Positive(t, sink.Refused(), "the sink was to be difficult")
	requireBalance(t, col, "tcp", writers*lines)
	col.Stop(t)
}
