package archivelines

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

// otlp is what records are as OTLP in JSON.
func otlp(t *testing.T, r Records) string {
	t.Helper()
	var data []byte
	var err error
	switch r.Signal {
	case Traces:
		data, err = (&ptrace.JSONMarshaler{}).MarshalTraces(r.Traces)
	case Metrics:
		data, err = (&pmetric.JSONMarshaler{}).MarshalMetrics(r.Metrics)
	case Logs:
		data, err = (&plog.JSONMarshaler{}).MarshalLogs(r.Logs)
	}
	require.NoError(t, err)
	return string(data)
}

func TestDocuments(t *testing.T) {
	const (
		before = `{"resourceLogs":[{"resource":{`
		scope  = `},"scopeLogs":[{"scope":{`
		record = `},"logRecords":[{`
		after  = `}]}]}]}`
	)
	for name, one := range map[string]struct{ class, encoding, line, want string }{
		"flat": {
			"application", archive.EncodingJSON,
			`{"time":"2026-03-01T10:00:00.000000005Z","observed_time":"2026-03-01T10:00:01Z","severity":"warn","severity_number":13,"body":"b","event_name":"e","trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","flags":1,"scope":"s","service.name":"shop","resource.x":1,"attributes.service.name":"own","request.id":"r"}`,
			before + `"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"x","value":{"intValue":"1"}}]` + scope + `"name":"s"` + record +
				`"timeUnixNano":"1772359200000000005","observedTimeUnixNano":"1772359201000000000","severityNumber":13,"severityText":"warn","body":{"stringValue":"b"},"attributes":[{"key":"service.name","value":{"stringValue":"own"}},{"key":"request.id","value":{"stringValue":"r"}}],"flags":1,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","eventName":"e"` + after,
		},
		// What has not the form of its field is an attribute: nothing is lost.
		"other forms": {
			"application", archive.EncodingJSON, `{"time":"noon","severity_number":25,"trace_id":"xyz","flags":-1,"scope":[1.5,null,true]}`,
			before + scope + record + `"body":{},"attributes":[{"key":"time","value":{"stringValue":"noon"}},{"key":"severity_number","value":{"intValue":"25"}},{"key":"trace_id","value":{"stringValue":"xyz"}},{"key":"flags","value":{"intValue":"-1"}},{"key":"scope","value":{"arrayValue":{"values":[{"doubleValue":1.5},{},{"boolValue":true}]}}}]` + after,
		},
		"a span": {
			"traces", archive.EncodingJSON, `{"name":"GET","n":18446744073709551616}`,
			before + scope + record + `"body":{"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"GET"}},{"key":"n","value":{"doubleValue":18446744073709552000}}]}}` + after,
		},
		"no JSON": {"application", "other_encoding", `a=1 b`, before + scope + record + `"body":{"stringValue":"a=1 b"}` + after},
		"behind the end": {
			"application", archive.EncodingJSON, `{"a":1} {`, before + scope + record + `"body":{"stringValue":"{\"a\":1} {"}` + after,
		},
	} {
		r, err := new(Decoder).Decode(one.class, one.encoding, []byte(one.line))
		require.NoError(t, err, name)
		assert.Equal(t, Logs, r.Signal, name)
		assert.JSONEq(t, one.want, otlp(t, r), name)
	}
}

// OTLP comes back as it was, in both of its forms.
func TestOTLP(t *testing.T) {
	for class, line := range map[string]string{
		"application": `{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"bytesValue":"AAE="}}]},"scopeLogs":[{"scope":{"name":"s","version":"1"},"logRecords":[{"body":{"stringValue":"b"}}],"schemaUrl":"u"}]}]}`,
		"traces":      `{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"traceId":"","spanId":"","parentSpanId":"","name":"GET","status":{}}]}]}]}`,
		"metrics":     `{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"7"}]}}]}]}]}`,
	} {
		var d Decoder
		r, err := d.Decode(class, archive.EncodingOTLPJSON, []byte(line))
		require.NoError(t, err, class)
		want := otlp(t, r)
		var proto []byte
		switch r.Signal {
		case Logs:
			assert.Equal(t, 1, r.Logs.LogRecordCount())
			proto, err = (&plog.ProtoMarshaler{}).MarshalLogs(r.Logs)
		case Traces:
			assert.Equal(t, 1, r.Traces.SpanCount())
			proto, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(r.Traces)
		case Metrics:
			assert.Equal(t, 1, r.Metrics.DataPointCount())
			proto, err = (&pmetric.ProtoMarshaler{}).MarshalMetrics(r.Metrics)
		}
		require.NoError(t, err, class)
		again, err := d.Decode(class, archive.EncodingOTLPProto, proto)
		require.NoError(t, err, class)
		assert.Equal(t, r.Signal, again.Signal, class)
		assert.Equal(t, want, otlp(t, again), class)
	}
	for _, bad := range []string{"", "{", "[]", `{"resourceLogs":7}`} {
		_, err := new(Decoder).Decode("application", archive.EncodingOTLPJSON, []byte(bad))
		require.Error(t, err, bad)
	}
	_, err := new(Decoder).Decode("application", archive.EncodingOTLPProto, []byte{0xff})
	require.Error(t, err)
}

func TestDepth(t *testing.T) {
	deep := strings.Repeat(`{"a":`, maxDepth+2) + "1" + strings.Repeat("}", maxDepth+2)
	r, err := new(Decoder).Decode("application", archive.EncodingJSON, []byte(deep))
	require.NoError(t, err)
	assert.Equal(t, deep, r.Logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
}

// Whatever a flat document has, all of its members come back.
func FuzzDecode(f *testing.F) {
	f.Add("application", "json", []byte(`{"time":"2026-03-01T10:00:00Z","body":{"a":[1,2.5,null]},"service.name":"x"}`))
	f.Add("traces", "json", []byte(`{"name":"GET"}`))
	f.Add("application", "ecs_encoding", []byte(`{"@timestamp":"2026-03-01T10:00:00.000Z","message":"m"}`))
	f.Add("application", "otlp_json", []byte(`{"resourceLogs":[]}`))
	f.Fuzz(func(t *testing.T, class, encoding string, line []byte) {
		r, err := new(Decoder).Decode(class, encoding, line)
		if err != nil || encoding != archive.EncodingJSON || class == classTraces || class == classMetrics {
			return
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(line, &members) != nil || members == nil {
			return
		}
		record := r.Logs.ResourceLogs().At(0)
		text := record.ScopeLogs().At(0).LogRecords().At(0)
		for name := range members {
			if strings.HasPrefix(name, "attributes.") || strings.HasPrefix(name, "resource.") {
				continue
			}
			_, own := text.Attributes().Get(name)
			_, shared := record.Resource().Attributes().Get(name)
			_, field := map[string]bool{"time": true, "observed_time": true, "severity": true, "severity_number": true, "body": true, "event_name": true, "trace_id": true, "span_id": true, "flags": true, "scope": true}[name]
			assert.True(t, own || shared || field || text.Body().Str() == string(line), name)
		}
	})
}
