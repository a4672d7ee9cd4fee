//go:build !race

package ecsjson

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestDocumentsCostNoAllocations: the race detector makes pools forget.
func TestDocumentsCostNoAllocations(t *testing.T) {
	for _, nesting := range []Nesting{Nested, Dotted} {
		items := request(t)
		dst := make([]byte, 0, 4096)
		assert.Zero(t, testing.AllocsPerRun(100, func() { dst = AppendDocument(dst[:0], items, nesting) }))
	}
}
