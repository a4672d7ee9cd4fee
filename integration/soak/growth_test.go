package soak

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// minSamples is how many samples a judgement of growth needs.
const minSamples = 30

// growth says whether a series grows, and how much: by the medians of the middle third and
// of the last, the first being for warming up. It grows where the last median is above the
// middle one by more than the share and the amount that are allowed together.
func growth(series []float64, share, amount float64) (grows bool, middle, last float64) {
	if len(series) < minSamples {
		return true, math.NaN(), math.NaN() // nobody knows
	}
	third := len(series) / 3
	middle, last = median(series[third:2*third]), median(series[2*third:])
	return last > middle*(1+share)+amount, middle, last
}

func median(series []float64) float64 {
	sorted := slices.Sorted(slices.Values(series))
	return sorted[len(sorted)/2]
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(1, 1))
	made := func(f func(x float64) float64) (series []float64) {
		for i := range 300 {
			series = append(series, f(float64(i)/300))
		}
		return series
	}
	for name, test := range map[string]struct {
		series []float64
		want   bool
	}{
		"flat":                            {made(func(float64) float64 { return 100 }), false},
		"flat with noise":                 {made(func(float64) float64 { return 100 + 30*dice.NormFloat64() }), false},
		"warming up":                      {made(func(x float64) float64 { return 100 * (1 - math.Exp(-x*20)) }), false},
		"falling":                         {made(func(x float64) float64 { return 100 - 50*x }), false},
		"a saw":                           {made(func(x float64) float64 { return 100 + 50*math.Mod(x*20, 1) }), false},
		"one high sample":                 {append(made(func(float64) float64 { return 100 }), 1e6), false},
		"a leak":                          {made(func(x float64) float64 { return 100 + 60*x }), true},
		"a leak with noise":               {made(func(x float64) float64 { return 100 + 60*x + 10*dice.NormFloat64() }), true},
		"a saw that climbs":               {made(func(x float64) float64 { return 100 + 80*x + 50*math.Mod(x*20, 1) }), true},
		"a step in the last third":        {made(func(x float64) float64 { return 100 + 50*math.Floor(x*3/2) }), true},
		"too short to say anything of it": {made(func(float64) float64 { return 100 })[:minSamples-1], true},
	} {
		got, middle, last := growth(test.series, 0.1, 5)
		assert.Equal(t, test.want, got, "%s: %v, then %v", name, middle, last)
	}
}
