package kplrecord

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReader reads anything; what is read, and written again, is the same.
func FuzzReader(f *testing.F) {
	// Short ones: of long ones the fuzzer tries to make short ones, and does nothing else.
	var w Writer
	for n := range 4 {
		data := write(&w, golden(true)[:n])
		f.Add(data[len(magic) : len(data)-digestSize])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var w Writer
		var r Reader
		if err := r.Reset(message); err != nil {
			require.Zero(t, r.Len())
		}
		data := seal(message) // a fuzzer finds no digest
		if r.Reset(data) != nil {
			require.Zero(t, r.Len())
			return
		}
		records := read(t, &r, data)
		require.Equal(t, records, read(t, &r, padded(write(&w, records), len(records))))
	})
}

// padded is the data, or, where there is nothing in it, something that can be read.
func padded(data []byte, records int) []byte {
	if records == 0 {
		return seal([]byte{0x0a, 0x00})
	}
	return data
}

// FuzzWriter writes records whose sizes and keys the fuzzer chooses.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("\x01\x02abc\x81\x00\x05\xff\x10\x01"))
	f.Fuzz(func(t *testing.T, choice []byte) {
		var records []UserRecord
		for len(choice) >= 2 {
			u := UserRecord{Key: choice[:1], Data: choice[2:2]}
			if choice[0]&0x80 != 0 {
				u.Key = choice[:2]
			}
			if choice[1]&0x80 != 0 {
				u.HashKey = choice[1:2]
			}
			n := min(int(choice[1]&0x7f), len(choice)-2)
			u.Data, choice = choice[2:2+n], choice[2+n:]
			records = append(records, u)
		}
		if len(records) == 0 {
			return
		}
		var w Writer
		var r Reader
		for range 2 {
			w.Reset()
			for _, u := range records {
				want := w.SizeWith(u.Key, u.HashKey, len(u.Data))
				w.Add(u.Key, u.HashKey, u.Data)
				require.Equal(t, want, w.Size())
			}
			data := w.AppendTo(nil)
			require.Len(t, data, w.Size())
			require.Equal(t, data, w.Aggregate())
			require.Equal(t, records, read(t, &r, data))
		}
	})
}
