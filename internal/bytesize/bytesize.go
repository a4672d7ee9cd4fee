// Package bytesize reads and writes sizes as people write them in
// configuration: "64KiB", "10MiB", "1.5GB", "4096".
package bytesize

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The binary units, of IEC 80000-13.
const (
	Byte Size = 1
	KiB       = 1024 * Byte
	MiB       = 1024 * KiB
	GiB       = 1024 * MiB
	TiB       = 1024 * GiB
)

var errForm = errors.New("write a size as a number and a unit, such as 512KiB, 10MiB or 1GB")

// units maps a unit, in lower case, to its bytes. Binary units are powers of
// 1024, decimal ones of 1000; a number without a unit is bytes. "K", "M" and "G"
// alone are left out: half of the world reads them as 1000, the other as 1024.
var units = map[string]float64{
	"": 1, "b": 1,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

// Parse reads a size. Blanks between number and unit are allowed, letters may be
// of either case, and a fraction must come out as whole bytes. The error names
// the text and what would be right.
func Parse(text string) (Size, error) {
	s := strings.TrimSpace(text)
	end := strings.LastIndexAny(s, "0123456789.") + 1
	number, unit := s[:end], strings.ToLower(strings.TrimSpace(s[end:]))
	factor, known := units[unit]
	switch {
	case s == "":
		return 0, fmt.Errorf("size is empty: %w", errForm)
	case strings.HasPrefix(number, "-"):
		return 0, fmt.Errorf("size %q is negative: %w", text, errForm)
	case !known:
		return 0, fmt.Errorf("size %q has the unknown unit %q; known are B, KiB, MiB, GiB, TiB and KB, MB, GB, TB", text, strings.TrimSpace(s[end:]))
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/int64(factor) {
			return 0, fmt.Errorf("size %q is more than %d bytes, the largest there is", text, int64(math.MaxInt64))
		}
		return Size(n * int64(factor)), nil
	}
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("size %q is not a number: %w", text, errForm)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("size %q is not a number: %w", text, errForm)
	}
	f *= factor
	// 2^53 is where float64 stops telling neighbouring integers apart.
	if f > 1<<53 {
		return 0, fmt.Errorf("size %q is too large: %w", text, errForm)
	}
	if f != math.Trunc(f) {
		return 0, fmt.Errorf("size %q is not a whole number of bytes: %w", text, errForm)
	}
	return Size(f), nil
}

// UnmarshalText is Parse, for configuration decoders.
func (s *Size) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// MarshalText writes the size as String does; Parse reads it back.
func (s Size) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

// String writes the size in the largest binary unit that divides it: "10MiB",
// "1500B".
func (s Size) String() string {
	for _, u := range []struct {
		size Size
		name string
	}{{TiB, "TiB"}, {GiB, "GiB"}, {MiB, "MiB"}, {KiB, "KiB"}} {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
