package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// fragments sends records of requests over OTLP, and knows which of them were
// accepted.
type fragments struct {
	client *http.Client
	traced bool // each request is a trace

	mu        sync.Mutex
	confirmed map[string]bool // by the record's attribute n
}

func newFragments(t *testing.T) *fragments {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &fragments{client: &http.Client{Transport: transport, Timeout: 20 * time.Second}, confirmed: make(map[string]bool)}
}

// fragment is one record.
type fragment struct {
	service, request, n string
}

func (f fragment) put(logs plog.Logs) plog.LogRecord {
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", f.service)
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	r.Body().SetStr("part " + f.n)
	r.Attributes().PutStr("request_id", f.request)
	r.Attributes().PutStr("n", f.n)
	r.Attributes().PutStr("log.record.uid", "uid of "+f.n)
	return r
}

func traceOf(request string) pcommon.TraceID {
	sum := sha256.Sum256([]byte(request))
	return pcommon.TraceID(sum[:16])
}

// send posts a batch until it is accepted, over whatever happens to the collector.
func (f *fragments) send(ctx context.Context, addr string, batch []fragment) error {
	logs := plog.NewLogs()
	for _, one := range batch {
		r := one.put(logs)
		if f.traced {
			r.SetTraceID(traceOf(one.request))
		}
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		return err
	}
	for {
		status, answer, err := f.post(ctx, addr, body)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && status == http.StatusOK:
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, one := range batch {
				f.confirmed[one.n] = true
			}
			return nil
		case err == nil && status == http.StatusBadRequest:
			return fmt.Errorf("status %d: %s", status, answer)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *fragments) post(ctx context.Context, addr string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/logs", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := f.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// texts gives the texts of an attribute that is one, or a list.
func texts(value any) (all []string) {
	switch v := value.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, e := range v {
			all = append(all, texts(e)...)
		}
	}
	return all
}

// folded is where each record was found: in which events, by fold.id.
func folded(t *testing.T, records []harness.LogRecord) map[string]map[string]bool {
	t.Helper()
	where := make(map[string]map[string]bool)
	for _, r := range records {
		id, _ := r.Attributes["fold.id"].(string)
		require.NotEmpty(t, id, "an event without fold.id: %v", r)
		inEvent := make(map[string]bool)
		for _, n := range texts(r.Attributes["n"]) {
			assert.False(t, inEvent[n], "record %s twice in event %s", n, id)
			inEvent[n] = true
			if where[n] == nil {
				where[n] = make(map[string]bool)
			}
			where[n][id] = true
		}
	}
	return where
}

// missing are confirmed records that are in no event.
func (f *fragments) missing(where map[string]map[string]bool) (missing []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.confirmed {
		if len(where[n]) == 0 {
			missing = append(missing, n)
		}
	}
	return missing
}

// requireFolded waits until every confirmed record is in an event, and requires that
// none is in two.
func (f *fragments) requireFolded(t *testing.T, sink *harness.Sink) {
	t.Helper()
	ok := assert.Eventually(t, func() bool { return len(f.missing(folded(t, sink.Logs()))) == 0 }, time.Minute, 200*time.Millisecond)
	where := folded(t, sink.Logs())
	if !ok {
		missing := f.missing(where)
		require.Failf(t, "records are lost", "%d of %d, such as %q", len(missing), len(f.confirmed), missing[:min(5, len(missing))])
	}
	for n, ids := range where {
		require.Len(t, ids, 1, "record %s is in several events", n)
	}
}

// kills is how often the collector is killed while requests are sent to it.
const kills = 30

// TestFoldKilledNothingIsLost: the collector is killed at random moments while
// requests come in, each in several batches. Every record that was accepted is in one
// event; an event that was emitted twice has the same fold.id. Events end in less time than
// the disk may take, or a restart.
func TestFoldKilledNothingIsLost(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Behave(harness.RefuseShare(0.1, 1, harness.Refusal{Reason: harness.Unavailable}))
	col := harness.New(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		processors:
		  event_fold:
		    key: [request_id]
		    style: canonical
		    merge: {keys: {n: list}}
		    directory: {{dir "journal"}}
		    idle_timeout: 20ms
		exporters:
		  otlp_grpc:
		    endpoint: {{.sink.GRPC}}
		    tls: {insecure: true}
		    sending_queue: {enabled: false}
		    retry_on_failure: {enabled: false}
		service:
		  pipelines:
		    logs: {receivers: [otlp], processors: [event_fold], exporters: [otlp_grpc]}
	`, harness.With("sink", sink))
	addr := col.Addr(t, "in")

	sender := newFragments(t)
	var sending sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		sending.Go(func() {
			for request := 0; ; request++ {
				for part := range 3 {
					select {
					case <-stop:
						return
					default:
					}
					var batch []fragment
					for i := range 5 {
						batch = append(batch, fragment{"shop", fmt.Sprintf("w%d-%d", w, request), fmt.Sprintf("w%d-%d-%d-%d", w, request, part, i)})
					}
					if err := sender.send(t.Context(), addr, batch); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	dice := rand.New(rand.NewPCG(3, 5))
	for range kills {
		col.Start(t)
		time.Sleep(time.Duration(100+dice.IntN(400)) * time.Millisecond)
		col.Kill()
	}
	col.Start(t)
	close(stop)
	sending.Wait()
	sender.requireFolded(t, sink)
	t.Logf("%d records in %d events", len(sender.confirmed), sink.LogCount())
	assert.Greater(t, len(sender.confirmed), 1000, "something was to be sent")

	m := col.WaitMetrics(t, "nothing to be held", func(m harness.Metrics) bool {
		return m.Has("otelcol_processor_event_fold_records_held") && m.Sum("otelcol_processor_event_fold_records_held") == 0
	})
	assert.InDelta(t, m.Sum("otelcol_processor_event_fold_records_received"),
		m.Sum("otelcol_processor_event_fold_records_merged")+
			m.Sum("otelcol_processor_event_fold_records_passed")+
			m.Sum("otelcol_processor_event_fold_records_repeated")+
			m.Sum("otelcol_processor_event_fold_records_dropped"), 0, "conservation\n%v", m)
	col.Stop(t)
}

// TestFoldJournalHasOneUser: two processors can't share a directory.
func TestFoldJournalHasOneUser(t *testing.T) {
	t.Parallel()
	col := harness.New(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		processors:
		  event_fold: {directory: {{dir "journal"}}}
		exporters:
		  nop:
		service:
		  pipelines:
		    logs/a: {receivers: [otlp], processors: [event_fold], exporters: [nop]}
		    logs/b: {receivers: [otlp], processors: [event_fold], exporters: [nop]}
	`)
	said := col.FailToStart(t)
	assert.Contains(t, said, col.Path("journal"))
}

// fleet is two agents in front of two gateways, as configs/ has them, at fixed addresses.
type fleet struct {
	agents, gateways []*harness.Collector
}

// gatewayToSink has a gateway fold in haste, and send documents to a sink alone.
const gatewayToSink = `
	processors:
	  event_fold: {style: canonical, merge: {keys: {n: list}}}
	  event_fold/request: {style: canonical, merge: {keys: {n: list}}}
	exporters:
	  otlp_http: {endpoint: {{.sink.HTTP}}, sending_queue: {storage: file_storage, block_on_overflow: true}, retry_on_failure: {max_elapsed_time: 0}}
	service:
	  pipelines:
	    logs/store: {exporters: [otlp_http]}
	    traces/store: {exporters: [otlp_http]}
`

// newGateway prepares a gateway that makes a document of each request.
func newGateway(t *testing.T, s *site, sink *harness.Sink, name string, options ...harness.Option) *harness.Collector {
	t.Helper()
	return harness.New(t, gatewayToSink, append([]harness.Option{
		harness.WithFile("configs/gateway.yaml"), harness.WithFile("configs/parts/request-documents.yaml"),
		harness.WithName(name), harness.With("sink", sink), s.options(t),
	}, options...)...)
}

func startFleet(t *testing.T, sink *harness.Sink) *fleet {
	t.Helper()
	s, f := newSite(t), &fleet{}
	var addresses []string
	for i := range 2 {
		gateway := newGateway(t, s, sink, fmt.Sprintf("gateway %d", i+1))
		addresses = append(addresses, gateway.Addr(t, "otlp grpc"))
		gateway.Start(t)
		f.gateways = append(f.gateways, gateway)
	}
	for i := range 2 {
		f.agents = append(f.agents, harness.Start(t, `
			exporters:
			  load_balancing: {resolver: {dns: null, static: {hostnames: [{{.addresses}}]}}}
			  load_balancing/trace: {resolver: {dns: null, static: {hostnames: [{{.addresses}}]}}}
			  load_balancing/metrics: {resolver: {dns: null, static: {hostnames: [{{.addresses}}]}}}
		`, harness.WithFile("configs/gateway-pool.yaml"), harness.WithName(fmt.Sprintf("agent %d", i+1)),
			harness.With("addresses", strings.Join(addresses, ", ")), s.options(t, `HEARTWOOD_LOGS={{dir "logs"}}/*.log`)))
	}
	return f
}

// TestFleetFoldsEveryRequestOnce: the parts of a request come to two agents, and meet
// in one of two gateways, also while a gateway is stopped and comes back.
func TestFleetFoldsEveryRequestOnce(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	f := startFleet(t, sink)
	sender := newFragments(t)
	send := func(requests int, name string) {
		for request := range requests {
			for part, service := range []string{"purchasing", "inventory", "ordering", "purchasing"} {
				agent := f.agents[(request+part)%2]
				batch := []fragment{
					{service, fmt.Sprintf("%s-%d", name, request), fmt.Sprintf("%s-%d-%d-a", name, request, part)},
					{service, fmt.Sprintf("%s-%d", name, request), fmt.Sprintf("%s-%d-%d-b", name, request, part)},
				}
				require.NoError(t, sender.send(t.Context(), agent.Addr(t, "otlp http"), batch))
			}
		}
	}
	send(40, "both-up")
	sender.requireFolded(t, sink)
	documents := sink.Logs()
	assert.Len(t, documents, 40, "one for each request")
	for _, d := range documents {
		assert.EqualValues(t, 8, d.Attributes["fold.count"], "%v", d)
		assert.ElementsMatch(t, []string{"purchasing", "inventory", "ordering"}, texts(d.Resource["service.name"]))
	}
	for i, gateway := range f.gateways {
		assert.Positive(t, gateway.Metrics(t).Sum("otelcol_processor_event_fold_records_merged"), "gateway %d has its share", i+1)
	}

	f.gateways[0].Stop(t)
	send(40, "one-down")
	f.gateways[0].Start(t)
	send(10, "back")
	sender.requireFolded(t, sink)
	for _, c := range append(f.agents, f.gateways...) {
		c.Stop(t)
	}
}
