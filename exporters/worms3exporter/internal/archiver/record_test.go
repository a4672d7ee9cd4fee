package archiver

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// formOf is a record as it is in the queue.
func formOf(r *Record) []byte {
	head, _ := appendHead(nil, nil, r)
	return append(head, r.Line...)
}

func TestRecordRoundTrip(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 34, 56, 789, time.UTC)
	for name, r := range map[string]Record{
		"all": {
			Rule:       Rule{"audit", objectstore.Compliance, 7 * 365 * 24 * time.Hour, "STANDARD_IA"},
			Hour:       time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
			Partitions: []archive.Partition{{Name: "service", Value: "../etc"}, {Name: "empty", Value: ""}},
			Encoding:   archive.EncodingJSON, Signal: Logs, Time: at, Arrival: at.Add(time.Second),
			Fingerprint: [16]byte{1, 2, 15: 3}, HasUID: true, RequestID: []byte("r"), TraceID: bytes.Repeat([]byte{7}, 16), MoreIDs: AppendID(AppendID(nil, "two"), "three"),
			Redactions: 12, Line: []byte(`{"a":1}`),
		},
		"least":       {Rule: Rule{Name: "a"}, Hour: time.Unix(0, 0).UTC(), Signal: Metrics, Line: []byte("x")},
		"before 1970": {Rule: Rule{Name: "a"}, Hour: time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC), Signal: Traces, Time: time.Unix(0, -1).UTC(), Line: []byte("x")},
	} {
		form := formOf(&r)
		var s stored
		require.NoError(t, parseRecord(form, &s), name)
		d, err := parseDestination(s.destination)
		require.NoError(t, err, name)
		got := Record{
			Rule: d.rule, Hour: d.hour, Partitions: d.partitions, Encoding: d.encoding, Signal: d.signal,
			Time: fromNanos(s.time), Arrival: fromNanos(s.arrival), Fingerprint: s.fingerprint, HasUID: s.hasUID,
			MoreIDs: s.moreIDs, Redactions: s.redactions, Line: s.line,
		}
		if len(s.requestID) > 0 {
			got.RequestID = s.requestID
		}
		if len(s.traceID) > 0 {
			got.TraceID = s.traceID
		}
		assert.Equal(t, r, got, name)
		known, ok := fingerprintOf(form)
		assert.Equal(t, r.HasUID, ok, name)
		assert.Equal(t, r.Fingerprint, known, name)
		for cut := range len(form) - len(r.Line) {
			require.Error(t, parseRecord(form[:cut], &s), "%s: the first %d bytes", name, cut)
		}
		form[0]++
		require.Error(t, parseRecord(form, &s), "another version")
		_, ok = fingerprintOf(form)
		assert.False(t, ok)
	}
}

func FuzzRecord(f *testing.F) {
	r := testRecord(1, "access")
	r.Partitions = []archive.Partition{{Name: "a", Value: "b"}}
	form := formOf(&r)
	f.Add(form)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s stored
		known, ok := fingerprintOf(data)
		if parseRecord(data, &s) != nil {
			return
		}
		require.Equal(t, s.hasUID, ok)
		require.Equal(t, s.fingerprint, known)
		d, err := parseDestination(s.destination)
		if err != nil {
			return
		}
		// What is read is written again, and read the same.
		again := formOf(&Record{
			Rule: d.rule, Hour: d.hour, Partitions: d.partitions, Encoding: d.encoding, Signal: d.signal,
			Time: fromNanos(s.time), Arrival: fromNanos(s.arrival), Fingerprint: s.fingerprint, HasUID: s.hasUID,
			RequestID: s.requestID, TraceID: s.traceID, MoreIDs: s.moreIDs, Redactions: s.redactions, Line: s.line,
		})
		var s2 stored
		require.NoError(t, parseRecord(again, &s2))
		d2, err := parseDestination(s2.destination)
		require.NoError(t, err)
		require.Equal(t, d, d2)
		require.Equal(t, []any{s.time, s.arrival, s.hasUID, s.fingerprint, s.redactions}, []any{s2.time, s2.arrival, s2.hasUID, s2.fingerprint, s2.redactions})
		require.True(t, bytes.Equal(s.line, s2.line) && bytes.Equal(s.requestID, s2.requestID) && bytes.Equal(s.traceID, s2.traceID) && bytes.Equal(s.moreIDs, s2.moreIDs))
	})
}

// TestTimesThatNanosecondsHold are those of whole years.
func TestTimesThatNanosecondsHold(t *testing.T) {
	for _, c := range []struct {
		at    time.Time
		holds bool
	}{
		{time.Time{}, false},
		{time.Date(1677, 12, 31, 23, 59, 59, 999_999_999, time.UTC), false},
		{time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{time.Date(1678, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)), false},
		{time.Date(1969, 12, 31, 23, 59, 59, 1, time.UTC), true},
		{time.Date(2261, 12, 31, 23, 59, 59, 999_999_999, time.UTC), true},
		{time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), false},
	} {
		if !c.holds {
			assert.EqualValues(t, noTime, nanos(c.at), c.at)
			continue
		}
		assert.Equal(t, c.at, fromNanos(nanos(c.at)))
	}
}

func TestTheHoursThatKeysCanSay(t *testing.T) {
	for at, want := range map[time.Time]bool{
		time.Date(0, 12, 31, 23, 0, 0, 0, time.UTC):    false,
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC):       true,
		time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC): true,
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC):   false,
	} {
		r := Record{Signal: Logs, Encoding: archive.EncodingJSON, Line: []byte("{}"), Rule: Rule{Name: "r", Mode: objectstore.Governance}, Hour: at}
		if err := r.check(); want {
			require.NoError(t, err, at)
		} else {
			require.ErrorContains(t, err, "hour", at)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, ids := range [][]spool.ID{nil, {1}, {1, 2, 3}, {5, 6, 9, 100, 101, 1 << 40}} {
		var r idRanges
		for _, id := range ids {
			r.add(id)
		}
		got, err := parseRanges(r.bytes())
		require.NoError(t, err)
		assert.Equal(t, ids, slices.Collect(got.all()))
		assert.EqualValues(t, len(ids), got.total)
	}
}

func FuzzJournal(f *testing.F) {
	var r idRanges
	r.add(3)
	r.add(9)
	for _, entry := range []struct {
		kind  entryKind
		v     any
		blobs [][]byte
	}{
		{kindSealed, sealedEntry{File: 1, Key: "k"}, [][]byte{r.bytes(), nil}},
		{kindEnd, endEntry{Number: 1, Event: archive.EventStart}, [][]byte{r.bytes()}},
		{kindCommit, commitEntry{Number: 1}, [][]byte{[]byte("m"), []byte("c")}},
		{kindHead, headEntry{Number: 1, Edge: [][]byte{{1}}}, nil},
		{kindUploaded, uploadedEntry{File: 1}, nil},
		{kindWindow, windowEntry{File: 1}, nil},
		{kindCount, countEntry{1}, nil},
	} {
		data, err := appendEntry(entry.kind, entry.v, entry.blobs...)
		require.NoError(f, err)
		s := &saved{uploaded: map[uint64]uploadedAt{}}
		require.NoError(f, s.add(1, data))
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		s := &saved{uploaded: map[uint64]uploadedAt{}}
		_ = s.add(1, data) // it neither panics nor takes more memory than its checksummed bytes say
	})
}

// TestVarintsAreThoseOfTheStandardLibrary, at every length and at the edges of each.
func TestVarintsAreThoseOfTheStandardLibrary(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	check := func(v int64) {
		want := binary.AppendVarint([]byte("x"), v)
		require.Equal(t, want, appendVarint([]byte("x"), v), v)
		for _, behind := range []string{"", "\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
			f := fields{rest: append(slices.Clone(want[1:]), behind...)}
			require.Equal(t, v, f.varint())
			require.False(t, f.failed)
			require.Equal(t, behind, string(f.rest))
		}
		f := fields{rest: want[1 : len(want)-1]}
		f.varint()
		require.True(t, f.failed, "%d without its end", v)
	}
	for shift := range 64 {
		for _, v := range []int64{1 << shift, 1<<shift - 1, -1 << shift, 1<<shift + 1, dice.Int64() >> shift} {
			check(v)
			check(^v)
		}
	}
	for range 10_000 {
		check(dice.Int64())
		check(1_700_000_000_000_000_000 + dice.Int64N(1<<60))
	}
	for n := range uint64(1 << 15) {
		f := fields{rest: binary.AppendUvarint(nil, n)}
		require.Equal(t, n, f.uvarint())
		require.Empty(t, f.rest)
	}
	f := fields{}
	f.uvarint()
	require.True(t, f.failed)
}
