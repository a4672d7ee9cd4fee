package ecs

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestObservedTwice holds that a record that has only the time at which it was observed
// says it once, also when its attributes say it already.
func TestObservedTwice(t *testing.T) {
	for said, want := range map[string]map[string]any{
		"":                     {"@timestamp": "1970-01-01T00:00:02.000000000Z"},
		"1970-01-01T00:00:02Z": {"@timestamp": "1970-01-01T00:00:02.000000000Z"},
		"1970-01-01T00:00:01Z": {"@timestamp": "1970-01-01T00:00:01.000000000Z", "event.created": "1970-01-01T00:00:02.000000000Z"},
	} {
		r := plog.NewLogRecord()
		r.SetObservedTimestamp(2_000_000_000)
		if said != "" {
			r.Attributes().PutStr("@timestamp", said)
		}
		assert.Equal(t, want, mappedAlone(t, r), said)
	}
}

// TestTwoOfOneField holds that what is derived comes from the value that has the field, and
// that the method of OpenTelemetry says nothing beside the original.
func TestTwoOfOneField(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`{"http.response.status_code":200,"http":{"response":{"status_code":503}}}`, `{"http.response.status_code":200,"labels.http_response_status_code":503,"event.outcome":"success"}`},
		{`{"http.request.method_original":"PURGE","http.request.method":"_OTHER"}`, `{"http.request.method":"PURGE"}`},
		{`{"http.request.method_original":"get","http.request.method":"GET"}`, `{"http.request.method":"get"}`},
		{`{"http.request.method_original":"get","http.request.method":"PUT"}`, `{"http.request.method":"get","labels.http_request_method":"PUT"}`},
	} {
		r := plog.NewLogRecord()
		setJSON(t, r.Attributes(), test.in)
		want := pcommon.NewMap()
		setJSON(t, want, test.want)
		assert.Equal(t, want.AsRaw(), mappedAlone(t, r), test.in)
	}
}

// mappedAlone is a record's part of a document, without the version.
func mappedAlone(t *testing.T, r plog.LogRecord) map[string]any {
	t.Helper()
	m := NewMapper(Options{})
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	got := make(map[string]any)
	for _, item := range m.Attributes(r) {
		v := pcommon.NewValueEmpty()
		item.PutInto(v)
		got[item.Name] = v.AsRaw()
	}
	require.Equal(t, Version, got["ecs.version"])
	delete(got, "ecs.version")
	return got
}
