package recorduid

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// TestNextIsRFC9562 has another implementation read what is made.
func TestNextIsRFC9562(t *testing.T) {
	s := NewSource()
	for range 1000 {
		u := s.Next(noon)
		got, err := uuid.Parse(u.String())
		require.NoError(t, err)
		assert.Equal(t, uuid.UUID(u), got)
		assert.Equal(t, uuid.Version(7), got.Version())
		assert.Equal(t, uuid.RFC4122, got.Variant())
		seconds, nanos := got.Time().UnixTime()
		assert.Equal(t, noon.UnixMilli(), seconds*1000+nanos/1e6)
		assert.Equal(t, got.String(), u.String())
	}
}

func TestNextGrows(t *testing.T) {
	s := NewSource()
	var last UUID
	now := noon
	for i := range 100_000 {
		switch i % 1000 {
		case 500:
			now = now.Add(3 * time.Millisecond)
		case 700:
			now = now.Add(-time.Hour) // a clock that is set back
		case 900:
			now = now.Add(time.Hour)
		}
		u := s.Next(now)
		if i > 0 && (bytes.Compare(u[:], last[:]) <= 0 || u.String() <= last.String()) {
			t.Fatalf("%s comes after %s", u, last)
		}
		last = u
	}
}

// TestNextOverflows holds that a full counter moves on to the next millisecond
// and still grows.
func TestNextOverflows(t *testing.T) {
	s := NewSource()
	first := s.Next(noon)
	s.counter = maxCounter - 1
	full := s.Next(noon)
	over := s.Next(noon)
	later := s.Next(noon)
	for i, pair := range [][2]UUID{{first, full}, {full, over}, {over, later}} {
		assert.Negative(t, bytes.Compare(pair[0][:], pair[1][:]), i)
	}
	assert.Equal(t, noon.UnixMilli()+1, s.last)
	assert.Equal(t, uint8(7), over[6]>>4)
	assert.Equal(t, uint8(0b10), over[8]>>6)
	// The first of the next millisecond goes on growing too.
	next := s.Next(noon.Add(time.Millisecond))
	assert.Negative(t, bytes.Compare(later[:], next[:]))
}

func TestNextOfAbsurdClocks(t *testing.T) {
	s := NewSource()
	early := s.Next(time.Unix(-1e15, 0))
	assert.Equal(t, make([]byte, 6), early[:6])
	late := s.Next(time.Unix(1e15, 0))
	assert.Equal(t, bytes.Repeat([]byte{0xff}, 6), late[:6])
	assert.Equal(t, uint8(7), late[6]>>4)
}

// TestSourcesDiffer makes many at one moment in two sources.
func TestSourcesDiffer(t *testing.T) {
	seen := map[UUID]bool{}
	for range 4 {
		s := NewSource()
		for range 50_000 {
			seen[s.Next(noon)] = true
		}
	}
	assert.Len(t, seen, 200_000)
}

func TestLogplex(t *testing.T) {
	const frame = "09C557EAFCFB6CF2740EE62F62971098"
	u := Logplex("d.fc6b856b", frame, 3)
	assert.Equal(t, u, Logplex("d.fc6b856b", frame, 3), "the same line sent again")
	got, err := uuid.Parse(u.String())
	require.NoError(t, err)
	assert.Equal(t, uuid.Version(8), got.Version())
	assert.Equal(t, uuid.RFC4122, got.Variant())
	// What is in a store must be known again by later releases.
	assert.Equal(t, "9a7c9a73-ad59-89db-ab6a-f9d7fa5251d0", u.String())

	seen := map[UUID]bool{}
	for _, x := range []struct {
		drain, frame string
		line         int
	}{
		{"d.fc6b856b", frame, 3},
		{"d.fc6b856b", frame, 4},
		{"d.fc6b856b", frame, 0},
		{"d.fc6b856b", frame, 31},
		{"", frame, 3},
		{"d.other", frame, 3},
		{"d.fc6b856b", "", 3},
		{"ab", "c", 1},
		{"a", "bc", 1},
		{"", "abc", 1},
		{"abc", "", 1},
		{"abc", "1", 1},
		{"abc", "", 11},
		{"1", "1", 1},
		{"", "1 1", 1},
		{strings.Repeat("x", 1000), "y", 0},
	} {
		seen[Logplex(x.drain, x.frame, x.line)] = true
	}
	assert.Len(t, seen, 16)
}

func TestAllocations(t *testing.T) {
	s := NewSource()
	buf := make([]byte, 0, TextLen)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		u := s.Next(noon)
		buf = u.AppendText(buf[:0])
	}))
	assert.Zero(t, testing.AllocsPerRun(100, func() { Logplex("d.fc6b856b", "09C557EAFCFB6CF2740EE62F62971098", 3) }))
}

func BenchmarkNext(b *testing.B) {
	s := NewSource()
	buf := make([]byte, 0, TextLen)
	b.ReportAllocs()
	for b.Loop() {
		u := s.Next(noon)
		buf = u.AppendText(buf[:0])
	}
}

func BenchmarkLogplex(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Logplex("d.fc6b856b-3f2e-4b3c-8f57-5a1d2c3b4a59", "09C557EAFCFB6CF2740EE62F62971098", 3)
	}
}
