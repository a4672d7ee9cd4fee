package archive

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"
)

// TileLoader gets a full tile's 256 hashes.
type TileLoader func(ctx context.Context, t tlog.Tile) ([]byte, error)

// TileHashes reads hashes of a tree out of full tiles, and of its edge. It checks tiles
// against the tree's root, and keeps those that it has read. It is a [tlog.HashReader], and
// not for several goroutines.
type TileHashes struct{}

// NewTileHashes gives the hashes of the tree that is before with the leaves behind it, which
// are HashSize bytes each: for a checkpoint's tree [Manifest.Tree], and the hash of the
// manifest's leaf.
func NewTileHashes(ctx context.Context, before *Tree, leaves []byte, load TileLoader) *TileHashes {
	return &TileHashes{}
}

// Size is the count of leaves.
func (h *TileHashes) Size() int64 { return 0 }

// Root is the tree's hash.
func (h *TileHashes) Root() Hash { return Hash{} }

// ReadHashes gives hashes by their stored index, see [tlog.StoredHashIndex].
func (h *TileHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) { return nil, errNotYet }

// Prove gives the hashes from a leaf to the root.
func (h *TileHashes) Prove(index int64) (tlog.RecordProof, error) { return nil, errNotYet }
