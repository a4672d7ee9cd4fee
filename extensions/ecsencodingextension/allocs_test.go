//go:build !race

package ecsencodingextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecordsCostNoAllocations: a batch costs what it costs, however many records it has.
// The race detector makes pools forget.
func TestRecordsCostNoAllocations(t *testing.T) {
	e := start(t, nil)
	cost := func(n int) float64 {
		logs := requests(n)
		return testing.AllocsPerRun(50, func() {
			if _, err := e.MarshalLogs(logs); err != nil {
				t.Error(err)
			}
		})
	}
	assert.LessOrEqual(t, cost(100), cost(1)+1)
	assert.LessOrEqual(t, cost(100), 20.0)

	encoder := e.NewLogEncoder()
	defer encoder.End()
	logs := requests(1)
	rl := logs.ResourceLogs().At(0)
	encoder.Begin(rl.Resource(), rl.ScopeLogs().At(0).Scope())
	r := rl.ScopeLogs().At(0).LogRecords().At(0)
	buffer, err := encoder.AppendLog(nil, r)
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() { buffer, _ = encoder.AppendLog(buffer[:0], r) }))
}
