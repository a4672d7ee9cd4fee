package ecsjson

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// dice are decisions from the bytes of a fuzz test; when these are used up, zeros.
type dice struct{ data []byte }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	x := int(d.data[0])
	d.data = d.data[1:]
	return x % n
}

func (d *dice) text() string {
	n := min(d.roll(40), len(d.data))
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s
}

func (d *dice) word() uint64 {
	var x uint64
	for range 8 {
		x = x<<8 | uint64(d.roll(256))
	}
	return x
}

func (d *dice) raw(depth int) any {
	n := 8
	if depth == 0 {
		n = 6
	}
	switch d.roll(n) {
	case 0:
		return d.text()
	case 1:
		return int64(d.word())
	case 2:
		return math.Float64frombits(d.word())
	case 3:
		return d.roll(2) == 1
	case 4:
		return []byte(d.text())
	case 6:
		all := make([]any, d.roll(4))
		for i := range all {
			all[i] = d.raw(depth - 1)
		}
		return all
	case 7:
		all := map[string]any{}
		for range d.roll(4) {
			all[strings.ToValidUTF8(d.text(), "?")] = d.raw(depth - 1)
		}
		return all
	}
	return nil
}

// segments of names, so that names meet.
var segments = []string{"a", "b", "http", "request", "labels", "log", "level", "heartwood", "error", "", "é", "\xff", "\xfe", `"`, "message", "x-y"}

func (d *dice) item(t *testing.T) ecs.Item {
	t.Helper()
	fields := ecs.Fields()
	var item ecs.Item
	switch d.roll(4) {
	case 0:
		item.Field = &fields[(d.roll(256)*256+d.roll(256))%len(fields)]
		item.Name = item.Field.Name
	case 1:
		item.Name = labelPrefix + d.text()
	default:
		item.Name = segments[d.roll(len(segments))]
		for range d.roll(4) {
			item.Name += "." + segments[d.roll(len(segments))]
		}
		item.Field = ecs.Lookup(item.Name)
	}
	item.Kind = []ecs.Kind{ecs.KindText, ecs.KindInt, ecs.KindDouble, ecs.KindBool, ecs.KindValue}[d.roll(5)]
	item.List = d.roll(4) == 3 && item.Kind != ecs.KindValue
	switch item.Kind {
	case ecs.KindText:
		item.Text = d.text()
	case ecs.KindBool:
		item.Bits = uint64(d.roll(2))
	case ecs.KindValue:
		item.Value = pcommon.NewValueEmpty()
		require.NoError(t, item.Value.FromRaw(d.raw(3)))
	default:
		item.Bits = d.word()
	}
	return item
}

// checkItems holds that both documents say the items, all of them and nothing else,
// where these are of unique names and none is below another.
func checkItems(t *testing.T, items []ecs.Item) {
	t.Helper()
	nested := checkDocument(t, AppendDocument(nil, items, Nested))
	dotted := checkDocument(t, AppendDocument(nil, items, Dotted))
	for _, item := range items {
		if item.Name == labels {
			return
		}
	}
	names := make([]string, len(items))
	for i := range items {
		names[i] = items[i].Name
	}
	gone := settle(names)
	flat := map[string]any{"@timestamp": noTime, "log.level": noLevel, "message": "", "ecs.version": ecs.Version}
	inLabels := map[string]any{}
	for i := range items {
		if gone[i] {
			continue
		}
		if label, ok := strings.CutPrefix(names[i], labelPrefix); ok {
			inLabels[label] = want(&items[i])
		} else {
			flat[names[i]] = want(&items[i])
		}
	}
	if len(inLabels) > 0 {
		flat[labels] = inLabels
	}
	require.True(t, same(flat, dotted), "%#v\n%#v", flat, dotted)

	tree := map[string]any{}
	for _, name := range slices.Sorted(keysOf(flat)) {
		if name == "log.level" || name == "ecs.version" || belowFirst(name) {
			tree[name] = flat[name]
			continue
		}
		object, rest := tree, name
		for {
			first, behind, more := strings.Cut(rest, ".")
			if !more {
				object[rest] = flat[name]
				break
			}
			next, isObject := object[first].(map[string]any)
			at := name[:len(name)-len(behind)-1]
			if _, scalar := flat[at]; scalar && at != "log.level" && at != "ecs.version" && at != labels {
				object[rest] = flat[name] // below another: keeps its points
				break
			}
			if !isObject {
				next = map[string]any{}
				object[first] = next
			}
			object, rest = next, behind
		}
	}
	require.True(t, same(tree, nested), "%#v\n%#v", tree, nested)
}

func keysOf(m map[string]any) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func FuzzDocument(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		seed := make([]byte, 400)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &dice{data: data}
		var items []ecs.Item
		for len(d.data) > 0 && len(items) < 100 {
			items = append(items, d.item(t))
		}
		checkItems(t, items)

		// The same as a Mapper would give them: in order, unique.
		seen := map[string]bool{}
		items = slices.DeleteFunc(items, func(x ecs.Item) bool {
			gone := seen[x.Name]
			seen[x.Name] = true
			return gone
		})
		group := func(x ecs.Item) int {
			if strings.HasPrefix(x.Name, labelPrefix) {
				return groupOther + 1
			}
			return schema().groupOf(x.Name)
		}
		slices.SortFunc(items, func(a, b ecs.Item) int {
			if x, y := group(a), group(b); x != y {
				return x - y
			}
			return compare(a.Name, b.Name)
		})
		checkItems(t, items)
	})
}

// FuzzText compares with encoding/json.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "plain text", "\"\\\b\f\n\r\t\x00\x7f", "é日本🙂\u2028\u2029\u0085", "\xff\xc0\x80\xed\xa0\x80", "1234567\xe2\x80", "\xe2\x80\xa8\xe2\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		item := ecs.Item{Name: "message", Field: ecs.Lookup("message"), Kind: ecs.KindText, Text: s}
		top := checkDocument(t, AppendDocument(nil, []ecs.Item{item}, Nested))
		require.Equal(t, validText(s), top["message"])
	})
}
