package sender

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMergedShardsKeepTheOrder: what waits in two shards is one queue in the order of
// IDs when they are one, and there are no more slots than that needs.
func TestMergedShardsKeepTheOrder(t *testing.T) {
	for _, order := range []Order{PerKey, Unordered} {
		s := mustNew(t, Settings{Stream: newStream(1), Log: NewMemory(), Done: func([]uint64) {}, Order: order})
		require.NoError(t, s.reshardLocked(shardsAt(0, 1<<62, 1<<63)))
		for id := range uint64(90) {
			s.takeLocked(&Record{ID: id + 1, Hash: hashKey{hi: id << 61, lo: id}.bytes()})
		}
		require.NoError(t, s.reshardLocked(shardsAt(0, 1<<63)))
		require.NoError(t, s.reshardLocked(shardsAt(0)))
		require.Len(t, s.shards, 1)
		assert.Len(t, s.slots, 1)
		for id := range uint64(90) {
			assert.Equal(t, id+1, s.shards[0].queue.pop().id)
		}
		assert.Nil(t, s.shards[0].queue.first())
	}
}

func TestAListThatSaysTheSameChangesNothing(t *testing.T) {
	s := mustNew(t, Settings{Stream: newStream(1), Log: NewMemory(), Done: func([]uint64) {}})
	require.NoError(t, s.reshardLocked(shardsAt(0, 1<<62)))
	before := s.shards
	list := shardsAt(0, 1<<62)
	list[0], list[1] = list[1], list[0]
	list = append(list, Shard{ID: "old", Last: hashKey{^uint64(0), ^uint64(0)}.bytes(), Closed: true})
	require.NoError(t, s.reshardLocked(list))
	assert.Same(t, before[0], s.shards[0])
	assert.Same(t, before[1], s.shards[1])
	assert.Contains(t, s.known, "old")
}

func TestFind(t *testing.T) {
	var slots []slot
	for _, first := range []uint64{0, 10, 20, 30, 40} {
		slots = append(slots, slot{first: hashKey{hi: first}})
	}
	f := func(want, hi, lo uint64) {
		t.Helper()
		assert.Equal(t, want, find(slots, hashKey{hi, lo}).first.hi)
	}
	f(0, 0, 0)
	f(0, 9, ^uint64(0))
	f(10, 10, 0)
	f(20, 29, 1)
	f(40, 40, 0)
	f(40, ^uint64(0), ^uint64(0))
}
