package fault

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlanRefusesWhatItCannotRead(t *testing.T) {
	for change, want := range map[string]string{
		"inventory.panic":         "want name=rate",
		"inventory.panic=2":       `"2" is no rate from 0 to 1`,
		"inventory.panic=NaN":     "is no rate",
		"inventory.panic=every:0": "no whole number from 1",
		"inventory.fire=0.1":      "no such fault; known are inventory.error, inventory.leak",
	} {
		_, err := NewPlan(1, []string{change})
		require.ErrorContains(t, err, want, change)
		require.ErrorContains(t, err, change)
	}
}

func TestEveryCountsOccasions(t *testing.T) {
	p, err := NewPlan(1, []string{"all=off", OrderingPanic + "=every:3"})
	require.NoError(t, err)
	var hits []int
	for i := range 9 {
		if p.Hit(OrderingPanic, "same") {
			hits = append(hits, i)
		}
		assert.False(t, p.Hit(OrderingLeak, strconv.Itoa(i)))
	}
	assert.Equal(t, []int{2, 5, 8}, hits)
}

func TestRateDependsOnSeedNameAndKeyOnly(t *testing.T) {
	const occasions = 20000
	hits := func(seed uint64, name string) map[string]bool {
		p, err := NewPlan(seed, []string{"all=0.05"})
		require.NoError(t, err)
		got := map[string]bool{}
		for i := range occasions {
			if key := strconv.Itoa(i); p.Hit(name, key) {
				got[key] = true
			}
		}
		return got
	}
	first := hits(1, InventoryPanic)
	assert.InDelta(t, 0.05*occasions, len(first), 150)
	assert.Equal(t, first, hits(1, InventoryPanic))
	assert.NotEqual(t, first, hits(2, InventoryPanic))
	assert.NotEqual(t, first, hits(1, OrderingPanic))
}
