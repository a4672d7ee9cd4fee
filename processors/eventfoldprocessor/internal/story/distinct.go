package story

import "slices"

// distinct keeps values in the order of their coming, each once.
type distinct[T comparable] struct {
	values []T
	places map[T]int // of all values, once there are more than maxScanned
}

// add gives the place of the value among the distinct ones.
func (d *distinct[T]) add(value T) int {
	if d.places != nil {
		place, known := d.places[value]
		if !known {
			place = len(d.values)
			d.values = append(d.values, value)
			d.places[value] = place
		}
		return place
	}
	// The last ones first: parts that follow each other often have the same.
	for place, have := range slices.Backward(d.values) {
		if have == value {
			return place
		}
	}
	d.values = append(d.values, value)
	if len(d.values) > maxScanned {
		d.places = make(map[T]int, 4*maxScanned)
		for place, have := range d.values {
			d.places[have] = place
		}
	}
	return len(d.values) - 1
}
