package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// consumerPython runs Python in examples/kinesis-consumer, and gives what it printed.
func consumerPython(t *testing.T, script string, arguments ...string) (stdout []byte, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", append([]string{script, "python"}, arguments...)...)
	command.Dir = filepath.Join(harness.Root(t), "examples", "kinesis-consumer")
	command.Env = append(command.Environ(), awsEnv...)
	var errors bytes.Buffer
	command.Stderr = &errors
	stdout, err := command.Output()
	require.NoError(t, err, "%s%s", stdout, errors.String())
	return stdout, errors.String()
}

// TestKinesisConsumerAlone: the example's own tests.
func TestKinesisConsumerAlone(t *testing.T) {
	t.Parallel()
	_, said := consumerPython(t, kinesisScript(t), "-m", "unittest")
	assert.Regexp(t, `Ran [1-9][0-9] tests`, said)
}

// consumed is a document of the example consumer's.
type consumed struct {
	Collection string
	Document   struct {
		ID     string `json:"_id"`
		At     string `json:"at"`
		Body   any    `json:"body"`
		Events map[string]struct {
			Fold struct {
				ID    string
				Count int
			}
			Request struct {
				MacroID string `json:"macro_id"`
			}
			N any
		}
	}
}

// consumedFrom runs the consumer over a stream, with each event brought twice, as
// Lambda may.
func consumedFrom(t *testing.T, script string, s *kinesisServer, stream string) (all []consumed) {
	t.Helper()
	out, _ := consumerPython(t, script, "try_it.py", "--stream", stream, "--endpoint", s.url, "--region", "us-east-1", "--repeat", "2", "--batch", "7")
	for line := range bytes.Lines(out) {
		var one consumed
		require.NoError(t, json.Unmarshal(line, &one), "%s", line)
		all = append(all, one)
	}
	return all
}

const (
	consumerOrders = 12
	consumerParts  = 3 // services that log for an order
)

// orderLogs are records of orders: each order is a request to ordering, which causes
// one to inventory and one to purchasing. Half of the orders are of the day before.
func orderLogs(t *testing.T) []byte {
	t.Helper()
	logs := plog.NewLogs()
	for order := range consumerOrders {
		for part, service := range []string{"ordering", "inventory", "purchasing"} {
			rl := logs.ResourceLogs().AppendEmpty()
			rl.Resource().Attributes().PutStr("service.name", service)
			records := rl.ScopeLogs().AppendEmpty().LogRecords()
			for i := range 2 {
				r := records.AppendEmpty()
				r.SetTimestamp(pcommon.NewTimestampFromTime(sampleTime.AddDate(0, 0, -order%2)))
				r.Body().SetStr(fmt.Sprintf("line %d of %s", i, service))
				r.Attributes().PutStr("request.id", fmt.Sprintf("order-%d-%s", order, service))
				if part > 0 {
					r.Attributes().PutStr("caused_by", fmt.Sprintf("order-%d-ordering", order))
				}
				r.Attributes().PutStr("n", fmt.Sprintf("%d-%d-%d", order, part, i))
			}
		}
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return body
}

// TestKinesisConsumer: records go through the collector into an emulator's stream, and
// from there, as Lambda's events, through the example consumer: one document for each
// record, or with folding one for each macro-transaction, in the collection of its day.
func TestKinesisConsumer(t *testing.T) {
	t.Parallel()
	script := kinesisScript(t)
	s := startKinesisServer(t, "kinesis-local")
	for _, stream := range []string{"plain", "batches", "folded"} {
		s.create(t, stream, 3)
	}
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		processors:
		  request_id:
		  event_fold: {key: [request.id], idle_timeout: 300ms, style: canonical, merge: {keys: {n: list}}}
		exporters:
		  kinesis/plain: {stream: plain, endpoint: {{.url}}, encoding: json, aggregation: kpl, compression: gzip}
		  kinesis/batches: {stream: batches, endpoint: {{.url}}, encoding: otlp_json, unit: batch, compression: zstd}
		  kinesis/folded: {stream: folded, endpoint: {{.url}}, encoding: json, aggregation: kpl, spool: {directory: {{dir "spool"}}}}
		service:
		  pipelines:
		    logs/plain: {receivers: [otlp], processors: [request_id], exporters: [kinesis/plain, kinesis/batches]}
		    logs/folded: {receivers: [otlp], processors: [request_id, event_fold], exporters: [kinesis/folded]}
	`, harness.With("url", s.url), harness.WithEnv(awsEnv...))
	post(t, "http://"+col.Addr(t, "in")+"/v1/logs", orderLogs(t))
	col.WaitMetrics(t, "the records, twice, and the folded events to be in the streams", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_kinesis_records_delivered") >= consumerOrders*consumerParts*(2+2+1)
	})
	col.Stop(t)

	days := []string{"logs_2026_02_03", "logs_2026_02_02"}
	for _, stream := range []string{"plain", "batches"} {
		ids := make(map[string]bool)
		for _, one := range consumedFrom(t, script, s, stream) {
			assert.Contains(t, days, one.Collection)
			assert.Len(t, one.Document.ID, 36, "a UUID")
			assert.IsType(t, "", one.Document.Body)
			ids[one.Document.ID] = true
		}
		assert.Len(t, ids, consumerOrders*consumerParts*2, stream)
	}
	found := make(map[string]int)
	documents := consumedFrom(t, script, s, "folded")
	assert.Len(t, documents, consumerOrders, "one for each macro-transaction")
	for _, one := range documents {
		order, ok := strings.CutPrefix(one.Document.ID, "order-")
		require.True(t, ok, "%v", one.Document.ID)
		order, _, _ = strings.Cut(order, "-")
		var number int
		_, err := fmt.Sscan(order, &number)
		require.NoError(t, err)
		assert.Equal(t, days[number%2], one.Collection)
		require.Len(t, one.Document.Events, consumerParts)
		for uid, event := range one.Document.Events {
			assert.Equal(t, one.Document.ID, event.Request.MacroID)
			assert.Equal(t, uid, event.Fold.ID)
			assert.Equal(t, 2, event.Fold.Count)
			for _, n := range texts(event.N) {
				assert.True(t, strings.HasPrefix(n, order+"-"), n)
				found[n]++
			}
		}
	}
	assert.Len(t, found, consumerOrders*consumerParts*2)
}

// again puts all that is in a stream into it once more, as a collector does that was
// killed with everything in flight.
func (s *kinesisServer) again(t *testing.T, stream string) {
	t.Helper()
	records := s.read(t, stream)
	require.NotEmpty(t, records)
	for _, r := range records {
		_, err := s.client.PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: aws.String(stream), PartitionKey: aws.String(r.Kinesis.PartitionKey), Data: r.Kinesis.Data,
		})
		require.NoError(t, err)
	}
	require.Len(t, s.read(t, stream), 2*len(records))
}

// TestKinesisConsumerDropsRepeats: log records, spans and data points that are twice in
// the stream, and spans and data points that were sent to the collector twice, are there
// once.
func TestKinesisConsumerDropsRepeats(t *testing.T) {
	t.Parallel()
	script := kinesisScript(t)
	s := startKinesisServer(t, "kinesis-local")
	streams := map[string]int{ // and how many documents come of it
		"logs": consumerOrders * consumerParts * 2, "spans": 20, "points": 20, "spans-otlp": 20, "points-otlp": 20,
	}
	for stream := range streams {
		s.create(t, stream, 1)
	}
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  kinesis/logs: {stream: logs, endpoint: {{.url}}, encoding: json}
		  kinesis/spans: {stream: spans, endpoint: {{.url}}, encoding: json, aggregation: kpl}
		  kinesis/points: {stream: points, endpoint: {{.url}}, encoding: json, unit: batch, partition_key: [service.name]}
		  kinesis/spans-otlp: {stream: spans-otlp, endpoint: {{.url}}, encoding: otlp_json, unit: batch, compression: gzip}
		  kinesis/points-otlp: {stream: points-otlp, endpoint: {{.url}}, encoding: otlp_json, aggregation: kpl, compression: zstd}
		service:
		  pipelines:
		    logs: {receivers: [otlp], exporters: [kinesis/logs]}
		    traces: {receivers: [otlp], exporters: [kinesis/spans, kinesis/spans-otlp]}
		    metrics: {receivers: [otlp], exporters: [kinesis/points, kinesis/points-otlp]}
	`, harness.With("url", s.url), harness.WithEnv(awsEnv...))
	in := "http://" + col.Addr(t, "in")
	post(t, in+"/v1/logs", orderLogs(t))
	spans, points := spansAndPoints(t)
	for range 2 {
		post(t, in+"/v1/traces", spans)
		post(t, in+"/v1/metrics", points)
	}
	col.Stop(t)
	for stream, want := range streams {
		s.again(t, stream)
		ids := make(map[string]bool)
		documents := consumedFrom(t, script, s, stream)
		for _, one := range documents {
			ids[one.Document.ID] = true
		}
		assert.Len(t, documents, want, stream)
		assert.Len(t, ids, want, stream)
	}
}
