package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// digitRecords have digits in all forms of columns.
func digitRecords(g *rand.Rand, n int) []record.Record {
	uuid := func(a, b uint64) string {
		return fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", uint32(a), uint16(a>>32), a>>48&0xfff, b&0xfff, b>>16)
	}
	requests, traces := make([]string, n/4), make([]string, n/4)
	for i := range requests {
		requests[i], traces[i] = uuid(g.Uint64(), g.Uint64()), fmt.Sprintf("%016x%016x", g.Uint64(), g.Uint64())
	}
	out := make([]record.Record, n)
	for i := range out {
		which := min(len(requests)-1, max(0, i/4+g.IntN(5)-2)) // those of several requests in turns
		out[i] = record.Record{
			Time: start.Add(time.Duration(i) * time.Second), Body: fmt.Sprintf("Order %d from 10.1.%d.%d, %s", g.IntN(1_000_000), g.IntN(16), g.IntN(250), []string{"A1F3C7", "façade", "ok"}[i%3]),
			Request: requests[which], Trace: traces[which], Span: fmt.Sprintf("%016x", g.Uint64()), UID: uuid(uint64(i), g.Uint64()),
			Attributes: []record.Field{
				{Name: "digit", Value: int64(g.IntN(10))},
				{Name: "elapsed", Value: float64(g.IntN(90_000)-9_000) / 1000},
				{Name: "exponent", Value: float64(g.IntN(1000)) / 1e7},
				{Name: "large", Value: float64(g.IntN(1_000_000_000)) / 10},
				{Name: "number", Value: int64(g.IntN(40_000) - 20_000)},
				{Name: "port", Value: int64(8080 + g.IntN(20))},
				{Name: "ratio", Value: g.Float64()},
				{Name: "wide", Value: int64(g.Uint64())},
				{Name: "worker", Value: "worker-" + strconv.Itoa(1000+g.IntN(8))},
			},
		}
		if i%7 == 0 {
			out[i].Trace, out[i].Attributes = "", append(out[i].Attributes, record.Field{Name: "worn", Value: g.Int64N(100) * (math.MaxInt64 / 99)})
		}
	}
	return out
}

// Parts of ids, numbers and addresses are found wherever they are, and nowhere else.
func TestDigits(t *testing.T) {
	g := rand.New(rand.NewPCG(5, 6))
	records := digitRecords(g, 2600)
	s := open(t, Settings{blockRecords: 1200, Now: func() time.Time { return start }})
	want := twin{lastID: s.lastID}
	want.add(records, start)
	require.Zero(t, s.Add(records))
	require.NoError(t, s.Flush(t.Context()))
	require.Len(t, s.blocks, 2)
	forms := map[byte]int{}
	r, err := newReader(s.blocks[0], s.decoder, &buffers{})
	require.NoError(t, err)
	for i := range r.places {
		if p := &r.places[i]; p.stored != storedCopy {
			forms[p.form]++
			if p.fixed == columnBody {
				assert.True(t, p.grams)
			}
		}
	}
	for _, form := range []byte{formDict, formText, formHex, formUUID, formInts, formFloats, formDecimals, formHexes, formUUIDs} {
		assert.NotZero(t, forms[form], "form %d", form)
	}
	texts := func(r *record.Record) (out []string) {
		out = append(out, r.Request, r.Trace, r.Span, r.UID, record.Text(r.Body))
		for i := range r.Attributes {
			out = append(out, record.Text(r.Attributes[i].Value))
		}
		return out
	}
	found := 0
	for range 400 {
		all := texts(&records[g.IntN(len(records))])
		text := all[g.IntN(len(all))]
		if text == "" {
			continue
		}
		from := g.IntN(len(text))
		part := text[from:min(len(text), from+1+g.IntN(12))]
		switch g.IntN(6) {
		case 0: // most are in none
			i := g.IntN(len(part))
			part = part[:i] + string("0123456789abcdef.-"[g.IntN(18)]) + part[i+1:]
		case 1:
			if i := g.IntN(len(part)); !strings.ContainsAny(part, " ,:") {
				part = strings.Trim(part[:i], "-.") + "*" + strings.Trim(part[i:], "-.")
			}
		}
		phrase := query.Quote(part)
		if !strings.Contains(part, "*") {
			phrase = `"` + part + `"`
		} else if strings.Trim(part, "*") == "" {
			continue
		}
		q := parse(t, phrase)
		matches := want.find(q, Range{}, true)
		page, err := s.Records(t.Context(), q, Range{}, true, len(records), "")
		require.NoError(t, err)
		same(t, matches, page.Records, phrase)
		found += len(matches)
	}
	assert.Greater(t, found, 5_000)
}

// The text of a decimal is that of its float.
func TestTextsOfDecimals(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 1))
	plain := 0
	for range 200_000 {
		scale := 1 + g.IntN(len(powers)-1)
		n := g.Int64N(int64(math.Pow10(1+g.IntN(15)))) - 500
		v := float64(n) / powers[scale]
		if got, ok := decimal(v, scale); !ok || got != n {
			require.Zero(t, n, "%d / 10^%d", n, scale)
		}
		if isPlain(n, int64(powers[scale])) {
			plain++
			require.Equal(t, record.Text(v), string(appendDecimal(nil, n, scale)))
		} else {
			require.Contains(t, record.Text(v), "e")
		}
	}
	assert.Greater(t, plain, 50_000)
	// Of more digits there may be two decimals next to one float.
	for range 100_000 {
		v := float64(1e15+g.Int64N(1<<53-1e15)) / powers[g.IntN(len(powers))]
		for scale := range powers {
			if n, ok := decimal(v, scale); ok && isPlain(n, int64(powers[scale])) {
				require.Equal(t, record.Text(v), string(appendDecimal(nil, n, scale)))
			}
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Copysign(0, -1), math.Pi, 1e300, 5e-324, 1 << 54} {
		for scale := range powers {
			_, ok := decimal(v, scale)
			require.False(t, ok, "%v", v)
		}
	}
}

// Texts whose numbers are in the filter are not read for others, and those that have too many are.
func TestDigitsThatNoTextHas(t *testing.T) {
	for _, grams := range []bool{true, false} {
		dir := t.TempDir()
		s := open(t, Settings{Directory: dir, blockRecords: 600, Now: func() time.Time { return start }})
		records := make([]record.Record, 600)
		for i := range records {
			h := uint64(i+1) * 0x9e3779b97f4a7c15
			if records[i].Body = fmt.Sprint("order ", 100_000+i); !grams {
				records[i].Body = fmt.Sprintf("order %d %016x%016x", 100_000+i, h, h*h*h)
			}
		}
		require.Zero(t, s.Add(records))
		require.NoError(t, s.Flush(t.Context()))
		require.Len(t, s.blocks, 1)
		r, err := newReader(s.blocks[0], s.decoder, &buffers{})
		require.NoError(t, err)
		place := r.places[r.fixed[columnBody]]
		require.EqualValues(t, formText, place.form)
		require.Equal(t, grams, place.grams)
		count := func(text string) int {
			page, err := s.Records(t.Context(), parse(t, text), Range{}, true, 1000, "")
			require.NoError(t, err)
			return len(page.Records)
		}
		assert.Equal(t, 1, count("100417"))
		require.Empty(t, s.Stats().Damaged)

		path := filepath.Join(dir, s.blocks[0].segment.name())
		stored, err := os.ReadFile(path)
		require.NoError(t, err)
		stored[s.blocks[0].offset+int64(place.offset)+9] ^= 1
		require.NoError(t, os.WriteFile(path, stored, 0o600))
		assert.Zero(t, count("777777"))
		assert.Equal(t, grams, len(s.Stats().Damaged) == 0)
		s.answers = answerCache{}
		assert.Zero(t, count("100418"))
		assert.NotEmpty(t, s.Stats().Damaged)
	}
}

// Numbers alone: nothing else has their digits.
func TestDigitsOfNumbers(t *testing.T) {
	var integers, floats, tenths, mixed []record.Record
	for i := range 600 {
		integers = append(integers, record.Record{Attributes: []record.Field{{Name: "n", Value: int64(i - 300)}}})
		floats = append(floats, record.Record{Attributes: []record.Field{{Name: "f", Value: 12345678.12 + float64(i)}}})
		tenths = append(tenths, record.Record{Attributes: []record.Field{{Name: "f", Value: float64(123_456+i) / 10}}})
		value := any(int64(54321 + i%3))
		if i%2 == 0 {
			value = "user 65432"
		}
		mixed = append(mixed, record.Record{Attributes: []record.Field{{Name: "m", Value: value}}})
	}
	floats[599].Attributes[0].Value = 1.5
	checkExact(t, integers, map[string]int{"0": 96, "00": 5, "100": 2, "29": 26, "299": 2, "99": 6, "300": 1, "2999": 0, "1*0": 42})
	checkExact(t, floats, map[string]int{"234567812": 1, "1.5": 1, "e+07": 599, "99999999": 0})
	checkExact(t, tenths, map[string]int{"5.6": 6, "5.67": 0, "12345.6": 1, ".6": 60})
	checkExact(t, mixed, map[string]int{"54322": 100, "65432": 300, "98765": 0})
}

func TestGrams(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		text := make([]byte, g.IntN(40))
		for i := range text {
			text[i] = "0123456789abcdef.-0123456789abcdef.-g /\xc3:"[g.IntN(20+2*g.IntN(11))]
		}
		var got, want []string
		for gram := range grams(text) {
			part := ""
			for range gramSize {
				part = string("0123456789abcdef-."[gram%gramSymbols]) + part
				gram /= gramSymbols
			}
			got = append(got, part)
		}
		for i := range max(0, len(text)-gramSize+1) {
			if part := string(text[i : i+gramSize]); strings.Trim(part, "0123456789abcdef.-") == "" {
				want = append(want, part)
			}
		}
		require.Equal(t, want, got, "%q", text)
	}
	// What a column has too many of is forgotten, not taken as if it were there.
	var f filterBuilder
	f.beginGrams()
	for i := range 2 * maxColumnGrams {
		f.add(strconv.Itoa(10_000 + 7*i))
	}
	f.add("12345")
	require.False(t, f.endGrams())
	f.beginGrams()
	f.add("10002")
	require.True(t, f.endGrams())
	f.beginGrams()
	for i := range 2 * maxColumnGrams {
		f.add(strconv.Itoa(10_000 + 7*i))
	}
	require.False(t, f.endGrams())
	f.beginGrams()
	f.add("10002")
	f.add(strconv.Itoa(10_000 + 7*maxColumnGrams))
	require.True(t, f.endGrams())
	assert.Len(t, f.grams, 2)
	f.reset()
	assert.Equal(t, filterBuilder{grams: f.grams[:0], fold: f.fold}.hasGram, f.hasGram)
}
