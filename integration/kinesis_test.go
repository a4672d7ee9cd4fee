package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// awsEnv is what AWS's clients want, of which the servers here want nothing.
var awsEnv = []string{
	"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
}

// kinesisScript runs integration/kinesis/kinesis.sh, which has been prepared.
func kinesisScript(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there's no %s on this machine", program)
		}
	}
	script := filepath.Join(harness.Root(t), "integration", "kinesis", "kinesis.sh")
	out, err := exec.CommandContext(t.Context(), "sh", script, "prepare").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return script
}

// kinesisServer is another's server that stands for Kinesis.
type kinesisServer struct {
	url    string
	client *kinesis.Client
}

func startKinesisServer(t *testing.T, name string) *kinesisServer {
	t.Helper()
	script := kinesisScript(t)
	port := freeport.Take(t)
	harness.StartProcess(t, harness.Command{
		Name: name, Path: "/bin/sh",
		Args: []string{script, "run", name, strconv.Itoa(port), strconv.Itoa(freeport.Take(t))},
	})
	s := &kinesisServer{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	s.client = kinesisfake.NewClient(t, s.url)
	require.Eventually(t, func() bool {
		_, err := s.client.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		return err == nil
	}, 2*time.Minute, 100*time.Millisecond, "%s to answer at %s", name, s.url)
	return s
}

// create makes a stream, and waits until it is there.
func (s *kinesisServer) create(t *testing.T, stream string, shards int32) {
	t.Helper()
	_, err := s.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(stream), ShardCount: aws.Int32(shards)})
	require.NoError(t, err)
	s.waitActive(t, stream)
}

func (s *kinesisServer) waitActive(t *testing.T, stream string) {
	t.Helper()
	require.Eventually(t, func() bool {
		out, err := s.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)})
		return err == nil && out.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive
	}, time.Minute, 20*time.Millisecond, "stream %s to be there", stream)
}

// lambdaRecord is a record as AWS Lambda gives it to a function.
type lambdaRecord struct {
	Stream  string `json:"stream"` // ours, to tell several apart
	EventID string `json:"eventID"`
	Kinesis struct {
		SchemaVersion string  `json:"kinesisSchemaVersion"`
		PartitionKey  string  `json:"partitionKey"`
		Sequence      string  `json:"sequenceNumber"`
		Data          []byte  `json:"data"`
		Arrived       float64 `json:"approximateArrivalTimestamp"`
	} `json:"kinesis"`
}

// read reads a stream through GetRecords, shard by shard, parents before children.
func (s *kinesisServer) read(t *testing.T, stream string) (all []lambdaRecord) {
	t.Helper()
	list, err := s.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String(stream)})
	require.NoError(t, err)
	slices.SortFunc(list.Shards, func(a, b types.Shard) int { return strings.Compare(*a.ShardId, *b.ShardId) })
	for _, shard := range list.Shards {
		start, err := s.client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String(stream), ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		require.NoError(t, err)
		for at := start.ShardIterator; at != nil; {
			out, err := s.client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
			require.NoError(t, err)
			for _, r := range out.Records {
				one := lambdaRecord{Stream: stream, EventID: *shard.ShardId + ":" + *r.SequenceNumber}
				k := &one.Kinesis
				k.SchemaVersion, k.PartitionKey, k.Sequence, k.Data = "1.0", *r.PartitionKey, *r.SequenceNumber, r.Data
				if r.ApproximateArrivalTimestamp != nil {
					k.Arrived = float64(r.ApproximateArrivalTimestamp.UnixMilli()) / 1000
				}
				all = append(all, one)
			}
			if at = out.NextShardIterator; len(out.Records) == 0 && aws.ToInt64(out.MillisBehindLatest) == 0 {
				break
			}
		}
	}
	return all
}

// userRecord is a record that AWS's library took out of one that may be an aggregate.
type userRecord struct {
	Stream string `json:"stream"`
	Key    string `json:"key"`
	Data   []byte `json:"data"`
}

// deaggregate takes records apart with AWS's library for a language, python or node,
// and gives them by stream.
func deaggregate(t *testing.T, script, language string, records []lambdaRecord) map[string][]userRecord {
	t.Helper()
	var in bytes.Buffer
	encoder := json.NewEncoder(&in)
	for _, r := range records {
		require.NoError(t, encoder.Encode(r))
	}
	command := exec.CommandContext(t.Context(), "sh", script, "deaggregate", language)
	command.Stdin = &in
	var errors bytes.Buffer
	command.Stderr = &errors
	out, err := command.Output()
	require.NoError(t, err, "%s", errors.String())
	users := make(map[string][]userRecord)
	for line := range bytes.Lines(out) {
		var one userRecord
		require.NoError(t, json.Unmarshal(line, &one))
		users[one.Stream] = append(users[one.Stream], one)
	}
	return users
}

// decompress knows gzip and zstd by their first bytes, and says which it was.
func decompress(t *testing.T, data []byte) (plain []byte, kind string) {
	t.Helper()
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		plain, err = io.ReadAll(r)
		require.NoError(t, err)
		return plain, "gzip"
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(nil)
		require.NoError(t, err)
		defer r.Close()
		plain, err = r.DecodeAll(data, nil)
		require.NoError(t, err)
		return plain, "zstd"
	}
	return data, "none"
}

const (
	sampleRecords = 60
	sampleKeys    = 7
)

var sampleTime = time.Date(2026, 2, 3, 4, 5, 6, 789_012_345, time.UTC)

// sampleLogs have what log records can have.
func sampleLogs(t *testing.T) plog.Logs {
	t.Helper()
	logs := plog.NewLogs()
	for i := range sampleRecords {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", fmt.Sprintf("shop-%d", i%3))
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("lib")
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(sampleTime.Add(time.Duration(i) * time.Second)))
		r.SetObservedTimestamp(r.Timestamp() + 1)
		r.SetSeverityNumber(plog.SeverityNumberWarn)
		r.SetSeverityText("warning")
		a := r.Attributes()
		a.PutStr("request.id", fmt.Sprintf("r%d", i%sampleKeys))
		a.PutInt("n", int64(i))
		a.PutDouble("price", 99.99)
		a.PutBool("paid", true)
		require.NoError(t, a.PutEmptySlice("tags").FromRaw([]any{"a", int64(1), false}))
		require.NoError(t, a.PutEmptyMap("customer").FromRaw(map[string]any{"name": "Jürgen", "address": map[string]any{"zip": "10115"}}))
		a.PutEmptyBytes("raw").FromRaw([]byte{0, 1, 255})
		a.PutStr("log.record.uid", fmt.Sprintf("uid-%d", i))
		switch i % 4 {
		case 0:
			r.Body().SetStr("grüße äöü 日本語 🚀 \"quoted\"\nsecond line \u2028")
		case 1:
			require.NoError(t, r.Body().SetEmptyMap().FromRaw(map[string]any{"msg": "hi", "n": int64(1)}))
			r.SetEventName("buy")
		case 2:
			r.Body().SetInt(42)
			r.SetTraceID(traceOf(strconv.Itoa(i)))
			r.SetSpanID(pcommon.SpanID{1, 2, 3, 4, 5, 6, 7, 8})
			r.SetFlags(1)
		case 3:
			a.Remove("log.record.uid") // gets one
			r.Body().SetStr(strings.Repeat("long ", 2000))
		}
	}
	return logs
}

// flatDocument is a record as `encoding: json` writes it, by docs/format/kinesis.md.
func flatDocument(rl plog.ResourceLogs, sl plog.ScopeLogs, r plog.LogRecord) map[string]any {
	const layout = "2006-01-02T15:04:05.000000000Z07:00"
	d := rl.Resource().Attributes().AsRaw()
	maps.Copy(d, r.Attributes().AsRaw())
	d["raw"] = base64.StdEncoding.EncodeToString([]byte{0, 1, 255})
	d["time"], d["observed_time"] = r.Timestamp().AsTime().Format(layout), r.ObservedTimestamp().AsTime().Format(layout)
	d["severity"], d["severity_number"], d["body"], d["scope"] = r.SeverityText(), int64(r.SeverityNumber()), r.Body().AsRaw(), sl.Scope().Name()
	if r.EventName() != "" {
		d["event_name"] = r.EventName()
	}
	if !r.TraceID().IsEmpty() {
		d["trace_id"], d["span_id"], d["flags"] = r.TraceID().String(), r.SpanID().String(), int64(r.Flags())
	}
	return d
}

// asJSON is a value as it comes back from JSON.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	var back any
	require.NoError(t, json.Unmarshal(text, &back))
	return back
}

// kinesisForm is one of the forms in which records go into a stream.
type kinesisForm struct{ encoding, aggregation, compression string }

func (f kinesisForm) stream() string {
	return strings.Join([]string{f.encoding, f.aggregation, f.compression}, "-")
}

func kinesisForms() (all []kinesisForm) {
	for _, encoding := range []string{"otlp_proto", "otlp_json", "json", "ecs_encoding"} {
		for _, aggregation := range []string{"none", "kpl"} {
			for _, compression := range []string{"none", "gzip", "zstd"} {
				all = append(all, kinesisForm{encoding, aggregation, compression})
			}
		}
	}
	return all
}

// kinesisPipelines is a configuration that sends what comes in to a stream for each of
// the forms.
func kinesisPipelines(t *testing.T, forms []kinesisForm, url string) string {
	t.Helper()
	exporters := make(map[string]any)
	var names []string
	for _, f := range forms {
		name := "kinesis/" + f.stream()
		names = append(names, name)
		exporters[name] = map[string]any{
			"stream": f.stream(), "endpoint": url, "encoding": f.encoding,
			"aggregation": f.aggregation, "compression": f.compression,
		}
	}
	text, err := json.Marshal(map[string]any{
		"extensions": map[string]any{"ecs_encoding": nil},
		"exporters":  exporters,
		"service": map[string]any{
			"extensions": []string{"ecs_encoding"},
			"pipelines":  map[string]any{"logs": map[string]any{"receivers": []string{"otlp"}, "exporters": names}},
		},
	})
	require.NoError(t, err)
	return string(text)
}

// TestKinesisEncodings: in all forms, what is read back from the servers of others
// through GetRecords, and taken apart by AWS's own libraries, is what went in.
func TestKinesisEncodings(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"kinesis-local", "moto"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			script := kinesisScript(t)
			s := startKinesisServer(t, server)
			forms := kinesisForms()
			for _, f := range forms {
				s.create(t, f.stream(), 2)
			}
			col := harness.Start(t, `
				receivers:
				  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
			`, harness.WithEnv(awsEnv...), harness.WithFile(writeFile(t, "pipelines.yaml", kinesisPipelines(t, forms, s.url))))
			logs := sampleLogs(t)
			body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
			require.NoError(t, err)
			post(t, "http://"+col.Addr(t, "in")+"/v1/logs", body)
			col.Stop(t)
			var records []lambdaRecord
			for _, f := range forms {
				records = append(records, s.read(t, f.stream())...)
			}
			users := deaggregate(t, script, "python", records)
			assert.Equal(t, users, deaggregate(t, script, "node", records), "AWS's libraries agree")
			for _, f := range forms {
				t.Run(f.stream(), func(t *testing.T) {
					own := slices.DeleteFunc(slices.Clone(records), func(r lambdaRecord) bool { return r.Stream != f.stream() })
					f.check(t, own, users[f.stream()], logs)
				})
			}
		})
	}
}

// check holds what is in a stream against the logs.
func (f kinesisForm) check(t *testing.T, records []lambdaRecord, users []userRecord, logs plog.Logs) {
	t.Helper()
	require.Len(t, users, sampleRecords)
	if f.aggregation == "kpl" {
		assert.Less(t, len(records), sampleRecords/5, "aggregates have several records each")
		assert.True(t, bytes.HasPrefix(records[0].Kinesis.Data, []byte{0xf3, 0x89, 0x9a, 0xc2}))
	} else {
		assert.Len(t, records, sampleRecords)
	}
	last := make(map[string]int)
	uids := make(map[string]bool)
	for _, user := range users {
		data, compression := decompress(t, user.Data)
		assert.Equal(t, f.compression, compression)
		n, uid := f.checkRecord(t, data, logs)
		assert.Equal(t, fmt.Sprintf("r%d", n%sampleKeys), user.Key)
		if before, ok := last[user.Key]; ok {
			assert.Less(t, before, n, "the order of key %s", user.Key)
		}
		last[user.Key] = n
		if n%4 == 3 {
			assert.Len(t, uid, 36, "a UUID for a record that came without uid")
		} else {
			assert.Equal(t, fmt.Sprintf("uid-%d", n), uid)
		}
		uids[uid] = true
	}
	assert.Len(t, uids, sampleRecords, "each record is there once, with a uid of its own")
}

// checkRecord holds one record against the one of its number, and gives that and its uid.
func (f kinesisForm) checkRecord(t *testing.T, data []byte, logs plog.Logs) (n int, uid string) {
	t.Helper()
	if f.encoding == "json" {
		var got map[string]any
		require.NoError(t, json.Unmarshal(data, &got), "%s", data)
		number, _ := got["n"].(float64)
		uid, _ = got["log.record.uid"].(string)
		rl := logs.ResourceLogs().At(int(number))
		sl := rl.ScopeLogs().At(0)
		want := flatDocument(rl, sl, sl.LogRecords().At(0))
		want["log.record.uid"] = uid
		assert.Equal(t, asJSON(t, want), any(got))
		assert.NotContains(t, string(data), "\n")
		return int(number), uid
	}
	if f.encoding == "ecs_encoding" {
		return f.checkECS(t, data, logs)
	}
	var got plog.Logs
	var err error
	if f.encoding == "otlp_json" {
		got, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(data)
	} else {
		got, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
	}
	require.NoError(t, err)
	require.Equal(t, 1, got.LogRecordCount())
	attributes := got.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	number, _ := attributes.Get("n")
	id, _ := attributes.Get("log.record.uid")
	uid = id.Str()
	want := plog.NewLogs()
	logs.ResourceLogs().At(int(number.Int())).CopyTo(want.ResourceLogs().AppendEmpty())
	want.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutStr("log.record.uid", uid)
	assert.Equal(t, logsAsRaw(t, want), logsAsRaw(t, got))
	return int(number.Int()), uid
}

// checkECS is checkRecord for a document of ECS.
func (f kinesisForm) checkECS(t *testing.T, data []byte, logs plog.Logs) (n int, uid string) {
	t.Helper()
	require.NoError(t, ecscheck.Document(data), "%s", data)
	var got struct {
		Time    time.Time `json:"@timestamp"`
		Message string    `json:"message"`
		Event   struct {
			ID string `json:"id"`
		} `json:"event"`
		HTTP struct {
			Request struct {
				ID string `json:"id"`
			} `json:"request"`
		} `json:"http"`
		Labels struct {
			N int `json:"n"`
		} `json:"labels"`
	}
	require.NoError(t, json.Unmarshal(data, &got), "%s", data)
	r := logs.ResourceLogs().At(got.Labels.N).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, r.Timestamp().AsTime(), got.Time)
	if r.Body().Type() != pcommon.ValueTypeMap {
		assert.Equal(t, r.Body().AsString(), got.Message)
	}
	request, _ := r.Attributes().Get("request.id")
	assert.Equal(t, request.AsString(), got.HTTP.Request.ID)
	return got.Labels.N, got.Event.ID
}

// logsAsRaw is what logs are, whatever the order of their attributes.
func logsAsRaw(t *testing.T, logs plog.Logs) []any {
	t.Helper()
	var all []any
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				all = append(all, []any{
					rl.Resource().Attributes().AsRaw(), sl.Scope().Name(), r.Timestamp(), r.ObservedTimestamp(), r.SeverityNumber(), r.SeverityText(),
					r.Body().AsRaw(), r.EventName(), r.TraceID(), r.SpanID(), r.Flags(), r.Attributes().AsRaw(),
				})
			}
		}
	}
	return all
}

// spansAndPoints are requests of 20 spans and of 20 data points.
func spansAndPoints(t *testing.T) (spans, points []byte) {
	t.Helper()
	traces := ptrace.NewTraces()
	metrics := pmetric.NewMetrics()
	for i := range 20 {
		rs := traces.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "shop")
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName(fmt.Sprintf("GET /%d", i))
		s.SetTraceID(traceOf(strconv.Itoa(i % 3)))
		s.SetSpanID(pcommon.SpanID{1, byte(i)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(sampleTime))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(sampleTime.Add(time.Second)))

		rm := metrics.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", "shop")
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(fmt.Sprintf("orders.%d", i))
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(sampleTime))
		p.SetIntValue(int64(i))
	}
	spans, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	points, err = (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return spans, points
}

// TestKinesisTracesAndMetrics: spans and data points go into a stream, too.
func TestKinesisTracesAndMetrics(t *testing.T) {
	t.Parallel()
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"traces": 2, "metrics": 2, "documents": 2}})
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  kinesis/traces: {stream: traces, endpoint: {{.url}}, encoding: otlp_proto}
		  kinesis/metrics: {stream: metrics, endpoint: {{.url}}, encoding: otlp_proto}
		  kinesis/documents: {stream: documents, endpoint: {{.url}}, encoding: json, aggregation: kpl}
		service:
		  pipelines:
		    traces: {receivers: [otlp], exporters: [kinesis/traces, kinesis/documents]}
		    metrics: {receivers: [otlp], exporters: [kinesis/metrics, kinesis/documents]}
	`, harness.With("url", fake.URL()), harness.WithEnv(awsEnv...))

	traces, metrics := spansAndPoints(t)
	post(t, "http://"+col.Addr(t, "in")+"/v1/traces", traces)
	post(t, "http://"+col.Addr(t, "in")+"/v1/metrics", metrics)
	col.Stop(t)

	spans, points, documents := make(map[string]string), make(map[string]int64), make(map[string]map[string]any)
	for _, user := range fake.UserRecords(t, "traces") {
		got, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(user.Data)
		require.NoError(t, err)
		s := got.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		assert.Equal(t, s.TraceID().String(), user.Key, "without request.id the trace is the key")
		spans[s.Name()] = s.SpanID().String()
	}
	for _, user := range fake.UserRecords(t, "metrics") {
		got, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(user.Data)
		require.NoError(t, err)
		m := got.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
		points[m.Name()] = m.Gauge().DataPoints().At(0).IntValue()
	}
	for _, user := range fake.UserRecords(t, "documents") {
		var d map[string]any
		require.NoError(t, json.Unmarshal(user.Data, &d))
		name, _ := d["name"].(string)
		documents[name] = d
	}
	require.Len(t, spans, 20)
	require.Len(t, points, 20)
	require.Len(t, documents, 40)
	for i := range 20 {
		assert.Equal(t, pcommon.SpanID{1, byte(i)}.String(), spans[fmt.Sprintf("GET /%d", i)])
		assert.Equal(t, int64(i), points[fmt.Sprintf("orders.%d", i)])
		span, point := documents[fmt.Sprintf("GET /%d", i)], documents[fmt.Sprintf("orders.%d", i)]
		assert.Equal(t, "2026-02-03T04:05:07.789012345Z", span["end_time"])
		assert.Equal(t, "shop", span["service.name"])
		assert.InDelta(t, i, point["value"], 0)
		assert.Equal(t, "2026-02-03T04:05:06.789012345Z", point["time"])
		assert.Len(t, point["heartwood.record.uid"], 36)
	}
}
