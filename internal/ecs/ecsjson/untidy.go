package ecsjson

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// appendUntidy is AppendDocument for items that no Mapper has put in order.
func (w *writer) appendUntidy(dst []byte, items []ecs.Item, nesting Nesting) []byte {
	all := expandLabels(items)
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	gone := settle(names)
	var p parts
	var belowFirsts []ecs.Item // their names keep their points
	for i := range all {
		if gone[i] {
			continue
		}
		item := all[i]
		item.Name = names[i]
		if field := ecs.Lookup(item.Name); field != nil && w.t.paths[field.Index()].first != 0 {
			p.first[w.t.paths[field.Index()].first-1] = &item
			continue
		}
		switch {
		case strings.HasPrefix(item.Name, labelPrefix):
			p.labels = append(p.labels, item)
		case belowFirst(item.Name):
			belowFirsts = append(belowFirsts, item)
		default:
			p.body = append(p.body, item)
		}
	}
	slices.SortStableFunc(p.body, func(a, b ecs.Item) int {
		if x, y := w.t.groupOf(a.Name), w.t.groupOf(b.Name); x != y {
			return x - y
		}
		return compare(a.Name, b.Name)
	})
	dst = w.appendFirst(dst, &p.first)
	dst = w.appendDotted(dst, belowFirsts)
	if nesting == Dotted {
		dst = w.appendDotted(dst, p.body)
	} else {
		dst = w.appendClashing(dst, p.body)
	}
	return append(w.appendLabels(dst, p.labels), '}')
}

func belowFirst(name string) bool {
	return below(name, fieldTime) || below(name, fieldLevel) || below(name, fieldMessage) || below(name, fieldVersion)
}

// expandLabels has one item for each label, where "labels" is a map.
func expandLabels(items []ecs.Item) []ecs.Item {
	all := make([]ecs.Item, 0, len(items))
	for i := range items {
		item := items[i]
		switch {
		case item.Name != labels:
			all = append(all, item)
		case item.Kind == ecs.KindValue && item.Value.Type() == pcommon.ValueTypeMap:
			for k, v := range item.Value.Map().All() {
				all = append(all, ecs.Item{Name: labelPrefix + k, Kind: ecs.KindValue, Value: v})
			}
		default:
			item.Name = labelPrefix + labels
			all = append(all, item)
		}
	}
	return all
}

// appendClashing writes items, which are in order, nested, where one may lie below
// another. The longer of two is then one key, from the place of the shorter on.
func (w *writer) appendClashing(dst []byte, items []ecs.Item) []byte {
	last, depth := "", 0
	scalar, scalarDepth := "", -1 // what others may lie below, and in how many objects it is
	for i := range items {
		name := items[i].Name
		if scalarDepth >= 0 && below(name, scalar) {
			key := scalar
			for range scalarDepth {
				key = key[strings.IndexByte(key, '.')+1:]
			}
			dst = append(appendText(append(dst, ','), name[len(scalar)-len(key):]), ':')
			dst = w.appendItem(dst, &items[i])
			continue
		}
		dst, depth = appendName(dst, last, depth, name)
		dst = w.appendItem(dst, &items[i])
		last, scalar, scalarDepth = name, name, depth
	}
	return appendClosing(dst, depth)
}
