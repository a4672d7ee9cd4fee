package ecsjson

import (
	"encoding/base64"
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// maxDepth is how deep maps and lists stand in the value of a field as objects and
	// arrays; deeper ones are their JSON text. With the objects of the field's name it
	// stays within what internal/jsonline takes apart.
	maxDepth = 48

	// maxTextDepth is how deep they may be in that text, for the sake of the stack:
	// about a kilobyte for each. encoding/json reads as deep.
	maxTextDepth = 10_000

	// tooDeep stands for what is deeper.
	tooDeep = `"[nested too deep]"`

	// maxKept is how many keys and bytes of text a writer keeps room for.
	maxKept = 4096
)

// writer has what is needed now and then to write a document. It is for one goroutine
// at a time.
type writer struct {
	t     *table
	keys  []string // a stack: those of the maps that are being written
	seed  maphash.Seed
	slots []uint32
	text  []byte
}

var pool = sync.Pool{New: func() any { return &writer{seed: maphash.MakeSeed()} }}

// appendValue appends a value in so many maps and lists, its own included where it is one.
func (w *writer) appendValue(dst []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendText(dst, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendDouble(dst, v.Double())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeBytes:
		return appendBytes(dst, v.Bytes())
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		switch {
		case depth == maxDepth+1:
			return w.appendDeep(dst, v, depth)
		case depth > maxTextDepth:
			return append(dst, tooDeep...)
		case v.Type() == pcommon.ValueTypeMap:
			return w.appendMap(dst, v.Map(), depth)
		}
		return w.appendSlice(dst, v.Slice(), depth)
	}
	return append(dst, "null"...)
}

// appendDeep appends a map or a list as text.
func (w *writer) appendDeep(dst []byte, v pcommon.Value, depth int) []byte {
	text := w.text[:0]
	if v.Type() == pcommon.ValueTypeMap {
		text = w.appendMap(text, v.Map(), depth)
	} else {
		text = w.appendSlice(text, v.Slice(), depth)
	}
	dst = appendText(dst, string(text))
	if w.text = text; cap(text) > maxKept {
		w.text = nil
	}
	return dst
}

func (w *writer) appendSlice(dst []byte, s pcommon.Slice, depth int) []byte {
	dst = append(dst, '[')
	for i := range s.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.appendValue(dst, s.At(i), depth+1)
	}
	return append(dst, ']')
}

func (w *writer) appendMap(dst []byte, m pcommon.Map, depth int) []byte {
	base := len(w.keys)
	valid := true
	for k := range m.All() {
		w.keys = append(w.keys, k)
		valid = valid && utf8.ValidString(k)
	}
	keys := w.keys[base:]
	var gone []bool
	if unique := w.unique(keys); !unique || !valid {
		gone = settle(keys)
	}
	dst = append(dst, '{')
	i, first := 0, true
	for _, v := range m.All() {
		key := w.keys[base+i] // the stack may have moved
		if gone != nil && gone[i] {
			i++
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, key), ':')
		dst = w.appendValue(dst, v, depth+1)
		i, first = i+1, false
	}
	w.forget(base)
	return append(dst, '}')
}

// forget lets go of the keys from base on.
func (w *writer) forget(base int) {
	clear(w.keys[base:])
	if w.keys = w.keys[:base]; base == 0 && cap(w.keys) > maxKept {
		w.keys = nil
	}
}

// maxCompared is the number of keys up to which each is compared with each.
const maxCompared = 12

// unique reports whether no two of keys are equal. Its hash is seeded: a sender cannot
// prepare keys that collide.
func (w *writer) unique(keys []string) bool {
	if len(keys) <= maxCompared {
		for i := range keys {
			if slices.Contains(keys[:i], keys[i]) {
				return false
			}
		}
		return true
	}
	size := 2 << bits.Len(uint(len(keys)))
	if cap(w.slots) < size {
		w.slots = make([]uint32, size)
	}
	slots, mask := w.slots[:size], uint64(size-1)
	clear(slots)
	if size > maxKept {
		w.slots = nil
	}
	for i, key := range keys {
		at := maphash.String(w.seed, key) & mask
		for slots[at] != 0 {
			if keys[slots[at]-1] == key {
				return false
			}
			at = (at + 1) & mask
		}
		slots[at] = uint32(i + 1)
	}
	return true
}

// settle makes keys valid UTF-8, and says which of them go, since a later one is equal.
// Those that only U+FFFD makes equal get _2, _3 behind them.
func settle(keys []string) (gone []bool) {
	gone = make([]bool, len(keys))
	last := make(map[string]int, len(keys))
	taken := make(map[string]bool, len(keys))
	for i, key := range keys {
		if before, ok := last[key]; ok {
			gone[before] = true
		}
		last[key] = i
		if utf8.ValidString(key) {
			taken[key] = true
		}
	}
	tried := make(map[string]int)
	for i, key := range keys {
		if gone[i] || utf8.ValidString(key) {
			continue
		}
		name := validText(key)
		keys[i] = name
		for taken[keys[i]] {
			if tried[name] == 0 {
				tried[name] = 1
			}
			tried[name]++
			keys[i] = name + "_" + strconv.Itoa(tried[name])
		}
		taken[keys[i]] = true
	}
	return gone
}

// validText is s with U+FFFD for each byte that is no UTF-8.
func validText(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

// appendBytes appends bytes in Base64.
func appendBytes(dst []byte, bytes pcommon.ByteSlice) []byte {
	dst = append(dst, '"')
	var chunk [192]byte // a multiple of three
	n := 0
	for _, c := range bytes.All() {
		chunk[n] = c
		if n++; n == len(chunk) {
			dst = base64.StdEncoding.AppendEncode(dst, chunk[:])
			n = 0
		}
	}
	dst = base64.StdEncoding.AppendEncode(dst, chunk[:n])
	return append(dst, '"')
}
