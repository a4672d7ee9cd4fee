package worms3exporter

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/extensions/ecsencodingextension"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// audited enrols the bench's writer, and gives what verifies the archive.
func (b *bench) audited(tb testing.TB) archiveaudit.Settings {
	tb.Helper()
	private, public, err := archive.GenerateKey(archive.RootName(b.cfg.Origin))
	require.NoError(tb, err)
	signer, err := archive.NewSigner(private)
	require.NoError(tb, err)
	root, err := archive.NewVerifier(public)
	require.NoError(tb, err)
	w := &archive.Writers{Origin: b.cfg.Origin, Keys: []archive.WriterKey{
		{Writer: b.cfg.Writer, VKey: b.key, From: time.Now().UTC().Truncate(time.Second).Add(-time.Minute)},
	}}
	data, err := w.Sign(signer)
	require.NoError(tb, err)
	layout := archive.Layout{Prefix: folder(b.cfg.Prefix)}
	_, err = b.store.Put(tb.Context(), objectstore.Object{
		Key: layout.Writers(0), Body: bytes.NewReader(data), Size: int64(len(data)), SHA256: sha256.Sum256(data),
		Lock: objectstore.Lock{Mode: objectstore.Governance, RetainUntil: time.Now().Add(24 * time.Hour)},
	})
	require.NoError(tb, err)
	return archiveaudit.Settings{Prefix: layout.Prefix, Root: root, Pause: 1}
}

// unruly are attributes that are like ids, and are none, or not as their name says.
func unruly() map[string]func(m pcommon.Map) {
	return map[string]func(m pcommon.Map){
		"long":         func(m pcommon.Map) { m.PutStr(requestAttribute, strings.Repeat("x", 2000)) },
		"not UTF-8":    func(m pcommon.Map) { m.PutStr(requestAttribute, "a\xffb") },
		"bytes":        func(m pcommon.Map) { m.PutEmptyBytes(requestAttribute).FromRaw([]byte("<>&?\x00\xff")) },
		"not a number": func(m pcommon.Map) { m.PutDouble(requestAttribute, math.NaN()) },
		"infinite":     func(m pcommon.Map) { m.PutDouble(requestAttribute, math.Inf(-1)) },
		"a number":     func(m pcommon.Map) { m.PutDouble(requestAttribute, 1e300) },
		"a list":       func(m pcommon.Map) { m.PutEmptySlice(requestAttribute).AppendEmpty().SetStr("listed") },
		"a map":        func(m pcommon.Map) { m.PutEmptyMap(requestAttribute).PutStr(requestAttribute, "inner") },
		"empty":        func(m pcommon.Map) { m.PutEmpty(requestAttribute) },
		"escaped":      func(m pcommon.Map) { m.PutStr(requestAttribute, "<a href=\"\u2028\">\\\n") },
		"trace id":     func(m pcommon.Map) { m.PutStr("trace_id", "0af7651916cd43dd8448eb211c80319c") },
		"trace's id":   func(m pcommon.Map) { m.PutStr("trace.id", "0af7651916cd43dd8448eb211c80319c") },
		"ECS":          func(m pcommon.Map) { m.PutStr("http.request.id", "ecs") },
		"nested": func(m pcommon.Map) {
			m.PutEmptyMap("request").PutStr("id", "n")
			m.PutEmptyMap("x").PutStr("request.id", "n")
		},
		"nested in ECS": func(m pcommon.Map) { m.PutEmptyMap("http").PutEmptyMap("request").PutStr("id", "n") },
		"of the trace": func(m pcommon.Map) {
			m.PutEmptyMap("trace").PutStr("id", "n")
			m.PutEmptyMap("x").PutStr("trace_id", "n")
		},
		"in a list":      func(m pcommon.Map) { m.PutEmptySlice("l").AppendEmpty().SetEmptyMap().PutStr("traceId", "n") },
		"like OTLP":      func(m pcommon.Map) { m.PutStr("x", `"traceId":"n","request.id","value":{"stringValue":"n"}}`) },
		"of another one": func(m pcommon.Map) { m.PutStr("resource.request.id", "n"); m.PutStr("attributes.trace_id", "n") },
		"a macro id":     func(m pcommon.Map) { m.PutStr("request.macro_id", "macro") },
	}
}

// Whatever senders say, an archive that nobody touched is good.
func TestNoSenderMakesAnArchiveLookTamperedWith(t *testing.T) {
	ecs, err := ecsencodingextension.NewFactory().Create(t.Context(), extensiontest.NewNopSettings(ecsencodingextension.NewFactory().Type()), ecsencodingextension.NewFactory().CreateDefaultConfig())
	require.NoError(t, err)
	h := host{component.MustNewID("ecs_encoding"): ecs}
	for _, encoding := range []string{archive.EncodingJSON, archive.EncodingOTLPJSON, archive.EncodingOTLPProto, "ecs_encoding"} {
		t.Run(encoding, func(t *testing.T) {
			b := newBench(t, fmt.Sprintf(`{encoding: %s, max_object_age: 100ms, max_wait: 100ms, checkpoint_interval: 1s, traces: {period: 1d}, metrics: {period: 1d}}`, encoding))
			settings := b.audited(t)
			logs, traces, metrics := plog.NewLogs(), ptrace.NewTraces(), pmetric.NewMetrics()
			for name, put := range unruly() {
				for _, ofResource := range []bool{false, true} {
					to := func(resource pcommon.Resource, item pcommon.Map) {
						item.PutStr("case", name)
						if ofResource {
							put(resource.Attributes())
						} else {
							put(item)
						}
					}
					rl := logs.ResourceLogs().AppendEmpty()
					to(rl.Resource(), rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes())
					rs := traces.ResourceSpans().AppendEmpty()
					span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
					span.Links().AppendEmpty().SetTraceID([16]byte{1})
					to(rs.Resource(), span.Attributes())
					rm := metrics.ResourceMetrics().AppendEmpty()
					point := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
					point.Exemplars().AppendEmpty().SetTraceID([16]byte{2})
					to(rm.Resource(), point.Attributes())
				}
			}
			twice, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"request.id","value":{"stringValue":"c"}}]},` +
				`"scopeLogs":[{"logRecords":[{"attributes":[{"key":"request.id","value":{"stringValue":"a"}},{"key":"request.id","value":{"stringValue":"b"}}]}]}]}]}`))
			require.NoError(t, err)
			twice.ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())

			factory := NewFactory()
			toLogs, err := factory.CreateLogs(t.Context(), b.set, b.cfg)
			require.NoError(t, err)
			require.NoError(t, toLogs.Start(t.Context(), h))
			require.NoError(t, toLogs.ConsumeLogs(t.Context(), logs))
			if encoding != "ecs_encoding" {
				toTraces, err := factory.CreateTraces(t.Context(), b.set, b.cfg)
				require.NoError(t, err)
				require.NoError(t, toTraces.Start(t.Context(), h))
				require.NoError(t, toTraces.ConsumeTraces(t.Context(), traces))
				toMetrics, err := factory.CreateMetrics(t.Context(), b.set, b.cfg)
				require.NoError(t, err)
				require.NoError(t, toMetrics.Start(t.Context(), h))
				require.NoError(t, toMetrics.ConsumeMetrics(t.Context(), metrics))
				require.NoError(t, toTraces.Shutdown(t.Context()))
				require.NoError(t, toMetrics.Shutdown(t.Context()))
			}
			require.NoError(t, toLogs.Shutdown(t.Context()))
			settings.Now = time.Now()
			report, err := archiveaudit.Verify(t.Context(), b.store, settings)
			require.NoError(t, err)
			for _, f := range report.Findings {
				assert.Equal(t, archiveaudit.Note, f.Severity, f)
			}
			assert.Equal(t, archiveaudit.Good, report.Verdict)
			require.Len(t, report.Writers, 1)
			assert.GreaterOrEqual(t, report.Writers[0].Records, int64(2*len(unruly())))
		})
	}
}

// foldedEvent is a log record as event_fold makes it of parts that differ.
func foldedEvent(t *testing.T, to plog.LogRecord) {
	t.Helper()
	require.NoError(t, to.Attributes().FromRaw(map[string]any{
		"fold.id": "f1", "fold.trace_ids": []any{hexOf(1), hexOf(2)}, "request.macro_id": "macro-1", "request.id": []any{"listed-1", "listed-2"},
	}))
	require.NoError(t, to.Body().FromRaw(map[string]any{
		"parts": []any{
			map[string]any{"trace_id": hexOf(2), "attributes": map[string]any{"request.id": "part-1"}},
			map[string]any{"attributes": map[string]any{"request.id": "part-2", "request.macro_id": "macro-2"}, "message": map[string]any{
				"parts": []any{map[string]any{"trace_id": hexOf(3), "attributes": map[string]any{"request.id": "part-of-part"}}},
			}},
		},
		"origins": []any{map[string]any{"resource": map[string]any{"request.id": "origin"}}},
	}))
}

func hexOf(n byte) string { return strings.Repeat(fmt.Sprintf("%02x", n), 16) }

// A folded event is found by each of the ids of what is in it, and others are not read.
func TestSearchFindsAFoldedEvent(t *testing.T) {
	for _, encoding := range []string{archive.EncodingJSON, archive.EncodingOTLPJSON, archive.EncodingOTLPProto} {
		t.Run(encoding, func(t *testing.T) {
			b := newBench(t, fmt.Sprintf(`
encoding: %s
max_object_age: 100ms
max_wait: 100ms
checkpoint_interval: 1s
rules: [{name: other, condition: 'attributes["other"] != nil', period: 1d}, {name: application, period: 1d}]`, encoding))
			settings := b.audited(t)
			logs := newLogs(rec{request: "of-another", attrs: map[string]any{"other": "x"}}, rec{attrs: map[string]any{"x": 1}})
			records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			foldedEvent(t, records.At(1))
			logs.ResourceLogs().AppendEmpty().Resource().Attributes().PutStr("request.id", "of-resource")
			again := logs.ResourceLogs().At(1).ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			records.At(1).CopyTo(again)
			again.Attributes().Remove("request.id") // else the resource's is in no flat document
			to, err := NewFactory().CreateLogs(t.Context(), b.set, b.cfg)
			require.NoError(t, err)
			require.NoError(t, to.Start(t.Context(), host{}))
			require.NoError(t, to.ConsumeLogs(t.Context(), logs))
			require.NoError(t, to.Shutdown(t.Context()))
			filtered := int64(0)
			for id, want := range map[string]int{
				hexOf(1): 2, hexOf(2): 2, hexOf(3): 2, "macro-1": 2, "macro-2": 2, "listed-1": 1, "listed-2": 1, "part-1": 2, "part-2": 2, "part-of-part": 2,
				"origin": 2, "of-resource": 1, "of-another": 1, "nobody's": 0,
			} {
				hits := 0
				stats, err := archiveaudit.Search(t.Context(), b.store, archiveaudit.Query{Prefix: settings.Prefix, ID: id}, func(archiveaudit.Hit) error {
					hits++
					return nil
				})
				require.NoError(t, err)
				if encoding == archive.EncodingOTLPProto {
					want = min(want, 1) // an object is one hit
				}
				assert.Equal(t, want, hits, id)
				filtered += stats.Filtered
			}
			assert.Greater(t, filtered, int64(10), "of 15")
			settings.Now = time.Now()
			report, err := archiveaudit.Verify(t.Context(), b.store, settings)
			require.NoError(t, err)
			assert.Equal(t, archiveaudit.Good, report.Verdict, report.Findings)
		})
	}
}
