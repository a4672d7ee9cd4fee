package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// reference is a tree of x/mod's, with all its hashes.
type reference struct {
	hashes []tlog.Hash
	size   int64
}

func (r *reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(r.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		out[i] = r.hashes[index]
	}
	return out, nil
}

func (r *reference) add(tb testing.TB, leaf tlog.Hash) {
	tb.Helper()
	hashes, err := tlog.StoredHashesForRecordHash(r.size, leaf, r)
	require.NoError(tb, err)
	r.hashes = append(r.hashes, hashes...)
	r.size++
}

func (r *reference) root(tb testing.TB) tlog.Hash {
	tb.Helper()
	root, err := tlog.TreeHash(r.size, r)
	require.NoError(tb, err)
	return root
}

func TestLeafHashes(t *testing.T) {
	lines := [][]byte{[]byte("{}"), {0}, []byte("a\x00b"), bytes.Repeat([]byte("x"), 1<<20), []byte("{\"a\":1}")}
	var block, want []byte
	var h LeafHasher
	for _, line := range lines {
		sum := tlog.RecordHash(line)
		assert.Equal(t, sum, LeafHash(line))
		assert.Equal(t, append([]byte("before"), sum[:]...), h.Append([]byte("before"), line))
		block = append(append(block, line...), '\n')
		want = append(want, sum[:]...)
	}
	assert.Equal(t, want, h.AppendLines(nil, block))
	assert.Empty(t, h.AppendLines(nil, nil))
	empty := tlog.RecordHash(nil)
	assert.Equal(t, empty[:], h.AppendLines(nil, []byte("\n")))
}

// TestTreeAgainstTlog holds roots, edges and tiles to x/mod's, leaf by leaf and in
// batches, over the sizes where levels of tiles begin.
func TestTreeAgainstTlog(t *testing.T) {
	const size = 1<<16 + 2*256 + 3
	ref := &reference{}
	one, batches := NewTree(), NewTree()
	random := rand.New(rand.NewPCG(1, 2))
	tiles := map[string][]byte{}
	keep := func(to map[string][]byte) func(tlog.Tile, []byte) {
		return func(tile tlog.Tile, data []byte) {
			if _, twice := to[tile.Path()]; twice {
				t.Errorf("%s became full twice", tile.Path())
			}
			to[tile.Path()] = bytes.Clone(data)
		}
	}
	ones := map[string][]byte{}
	assert.Equal(t, ref.root(t), one.Root())

	var waiting []byte
	batch := 0
	for i := range uint64(size) {
		leaf := LeafHash(binary.BigEndian.AppendUint64(nil, i))
		ref.add(t, leaf)
		one.Append(leaf[:], keep(ones))
		waiting = append(waiting, leaf[:]...)
		if batch == 0 || i+1 == size {
			batches.Append(waiting, keep(tiles))
			waiting = waiting[:0]
			batch = random.IntN(3000)
			require.Equal(t, one.Root(), batches.Root())
			require.Equal(t, one.Edge(), batches.Edge())
		} else {
			batch--
		}
		if n := one.Size(); n < 1030 || n%256 < 2 || n > 1<<16-3 {
			require.Equal(t, ref.root(t), one.Root(), "%d leaves", n)
			again, err := TreeFromEdge(n, one.Edge())
			require.NoError(t, err, "%d leaves", n)
			require.Equal(t, one.Root(), again.Root())
		}
	}
	require.Equal(t, int64(size), batches.Size())
	require.Equal(t, ones, tiles)

	want := map[string][]byte{}
	for _, tile := range tlog.NewTiles(TileHeight, 0, size) {
		if tile.W == TileWidth {
			data, err := tlog.ReadTileData(tile, ref)
			require.NoError(t, err)
			want[tile.Path()] = data
		}
	}
	require.Equal(t, want, tiles)
	require.Len(t, tiles, 256+2+1)
}

// TestTreeGoesOn begins again from the edge at each size.
func TestTreeGoesOn(t *testing.T) {
	var leaves []byte
	for i := range uint64(800) {
		leaf := LeafHash(binary.BigEndian.AppendUint64(nil, i))
		leaves = append(leaves, leaf[:]...)
	}
	whole := NewTree()
	whole.Append(leaves, nil)
	begun := NewTree()
	for i := range 800 {
		again, err := TreeFromEdge(begun.Size(), begun.Edge())
		require.NoError(t, err)
		clone := again.Clone()
		again.Append(leaves[i*HashSize:], nil)
		require.Equal(t, whole.Root(), again.Root(), "from %d", i)
		require.Equal(t, begun.Root(), clone.Root(), "a clone changes with its original")
		begun.Append(leaves[i*HashSize:][:HashSize], nil)
	}
}

func TestTreeFromEdgeRefuses(t *testing.T) {
	h := make([]byte, HashSize)
	for name, test := range map[string]struct {
		size int64
		edge [][]byte
		want string
	}{
		"negative":         {-1, nil, "a tree of -1 leaves"},
		"level missing":    {256, [][]byte{{}}, "has 2 levels, not 1"},
		"level too many":   {1, [][]byte{h, {}}, "has 1 levels, not 2"},
		"hash missing":     {2, [][]byte{h}, "has 64 bytes in level 0, not 32"},
		"hash cut off":     {1, [][]byte{h[1:]}, "has 32 bytes in level 0, not 31"},
		"hash of a full":   {256, [][]byte{h, h}, "has 0 bytes in level 0, not 32"},
		"size of 2^63 - 1": {1<<63 - 1, [][]byte{h}, "has 8 levels, not 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := TreeFromEdge(test.size, test.edge)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

// TestLargestTree does not overflow.
func TestLargestTree(t *testing.T) {
	const size = 1<<63 - 2
	edge := make([][]byte, 8)
	for level := range edge {
		edge[level] = make([]byte, int(size>>(8*level))%256*HashSize)
	}
	tree, err := TreeFromEdge(size, edge)
	require.NoError(t, err)
	tree.Append(make([]byte, HashSize), nil)
	assert.Equal(t, int64(1<<63-1), tree.Size())
	tree.Root()
}

// lanesToTest are the counts of lanes that the processor can do.
func lanesToTest() []int {
	out := []int{1}
	for _, n := range []int{2, 16} {
		if n <= lanesThere() {
			out = append(out, n)
		}
	}
	return out
}

// TestLanes holds the hashes of lines of all lengths, side by side with any others, to
// x/mod's; with all lanes, with two and without.
func TestLanes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 20<<10)
	for i := range text {
		text[i] = byte(random.IntN(255))
		if text[i] >= '\n' {
			text[i]++
		}
	}
	var lengths []int
	for n := range 400 {
		lengths = append(lengths, n)
	}
	for _, most := range []int{4 << 10, 8 << 10} {
		for n := most - 70; n < most+70; n++ {
			lengths = append(lengths, n)
		}
	}
	lengths = append(lengths, len(text), 0, 1, len(text), len(text), 2)
	for round := range 20 {
		var block, want []byte
		for _, n := range lengths {
			line := text[len(text)-n:]
			block = append(append(block, line...), '\n')
			sum := tlog.RecordHash(line)
			want = append(want, sum[:]...)
		}
		before := bytes.Clone(block)
		var h LeafHasher
		for range 2 { // what is left in a hasher does not matter
			require.True(t, bytes.Equal(want, h.AppendLines(nil, block)), "round %d", round)
		}
		for _, lanes := range lanesToTest() {
			require.True(t, bytes.Equal(want, h.appendLines(nil, block, lanes)), "round %d, %d lanes", round, lanes)
		}
		require.Equal(t, before, block, "the block is not written to")
		random.Shuffle(len(lengths), func(i, j int) { lengths[i], lengths[j] = lengths[j], lengths[i] })
	}

	// Few lines, of which none waits for another.
	for n := range 40 {
		block := bytes.Repeat([]byte("a line\n"), n)
		for i := range n {
			block[7*i] = byte('a' + i%26)
		}
		var want []byte
		for i := range n {
			sum := tlog.RecordHash(block[7*i : 7*i+6])
			want = append(want, sum[:]...)
		}
		var h LeafHasher
		for _, lanes := range lanesToTest() {
			require.True(t, bytes.Equal(want, h.appendLines(nil, block, lanes)), "%d lines, %d lanes", n, lanes)
		}
	}

	// The hashes go behind what is in dst, and nowhere else: dst has room behind them.
	backing := bytes.Repeat([]byte{0xaa}, 1000)
	var h LeafHasher
	got := h.AppendLines(backing[:10], []byte("a\nb\nc\n"))
	require.Len(t, got, 10+3*HashSize)
	require.Equal(t, bytes.Repeat([]byte{0xaa}, 10), backing[:10])
	require.Equal(t, bytes.Repeat([]byte{0xaa}, 1000-10-3*HashSize), backing[10+3*HashSize:])
}

// TestSubtrees holds the hashes over hashes to x/mod's, node by node.
func TestSubtrees(t *testing.T) {
	var slow func(hashes []byte) tlog.Hash
	slow = func(hashes []byte) tlog.Hash {
		if len(hashes) == HashSize {
			return tlog.Hash(hashes)
		}
		half := len(hashes) / 2
		return tlog.NodeHash(slow(hashes[:half]), slow(hashes[half:]))
	}
	random := rand.NewChaCha8([32]byte{1})
	for width := 1; width <= TileWidth; width *= 2 {
		hashes := make([]byte, width*HashSize)
		_, err := random.Read(hashes)
		require.NoError(t, err)
		before := bytes.Clone(hashes)
		for _, lanes := range lanesToTest() {
			require.Equal(t, slow(hashes), subtreeIn(hashes, lanes), "%d hashes, %d lanes", width, lanes)
		}
		require.Equal(t, slow(hashes), subtree(hashes), "%d hashes", width)
		require.Equal(t, before, hashes, "what is hashed is not written to")
	}
}
