//go:build !race

package ecsprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestAllocations holds how many allocations a record of a batch costs.
func TestAllocations(t *testing.T) {
	for _, way := range ways {
		pass, fresh := passes(t, &way.config, way.fill)
		const runs = 20
		batches := make([]plog.Logs, 0, runs+3)
		for range cap(batches) {
			batches = append(batches, fresh())
		}
		next := 0
		pass(batches[next]) // fills the pool
		got := testing.AllocsPerRun(runs, func() {
			next++
			pass(batches[next])
		}) / batchSize
		requireHas(t, batches[next], way.has)
		most := map[string]float64{"to_ecs": 2, "from_ecs": 0.5, "from_ecs/nothing": 0.1}[way.name]
		assert.LessOrEqual(t, got, most, "%s: allocations for a record", way.name)
		t.Logf("%s: %.2f allocations for a record", way.name, got)
	}
}
