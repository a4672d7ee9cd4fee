package bytesize_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]bytesize.Size{
		"0":                   0,
		"4096":                4096,
		"4096B":               4096,
		"64KiB":               64 << 10,
		"64 kib":              64 << 10,
		" 10MiB ":             10 << 20,
		"1.5GiB":              3 << 29,
		"1.5KB":               1500,
		"10MB":                10e6,
		"2TB":                 2e12,
		"9223372036854775807": 1<<63 - 1,
		"8388607TiB":          8388607 << 40,
	} {
		got, err := bytesize.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                    `size is empty`,
		"MiB":                 `size "MiB" is not a number`,
		"-1MiB":               `size "-1MiB" is negative`,
		"10M":                 `unknown unit "M"; known are B, KiB`,
		"10 apples":           `unknown unit "apples"`,
		"1.0001KiB":           `not a whole number of bytes`,
		"1..5KiB":             `is not a number`,
		"0x10":                `is not a number`,
		"NaN":                 `unknown unit "NaN"`,
		"1e3":                 `is not a number`,
		"9223372036854775808": `is too large`,
		"8388608TiB":          `the largest there is`,
		"9007199.3TiB":        `is too large`,
	} {
		_, err := bytesize.Parse(in)
		assert.ErrorContains(t, err, want, in)
	}
}

func TestString(t *testing.T) {
	for want, in := range map[string]bytesize.Size{
		"0B": 0, "1500B": 1500, "64KiB": 64 << 10, "1025KiB": 1025 << 10, "10MiB": 10 << 20, "3GiB": 3 << 30, "2TiB": 2 << 40,
	} {
		assert.Equal(t, want, in.String())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"10MiB", "1.5GB", "0", "99999999999999999999", "-1", "1e9", ".5KiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		size, err := bytesize.Parse(in)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, size, bytesize.Size(0), in)
		var back bytesize.Size
		text, err := size.MarshalText()
		require.NoError(t, err)
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, size, back, in)
	})
}
