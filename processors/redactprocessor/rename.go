package redactprocessor

import (
	"iter"
	"maps"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

// mostOrdered is the size of a map up to which its order is kept when names change: to
// append to a pcommon.Map is to look through all of it.
const mostOrdered = 256

// rename redacts names that have secrets in them. Where the new name is there already, it
// gets a number. Names that are clean stay.
func (x *pass) rename(m pcommon.Map) {
	if x.cfg.DryRun {
		for name := range m.All() {
			x.redacted(secretscan.Key{}, name)
		}
		return
	}
	last := make(map[string]int, m.Len()) // the number that was last given beside a name
	for name := range m.All() {
		if !x.keys.of(name).dirty {
			last[name] = 0
		}
	}
	kept := make(map[string]struct{}, len(last))
	names := make([]string, 0, m.Len())
	m.RemoveIf(func(name string, _ pcommon.Value) bool {
		_, clean := last[name]
		if _, twice := kept[name]; clean && !twice {
			kept[name] = struct{}{}
			names = append(names, name)
			return false
		}
		if !clean {
			was := name
			var leaves bool
			if name, _, leaves = x.redacted(secretscan.Key{}, was); leaves {
				return true
			}
		}
		names = append(names, unused(last, name))
		return false
	})

	renamed := pcommon.NewMap()
	if len(names) <= mostOrdered {
		renamed.EnsureCapacity(len(names))
		for i, v := range values(m) {
			v.MoveTo(renamed.PutEmpty(names[i]))
		}
	} else {
		empty := make(map[string]any, len(names))
		for _, name := range names {
			empty[name] = nil
		}
		_ = renamed.FromRaw(empty) // nil is a value like any other
		place := maps.Collect(renamed.All())
		for i, v := range values(m) {
			v.MoveTo(place[names[i]])
		}
	}
	renamed.MoveTo(m)
}

// unused gives the name, or the first one with a number behind it that is not in last.
func unused(last map[string]int, name string) string {
	n, taken := last[name]
	if !taken {
		last[name] = 0
		return name
	}
	for n = max(n, 1) + 1; ; n++ {
		numbered := name + "_" + strconv.Itoa(n)
		if _, taken := last[numbered]; !taken {
			last[name], last[numbered] = n, 0
			return numbered
		}
	}
}

func values(m pcommon.Map) iter.Seq2[int, pcommon.Value] {
	return func(yield func(int, pcommon.Value) bool) {
		i := 0
		for _, v := range m.All() {
			if !yield(i, v) {
				return
			}
			i++
		}
	}
}
