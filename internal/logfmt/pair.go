package logfmt

import (
	"math"
	"strconv"
)

// Kind is the type of a pair's value.
type Kind uint8

const (
	// String is any text, and the zero Kind.
	String Kind = iota
	// Int is an int64.
	Int
	// Float is a float64.
	Float
	// Bool is true or false; a bare key is Bool and true.
	Bool
)

// String is the name of k as the format document writes it.
func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Int:
		return "int"
	case Float:
		return "float"
	case Bool:
		return "bool"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

type flags uint8

const (
	flagBare flags = 1 << iota
	flagVolatile
)

// Pair is one key and its value. Pairs that carry a type are made by a Parser
// or by IntPair, FloatPair, BoolPair and BarePair; a Pair made by hand with
// only Key and Value is a string.
type Pair struct {
	// Key is the key's text, escapes decoded.
	Key string
	// Value is the value's text, escapes decoded: "" for a bare key and for k=.
	Value string
	// Kind says which of Int, Float and Bool holds the value.
	Kind Kind

	flags flags
	hash  uint32 // of Key, while the line is read; then 0, so that pairs can be compared
	bits  uint64 // int64, float64 bits, or 0 and 1
}

// Int is the value of a pair of Kind Int, and 0 for any other.
func (p Pair) Int() int64 {
	if p.Kind != Int {
		return 0
	}
	return int64(p.bits)
}

// Float is the value of a pair of Kind Float, and 0 for any other.
func (p Pair) Float() float64 {
	if p.Kind != Float {
		return 0
	}
	return math.Float64frombits(p.bits)
}

// Bool is the value of a pair of Kind Bool, and false for any other.
func (p Pair) Bool() bool { return p.Kind == Bool && p.bits != 0 }

// Bare reports whether the pair is a key without '='.
func (p Pair) Bare() bool { return p.flags&flagBare != 0 }

// Volatile reports whether Key or Value live in the memory of the Parser that
// made the pair, because escapes had to be decoded. They are valid until that
// parser's next call: clone them to keep them longer. Otherwise both are
// substrings of the line.
func (p Pair) Volatile() bool { return p.flags&flagVolatile != 0 }

// StringPair is a pair with a string as its value.
func StringPair(key, value string) Pair { return Pair{Key: key, Value: value} }

// IntPair is a pair with an integer as its value.
func IntPair(key string, value int64) Pair {
	return Pair{Key: key, Value: strconv.FormatInt(value, 10), Kind: Int, bits: uint64(value)}
}

// FloatPair is a pair with a float as its value. Value is the text of
// FormatFloat.
func FloatPair(key string, value float64) Pair {
	return Pair{Key: key, Value: FormatFloat(value), Kind: Float, bits: math.Float64bits(value)}
}

// BoolPair is a pair with a boolean as its value.
func BoolPair(key string, value bool) Pair {
	p := Pair{Key: key, Value: strconv.FormatBool(value), Kind: Bool}
	if value {
		p.bits = 1
	}
	return p
}

// BarePair is a key that stands alone: true, without '='.
func BarePair(key string) Pair { return Pair{Key: key, Kind: Bool, flags: flagBare, bits: 1} }
