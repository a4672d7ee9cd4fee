package freeport

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPortsDiffer(t *testing.T) {
	seen := make(map[int]bool)
	for range 200 {
		port := Take(t)
		assert.False(t, seen[port], port)
		assert.GreaterOrEqual(t, port, firstPort)
		assert.LessOrEqual(t, port, lastPort)
		seen[port] = true
	}
}

func TestBlocksKeepOthersOut(t *testing.T) {
	port := Take(t)
	assert.False(t, isFree(t.Context(), port-port%blockSize))
}

func TestPortComesBackAfterTheTest(t *testing.T) {
	var port int
	t.Run("one", func(t *testing.T) { port = Take(t) })
	require.Contains(t, ports.free, port)
}
