package spool

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBuffersAreUsedAgain: the largest are kept, one is given that is large enough, and what
// a group has outgrown is not lost.
func TestBuffersAreUsedAgain(t *testing.T) {
	const most = 1 << 20
	s := &Spool{set: Settings{groupSize: most, block: 4096}}
	assert.Nil(t, s.spareLocked(1))
	s.reuseLocked(make([]byte, minBuffer-1))
	s.reuseLocked(make([]byte, most+s.padding()+1))
	assert.Empty(t, s.spare)
	for i := range maxSpare {
		s.reuseLocked(make([]byte, minBuffer+i))
	}
	s.reuseLocked(make([]byte, minBuffer)) // no larger than the smallest
	require.Len(t, s.spare, maxSpare)
	s.reuseLocked(make([]byte, most))
	require.Len(t, s.spare, maxSpare)
	for _, c := range []struct{ size, want int }{
		{minBuffer + 2, minBuffer + 7}, {minBuffer + 2, minBuffer + 6}, {minBuffer + 7, most}, {minBuffer + 6, 0}, {1, minBuffer + 5},
	} {
		got := s.spareLocked(c.size)
		assert.Empty(t, got)
		assert.Equal(t, c.want, cap(got))
	}
	assert.Len(t, s.spare, 4)

	s = &Spool{set: Settings{groupSize: most, block: 4096}}
	g := s.groupLocked(minBuffer)
	g.buf = append(g.buf, "what is there"...)
	first := cap(g.buf)
	require.Same(t, g, s.groupLocked(first))
	assert.Equal(t, "what is there", string(g.buf))
	require.Len(t, s.spare, 1)
	assert.Equal(t, first, cap(s.spare[0]))
	s.pending = nil
	assert.Equal(t, first, cap(s.groupLocked(minBuffer).buf))
	assert.Empty(t, s.spare)
}
