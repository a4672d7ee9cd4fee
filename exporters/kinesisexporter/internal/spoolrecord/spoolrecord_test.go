package spoolrecord

import (
	"crypto/md5"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func records() []Record {
	of := func(key string, count int, data string) Record {
		return Record{Hash: md5.Sum([]byte(key)), Key: []byte(key), Count: count, Data: []byte(data)}
	}
	return []Record{
		of("order-1", 1, `{"body":"paid"}`),
		of(strings.Repeat("k", 256), 100_000, "\x1f\x8b"),
		of("empty", 0, ""),
	}
}

func encode(r Record) []byte {
	return append(AppendHead(nil, r.Hash, string(r.Key), r.Count), r.Data...)
}

func TestRecordsComeBack(t *testing.T) {
	for _, want := range records() {
		got, err := Decode(encode(want))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// The bytes of version 1: a spool written by an older program must be read.
func TestTheFormIsThatOfTheDocument(t *testing.T) {
	hash := [16]byte{0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xaf}
	want := "\x01" + string(hash[:]) + "\x03key" + "\x80\x02" + "data"
	assert.Equal(t, want, string(append(AppendHead(nil, hash, "key", 256), "data"...)))
}

func TestRecordsThatAreNone(t *testing.T) {
	whole := encode(records()[0])
	for n := range len(whole) - len(records()[0].Data) {
		_, err := Decode(whole[:n])
		require.ErrorIs(t, err, errShort, "%d bytes", n)
	}
	for _, c := range []struct {
		payload string
		want    error
	}{
		{"\x02", errVersion},
		{"\x01" + strings.Repeat("h", 16) + "\x81\x00kc", errVarint},
		{"\x01" + strings.Repeat("h", 16) + "\x01k\xff\xff\xff\xff\x1f", errCount},
	} {
		_, err := Decode([]byte(c.payload))
		require.ErrorIs(t, err, c.want, "%q", c.payload)
	}
}

// FuzzDecode: what can be decoded is encoded to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, r := range records() {
		f.Add(encode(r))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := Decode(payload)
		if err != nil {
			assert.Zero(t, r)
			return
		}
		assert.Equal(t, payload, encode(r))
	})
}
