// Package archivelines makes records of the lines of an archive again.
//
// Lines of otlp_json, and objects of otlp_proto, are given exactly. Of other documents as
// much comes back as their form has: a flat document of json does not say which of its
// attributes were the resource's, nor whether a text was bytes; those of the names that
// the semantic conventions keep for resources (service, host, container, ...) go there.
// ECS documents are read by the project's field table. What is neither, such as a span in
// json, is a record whose body is the document.
package archivelines

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
)

// Records are what a line was made of: one of the three.
type Records struct {
	Logs    plog.Logs
	Traces  ptrace.Traces
	Metrics pmetric.Metrics
	Signal  Signal
}

// Signal says which of the three.
type Signal int

// The signals.
const (
	Logs Signal = iota
	Traces
	Metrics
)

// The classes of signals that are not logs.
const (
	classTraces  = "traces"
	classMetrics = "metrics"
)

// Decoder makes records. It is not for several goroutines. Its zero value is ready.
type Decoder struct{ ecs *ecsjson.Reader }

// Decode makes records of a line of an object of a class and an encoding, or of an object
// without lines. It keeps nothing of the line.
func (d *Decoder) Decode(class, encoding string, line []byte) (Records, error) {
	switch {
	case encoding == archive.EncodingOTLPJSON:
		return decodeJSON(line)
	case encoding == archive.EncodingOTLPProto:
		return decodeProto(class, line)
	case encoding == "ecs_encoding" || strings.HasPrefix(encoding, "ecs_encoding/"):
		if class == classTraces || class == classMetrics {
			break
		}
		if d.ecs == nil {
			d.ecs = ecsjson.NewReader()
		}
		logs, err := d.ecs.Read(line)
		return Records{Logs: logs}, err
	}
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	scope := resource.ScopeLogs().AppendEmpty()
	record := scope.LogRecords().AppendEmpty()
	document, err := parse(line)
	switch {
	case err != nil: // of an extension that nothing is known of
		record.Body().SetStr(string(line))
	case encoding == archive.EncodingJSON && class != classTraces && class != classMetrics:
		flat(document, resource.Resource(), scope.Scope(), record)
	default:
		setValue(record.Body(), document)
	}
	return Records{Logs: logs}, nil
}

func decodeJSON(line []byte) (r Records, err error) {
	// The first member says what it is.
	decoder := json.NewDecoder(bytes.NewReader(line))
	for range 2 {
		var token json.Token
		if token, err = decoder.Token(); err != nil {
			return r, fmt.Errorf("read OTLP: %w", err)
		}
		switch token {
		case "resourceSpans":
			r.Signal = Traces
			r.Traces, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			return r, err
		case "resourceMetrics":
			r.Signal = Metrics
			r.Metrics, err = (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
			return r, err
		}
	}
	r.Logs, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
	return r, err
}

func decodeProto(class string, data []byte) (r Records, err error) {
	switch class {
	case classTraces:
		r.Signal = Traces
		r.Traces, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
	case classMetrics:
		r.Signal = Metrics
		r.Metrics, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
	default:
		r.Logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
	}
	return r, err
}

// member is one of an object, in its order.
type member struct {
	name  string
	value any
}

type object []member

var errNoObject = errors.New("the line is no JSON object")

// parse reads a JSON object, and keeps the order of members.
func parse(line []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	v, err := parseValue(decoder, 0)
	if err != nil {
		return nil, err
	}
	document, ok := v.(object)
	if _, err := decoder.Token(); !ok || !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return document, nil
}

// maxDepth bounds the recursion.
const maxDepth = 1000

func parseValue(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("deeper than %d", maxDepth)
	}
	var list []any
	document := object{}
	for decoder.More() {
		var name string
		if delim == '{' {
			token, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			name, _ = token.(string)
		}
		v, err := parseValue(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		if delim == '{' {
			document = append(document, member{name, v})
		} else {
			list = append(list, v)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if delim == '{' {
		return document, nil
	}
	return list, nil
}

func setValue(v pcommon.Value, x any) {
	switch x := x.(type) {
	case nil:
	case string:
		v.SetStr(x)
	case bool:
		v.SetBool(x)
	case json.Number:
		if n, err := x.Int64(); err == nil {
			v.SetInt(n)
		} else if f, err := x.Float64(); err == nil {
			v.SetDouble(f)
		} else {
			v.SetStr(x.String())
		}
	case []any:
		list := v.SetEmptySlice()
		for _, element := range x {
			setValue(list.AppendEmpty(), element)
		}
	case object:
		m := v.SetEmptyMap()
		for _, member := range x {
			setValue(m.PutEmpty(member.name), member.value)
		}
	}
}

// resources are the first parts of names of attributes of resources, in the semantic
// conventions.
var resources = []string{"service.", "host.", "container.", "k8s.", "cloud.", "deployment.", "os.", "telemetry.sdk.", "process.", "faas.", "device."}

// flat makes a record of a flat document.
func flat(document object, resource pcommon.Resource, scope pcommon.InstrumentationScope, r plog.LogRecord) {
	for _, m := range document {
		text, isText := m.value.(string)
		number, _ := m.value.(json.Number)
		n, numberErr := number.Int64()
		set := false
		switch m.name {
		case "time":
			set = isText && setTime(text, r.SetTimestamp)
		case "observed_time":
			set = isText && setTime(text, r.SetObservedTimestamp)
		case "severity":
			if set = isText; set {
				r.SetSeverityText(text)
			}
		case "severity_number":
			if set = numberErr == nil && n > 0 && n <= 24; set {
				r.SetSeverityNumber(plog.SeverityNumber(n))
			}
		case "body":
			set = true
			setValue(r.Body(), m.value)
		case "event_name":
			if set = isText; set {
				r.SetEventName(text)
			}
		case "trace_id":
			var id pcommon.TraceID
			if set = isText && setID(id[:], text); set {
				r.SetTraceID(id)
			}
		case "span_id":
			var id pcommon.SpanID
			if set = isText && setID(id[:], text); set {
				r.SetSpanID(id)
			}
		case "flags":
			if set = numberErr == nil && n >= 0 && n <= 1<<32-1; set {
				r.SetFlags(plog.LogRecordFlags(n))
			}
		case "scope":
			if set = isText; set {
				scope.SetName(text)
			}
		}
		if set {
			continue
		}
		attributes, name := r.Attributes(), m.name
		if rest, ok := strings.CutPrefix(name, "attributes."); ok {
			name = rest
		} else if rest, ok := strings.CutPrefix(name, "resource."); ok {
			attributes, name = resource.Attributes(), rest
		} else if slices.ContainsFunc(resources, func(first string) bool { return strings.HasPrefix(name, first) }) {
			attributes = resource.Attributes()
		}
		setValue(attributes.PutEmpty(name), m.value)
	}
}

func setTime(text string, set func(pcommon.Timestamp)) bool {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err == nil {
		set(pcommon.NewTimestampFromTime(at))
	}
	return err == nil
}

func setID(id []byte, text string) bool {
	if len(text) != 2*len(id) {
		return false
	}
	_, err := hex.Decode(id, []byte(text))
	return err == nil
}
