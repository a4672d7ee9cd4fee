// Package measurement reads what logs say as measurements: a number with or without a
// unit, as in 12ms, 21.00MB or 348836pages, and the names under which Heroku's and
// l2met's conventions say it.
//
// Units become UCUM's base units, as OpenTelemetry's semantic conventions want them:
// times are in s, sizes in By.
package measurement

import (
	"math"
	"strconv"
	"strings"
)

// Unit is a unit of UCUM: "s", "By", "%", or an annotation such as "{page}"; "" where none
// is known. That is not UCUM's "1", which says that a value has no dimension: Prometheus
// would name a gauge of that unit a ratio.
type Unit string

// The units that values are brought to.
const (
	None    Unit = ""
	Seconds Unit = "s"
	Bytes   Unit = "By"
	Percent Unit = "%"
)

// known are the suffixes with a meaning of their own, and what a value is multiplied
// with. Sizes are decimal unless they say i: but see ParseMemory.
var known = map[string]struct {
	factor float64
	unit   Unit
}{
	"ns": {1e-9, Seconds}, "us": {1e-6, Seconds}, "µs": {1e-6, Seconds}, "μs": {1e-6, Seconds},
	"ms": {1e-3, Seconds}, "s": {1, Seconds}, "sec": {1, Seconds}, "min": {60, Seconds}, "h": {3600, Seconds},
	"B": {1, Bytes}, "b": {1, Bytes}, "byte": {1, Bytes}, "bytes": {1, Bytes}, "By": {1, Bytes},
	"kB": {1e3, Bytes}, "KB": {1e3, Bytes}, "MB": {1e6, Bytes}, "GB": {1e9, Bytes}, "TB": {1e12, Bytes},
	"KiB": {1 << 10, Bytes}, "MiB": {1 << 20, Bytes}, "GiB": {1 << 30, Bytes}, "TiB": {1 << 40, Bytes},
	"%": {1, Percent},
}

// binary are the decimal names that Heroku's memory samples use for powers of 1024.
var binary = map[string]float64{"kB": 1 << 10, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}

// maxUnit bounds the letters of a unit that is not known, in bytes: a value is from a
// stranger, and its unit becomes a metric's.
const maxUnit = 32

// Value is a number in a base unit. HasUnit says whether the text named one; Unit is
// None otherwise.
type Value struct {
	Number  float64
	Unit    Unit
	HasUnit bool
}

// Parse reads a value. Empty text is 1. False: it is no finite number, or what follows
// the number is no unit.
func Parse(text string) (Value, bool) { return parse(text, false) }

// ParseMemory reads a value as Heroku writes it about memory: MB is 1024 times 1024.
// Source: Heroku's documentation of log-runtime-metrics.
func ParseMemory(text string) (Value, bool) { return parse(text, true) }

func parse(text string, memory bool) (Value, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Value{1, None, false}, true
	}
	end := numberEnd(text)
	number, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return Value{}, false
	}
	suffix := strings.TrimLeft(text[end:], " ")
	if suffix == "" {
		return Value{number, None, false}, true
	}
	if memory {
		if factor, ok := binary[suffix]; ok {
			return scaled(number, factor, Bytes)
		}
	}
	if u, ok := known[suffix]; ok {
		return scaled(number, u.factor, u.unit)
	}
	unit, ok := annotation(suffix)
	return Value{number, unit, true}, ok
}

func scaled(number, factor float64, unit Unit) (Value, bool) {
	if factor < 1 {
		number /= math.Round(1 / factor) // 12ms is 0.012, not 12 times what 0.001 is near to
	} else {
		number *= factor
	}
	return Value{number, unit, true}, !math.IsInf(number, 0)
}

// InMilliseconds is a value without a unit whose name says that it is a time: Heroku's
// convention for measure.elapsed.
func (v Value) InMilliseconds() Value { return Value{v.Number / 1000, Seconds, true} }

// In gives the value in a unit that it does not name itself; false where the unit is not
// known.
func (v Value) In(unit string) (Value, bool) {
	u, ok := known[unit]
	if !ok {
		a, ok := annotation(strings.Trim(unit, "{}"))
		return Value{v.Number, a, true}, ok
	}
	return scaled(v.Number, u.factor, u.unit)
}

// numberEnd is where what may be a decimal number at the beginning of text ends: sign,
// digits, point, exponent. An e that no digits follow is a unit's.
func numberEnd(text string) int {
	i := 0
	if text[0] == '+' || text[0] == '-' {
		i++
	}
	for ; i < len(text) && (isDigit(text[i]) || text[i] == '.'); i++ {
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		j := i + 1
		if j < len(text) && (text[j] == '+' || text[j] == '-') {
			j++
		}
		if j < len(text) && isDigit(text[j]) {
			for i = j; i < len(text) && isDigit(text[i]); i++ {
			}
		}
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// annotation makes a unit of letters that are none of UCUM's: pages is {page}.
func annotation(word string) (Unit, bool) {
	if word == "" || len(word) > maxUnit {
		return "", false
	}
	for _, c := range []byte(word) {
		if !isLetter(c) && c != '_' {
			return "", false
		}
	}
	if len(word) > 2 && word[len(word)-1] == 's' && word[len(word)-2] != 's' {
		word = word[:len(word)-1]
	}
	return Unit("{" + word + "}"), true
}
