package containerlog

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func nano(t *testing.T, s string) uint64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return uint64(at.UnixNano())
}

func TestParseCRI(t *testing.T) {
	const at = "2026-11-21T08:15:30.123456789Z"
	f := func(line, content, tags string, stream Stream, partial bool) {
		t.Helper()
		e, ok := ParseCRI([]byte(line))
		require.True(t, ok, line)
		assert.Equal(t, content, string(e.Content), line)
		assert.Equal(t, tags, string(e.Tags), line)
		assert.Equal(t, stream, e.Stream, line)
		assert.Equal(t, partial, e.Partial, line)
		assert.Equal(t, nano(t, at), e.Time, line)
	}
	f(at+" stdout F message", "message", "", Stdout, false)
	f(at+" stderr P a piece", "a piece", "", Stderr, true)
	f(at+" stdout F ", "", "", Stdout, false)
	f(at+" stdout F", "", "", Stdout, false)
	f(at+" stdout F   indented  ", "  indented  ", "", Stdout, false)
	f(at+" stdout F:x:yz message", "message", "x:yz", Stdout, false)
	f(at+" stdout P:x", "", "x", Stdout, true)
	f(at+" stdout F \x00\xff\n\r", "\x00\xff\n\r", "", Stdout, false)
	f("2026-11-21T09:15:30.123456789+01:00 stdout F m", "m", "", Stdout, false) // CRI-O
	f("2026-11-20T22:45:30.123456789-09:30 stdout F m", "m", "", Stdout, false)
}

func TestParseCRIRefuses(t *testing.T) {
	for _, line := range []string{
		"", "message", "2026-11-21T08:15:30Z", "2026-11-21T08:15:30Z ", "2026-11-21T08:15:30Z stdout", "2026-11-21T08:15:30Z stdout ",
		"2026-11-21T08:15:30Z stdout message", "2026-11-21T08:15:30Z stdout Full", "2026-11-21T08:15:30Z stdin F m",
		"2026-11-21T08:15:30Z Stdout F m", "2026-11-21T08:15:30Z  stdout F m", " 2026-11-21T08:15:30Z stdout F m",
		"2026-11-21 08:15:30Z stdout F m", "2026-11-21t08:15:30Z stdout F m", "2026-11-21T08:15:30z stdout F m",
		"2026-11-21T08:15:30 stdout F m", "2026-11-21T08:15:30. stdout F m", "2026-11-21T08:15:30.Z stdout F m",
		"2026-11-21T08:15:30.1234567890Z stdout F m", "2026-11-21T08:15:60Z stdout F m", "2026-11-21T24:00:00Z stdout F m",
		"2026-02-29T08:15:30Z stdout F m", "2026-13-01T08:15:30Z stdout F m", "2026-00-01T08:15:30Z stdout F m",
		"2026-01-00T08:15:30Z stdout F m", "1969-12-31T23:59:59Z stdout F m", "2200-01-01T00:00:00Z stdout F m",
		"1970-01-01T00:00:00+00:01 stdout F m", "2026-11-21T08:15:30+0100 stdout F m", "2026-11-21T08:15:30+24:00 stdout F m",
		"2026-11-21T08:60:30Z stdout F m", "2026-11-21T08:15:3:Z stdout F m", "202:-11-21T08:15:30Z stdout F m",
	} {
		e, ok := ParseCRI([]byte(line))
		assert.False(t, ok, line)
		assert.Zero(t, e, line)
	}
}

// Every time that Go's RFC3339Nano writes is read as Go reads it: containerd cuts
// zeros at the end of the fraction, CRI-O does not.
func TestParseTime(t *testing.T) {
	check := func(at time.Time, layout string) {
		s := at.Format(layout)
		ns, n, ok := parseTime([]byte(s + " x"))
		if !ok || n != len(s) || ns != uint64(at.UnixNano()) {
			t.Fatalf("%s: got %d, %d, %v, want %d, %d", s, ns, n, ok, at.UnixNano(), len(s))
		}
	}
	at := time.Unix(86400, 0).UTC()
	for i := 0; at.Year() < 2200; i++ {
		check(at, time.RFC3339Nano)
		check(at, "2006-01-02T15:04:05.000000000Z07:00")
		if at.Year() < 2199 {
			check(at.In(time.FixedZone("", (i%47-23)*1800)), "2006-01-02T15:04:05.000000000-07:00")
		}
		at = at.Add(23*time.Hour + 41*time.Minute + 7*time.Second + 123456789*time.Nanosecond)
	}
	for width := range 10 {
		at = time.Date(2026, 11, 21, 8, 15, 30, int(123456789/powers[width]*powers[width]), time.UTC)
		if width > 0 {
			check(at, "2006-01-02T15:04:05."+fmt.Sprintf("%0*d", width, 0)+"Z")
		}
		check(at, time.RFC3339Nano)
	}
}

func FuzzParseCRI(f *testing.F) {
	for _, s := range []string{
		"2026-11-21T08:15:30.123456789Z stdout F message", "2026-11-21T08:15:30.12Z stderr P piece",
		"2024-02-29T08:15:30+05:30 stdout F:x message", "2026-11-21T08:15:30.123456789-07:00 stdout F", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, ok := ParseCRI(line)
		if !ok {
			return
		}
		at, n, _ := parseTime(line)
		want, err := time.Parse(time.RFC3339Nano, string(line[:n]))
		require.NoError(t, err)
		require.Equal(t, uint64(want.UnixNano()), at)
		// Written again, it is the line.
		tag := "F"
		if e.Partial {
			tag = "P"
		}
		again := fmt.Sprintf("%s %s %s", line[:n], e.Stream, tag)
		if e.Tags != nil {
			again += ":" + string(e.Tags)
		}
		if len(again) < len(line) {
			again += " " + string(e.Content)
		}
		require.Equal(t, string(line), again)
	})
}
