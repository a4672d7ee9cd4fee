package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TileLoader gets a full tile's 256 hashes. right says whether some bytes are they.
type TileLoader func(ctx context.Context, t tlog.Tile, right func(data []byte) bool) ([]byte, error)

// ErrTile says that a tile is not of the tree.
var ErrTile = errors.New("a tile is not of this tree")

// TileHashes reads hashes of a tree out of full tiles, and of its edge. It checks tiles
// against the tree's root, and keeps the last that it has read. It is a [tlog.HashReader], and
// not for several goroutines.
type TileHashes struct {
	ctx    context.Context //nolint:containedctx // tlog's interface has none
	tree   *Tree
	root   Hash
	filled map[tlog.Tile][]byte // full tiles that nobody may have stored yet
	load   TileLoader
	kept   map[tlog.Tile][]byte
}

// maxKeptTiles keeps what TileHashes keeps below 8 MiB.
const maxKeptTiles = 1024

// NewTileHashes gives the hashes of the tree that is before with the leaves behind it, which
// are HashSize bytes each: for a checkpoint's tree [Manifest.Tree], and the hash of the
// manifest's leaf. Tiles that these make full are not asked for. The context is that of all
// calls.
func NewTileHashes(ctx context.Context, before *Tree, leaves []byte, load TileLoader) *TileHashes {
	h := &TileHashes{ctx: ctx, tree: before.Clone(), load: load, filled: map[tlog.Tile][]byte{}, kept: map[tlog.Tile][]byte{}}
	h.tree.Append(leaves, func(t tlog.Tile, data []byte) { h.filled[t] = append([]byte(nil), data...) })
	h.root = h.tree.Root()
	return h
}

// Size is the count of leaves.
func (h *TileHashes) Size() int64 { return h.tree.Size() }

// Root is the tree's hash.
func (h *TileHashes) Root() Hash { return h.root }

// ReadHashes gives hashes by their stored index, see [tlog.StoredHashIndex]. An error is one
// of the loader, or ErrTile. (tlog.TileHashReader before x/mod v0.40.0 leaves tiles
// unchecked, CVE-2026-56865; here each is checked where it is loaded.)
func (h *TileHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= tlog.StoredHashIndex(0, h.Size()) {
			return nil, fmt.Errorf("there is no hash %d in a tree of %d leaves", index, h.Size())
		}
		t := tlog.TileForIndex(TileHeight, index)
		data, err := h.tile(t.L, t.N)
		if err != nil {
			return nil, err
		}
		if len(data) < t.W*HashSize {
			return nil, fmt.Errorf("there is no hash %d in a tree of %d leaves", index, h.Size())
		}
		if hashes[i], err = tlog.HashFromTile(t, data, index); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// Prove gives the hashes from a leaf to the root.
func (h *TileHashes) Prove(index int64) (tlog.RecordProof, error) {
	if index < 0 || index >= h.Size() {
		return nil, fmt.Errorf("there is no leaf %d in a tree of %d leaves", index, h.Size())
	}
	return tlog.ProveRecord(h.Size(), index, h)
}

// tile gives the hashes of a tile that are in the tree, which are of the tree: those of the
// edge make its root, and those of full tiles make a hash in the tile above.
func (h *TileHashes) tile(level int, n int64) ([]byte, error) {
	if level >= len(h.tree.edge) {
		return nil, fmt.Errorf("a tree of %d leaves has no tiles of level %d", h.Size(), level)
	}
	if n >= h.Size()>>(TileHeight*(level+1)) {
		return h.tree.edge[level], nil
	}
	t := tlog.Tile{H: TileHeight, L: level, N: n, W: TileWidth}
	if data, ok := h.filled[t]; ok {
		return data, nil
	}
	if data, ok := h.kept[t]; ok {
		return data, nil
	}
	above, err := h.tile(level+1, n/TileWidth)
	if err != nil {
		return nil, err
	}
	want := above[n%TileWidth*HashSize:][:HashSize]
	right := func(data []byte) bool {
		if len(data) != tileSize {
			return false
		}
		root := subtree(data)
		return bytes.Equal(root[:], want)
	}
	data, err := h.load(h.ctx, t, right)
	switch {
	case err != nil:
		return nil, fmt.Errorf("tile %s: %w", TilePath(t), err)
	case len(data) != tileSize:
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", ErrTile, TilePath(t), len(data), tileSize)
	case !right(data):
		return nil, fmt.Errorf("%w: %s", ErrTile, TilePath(t))
	}
	if len(h.kept) >= maxKeptTiles {
		clear(h.kept)
	}
	h.kept[t] = data
	return data, nil
}
