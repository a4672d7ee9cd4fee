package foldjournal

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parts() []Part {
	return []Part{
		{Key: [16]byte{1, 2}, UID: 3, Generation: 4, Arrived: 5, Opens: true, Starts: true, Previous: [16]byte{9}, PreviousReason: 2, Origin: []byte{1, 2}, Record: []byte("record")},
		{Key: [16]byte{1, 2}, UID: 1 << 63, Arrived: -5, Opens: true, Origin: []byte{}, Record: []byte("record")},
		{Generation: 1<<32 - 1, Ends: true, Origin: make([]byte, 300), Record: []byte{}},
	}
}

func ended() Ended {
	return Ended{Key: [16]byte{1}, ID: [16]byte{2}, Generation: 3, Reason: 4, Ended: 5, UIDs: []byte("12345678abcdefgh")}
}

func TestEntriesComeBack(t *testing.T) {
	for _, want := range parts() {
		part, other, err := Decode(AppendPart(nil, &want))
		require.NoError(t, err)
		assert.Nil(t, other)
		assert.Equal(t, &want, part)
	}
	want := ended()
	part, got, err := Decode(AppendEnded(nil, &want))
	require.NoError(t, err)
	assert.Nil(t, part)
	assert.Equal(t, &want, got)
}

func TestEntriesThatAreNone(t *testing.T) {
	part, end := parts()[0], ended()
	whole := AppendPart(nil, &part)
	for n := range len(whole) - len(part.Record) {
		_, _, err := Decode(whole[:n])
		require.ErrorIs(t, err, errShort, "%d bytes of a part", n)
	}
	whole = AppendEnded(nil, &end)
	for n := range whole {
		if n >= endedHead && (n-endedHead)%uidSize == 0 {
			continue
		}
		_, _, err := Decode(whole[:n])
		require.ErrorIs(t, err, errShort, "%d bytes of an ended event", n)
	}
	_, _, err := Decode([]byte{0x77})
	require.ErrorIs(t, err, errKind)
	_, _, err = Decode(append([]byte{byte(KindPart), 0x80}, make([]byte, 60)...))
	require.ErrorIs(t, err, errFlags)
}

// FuzzDecode: what can be decoded is encoded to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, p := range parts() {
		f.Add(AppendPart(nil, &p))
	}
	e := ended()
	f.Add(AppendEnded(nil, &e))
	f.Fuzz(func(t *testing.T, entry []byte) {
		part, ended, err := Decode(entry)
		switch {
		case err != nil:
			assert.Nil(t, part)
			assert.Nil(t, ended)
		case part != nil:
			again, _, err := Decode(AppendPart(nil, part))
			require.NoError(t, err)
			assert.Equal(t, part, again)
		default:
			assert.Equal(t, entry, AppendEnded(nil, ended))
		}
	})
}
