package ecsprocessor

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write what comes out of the scenarios")

// A scenario's file says what goes in; that of the same name with .out.yaml what comes out.
type scenario struct {
	About   string         `yaml:"about"`
	Config  map[string]any `yaml:"config"`
	Batches []group        `yaml:"in"`
}

type outcome struct {
	Batches []group          `yaml:"out"`
	Values  map[string]int64 `yaml:"values,omitempty"` // of the metric, by reason
}

// group is a resource with scopes.
type group struct {
	Resource map[string]any `yaml:"resource,omitempty"`
	Scopes   []scope        `yaml:"scopes,omitempty"`
}

type scope struct {
	Name       string         `yaml:"name,omitempty"`
	Version    string         `yaml:"version,omitempty"`
	Attributes map[string]any `yaml:"attributes,omitempty"`
	Records    []item         `yaml:"records,omitempty"`
	Spans      []item         `yaml:"spans,omitempty"`
}

// item is a record or a span.
type item struct {
	Time       string         `yaml:"time,omitempty"` // of a span: its start
	Observed   string         `yaml:"observed,omitempty"`
	End        string         `yaml:"end,omitempty"`
	Severity   string         `yaml:"severity,omitempty"`
	Number     int32          `yaml:"number,omitempty"`
	Body       any            `yaml:"body,omitempty"`
	Trace      string         `yaml:"trace,omitempty"`
	Span       string         `yaml:"span,omitempty"`
	Event      string         `yaml:"event,omitempty"`
	Name       string         `yaml:"name,omitempty"`
	Kind       int32          `yaml:"kind,omitempty"`
	Status     int32          `yaml:"status,omitempty"`
	Message    string         `yaml:"message,omitempty"` // of the status
	Attributes map[string]any `yaml:"attributes,omitempty"`
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	require.NoError(t, err)
	ran := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if strings.HasSuffix(name, ".out") {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var s scenario
			decoder := yaml.NewDecoder(bytes.NewReader(text))
			decoder.KnownFields(true)
			require.NoError(t, decoder.Decode(&s))
			require.NotEmpty(t, s.About)
			cfg, err := configOf(t, s.Config)
			require.NoError(t, err)
			b := start(t, cfg)

			logs, traces := plog.NewLogs(), ptrace.NewTraces()
			for _, g := range s.Batches {
				g.put(t, logs, traces)
			}
			var got outcome
			if logs.ResourceLogs().Len() > 0 {
				logs = b.consumeLogs(t, logs)
				got.Batches = append(got.Batches, groupsOfLogs(logs)...)
			}
			if traces.ResourceSpans().Len() > 0 {
				traces = b.consumeTraces(t, traces)
				got.Batches = append(got.Batches, groupsOfTraces(traces)...)
			}
			if m, err := b.telemetry.GetMetric("otelcol_processor_ecs_values"); err == nil {
				got.Values = make(map[string]int64)
				for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
					reason, _ := p.Attributes.Value("reason")
					got.Values[reason.AsString()] = p.Value
				}
			}
			var out bytes.Buffer
			encoder := yaml.NewEncoder(&out)
			encoder.SetIndent(2)
			require.NoError(t, encoder.Encode(got))
			golden := strings.TrimSuffix(file, ".yaml") + ".out.yaml"
			if *update {
				require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), out.String())
		})
	}
	assert.Len(t, files, 2*ran, "each scenario has what comes out of it, and nothing else is there")
}

// put adds a group to the logs, or where it has spans to the traces.
func (g group) put(t *testing.T, logs plog.Logs, traces ptrace.Traces) {
	t.Helper()
	isTrace := false
	for _, s := range g.Scopes {
		isTrace = isTrace || len(s.Spans) > 0
	}
	if !isTrace {
		rl := logs.ResourceLogs().AppendEmpty()
		require.NoError(t, rl.Resource().Attributes().FromRaw(plain(g.Resource)))
		for _, s := range g.Scopes {
			sl := rl.ScopeLogs().AppendEmpty()
			s.put(t, sl.Scope())
			for _, i := range s.Records {
				i.putRecord(t, sl.LogRecords().AppendEmpty())
			}
		}
		return
	}
	rs := traces.ResourceSpans().AppendEmpty()
	require.NoError(t, rs.Resource().Attributes().FromRaw(plain(g.Resource)))
	for _, s := range g.Scopes {
		ss := rs.ScopeSpans().AppendEmpty()
		s.put(t, ss.Scope())
		for _, i := range s.Spans {
			i.putSpan(t, ss.Spans().AppendEmpty())
		}
	}
}

func (s scope) put(t *testing.T, to pcommon.InstrumentationScope) {
	t.Helper()
	to.SetName(s.Name)
	to.SetVersion(s.Version)
	require.NoError(t, to.Attributes().FromRaw(plain(s.Attributes)))
}

func (i item) putRecord(t *testing.T, r plog.LogRecord) {
	t.Helper()
	r.SetTimestamp(timeOf(t, i.Time))
	r.SetObservedTimestamp(timeOf(t, i.Observed))
	r.SetSeverityText(i.Severity)
	r.SetSeverityNumber(plog.SeverityNumber(i.Number))
	require.NoError(t, r.Body().FromRaw(plainValue(i.Body)))
	r.SetTraceID(traceOf(t, i.Trace))
	r.SetSpanID(spanOf(t, i.Span))
	r.SetEventName(i.Event)
	require.NoError(t, r.Attributes().FromRaw(plain(i.Attributes)))
	sortMap(r.Attributes())
}

func (i item) putSpan(t *testing.T, s ptrace.Span) {
	t.Helper()
	s.SetStartTimestamp(timeOf(t, i.Time))
	s.SetEndTimestamp(timeOf(t, i.End))
	s.SetTraceID(traceOf(t, i.Trace))
	s.SetSpanID(spanOf(t, i.Span))
	s.SetName(i.Name)
	s.SetKind(ptrace.SpanKind(i.Kind))
	s.Status().SetCode(ptrace.StatusCode(i.Status))
	s.Status().SetMessage(i.Message)
	require.NoError(t, s.Attributes().FromRaw(plain(i.Attributes)))
	sortMap(s.Attributes())
}

func groupsOfLogs(logs plog.Logs) (groups []group) {
	for _, rl := range logs.ResourceLogs().All() {
		g := group{Resource: rl.Resource().Attributes().AsRaw()}
		for _, sl := range rl.ScopeLogs().All() {
			s := scopeOf(sl.Scope())
			for _, r := range sl.LogRecords().All() {
				s.Records = append(s.Records, item{
					Time: textOf(r.Timestamp()), Observed: textOf(r.ObservedTimestamp()), Severity: r.SeverityText(),
					Number: int32(r.SeverityNumber()), Body: r.Body().AsRaw(), Trace: r.TraceID().String(), Span: r.SpanID().String(),
					Event: r.EventName(), Attributes: r.Attributes().AsRaw(),
				})
			}
			g.Scopes = append(g.Scopes, s)
		}
		groups = append(groups, g)
	}
	return groups
}

func groupsOfTraces(traces ptrace.Traces) (groups []group) {
	for _, rs := range traces.ResourceSpans().All() {
		g := group{Resource: rs.Resource().Attributes().AsRaw()}
		for _, ss := range rs.ScopeSpans().All() {
			s := scopeOf(ss.Scope())
			for _, x := range ss.Spans().All() {
				s.Spans = append(s.Spans, item{
					Time: textOf(x.StartTimestamp()), End: textOf(x.EndTimestamp()), Trace: x.TraceID().String(), Span: x.SpanID().String(),
					Name: x.Name(), Kind: int32(x.Kind()), Status: int32(x.Status().Code()), Message: x.Status().Message(),
					Attributes: x.Attributes().AsRaw(),
				})
			}
			g.Scopes = append(g.Scopes, s)
		}
		groups = append(groups, g)
	}
	return groups
}

func scopeOf(s pcommon.InstrumentationScope) scope {
	return scope{Name: s.Name(), Version: s.Version(), Attributes: s.Attributes().AsRaw()}
}

// plain makes int64 of YAML's int, which pdata does not keep in lists.
func plain(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	return plainValue(m).(map[string]any)
}

func plainValue(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plainValue(v[name])
		}
	}
	return v
}

func timeOf(t *testing.T, text string) pcommon.Timestamp {
	t.Helper()
	if text == "" {
		return 0
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return pcommon.NewTimestampFromTime(at)
}

func textOf(at pcommon.Timestamp) string {
	if at == 0 {
		return ""
	}
	return at.AsTime().Format(time.RFC3339Nano)
}

func traceOf(t *testing.T, text string) (id pcommon.TraceID) {
	t.Helper()
	_, err := hex.Decode(id[:], []byte(text))
	require.NoError(t, err)
	return id
}

func spanOf(t *testing.T, text string) (id pcommon.SpanID) {
	t.Helper()
	_, err := hex.Decode(id[:], []byte(text))
	require.NoError(t, err)
	return id
}
