package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// dice makes records of all shapes, from few enough words that queries find some.
type dice struct {
	*rand.Rand
	resources [][]record.Field
}

func newDice(seed uint64) *dice {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 7))}
	for range 5 {
		d.resources = append(d.resources, d.fields(d.IntN(4)))
	}
	return d
}

func pick[T any](d *dice, from ...T) T { return from[d.IntN(len(from))] }

func (d *dice) text() string {
	switch d.IntN(12) {
	case 0:
		return fmt.Sprintf("%08x-%04x-7abc-8def-%012x", d.IntN(8), d.IntN(3), d.IntN(8))
	case 1:
		return fmt.Sprintf("%032x", d.IntN(9)*0x1234567)
	case 2:
		return fmt.Sprintf("%016X", 0xab54a98ceb1f0ad2+uint64(d.IntN(9)))
	case 3:
		return pick(d, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "aGVsbG8gd29ybGQgdGltZW91dA==", "deadbeefdeadbeefcafe", "-0123456789abcdef-", "0123456789abcdef0")
	case 4:
		return pick(d, "", "a", "ÄÖÜ straße", "İstanbul", "\xff\xfebroken\xc3", "\x1b[31mred\x1b[0m <b>", "line\nbreak\u2028", "K")
	default:
		words := make([]string, 1+d.IntN(6))
		for i := range words {
			words[i] = pick(d, "timeout", "Connection", "refused", "faded", "GET", "/api/users", "ok", "facade", "500", "12345678901234567", "état", "user-42", "x")
		}
		return strings.Join(words, pick(d, " ", " ", "", "-"))
	}
}

func (d *dice) value(depth int) any {
	switch d.IntN(14) {
	case 0:
		return int64(d.IntN(600))
	case 1:
		return pick[any](d, int64(math.MaxInt64), int64(math.MinInt64), int64(1234567890123456), int64(-1234567890123456), int64(0))
	case 2:
		return pick[any](d, 0.5, 500.0, 1e15, 1e300, math.Inf(-1), 0.1234567890123456, 1.2345678901234567e-10, math.NaN(), math.Copysign(0, -1))
	case 3:
		return d.IntN(2) == 0
	case 4:
		return nil
	case 5:
		if depth > 2 {
			return d.text()
		}
		list := make([]any, d.IntN(3))
		for i := range list {
			list[i] = d.value(depth + 1)
		}
		return list
	case 6:
		if depth > 2 {
			return d.text()
		}
		members := map[string]any{}
		for range d.IntN(3) {
			members[d.text()] = d.value(depth + 1)
		}
		return members
	default:
		return d.text()
	}
}

func (d *dice) name() string {
	if d.IntN(40) == 0 {
		return fmt.Sprint("name", d.IntN(1000))
	}
	return pick(d, "path", "Path", "PATH", "status", "http.response.status_code", "fold.duration", "Event.Duration", "event.duration", "user id", "request.id", "Request.ID",
		"request.macro_id", "log.record.uid", "service.name", "host.name", "äöü", "ÄÖÜ", "tags", "k")
}

func (d *dice) fields(n int) []record.Field {
	fields := make([]record.Field, n)
	for i := range fields {
		fields[i] = record.Field{Name: d.name(), Value: d.value(0)}
	}
	return fields
}

func (d *dice) maybe(text string) string {
	if d.IntN(2) == 0 {
		return ""
	}
	return text
}

func (d *dice) record() record.Record {
	r := record.Record{
		Kind: record.Kind(d.IntN(2)), Time: start.Add(time.Duration(d.IntN(3600)) * time.Second), Severity: uint8(d.IntN(25)),
		SeverityText: d.maybe(pick(d, "ERR", "info")), Service: d.maybe(pick(d, "api", "API", "web", d.text())), Body: d.value(0), Event: d.maybe(d.text()),
		Request: d.maybe(d.text()), Macro: d.maybe(d.text()), Trace: d.maybe(fmt.Sprintf("%032x", d.IntN(20))), Span: d.maybe(fmt.Sprintf("%016x", d.IntN(99))),
		Parent: d.maybe("b7ad6b7169203331"), Status: record.Status(d.IntN(3)), UID: d.maybe(d.text()),
		Attributes: d.fields(d.IntN(7)), Resource: pick(d, d.resources...),
	}
	if d.IntN(50) == 0 {
		r.Time = pick(d, time.Time{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0), start.AddDate(0, 0, -3))
	}
	if r.HasDuration = d.IntN(3) == 0; r.HasDuration {
		r.Duration = time.Duration(d.IntN(2000)) * time.Millisecond
	}
	if d.IntN(3) == 0 {
		r.Attributes = append(r.Attributes, record.Field{Name: "request.id", Value: r.Request})
	}
	return r
}

func (d *dice) query(depth int) string {
	quote := func(s string) string {
		s = strings.ToValidUTF8(s, "")
		if d.IntN(3) == 0 || s == "" {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		}
		if d.IntN(3) == 0 && len(s) > 3 {
			s = strings.ToValidUTF8(s[:2]+"*"+s[len(s)-1:], "")
		}
		return query.Quote(s)
	}
	switch d.IntN(10) {
	case 0:
		if depth < 3 {
			return "(" + d.query(depth+1) + pick(d, " OR ", " ", " AND ") + d.query(depth+1) + ")"
		}
		fallthrough
	case 1:
		if depth < 3 {
			return pick(d, "-", "NOT ") + "(" + d.query(depth+1) + ")"
		}
		fallthrough
	case 2, 3:
		s := strings.ToValidUTF8(d.text(), "")
		if len(s) > 4 {
			from := d.IntN(len(s) - 3)
			s = strings.ToValidUTF8(s[from:from+3+d.IntN(len(s)-from-2)], "")
		}
		if s == "" {
			s = "timeout"
		}
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	case 4:
		return pick(d, "level>=error", "level:info", "level<warn", "level!=debug", "level:unset", "level:*", "kind:span", "kind:log", "level:17")
	case 5:
		return pick(d, "duration>500ms", "duration<1s", "duration:*", "duration:1.5ms", "status>=500", "status:500", "status!=500", "http.response.status_code<100", "k>0", "tags:500", "path>=12345678901234567")
	default:
		field := pick(d, "service", "request", "macro", "trace", "span", "parent", "uid", "event", "name", "body", "host", query.QuoteField(d.name()))
		if d.IntN(5) == 0 {
			return field + ":*"
		}
		value := d.text()
		if d.IntN(3) == 0 {
			if v := strings.ToValidUTF8(record.Text(d.value(0)), ""); v != "" {
				value = v
			}
		}
		if field == "trace" {
			value = fmt.Sprintf("%032x", d.IntN(20))
		}
		return field + pick(d, ":", "=", "!=") + quote(value)
	}
}

// twin is what the store should be, in memory.
type twin struct {
	records []record.Record
	lastID  uint64
}

func (w *twin) add(records []record.Record, now time.Time) {
	for _, r := range records {
		r.Attributes, r.Resource = slices.Clone(r.Attributes), slices.Clone(r.Resource)
		w.lastID++
		r.ID, r.Arrived = w.lastID, now
		normalise(&r)
		w.records = append(w.records, r)
	}
}

func (w *twin) find(q query.Query, r Range, oldest bool) (out []record.Record) {
	from, to := r.nanos()
	for i := range w.records {
		if at := w.records[i].Time.UnixNano(); from <= at && at < to && q.Match(&w.records[i]) {
			out = append(out, w.records[i])
		}
	}
	slices.SortFunc(out, func(a, b record.Record) int {
		c := cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		if !oldest {
			c = -c
		}
		return c
	})
	return out
}

// same compares records in all that they have, NaN and the types of values included.
func same(t *testing.T, want, got []record.Record, message string) {
	t.Helper()
	require.Len(t, got, len(want), message)
	for i := range want {
		if a, b := want[i].AppendBinary(nil), got[i].AppendBinary(nil); string(a) != string(b) {
			require.Equal(t, want[i], got[i], message)
			require.Equal(t, a, b, message)
		}
	}
}

func walk(t *testing.T, s *Store, q query.Query, r Range, oldest bool, limit int) (out []record.Record) {
	t.Helper()
	cursor := ""
	for range 100_000 {
		page, err := s.Records(t.Context(), q, r, oldest, limit, cursor)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Records), limit)
		out = append(out, page.Records...)
		if cursor = page.Next; cursor == "" {
			require.True(t, page.Complete)
			return out
		}
	}
	require.Fail(t, "the pages do not end")
	return nil
}

func TestModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			d := newDice(seed)
			now := start
			settings := Settings{Directory: t.TempDir(), blockRecords: pick(d, 7, 64, 300), Now: func() time.Time { return now }, FlushInterval: time.Hour}
			queries := 25
			if seed%2 == 0 {
				queries = 8
				settings.QueryTime = time.Nanosecond // a block for each call
			}
			s := open(t, settings)
			want := twin{lastID: s.lastID}
			for range 3 {
				for range 1 + d.IntN(5) {
					batch := make([]record.Record, 1+d.IntN(150))
					for i := range batch {
						batch[i] = d.record()
					}
					want.add(batch, now)
					require.Zero(t, s.Add(batch))
				}
				require.NoError(t, s.Flush(t.Context()))
				switch d.IntN(3) {
				case 0:
					require.NoError(t, s.Close())
					s = open(t, settings)
					want.lastID = s.lastID
				case 1: // a crash: another process sees what is on disk
					settings.Directory = copyDir(t, settings.Directory)
					s = open(t, settings)
					want.lastID = s.lastID
				}
				require.Empty(t, s.Stats().Damaged)
				same(t, want.find(query.Query{}, Range{}, true), walk(t, s, query.Query{}, Range{}, true, 1000), "all")
				for range queries {
					text := d.query(0)
					q, err := query.Parse(text)
					if err != nil {
						continue
					}
					r := Range{}
					if d.IntN(2) == 0 {
						r.From = start.Add(time.Duration(d.IntN(3600)) * time.Second)
					}
					if d.IntN(2) == 0 {
						r.To = start.Add(time.Duration(d.IntN(3600)) * time.Second)
					}
					oldest, limit := d.IntN(2) == 0, pick(d, 9, 99, 500, 1000)+d.IntN(20)
					if settings.QueryTime != 0 {
						limit += 300 // each page is many calls
					}
					same(t, want.find(q, r, oldest), walk(t, s, q, r, oldest, limit), text)
					if settings.QueryTime == 0 {
						sameCounts(t, d, &want, s, q, r)
					}
				}
			}
			one := want.records[d.IntN(len(want.records))]
			got, err := s.Record(context.Background(), one.ID)
			require.NoError(t, err)
			same(t, []record.Record{one}, []record.Record{got}, "one")
			stats := s.Stats()
			assert.Len(t, want.records, int(stats.Records+stats.Spans))
		})
	}
}

// sameCounts compares volume, facets and values with what counting gives.
func sameCounts(t *testing.T, d *dice, want *twin, s *Store, q query.Query, r Range) {
	t.Helper()
	step, buckets := time.Duration(1+d.IntN(600))*time.Second, 1+d.IntN(100)
	from := start.Add(time.Duration(d.IntN(1800)) * time.Second)
	volume, err := s.Volume(t.Context(), q, from, step, buckets)
	require.NoError(t, err)
	require.True(t, volume.Complete)
	levels, total := map[string][]int{}, 0
	for _, one := range want.find(q, Range{from, from.Add(step * time.Duration(buckets))}, true) {
		level := record.Level(one.Severity)
		if levels[level] == nil {
			levels[level] = make([]int, buckets)
		}
		levels[level][one.Time.Sub(from)/step]++
		total++
	}
	require.Equal(t, levels, volume.Levels, q.String())
	require.Equal(t, total, volume.Total)

	names := []string{"service", "level", "kind", "name", "duration", "request", "body", d.name(), d.name(), "host"}
	facets, counted, complete, err := s.Facets(t.Context(), q, r, names, 1000)
	require.NoError(t, err)
	require.True(t, complete)
	found := want.find(q, r, true)
	require.Equal(t, len(found), counted)
	for i, name := range names {
		counts := map[string]int{}
		field := query.FieldOf(name)
		for j := range found {
			if v, ok := field.Value(&found[j]); ok {
				counts[record.Text(v)]++
			}
		}
		require.Equal(t, Facet{Field: name, Values: top(counts, 1000)}, facets[i], q.String())
	}
}

func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, entry.Name()), data, 0o600))
	}
	return to
}
