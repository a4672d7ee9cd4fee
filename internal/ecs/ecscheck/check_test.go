package ecscheck_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

const head = `{"@timestamp":"2026-02-03T04:05:06.789000000Z","log.level":"info","message":"","ecs.version":"9.4.0"`

func TestGood(t *testing.T) {
	for _, rest := range []string{
		``,
		`,"event":{"action":"buy","kind":"event","category":["web"],"duration":12,"risk_score":0.5},"labels":{"a":1,"b":[true,null,"x"],"c":null}`,
		`,"event.action":"buy","http.response.status_code":200,"labels":{}`,
		`,"host":{"ip":["10.0.0.1","::1"]},"client":{"geo":{"location":{"lat":1.5,"lon":-2}}}`,
		`,"client.geo.location":"1.5, -2"`,
		`,"container":{"labels":{"a":"b","c":{"d":1}}}`,
		`,"log.syslog.structured_data.a":"b"`,
		`,"log":{"syslog":{"appname":"x","structured_data":{"a":{"b":[{}]}}}}`,
		`,"dns":{"answers":[{"type":"A","foo":1}]}`,
		`,"dns":{"answers":{"type":"A"}}`,
		`,"email":{"attachments":[{"file":{"name":"x"}}]}`,
		`,"entity":{"raw":[{"a":1}]}`,
		`,"faas.coldstart":true,"file.created":null,"gen_ai.request.max_tokens":7,"gen_ai.request.temperature":1e3`,
		`,"heartwood":{"body":{"a.b":[[1]]},"x":1}`,
		`,"heartwood.body":{"":{}}`,
	} {
		require.NoError(t, ecscheck.Document([]byte(head+rest+"}")), rest)
		require.NoError(t, ecscheck.Document([]byte(head+rest+"}\n")), rest)
		require.NoError(t, ecscheck.Keeping([]byte(head+rest+"}")), rest)
	}
	const kept = head + `,"http":{"foo":{"a":1},"version":"1.1"},"own":{"a":[{}],"":{"":1}},"x":{}}`
	require.NoError(t, ecscheck.Keeping([]byte(kept)))
	require.ErrorContains(t, ecscheck.Document([]byte(kept)), "not in ECS")
}

// Each rule broken once.
func TestWrong(t *testing.T) {
	for _, c := range []struct{ rest, problem string }{
		{`,"a"`, "not JSON"},
		{`,"x":1`, `"x": not in ECS`},
		{`,"http":{"foo":1}`, `"http.foo": not in ECS`},
		{`,"http":1`, `"http": an object in ECS`},
		{`,"http":null`, `"http": an object in ECS`},
		{`,"http":[{"version":"1.1"}]`, `"http": an object in ECS`},
		{`,"http":{}`, `"http": an empty object`},
		{`,"http":{"version":"1.1"},"http.version":"1.1"`, `"http.version": twice, with`},
		{`,"http":{"version":"1.1","version":"1.1"}`, `"http.version": twice in one`},
		{`,"heartwood":{"a":{"x":1,"x":2}}`, `"heartwood.a.x": twice in one`},
		{`,"heartwood.a":1,"heartwood.a.b":2`, `"heartwood.a.b": below heartwood.a`},
		{`,"heartwood..b":2`, `a part of the name is empty`},
		{`,"heartwood":2`, `"heartwood": not in ECS`},
		{`,"http.version.major":1`, `below http.version`},
		{`,"dns.answers.foo":1`, `"dns.answers.foo": not in ECS`},
		{`,"email.attachments.foo":1`, `below email.attachments`},
		{`,"http.version":1`, `no text`},
		{`,"error.message":{"a":"b"}`, `no text`},
		{`,"http.version":["1.1"]`, `a list`},
		{`,"host.ip":"10.0.0.1"`, `no list`},
		{`,"host.ip":["10.0.0"]`, `no IP address`},
		{`,"client.ip":"fe80::1%eth0"`, `no IP address`},
		{`,"client.ip":7`, `no IP address`},
		{`,"http.response.status_code":"200"`, `no number`},
		{`,"http.response.status_code":200.5`, `not a whole number of 64`},
		{`,"http.response.status_code":9223372036854775808`, `not a whole number of 64`},
		{`,"gen_ai.request.max_tokens":2147483648`, `not a whole number of 32`},
		{`,"event.risk_score":1e39`, `too large`},
		{`,"gen_ai.request.temperature":1e999`, `too large`},
		{`,"gen_ai.request.temperature":"NaN"`, `no number`},
		{`,"faas.coldstart":"true"`, `neither true nor false`},
		{`,"file.created":"2026-02-03T04:05:06Z"`, `no time`},
		{`,"file.created":"2026-02-30T04:05:06.000000000Z"`, `no time`},
		{`,"file.created":1770091506789`, `no time`},
		{`,"client.geo.location":"1"`, `no latitude`},
		{`,"client.geo.location":"91,1"`, `no latitude`},
		{`,"client.geo.location":[1,2]`, `a list`},
		{`,"client.geo.location":1`, `no point`},
		{`,"client.geo.location":{"lat":1,"lng":1}`, `not of lat and lon`},
		{`,"client.geo.location":{"lat":1}`, `not of lat and lon`},
		{`,"client.geo.location":{"lat":1,"lon":181}`, `too large`},
		{`,"client.geo.location":{"lat":"1","lon":1}`, `no number`},
		{`,"entity.raw":"x"`, `no object`},
		{`,"entity.raw":["x"]`, `no object`},
		{`,"dns.answers":{"foo":"A"}`, `not in ECS`},
		{`,"dll.pe.imports":{"foo":"A"}`, `no list`},
		{`,"log.syslog":"x"`, `no object`},
		{`,"event.kind":"happening"`, `not allowed`},
		{`,"event.category":["web","net"]`, `not allowed`},
		{`,"event.type":["accessed"]`, `not allowed`},
		{`,"event.outcome":"ok"`, `not allowed`},
		{`,"labels":{"a":1},"error.type":"x"`, `not the last`},
		{`,"labels.a":1`, `not in an object`},
		{`,"labels":"a"`, `"labels": no object`},
		{`,"labels":{"a":{}}`, `an object`},
		{`,"labels":{"a":[[]]}`, `a list with`},
		{`,"labels":{"a":[{}]}`, `a list with`},
		{`,"labels":{"a.b":1}`, `empty, or with`},
		{`,"labels":{"a*":1}`, `empty, or with`},
		{`,"labels":{"a\\":1}`, `empty, or with`},
		{`,"labels":{"":1}`, `empty, or with`},
		{",\"error.message\":\"a\u2028\"", "more than one line"},
		{",\n\"error.message\":\"a\"", "more than one line"},
		{",\"error.message\":\"a\xff\"", "no UTF-8"},
		{`}{`, `behind the document`},
	} {
		err := ecscheck.Document([]byte(head + c.rest + "}"))
		if assert.ErrorContains(t, err, c.problem, c.rest) {
			assert.NotContains(t, err.Error(), "\n", c.rest)
		}
	}
	require.ErrorContains(t, ecscheck.Document([]byte(`[1]`)), "no object")
	require.ErrorContains(t, ecscheck.Keeping([]byte(head+`,"http.version.major":1}`)), "below http.version")
	require.ErrorContains(t, ecscheck.Keeping([]byte(head+`,"own":1,"own.a":1}`)), "below own")
}

// The first four in another order, absent, nested, of another type.
func TestHead(t *testing.T) {
	for old, replaced := range map[string]string{
		`"log.level":"info","message":""`:  `"message":"","log.level":"info"`,
		`,"ecs.version":"9.4.0"`:           ``,
		`"ecs.version":"9.4.0"`:            `"ecs":{"version":"9.4.0"}`,
		`"log.level":"info"`:               `"log":{"level":"info"}`,
		`"message":""`:                     `"message":null`,
		`"9.4.0"`:                          `9.4`,
		`{"@timestamp"`:                    `{"error.type":"x","@timestamp"`,
		`"2026-02-03T04:05:06.789000000Z"`: `1770091506789`,
		`789000000Z`:                       `789Z`,
		`:06.789000000Z`:                   `:06.789000000+00:00`,
	} {
		document := strings.Replace(head, old, replaced, 1) + "}"
		require.NotEqual(t, head+"}", document)
		require.Error(t, ecscheck.Document([]byte(document)), document)
	}
}
