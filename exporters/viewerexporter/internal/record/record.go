// Package record is a log record or a span as the viewer keeps and shows it.
package record

import "time"

// Kind says what a record was.
type Kind uint8

// The kinds.
const (
	Log Kind = iota
	Span
)

// Status of a span.
type Status uint8

// The statuses, with OpenTelemetry's numbers.
const (
	Unset Status = iota
	OK
	Error
)

// Field is an attribute. The value is a string, int64, float64, bool, or what is nested:
// []any, map[string]any, of the same.
type Field struct {
	Name  string
	Value any
}

// Record is one. Its JSON is the schema Record of openapi.yaml.
type Record struct {
	// ID is given by the store: greater for those that arrived later.
	ID       uint64
	Kind     Kind
	Time     time.Time // of a span its start
	Arrived  time.Time
	Severity uint8 // OpenTelemetry's number, 0 to 24; of a span with Status Error 17
	// SeverityText is the writer's own word.
	SeverityText string
	Service      string
	// Body is of the types of Field.Value; of a span its name.
	Body                 any
	Event                string
	Request, Macro       string // request.id, request.macro_id
	Trace, Span, Parent  string // hexadecimal, or empty
	Duration             time.Duration
	HasDuration          bool
	Status               Status
	UID                  string
	Attributes, Resource []Field // sorted by name, each name once
}
