package timestamp

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	f := func(s string, want Time) {
		t.Helper()
		got, ok := Parse(s, berlin)
		assert.True(t, ok, "%q", s)
		assert.Equal(t, want, got, "%q", s)
	}
	const noon = 1_768_478_400 * nanosPerSecond // 2026-01-15T12:00:00Z

	// RFC 3339.
	f("2026-01-15T12:00:00Z", Time{UnixNano: noon})
	f("2026-01-15t12:00:00z", Time{UnixNano: noon})
	f("2026-01-15T13:30:00+01:30", Time{UnixNano: noon})
	f("2026-01-15T04:00:00-08:00", Time{UnixNano: noon})
	f("2026-01-16T11:59:00+23:59", Time{UnixNano: noon})
	f("2026-01-15T12:00:00-00:00", Time{UnixNano: noon})
	f("2026-01-15T12:00:00.1Z", Time{UnixNano: noon + 1e8})
	f("2026-01-15T12:00:00.123456789Z", Time{UnixNano: noon + 123456789})
	f("2026-01-15T12:00:00.1234567890000Z", Time{UnixNano: noon + 123456789})
	f("2026-01-15T12:00:00.1234567891Z", Time{UnixNano: noon + 123456789, Inexact: true})
	f("2026-01-15T12:00:00.0000000001Z", Time{UnixNano: noon, Inexact: true})
	f("2024-02-29T00:00:00Z", Time{UnixNano: 1_709_164_800e9})
	f("2000-02-29T00:00:00Z", Time{UnixNano: 951_782_400e9})
	f("2016-12-31T23:59:60Z", Time{UnixNano: 1_483_228_800e9, Inexact: true})
	f("1970-01-01T00:00:00.000000001Z", Time{UnixNano: 1})
	f("1970-01-01T00:00:01Z", Time{UnixNano: 1e9})
	f("1969-12-31T23:00:01-01:00", Time{UnixNano: 1e9})
	f("2262-04-11T23:47:15.999999999Z", Time{UnixNano: 9_223_372_035_999_999_999})

	// Its kin.
	f("2026-01-15 12:00:00Z", Time{UnixNano: noon})
	f("2026-01-15 12:00:00,5Z", Time{UnixNano: noon + 5e8})
	f("2026-01-15T13:00:00+0100", Time{UnixNano: noon})
	f("2026-01-15T13:00:00+01", Time{UnixNano: noon})
	f("2026-01-15 13:00:00 +0100", Time{UnixNano: noon})
	f("2026-01-15 13:00:00 +0100 CET", Time{UnixNano: noon})
	f("2026-01-15 12:00:00.25 +0000 UTC", Time{UnixNano: noon + 25e7})
	f("2026-01-15 12:00:00 UTC", Time{UnixNano: noon})
	f("2026-01-15 12:00:00 GMT", Time{UnixNano: noon})
	f("2026-01-15 12:00:00 Z", Time{UnixNano: noon})
	f("2026/01/15 12:00:00Z", Time{UnixNano: noon})
	f("2026-01-15T12:00Z", Time{UnixNano: noon})
	f("2026-01-15T13:00+01:00", Time{UnixNano: noon})

	// Without a zone.
	f("2026-01-15 13:00:00", Time{UnixNano: noon, Guessed: true})
	f("2026-01-15T13:00:00.5", Time{UnixNano: noon + 5e8, Guessed: true})
	f("2026-01-15T13:00", Time{UnixNano: noon, Guessed: true})
	f("2026/01/15 13:00:00.000001", Time{UnixNano: noon + 1000, Guessed: true})

	// Unix time.
	f("1515150660", Time{UnixNano: 1515150660_000000000})
	f("1515150660123", Time{UnixNano: 1515150660_123000000})
	f("1515150660123456", Time{UnixNano: 1515150660_123456000})
	f("1515150660123456789", Time{UnixNano: 1515150660_123456789})
	f("1515150660.123", Time{UnixNano: 1515150660_123000000})
	f("1515150660.123456789", Time{UnixNano: 1515150660_123456789})
	f("1515150660.1234567891", Time{UnixNano: 1515150660_123456789, Inexact: true})
	f("1515150660,5", Time{UnixNano: 1515150660_500000000})
	f("1515150660123.25", Time{UnixNano: 1515150660_123250000})
	f("1515150660123456.789", Time{UnixNano: 1515150660_123456789})
	f("1515150660123456789.5", Time{UnixNano: 1515150660_123456789, Inexact: true})
	f("946684800", Time{UnixNano: 946684800e9})
	f("4102444799", Time{UnixNano: 4102444799e9})
	f("4102444799999999999", Time{UnixNano: 4102444799999999999})
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{
		"", "0", "1", "12", "-1", "5", "250", "3600", "1000000", "946684799", "900000000", "4102444800", "9999999999", "99999999999",
		"946684799999", "4102444800000", "9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999",
		"-1515150660", "+1515150660", "01515150660", "1515150660.", "1515150660.x", ".1515150660", "1515150660 ", " 1515150660", "1.515150660123e9",
		"1515150660e0", "1515150660.5.5", "0x5a4f5944", "1_515_150_660", "1515150660s", "18ms", "NaN", "Infinity",
		"2026-01-15", "12:00:00", "20260115T120000Z", "2026-01-15T", "2026-01-15T12", "2026-01-15T12:", "2026-01-15T1:00:00Z", "2026-1-15T12:00:00Z",
		"2026-01-15T12:00:", "2026-01-15T12:00:0", "2026-01-15T12:00:0Z", "2026-01-15T12:00:00.", "2026-01-15T12:00:00.Z", "2026-01-15T12:00:00,Z",
		"2026-01-15T12:00:00ZZ", "2026-01-15T12:00:00Z ", " 2026-01-15T12:00:00Z", "2026-01-15T12:00:00 ", "2026-01-15T12:00:00  Z", "2026-01-15_12:00:00Z",
		"2026-01/15T12:00:00Z", "2026-01-15T12-00-00Z", "2026-01-15T12:00:00+", "2026-01-15T12:00:00+1", "2026-01-15T12:00:00+01:", "2026-01-15T12:00:00+01:0",
		"2026-01-15T12:00:00+01:000", "2026-01-15T12:00:00+24:00", "2026-01-15T12:00:00+01:60", "2026-01-15T12:00:00 CET", "2026-01-15T12:00:00EST",
		"2026-01-15T12:00:00+0100 C", "2026-01-15T12:00:00+0100 cet", "2026-01-15T12:00:00+0100 ABCDEF", "2026-01-15T12:00:00 +0100 CET m=+0.1",
		"2026-00-15T12:00:00Z", "2026-13-15T12:00:00Z", "2026-01-00T12:00:00Z", "2026-01-32T12:00:00Z", "2026-04-31T12:00:00Z", "2026-02-29T12:00:00Z",
		"1900-02-29T12:00:00Z", "2100-02-29T12:00:00Z", "2026-01-15T24:00:00Z", "2026-01-15T12:60:00Z", "2026-01-15T12:00:61Z",
		"1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:59:59+01:00",
		"2262-04-11T23:47:16Z", "2262-04-12T00:00:00Z", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "-026-01-15T12:00:00Z",
		"２０２６-01-15T12:00:00Z", "2026-01-15T12:00:00\x00", "2026-01-15T12:00:00." + strings.Repeat("0", 80) + "Z", strings.Repeat("1", 1<<20), "1515150660." + strings.Repeat("1", 1<<20),
	} {
		got, ok := Parse(s, nil)
		assert.False(t, ok, "%.60q", s)
		assert.Zero(t, got, "%.60q", s)
	}
}

// TestParseInLocation has clocks put forward and back.
func TestParseInLocation(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	for _, s := range []string{"2026-03-08 01:59:59", "2026-03-08 02:30:00", "2026-03-08 03:00:00", "2026-11-01 01:30:00", "2026-07-04 12:00:00"} {
		want, err := time.ParseInLocation(time.DateTime, s, newYork)
		require.NoError(t, err)
		got, ok := Parse(s, newYork)
		require.True(t, ok)
		assert.Equal(t, Time{UnixNano: uint64(want.UnixNano()), Guessed: true}, got, s)
	}
	got, ok := Parse("2026-07-04T12:00:00Z", newYork)
	require.True(t, ok)
	assert.Equal(t, Time{UnixNano: 1783166400e9}, got, "a zone that is named counts")

	// A location can move a time out of what a record holds.
	_, ok = Parse("1970-01-01 00:30:00", time.FixedZone("", 3600))
	assert.False(t, ok)
}

func TestFromUnix(t *testing.T) {
	for n, want := range map[int64]uint64{1515150660: 1515150660e9, 1515150660123: 1515150660123e6, 1515150660123456: 1515150660123456e3, 1515150660123456789: 1515150660123456789} {
		got, ok := FromUnix(n)
		assert.True(t, ok)
		assert.Equal(t, Time{UnixNano: want}, got)
	}
	for _, n := range []int64{0, 1, -1515150660, 946684799, 4102444800, 946684799999, math.MaxInt64, math.MinInt64} {
		_, ok := FromUnix(n)
		assert.False(t, ok, n)
	}
}

// TestEveryDay compares the calendar with that of package time, each day from 1970
// to the end.
func TestEveryDay(t *testing.T) {
	for day := time.Unix(1, 0).UTC(); day.Year() < 2262; day = day.AddDate(0, 0, 1) {
		got, ok := Parse(day.Format(time.RFC3339), nil)
		if !ok || got.UnixNano != uint64(day.UnixNano()) {
			t.Fatalf("%s: %d, %v", day, got.UnixNano, ok)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, s := range []string{"2026-01-15T12:00:00.123456Z", "2026-01-15 12:00:00", "1515150660.123", "no time"} {
			Parse(s, newYork)
		}
	}))
}

// FuzzParse has time.Parse as its judge: what both take is equal, what time.Parse
// takes of RFC 3339 is taken, and what is taken can be written as RFC 3339 and read
// again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"2026-01-15T12:00:00Z", "2026-01-15 12:00:00,123+0100", "2024-02-29t23:59:59.999999999-23:59", "1969-12-31T23:59:59-01:00",
		"2262-04-11T23:47:16Z", "1515150660.123", "1515150660123456789", "2026/01/15 12:00:00 +0000 UTC", "2016-12-31T23:59:60Z", "2026-01-15T12:00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Parse(s, nil)
		if want, err := time.Parse(time.RFC3339Nano, s); err == nil && len(s) <= maxText {
			inRange := want.Unix() >= 0 && want.Unix() < maxUnixSeconds && (want.Unix() > 0 || want.Nanosecond() > 0)
			// time.Parse also takes hours of one digit, and offsets from 24 hours on.
			strict := len(s) > 16 && s[13] == ':' && s[16] == ':' && !strings.HasSuffix(s, "+24:00")
			if inRange && strict && !ok && offsetHours(s) < 24 {
				t.Fatalf("%q is %s, and refused", s, want)
			}
			if ok && got.UnixNano != uint64(want.UnixNano()) {
				t.Fatalf("%q is %d, not %d", s, want.UnixNano(), got.UnixNano)
			}
			if ok && got.Guessed {
				t.Fatalf("%q names its zone", s)
			}
		}
		if !ok {
			if got != (Time{}) {
				t.Fatalf("%q is refused, and gives %v", s, got)
			}
			return
		}
		if got.UnixNano == 0 || got.UnixNano > math.MaxInt64 {
			t.Fatalf("%q gives %d", s, got.UnixNano)
		}
		text := time.Unix(0, int64(got.UnixNano)).UTC().Format(time.RFC3339Nano)
		again, ok := Parse(text, nil)
		if !ok || again.UnixNano != got.UnixNano {
			t.Fatalf("%q is %q, which gives %d, %v", s, text, again.UnixNano, ok)
		}
	})
}

// offsetHours is the hour of an offset hh:mm at the end of s.
func offsetHours(s string) (hours int) {
	if len(s) < 6 || s[len(s)-3] != ':' {
		return 0
	}
	_, _ = fmt.Sscanf(s[len(s)-5:len(s)-3], "%d", &hours)
	return hours
}

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{"2026-11-21T08:15:30.123456Z", "2026-11-21T08:15:30+01:00", "2026-11-21 08:15:30", "1515150660", "1515150660.123", "12"} {
		b.Run("text="+strings.ReplaceAll(s, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(s, time.UTC)
			}
		})
	}
	b.Run("time.Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = time.Parse(time.RFC3339Nano, "2026-11-21T08:15:30.123456Z")
		}
	})
}
