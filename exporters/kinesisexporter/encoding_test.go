package kinesisexporter

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/datapoint"
	"github.com/heartwood-otel/heartwood/internal/logencoding"
)

func readLines(tb testing.TB, file string) []string {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	require.True(tb, bytes.HasSuffix(text, []byte("\n")))
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// decode reads user records of logs back.
func decode(tb testing.TB, unmarshaler plog.Unmarshaler, data []byte) plog.Logs {
	tb.Helper()
	logs, err := unmarshaler.UnmarshalLogs(data)
	require.NoError(tb, err, "%q", data)
	return logs
}

// flatten gives resource, scope and record of each record as text, to compare them.
func flatten(logs plog.Logs) []string {
	var all []string
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				all = append(all, fmt.Sprint(rl.Resource().Attributes().AsRaw(), rl.SchemaUrl(), sl.Scope().Name(), sl.SchemaUrl(),
					r.Timestamp(), r.Body().AsRaw(), r.Attributes().AsRaw(), r.TraceID()))
			}
		}
	}
	slices.Sort(all)
	return all
}

func someRecords() []rec {
	var records []rec
	for i := range 20 {
		records = append(records, rec{
			service: fmt.Sprint("service-", i/7), request: fmt.Sprint("r", i%5), uid: fmt.Sprint("uid-", i), body: fmt.Sprint("body ", i),
			attrs: map[string]any{"n": i, "map": map[string]any{"k": []any{"v", 1.5, true}}},
		})
	}
	return records
}

func unpacked(tb testing.TB, compression string, data []byte) []byte {
	tb.Helper()
	var r io.Reader = bytes.NewReader(data)
	switch compression {
	case compressionGzip:
		require.True(tb, bytes.HasPrefix(data, []byte{0x1f, 0x8b}))
		z, err := gzip.NewReader(r)
		require.NoError(tb, err)
		r = z
	case compressionZstd:
		require.True(tb, bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}))
		z, err := zstd.NewReader(r)
		require.NoError(tb, err)
		defer z.Close()
		r = z
	}
	out, err := io.ReadAll(r)
	require.NoError(tb, err)
	return out
}

func TestEveryEncodingComesBack(t *testing.T) {
	unmarshalers := map[string]plog.Unmarshaler{encodingProto: &plog.ProtoUnmarshaler{}, encodingOTLP: &plog.JSONUnmarshaler{}}
	for _, encoding := range []string{encodingProto, encodingOTLP, encodingFlat} {
		for _, unit := range []string{unitRecord, unitBatch} {
			for _, compression := range []string{compressionNone, compressionGzip, compressionZstd} {
				for _, aggregation := range []string{aggregationNone, aggregationKPL} {
					t.Run(strings.Join([]string{encoding, unit, compression, aggregation}, " "), func(t *testing.T) {
						f := newFake(t)
						b := startLogs(t, f, fmt.Sprintf(`{encoding: %s, unit: %s, compression: %s, aggregation: %s, spool: {directory: %q}}`,
							encoding, unit, compression, aggregation, t.TempDir()))
						b.consume(t, someRecords()...)
						want := 20
						if unit == unitBatch {
							want = 5
						}
						f.await(t, want)
						all := plog.NewLogs()
						var bodies, wantBodies []string
						for _, u := range f.users(t) {
							data := unpacked(t, compression, u.Data)
							if encoding != encodingFlat {
								decode(t, unmarshalers[encoding], data).ResourceLogs().MoveAndAppendTo(all.ResourceLogs())
								continue
							}
							assert.Equal(t, unit == unitBatch, bytes.HasSuffix(data, []byte("\n")))
							for line := range bytes.Lines(data) {
								var document map[string]any
								require.NoError(t, json.Unmarshal(line, &document))
								assert.Equal(t, u.PartitionKey, document["request.id"])
								bodies = append(bodies, fmt.Sprint(document["body"], document["service.name"], document["map"]))
							}
						}
						if encoding != encodingFlat {
							assert.Equal(t, flatten(newLogs(someRecords()...)), flatten(all))
							return
						}
						for _, r := range someRecords() {
							wantBodies = append(wantBodies, fmt.Sprint(r.body, r.service, r.attrs["map"]))
						}
						assert.ElementsMatch(t, wantBodies, bodies)
					})
				}
			}
		}
	}
}

// marshalers are extensions: one of the Collector's interface, one that appends too.
type marshaler struct {
	component.StartFunc
	component.ShutdownFunc
	bad string // a body that can't be encoded
}

var errBad = errors.New("the test's extension does not like it")

func (m marshaler) MarshalLogs(logs plog.Logs) ([]byte, error) {
	var out []byte
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				if r.Body().Str() == m.bad {
					return nil, errBad
				}
				out = append(out, "marshal:"+r.Body().Str()+"\n"...)
			}
		}
	}
	return out, nil
}

type appender struct{ marshaler }

func (a appender) NewLogEncoder() logencoding.LogEncoder { return &appending{bad: a.bad} }

type appending struct {
	service, bad string
	ended        bool
}

func (a *appending) Begin(resource pcommon.Resource, _ pcommon.InstrumentationScope) {
	v, _ := resource.Attributes().Get("service.name")
	a.service = v.Str()
}

func (a *appending) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	if r.Body().Str() == a.bad {
		return dst, errBad
	}
	return append(dst, "append:"+a.service+":"+r.Body().Str()...), nil
}

func (a *appending) End() { a.ended = true }

func TestExtensionsEncode(t *testing.T) {
	for _, c := range []struct {
		unit      string
		extension component.Component
		want      map[string][]string
	}{
		{unitRecord, marshaler{}, map[string][]string{"r": {"marshal:1\n", "marshal:2\n"}, "q": {"marshal:3\n"}}},
		{unitBatch, marshaler{}, map[string][]string{"r": {"marshal:1\nmarshal:2\n"}, "q": {"marshal:3\n"}}},
		{unitRecord, appender{}, map[string][]string{"r": {"append:a:1", "append:a:2"}, "q": {"append:b:3"}}},
		{unitBatch, appender{}, map[string][]string{"r": {"marshal:1\nmarshal:2\n"}, "q": {"marshal:3\n"}}},
	} {
		f := newFake(t)
		b := startLogs(t, f, fmt.Sprintf(`{encoding: x/y, unit: %s, spool: {directory: %q}}`, c.unit, t.TempDir()), host{component.MustNewIDWithName("x", "y"): c.extension})
		b.consume(t, rec{service: "a", request: "r", body: "1"}, rec{service: "a", request: "r", body: "2"}, rec{service: "b", request: "q", body: "3"})
		b.awaitValue(t, 3, "records_delivered", "")
		assert.Equal(t, c.want, f.byKey(t), "%s %T", c.unit, c.extension)
	}
}

func TestExtensionsThatAreNone(t *testing.T) {
	f := newFake(t)
	b := newBench(t, f, `{encoding: x/y}`)
	require.ErrorContains(t, b.start(t, host{}), `encoding is "x/y", and there is no such extension; define it in extensions`)
	b = newBench(t, f, `{encoding: x/y}`)
	require.ErrorContains(t, b.start(t, host{component.MustNewIDWithName("x", "y"): struct{ component.Component }{}}), `encoding is "x/y", which can't encode logs`)
	h := host{component.MustNewIDWithName("x", "y"): marshaler{}}
	traces, err := NewFactory().CreateTraces(t.Context(), b.set, b.cfg)
	require.NoError(t, err)
	require.ErrorContains(t, traces.Start(t.Context(), h), `encoding is "x/y", which can't encode traces`)
	metrics, err := NewFactory().CreateMetrics(t.Context(), b.set, b.cfg)
	require.NoError(t, err)
	require.ErrorContains(t, metrics.Start(t.Context(), h), `encoding is "x/y", which can't encode metrics`)
}

func TestWhatCannotBeEncodedIsADeadLetterAndItsNeighboursGo(t *testing.T) {
	for _, unit := range []string{unitRecord, unitBatch} {
		for _, extension := range []component.Component{marshaler{bad: "bad"}, appender{marshaler{bad: "bad"}}} {
			f, letters := newFake(t), t.TempDir()
			b := startLogs(t, f, fmt.Sprintf(`{encoding: x, unit: %s, spool: {directory: %q}, dead_letter: {directory: %q}}`, unit, t.TempDir(), letters),
				host{component.MustNewID("x"): extension})
			b.consume(t, rec{request: "r", body: "1"}, rec{request: "r", body: "bad"}, rec{request: "r", body: "3"})
			b.awaitValue(t, 2, "records_delivered", "")
			b.awaitValue(t, 1, "dead_letters", "not_encodable")
			lines := letterLines(t, letters)
			require.Len(t, lines, 1)
			assert.Contains(t, lines[0], errBad.Error())
			var letter struct{ Data *string }
			require.NoError(t, json.Unmarshal([]byte(lines[0]), &letter))
			require.NotNil(t, letter.Data)
			assert.Contains(t, *letter.Data, `"body":{"stringValue":"bad"}`, "it is nowhere else")
		}
	}
}

func TestSpansAndDataPointsComeBack(t *testing.T) {
	traces := func() ptrace.Traces {
		out := ptrace.NewTraces()
		for i := range 3 {
			rs := out.ResourceSpans().AppendEmpty()
			rs.SetSchemaUrl("r")
			rs.Resource().Attributes().PutInt("resource", int64(i))
			for j := range 2 {
				ss := rs.ScopeSpans().AppendEmpty()
				ss.SetSchemaUrl("s")
				ss.Scope().SetName(fmt.Sprint("scope ", j))
				for k := range 4 {
					s := ss.Spans().AppendEmpty()
					s.SetName(fmt.Sprint(i, j, k))
					s.SetTraceID([16]byte{byte(k % 2)})
					s.SetSpanID([8]byte{byte(k)})
				}
			}
		}
		return out
	}
	metrics := func() pmetric.Metrics {
		out := pmetric.NewMetrics()
		for i := range 2 {
			rm := out.ResourceMetrics().AppendEmpty()
			rm.SetSchemaUrl("r")
			rm.Resource().Attributes().PutInt("resource", int64(i))
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.SetSchemaUrl("s")
			fill := func(name string, points func(pmetric.Metric)) {
				m := sm.Metrics().AppendEmpty()
				m.SetName(name)
				m.SetUnit("By")
				m.SetDescription("d")
				m.Metadata().PutStr("m", "d")
				points(m)
			}
			for k := range 3 {
				id := fmt.Sprint("r", k%2)
				fill("gauge", func(m pmetric.Metric) {
					p := m.SetEmptyGauge().DataPoints().AppendEmpty()
					p.SetIntValue(int64(k))
					p.Attributes().PutStr("request.id", id)
				})
				fill("sum", func(m pmetric.Metric) {
					s := m.SetEmptySum()
					s.SetIsMonotonic(true)
					s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
					for n := range 2 {
						p := s.DataPoints().AppendEmpty()
						p.SetDoubleValue(float64(n))
						p.Attributes().PutStr("request.id", id)
					}
				})
				fill("histogram", func(m pmetric.Metric) {
					h := m.SetEmptyHistogram()
					h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
					h.DataPoints().AppendEmpty().Attributes().PutStr("request.id", id)
				})
				fill("exponential", func(m pmetric.Metric) {
					h := m.SetEmptyExponentialHistogram()
					h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
					h.DataPoints().AppendEmpty().Attributes().PutStr("request.id", id)
				})
				fill("summary", func(m pmetric.Metric) {
					m.SetEmptySummary().DataPoints().AppendEmpty().Attributes().PutStr("request.id", id)
				})
				fill("nothing", func(pmetric.Metric) {})
			}
		}
		return out
	}
	for _, c := range []struct{ unit, encoding string }{
		{unitRecord, encodingProto}, {unitBatch, encodingProto}, {unitRecord, encodingOTLP}, {unitBatch, encodingOTLP}, {unitRecord, encodingFlat}, {unitBatch, encodingFlat},
	} {
		t.Run(c.unit+" "+c.encoding, func(t *testing.T) {
			f := newFake(t)
			b := newBench(t, f, fmt.Sprintf(`{unit: %s, encoding: %s, spool: {directory: %q}}`, c.unit, c.encoding, t.TempDir()))
			tx, err := NewFactory().CreateTraces(t.Context(), b.set, b.cfg)
			require.NoError(t, err)
			mx, err := NewFactory().CreateMetrics(t.Context(), b.set, b.cfg)
			require.NoError(t, err)
			// Both have one directory for their spools.
			require.NoError(t, tx.Start(t.Context(), host{}))
			require.NoError(t, mx.Start(t.Context(), host{}))
			defer func() {
				assert.NoError(t, tx.Shutdown(context.Background()))
				assert.NoError(t, mx.Shutdown(context.Background()))
			}()
			require.NoError(t, tx.ConsumeTraces(t.Context(), traces()))
			require.NoError(t, mx.ConsumeMetrics(t.Context(), metrics()))
			points := metrics().DataPointCount()
			spans := traces().SpanCount()
			b.awaitValue(t, float64(points+spans), "records_delivered", "")
			var gotSpans, wantSpans, gotPoints, wantPoints []string
			for _, u := range f.users(t) {
				switch c.encoding {
				case encodingFlat:
					for line := range bytes.Lines(u.Data) {
						var document map[string]any
						require.NoError(t, json.Unmarshal(line, &document))
						if document["type"] != nil {
							gotPoints = append(gotPoints, "")
							assert.Equal(t, u.PartitionKey, document["request.id"])
						} else {
							gotSpans = append(gotSpans, fmt.Sprint(document["name"]))
						}
					}
				default:
					tu, mu := ptrace.Unmarshaler(&ptrace.JSONUnmarshaler{}), pmetric.Unmarshaler(&pmetric.JSONUnmarshaler{})
					if c.encoding == encodingProto {
						tu, mu = &ptrace.ProtoUnmarshaler{}, &pmetric.ProtoUnmarshaler{}
					}
					if strings.HasPrefix(u.PartitionKey, "r") {
						out, err := mu.UnmarshalMetrics(u.Data)
						require.NoError(t, err)
						gotPoints = append(gotPoints, pointLines(out)...)
					} else {
						out, err := tu.UnmarshalTraces(u.Data)
						require.NoError(t, err)
						gotSpans = append(gotSpans, spanLines(out)...)
					}
				}
			}
			if c.encoding == encodingFlat {
				assert.Len(t, gotPoints, points)
				assert.Len(t, gotSpans, spans)
				return
			}
			wantSpans, wantPoints = spanLines(traces()), pointLines(metrics())
			assert.ElementsMatch(t, wantSpans, gotSpans)
			assert.ElementsMatch(t, wantPoints, gotPoints)
			assert.Len(t, gotPoints, points)
		})
	}
}

func spanLines(traces ptrace.Traces) []string {
	var lines []string
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				lines = append(lines, fmt.Sprint(rs.Resource().Attributes().AsRaw(), rs.SchemaUrl(), ss.Scope().Name(), ss.SchemaUrl(), s.Name(), s.TraceID(), s.SpanID()))
			}
		}
	}
	return lines
}

func pointLines(metrics pmetric.Metrics) []string {
	var lines []string
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				head := fmt.Sprint(rm.Resource().Attributes().AsRaw(), rm.SchemaUrl(), sm.SchemaUrl(), m.Name(), m.Unit(), m.Description(), m.Metadata().AsRaw())
				switch m.Type() {
				case pmetric.MetricTypeSum:
					head += fmt.Sprint(m.Sum().IsMonotonic(), m.Sum().AggregationTemporality())
				case pmetric.MetricTypeHistogram:
					head += m.Histogram().AggregationTemporality().String()
				case pmetric.MetricTypeExponentialHistogram:
					head += m.ExponentialHistogram().AggregationTemporality().String()
				}
				for p := range datapoint.Count(m) {
					point := datapoint.At(m, p)
					line := head + fmt.Sprint(point.Attributes().AsRaw())
					if n, ok := point.(pmetric.NumberDataPoint); ok {
						line += fmt.Sprint(n.IntValue(), n.DoubleValue())
					}
					lines = append(lines, line)
				}
			}
		}
	}
	return lines
}

func TestPartitionKeys(t *testing.T) {
	long := strings.Repeat("k", 256)
	for _, c := range []struct {
		config string
		r      rec
		want   string
	}{
		{`{}`, rec{request: "r1", uid: "u"}, "r1"},
		{`{}`, rec{trace: [16]byte{1}, uid: "u"}, "01000000000000000000000000000000"},
		{`{}`, rec{uid: "u"}, "u"},
		{`{partition_key: []}`, rec{request: "r1", uid: "u"}, "u"},
		{`{partition_key: [order.id, service.name]}`, rec{service: "s", request: "r1", attrs: map[string]any{"order.id": 7}}, "7"},
		{`{partition_key: [order.id, service.name]}`, rec{service: "s", request: "r1"}, "s"},
		{`{partition_key: [service.name]}`, rec{service: "s", attrs: map[string]any{"service.name": "record's"}}, "record's"},
		{`{partition_key: [order.id, request.id]}`, rec{request: "r1", attrs: map[string]any{"order.id": ""}}, "r1"},
		{`{partition_key_expression: 'Concat([attributes["request.id"], "x"], "-")'}`, rec{request: "r1"}, "r1-x"},
		{`{partition_key_expression: 'trace_id'}`, rec{request: "r1", trace: [16]byte{2}}, "02000000000000000000000000000000"},
		{`{partition_key_expression: 'attributes["none"]'}`, rec{request: "r1", uid: "u"}, "u"},
		{`{partition_key_expression: 'Int(attributes["n"])'}`, rec{attrs: map[string]any{"n": "12"}}, "12"},
		{`{}`, rec{request: long}, long},
		// sha256sum of 257 times k, and of "ü".
		{`{}`, rec{request: long + "k"}, "a5de0e3c93b4322bf1d2e6cc13119219d665142374de7f2b06bae237759c73e2"},
		{`{}`, rec{request: "ü"}, "607474ca475a9724d7360aba71a56d5df77e61350e3f724cfa1f46e857e2d85f"},
	} {
		f := newFake(t)
		b := startLogs(t, f, c.config)
		b.consume(t, c.r)
		users := f.users(t)
		require.Len(t, users, 1, "without a spool, the stream has it when the answer comes")
		assert.Equal(t, c.want, users[0].PartitionKey, "%s", c.config)
	}
}

func TestARecordWithoutUIDGetsOne(t *testing.T) {
	for _, encoding := range []string{encodingProto, encodingOTLP, encodingFlat} {
		f := newFake(t)
		b := startLogs(t, f, `{encoding: `+encoding+`}`)
		b.consume(t, rec{body: "none"}, rec{body: "one", uid: "mine"}, rec{body: "empty", attrs: map[string]any{uidAttribute: ""}})
		uids := map[string]string{}
		for _, u := range f.users(t) {
			switch encoding {
			case encodingFlat:
				var document map[string]any
				require.NoError(t, json.Unmarshal(u.Data, &document))
				uids[document["body"].(string)] = document[uidAttribute].(string)
			default:
				var unmarshaler plog.Unmarshaler = &plog.JSONUnmarshaler{}
				if encoding == encodingProto {
					unmarshaler = &plog.ProtoUnmarshaler{}
				}
				r := decode(t, unmarshaler, u.Data).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
				v, _ := r.Attributes().Get(uidAttribute)
				uids[r.Body().Str()] = v.Str()
			}
		}
		assert.Equal(t, "mine", uids["one"])
		assert.Len(t, uids["none"], 36)
		assert.Len(t, uids["empty"], 36)
		assert.NotEqual(t, uids["none"], uids["empty"])
	}
}

func TestWithoutAPlaceForItARefusedRecordIsToldToItsSender(t *testing.T) {
	f := newFake(t)
	b := startLogs(t, f, `{encoding: x}`, host{component.MustNewID("x"): marshaler{bad: "bad"}})
	err := b.logs.ConsumeLogs(t.Context(), newLogs(rec{body: "1"}, rec{body: "bad"}))
	require.Error(t, err)
	assert.True(t, consumererror.IsPermanent(err))
	require.ErrorContains(t, err, "there is no dead_letter::directory: not_encodable")
	assert.Len(t, f.users(t), 1, "its neighbour is there")
}
