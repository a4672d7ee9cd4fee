package archive

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TileLoader gets a full tile's 256 hashes.
type TileLoader func(ctx context.Context, t tlog.Tile) ([]byte, error)

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
	failed error // of load
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
// of the loader, or ErrTile.
func (h *TileHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	h.failed = nil
	hashes, err := tlog.TileHashReader(tlog.Tree{N: h.Size(), Hash: h.root}, tileReader{h}).ReadHashes(indexes)
	switch {
	case h.failed != nil:
		return nil, h.failed
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTile, err)
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

// tileReader is a tlog.TileReader.
type tileReader struct{ h *TileHashes }

func (r tileReader) Height() int { return TileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := r.h.tile(t)
		if err != nil {
			r.h.failed = err
			return nil, err
		}
		out[i] = data[:t.W*HashSize]
	}
	return out, nil
}

// SaveTiles is told of those that are of the tree.
func (r tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, t := range tiles {
		if t.W < TileWidth {
			continue
		}
		if len(r.h.kept) >= maxKeptTiles {
			clear(r.h.kept)
		}
		r.h.kept[t] = data[i]
	}
}

// tile gives the hashes of a tile, at least as many as it is wide.
func (h *TileHashes) tile(t tlog.Tile) ([]byte, error) {
	full := t
	full.W = TileWidth
	if t.L >= len(h.tree.edge) {
		return nil, fmt.Errorf("a tree of %d leaves has no tile %s", h.Size(), t.Path())
	}
	if t.N == h.Size()>>(TileHeight*(t.L+1)) {
		if edge := h.tree.edge[t.L]; len(edge) >= t.W*HashSize {
			return edge, nil
		}
		return nil, fmt.Errorf("a tree of %d leaves has no tile %s", h.Size(), t.Path())
	}
	if data, ok := h.filled[full]; ok {
		return data, nil
	}
	if data, ok := h.kept[full]; ok {
		return data, nil
	}
	data, err := h.load(h.ctx, full)
	if err != nil {
		return nil, fmt.Errorf("tile %s: %w", TilePath(full), err)
	}
	if len(data) != tileSize {
		return nil, fmt.Errorf("%w: tile %s has %d bytes, not %d", ErrTile, TilePath(full), len(data), tileSize)
	}
	return data, nil
}
