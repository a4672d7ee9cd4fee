package ecsprocessor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// dice makes records out of bytes; when these are used up, all that it throws is 0.
type dice struct{ bytes []byte }

func (d *dice) throw(n int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := int(d.bytes[0])
	d.bytes = d.bytes[1:]
	if n > 256 && len(d.bytes) > 0 {
		b = b<<8 | int(d.bytes[0])
		d.bytes = d.bytes[1:]
	}
	return b % n
}

func (d *dice) one(of ...string) string { return of[d.throw(len(of))] }

// usual are fields that loggers write; half of the time one of these is wanted.
var usual = []string{
	"@timestamp", "log.level", "message", "trace.id", "span.id", "event.action", "event.created", "event.dataset",
	"event.category", "event.type", "event.kind", "event.outcome", "event.duration", "event.id", "ecs.version",
	"error.type", "error.message", "error.stack_trace", "http.request.method", "http.request.id", "http.version",
	"http.response.status_code", "network.protocol", "client.ip", "client.address", "client.domain", "server.address",
	"source.ip", "destination.domain", "host.os.type", "log.logger", "log.origin.file.name", "log.origin.file.line",
	"log.origin.function", "process.thread.id", "process.thread.name", "service.name", "service.environment", "url.path",
}

// document makes the attributes of an ECS document: flat or nested, most of it as the
// schema wants it, some not.
func (d *dice) document() map[string]any {
	all := ecs.Fields()
	doc, times := make(map[string]any), make(map[string]int)
	for range 1 + d.throw(12) {
		name := usual[d.throw(len(usual))]
		switch d.throw(4) {
		case 0:
			name = all[d.throw(len(all))].Name
		case 1:
			name = d.one("labels.", "labels.a_", "container.labels.", "labels.fold_", "labels.request_macro_", "heartwood.", "") + d.one("id", "x", "b", "os_type", "message", "otel_scope_version", "parse_error", "exception", "app")
		}
		// Of three values the order decides which is compared with which.
		if times[name]++; times[name] <= 2 {
			d.put(doc, name, d.fitting(name))
		}
	}
	return doc
}

// put writes a name with points, or all or the first of its parts as objects.
func (d *dice) put(doc map[string]any, name string, v any) {
	switch d.throw(3) {
	case 0:
		doc[name] = v
	case 1:
		parts := strings.Split(name, ".")
		for len(parts) > 1 {
			below, ok := doc[parts[0]].(map[string]any)
			if !ok {
				if doc[parts[0]] != nil {
					return
				}
				below = make(map[string]any)
				doc[parts[0]] = below
			}
			doc, parts = below, parts[1:]
		}
		doc[parts[0]] = v
	default:
		first, rest, ok := strings.Cut(name, ".")
		if below, isMap := doc[first].(map[string]any); ok && (isMap || doc[first] == nil) {
			if !isMap {
				below = make(map[string]any)
				doc[first] = below
			}
			below[rest] = v
			return
		}
		doc[name] = v
	}
}

// fitting is a value that the field takes, seldom another.
func (d *dice) fitting(name string) any {
	if d.throw(10) == 0 {
		return d.anything(2)
	}
	f := ecs.Lookup(name)
	if f == nil {
		return d.scalar()
	}
	var v any
	switch f.Type {
	case ecs.Long, ecs.Integer:
		v = int64(d.throw(1000))
	case ecs.Float, ecs.Double, ecs.ScaledFloat:
		v = float64(d.throw(1000)) / 8
	case ecs.Boolean:
		v = d.throw(2) == 0
	case ecs.Date:
		v = time.Unix(int64(d.throw(1<<16))*30000, int64(d.throw(1000))*1e6).UTC().Format(d.one(time.RFC3339Nano, timestamp.Layout, time.RFC3339))
	case ecs.IP:
		v = d.one("10.0.0.1", "::1", "10.0.0.2")
	case ecs.GeoPoint:
		v = map[string]any{"lat": 1.5, "lon": int64(2)}
	case ecs.Object, ecs.Flattened, ecs.Nested:
		v = map[string]any{"k": d.scalar()}
	default:
		v = d.text(name)
	}
	if f.List && d.throw(2) == 0 {
		return []any{v, v}
	}
	return v
}

func (d *dice) text(name string) any {
	if values := ecs.Allowed(name); values != nil {
		return d.one(values...)
	}
	switch name {
	case "trace.id":
		return d.one("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000", "abc")
	case "span.id":
		return d.one("b7ad6b7169203331", "0000000000000000", "x")
	case "log.level":
		return d.one("info", "WARN", "error", "loud", "ERROR", "30", "")
	case "http.request.method":
		return d.one("GET", "get", "PURGE", "_OTHER", "")
	case "network.protocol":
		return d.one("http", "HTTP", "amqp")
	case "http.version":
		return d.one("1.1", "2")
	case "host.os.type":
		return d.one("linux", "macos", "unix", "windows", "solaris", "darwin")
	case "event.dataset":
		return d.one("access", "web", "application", "nginx.access", "audit")
	case "client.domain", "client.address", "server.address", "destination.domain", "destination.address":
		return d.one("a.example", "b.example", "10.0.0.1", "/tmp/socket", "")
	}
	return d.one("a", "b", "", "1", "error")
}

func (d *dice) scalar() any {
	switch d.throw(6) {
	case 0:
		return int64(d.throw(300)) - 10
	case 1:
		return float64(d.throw(300)) / 4
	case 2:
		return d.throw(2) == 0
	case 3:
		return nil
	default:
		return d.one("x", "y", "", "10.0.0.1", "2026-02-03T04:05:06Z", "a\xff", "0af7651916cd43dd8448eb211c80319c")
	}
}

func (d *dice) anything(levels int) any {
	if levels == 0 || d.throw(3) == 0 {
		return d.scalar()
	}
	if d.throw(2) == 0 {
		list := []any{}
		for range d.throw(3) {
			list = append(list, d.anything(levels-1))
		}
		return list
	}
	m := map[string]any{}
	for range d.throw(3) {
		m[d.one("id", "a", "message", "x.y", "", "type")] = d.anything(levels - 1)
	}
	return m
}

// conventional are attributes of OpenTelemetry that have a place in ECS or are without
// points, so that they come back.
var conventional = func() (names []string) {
	for _, a := range ecs.Alignments() {
		if a.Attribute != "" && a.Relation != ecs.Related && a.Relation != ecs.Conflict && a.Field.Type != ecs.Date && a.Attribute != "http.request.method_original" {
			names = append(names, a.Attribute)
		}
	}
	slices.Sort(names)
	return append(slices.Compact(names),
		"exception.type", "exception.message", "exception.stacktrace", "code.function.name", "code.file.path", "code.line.number",
		"thread.id", "thread.name", "request.id", "log.record.uid", "log.record.original", "k8s.cluster.name", "k8s.namespace.name",
		"os.name", "os.version", "os.description", "os.type", "log.category", "fold.id", "fold.duration", "fold.outcome", "fold.count",
		"fold.complete", "request.macro_id", "redaction.count", "order_id", "x", "tenant", "container.label.app", "heartwood.parse_error",
		"http.request.method", "network.protocol.name", "client.address", "server.address", "http.response.status_code")
}()

// conventionalValue is one of the type that the conventions want.
func (d *dice) conventionalValue(name string) any {
	switch name {
	case "http.request.method":
		return d.one("GET", "POST", "QUERY")
	case "network.protocol.name":
		return d.one("http", "amqp")
	case "os.type":
		return d.one("linux", "darwin", "windows", "solaris", "freebsd")
	case "log.category":
		return d.one("access", "application", "web", "audit", "system", "iam")
	case "fold.outcome":
		return d.one("success", "failure", "unknown")
	case "fold.duration":
		return float64(d.throw(1<<16)) / 1000
	case "client.address", "server.address", "source.address", "destination.address":
		return d.one("10.0.0.1", "a.example", "::1", "/tmp/socket", "8080")
	}
	for _, a := range ecs.Alignments() {
		if a.Attribute != name {
			continue
		}
		switch {
		case a.Field.List && a.Field.Type == ecs.IP:
			return []any{"10.0.0.3", "::1"}
		case a.Field.List:
			return []any{"a", "b"}
		case a.Field.Type == ecs.Long || a.Field.Type == ecs.Integer:
			return int64(100 + d.throw(500))
		case a.Field.Type == ecs.IP:
			return "10.0.0.3"
		case a.Field.Type == ecs.Boolean:
			return true
		case a.Field.Type >= ecs.Float && a.Field.Type <= ecs.ScaledFloat:
			return float64(d.throw(100)) / 8
		case a.Field.Type == ecs.GeoPoint:
			return map[string]any{"lat": 1.5, "lon": 2.5}
		case a.Field.Type >= ecs.Object:
			return nil // what is in objects is another matter
		}
		if values := ecs.Allowed(a.Field.Name); values != nil {
			return d.one(values...)
		}
		return d.one("a", "b")
	}
	switch name {
	case "code.line.number", "thread.id", "fold.count", "redaction.count":
		return int64(d.throw(1000))
	case "fold.complete":
		return d.throw(2) == 0
	case "order_id", "x", "tenant":
		return d.scalar()
	}
	return d.one("a", "b", "c d")
}

// record fills a record of OpenTelemetry.
func (d *dice) record(r plog.LogRecord) error {
	if d.throw(4) > 0 {
		r.SetTimestamp(pcommon.Timestamp(1 + d.throw(1<<16)*1e9))
	}
	if d.throw(3) > 0 {
		r.SetObservedTimestamp(pcommon.Timestamp(1 + d.throw(1<<16)*1e9))
	}
	if d.throw(2) > 0 {
		r.SetTraceID(pcommon.TraceID{byte(1 + d.throw(9))})
	}
	if d.throw(3) == 0 {
		r.SetSpanID(pcommon.SpanID{byte(1 + d.throw(9))})
	}
	if d.throw(3) > 0 {
		r.SetSeverityNumber(plog.SeverityNumber(d.throw(25)))
		r.SetSeverityText(d.one("info", "WARNING", "", "loud"))
	}
	if d.throw(3) == 0 {
		r.SetEventName(d.one("buy", "a b"))
	}
	raw := make(map[string]any)
	for range d.throw(14) {
		name := conventional[d.throw(len(conventional))]
		raw[name] = d.conventionalValue(name)
	}
	if raw["exception.type"] != nil {
		raw["exception.message"] = "m" // alone it comes back as error.type
	}
	if raw["exception.message"] != nil || raw["exception.stacktrace"] != nil {
		delete(raw, "error.type") // beside these it comes back as exception.type
	}
	if raw["fold.id"] == nil {
		delete(raw, "fold.duration") // it comes back as event.duration
	}
	if err := r.Attributes().FromRaw(raw); err != nil {
		return err
	}
	switch d.throw(6) {
	case 0:
		return nil
	case 1:
		return r.Body().FromRaw(d.anything(3))
	case 2:
		return r.Body().FromRaw(map[string]any{d.one("message", "msg", "x"): d.scalar(), "n": int64(1)})
	case 3:
		return r.Body().FromRaw(map[string]any{
			"parts":  []any{map[string]any{"message": "a", "offset": 0.5}, map[string]any{"message": d.scalar()}},
			"shared": []any{"x"},
		})
	}
	r.Body().SetStr(fmt.Sprint("order ", d.throw(100)))
	return nil
}
