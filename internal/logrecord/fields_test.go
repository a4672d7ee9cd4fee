package logrecord

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

type fields = map[string][]string

func TestFields(t *testing.T) {
	f := func(set fields, line string, want expect) {
		t.Helper()
		check(t, Settings{Fields: set}, line, nil, want)
	}
	// A target given replaces the default, the others stay.
	f(fields{"timestamp": {"when"}}, "when=1515150660 ts=5 level=info", expect{time: "2018-01-05T11:11:00Z", severity: severity.Info, sevText: "info", attrs: attrs{"ts": int64(5)}})
	f(fields{"severity": {"prio"}}, "prio=3 level=info", expect{severity: severity.Error, sevText: "3", attrs: attrs{"level": "info"}})
	f(fields{"body": {"text", "msg"}}, "msg=a text=b", expect{body: "b", attrs: attrs{"msg": "a"}})
	f(fields{"event_name": {}}, "at=seed", expect{attrs: attrs{"at": "seed"}})
	f(fields{"event_name": {}}, "at=info", expect{attrs: attrs{"at": "info"}})
	// A resource attribute.
	f(fields{"service.name": {"service"}}, "service=shop app=x", expect{attrs: attrs{"app": "x"}, resource: attrs{"service.name": "shop"}})
	f(fields{"resource.service.name": {"service"}}, "service=shop app=x", expect{attrs: attrs{"app": "x"}, resource: attrs{"service.name": "shop"}})
	f(fields{"service.name": {}}, "service.name=shop app=x", expect{attrs: attrs{"app": "x", "service.name": "shop"}})
	f(fields{"service.version": {"version"}, "cloud.region": {"region"}, "host.id": {"machine_id"}, "container.id": {"container_id"}, "k8s.pod.name": {"pod"}, "resource.team": {"team"}, "deployment.environment.name": {"env"}},
		"version=1.2.3 region=eu-west-1 machine_id=m container_id=c pod=p team=t env=prod",
		expect{resource: attrs{"service.version": "1.2.3", "cloud.region": "eu-west-1", "host.id": "m", "container.id": "c", "k8s.pod.name": "p", "team": "t", "deployment.environment.name": "prod"}})
	f(fields{"service.version": {"version"}}, "version=2", expect{resource: attrs{"service.version": "2"}})
	// Any attribute, with the type of the value.
	f(fields{"http.response.status_code": {"status"}, "request.id": {"request_id", "req"}}, "status=200 req=17", expect{attrs: attrs{"http.response.status_code": int64(200), "request.id": "17"}})
	f(fields{"is.admin": {"admin"}}, "admin a=x", expect{attrs: attrs{"is.admin": true, "a": "x"}})
	f(fields{"code.location": {"file"}}, "file=a.go:1 caller=b.go:2", expect{attrs: attrs{"code.file.path": "a.go", "code.line.number": int64(1), "caller": "b.go:2"}})
	// A key given to another target leaves the default one.
	f(fields{"http.request.host": {"app"}}, "app=x", expect{attrs: attrs{"http.request.host": "x"}})
	f(fields{"timestamp": {"ts"}, "duration": {"t", "time"}}, "t=1515150660", expect{attrs: attrs{"duration": int64(1515150660)}})
	// A target's own name is its first key, unless another target has it.
	f(fields{"a.b": {"c"}}, "c=1 a.b=2", expect{attrs: attrs{"c": int64(1), "a.b": int64(2)}})
	f(fields{"x.y": {"a.b"}, "a.b": {"c"}}, "c=1 a.b=2", expect{attrs: attrs{"a.b": int64(1), "x.y": int64(2)}})
	// All switched off.
	off := fields{}
	for name := range DefaultFields() {
		off[name] = nil
	}
	line := "ts=1515150660 level=info msg=m at=a app=b fn=c error=d caller=e.go:1 trace_flags=1 pid=1 user_id=2 traceparent=t"
	f(off, line, expect{attrs: attrs{
		"ts": int64(1515150660), "level": "info", "msg": "m", "at": "a", "app": "b", "fn": "c", "error": "d", "caller": "e.go:1",
		"trace_flags": int64(1), "pid": int64(1), "user_id": int64(2), "traceparent": "t",
	}})
}

func TestFieldsRefused(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, x := range []struct {
		fields fields
		says   []string
	}{
		{fields{"": {"a"}}, []string{`target ""`, "use one of body, code.function.name"}},
		{fields{"resource.": {"a"}}, []string{`target "resource."`}},
		{fields{"level": {"severity"}}, []string{`"level" is no target`, `did you mean "severity"`}},
		{fields{"Level": {"a"}}, []string{`"Level" is no target`, `did you mean "severity"`}},
		{fields{"Timestamp": {"a"}}, []string{`"Timestamp" is no target`, `did you mean "timestamp"`}},
		{fields{"eventName": {"a"}}, []string{`did you mean "event_name"`}},
		{fields{"traceId": {"a"}}, []string{`did you mean "trace_id"`}},
		{fields{"msg": {"message"}}, []string{`did you mean "body"`}},
		{fields{"service": {"app"}}, []string{`did you mean "service.name"`}},
		{fields{"severity_text": {"a"}}, []string{`did you mean "severity"`}},
		{fields{"heartwood.parse_error": {"a"}}, []string{`"heartwood.parse_error"`, "choose another name"}},
		{fields{"resource.heartwood.x": {"a"}}, []string{`"resource.heartwood.x"`}},
		{fields{"log.record.original": {"a"}}, []string{`"log.record.original"`}},
		{fields{"line.x": {"a"}}, []string{`"line.x"`}},
		{fields{"a b": {"c"}}, []string{`"a b"`, "blanks"}},
		{fields{"a\xff": {"c"}}, []string{`"a\xff"`, "invalid UTF-8"}},
		{fields{"a\x00": {"c"}}, []string{`"a\x00"`}},
		{fields{long: {"c"}}, []string{"257 bytes", "at most 256"}},
		{fields{"x": {""}}, []string{`"x": key 1 is empty`}},
		{fields{"x": {long}}, []string{`"x": key`, "257 bytes"}},
		{fields{"x": {"\xff"}}, []string{`"x": key "\xff"`, "remove it"}},
		{fields{"x": {"a", "b", "a"}}, []string{`"x": key "a" is listed twice`}},
		{fields{"x": {"a"}, "y": {"a"}}, []string{`key "a" is listed under "x" and under "y"`}},
		{fields{"service.name": {"a"}, "resource.service.name": {"b"}}, []string{`"resource.service.name" and "service.name" are the same target`}},
		// All that is wrong, at once.
		{fields{"x": {""}, "y": {""}, "level": {"z"}}, []string{`"x": key 1`, `"y": key 1`, `"level" is no target`}},
	} {
		m, err := NewMapper(Settings{Fields: x.fields})
		require.Error(t, err, "%v", x.fields)
		assert.Nil(t, m)
		for _, part := range x.says {
			require.ErrorContains(t, err, part)
			require.ErrorContains(t, err, "fields: ")
		}
	}
}

// TestDefaultFieldsAreTheirOwn holds that a caller may change what it is given.
func TestDefaultFieldsAreTheirOwn(t *testing.T) {
	DefaultFields()["body"][0] = "changed"
	assert.Equal(t, []string{"msg", "message"}, DefaultFields()["body"])
	set := DefaultFields()
	m, err := NewMapper(Settings{Fields: set})
	require.NoError(t, err, "the defaults themselves are good settings")
	set["body"][0] = "x"
	b := m.NewBatch()
	b.Add([]byte("msg=hi"), &Origin{})
	assert.Equal(t, "hi", b.Take().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
}

// TestKeyIndex finds each of many keys and nothing else.
func TestKeyIndex(t *testing.T) {
	var uses []keyUse
	for i := range 2000 {
		uses = append(uses, keyUse{key: "k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)})
	}
	ix := newKeyIndex(uses)
	for i := range uses {
		assert.Equal(t, uses[i].key, uses[ix.find(uses[i].key)].key)
	}
	for _, key := range []string{"", "k", "kx", "zzz"} {
		assert.Equal(t, -1, ix.find(key), key)
	}
}
