package base64text

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// check holds that all ways write what encoding/base64 writes, and nothing beside it.
func check(tb testing.TB, src []byte) {
	tb.Helper()
	want := base64.StdEncoding.EncodeToString(src)
	padded := append(append([]byte(nil), src...), bytes.Repeat([]byte{0xff}, 64)...)
	const before = "before "
	for _, in := range [][]byte{src, padded[:len(src)], padded[:len(src):len(src)]} {
		dst := append(make([]byte, 0, len(before)+len(want)+64), before...)
		behind := dst[len(before)+len(want) : cap(dst)]
		for i := range behind {
			behind[i] = '!'
		}
		got := Append(dst, in)
		require.Equal(tb, before+want, string(got))
		require.Equal(tb, bytes.Repeat([]byte("!"), 64), behind)
	}
	require.Equal(tb, want, string(Append(nil, src)))
	dst := make([]byte, len(want))
	done := portable(dst, src)
	require.Zero(tb, done%3)
	require.LessOrEqual(tb, len(src)-done, 8)
	require.Equal(tb, want[:done/3*4], string(dst[:done/3*4]))
}

func TestAppend(t *testing.T) {
	var all []byte // each six bits at each place
	for bits := range 1 << 12 {
		all = append(all, byte(bits>>4), byte(bits<<4)|byte(bits>>8), byte(bits))
	}
	check(t, all)
	check(t, all[1:])
	check(t, all[2:])
	random := rand.NewChaCha8([32]byte{1})
	for size := range 300 {
		src := make([]byte, size)
		_, _ = random.Read(src)
		check(t, src)
	}
}

func TestAppendTakesNoMemory(t *testing.T) {
	src := make([]byte, 1000)
	dst := make([]byte, 0, base64.StdEncoding.EncodedLen(len(src)))
	assert.Zero(t, testing.AllocsPerRun(10, func() { Append(dst, src) }))
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("what is written"))
	f.Add(bytes.Repeat([]byte{0xfb, 0xff}, 40))
	f.Fuzz(func(t *testing.T, src []byte) { check(t, src) })
}

func BenchmarkAppend(b *testing.B) {
	src := make([]byte, 512<<10)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(src)
	var dst []byte
	for name, appendTo := range map[string]func(dst, src []byte) []byte{
		"stdlib":   base64.StdEncoding.AppendEncode,
		"ours":     Append,
		"portable": func(dst, src []byte) []byte { portable(dst[:cap(dst)], src); return dst },
	} {
		dst = Append(dst[:0], src)
		b.Run("way="+name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				dst = appendTo(dst[:0], src)
			}
		})
	}
}
