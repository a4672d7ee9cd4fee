package jsontext

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAllPlain holds eight bytes at a time to one at a time, with each byte at each place, and
// AppendString to what reads it.
func TestAllPlain(t *testing.T) {
	for n := range 20 {
		text := []byte(strings.Repeat("a", n))
		assert.True(t, AllPlain(string(text)))
		for i := range text {
			for c := range 256 {
				text[i] = byte(c)
				assert.Equal(t, c >= 0x20 && c < 0x80 && plain[c], AllPlain(string(text)), "%q", text)
				var back string
				require.NoError(t, json.Unmarshal(AppendString(nil, string(text)), &back), "%q", text)
				require.Equal(t, strings.ToValidUTF8(string(text), "\ufffd"), back)
			}
			text[i] = 'a'
		}
	}
}

// FuzzAppendString: what is written is read as the text, with U+FFFD for what is not UTF-8.
func FuzzAppendString(f *testing.F) {
	for _, text := range []string{"", "plain", "quotes \" and \\", "\x00\x1f\x7f\n\r\t", "é😀\u2028", "\xff\xfe", "long enough for eight at a time \x80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var back string
		require.NoError(t, json.Unmarshal(AppendString(nil, text), &back))
		require.Equal(t, strings.ToValidUTF8(text, "\ufffd"), back)
	})
}

func TestAppendFloat(t *testing.T) {
	for want, f := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "1.5": 1.5, "1e-07": 1e-7, "1e+21": 1e21, "100000000000000000000": 1e20,
		`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1),
	} {
		assert.Equal(t, want, string(AppendFloat(nil, f)))
	}
}
