// Package query is the viewer's query language: its parser, what a parsed query means for a record,
// and what an index needs to know of it. The language is described in openapi.yaml.
package query

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// Query is a parsed query. The zero value is the empty one, which all records match. It may be shared
// between goroutines.
type Query struct {
	// Root is nil for the empty query. It must not be changed.
	Root Node
	text string
}

// String is the text that was parsed.
func (q Query) String() string { return q.text }

// Match says whether a record is one of those that are asked for.
func (q Query) Match(r *record.Record) bool { return q.Root == nil || q.Root.Match(r) }

// Node is a part of a query: *And, *Or, *Not, *Text or *Compare.
type Node interface {
	Match(r *record.Record) bool
}

// And holds when all its terms do. It has at least two.
type And struct{ Terms []Node }

// Or holds when one of its terms does. It has at least two.
type Or struct{ Terms []Node }

// Not holds when its term does not.
type Not struct{ Term Node }

// Text holds when one of the record's texts contains it: the body, the event's name, an id, or the
// value of one of the record's own attributes. Those of the resource are not among them, since
// nearly all records of a service would match the name of its host.
type Text struct{ Pattern Pattern }

// Compare holds when a field is there and its value passes the test.
type Compare struct {
	Field Field
	Test  Test
}

// FieldKind says where a field's value comes from.
type FieldKind uint8

// The kinds of fields.
const (
	Attribute FieldKind = iota // of the record, or else of the resource
	Kind
	Level
	Service
	Request
	Macro
	Trace
	Span
	Parent
	UID
	Event
	Name // the event's name, or a span's body
	Body
	Duration
)

// Field is a field of a record.
type Field struct {
	Kind FieldKind
	// Name is the whole name, in AppendFold's form.
	Name string
}

// shortNames are what fields of the record itself, and attributes with long names, are called.
var shortNames = map[string]Field{
	"kind":             {Kind, "kind"},
	"level":            {Level, "level"},
	"severity":         {Level, "level"},
	"service":          {Service, "service.name"},
	"service.name":     {Service, "service.name"},
	"request":          {Request, "request.id"},
	"request.id":       {Request, "request.id"},
	"macro":            {Macro, "request.macro_id"},
	"request.macro_id": {Macro, "request.macro_id"},
	"trace":            {Trace, "trace"},
	"trace_id":         {Trace, "trace"},
	"span":             {Span, "span"},
	"span_id":          {Span, "span"},
	"parent":           {Parent, "parent"},
	"uid":              {UID, "log.record.uid"},
	"log.record.uid":   {UID, "log.record.uid"},
	"event":            {Event, "event"},
	"name":             {Name, "name"},
	"body":             {Body, "body"},
	"duration":         {Duration, "duration"},
	"status":           {Attribute, "http.response.status_code"},
	"host":             {Attribute, "host.name"},
}

// FieldOf gives the field that a name, in any case, stands for.
func FieldOf(name string) Field {
	name = Fold(name)
	if f, ok := shortNames[name]; ok {
		return f
	}
	return Field{Kind: Attribute, Name: name}
}

// Match says whether all terms match.
func (n *And) Match(r *record.Record) bool {
	for _, term := range n.Terms {
		if !term.Match(r) {
			return false
		}
	}
	return true
}

// Match says whether a term matches.
func (n *Or) Match(r *record.Record) bool {
	for _, term := range n.Terms {
		if term.Match(r) {
			return true
		}
	}
	return false
}

// Match says whether the term does not match.
func (n *Not) Match(r *record.Record) bool { return !n.Term.Match(r) }

// Match says whether the record contains the text.
func (n *Text) Match(r *record.Record) bool {
	if n.value(r.Body) {
		return true
	}
	for _, s := range [...]string{r.Event, r.Request, r.Macro, r.Trace, r.Span, r.Parent, r.UID} {
		if s != "" && n.Pattern.MatchString(s) {
			return true
		}
	}
	for i := range r.Attributes {
		if n.value(r.Attributes[i].Value) {
			return true
		}
	}
	return false
}

func (n *Text) value(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case string:
		return n.Pattern.MatchString(v)
	default:
		var buf [64]byte
		return n.Pattern.Match(record.AppendText(buf[:0], v))
	}
}

// Match says whether the field is there and passes.
func (n *Compare) Match(r *record.Record) bool {
	switch n.Field.Kind {
	case Kind:
		return n.Test.Value(r.Kind.String())
	case Level:
		return n.Test.Level(r.Severity)
	case Duration:
		d, ok := DurationOf(r)
		return ok && n.Test.Value(d.Seconds())
	default:
		v, ok := n.Field.Value(r)
		return ok && n.Test.Value(v)
	}
}

// DurationOf is how long a record's event took, by its own duration or by the attributes
// fold.duration (seconds) and event.duration (nanoseconds).
func DurationOf(r *record.Record) (time.Duration, bool) {
	if r.HasDuration {
		return r.Duration, true
	}
	for _, name := range [...]string{FoldDuration, EventDuration} {
		if v, ok := attribute(r.Attributes, name); ok {
			if d, ok := DurationValue(name, v); ok {
				return d, true
			}
		}
	}
	return 0, false
}

// The attributes that have a duration.
const (
	FoldDuration  = "fold.duration"
	EventDuration = "event.duration"
)

// DurationValue is the duration that an attribute of this name says.
func DurationValue(name string, value any) (time.Duration, bool) {
	unit := 1.0
	if name == FoldDuration {
		unit = 1e9
	}
	switch v := value.(type) {
	case int64:
		return time.Duration(float64(v) * unit), true
	case float64:
		return time.Duration(v * unit), true
	default:
		return 0, false
	}
}

// Value gives a field's value; ok is false where it is not there. Kind, level and duration have texts.
func (f *Field) Value(r *record.Record) (value any, ok bool) {
	text := ""
	switch f.Kind {
	case Kind:
		text = r.Kind.String()
	case Level:
		text = record.Level(r.Severity)
	case Service:
		text = r.Service
	case Request:
		text = r.Request
	case Macro:
		text = r.Macro
	case Trace:
		text = r.Trace
	case Span:
		text = r.Span
	case Parent:
		text = r.Parent
	case UID:
		text = r.UID
	case Event:
		text = r.Event
	case Name:
		if text = r.Event; text == "" && r.Kind == record.Span {
			return r.Body, r.Body != nil
		}
	case Body:
		return r.Body, r.Body != nil
	case Duration:
		if d, ok := DurationOf(r); ok {
			return d.Seconds(), true
		}
		return nil, false
	case Attribute:
	}
	if text != "" {
		return text, true
	}
	if f.Kind == Attribute || strings.Contains(f.Name, ".") {
		if v, ok := attribute(r.Attributes, f.Name); ok {
			return v, true
		}
		return attribute(r.Resource, f.Name)
	}
	return nil, false
}

// attribute finds the first one whose name, in whatever case, is that.
func attribute(fields []record.Field, name string) (any, bool) {
	for i := range fields {
		if SameName(fields[i].Name, name) {
			return fields[i].Value, true
		}
	}
	return nil, false
}

// SameName says whether an attribute's name is a field's, which is in AppendFold's form.
func SameName(attribute, name string) bool {
	if attribute == name {
		return true
	}
	if len(attribute) > 2*len(name)+8 {
		return false
	}
	for i := range min(len(attribute), len(name)) {
		a, n := attribute[i], name[i]
		if a >= 0x80 || n >= 0x80 {
			return Fold(attribute) == name
		}
		if 'A' <= a && a <= 'Z' {
			a += 'a' - 'A'
		}
		if a != n {
			return false
		}
	}
	return len(attribute) == len(name) || Fold(attribute) == name
}

// Op is how a value is compared.
type Op uint8

// The comparisons.
const (
	Equal Op = iota
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Exists
)

// Test is what a field's value must pass.
type Test struct {
	Op Op
	// Pattern is for Equal and NotEqual.
	Pattern Pattern
	// low and high are the numbers of a level that the query names.
	low, high uint8
	// number is the operand where it is one, in seconds if it is a duration.
	number   float64
	integer  int64
	numeric  bool
	integral bool
	duration bool
}

// Number gives the operand, if it is a number, or a duration, in seconds: then values may be equal
// whose texts differ.
func (t *Test) Number() (n float64, ok bool) { return t.number, t.numeric }

// Value says whether a value passes. Of a list one element is enough.
func (t *Test) Value(value any) bool {
	switch t.Op {
	case Exists:
		return true
	case NotEqual:
		return !t.equal(value)
	case Equal:
		return t.equal(value)
	default:
		return t.ordered(value)
	}
}

// Text is Value for a string.
func (t *Test) Text(value []byte) bool {
	switch t.Op {
	case Exists:
		return true
	case Equal:
		return t.Pattern.Match(value)
	case NotEqual:
		return !t.Pattern.Match(value)
	default:
		return t.ordered(string(value))
	}
}

func (t *Test) equal(value any) bool {
	switch v := value.(type) {
	case string:
		return t.Pattern.MatchString(v)
	case int64:
		if t.integral {
			return v == t.integer
		}
		if t.numeric {
			return float64(v) == t.number
		}
	case float64:
		if t.numeric {
			return v == t.number
		}
	case []any:
		if slices.ContainsFunc(v, t.equal) {
			return true
		}
	}
	var buf [64]byte
	return t.Pattern.Match(record.AppendText(buf[:0], value))
}

func (t *Test) ordered(value any) bool {
	switch v := value.(type) {
	case int64:
		if t.integral {
			return t.order(compare(v, t.integer))
		}
		return t.orderFloat(float64(v))
	case float64:
		return t.orderFloat(v)
	case string:
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return t.orderFloat(n)
		}
		if t.duration {
			if d, err := time.ParseDuration(v); err == nil {
				return t.orderFloat(d.Seconds())
			}
		}
	case []any:
		return slices.ContainsFunc(v, t.ordered)
	}
	return false
}

func (t *Test) orderFloat(v float64) bool {
	if v != v || t.number != t.number {
		return false
	}
	return t.order(compare(v, t.number))
}

func compare[T int64 | float64 | uint8](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func (t *Test) order(c int) bool {
	switch t.Op {
	case Less:
		return c < 0
	case LessOrEqual:
		return c <= 0
	case Greater:
		return c > 0
	case GreaterOrEqual:
		return c >= 0
	default:
		return false
	}
}

// Level says whether a severity number passes. One that is not set only is what it is asked to be by
// its name.
func (t *Test) Level(severity uint8) bool {
	switch t.Op {
	case Equal:
		return t.low <= severity && severity <= t.high
	case Exists:
		return severity != 0
	}
	if severity == 0 {
		return false
	}
	switch t.Op {
	case NotEqual:
		return severity < t.low || severity > t.high
	case Less:
		return severity < t.low
	case LessOrEqual:
		return severity <= t.high
	case Greater:
		return severity > t.high
	default:
		return severity >= t.low
	}
}

// Is is a part of a query: a field is that text exactly.
func Is(field FieldKind, text string) Node {
	return &Compare{Field: own[field], Test: Test{Op: Equal, Pattern: literal(text, false)}}
}

// own are the fields of the record itself.
var own = func() map[FieldKind]Field {
	out := map[FieldKind]Field{}
	for _, f := range shortNames {
		if f.Kind != Attribute {
			out[f.Kind] = f
		}
	}
	return out
}()

// Any is the query that one of the parts must match.
func Any(parts ...Node) Query {
	if len(parts) == 1 {
		return Query{Root: parts[0]}
	}
	return Query{Root: &Or{Terms: parts}}
}
