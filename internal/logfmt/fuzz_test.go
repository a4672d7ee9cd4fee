package logfmt

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

var allOptions = []Options{
	{Infer, Last},
	{Infer, First},
	{Infer, List},
	{Strings, Last},
	{Strings, List},
}

// cloned are copies of pairs that outlive the parser's next call.
func cloned(pairs []Pair) []Pair {
	pairs = slices.Clone(pairs)
	for i := range pairs {
		pairs[i].Key, pairs[i].Value = strings.Clone(pairs[i].Key), strings.Clone(pairs[i].Value)
	}
	return pairs
}

func seeds() []string {
	seeds := []string{
		"", " ", "\t", "a", "a=", "=", "==", `"`, `""`, `""=`, `"a`, `a="`, `a="\`, `a="\"`, "a=1\n", "a=1\r\n", "a\x00b=\x01",
		"a=1 b=2 a=3", `a=1 "a"=2 a a= a="x\ny"`, `k="v"k="v"`, `k="v"="w"`, `a b=c"d e"f g`, `{"a":"b c"}`, `j={"a":1} n=5`,
		`a="\u00e9\ud83d\ude00\x1b\U0001f600\a\v\/\'"`, `a="\ud83d" b="\ud83d\u0041" c="\udc00\ud800" d="\u12" e="\xff" f="\q" g="\U00110000"`,
		"caf\xc3\xa9=caf\xc3\xa9 x=\xff\xfe \xc3", "a=\xe2\x80\xa8 b=\u00a0", "a!=b! !c=! d!e", "long_key_of_more_than_8=long_value_of_more_than_8",
		"a=1\tb=2 \t c=3", "n=007 m=-0 o=1.50 p=1.5 q=9223372036854775807 r=9223372036854775808 s=-9223372036854775808 t=1e+21 u=1e21 v=1e-7 w=0.000001 x=0.1000000000000000055 y=true z=false",
		"f=123456789012.345 g=0.30000000000000004 h=5e-324 i=1.7976931348623157e+308 j=1e+400 k=-1.5",
		strings.Repeat("k=v ", 70), strings.Repeat(`k="a\nb" `, 5),
	}
	for _, l := range lines() {
		seeds = append(seeds, l.line)
	}
	var many strings.Builder
	for i := range 150 {
		fmt.Fprintf(&many, "k%d=%d ", i%97, i)
	}
	return append(seeds, many.String())
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	parsers := make([]*Parser, len(allOptions))
	for i, o := range allOptions {
		parsers[i] = NewParser(o)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 8<<10 {
			return // the reference is quadratic
		}
		for i, o := range allOptions {
			checkParse(t, parsers[i], o, line)
		}
	})
}

func checkParse(t *testing.T, p *Parser, o Options, line string) {
	t.Helper()
	// With place for none, some or all pairs, which are read by other ways.
	got, err := p.AppendPairs(make([]Pair, 0, len(line)%(2*maxSmall)), line)
	if len(got) == 0 {
		got = nil
	}
	want, wantErr := reference(line, o)
	if wantErr == nil {
		require.NoErrorf(t, err, "%q", line)
	} else {
		require.Equalf(t, error(wantErr), err, "%q", line)
	}
	require.Equalf(t, want, got, "%q %+v", line, o)

	checkAccounted(t, line, o)
	for _, pair := range got {
		checkTyped(t, pair)
		if err == nil {
			require.Truef(t, utf8.ValidString(pair.Key) && utf8.ValidString(pair.Value), "%q", line)
		}
	}

	got = cloned(got)
	if err == nil && o.Types == Infer {
		again, err := NewParser(o).AppendPairs(nil, string(AppendPairs(nil, got)))
		require.NoErrorf(t, err, "%q", line)
		require.Equalf(t, withoutFlag(got, flagVolatile), withoutFlag(again, flagVolatile), "%q", line)
	}

	// What stands before the error doesn't depend on what follows it.
	if wantErr != nil && o.Duplicates == First {
		before, _ := p.AppendPairs(nil, line[:wantErr.Column-1])
		if n := len(before) - 1; n > 0 {
			require.GreaterOrEqual(t, len(got), n)
			require.Equalf(t, before[:n], got[:n], "%q", line)
		}
	}
}

func withoutFlag(pairs []Pair, f linepair.Flags) []Pair {
	pairs = slices.Clone(pairs)
	for i := range pairs {
		pairs[i].Flags &^= f
	}
	return pairs
}

// checkTyped says that a typed value writes back the text it was read from.
func checkTyped(t *testing.T, p Pair) {
	t.Helper()
	switch p.Kind {
	case String:
		assert.Zero(t, p.Bits)
	case Int:
		assert.Equal(t, p.Value, strconv.FormatInt(p.Int(), 10))
	case Float:
		assert.Equal(t, p.Value, FormatFloat(p.Float()))
		text, err := json.Marshal(p.Float())
		require.NoError(t, err)
		assert.Equal(t, p.Value, string(text))
	case Bool:
		if p.Bare() {
			assert.True(t, p.Bool())
			assert.Empty(t, p.Value)
		} else {
			assert.Equal(t, p.Value, strconv.FormatBool(p.Bool()))
		}
	default:
		t.Fatal(p.Kind)
	}
}

// checkAccounted says that each byte of the line is in a key or value, or is a
// blank, the '=' after a key or a quote around a text, by going through the line
// along the texts. Keys are made different first, lest pairs be dropped or moved.
func checkAccounted(t *testing.T, line string, o Options) {
	t.Helper()
	line = strings.TrimRight(line, "\r\n")
	p := NewParser(o)
	pairs, _ := p.AppendPairs(nil, line)
	if raw, _ := reference(line, Options{o.Types, First}); len(raw) != len(pairs) {
		return
	}
	if list, _ := reference(line, Options{o.Types, List}); len(list) != len(pairs) {
		return
	}
	begin := uintptr(unsafe.Pointer(unsafe.StringData(line)))
	at := 0
	skip := func(set string) {
		for at < len(line) && strings.IndexByte(set, line[at]) >= 0 {
			at++
		}
	}
	text := func(s string, volatile bool) {
		if s == "" {
			if strings.HasPrefix(line[at:], `""`) {
				at += 2
			} else if line[at:] == `"` {
				at++
			}
			return
		}
		quoted := at < len(line) && line[at] == '"'
		if quoted {
			at++
		}
		from := uintptr(unsafe.Pointer(unsafe.StringData(s))) - begin
		if from >= uintptr(len(line)) {
			require.Truef(t, volatile && quoted, "%q: a text from elsewhere", line)
			for ; line[at] != '"'; at++ {
				if line[at] == '\\' {
					at++
				}
			}
		} else {
			require.Equalf(t, at, int(from), "%q: the place of %q", line, s)
			at += len(s)
		}
		if quoted && at < len(line) && line[at] == '"' {
			at++
		}
	}
	for _, pair := range pairs {
		skip(" \t")
		text(pair.Key, pair.Volatile())
		if !pair.Bare() {
			require.Equalf(t, byte('='), line[at], "%q at %d", line, at)
			at++
			text(pair.Value, pair.Volatile())
		}
	}
	skip(" \t")
	require.Equalf(t, len(line), at, "%q: the rest", line)
}

func FuzzEncode(f *testing.F) {
	f.Add("key", "value", int64(5), 1.5)
	f.Add("", "", int64(math.MinInt64), math.Inf(1))
	f.Add("a b", "a\"b\\c\nd\x1b\u2028", int64(-1), math.NaN())
	f.Add("true", "true", int64(math.MaxInt64), 1e21)
	f.Add("5", "5", int64(0), math.Copysign(0, -1))
	f.Add("=", "1.5", int64(0), 5e-324)
	f.Add("\xff", "\xff", int64(0), 123456789.0)
	f.Add(`\`, `\`, int64(0), 1e-6)
	f.Fuzz(func(t *testing.T, key, value string, n int64, x float64) {
		in := []Pair{
			StringPair(key+"1", value), IntPair(key+"2", n), FloatPair(key+"3", x), BoolPair(key+"4", true), BoolPair(key+"5", false),
			BarePair(key + "6"), StringPair("1"+key, key), StringPair(key, strconv.FormatFloat(x, 'g', -1, 64)), StringPair(key+"7", strconv.FormatInt(n, 10)),
		}
		line := string(AppendPairs(nil, in))
		require.NotContains(t, line, "\n")
		out, err := NewParser(Options{Duplicates: List}).AppendPairs(nil, line)
		require.Lenf(t, out, len(in), "%q", line)
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			require.Errorf(t, err, "%q", line)
			return
		}
		require.NoErrorf(t, err, "%q", line)
		if text := FormatFloat(x); !strings.ContainsAny(text, ".e") {
			in[2] = StringPair(key+"3", text)
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
				in[2] = IntPair(key+"3", n)
				require.InDelta(t, x, float64(n), 0)
			}
		}
		require.Equalf(t, refUnite(in, List), withoutFlag(out, flagVolatile), "%q", line)
	})
}
