package archive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is one of the tree: SHA-256 as in RFC 6962, section 2.1.
type Hash = tlog.Hash

// HashSize is the size of a [Hash] in bytes.
const HashSize = tlog.HashSize

const (
	// TileHeight is the height of a tile in levels of the tree, as in C2SP tlog-tiles.
	TileHeight = 8
	// TileWidth is how many hashes a full tile has.
	TileWidth = 1 << TileHeight

	// What stands before a leaf and before the two hashes of an inner node.
	leafMark, nodeMark = 0, 1
)

// LeafHash is the hash of a leaf, which is a line without its end, or a manifest.
func LeafHash(line []byte) Hash {
	var h LeafHasher
	return h.hash(line)
}

// LeafHasher hashes leaves. The zero value is ready; it is not for several goroutines.
type LeafHasher struct {
	// buf is the mark and the line one behind the other: one call of Sum256 is half the
	// price of a hash.Hash that is given both.
	buf []byte
	// lanes and wide are of begin, which uses one of them.
	lanes *lanes
	wide  *wideLanes
}

func (h *LeafHasher) hash(line []byte) Hash {
	h.buf = append(append(h.buf[:0], leafMark), line...)
	return sha256.Sum256(h.buf)
}

// Append appends the hash of one leaf to dst, HashSize bytes.
func (h *LeafHasher) Append(dst, line []byte) []byte {
	sum := h.hash(line)
	return append(dst, sum[:]...)
}

// AppendLines appends the hashes of the lines of a block to dst, HashSize bytes for each.
// The last byte of the block is a line's end.
func (h *LeafHasher) AppendLines(dst, block []byte) []byte {
	return h.appendLines(dst, block, lanesThere())
}

// lanesThere is how many hashes the processor can do at once.
func lanesThere() int {
	switch {
	case sixteenLanes:
		return 16
	case twoLanes:
		return 2
	}
	return 1
}

func (h *LeafHasher) appendLines(dst, block []byte, lanes int) []byte {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 0 {
			end = len(block)
		}
		dst = h.beginIn(dst, block[:end], lanes)
		block = block[min(end+1, len(block)):]
	}
	h.end(dst)
	return dst
}

// begin appends a place for the hash of one leaf to dst, which has it when end was called:
// until then dst is only to be appended to, by begin.
func (h *LeafHasher) begin(dst, line []byte) []byte {
	return h.beginIn(dst, line, lanesThere())
}

func (h *LeafHasher) beginIn(dst, line []byte, count int) []byte {
	switch count {
	case 16:
		if h.wide == nil {
			h.wide = new(wideLanes)
		}
		return h.wide.add(h, dst, line)
	case 2:
		if h.lanes == nil {
			h.lanes = new(lanes)
		}
		return h.lanes.add(h, dst, line)
	}
	return h.Append(dst, line)
}

// end ends what begin has begun; dst is what it gave last.
func (h *LeafHasher) end(dst []byte) {
	if h.wide != nil {
		h.wide.end(dst)
	}
	if h.lanes != nil {
		h.lanes.end(dst)
	}
}

// Tree is a tree's right edge, which is all that is needed to go on with it: per level
// of tiles at most 255 hashes. It is not for several goroutines.
type Tree struct {
	size int64
	// edge has for each level of tiles the hashes of the tile that is not full yet; as
	// many levels as have any hash.
	edge [][]byte
}

// NewTree gives the tree without leaves.
func NewTree() *Tree { return &Tree{} }

// TreeFromEdge gives the tree whose size and edge these are, as in a manifest. It copies
// the edge. An error is an edge of another size.
func TreeFromEdge(size int64, edge [][]byte) (*Tree, error) {
	if size < 0 {
		return nil, fmt.Errorf("a tree of %d leaves", size)
	}
	if want := levels(size); len(edge) != want {
		return nil, fmt.Errorf("the edge of a tree of %d leaves has %d levels, not %d", size, want, len(edge))
	}
	t := &Tree{size: size, edge: make([][]byte, len(edge))}
	for level, hashes := range edge {
		want := int(size>>(TileHeight*level)) % TileWidth * HashSize
		if len(hashes) != want {
			return nil, fmt.Errorf("the edge of a tree of %d leaves has %d bytes in level %d, not %d", size, want, level, len(hashes))
		}
		t.edge[level] = slices.Clone(hashes)
	}
	return t, nil
}

// levels is how many levels of tiles a tree has.
func levels(size int64) int {
	n := 0
	for ; size > 0; size >>= TileHeight {
		n++
	}
	return n
}

// Append appends leaves, HashSize bytes each. Each tile that becomes full is given to
// full, unless that is nil, in an order in which a tile's children come before it. The
// data, 256 hashes, is the callee's until it returns.
func (t *Tree) Append(leaves []byte, full func(t tlog.Tile, data []byte)) {
	leaves = leaves[:len(leaves)/HashSize*HashSize]
	for len(leaves) > 0 {
		if len(t.edge) == 0 {
			t.edge = append(t.edge, make([]byte, 0, tileSize))
		}
		tile := t.edge[0]
		if len(tile) == 0 && len(leaves) >= tileSize { // without a copy
			tile, leaves = leaves[:tileSize], leaves[tileSize:]
			t.size += TileWidth
			t.fill(0, tile, full)
			continue
		}
		take := min(len(leaves), tileSize-len(tile))
		tile = append(tile, leaves[:take]...)
		leaves = leaves[take:]
		t.edge[0] = tile
		t.size += int64(take / HashSize)
		if len(tile) == tileSize {
			t.fill(0, tile, full)
		}
	}
}

const tileSize = TileWidth * HashSize

// fill is told of a tile that became full with the last leaf there is.
func (t *Tree) fill(level int, data []byte, full func(t tlog.Tile, data []byte)) {
	if full != nil {
		full(tlog.Tile{H: TileHeight, L: level, N: (t.size - 1) >> (TileHeight * (level + 1)), W: TileWidth}, data)
	}
	root := subtree(data)
	t.edge[level] = t.edge[level][:0]
	if level+1 == len(t.edge) {
		t.edge = append(t.edge, make([]byte, 0, tileSize))
	}
	t.edge[level+1] = append(t.edge[level+1], root[:]...)
	if above := t.edge[level+1]; len(above) == tileSize {
		t.fill(level+1, above, full)
	}
}

// subtree is the hash over a power of two hashes.
func subtree(hashes []byte) Hash { return subtreeIn(hashes, lanesThere()) }

func subtreeIn(hashes []byte, lanes int) Hash {
	if len(hashes) == HashSize {
		return Hash(hashes)
	}
	var level [TileWidth / 2 * HashSize]byte
	var node [1 + 2*HashSize]byte
	node[0] = nodeMark
	for {
		at := 0
		if lanes == 16 {
			at = sixteenNodes(level[:], hashes)
		}
		if lanes >= 2 {
			at += pairs(level[at/2:], hashes[at:])
		}
		out := at / 2
		for ; at < len(hashes); at += 2 * HashSize {
			copy(node[1:], hashes[at:at+2*HashSize])
			sum := sha256.Sum256(node[:])
			out += copy(level[out:], sum[:])
		}
		if out == HashSize {
			return Hash(level[:HashSize])
		}
		hashes = level[:out]
	}
}

func nodeHash(left, right Hash) Hash {
	var node [1 + 2*HashSize]byte
	node[0] = nodeMark
	copy(node[1:], left[:])
	copy(node[1+HashSize:], right[:])
	return sha256.Sum256(node[:])
}

// Size is the count of leaves.
func (t *Tree) Size() int64 { return t.size }

// Root is the tree's hash. That of the tree without leaves is the SHA-256 of nothing.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	// The size's bits are the complete subtrees, the smallest rightmost: from there on
	// each is hashed with all that is to its right.
	var root Hash
	first := true
	for _, hashes := range t.edge {
		for width := HashSize; len(hashes) > 0; width *= 2 {
			if len(hashes)&width == 0 {
				continue
			}
			left := subtree(hashes[len(hashes)-width:])
			hashes = hashes[:len(hashes)-width]
			if first {
				root, first = left, false
			} else {
				root = nodeHash(left, root)
			}
		}
	}
	return root
}

// Edge is a copy of the edge: for each level of tiles the hashes of the one that is not
// full. It has no levels without any hash in the tree.
func (t *Tree) Edge() [][]byte {
	edge := make([][]byte, len(t.edge))
	for level, hashes := range t.edge {
		edge[level] = slices.Clone(hashes)
	}
	return edge
}

// Clone is a copy.
func (t *Tree) Clone() *Tree { return &Tree{size: t.size, edge: t.Edge()} }
