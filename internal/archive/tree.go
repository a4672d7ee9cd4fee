package archive

import "golang.org/x/mod/sumdb/tlog"

// Hash is one of the tree: SHA-256 as in RFC 6962.
type Hash = tlog.Hash

// HashSize is the size of a [Hash] in bytes.
const HashSize = tlog.HashSize

const (
	// TileHeight is the height of a tile in levels of the tree, as in C2SP tlog-tiles.
	TileHeight = 8
	// TileWidth is how many hashes a full tile has.
	TileWidth = 1 << TileHeight
)

// LeafHash is the hash of a leaf, which is a line without its end, or a manifest.
func LeafHash(line []byte) Hash { return Hash{} }

// LeafHasher hashes leaves. The zero value is ready; it is not for several goroutines.
type LeafHasher struct{ buf []byte }

// Append appends the hash of one leaf to dst, HashSize bytes.
func (h *LeafHasher) Append(dst, line []byte) []byte { return dst }

// AppendLines appends the hashes of the lines of a block to dst, HashSize bytes for each.
// The last byte of the block is a line's end.
func (h *LeafHasher) AppendLines(dst, block []byte) []byte { return dst }

// Tree is a tree's right edge, which is all that is needed to go on with it: per level
// of tiles at most 255 hashes. It is not for several goroutines.
type Tree struct {
	size int64
	edge [][]byte
}

// NewTree gives the tree without leaves.
func NewTree() *Tree { return &Tree{} }

// TreeFromEdge gives the tree whose size and edge these are, as in a manifest. It copies
// the edge.
func TreeFromEdge(size int64, edge [][]byte) (*Tree, error) { return nil, errNotYet }

// Append appends leaves, HashSize bytes each. Each tile that becomes full is given to
// full, unless that is nil, in an order in which a tile's children come before it. The
// data, 256 hashes, is the callee's until it returns.
func (t *Tree) Append(leaves []byte, full func(t tlog.Tile, data []byte)) {}

// Size is the count of leaves.
func (t *Tree) Size() int64 { return t.size }

// Root is the tree's hash.
func (t *Tree) Root() Hash { return Hash{} }

// Edge is a copy of the edge: for each level of tiles the hashes of the one that is not
// full. It has no levels without any hash in the tree.
func (t *Tree) Edge() [][]byte { return nil }

// Clone is a copy.
func (t *Tree) Clone() *Tree { return nil }
