package ecsjson

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// Nesting is how a document has the names of its fields.
type Nesting uint8

const (
	// Nested has objects within objects: {"http":{"request":{"id":"1"}}}.
	Nested Nesting = iota
	// Dotted has names with points: {"http.request.id":"1"}.
	Dotted
)

// String is the name that configurations have for it.
func (n Nesting) String() string {
	if n == Dotted {
		return "dotted"
	}
	return "nested"
}

// ParseNesting knows the names, and says whether s is one.
func ParseNesting(s string) (n Nesting, ok bool) {
	switch s {
	case "nested":
		return Nested, true
	case "dotted":
		return Dotted, true
	}
	return Nested, false
}

// The four fields that come first, and what they say where the record says nothing.
const (
	fieldTime    = "@timestamp"
	fieldLevel   = "log.level"
	fieldMessage = "message"
	fieldVersion = "ecs.version"

	noTime  = "1970-01-01T00:00:00.000000000Z"
	noLevel = "UNSPECIFIED"

	ownObject   = "heartwood"
	labels      = "labels"
	labelPrefix = labels + "."
)

// maxSegments is how many objects a name of the record's own opens at most; what is left
// of it is one key with points. Readers have limits on the depth of objects.
const maxSegments = 16

// path is how a field of the schema is written.
type path struct {
	name    string
	dotted  string   // "http.request.id":
	nested  string   // "http":{"request":{"id":
	starts  []int    // of each segment in nested
	objects []uint16 // the objects it is in, by number
	above   bool     // there are fields below it
	first   uint8    // of the four, from 1 on
}

// table has the paths of all fields, and the first segments of their names.
type table struct {
	paths  []path
	tops   map[string]bool
	labels int
}

var schema = sync.OnceValue(func() *table {
	fields := ecs.Fields()
	t := &table{paths: make([]path, len(fields)), tops: make(map[string]bool), labels: ecs.Lookup(labels).Index()}
	numbers := make(map[string]uint16)
	for i := range fields {
		p := &t.paths[i]
		name := fields[i].Name
		p.name, p.dotted, p.above = name, `"`+name+`":`, ecs.IsObject(name)
		from := 0
		for at := range len(name) + 1 {
			if at < len(name) && name[at] != '.' {
				continue
			}
			p.starts = append(p.starts, len(p.nested))
			p.nested += `"` + name[from:at] + `":`
			if at == len(name) {
				break
			}
			p.nested += "{"
			if numbers[name[:at]] == 0 {
				numbers[name[:at]] = uint16(len(numbers) + 1)
			}
			p.objects = append(p.objects, numbers[name[:at]])
			from = at + 1
		}
		t.tops[firstSegment(name)] = true
	}
	for i, name := range []string{fieldTime, fieldLevel, fieldMessage, fieldVersion} {
		t.paths[ecs.Lookup(name).Index()].first = uint8(i + 1)
	}
	return t
})

func firstSegment(name string) string {
	first, _, _ := strings.Cut(name, ".")
	return first
}

// parts are a document's items: the four that come first, these among all others, and
// the labels.
type parts struct {
	first  [4]*ecs.Item
	body   []ecs.Item
	labels []ecs.Item
}

// AppendDocument appends the document that says items, in the order in which a Mapper
// gives them, to dst, and gives the result: one JSON object in one line, without its end.
//
// It is valid JSON with unique keys whatever items are; but only those in order and of
// unique names are written without allocating. Otherwise they are put in order; of equal
// names the last counts; and of two of which one lies below the other (a, a.b), the
// longer keeps its points, beside the shorter.
func AppendDocument(dst []byte, items []ecs.Item, nesting Nesting) []byte {
	t := schema()
	w := pool.Get().(*writer)
	defer pool.Put(w)
	w.t = t
	var p parts
	if !w.tidy(&p, items) {
		return w.appendUntidy(dst, items, nesting)
	}
	dst = w.appendFirst(dst, &p.first)
	if nesting == Dotted {
		dst = w.appendDotted(dst, p.body)
	} else {
		dst = w.appendNested(dst, p.body)
	}
	return append(w.appendLabels(dst, p.labels), '}')
}

// tidy takes items apart, and reports whether they are in order and their names unique.
func (w *writer) tidy(p *parts, items []ecs.Item) bool {
	last, at, group := "", -1, groupSchema
	i := 0
	for ; i < len(items); i++ {
		item := &items[i]
		name := item.Name
		if field := item.Field; field != nil {
			index := field.Index()
			path := &w.t.paths[index]
			switch {
			case name != path.name || index == w.t.labels || group != groupSchema:
				return false
			case at >= 0:
				if index <= at || w.t.paths[at].above && below(name, last) {
					return false
				}
			case i > 0 && (compare(last, name) >= 0 || below(name, last)):
				return false
			}
			if path.first != 0 {
				p.first[path.first-1] = item
			}
			last, at = name, index
			continue
		}
		if strings.HasPrefix(name, labelPrefix) {
			break
		}
		next := w.t.groupOf(name)
		if next < group || !utf8.ValidString(name) || next == groupSchema && belowFirst(name) {
			return false
		}
		if i > 0 && next == group && (compare(last, name) >= 0 || below(name, last)) {
			return false
		}
		last, at, group = name, -1, next
	}
	p.body, p.labels = items[:i], items[i:]
	ascending := true
	for j := range p.labels {
		item := &p.labels[j]
		if !strings.HasPrefix(item.Name, labelPrefix) || !utf8.ValidString(item.Name) {
			return false
		}
		ascending = ascending && (j == 0 || item.Name > p.labels[j-1].Name)
	}
	if ascending {
		return true
	}
	for j := range p.labels {
		w.keys = append(w.keys, p.labels[j].Name)
	}
	unique := w.unique(w.keys)
	w.forget(0)
	return unique
}

// The order of names: what lies in the schema's objects, our own, and all others; within
// each, what is in one object stands together.
const (
	groupSchema = iota
	groupOwn
	groupOther
)

func (t *table) groupOf(name string) int {
	first := firstSegment(name)
	switch {
	case first == ownObject:
		return groupOwn
	case t.tops[first]:
		return groupSchema
	}
	return groupOther
}

// below reports whether name is beneath object.
func below(name, object string) bool {
	return len(name) > len(object) && name[len(object)] == '.' && name[:len(object)] == object
}

// compare orders names segment by segment: what is in one object stands together.
func compare(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if x, y := a[i], b[i]; x != y {
			switch {
			case x == '.':
				return -1
			case y == '.':
				return 1
			case x < y:
				return -1
			}
			return 1
		}
	}
	return len(a) - len(b)
}

// appendFirst opens the document with the four fields that every one has. The
// specification wants texts: a value of nothing is as good as none.
func (w *writer) appendFirst(dst []byte, first *[4]*ecs.Item) []byte {
	for i, item := range first {
		if item != nil && item.Kind == ecs.KindValue && item.Value.Type() == pcommon.ValueTypeEmpty {
			first[i] = nil
		}
	}
	dst = append(dst, `{"`+fieldTime+`":`...)
	if item := first[0]; item != nil {
		dst = w.appendItem(dst, item)
	} else {
		dst = append(dst, `"`+noTime+`"`...)
	}
	dst = append(dst, `,"`+fieldLevel+`":`...)
	if item := first[1]; item != nil {
		dst = w.appendItem(dst, item)
	} else {
		dst = append(dst, `"`+noLevel+`"`...)
	}
	dst = append(dst, `,"`+fieldMessage+`":`...)
	if item := first[2]; item != nil {
		dst = w.appendItem(dst, item)
	} else {
		dst = append(dst, `""`...)
	}
	dst = append(dst, `,"`+fieldVersion+`":`...)
	if item := first[3]; item != nil {
		return w.appendItem(dst, item)
	}
	return append(dst, `"`+ecs.Version+`"`...)
}

func (w *writer) appendDotted(dst []byte, items []ecs.Item) []byte {
	for i := range items {
		item := &items[i]
		if item.Field == nil {
			dst = append(appendText(append(dst, ','), item.Name), ':')
		} else {
			path := &w.t.paths[item.Field.Index()]
			if path.first != 0 {
				continue
			}
			dst = append(dst, ',')
			dst = append(dst, path.dotted...)
		}
		dst = w.appendItem(dst, item)
	}
	return dst
}

func (w *writer) appendNested(dst []byte, items []ecs.Item) []byte {
	last, depth := "", 0
	var open []uint16 // the objects that are, where last is of the schema
	for i := range items {
		item := &items[i]
		if item.Field == nil {
			dst, depth = appendName(dst, last, depth, item.Name)
			open = nil
		} else {
			path := &w.t.paths[item.Field.Index()]
			if path.first != 0 {
				continue
			}
			common := 0
			if len(open) == depth {
				for common < len(open) && common < len(path.objects) && open[common] == path.objects[common] {
					common++
				}
			} else {
				common, _ = shared(last, depth, item.Name)
			}
			dst = append(appendClosing(dst, depth-common), ',')
			dst = append(dst, path.nested[path.starts[common]:]...)
			open, depth = path.objects, len(path.objects)
		}
		dst = w.appendItem(dst, item)
		last = item.Name
	}
	return appendClosing(dst, depth)
}

// shared counts the objects that name has in common with last, of which so many are open,
// and says where in name the segment behind them begins.
func shared(last string, depth int, name string) (common, from int) {
	for i := 0; common < depth && i < len(name) && i < len(last) && name[i] == last[i]; i++ {
		if name[i] == '.' {
			common, from = common+1, i+1
		}
	}
	return common, from
}

// appendName closes and opens the objects between the value of last, in so many objects,
// and that of name, and gives how many are open then.
func appendName(dst []byte, last string, depth int, name string) ([]byte, int) {
	common, from := shared(last, depth, name)
	dst = append(appendClosing(dst, depth-common), ',')
	depth = common
	for depth < maxSegments-1 {
		n := strings.IndexByte(name[from:], '.')
		if n < 0 {
			break
		}
		dst = append(appendText(dst, name[from:from+n]), `:{`...)
		from += n + 1
		depth++
	}
	return append(appendText(dst, name[from:]), ':'), depth
}

func appendClosing(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '}')
	}
	return dst
}

func (w *writer) appendLabels(dst []byte, all []ecs.Item) []byte {
	if len(all) == 0 {
		return dst
	}
	before := `,"` + labels + `":{`
	for i := range all {
		dst = append(dst, before...)
		dst = append(appendText(dst, all[i].Name[len(labelPrefix):]), ':')
		dst = w.appendItem(dst, &all[i])
		before = ","
	}
	return append(dst, '}')
}

// appendItem appends the value of an item.
func (w *writer) appendItem(dst []byte, item *ecs.Item) []byte {
	if item.List && (item.Kind != ecs.KindValue || item.Value.Type() == pcommon.ValueTypeMap) {
		dst = append(dst, '[')
		dst = w.appendScalar(dst, item)
		return append(dst, ']')
	}
	return w.appendScalar(dst, item)
}

func (w *writer) appendScalar(dst []byte, item *ecs.Item) []byte {
	switch item.Kind {
	case ecs.KindText:
		return appendText(dst, item.Text)
	case ecs.KindInt:
		return strconv.AppendInt(dst, int64(item.Bits), 10)
	case ecs.KindDouble:
		return appendDouble(dst, math.Float64frombits(item.Bits))
	case ecs.KindBool:
		return strconv.AppendBool(dst, item.Bits != 0)
	case ecs.KindTime:
		dst = append(dst, '"')
		return append(timestamp.Append(dst, int64(item.Bits)), '"')
	case ecs.KindTraceID:
		dst = append(dst, '"')
		return append(hex.AppendEncode(dst, item.Bytes[:]), '"')
	case ecs.KindSpanID:
		dst = append(dst, '"')
		return append(hex.AppendEncode(dst, item.Bytes[:8]), '"')
	case ecs.KindValue:
		return w.appendValue(dst, item.Value, 1)
	}
	return append(dst, "null"...)
}
