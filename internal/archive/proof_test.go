package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// testLog is a tree, with x/mod's beside it, and its full tiles.
type testLog struct {
	ref    *reference
	tree   *Tree
	tiles  map[tlog.Tile][]byte
	leaves []Hash
	loads  int
}

func newTestLog(tb testing.TB, size int) *testLog {
	tb.Helper()
	l := &testLog{ref: &reference{}, tree: NewTree(), tiles: map[tlog.Tile][]byte{}}
	for i := range size {
		leaf := LeafHash(binary.BigEndian.AppendUint64(nil, uint64(i)))
		l.leaves = append(l.leaves, leaf)
		l.ref.add(tb, leaf)
		l.tree.Append(leaf[:], func(t tlog.Tile, data []byte) { l.tiles[t] = bytes.Clone(data) })
	}
	return l
}

var errNoTile = errors.New("no such tile")

func (l *testLog) load(_ context.Context, t tlog.Tile, _ func([]byte) bool) ([]byte, error) {
	l.loads++
	if data, ok := l.tiles[t]; ok {
		return bytes.Clone(data), nil
	}
	return nil, errNoTile
}

func TestProofsAgainstTlog(t *testing.T) {
	for _, size := range []int{1, 2, 255, 256, 257, 511, 512, 700, 65536, 65537, 65536 + 300} {
		l := newTestLog(t, size)
		root := l.ref.root(t)
		h := NewTileHashes(t.Context(), l.tree, nil, l.load)
		require.Equal(t, root, h.Root())
		for _, index := range []int{0, 1, 100, 254, 255, 256, 300, 511, 512, 65535, 65536, size / 2, size - 1} {
			if index >= size {
				continue
			}
			want, err := tlog.ProveRecord(int64(size), int64(index), l.ref)
			require.NoError(t, err)
			got, err := h.Prove(int64(index))
			require.NoError(t, err, "leaf %d of %d", index, size)
			require.Equal(t, want, got, "leaf %d of %d", index, size)
			require.NoError(t, tlog.CheckRecord(got, int64(size), root, int64(index), l.leaves[index]))
		}
		_, err := h.Prove(int64(size))
		require.ErrorContains(t, err, "there is no leaf")
		_, err = h.Prove(-1)
		require.Error(t, err)
		th, err := tlog.TreeHash(int64(size), h)
		require.NoError(t, err)
		require.Equal(t, root, th)
	}
}

// TestProofsAtACheckpoint has a tile that became full with the manifest's leaf and that
// nobody stored yet.
func TestProofsAtACheckpoint(t *testing.T) {
	for _, size := range []int{1, 255, 256, 511, 65536} {
		l := newTestLog(t, size-1)
		manifest := LeafHash([]byte("manifest"))
		l.ref.add(t, manifest)
		h := NewTileHashes(t.Context(), l.tree, manifest[:], l.load)
		require.Equal(t, int64(size), h.Size())
		require.Equal(t, l.ref.root(t), h.Root())
		require.Equal(t, int64(size-1), l.tree.Size(), "the tree before is as it was")
		for _, index := range []int{0, size / 2, size - 1} {
			p, err := h.Prove(int64(index))
			require.NoError(t, err, "leaf %d of %d", index, size)
			leaf := manifest
			if index < size-1 {
				leaf = l.leaves[index]
			}
			require.NoError(t, tlog.CheckRecord(p, int64(size), h.Root(), int64(index), leaf))
		}
	}
}

func TestTilesThatAreWrong(t *testing.T) {
	l := newTestLog(t, 1000)
	h := NewTileHashes(t.Context(), l.tree, nil, l.load)
	_, err := h.Prove(300)
	require.NoError(t, err)
	loads := l.loads
	_, err = h.Prove(301)
	require.NoError(t, err)
	assert.Equal(t, loads, l.loads, "tiles are kept")

	tile := tlog.Tile{H: 8, N: 1, W: 256}
	good := l.tiles[tile]
	for name, data := range map[string][]byte{"cut off": good[1:], "longer": append(bytes.Clone(good), 0), "another": l.tiles[tlog.Tile{H: 8, W: 256}]} {
		l.tiles[tile] = data
		_, err := NewTileHashes(t.Context(), l.tree, nil, l.load).Prove(300)
		require.ErrorIs(t, err, ErrTile, name)
	}
	for at := 0; at < len(good); at += 97 {
		l.tiles[tile] = bytes.Clone(good)
		l.tiles[tile][at] ^= 1
		_, err := NewTileHashes(t.Context(), l.tree, nil, l.load).Prove(300)
		require.ErrorIs(t, err, ErrTile)
	}
	delete(l.tiles, tile)
	_, err = NewTileHashes(t.Context(), l.tree, nil, l.load).Prove(300)
	require.ErrorIs(t, err, errNoTile)
	require.NotErrorIs(t, err, ErrTile)
	require.ErrorContains(t, err, "tile 0/001: ")
}

func testProof(tb testing.TB) (Proof, Hash, note.Verifiers) {
	tb.Helper()
	l := newTestLog(tb, 700)
	s, v, err := fixedKey(testOrigin)
	require.NoError(tb, err)
	h := NewTileHashes(tb.Context(), l.tree, nil, l.load)
	c, err := SignCheckpoint(testOrigin, 700, h.Root(), s)
	require.NoError(tb, err)
	hashes, err := h.Prove(345)
	require.NoError(tb, err)
	return Proof{Index: 345, Hashes: hashes, Checkpoint: c}, l.leaves[345], note.VerifierList(v)
}

func TestProof(t *testing.T) {
	p, leaf, known := testProof(t)
	for _, extra := range [][]byte{nil, []byte("anything")} {
		p.Extra = extra
		data, err := p.Marshal()
		require.NoError(t, err)
		if extra == nil {
			assert.True(t, strings.HasPrefix(string(data), "c2sp.org/tlog-proof@v1\nindex 345\n"))
		} else {
			assert.True(t, strings.HasPrefix(string(data), "c2sp.org/tlog-proof@v1\nextra YW55dGhpbmc=\nindex 345\n"))
		}
		assert.True(t, bytes.HasSuffix(data, append([]byte("\n\n"), p.Checkpoint...)))
		again, err := ParseProof(data)
		require.NoError(t, err)
		assert.Equal(t, p, again)
		c, err := again.Check(leaf, known)
		require.NoError(t, err)
		assert.Equal(t, int64(700), c.Size)
	}

	_, err := p.Check(LeafHash([]byte("another")), known)
	require.ErrorContains(t, err, "this is not leaf 345 of "+testOrigin)
	_, err = p.Check(leaf, nil)
	require.ErrorContains(t, err, "no key that is known")
	p.Index = 700
	_, err = p.Check(leaf, known)
	require.ErrorContains(t, err, "the proof is of leaf 700, and its checkpoint of 700")
}

func TestProofMutations(t *testing.T) {
	p, leaf, known := testProof(t)
	data, err := p.Marshal()
	require.NoError(t, err)
	for at := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << bit
			if q, err := ParseProof(changed); err == nil {
				_, err = q.Check(leaf, known)
				require.Error(t, err, "byte %d, bit %d", at, bit)
			}
		}
	}
}

func TestProofRefused(t *testing.T) {
	p, _, _ := testProof(t)
	data, err := p.Marshal()
	require.NoError(t, err)
	text := string(data)
	first := strings.Split(text, "\n")[2] + "\n"
	for name, changed := range map[string]string{
		"empty":              "",
		"another form":       strings.Replace(text, "@v1", "@v2", 1),
		"no index":           strings.Replace(text, "index 345\n", "", 1),
		"index with zero":    strings.Replace(text, "index 345", "index 0345", 1),
		"negative index":     strings.Replace(text, "index 345", "index -1", 1),
		"two spaces":         strings.Replace(text, "index 345", "index  345", 1),
		"empty extra":        strings.Replace(text, "index", "extra \nindex", 1),
		"extra twice":        strings.Replace(text, "index", "extra YQ==\nextra YQ==\nindex", 1),
		"extra no base64":    strings.Replace(text, "index", "extra YQ\nindex", 1),
		"extra other base64": strings.Replace(text, "index", "extra YR==\nindex", 1),
		"extra behind":       strings.Replace(text, first, first+"extra YQ==\n", 1),
		"a short hash":       strings.Replace(text, first, first[4:], 1),
		"a space":            strings.Replace(text, first, " "+first, 1),
		"too many hashes":    strings.Replace(text, first, strings.Repeat(first, 64), 1),
		"no checkpoint":      text[:strings.Index(text, "\n\n")+2],
		"behind":             text + "x",
		"CRLF":               strings.ReplaceAll(text, "\n", "\r\n"),
		"large extra":        strings.Replace(text, "index", "extra "+strings.Repeat("QUFB", 1<<18)+"\nindex", 1),
	} {
		require.NotEqual(t, text, changed, name)
		_, err := ParseProof([]byte(changed))
		require.ErrorContains(t, err, "no proof: ", name)
	}
	for _, bad := range []Proof{{Index: -1, Checkpoint: p.Checkpoint}, {Hashes: make(tlog.RecordProof, 64), Checkpoint: p.Checkpoint}, {}, {Extra: make([]byte, 1<<17), Checkpoint: p.Checkpoint}} {
		_, err := bad.Marshal()
		require.Error(t, err)
	}
}

func FuzzProof(f *testing.F) {
	p, leaf, known := testProof(f)
	for _, extra := range [][]byte{nil, []byte("x")} {
		p.Extra = extra
		data, err := p.Marshal()
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseProof(data)
		if err != nil {
			return
		}
		again, err := q.Marshal()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("%q becomes %q (%v)", data, again, err)
		}
		if _, err := q.Check(leaf, known); err == nil && (q.Index != p.Index || !bytes.Equal(q.Checkpoint, p.Checkpoint)) {
			t.Fatalf("another proof of the same: %q", data)
		}
	})
}

func FuzzObject(f *testing.F) {
	for i, c := range compressions {
		stored, _, _ := writeObject(f, c, true, []byte("{}"), []byte(`{"a":1}`))
		f.Add(byte(i), true, stored)
		stored, _, _ = writeObject(f, c, false, []byte("\n\x02\x12\x00"))
		f.Add(byte(i), false, stored)
	}
	f.Add(byte(2), true, rleFrame(1<<20))
	f.Fuzz(func(t *testing.T, c byte, lines bool, data []byte) {
		s := ReadSettings{Compression: compressions[int(c)%len(compressions)], Lines: lines, MaxLine: 1 << 10, MaxBytes: 1 << 22}
		var content []byte
		info, err := ReadBlocks(bytes.NewReader(data), s, func(block []byte) error {
			content = append(content, block...)
			return nil
		})
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if info.Size != int64(len(data)) || info.Bytes != int64(len(content)) || len(content) == 0 {
			t.Fatalf("%+v of %d bytes, content %d", info, len(data), len(content))
		}
		if !lines {
			return
		}
		records := bytes.Split(content[:len(content)-1], []byte("\n"))
		if int64(len(records)) != info.Leaves {
			t.Fatalf("%d lines, not %d", len(records), info.Leaves)
		}
		for _, r := range records {
			if len(r) == 0 || len(r) > s.MaxLine {
				t.Fatalf("a line of %d bytes", len(r))
			}
		}
	})
}
