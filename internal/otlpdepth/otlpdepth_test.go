package otlpdepth

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// nest fills a value with so many lists or maps within each other.
func nest(v pcommon.Value, levels int, maps bool) {
	for range levels {
		if maps {
			v = v.SetEmptyMap().PutEmpty("k")
		} else {
			v = v.SetEmptySlice().AppendEmpty()
		}
	}
	v.SetStr("the end")
}

// places has a request for each place of each signal where a value can be.
func places(levels int, asMaps bool) map[string]request {
	out := map[string]request{}
	logs := func(name string, place func(plog.ResourceLogs) pcommon.Value) {
		r := plogotlp.NewExportRequest()
		rl := r.Logs().ResourceLogs().AppendEmpty()
		nest(place(rl), levels, asMaps)
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("one more")
		out["logs, "+name] = request{Logs, r}
	}
	logs("resource", func(rl plog.ResourceLogs) pcommon.Value { return rl.Resource().Attributes().PutEmpty("a") })
	logs("scope", func(rl plog.ResourceLogs) pcommon.Value {
		return rl.ScopeLogs().AppendEmpty().Scope().Attributes().PutEmpty("a")
	})
	logs("body", func(rl plog.ResourceLogs) pcommon.Value {
		return rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
	})
	logs("attribute", func(rl plog.ResourceLogs) pcommon.Value {
		return rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes().PutEmpty("a")
	})

	traces := func(name string, place func(ptrace.Span) pcommon.Value) {
		r := ptraceotlp.NewExportRequest()
		nest(place(r.Traces().ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()), levels, asMaps)
		out["traces, "+name] = request{Traces, r}
	}
	traces("span", func(s ptrace.Span) pcommon.Value { return s.Attributes().PutEmpty("a") })
	traces("event", func(s ptrace.Span) pcommon.Value { return s.Events().AppendEmpty().Attributes().PutEmpty("a") })
	traces("link", func(s ptrace.Span) pcommon.Value { return s.Links().AppendEmpty().Attributes().PutEmpty("a") })

	metrics := func(name string, place func(pmetric.Metric) pcommon.Value) {
		r := pmetricotlp.NewExportRequest()
		nest(place(r.Metrics().ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()), levels, asMaps)
		out["metrics, "+name] = request{Metrics, r}
	}
	metrics("metadata", func(m pmetric.Metric) pcommon.Value { return m.Metadata().PutEmpty("a") })
	metrics("gauge", func(m pmetric.Metric) pcommon.Value {
		return m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	})
	metrics("sum's exemplar", func(m pmetric.Metric) pcommon.Value {
		return m.SetEmptySum().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
	})
	metrics("histogram", func(m pmetric.Metric) pcommon.Value {
		return m.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	})
	metrics("exponential histogram's exemplar", func(m pmetric.Metric) pcommon.Value {
		return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
	})
	metrics("summary", func(m pmetric.Metric) pcommon.Value {
		return m.SetEmptySummary().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	})
	return out
}

type request struct {
	signal  Signal
	message interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
}

// write gives bytes in pieces of one size.
func write(w interface{ Write(p []byte) (int, error) }, data []byte, size int) error {
	for piece := range slices.Chunk(data, size) {
		if n, err := w.Write(piece); err != nil {
			return err
		} else if n != len(piece) {
			return fmt.Errorf("wrote %d of %d bytes", n, len(piece))
		}
	}
	return nil
}

func TestEveryPlaceHasTheLimit(t *testing.T) {
	const most = 20
	for _, asMaps := range []bool{false, true} {
		for levels, want := range map[int]error{0: nil, 1: nil, most - 1: nil, most: nil, most + 1: ErrTooDeep, 300: ErrTooDeep} {
			for name, r := range places(levels, asMaps) {
				data, err := r.message.MarshalProto()
				require.NoError(t, err)
				for _, size := range []int{1, 3, len(data)} {
					require.ErrorIs(t, write(NewScanner(r.signal, most), data, size), want, "%s, %d levels, maps: %t", name, levels, asMaps)
				}
				text, err := r.message.MarshalJSON()
				require.NoError(t, err)
				if levels <= most || levels > 2*most {
					for _, size := range []int{1, len(text)} {
						require.ErrorIs(t, write(NewJSONScanner(most), text, size), want, "%s, %d levels, JSON", name, levels)
					}
				}
			}
		}
	}
}

func TestJSONTexts(t *testing.T) {
	open := strings.Repeat("[", 100)
	require.NoError(t, write(NewJSONScanner(5), []byte(`{"a":"`+open+`","b":"\"`+open+`","c\\":{}}`), 1))
	require.ErrorIs(t, write(NewJSONScanner(5), []byte(`{"a":"\\`+`",`+open), 1), ErrTooDeep)
	s := NewJSONScanner(5)
	require.Error(t, write(s, []byte(open), 100))
	assert.Error(t, write(s, []byte("]"), 1), "an error stays")
}

// What pdata reads otherwise than the rules of protobuf have it must not get past.
func TestMalformed(t *testing.T) {
	for name, data := range map[string]string{
		"a group":                           "\x0b\x08\x00",
		"the end of a group":                "\x0c",
		"field 0":                           "\x02\x00",
		"a field of more than 29 bits":      "\x8a\x80\x80\x80\x80\x01\x00",
		"an unknown type":                   "\x0e",
		"a number of more than 64 bits":     "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"a message longer than that around": "\x0a\x02\x12\x05\x00\x00\x00",
		"a text longer than its message":    "\x0a\x04\x12\x02\x1a\x09\x00",
		"a varint across the end":           "\x0a\x02\x18\x80\x01",
	} {
		assert.ErrorIs(t, write(NewScanner(Logs, 10), []byte(data), 1), ErrMalformed, name)
	}
}

// A sender can hide a list in a group: pdata takes its fields for those of the message
// around it.
func TestAGroupHidesNothing(t *testing.T) {
	r := plogotlp.NewExportRequest()
	nest(r.Logs().ResourceLogs().AppendEmpty().Resource().Attributes().PutEmpty("a"), 50, false)
	inner, err := r.MarshalProto()
	require.NoError(t, err)
	hidden := append([]byte{0x7b, 0x08, 0x01}, inner...) // group 15, a number in it, and the request
	read := plogotlp.NewExportRequest()
	require.NoError(t, read.UnmarshalProto(hidden))
	require.Equal(t, 1, read.Logs().ResourceLogs().Len(), "pdata reads what is in a group; if it does no more, groups could be skipped")
	assert.ErrorIs(t, write(NewScanner(Logs, 10), hidden, 7), ErrMalformed)
}

var (
	unmarshalMethod = regexp.MustCompile(`(?s)func \(orig \*(\w+)\) UnmarshalProto\(buf \[\]byte\) error \{(.*?)\n\}\n`)
	unmarshalCase   = regexp.MustCompile(`(?s)\n\t\tcase (\d+):(.*?\n)\t\t(?:case|default)`)
)

// TestTableIsThatOfPdata reads pdata's decoder: which field of which message makes it call
// the decoder of another one that can hold values.
func TestTableIsThatOfPdata(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.opentelemetry.io/collector/pdata").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "internal", "generated_proto_*.go"))
	require.NoError(t, err)
	all := map[string]map[uint64]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, method := range unmarshalMethod.FindAllSubmatch(text, -1) {
			name := string(method[1])
			all[name] = map[uint64]string{}
			body := strings.ReplaceAll(string(method[2]), "\n\t\tcase", "\n\t\tcase \n\t\tcase") // cases overlap
			for _, c := range unmarshalCase.FindAllStringSubmatch(body, -1) {
				if !strings.Contains(c[2], "UnmarshalProto(") {
					continue
				}
				number, err := strconv.ParseUint(c[1], 10, 64)
				require.NoError(t, err)
				all[name][number] = decoded(t, name, c[2], string(text))
			}
		}
	}
	reach := map[string]bool{"AnyValue": true}
	for found := true; found; {
		found = false
		for name, inner := range all {
			for _, to := range inner {
				if reach[to] && !reach[name] {
					reach[name], found = true, true
				}
			}
		}
	}
	names := map[kind]string{
		anyValue: "AnyValue", arrayValue: "ArrayValue", keyValueList: "KeyValueList", keyValue: "KeyValue",
		resource: "Resource", scope: "InstrumentationScope", exemplar: "Exemplar",
		logsRequest: "ExportLogsServiceRequest", resourceLogs: "ResourceLogs", scopeLogs: "ScopeLogs", logRecord: "LogRecord",
		metricsRequest: "ExportMetricsServiceRequest", resourceMetrics: "ResourceMetrics", scopeMetrics: "ScopeMetrics", metric: "Metric",
		gaugeOrSum: "Gauge", numberPoint: "NumberDataPoint", histogram: "Histogram", histogramPoint: "HistogramDataPoint",
		exponential: "ExponentialHistogram", exponentialPoint: "ExponentialHistogramDataPoint", summary: "Summary", summaryPoint: "SummaryDataPoint",
		tracesRequest: "ExportTraceServiceRequest", resourceSpans: "ResourceSpans", scopeSpans: "ScopeSpans",
		span: "Span", spanEvent: "SpanEvent", spanLink: "SpanLink",
		profilesRequest: "ExportProfilesServiceRequest", resourceProfiles: "ResourceProfiles", scopeProfiles: "ScopeProfiles",
		dictionary: "ProfilesDictionary", keyValueAndUnit: "KeyValueAndUnit",
	}
	require.Len(t, names, int(kinds)-1)
	assert.Equal(t, all["Gauge"], all["Sum"], "both are gaugeOrSum")
	for k, name := range names {
		want := map[uint64]string{}
		for number, to := range all[name] {
			if to == "Sum" {
				to = "Gauge"
			}
			if reach[to] {
				want[number] = to
			}
		}
		got := map[uint64]string{}
		for _, e := range fields[k] {
			got[e.field] = names[e.kind]
		}
		assert.NotEmpty(t, want, name)
		assert.Equal(t, want, got, name)
	}
	missing := maps.Clone(reach)
	for _, name := range names {
		delete(missing, name)
	}
	for _, name := range []string{
		"Sum",
		// Of files and queues, not of requests.
		"LogsData", "MetricsData", "TracesData", "ProfilesData",
		"LogsRequest", "MetricsRequest", "TracesRequest", "ProfilesRequest", "RequestContext",
	} {
		assert.True(t, missing[name], name)
		delete(missing, name)
	}
	assert.Empty(t, missing, "messages of pdata that can hold values, and the table does not know")
}

// decoded is the type that a case of UnmarshalProto decodes.
func decoded(t *testing.T, name, body, file string) string {
	t.Helper()
	if made := regexp.MustCompile(`New(\w+)\(\)`).FindStringSubmatch(body); made != nil {
		return made[1]
	}
	field := regexp.MustCompile(`orig\.(\w+)(?:\[.*?\])?\.UnmarshalProto`).FindStringSubmatch(body)
	require.NotNil(t, field, "%s: %s", name, body)
	of := regexp.MustCompile(`(?s)type ` + name + ` struct \{.*?\n\t` + field[1] + `\s+(?:\[\])?\*?(\w+)\n`).FindStringSubmatch(file)
	require.NotNil(t, of, "%s.%s", name, field[1])
	return of[1]
}

// depthOf is how many lists and maps are within each other. One with no values in it has
// nothing to go down to.
func depthOf(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		for _, inner := range v.Slice().All() {
			if inner.Type() != pcommon.ValueTypeEmpty {
				deepest = max(deepest, 1+depthOf(inner))
			}
		}
	case pcommon.ValueTypeMap:
		for _, inner := range v.Map().All() {
			if inner.Type() != pcommon.ValueTypeEmpty {
				deepest = max(deepest, 1+depthOf(inner))
			}
		}
	}
	return deepest
}

func deepestOf(logs plog.Logs) int {
	deepest := 0
	attributes := func(m pcommon.Map) {
		for _, v := range m.All() {
			deepest = max(deepest, depthOf(v))
		}
	}
	for _, rl := range logs.ResourceLogs().All() {
		attributes(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			attributes(sl.Scope().Attributes())
			for _, r := range sl.LogRecords().All() {
				attributes(r.Attributes())
				deepest = max(deepest, depthOf(r.Body()))
			}
		}
	}
	return deepest
}

// FuzzScanner: whatever pdata reads is neither malformed to us, but for groups, nor deeper
// than we say, and pieces make no difference.
func FuzzScanner(f *testing.F) {
	const most = 3
	for levels := range 6 {
		for _, asMaps := range []bool{false, true} {
			for name, r := range places(levels, asMaps) {
				if strings.HasPrefix(name, "logs") {
					data, err := r.message.MarshalProto()
					require.NoError(f, err)
					f.Add(data, 1+levels)
				}
			}
		}
	}
	f.Add([]byte("\x0b\x08\x00\x0a\x00"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size < 1 || len(data) > 1<<16 {
			return
		}
		whole := write(NewScanner(Logs, most), data, max(1, len(data)))
		pieces := write(NewScanner(Logs, most), data, size)
		require.Equal(t, whole, pieces)
		r := plogotlp.NewExportRequest()
		if r.UnmarshalProto(data) != nil || errors.Is(whole, ErrMalformed) {
			return
		}
		if deepestOf(r.Logs()) > most {
			require.ErrorIs(t, whole, ErrTooDeep)
		}
	})
}

func TestFuzzSeesWhatIsTooDeep(t *testing.T) {
	for _, asMaps := range []bool{false, true} {
		r := plogotlp.NewExportRequest()
		nest(r.Logs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body(), 7, asMaps)
		assert.Equal(t, 7, deepestOf(r.Logs()))
	}
}

// listsWithin is a request for logs with as many lists within lists as there is room for.
func listsWithin(size int) (data []byte, levels int) {
	data = make([]byte, size)
	at := size
	wrap := func(tag byte) {
		header := binary.AppendUvarint([]byte{tag}, uint64(size-at))
		at -= len(header)
		copy(data[at:], header)
	}
	const around = 64 // bytes for what is around the value
	for ; at > around; levels++ {
		wrap(0x0a)
		wrap(0x2a)
	}
	for _, tag := range []byte{0x2a, 0x12, 0x12, 0x0a} {
		wrap(tag)
	}
	return data[at:], levels
}

// TestStackOfTheDecoder says why there is a limit. With HEARTWOOD_NESTING_MIB=12 the
// process ends. It fails when pdata has learned to stop.
func TestStackOfTheDecoder(t *testing.T) {
	size := 1 << 20
	if text := os.Getenv("HEARTWOOD_NESTING_MIB"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		size *= n
	}
	data, levels := listsWithin(size)
	require.ErrorIs(t, write(NewScanner(Logs, 100), data, len(data)), ErrTooDeep)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan error)
	go func() {
		err := plogotlp.NewExportRequest().UnmarshalProto(data)
		runtime.ReadMemStats(&after)
		done <- err
	}()
	require.NoError(t, <-done)
	stack := int(after.StackSys - before.StackSys)
	t.Logf("%d bytes, %d levels: %d MiB of stack", len(data), levels, stack>>20)
	assert.Greater(t, stack, 200*levels)
}

func BenchmarkScanner(b *testing.B) {
	r := plogotlp.NewExportRequest()
	records := r.Logs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 1000 {
		record := records.AppendEmpty()
		record.Body().SetStr("a line of some sixty bytes, as they are written by programs...")
		record.Attributes().PutStr("request.id", "0193a5b1-3a5e-7000-8000-000000000000")
		record.Attributes().PutInt("n", int64(i))
	}
	data, err := r.MarshalProto()
	require.NoError(b, err)
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := NewScanner(Logs, 100).Write(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := plogotlp.NewExportRequest().UnmarshalProto(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
