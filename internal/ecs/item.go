package ecs

import "go.opentelemetry.io/collector/pdata/pcommon"

// Item is one field of a record that was mapped: a name with points and a value that
// fits it. Its texts and its Value belong to the record it came from, and are good as
// long as that is.
type Item struct {
	Name  string // labels.<name> included, whose <name> has no more points
	Field *Field // nil: a label, heartwood.*, or kept without being known
	Kind  Kind
	List  bool // the scalar, or the map, stands for a list of one
	Text  string
	Bits  uint64        // of an int64, a float64 (math.Float64bits), a bool, Unix nanoseconds
	Bytes [16]byte      // of an id
	Value pcommon.Value // of a KindValue: a map, a list, or nothing
}

// Kind says where an Item has its value.
type Kind uint8

// The kinds of values.
const (
	KindText    Kind = iota + 1 // Text
	KindInt                     // Bits
	KindDouble                  // Bits; neither NaN nor infinite where Field is set
	KindBool                    // Bits, 0 or 1
	KindTime                    // Bits, Unix nanoseconds as an int64
	KindTraceID                 // Bytes
	KindSpanID                  // the first eight of Bytes
	KindValue                   // Value
)
