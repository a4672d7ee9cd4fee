package archive

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// sample gives lines of JSON as they come out of an exporter, about 300 bytes each, with
// their ends: ids and numbers random, the rest of a few words.
func sample(bytes int) []byte {
	random := rand.New(rand.NewPCG(7, 7))
	words := []string{"checkout", "cart", "payment", "shipping", "inventory", "search"}
	b := make([]byte, 0, bytes+400)
	for len(b) < bytes {
		b = fmt.Appendf(b, `{"@timestamp":"2026-03-01T12:%02d:%02d.%06dZ","message":"request served","log":{"level":"info"},"service":{"name":"%s"},"http":{"status":%d,"duration_ms":%d},"request":{"id":"%016x"},"trace":{"id":"%016x%016x"},"host":{"name":"web-%d"},"uid":"%016x"}`,
			random.IntN(60), random.IntN(60), random.IntN(1e6), words[random.IntN(len(words))], 200+random.IntN(4)*100, random.IntN(5000),
			random.Uint64(), random.Uint64(), random.Uint64(), random.IntN(40), random.Uint64())
		b = append(b, '\n')
	}
	return b
}

// BenchmarkLeafHashes has what two lanes gain beside crypto/sha256 line by line.
func BenchmarkLeafHashes(b *testing.B) {
	block := sample(1 << 20)
	lines := bytes.Count(block, []byte("\n"))
	var h LeafHasher
	for name, hash := range map[string]func(dst, block []byte) []byte{
		"lanes=1": func(dst, block []byte) []byte { return h.appendLines(dst, block, 1) }, "lanes=2": func(dst, block []byte) []byte { return h.appendLines(dst, block, 2) }, "lanes=all": h.AppendLines,
	} {
		b.Run(name, func(b *testing.B) {
			var hashes []byte
			b.SetBytes(int64(len(block)))
			b.ReportAllocs()
			for b.Loop() {
				hashes = hash(hashes[:0], block)
			}
			if len(hashes) != lines*HashSize {
				b.Fatalf("%d bytes of hashes of %d lines", len(hashes), lines)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
		})
	}
}

// BenchmarkSubtree is a tile's root: 255 nodes.
func BenchmarkSubtree(b *testing.B) {
	hashes := make([]byte, tileSize)
	var one func(hashes []byte) Hash
	one = func(hashes []byte) Hash {
		if len(hashes) == HashSize {
			return Hash(hashes)
		}
		return nodeHash(one(hashes[:len(hashes)/2]), one(hashes[len(hashes)/2:]))
	}
	want := one(hashes)
	for name, root := range map[string]func([]byte) Hash{"lanes=1": one, "lanes=2": func(hashes []byte) Hash { return subtreeIn(hashes, 2) }, "lanes=all": subtree} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var got Hash
			for b.Loop() {
				got = root(hashes)
			}
			if got != want {
				b.Fatal(got)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(TileWidth-1), "ns/node")
		})
	}
}

// BenchmarkHashAndTree is what an archive costs beyond encoding and compression.
func BenchmarkHashAndTree(b *testing.B) {
	block := sample(1 << 20)
	lines := bytes.Count(block, []byte("\n"))
	var h LeafHasher
	var hashes []byte
	tree := NewTree()
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		hashes = h.AppendLines(hashes[:0], block)
		tree.Append(hashes, nil)
	}
	if tree.Size() != int64(b.N)*int64(lines) {
		b.Fatalf("%d leaves of %d blocks of %d lines", tree.Size(), b.N, lines)
	}
	tree.Root()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(block)), "ns/B")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
}

func BenchmarkObjectWriter(b *testing.B) {
	lines := sampleLines(16 << 20)
	total := 0
	for _, line := range lines {
		total += len(line) + 1
	}
	for _, c := range compressions {
		b.Run("compression="+string(c), func(b *testing.B) {
			tree := NewTree()
			b.SetBytes(int64(total))
			b.ReportAllocs()
			var info ObjectInfo
			for b.Loop() {
				w, err := NewObjectWriter(io.Discard, WriteSettings{Compression: c, Lines: true, Hashes: func(hashes []byte) error {
					tree.Append(hashes, nil)
					return nil
				}})
				if err != nil {
					b.Fatal(err)
				}
				for _, line := range lines {
					if err := w.Append(line); err != nil {
						b.Fatal(err)
					}
				}
				if info, err = w.Finish(); err != nil {
					b.Fatal(err)
				}
			}
			if tree.Size() != int64(b.N*len(lines)) {
				b.Fatalf("%d leaves", tree.Size())
			}
			b.ReportMetric(float64(info.Bytes)/float64(info.Size), "ratio")
		})
	}
}

// BenchmarkObjectReader is what verify does with an object.
func BenchmarkObjectReader(b *testing.B) {
	lines := sampleLines(16 << 20)
	for _, c := range compressions {
		b.Run("compression="+string(c), func(b *testing.B) {
			stored, _, info := writeObject(b, c, true, lines...)
			tree := NewTree()
			b.SetBytes(info.Bytes)
			b.ReportAllocs()
			for b.Loop() {
				again, err := ReadHashes(bytes.NewReader(stored), ReadSettings{Compression: c, Lines: true}, func(hashes []byte) error {
					tree.Append(hashes, nil)
					return nil
				})
				if err != nil || again != info {
					b.Fatal(again, err)
				}
			}
			if tree.Size() != int64(b.N*len(lines)) {
				b.Fatalf("%d leaves", tree.Size())
			}
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	ids := make([][]byte, 20_000)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "%032x", i)
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		size := 0
		for b.Loop() {
			f := NewFilterBuilder()
			for _, id := range ids {
				f.Add(id)
				f.Add(id)
			}
			size = len(f.Append(nil))
		}
		if size != 24+len(ids)*16/8 {
			b.Fatal(size)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ids)), "ns/id")
	})
	b.Run("ask", func(b *testing.B) {
		f := NewFilterBuilder()
		for _, id := range ids {
			f.Add(id)
		}
		filter, err := OpenFilter(f.Append(nil))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !filter.May(ids[7]) {
				b.Fatal("it is there")
			}
		}
	})
}

func BenchmarkManifest(b *testing.B) {
	m := testManifest()
	one := m.Objects[1]
	l := Layout{Prefix: "p/"}
	m.Objects, m.Leaf, m.Filters.Size = nil, m.FirstLeaf, 0
	for range 1000 {
		o := one
		o.FirstLeaf = m.Leaf
		o.Filter.Offset = m.Filters.Size
		o.Key = l.Data(DataKey{Class: o.Class, Hour: m.From, Writer: "gateway-1", FirstLeaf: o.FirstLeaf, SHA256: o.SHA256, Extension: "otlp.binpb"})
		m.Objects = append(m.Objects, o)
		m.Leaf++
		m.Filters.Size += o.Filter.Length
	}
	m.Ledger.Accepted, m.Ledger.Archived = 20_000, 7000
	m.Totals.Accepted, m.Totals.Archived = 20_100, 7094
	tree := NewTree()
	tree.Append(make([]byte, m.Leaf*HashSize), nil)
	m.Edge = tree.Edge()
	data, err := m.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseManifest(data); err != nil {
			b.Fatal(err)
		}
	}
}
