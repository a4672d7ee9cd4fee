package foldtable

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBufferClasses(t *testing.T) {
	for n := 1; n <= maxBuffer; n++ {
		class, size := classAtLeast(n)
		require.GreaterOrEqual(t, size, n)
		require.LessOrEqual(t, size, max(minBuffer, n+n/8+1), "%d bytes", n)
		require.Equal(t, class, classWithin(size), "a buffer goes back to where it came from")
		if n >= minBuffer {
			within := classWithin(n)
			require.LessOrEqual(t, within, class)
			if within < class {
				require.Less(t, n, size, "a smaller buffer must not be given out for this class")
			}
		}
	}
	var b buffers
	assert.Len(t, b.free, classWithin(maxBuffer)+1, "no class is missing")
}

func TestBuffersAreUsedAgain(t *testing.T) {
	var b buffers
	first := append(b.take(200), "content"...)
	b.give(first)
	assert.Equal(t, cap(first), b.kept)
	second := b.take(208)
	assert.Empty(t, second)
	assert.Same(t, &first[0], &second[:1][0])
	assert.Zero(t, b.kept)

	grown := b.withRoom(append(second, make([]byte, 200)...), 300)
	assert.Len(t, grown, 200)
	assert.GreaterOrEqual(t, cap(grown), 500)
	assert.Equal(t, cap(second), b.kept, "what was too small is kept")

	b.give(make([]byte, maxBuffer+1))
	b.give(make([]byte, minBuffer-1))
	assert.Equal(t, cap(second), b.kept, "nothing too large or too small")
	for range 2 * maxKept / maxBuffer {
		b.give(make([]byte, maxBuffer))
	}
	assert.LessOrEqual(t, b.kept, maxKept)
	assert.Greater(t, cap(b.take(maxBuffer+1)), maxBuffer)
}

// TestBuffersComeBackFromWhereTheyWent: the allocator may have made one of a higher class
// of what was asked for.
func TestBuffersComeBackFromWhereTheyWent(t *testing.T) {
	for n := 1; n <= maxBuffer; n += 61 {
		var b buffers
		b.give(b.take(n))
		require.NotZero(t, b.kept)
		b.take(n)
		require.Zero(t, b.kept, "%d bytes", n)
	}
}
