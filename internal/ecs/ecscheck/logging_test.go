package ecscheck

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLogging(t *testing.T) {
	const head = `{"@timestamp":"2016-05-23T08:05:34.853Z","log.level":"NOTICE","message":"Hi","ecs.version":"1.4.0"`
	f := func(document string, want ...Breach) {
		t.Helper()
		assert.Equal(t, want, Logging([]byte(document)), document)
	}
	f(head + "}")
	f(head + "}\n")
	f(`{"@timestamp":"2016-05-23T08:05:34.853+02:00","log.level":"NOTICE","message":"Hi","ecs":{"version":"1.4.0"}}`)
	f(head + `,"labels":{"a_b":1},"labels.c":2,"trace":{"id":"x"},"transaction.id":"y","service":{"name":"s"},"event":{"dataset":"d"}}`)

	f(`{"log.level":"NOTICE","@timestamp":"2016-05-23T08:05:34.853Z","message":"Hi","ecs.version":"1.4.0"}`,
		Breach{RuleOrder, "@timestamp"}, Breach{RuleOrder, "log.level"})
	f(`{"@timestamp":"2016-05-23T08:05:34.853Z","log.level":"NOTICE","ecs.version":"1.4.0","message":"Hi"}`, Breach{RuleOrder, "message"})
	f(`{"@timestamp":"2016-05-23T08:05:34.853Z","log":{"level":"NOTICE"},"message":"Hi","ecs.version":"1.4.0"}`, Breach{RuleNesting, "log.level"})
	f(`{}`, Breach{RuleRequired, "@timestamp"}, Breach{RuleRequired, "log.level"}, Breach{RuleRequired, "message"}, Breach{RuleRequired, "ecs.version"})
	f(`{"@timestamp":"yesterday","log.level":3,"message":null,"ecs.version":1.4}`,
		Breach{RuleType, "@timestamp"}, Breach{RuleType, "log.level"}, Breach{RuleType, "message"}, Breach{RuleType, "ecs.version"})
	f(head+`,"labels":[],"trace":{"id":1},"transaction.id":{},"service.name":true,"event":{"dataset":[]}}`,
		Breach{RuleType, "labels"}, Breach{RuleType, "trace.id"}, Breach{RuleType, "transaction.id"},
		Breach{RuleType, "service.name"}, Breach{RuleType, "event.dataset"})
	f(head+`,"labels":{"a.b":1,"c*":2},"labels.d\\":3,"labels.e.f":4}`,
		Breach{RuleLabel, "labels.a.b"}, Breach{RuleLabel, "labels.c*"}, Breach{RuleLabel, `labels.d\`}, Breach{RuleLabel, "labels.e.f"})

	whole := Breach{RuleLine, "the document"}
	f(``, whole)
	f(`[]`, whole)
	f(`null`, whole)
	f(head, whole)
	f(head+`}{}`, whole)
	f(head+`,"a":}`, whole)
	f(head+",\n\"a\":1}", whole)
}
