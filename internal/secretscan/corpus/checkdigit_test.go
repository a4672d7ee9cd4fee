package corpus

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash/crc32"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// values of a detector, made a number of times under each of its keys.
func values(t *testing.T, name string, check func(t *testing.T, value string)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		g := New(11)
		for _, key := range append([]string{""}, detectors[name].keys...) {
			for range 300 {
				check(t, detectors[name].value(g, key))
			}
		}
	})
}

func digits(s string) []int {
	var out []int
	for _, c := range s {
		if c >= '0' && c <= '9' {
			out = append(out, int(c-'0'))
		}
	}
	return out
}

// luhn by the table of doubled digits, from the left.
func luhn(number string) bool {
	doubled := [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
	sum := 0
	all := digits(number)
	for i, d := range all {
		if (len(all)-i)%2 == 0 {
			d = doubled[d]
		}
		sum += d
	}
	return sum%10 == 0
}

// remainder97 with a big number, as the standard describes it.
func remainder97(iban string) int64 {
	var number strings.Builder
	for _, c := range iban[4:] + iban[:4] {
		if c >= 'A' {
			number.WriteString(big.NewInt(int64(c - 'A' + 10)).String())
		} else {
			number.WriteRune(c)
		}
	}
	n, _ := new(big.Int).SetString(number.String(), 10)
	return n.Mod(n, big.NewInt(97)).Int64()
}

func dot(numbers, weights []int) int {
	sum := 0
	for i, w := range weights {
		sum += numbers[i] * w
	}
	return sum
}

func TestCheckDigits(t *testing.T) {
	values(t, "payment_card", func(t *testing.T, value string) {
		t.Helper()
		require.True(t, luhn(value), value)
		n := len(digits(value))
		require.True(t, n >= 12 && n <= 19, value)
	})
	values(t, "iban", func(t *testing.T, value string) {
		t.Helper()
		compact := strings.ReplaceAll(value, " ", "")
		require.EqualValues(t, 1, remainder97(compact), value)
		lengths := map[string]int{"NL": 18, "DE": 22, "GB": 22, "FR": 27, "MT": 31, "NO": 15, "BE": 16, "CH": 21, "IT": 27, "ES": 24, "BR": 29, "PL": 28}
		if want, known := lengths[compact[:2]]; known {
			require.Len(t, compact, want)
		}
	})
	values(t, "nl_bsn", func(t *testing.T, value string) {
		t.Helper()
		require.Len(t, value, 9)
		require.Zero(t, dot(digits(value), []int{9, 8, 7, 6, 5, 4, 3, 2, -1})%11, value)
	})
	values(t, "br_cpf", func(t *testing.T, value string) {
		t.Helper()
		d := digits(value)
		require.Len(t, d, 11)
		require.Equal(t, dot(d, []int{10, 9, 8, 7, 6, 5, 4, 3, 2})*10%11%10, d[9], value)
		require.Equal(t, dot(d, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2})*10%11%10, d[10], value)
	})
	values(t, "uk_nhs", func(t *testing.T, value string) {
		t.Helper()
		d := digits(value)
		require.Len(t, d, 10)
		require.Zero(t, dot(d, []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1})%11, value)
	})
	values(t, "us_ssn", func(t *testing.T, value string) {
		t.Helper()
		compact := strings.ReplaceAll(value, "-", "")
		require.Len(t, compact, 9)
		require.NotContains(t, []string{"000", "666"}, compact[:3])
		require.NotEqual(t, byte('9'), compact[0])
		require.NotEqual(t, "00", compact[3:5])
		require.NotEqual(t, "0000", compact[5:])
	})
}

// Published examples, whose check digits others computed.
func TestCheckDigitsOfPublishedExamples(t *testing.T) {
	assert.Equal(t, byte('3'), luhnDigit("7992739871"), "ISO/IEC 7812's example")
	assert.Equal(t, "GB82WEST12345698765432", ibanOf("GB", "WEST12345698765432"))
	assert.Equal(t, "NL91ABNA0417164300", ibanOf("NL", "ABNA0417164300"))
	d, ok := bsnDigit("11122233")
	assert.Equal(t, "3", d)
	assert.True(t, ok)
	assert.Equal(t, "35", cpfDigits("111444777"))
	d, ok = nhsDigit("943476591")
	assert.Equal(t, "9", d)
	assert.True(t, ok)
	// A revoked token whose owner published it for the sake of its checksum.
	assert.Equal(t, "0mLq17", crcBase62("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"))
}

func TestLookalikesFailTheirCheck(t *testing.T) {
	g := New(12)
	for range 2000 {
		require.False(t, luhn(wrongLuhn(cardDigits(g))))
		require.NotEqualValues(t, 1, remainder97(strings.ReplaceAll(wrongIBAN(g), " ", "")))
		require.NotZero(t, dot(digits(wrongLast(bsn(g))), []int{9, 8, 7, 6, 5, 4, 3, 2, -1})%11)
		require.NotZero(t, dot(digits(wrongLast(nhs(g))), []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1})%11)
		wrong := wrongChecksum(g)
		require.NotEqual(t, crcBase62(wrong[:30]), wrong[30:])
	}
}

func TestTokensDecode(t *testing.T) {
	checksummed := func(t *testing.T, value string) {
		t.Helper()
		if strings.HasPrefix(value, "github") {
			require.Len(t, value, len("github_pat_")+22+1+59)
			return
		}
		require.Len(t, value, 40)
		sum := new(big.Int)
		for _, c := range value[34:] {
			sum.Mul(sum, big.NewInt(62)).Add(sum, big.NewInt(int64(strings.IndexRune(alnum, c))))
		}
		require.EqualValues(t, crc32.ChecksumIEEE([]byte(value[4:34])), sum.Int64(), value)
	}
	values(t, "github_token", checksummed)
	values(t, "npm_token", checksummed)
	values(t, "jwt", func(t *testing.T, value string) {
		t.Helper()
		parts := strings.Split(value, ".")
		require.Len(t, parts, 3)
		for _, part := range parts[:2] {
			raw, err := base64.RawURLEncoding.DecodeString(part)
			require.NoError(t, err)
			var object map[string]any
			require.NoError(t, json.Unmarshal(raw, &object))
		}
	})
	values(t, "private_key", func(t *testing.T, value string) {
		t.Helper()
		parsed, rest := pem.Decode([]byte(value))
		require.NotNil(t, parsed)
		require.Empty(t, rest)
		require.Contains(t, parsed.Type, "PRIVATE KEY")
	})
	values(t, "pypi_token", func(t *testing.T, value string) {
		t.Helper()
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(value, "pypi-"))
		require.NoError(t, err)
		require.Equal(t, byte(2), raw[0], "version 2")
		require.Contains(t, []string{"pypi.org", "test.pypi.org"}, string(raw[3:3+int(raw[2])]))
		require.True(t, strings.HasPrefix(value, "pypi-Ag"+"E"))
	})
	values(t, "basic_auth", func(t *testing.T, value string) {
		t.Helper()
		raw, err := base64.StdEncoding.DecodeString(value)
		require.NoError(t, err)
		require.Contains(t, string(raw), ":")
	})
	values(t, "ipv4", func(t *testing.T, value string) { t.Helper(); require.True(t, netip.MustParseAddr(value).Is4()) })
	values(t, "ipv6", func(t *testing.T, value string) { t.Helper(); require.True(t, netip.MustParseAddr(value).Is6()) })
	values(t, "azure_storage_key", func(t *testing.T, value string) { t.Helper(); require.Contains(t, []int{44, 88}, len(value)) })
	values(t, "aws_secret_access_key", func(t *testing.T, value string) { t.Helper(); require.Len(t, value, 40) })
}
