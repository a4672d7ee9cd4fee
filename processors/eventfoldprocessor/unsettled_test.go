package eventfoldprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnsettledPartsAreAQueue(t *testing.T) {
	var q unsettledParts
	numbers := func(parts []unsettled) (all []uint64) {
		for _, u := range parts {
			all = append(all, u.number)
		}
		return all
	}
	for n := uint64(1); n <= 10; n++ {
		q.add(unsettled{number: n, call: &settlement{}})
	}
	q.prune(3)
	assert.Empty(t, q.take(1, 3), "they have been settled")
	assert.Equal(t, []uint64{5, 6}, numbers(q.take(5, 6)))
	assert.Empty(t, q.take(5, 6))
	q.prune(8)
	assert.Equal(t, []uint64{9, 10}, numbers(q.take(0, 100)))
	for n := uint64(11); n < 100_000; n++ {
		q.add(unsettled{number: n})
		q.prune(n - 1)
	}
	assert.Less(t, cap(q.parts), 100)
}
