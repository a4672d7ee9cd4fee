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

func BenchmarkLeafHashes(b *testing.B) {
	block := sample(1 << 20)
	lines := bytes.Count(block, []byte("\n"))
	var h LeafHasher
	var hashes []byte
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		hashes = h.AppendLines(hashes[:0], block)
	}
	if len(hashes) != lines*HashSize {
		b.Fatalf("%d bytes of hashes of %d lines", len(hashes), lines)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
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
