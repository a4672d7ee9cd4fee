package kplrecord

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// golden makes the records of testdata/golden.py.
func golden(hashed bool) (records []UserRecord) {
	for i := range 12 {
		r := UserRecord{Key: fmt.Appendf(nil, "key-%d", i%4), Data: []byte{}}
		for j := range i * i * 7 {
			r.Data = append(r.Data, byte(i*37+j))
		}
		if hashed && i%2 == 0 {
			r.HashKey = []byte("0")
			if n := i % 5; n > 0 {
				r.HashKey = append(strconv.AppendInt(nil, int64(n), 10), bytes.Repeat([]byte("0"), 37)...)
			}
		}
		records = append(records, r)
	}
	return records
}

func write(w *Writer, records []UserRecord) []byte {
	w.Reset()
	for _, r := range records {
		w.Add(r.Key, r.HashKey, r.Data)
	}
	return w.AppendTo(nil)
}

func read(t require.TestingT, r *Reader, data []byte) (records []UserRecord) {
	require.NoError(t, r.Reset(data))
	for u, ok := r.Next(); ok; u, ok = r.Next() {
		records = append(records, u)
	}
	require.Len(t, records, r.Len())
	return records
}

func TestBytesAreThoseOfAWSsLibrary(t *testing.T) {
	var w Writer
	var r Reader
	for name, hashed := range map[string]bool{"golden.bin": false, "golden_hash_keys.bin": true} {
		want, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		assert.Equal(t, want, write(&w, golden(hashed)), name)
		assert.Equal(t, golden(hashed), read(t, &r, want), name)
	}
}

func TestSizesAreKnownBefore(t *testing.T) {
	var w Writer
	for round := range 3 { // of one Writer
		w.Reset()
		assert.Equal(t, Overhead, w.Size())
		for i := range 3000 {
			key := fmt.Appendf(nil, "key-%d", i*(round+1)%700)
			var hashKey []byte
			if i%3 == 0 {
				hashKey = strconv.AppendInt(nil, int64(i%300), 10)
			}
			data := make([]byte, i%500)
			want := w.SizeWith(key, hashKey, len(data))
			w.Add(key, hashKey, data)
			require.Equal(t, want, w.Size())
			require.Equal(t, i+1, w.Len())
		}
		require.Len(t, w.AppendTo([]byte("before")), len("before")+w.Size())
	}
}

// TestAggregateIsWhatIsAppended: whether there was room before the records for their keys or
// not, and also when more is added behind.
func TestAggregateIsWhatIsAppended(t *testing.T) {
	var w Writer
	assert.Equal(t, w.AppendTo(nil), w.Aggregate())
	for _, keys := range []int{1, 30, 300, 300, 1, 10_000, 10_000, 3} {
		w.Reset()
		for i := range keys {
			// A key for two records, and each key again at the end.
			key := fmt.Appendf(nil, "a key of some length %d", i/2)
			w.Add(key, []byte("0"), []byte("data"))
			if i%1000 == 1 {
				require.Equal(t, w.AppendTo(nil), w.Aggregate())
			}
		}
		for i := range keys {
			w.Add(fmt.Appendf(nil, "a key of some length %d", i/2), nil, []byte("again"))
		}
		require.Equal(t, w.AppendTo(nil), w.Aggregate())
		require.Equal(t, w.AppendTo(nil), w.Aggregate(), "again")
		var r Reader
		require.Len(t, read(t, &r, w.Aggregate()), 2*keys)
	}
	// The second of two that are alike is made where its records are.
	w = Writer{}
	for round := range 2 {
		w.Reset()
		assert.Nil(t, w.spare)
		for i := range 2000 {
			w.Add(fmt.Appendf(nil, "a key of some length %d", i), nil, []byte("data"))
		}
		w.Aggregate()
		assert.Equal(t, round == 0, len(w.spare) > 0)
	}
}

// seal puts magic and digest around a message.
func seal(message []byte) []byte {
	digest := md5.Sum(message)
	return append(append([]byte(magic), message...), digest[:]...)
}

func TestWhatIsNoAggregateIsPlain(t *testing.T) {
	field := func(b []byte, number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
	}
	number := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	key := field(nil, 1, []byte("k"))
	whole := field(number(nil, 1, 0), 3, []byte("data"))
	var r Reader
	f := func(name string, data []byte, want ...error) {
		t.Helper()
		err := r.Reset(data)
		for _, w := range want {
			require.ErrorIs(t, err, w, name)
		}
		_, ok := r.Next()
		assert.False(t, ok, name)
	}
	f("nothing", nil, ErrPlain)
	f("text", []byte(`{"body":"a line of text"}`), ErrPlain)
	f("magic", []byte(magic), ErrPlain)
	f("nothing in it", seal(nil), ErrPlain)
	damaged := seal(field(key, 3, whole))
	damaged[6] ^= 1
	f("damaged", damaged, ErrPlain, ErrDigest)
	f("torn message", seal(append(key, 0x1a, 0x05, 0x08)), ErrPlain, ErrMessage)
	f("torn record", seal(field(key, 3, []byte{0x1a, 0x05})), ErrPlain, ErrMessage)
	f("a wire type that there is not", seal(append(key, 0x1f)), ErrPlain, ErrMessage)
	f("no data", seal(field(key, 3, number(nil, 1, 0))), ErrPlain, ErrMessage)
	f("no key", seal(field(key, 3, field(nil, 3, []byte("data")))), ErrPlain, ErrMessage)
	f("a key not in the table", seal(field(key, 3, field(number(nil, 1, 1), 3, nil))), ErrIndex)
	f("a hash key not in the table", seal(field(key, 3, number(whole, 2, 0))), ErrIndex)
	require.NotErrorIs(t, r.Reset(seal(field(key, 3, number(whole, 2, 0)))), ErrPlain, "AWS's libraries drop it")

	// What others may write: fields that are not known, tags, the table at the end.
	message := field(nil, 3, field(number(number(whole, 9, 7), 2, 0), 4, []byte{0x0a, 0x01, 't'}))
	message = append(field(number(message, 12, 1), 13, []byte("?")), key...)
	assert.Equal(t, []UserRecord{{Key: []byte("k"), HashKey: []byte("12"), Data: []byte("data")}},
		read(t, &r, seal(field(message, 2, []byte("12")))))
}

func TestEachByteCounts(t *testing.T) {
	var w Writer
	var r Reader
	data := write(&w, golden(true)[:5])
	for i := range data {
		data[i] ^= 0x10
		require.ErrorIs(t, r.Reset(data), ErrPlain)
		data[i] ^= 0x10
		require.ErrorIs(t, r.Reset(data[:i]), ErrPlain)
	}
	require.NoError(t, r.Reset(data))
}

func TestAllocatesNothing(t *testing.T) {
	var w Writer
	var r Reader
	records := golden(true)
	dst := write(&w, records)
	require.NoError(t, r.Reset(dst))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		w.Reset()
		for _, u := range records {
			if w.SizeWith(u.Key, u.HashKey, len(u.Data)) > 1<<20 {
				t.Fatal("too large")
			}
			w.Add(u.Key, u.HashKey, u.Data)
		}
		dst = w.AppendTo(dst[:0])
		if r.Reset(dst) != nil {
			t.Fatal("not read")
		}
	}))
}
