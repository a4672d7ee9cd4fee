package logfmt

import (
	"math"
	"strconv"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// Kind is the type of a pair's value.
type Kind = linepair.Kind

// The kinds of values that logfmt has.
const (
	// String is any text, and the zero Kind.
	String = linepair.String
	// Int is an int64.
	Int = linepair.Int
	// Float is a float64.
	Float = linepair.Float
	// Bool is true or false; a bare key is Bool and true.
	Bool = linepair.Bool
)

// Pair is one key and its value. Pairs that carry a type are made by a Parser
// or by IntPair, FloatPair, BoolPair and BarePair; a Pair made by hand with
// only Key and Value is a string. Value is "" for a bare key and for k=.
type Pair = linepair.Pair

const (
	flagBare     = linepair.FlagBare
	flagVolatile = linepair.FlagVolatile
)

// StringPair is a pair with a string as its value.
func StringPair(key, value string) Pair { return Pair{Key: key, Value: value} }

// IntPair is a pair with an integer as its value.
func IntPair(key string, value int64) Pair {
	return Pair{Key: key, Value: strconv.FormatInt(value, 10), Kind: Int, Bits: uint64(value)}
}

// FloatPair is a pair with a float as its value. Value is the text of
// FormatFloat.
func FloatPair(key string, value float64) Pair {
	return Pair{Key: key, Value: FormatFloat(value), Kind: Float, Bits: math.Float64bits(value)}
}

// BoolPair is a pair with a boolean as its value.
func BoolPair(key string, value bool) Pair {
	p := Pair{Key: key, Value: strconv.FormatBool(value), Kind: Bool}
	if value {
		p.Bits = 1
	}
	return p
}

// BarePair is a key that stands alone: true, without '='.
func BarePair(key string) Pair { return Pair{Key: key, Kind: Bool, Flags: flagBare, Bits: 1} }
