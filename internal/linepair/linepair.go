// Package linepair holds what the readers of log lines give to those who make
// records of them: a key, its value, and the value's type.
package linepair

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
	// Null is a value that says itself that there is none.
	Null
	// Object holds pairs of its own, which follow it.
	Object
	// Array holds pairs without keys, which follow it.
	Array
)

// String is the name of k as the format documents write it.
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
	case Null:
		return "null"
	case Object:
		return "object"
	case Array:
		return "array"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Flags say more of a pair.
type Flags uint8

const (
	// FlagBare marks a key without a value.
	FlagBare Flags = 1 << iota
	// FlagVolatile marks a Key or Value that is in the reader's memory.
	FlagVolatile
)

// Pair is one key and its value. Pairs that carry a type are made by a reader; a
// Pair made by hand with only Key and Value is a string.
//
// Flags, Hash and Bits are for readers; everyone else asks the methods.
type Pair struct {
	// Key is the key's text, escapes decoded; "" for an element of an Array.
	Key string
	// Value is the value's text: of a String with escapes decoded, of an Object or
	// Array as it stands in the line, and "" for a bare key.
	Value string
	// Kind says which of Int, Float, Bool and Size holds the value.
	Kind Kind

	Flags Flags
	// Hash is the reader's own.
	Hash uint32
	// Bits are an int64, a float64's bits, 0 and 1, or a Size.
	Bits uint64
}

// Int is the value of a pair of Kind Int, and 0 for any other.
func (p Pair) Int() int64 {
	if p.Kind != Int {
		return 0
	}
	return int64(p.Bits)
}

// Float is the value of a pair of Kind Float, and 0 for any other.
func (p Pair) Float() float64 {
	if p.Kind != Float {
		return 0
	}
	return math.Float64frombits(p.Bits)
}

// Bool is the value of a pair of Kind Bool, and false for any other.
func (p Pair) Bool() bool { return p.Kind == Bool && p.Bits != 0 }

// Size is the number of pairs that an Object or Array holds, theirs included: so
// many follow it before its next neighbour. It is 0 for any other Kind.
func (p Pair) Size() int {
	if p.Kind < Object {
		return 0
	}
	return int(p.Bits)
}

// Bare reports whether the pair is a key without a value.
func (p Pair) Bare() bool { return p.Flags&FlagBare != 0 }

// Volatile reports whether Key or Value live in the memory of the reader that made
// the pair, because escapes had to be decoded. They are valid until that reader's
// next call: clone them to keep them longer. Otherwise both are substrings of the
// line.
func (p Pair) Volatile() bool { return p.Flags&FlagVolatile != 0 }
