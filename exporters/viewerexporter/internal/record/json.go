package record

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/heartwood-otel/heartwood/internal/jsontext"
)

// MarshalJSON gives the schema Record of openapi.yaml. Integers that a browser can't hold
// exactly, and numbers that JSON has no form for, are strings; bytes that are no UTF-8 are U+FFFD.
func (r Record) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON gives.
func (r *Record) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendUint(dst, r.ID, 10)
	dst = append(dst, `","kind":"`...)
	dst = append(dst, r.Kind.String()...)
	dst = append(dst, `","time":"`...)
	dst = r.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	if !r.Arrived.IsZero() {
		dst = append(dst, `","arrived":"`...)
		dst = r.Arrived.UTC().AppendFormat(dst, time.RFC3339Nano)
	}
	dst = append(dst, `","level":"`...)
	dst = append(dst, Level(r.Severity)...)
	dst = append(dst, `","service":`...)
	dst = jsontext.AppendString(dst, r.Service)
	dst = append(dst, `,"body":`...)
	dst = appendJSON(dst, r.Body)
	for _, member := range [...]struct{ name, value string }{
		{"severity", r.SeverityText},
		{"event", r.Event},
		{"request", r.Request},
		{"macro", r.Macro},
		{"trace", r.Trace},
		{"span", r.Span},
		{"parent", r.Parent},
		{"uid", r.UID},
	} {
		if member.value != "" {
			dst = append(dst, ',', '"')
			dst = append(dst, member.name...)
			dst = append(dst, '"', ':')
			dst = jsontext.AppendString(dst, member.value)
		}
	}
	if r.HasDuration {
		dst = append(dst, `,"duration":`...)
		dst = jsontext.AppendFloat(dst, r.Duration.Seconds())
	}
	if r.Kind == Span {
		dst = append(dst, `,"status":"`...)
		dst = append(dst, r.Status.String()...)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"attributes":`...)
	dst = appendFields(dst, r.Attributes)
	dst = append(dst, `,"resource":`...)
	dst = appendFields(dst, r.Resource)
	return append(dst, '}')
}

// String is the kind's name in JSON and in queries.
func (k Kind) String() string {
	if k == Span {
		return "span"
	}
	return "log"
}

// String is the status's name in JSON.
func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Error:
		return "error"
	default:
		return "unset"
	}
}

// AppendText appends a value as a query sees it: strings as they are, numbers in decimal, and what
// is nested as JSON.
func AppendText(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return dst
	case string:
		return append(dst, v...)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case bool:
		return strconv.AppendBool(dst, v)
	default:
		return appendJSON(dst, v)
	}
}

// Text is what AppendText appends.
func Text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return string(AppendText(nil, value))
}

func appendFields(dst []byte, fields []Field) []byte {
	dst = append(dst, '{')
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(dst, fields[i].Name)
		dst = append(dst, ':')
		dst = appendJSON(dst, fields[i].Value)
	}
	return append(dst, '}')
}

// maxExact is the largest integer up to which a float64, a browser's only number, has them all.
const maxExact = 1<<53 - 1

func appendJSON(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return jsontext.AppendString(dst, v)
	case int64:
		if v > maxExact || v < -maxExact {
			dst = append(dst, '"')
			dst = strconv.AppendInt(dst, v, 10)
			return append(dst, '"')
		}
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return jsontext.AppendFloat(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, element := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, element)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsontext.AppendString(dst, name)
			dst = append(dst, ':')
			dst = appendJSON(dst, v[name])
		}
		return append(dst, '}')
	default:
		return jsontext.AppendString(dst, fmt.Sprint(v))
	}
}
