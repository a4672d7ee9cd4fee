package integration

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// roundTripRules are the differences between a line of an ECS logger and the document
// that it becomes again, that hold however unknown names are written.
var roundTripRules = []roundTripRule{
	{"form of times", func(d difference, _, _ fields) bool {
		return d.field == "@timestamp" && sameTime(d.was, d.is)
	}},
	{"version", func(d difference, _, _ fields) bool {
		return d.field == "ecs.version" && d.is == ecs.Version
	}},
	{"`log.original`", func(d difference, was, _ fields) bool {
		return d.field == "log.original" && d.missing() && d.was == was["message"]
	}},
	{"`host.hostname`", func(d difference, was, is fields) bool {
		name := was["host.hostname"]
		return name != nil && is["host.name"] == name && (d.field == "host.hostname" && d.missing() || d.field == "host.name" && d.added())
	}},
	{"span of a transaction", func(d difference, was, _ fields) bool {
		return d.field == "span.id" && d.added() && d.is == was["transaction.id"]
	}},
	{"address of a client", func(d difference, was, _ fields) bool {
		return d.field == "client.address" && d.added() && d.is == was["client.ip"]
	}},
	{"read from a stack trace", func(d difference, was, _ fields) bool {
		text, _ := d.is.(string)
		return (d.field == "error.type" || d.field == "error.message") && d.added() && strings.Contains(was.text("error.stack_trace"), text)
	}},
	{"outcome", func(d difference, was, _ fields) bool {
		return d.field == "event.outcome" && d.added() && d.is == outcomeOf(was)
	}},
	{"kind", func(d difference, was, _ fields) bool {
		return d.field == "event.kind" && d.added() && d.is == "event" && was["event.action"] != nil
	}},
	{"the collector's own", func(d difference, _, _ fields) bool {
		own := []string{"event.id", "event.created", ecsOriginalField, "log.file.path"}
		for _, name := range []string{"log.file.name", "log.file.record_offset"} {
			own = append(own, name, asLabel(name))
		}
		return d.added() && slices.Contains(own, d.field)
	}},
}

// outcomeOf is what docs/format/ecs.md derives of a line that says no outcome.
func outcomeOf(line fields) any {
	if status, ok := line["http.response.status_code"].(json.Number); ok {
		if status >= "500" { // of three digits
			return "failure"
		}
		return "success"
	}
	for name := range line {
		if name == "error.message" || name == "error.type" || name == "error.stack_trace" {
			return "failure"
		}
	}
	if ecsLevels[strings.ToLower(line.text("log.level"))] >= plog.SeverityNumberError {
		return "failure"
	}
	return nil
}

// asLabel is the name of the label that a name of no field of ECS becomes.
func asLabel(name string) string {
	return "labels." + strings.NewReplacer(".", "_", "*", "_", `\`, "_").Replace(name)
}

func isLabel(name string) bool { return strings.HasPrefix(name, "labels.") }

// labelRules are those of unknown: label.
var labelRules = []roundTripRule{
	{"a name that ECS does not know", func(d difference, was, is fields) bool {
		if d.missing() {
			value, ok := is[asLabel(d.field)]
			return ok && !isLabel(d.field) && ecs.Lookup(d.field) == nil && reflect.DeepEqual(value, d.was)
		}
		for name, value := range was {
			if !isLabel(name) && ecs.Lookup(name) == nil && asLabel(name) == d.field {
				return d.added() && reflect.DeepEqual(value, d.is)
			}
		}
		return false
	}},
}

// keepRules are those of unknown: keep.
var keepRules = []roundTripRule{
	{"a label", func(d difference, was, is fields) bool {
		if d.missing() {
			name, ok := strings.CutPrefix(d.field, "labels.")
			return ok && reflect.DeepEqual(is[name], d.was)
		}
		value, ok := was["labels."+d.field]
		return ok && d.added() && reflect.DeepEqual(value, d.is)
	}},
}
