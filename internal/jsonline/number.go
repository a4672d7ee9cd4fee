package jsonline

import (
	"math"
	"strconv"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// number reads the number at line[i], which is a digit or '-', into pair and gives
// the place behind it, or -1 where it is none of RFC 8259.
func number(pair *linepair.Pair, line string, i int) int {
	start := i
	negative := line[i] == '-'
	if negative {
		i++
	}
	first := i
	var n uint64 // overflows only where the count of digits is looked at
	for i < len(line) && line[i]-'0' <= 9 {
		n = n*10 + uint64(line[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 || line[first] == '0' && digits > 1 {
		return -1
	}
	if i == len(line) || line[i] != '.' && line[i]|0x20 != 'e' {
		pair.Value = line[start:i]
		switch {
		case digits > 19 || n > math.MaxInt64 && (!negative || n > 1<<63):
			decimal(pair) // beyond int64
		case !negative:
			pair.Kind, pair.Bits = linepair.Int, n
		case n == 0:
			pair.Kind, pair.Bits = linepair.Float, math.Float64bits(math.Copysign(0, -1))
		default:
			pair.Kind, pair.Bits = linepair.Int, -n
		}
		return i
	}
	point := i
	if line[i] == '.' {
		for i++; i < len(line) && line[i]-'0' <= 9; i++ {
			n = n*10 + uint64(line[i]-'0')
		}
		if i == point+1 {
			return -1
		}
		fraction := i - point - 1
		if i == len(line) || line[i]|0x20 != 'e' {
			pair.Value = line[start:i]
			// Below 2^52 the digits are exact as a float64, and so is the power of
			// ten, so that their quotient is the float64 nearest to the text; and no
			// other text of as many digits gives it.
			if digits+fraction > 19 || n >= 1<<52 {
				decimal(pair)
				return i
			}
			f := float64(n) / powersOfTen[fraction]
			if negative {
				f = -f
			}
			pair.Kind, pair.Bits = linepair.Float, math.Float64bits(f)
			return i
		}
	}
	i++
	if i < len(line) && (line[i] == '+' || line[i] == '-') {
		i++
	}
	exponent := i
	for i < len(line) && line[i]-'0' <= 9 {
		i++
	}
	if i == exponent {
		return -1
	}
	pair.Value = line[start:i]
	decimal(pair)
	return i
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// maxNumber is the length in bytes beyond which a number keeps its text: a float64
// has 17 digits at most, and trailing zeros have an end.
const maxNumber = 64

// decimal gives pair, whose Value is a number, the type Float where a float64 says
// as much as the digits do: where the shortest text for it is the same decimal.
// Otherwise the number stays a String, so that no digit is lost.
func decimal(pair *linepair.Pair) {
	pair.Kind, pair.Bits = linepair.String, 0
	if len(pair.Value) > maxNumber {
		return
	}
	f, err := strconv.ParseFloat(pair.Value, 64)
	if err != nil {
		return
	}
	var buf [32]byte
	a, aExponent, ok := significand(pair.Value)
	if !ok {
		return
	}
	shortest := strconv.AppendFloat(buf[:0], f, 'e', -1, 64)
	b, bExponent, _ := significand(string(shortest))
	if a == b && (aExponent == bExponent || b.n == 0) {
		pair.Kind, pair.Bits = linepair.Float, math.Float64bits(f)
	}
}

// digits are the significant digits of a number, without zeros on either side, and
// its sign.
type digits struct {
	text     [maxNumber]byte
	n        int
	negative bool
}

// significand gives the digits of a number and the exponent of ten of the last. ok
// is false for exponents beyond all reason.
func significand(s string) (d digits, exponent int, ok bool) {
	fraction := false
	i := 0
	if s[0] == '-' {
		d.negative = true
		i++
	}
scan:
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			fraction = true
		case c|0x20 == 'e':
			n, err := strconv.ParseInt(s[i+1:], 10, 16)
			if err != nil {
				return d, 0, false
			}
			exponent += int(n)
			break scan
		default:
			if fraction {
				exponent--
			}
			if d.n > 0 || c != '0' {
				d.text[d.n] = c
				d.n++
			}
		}
	}
	for d.n > 0 && d.text[d.n-1] == '0' {
		d.n--
		d.text[d.n] = 0
		exponent++
	}
	return d, exponent, true
}
