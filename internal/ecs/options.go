package ecs

import "fmt"

// Unknown says what becomes of an attribute that ECS has no field for.
type Unknown uint8

// What may become of it.
const (
	Label Unknown = iota // labels.<name>
	Keep                 // it stays what it is
	Drop                 // it is left out, and counted
)

var unknownNames = [...]string{Label: "label", Keep: "keep", Drop: "drop"}

// ParseUnknown reads the name that String gives; "" is Label.
func ParseUnknown(name string) (Unknown, error) {
	if name == "" {
		return Label, nil
	}
	for u, known := range unknownNames {
		if name == known {
			return Unknown(u), nil
		}
	}
	return Label, fmt.Errorf("%q is none of label, keep, drop", name)
}

// String is the name in a configuration.
func (u Unknown) String() string {
	if int(u) >= len(unknownNames) {
		return fmt.Sprintf("Unknown(%d)", uint8(u))
	}
	return unknownNames[u]
}

// Options are those of a Mapper.
type Options struct {
	Unknown Unknown
}

// Counts says how many values did not become the field that their names ask for.
type Counts struct {
	Unknown uint64 // attributes that ECS does not know, and that are labels
	Type    uint64 // labels, because the value does not fit the field
	Taken   uint64 // labels, because another value has the field
	Dropped uint64 // attributes that ECS does not know, left out by Drop
}
