package kplrecord

import (
	"bytes"
	"hash/maphash"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heartwood-otel/heartwood/internal/md5sum"
)

// Writer builds one aggregate after another. The zero value is ready. It keeps its
// memory through Reset, and is for one goroutine.
type Writer struct {
	keys, hashKeys table
	// buf has room for what stands before the records, and then the fields 3.
	buf   []byte
	room  int    // of buf
	spare []byte // an aggregate whose keys had no room
	count int
}

const (
	// usualRoom is enough for the keys of most aggregates.
	usualRoom = 16 << 10
	// maxRoom is the most that is left free for keys.
	maxRoom = 64 << 10
)

// Reset begins a new aggregate.
func (w *Writer) Reset() {
	if room := len(magic) + len(w.keys.encoded) + len(w.hashKeys.encoded); room <= maxRoom {
		w.room, w.spare = max(w.room, room), nil // so that Aggregate need not copy the next one
	}
	w.keys.reset()
	w.hashKeys.reset()
	w.buf = w.buf[:0]
	w.count = 0
}

// records are the fields 3.
func (w *Writer) records() []byte {
	if len(w.buf) == 0 {
		return nil
	}
	return w.buf[w.room:]
}

// Len is how many user records are in it.
func (w *Writer) Len() int { return w.count }

// Size is how many bytes the aggregate has, as it is now.
func (w *Writer) Size() int {
	return Overhead + len(w.keys.encoded) + len(w.hashKeys.encoded) + len(w.records())
}

// SizeWith is how many it has with one more user record, of so many bytes of data.
func (w *Writer) SizeWith(key, hashKey []byte, data int) int {
	keyIndex, _, more := w.keys.find(key)
	size := w.Size() + more
	hashIndex := -1
	if hashKey != nil {
		hashIndex, _, more = w.hashKeys.find(hashKey)
		size += more
	}
	body := bodySize(keyIndex, hashIndex, data)
	return size + tagSize + protowire.SizeBytes(body)
}

// Add adds a user record. hashKey is an explicit hash key, in decimal digits; nil: the
// record has none. All is copied.
func (w *Writer) Add(key, hashKey, data []byte) {
	keyIndex := w.keys.add(fieldKey, key)
	hashIndex := -1
	if hashKey != nil {
		hashIndex = w.hashKeys.add(fieldHashKey, hashKey)
	}
	if len(w.buf) == 0 {
		w.room = max(w.room, usualRoom)
		w.buf = slices.Grow(w.buf, w.room)[:w.room]
	}
	b := protowire.AppendTag(w.buf, fieldRecord, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(bodySize(keyIndex, hashIndex, len(data))))
	b = protowire.AppendTag(b, recordKey, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(keyIndex))
	if hashIndex >= 0 {
		b = protowire.AppendTag(b, recordHashKey, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(hashIndex))
	}
	b = protowire.AppendTag(b, recordData, protowire.BytesType)
	w.buf = protowire.AppendBytes(b, data)
	w.count++
}

// AppendTo appends the aggregate. The Writer goes on with it as it was.
func (w *Writer) AppendTo(dst []byte) []byte {
	dst = append(dst, magic...)
	start := len(dst)
	dst = append(dst, w.keys.encoded...)
	dst = append(dst, w.hashKeys.encoded...)
	dst = append(dst, w.records()...)
	digest := md5sum.Sum(dst[start:])
	return append(dst, digest[:]...)
}

// Aggregate is what AppendTo appends, in the Writer's own memory: good until it is called
// again, or another method but Len and Size.
func (w *Writer) Aggregate() []byte {
	start := w.room - len(w.hashKeys.encoded) - len(w.keys.encoded) - len(magic)
	if start < 0 || len(w.buf) == 0 {
		w.spare = w.AppendTo(w.spare[:0])
		return w.spare
	}
	// The room before the records holds what stands before them.
	at := start + copy(w.buf[start:], magic)
	at += copy(w.buf[at:], w.keys.encoded)
	copy(w.buf[at:], w.hashKeys.encoded)
	digest := md5sum.Sum(w.buf[start+len(magic):])
	end := len(w.buf)
	w.buf = append(w.buf, digest[:]...)[:end]
	return w.buf[start : end+len(digest)]
}

func bodySize(keyIndex, hashIndex, data int) int {
	size := tagSize + protowire.SizeVarint(uint64(keyIndex)) + tagSize + protowire.SizeBytes(data)
	if hashIndex >= 0 {
		size += tagSize + protowire.SizeVarint(uint64(hashIndex))
	}
	return size
}

// table numbers keys in the order of their coming: a hash table with open addressing,
// of places in what is encoded, so that a key costs no allocation.
type table struct {
	encoded []byte // the fields
	keys    []span // of encoded, without tag and length
	slots   []slot // a power of two, at most half of them taken
	age     uint32 // slots of another are free
	last    int    // of keys: the one that was looked for last
}

type span struct{ from, to int }

type slot struct {
	hash  uint64
	age   uint32
	index uint32
}

// seed is one for all: hashes never leave the process.
var seed = maphash.MakeSeed()

const minSlots = 64

func (t *table) reset() {
	t.encoded, t.keys, t.last = t.encoded[:0], t.keys[:0], 0
	t.age++
	if t.age == 0 { // all of 2^32 were used
		clear(t.slots)
		t.age = 1
	}
}

// find is a key's index, or the one that it would get, with its hash and the bytes that
// it would take. Of one that is there the hash may be 0.
func (t *table) find(key []byte) (index int, hash uint64, more int) {
	// Many records have the key of the one before.
	if t.last < len(t.keys) {
		if k := t.keys[t.last]; bytes.Equal(t.encoded[k.from:k.to], key) {
			return t.last, 0, 0
		}
	}
	hash = maphash.Bytes(seed, key)
	if len(t.slots) > 0 {
		mask := uint64(len(t.slots) - 1)
		for i := hash & mask; t.taken(i); i = (i + 1) & mask {
			s := &t.slots[i]
			if s.hash != hash {
				continue
			}
			if k := t.keys[s.index]; bytes.Equal(t.encoded[k.from:k.to], key) {
				t.last = int(s.index)
				return t.last, hash, 0
			}
		}
	}
	return len(t.keys), hash, tagSize + protowire.SizeBytes(len(key))
}

// taken reports whether a slot is of this aggregate.
func (t *table) taken(i uint64) bool { return t.slots[i].age == t.age }

func (t *table) add(field protowire.Number, key []byte) int {
	index, hash, more := t.find(key)
	if more == 0 {
		return index
	}
	if 2*(len(t.keys)+1) > len(t.slots) {
		t.grow()
	}
	t.encoded = protowire.AppendTag(t.encoded, field, protowire.BytesType)
	t.encoded = protowire.AppendBytes(t.encoded, key)
	t.keys = append(t.keys, span{from: len(t.encoded) - len(key), to: len(t.encoded)})
	t.put(slot{hash: hash, age: t.age, index: uint32(index)})
	t.last = index
	return index
}

func (t *table) put(s slot) {
	mask := uint64(len(t.slots) - 1)
	i := s.hash & mask
	for t.taken(i) {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, max(minSlots, 2*len(old)))
	if t.age == 0 {
		t.age = 1 // what is made is free
	}
	for _, s := range old {
		if s.age == t.age {
			t.put(s)
		}
	}
}
