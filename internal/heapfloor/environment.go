package heapfloor

import (
	"fmt"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

const (
	variable = "HEARTWOOD_MIN_HEAP"
	// usualFloor is where nothing is said.
	usualFloor = 64 << 20
)

// FromEnvironment holds the floor that HEARTWOOD_MIN_HEAP says ("64MiB"; 0 for none); none
// where GOGC is set; otherwise one of 64 MiB. The error is of a text that is no size.
func FromEnvironment(lookup func(name string) (string, bool)) (stop func(), err error) {
	floor, err := floorFrom(lookup)
	if err != nil {
		return nil, err
	}
	return Hold(floor), nil
}

func floorFrom(lookup func(name string) (string, bool)) (uint64, error) {
	text, _ := lookup(variable)
	if text == "" {
		if gogc, _ := lookup("GOGC"); gogc != "" {
			return 0, nil
		}
		return usualFloor, nil
	}
	size, err := bytesize.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("the environment variable %s: %w", variable, err)
	}
	return uint64(size), nil
}
