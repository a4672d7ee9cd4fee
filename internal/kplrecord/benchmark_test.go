package kplrecord

import (
	"encoding/binary"
	"testing"
)

// BenchmarkWriter fills aggregates of 1 MiB with user records of 300 bytes, whose keys
// have 36 characters and come three times each.
func BenchmarkWriter(b *testing.B) {
	const limit = 1 << 20
	key, data := make([]byte, 36), make([]byte, 300)
	var w Writer
	for i := uint64(0); w.Size() < limit; i++ { // memory is taken once
		binary.LittleEndian.PutUint64(key, i)
		w.Add(key, nil, data)
	}
	dst := w.AppendTo(nil)
	w.Reset()
	written := 0
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		binary.LittleEndian.PutUint64(key, i/3)
		if w.SizeWith(key, nil, len(data)) > limit {
			dst = w.AppendTo(dst[:0])
			written += w.Len()
			w.Reset()
		}
		w.Add(key, nil, data)
	}
	if written+w.Len() != b.N || len(dst) < limit/2 {
		b.Fatal(written, w.Len(), b.N, len(dst))
	}
}

func BenchmarkReader(b *testing.B) {
	key, data := make([]byte, 36), make([]byte, 300)
	const records = 3000
	var w Writer
	for i := range uint64(records) {
		binary.LittleEndian.PutUint64(key, i/3)
		w.Add(key, nil, data)
	}
	aggregate := w.AppendTo(nil)
	var r Reader
	b.SetBytes(records * int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Reset(aggregate); err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, ok := r.Next(); ok; _, ok = r.Next() {
			n++
		}
		if n != records {
			b.Fatal(n)
		}
	}
}
