package logfmt

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the expectations in testdata anew, to be read before they are committed")

// show is pairs as tests write them: kind, key and value, of bare keys only the
// key.
func show(pairs []Pair) []string {
	out := []string{}
	for _, p := range pairs {
		if p.Bare() {
			out = append(out, "bare "+p.Key)
			continue
		}
		out = append(out, p.Kind.String()+" "+p.Key+"="+p.Value)
	}
	return out
}

type testLine struct {
	line string
	want []string
}

func lines() []testLine {
	l := func(line string, want ...string) testLine { return testLine{line, append([]string{}, want...)} }
	return []testLine{
		l(``),
		l("  \t "),
		l("\r\n"),
		l(`at=info method=GET path="/search?q=a b" host=shop.example.com dyno=web.1 connect=1ms status=200 bytes=13 cached`,
			"string at=info", "string method=GET", "string path=/search?q=a b", "string host=shop.example.com",
			"string dyno=web.1", "string connect=1ms", "int status=200", "int bytes=13", "bare cached"),
		// The table of the format document, row by row.
		l(`tag`, "bare tag"),
		l(`k=`, "string k="),
		l(`k= v`, "string k=", "bare v"),
		l(`k=""`, "string k="),
		l(`k=v`, "string k=v"),
		l("k=v\n", "string k=v"),
		l(`url=http://x?a=b k== k2=a==`, "string url=http://x?a=b", "string k==", "string k2=a=="),
		l(`msg=don't k='a'`, "string msg=don't", "string k='a'"),
		l(`k="a b=c"`, "string k=a b=c"),
		l(`json={"a":1}`, `string json={"a":1}`),
		l(`"two words"=v "tag with blanks" ""=v`, "string two words=v", "bare tag with blanks", "string =v"),
		l(`""`, "bare "),
		l(`path=C:\new a\b=\`, `string path=C:\new`, `string a\b=\`),
		l(`sample#memory_rss=21.22MB measure.elapsed=5 tag#region=eu f%^asdf`,
			"string sample#memory_rss=21.22MB", "int measure.elapsed=5", "string tag#region=eu", "bare f%^asdf"),
		l(`a=1, b=2`, "string a=1,", "int b=2"),
		l("\ta=1\t\tb=2 \t tag\tc=3\t", "int a=1", "int b=2", "bare tag", "int c=3"),
		l("k=\"a\tb\"", "string k=a\tb"),
		l("k=\"\u00e9\" ключ=значение a\u00a0b=\u2028 c=\u0085\x7f", "string k=\u00e9", "string ключ=значение", "string a\u00a0b=\u2028", "string c=\u0085\x7f"),
		l(`Server started on port 80!`, "bare Server", "bare started", "bare on", "bare port", "bare 80!"),
		l(`a!=b! !=! wow=!`, "string a!=b!", "string !=!", "string wow=!"),
		l(`k="\ud83d\ude00" "\u006b\n"=x`, "string k=\U0001f600", "string k\n=x"),
		l(`k="\"\\\/\'\b\f\n\r\t\a\v\x1b\x00\x7F\u00e9\uABCD\U0001f600"`, "string k=\"\\/'\b\f\n\r\t\a\v\x1b\x00\x7f\u00e9\uabcd\U0001f600"),
		// Types.
		l(`a=true b=false c=True d=yes e=truer f=fals t`,
			"bool a=true", "bool b=false", "string c=True", "string d=yes", "string e=truer", "string f=fals", "bare t"),
		l(`a=0 b=-17 c=9223372036854775807 d=-9223372036854775808`,
			"int a=0", "int b=-17", "int c=9223372036854775807", "int d=-9223372036854775808"),
		l(`a=99.99 b=-0.5 c=1e-7 d=1.5e+21 e=123456789012.345 f=0.000001 g=0.30000000000000004 h=5e-324 i=-1.7976931348623157e+308 j=1700000000.12345`,
			"float a=99.99", "float b=-0.5", "float c=1e-7", "float d=1.5e+21", "float e=123456789012.345", "float f=0.000001",
			"float g=0.30000000000000004", "float h=5e-324", "float i=-1.7976931348623157e+308", "float j=1700000000.12345"),
		l(`zip="12345" yes="true" half="0.5"`, "string zip=12345", "string yes=true", "string half=0.5"),
	}
}

// Texts that look like a number or boolean and stay strings, since the value
// would be written otherwise.
var stringsAll = strings.Fields(`007 00 -07 +5 -0 -0.0 +0.5 1_000 1,000 0x1f 0b1 0o7 1e5 1E-7 1e+5 1e21 1e-07 1.0e-7 10e-8 1. .5 -.5 1.0 99.90 0.50 00.5 01.5 1..5 1.5.
	9223372036854775808 -9223372036854775809 18446744073709551616 100000000000000000000000000000000000 1700000000.123456789 0.1000000000000000055
	0.0000001 0.0 0.00 0.00000 1e400 1e-400 -1e400 NaN nan Inf +Inf -Inf inf Infinity -Infinity null nil none t f T F TRUE False tru truee fals
	18ms 21.00MB 1.2.3 10.0.0.1 2026-11-21T08:33:12Z 8601b555-6a83-4c12-8269-97c8e32cdb22 - -- -a 1- 1e 1e+ 0.1e 1.e5 -1e 12345678901234567890 -12345678901234567890
	3.14159265358979323846 123456789012345678.5 0x1p-2 1_0.5 ١٢٣ 1٢`)

func TestLines(t *testing.T) {
	p := NewParser(Options{})
	for _, l := range lines() {
		pairs, err := p.AppendPairs(nil, l.line)
		require.NoErrorf(t, err, "%q", l.line)
		assert.Equalf(t, l.want, show(pairs), "%q", l.line)
	}
}

func TestLooksLikeNumber(t *testing.T) {
	p := NewParser(Options{})
	for _, text := range stringsAll {
		pairs, err := p.AppendPairs(nil, "k="+text)
		require.NoErrorf(t, err, "%q", text)
		assert.Equalf(t, []string{"string k=" + text}, show(pairs), "%q", text)
		kind, _ := refInfer(text)
		assert.Equalf(t, String, kind, "the reference on %q", text)
	}
}

// All that infer looks at by itself is tried against strconv and encoding/json.
func TestInferAgainstLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	check := func(text string) {
		kind, value := infer(text)
		wantKind, wantValue := refInfer(text)
		if kind != wantKind || value != wantValue {
			t.Fatalf("%q: %v %x, want %v %x", text, kind, value, wantKind, wantValue)
		}
	}
	for range 200_000 {
		n := r.Uint64() >> r.IntN(64)
		check(strconv.FormatInt(int64(n), 10))
		check(strconv.FormatUint(n, 10))
		f := float64(int64(n)) / powersOfTen[r.IntN(len(powersOfTen))]
		// As many digits as are just exact, or just not.
		m := strconv.FormatUint(1<<51+n>>r.IntN(13), 10)
		for _, places := range []int{1, 3, 6, 9, 15} {
			check(m[:len(m)-places] + "." + m[len(m)-places:])
			check("0." + strings.Repeat("0", places) + m)
		}
		check(FormatFloat(f))
		check(strconv.FormatFloat(f, 'f', r.IntN(18), 64))
		check(strconv.FormatFloat(f, 'e', -1, 64))
		b := make([]byte, 1+r.IntN(20))
		for i := range b {
			b[i] = "0123456789000.-+e"[r.IntN(17)]
		}
		check(string(b))
	}
}

func TestStringsMode(t *testing.T) {
	pairs, err := NewParser(Options{Types: Strings}).AppendPairs(nil, `a=1 b=true c=1.5 tag d= e="x"`)
	require.NoError(t, err)
	assert.Equal(t, []string{"string a=1", "string b=true", "string c=1.5", "bare tag", "string d=", "string e=x"}, show(pairs))
	assert.Equal(t, Bool, pairs[3].Kind)
	assert.True(t, pairs[3].Bool())
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		line   string
		column int
		cause  Cause
		want   []string
	}{
		{`a=1 m="x y`, 7, UnterminatedQuote, []string{"int a=1", "string m=x y"}},
		{`a=1 m="x\"y\`, 7, UnterminatedQuote, []string{"int a=1", `string m=x\"y\`}},
		{`m="`, 3, UnterminatedQuote, []string{"string m="}},
		{`"a=1 b=2`, 1, UnterminatedQuote, []string{"bare a=1 b=2"}},
		{`m="x\qy" b=1`, 5, InvalidEscape, []string{`string m=x\qy`, "int b=1"}},
		{`m="C:\new\qa\"" b=1`, 10, InvalidEscape, []string{`string m=C:\new\qa\"`, "int b=1"}},
		{`m="\x80"`, 4, InvalidEscape, []string{`string m=\x80`}},
		{`m="\x1"`, 4, InvalidEscape, []string{`string m=\x1`}},
		{`m="\u12g4"`, 4, InvalidEscape, []string{`string m=\u12g4`}},
		{`m="\U00110000"`, 4, InvalidEscape, []string{`string m=\U00110000`}},
		{`m="\U0000d800"`, 4, InvalidEscape, []string{`string m=\U0000d800`}},
		{`m="\101"`, 4, InvalidEscape, []string{`string m=\101`}},
		{`m="\ud83d" b=1`, 4, LoneSurrogate, []string{`string m=\ud83d`, "int b=1"}},
		{`m="\ud83d\u0041"`, 4, LoneSurrogate, []string{`string m=\ud83d\u0041`}},
		{`m="a\ude00\ud83d"`, 5, LoneSurrogate, []string{`string m=a\ude00\ud83d`}},
		{`m="\ud83d\u12"`, 4, LoneSurrogate, []string{`string m=\ud83d\u12`}},
		{`m="x"y=1`, 6, TextAfterQuote, []string{"string m=x", "int y=1"}},
		{`m="x""y"`, 6, TextAfterQuote, []string{"string m=x", "bare y"}},
		{`m="x"="y"`, 6, TextAfterQuote, []string{"string m=x", "string =y"}},
		{`"k"v=1`, 4, TextAfterQuote, []string{"bare k", "int v=1"}},
		{`a"b=1`, 2, QuoteInKey, []string{`int a"b=1`}},
		{`{"level":"info","n":5}`, 2, QuoteInKey, []string{`bare {"level":"info","n":5}`}},
		{`a=b"c d"`, 4, UnbalancedQuote, []string{`string a=b"c`, `bare d"`}},
		{`a=b"c"d"e`, 8, UnbalancedQuote, []string{`string a=b"c"d"e`}},
		{`size=5" n=1`, 7, UnbalancedQuote, []string{`string size=5"`, "int n=1"}},
		{`=x b=1`, 1, MissingKey, []string{"string =x", "int b=1"}},
		{`a = b`, 3, MissingKey, []string{"bare a", "string =", "bare b"}},
		{`=="x`, 1, MissingKey, []string{`string =="x`}},
		{"a=b\x1bc d", 4, ControlCharacter, []string{"string a=b\x1bc", "bare d"}},
		{"a=\x00", 3, ControlCharacter, []string{"string a=\x00"}},
		{"\x1b[36mINFO\x1b[0m x=1", 1, ControlCharacter, []string{"bare \x1b[36mINFO\x1b[0m", "int x=1"}},
		{"a=1\nb=2", 4, ControlCharacter, []string{"string a=1\nb=2"}},
		{"m=\"a\nb\\n\" c=1", 5, ControlCharacter, []string{"string m=a\nb\n", "int c=1"}},
		{"a=\xff", 3, InvalidUTF8, []string{"string a=\xff"}},
		{"a=1 b\xc3\x28=2", 6, InvalidUTF8, []string{"int a=1", "int b\xc3\x28=2"}},
		{"a=\"\xed\xa0\x80\\n\"", 4, InvalidUTF8, []string{"string a=\xed\xa0\x80\n"}},
		{"a=\"\xff b=1", 3, UnterminatedQuote, []string{"string a=\xff b=1"}},
		{"a=\xff b=\"", 3, InvalidUTF8, []string{"string a=\xff", "string b="}},
	} {
		pairs, err := NewParser(Options{}).AppendPairs(nil, c.line)
		assert.Equalf(t, c.want, show(pairs), "%q", c.line)
		assert.Equalf(t, &SyntaxError{c.column, c.cause}, err, "%q", c.line)
	}
	require.EqualError(t, &SyntaxError{7, UnterminatedQuote}, "logfmt: column 7: the quote is never closed")
	seen := map[string]bool{}
	for c := UnterminatedQuote; c <= InvalidUTF8; c++ {
		assert.NotContains(t, c.String(), "Cause(")
		seen[c.String()] = true
	}
	assert.Len(t, seen, int(InvalidUTF8))
}

func TestDuplicates(t *testing.T) {
	const line = `a=1 b=2 a=3 "a"=4 c b= a`
	for policy, want := range map[Duplicates][]string{
		Last:  {"bare a", "string b=", "bare c"},
		First: {"int a=1", "int b=2", "bare c"},
		List:  {"int a=1", "int a=3", "int a=4", "bare a", "int b=2", "string b=", "bare c"},
	} {
		before := []Pair{StringPair("a", "of another line")}
		p := NewParser(Options{Duplicates: policy})
		pairs, err := p.AppendPairs(before, line)
		require.NoError(t, err)
		assert.Equal(t, "of another line", pairs[0].Value)
		assert.Equal(t, want, show(pairs[1:]))
		for _, left := range p.seen.pairs[:cap(p.seen.pairs)] {
			assert.Equal(t, Pair{}, left, "the parser keeps no line alive")
		}
	}
}

// Lines from a small alphabet in which everything special is frequent, against
// the reference.
func TestRandomLines(t *testing.T) {
	words := []string{
		`=`, `=`, `"`, `"`, ` `, ` `, "\t", `\`, `\"`, `\n`, `\u00e9`, `\ud83d`, `\ude00`, `\x1b`, `\q`, `!`, `#`, `'`, "\x00", "\x1f", "\n", "\x7f", "\u00e9", "\xff", "\xc3",
		`a`, `b`, `ab`, `k=v`, `k="v"`, `k=5`, `k=1.5`, `true`, `007`, `-1`, `longer_than_eight`, `exactly8`, `another word `, `a=1 `, `b=2 `, `"x y"`,
	}
	r := rand.New(rand.NewPCG(7, 8))
	parsers := make([]*Parser, len(allOptions))
	for i, o := range allOptions {
		parsers[i] = NewParser(o)
	}
	n := 20_000
	if testing.Short() {
		n = 2000
	}
	for round := range n {
		var b strings.Builder
		for range r.IntN(4 + round%40) {
			b.WriteString(words[r.IntN(len(words))])
		}
		k := r.IntN(len(allOptions))
		checkParse(t, parsers[k], allOptions[k], b.String())
	}
}

// A byte that is no UTF-8, a control character, and one that means something, at
// each place of each line: nothing is looked at in one kind of text only.
func TestEachPlace(t *testing.T) {
	p := NewParser(Options{})
	for _, l := range lines() {
		for i := range len(l.line) {
			for _, c := range []string{"\xff", "\x01", "=", `"`, " ", `\`, "\t", "!"} {
				line := l.line[:i] + c + l.line[i:]
				checkParse(t, p, Options{}, line)
			}
		}
	}
}

// Each length around the eight bytes of a word, at each place in a line.
func TestLengths(t *testing.T) {
	p := NewParser(Options{Duplicates: List})
	for k := range 20 {
		for v := range 20 {
			for _, form := range []string{"%s=%s", `%s="%s"`, `"%s"=%s`, "%s %s", " %s=%s ", "x=1 %s=%s", "%s=%s y"} {
				line := fmt.Sprintf(form, strings.Repeat("k", k), strings.Repeat("v", v))
				checkParse(t, p, Options{Duplicates: List}, line)
			}
		}
	}
}

func TestVolatile(t *testing.T) {
	p := NewParser(Options{})
	pairs, err := p.AppendPairs(nil, `plain=text quoted="a text" escaped="a\tb" "k\n"=v tag`)
	require.NoError(t, err)
	var volatile []string
	for _, pair := range pairs {
		if pair.Volatile() {
			volatile = append(volatile, pair.Key)
		}
	}
	assert.Equal(t, []string{"escaped", "k\n"}, volatile)

	kept := cloned(pairs)
	_, err = p.AppendPairs(nil, `escaped="\u0041\u0042\u0043\u0044\u0045"`)
	require.NoError(t, err)
	assert.Equal(t, "a\tb", kept[2].Value)
	assert.NotEqual(t, "a\tb", pairs[2].Value, "the parser's memory is used again, as Volatile says")
	assert.Equal(t, "a text", pairs[1].Value)
}

// Many decoded texts in one line, so that the parser's memory grows while earlier
// texts are in use; and what is not volatile is part of the line.
func TestDecodedTextsOfOneLine(t *testing.T) {
	var line strings.Builder
	for i := range 500 {
		fmt.Fprintf(&line, `k%d="%s\n" `, i, strings.Repeat("x", i))
	}
	p := NewParser(Options{})
	for range 3 {
		pairs, err := p.AppendPairs(nil, line.String())
		require.NoError(t, err)
		runtime.GC()
		for i, pair := range pairs {
			require.True(t, pair.Volatile())
			require.Equal(t, strings.Repeat("x", i)+"\n", pair.Value)
		}
		assert.LessOrEqual(t, cap(p.scratch), maxKept)
	}
}

// The parser only reads lines: with -race, a write would be seen. Its texts stay
// valid when the line is only referred to by them.
func TestLineIsSharedAndKeptAlive(t *testing.T) {
	shared := strings.Clone(`at=info n=5 msg="two words" esc="\n" tag url=http://x?a=b long_key_name=` + strings.Repeat("v", 100))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			p := NewParser(Options{})
			var pairs []Pair
			for range 200 {
				var err error
				pairs, err = p.AppendPairs(pairs[:0], shared)
				if err != nil || len(pairs) != 7 {
					t.Errorf("%d pairs, %v", len(pairs), err)
				}
			}
		})
	}
	wg.Wait()

	var all [][]Pair
	p := NewParser(Options{})
	for i := range 1000 {
		pairs, err := p.AppendPairs(nil, fmt.Sprintf("i=%d text=%s end=", i, strings.Repeat("x", i%50)))
		require.NoError(t, err)
		all = append(all, pairs)
	}
	runtime.GC()
	for i, pairs := range all {
		require.Equal(t, int64(i), pairs[0].Int())
		require.Equal(t, strings.Repeat("x", i%50), pairs[1].Value)
	}
}

func TestNoAllocation(t *testing.T) {
	line := `at=info method=GET path="/search?q=a b" host=shop.example.com dyno=web.1 connect=1ms status=200 bytes=13.5 cached=true msg="say \"hi\" \u00e9" utf=é -n=-5 at=error tag`
	var many strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&many, "k%d=%d ", i%900, i)
	}
	for _, o := range allOptions {
		p := NewParser(o)
		pairs := make([]Pair, 0, 32)
		buf := make([]byte, 0, 64<<10)
		for name, f := range map[string]func(){
			"parse": func() {
				var err error
				if pairs, err = p.AppendPairs(pairs[:0], line); err != nil || len(pairs) < 13 {
					t.Fatal(err, len(pairs))
				}
			},
			"many": func() {
				var err error
				if pairs, err = p.AppendPairs(pairs[:0], many.String()); err != nil || len(pairs) < 900 {
					t.Fatal(err, len(pairs))
				}
			},
			"write": func() { buf = AppendPairs(buf[:0], pairs) },
		} {
			f()
			assert.Zerof(t, testing.AllocsPerRun(100, f), "%s %+v", name, o)
		}
	}
}

// A line with very many keys takes time and memory in proportion, whatever the
// keys, and leaves no large memory behind.
func TestManyKeys(t *testing.T) {
	const n = 100_000
	different := new(strings.Builder)
	same := new(strings.Builder)
	collide := new(strings.Builder)
	for i := range n {
		fmt.Fprintf(different, "%x ", i)
		same.WriteString("a=1 ")
		// The cheap hash sees the first and last eight bytes only.
		fmt.Fprintf(collide, "prefix__%06x__suffix ", i)
	}
	for _, o := range allOptions {
		p := NewParser(o)
		for _, c := range []struct {
			line string
			want int
		}{{different.String(), n}, {collide.String(), n}, {same.String(), 1}} {
			pairs, err := p.AppendPairs(nil, c.line)
			require.NoError(t, err)
			want := c.want
			if o.Duplicates == List {
				want = n
			}
			require.Len(t, pairs, want)
		}
		assert.LessOrEqual(t, cap(p.seen.big)*4, maxKept)
		assert.LessOrEqual(t, cap(p.seen.keys)*8, maxKept)
		assert.LessOrEqual(t, cap(p.seen.places)*4, maxKept)
		assert.LessOrEqual(t, cap(p.seen.pairs)*int(unsafe.Sizeof(Pair{})), maxKept)
	}
}

// A key that was decoded is in the parser's memory, also when its value comes from a
// later pair that is not.
func TestRepeatOfADecodedKey(t *testing.T) {
	const key = `"\u0061 key"`
	for _, other := range []int{1, 2 * maxSmall} {
		var text strings.Builder
		text.WriteString(key + "=1")
		for i := range other {
			fmt.Fprintf(&text, " k%d=x", i)
		}
		text.WriteString(` "a key"=2`)
		line := text.String()
		pairs, err := NewParser(Options{}).AppendPairs(nil, line)
		require.NoError(t, err)
		require.Len(t, pairs, 1+other)
		assert.Equal(t, "a key", pairs[0].Key)
		assert.Equal(t, "2", pairs[0].Value)
		assert.Equal(t, Int, pairs[0].Kind)
		if !pairs[0].Volatile() {
			inLine := uintptr(unsafe.Pointer(unsafe.StringData(pairs[0].Key))) - uintptr(unsafe.Pointer(unsafe.StringData(line)))
			assert.Less(t, inLine, uintptr(len(line)), "%d other keys: a key outside of the line is marked as volatile", other)
		}
	}
}

// Around the number of pairs at which the table changes, with each kind of
// duplicates, and keys that share a slot.
func TestDuplicatesAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	parsers := make([]*Parser, len(allOptions))
	for i, o := range allOptions {
		parsers[i] = NewParser(o)
	}
	for range 300 {
		var words []string
		keys := 1 + r.IntN(100)
		for i := range 2 + r.IntN(2*maxSmall) {
			words = append(words, fmt.Sprintf("prefix__%d__suffix=%d", r.IntN(keys), i))
		}
		line := strings.Join(words, " ")
		for i, o := range allOptions {
			got, err := parsers[i].AppendPairs(nil, line)
			require.NoError(t, err)
			want, _ := reference(line, o)
			require.Equal(t, want, got)
		}
	}
}

// Lines of many pairs, of every form, with keys of every length that return in other orders
// or the same: what few pairs have in common, the slots and the large table are held to the
// reference.
func TestLongLinesAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	parsers := make([]*Parser, len(allOptions))
	for i, o := range allOptions {
		parsers[i] = NewParser(o)
	}
	form := func(key string) string {
		value := "0123456789abcdefghij"[:r.IntN(20)]
		switch r.IntN(40) {
		case 10:
			return key + "=a!" + value
		case 11:
			return key + "=a\"b\"" + value
		case 12:
			if r.IntN(100) == 0 {
				return key + "=v" + []string{"\x01", "\xff", "\""}[r.IntN(3)] + value
			}
		case 0:
			return key
		case 1:
			return key + "=\"" + value + " \""
		case 2:
			return key + "=\"" + value + "\\n\""
		case 3:
			return "\"" + key + "\"=" + value
		case 4:
			return "\"\\u0061" + key + "\"=" + value
		case 5:
			return key + "=\u00e9" + value
		case 6:
			return key + "==" + value + "\t "
		}
		return key + "=" + value[:r.IntN(len(value)+1)]
	}
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for range rounds {
		keys := make([]string, 1+r.IntN(200))
		for i := range keys {
			keys[i] = fmt.Sprintf("%.*s%d", r.IntN(3)*r.IntN(6), "prefix__of", r.IntN(300))
		}
		var words []string
		for n := 1 + r.IntN(400); len(words) < n; {
			from := r.IntN(len(keys))
			for range 1 + r.IntN(len(keys)) {
				words = append(words, form(keys[from]))
				from = (from + 1) % len(keys)
			}
		}
		line := strings.Join(words, " ")
		for i, o := range allOptions {
			got, err := parsers[i].AppendPairs(make([]Pair, 0, r.IntN(500)), line)
			want, wantErr := reference(line, o)
			if wantErr == nil {
				require.NoErrorf(t, err, "%q", line)
			} else {
				require.Equalf(t, error(wantErr), err, "%q", line)
			}
			// The key's first pair may say for a later one, too, that it is volatile.
			require.Equalf(t, withoutFlag(want, flagVolatile), withoutFlag(got, flagVolatile), "%q %+v", line, o)
			for k := range want {
				require.Truef(t, got[k].Volatile() || !want[k].Volatile(), "%q %+v %d", line, o, k)
			}
		}
	}
}

func TestInvalidUTF8FarBehind(t *testing.T) {
	before := strings.Repeat("k=v ", 2*maxSmall)
	pairs, err := NewParser(Options{}).AppendPairs(nil, before+"k=\xff "+before)
	require.Equal(t, &SyntaxError{len(before) + 3, InvalidUTF8}, err)
	assert.Len(t, pairs, 1)
}

// Each place at which two or more of a few pairs can have the same key.
func TestFewPairs(t *testing.T) {
	for _, o := range allOptions {
		p := NewParser(o)
		for i := range 4 * 4 * 4 * 4 {
			var words []string
			for k := range 4 {
				words = append(words, fmt.Sprintf("%c=%d", 'a'+i>>(2*k)&3, k))
			}
			for n := range 5 {
				checkParse(t, p, o, strings.Join(words[:n], " "))
			}
		}
	}
}

// What the table of the line before holds beyond its own keys means nothing, also where the
// next key is looked for, after the last one has come again at the end of a part.
func TestNothingLeftOfALongLine(t *testing.T) {
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("k%d", i))
	}
	p := NewParser(Options{})
	for _, last := range []int{0, maxSmall - 2} {
		again := slices.Insert(slices.Clone(keys), last+1, keys[last])
		pairs := make([]Pair, 0, 2*len(keys))
		for _, line := range [][]string{keys, again} {
			pairs, err := p.AppendPairs(pairs, strings.Join(line, " "))
			require.NoError(t, err)
			require.Len(t, pairs, len(keys))
		}
	}
}

// Two keys with one hash are two keys.
func TestEqualHashes(t *testing.T) {
	long := strings.Repeat("x", 20)
	var table keyTable
	table.begin(maxSmall)
	pairs := []Pair{{Key: "a", Bits: 5}, {Key: "bb", Bits: 5}, {Key: long}, {Key: "c"}, {Key: "bb", Bits: 5, Value: "v"}}
	pairs[3].Bits = table.hash(&pairs[2])
	require.Equal(t, 4, table.uniteMany(pairs, 0, Last))
	assert.Equal(t, "v", pairs[1].Value)
}

// A line that begins with long pairs has more keys than were expected by them.
func TestMoreKeysThanExpected(t *testing.T) {
	var text strings.Builder
	for i := range maxSmall {
		fmt.Fprintf(&text, "long%d=%s ", i, strings.Repeat("x", 500))
	}
	want := maxSmall
	for i := range 3000 {
		fmt.Fprintf(&text, "%x=%d ", i, i)
		want++
		if i%3 == 0 {
			fmt.Fprintf(&text, "%x=again ", i/2)
		}
	}
	for _, o := range allOptions {
		p := NewParser(o)
		pairs, err := p.AppendPairs(nil, text.String())
		require.NoError(t, err)
		expected, _ := reference(text.String(), o)
		require.Equal(t, expected, pairs)
		if o.Duplicates != List {
			require.Len(t, pairs, want)
		}
	}
}

// The slots carry the number of the line they were written for. It starts again
// at some time, when all slots are cleared.
func TestLineNumberStartsAgain(t *testing.T) {
	p := NewParser(Options{})
	_, err := p.AppendPairs(nil, "a=1 b=2 c d e") // has the number 1
	require.NoError(t, err)
	p.seen.line = 1<<24 - 3
	for i := range 6 {
		// First other keys; then, with the number 1 again, the same keys at other
		// places: what was left from the first line would mislead.
		line, want := "v=1 w x y z", []string{"int v=1", "bare w", "bare x", "bare y", "bare z"}
		if i >= 2 {
			line, want = "b=1 b=2 a=3", []string{"int b=2", "int a=3"}
		}
		pairs, err := p.AppendPairs(nil, line)
		require.NoError(t, err)
		require.Equal(t, want, show(pairs))
	}
	assert.Less(t, p.seen.line, uint32(10))
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		pair Pair
		want string
	}{
		{StringPair("k", "v"), `k=v`},
		{StringPair("k", ""), `k=`},
		{StringPair("k", "two words"), `k="two words"`},
		{StringPair("k", "a=b"), `k="a=b"`},
		{StringPair("k", `say "hi" \o/`), `k="say \"hi\" \\o/"`},
		{StringPair("k", `C:\new`), `k=C:\new`},
		{StringPair("k", "a\nb\rc\td\x00\x1b\x7f\u009b\u2028\u2029\u0085"), `k="a\nb\rc\td\u0000\u001b\u007f\u009b\u2028\u2029\u0085"`},
		{StringPair("k", "\x7f"), `k="\u007f"`},
		{StringPair("k", "\x01"), `k="\u0001"`},
		{StringPair("k", "\u009b"), `k="\u009b"`},
		{StringPair("k", "\u2028"), `k="\u2028"`},
		{StringPair("k", "\u2029"), `k="\u2029"`},
		{StringPair("k", "\u00a0\ufeff\ufffd"), "k=\u00a0\ufeff\ufffd"},
		{StringPair("k", "don't"), `k=don't`},
		{StringPair("k", "ключ 😀"), `k="ключ 😀"`},
		{StringPair("k", "ключ😀"), `k=ключ😀`},
		{StringPair("k", "a\xffb"), `k="a\xffb"`},
		{StringPair("k", "5"), `k="5"`},
		{StringPair("k", "-5"), `k="-5"`},
		{StringPair("k", "0.5"), `k="0.5"`},
		{StringPair("k", "true"), `k="true"`},
		{StringPair("k", "007"), `k=007`},
		{StringPair("k", "1.0"), `k=1.0`},
		{StringPair("k", "true story"), `k="true story"`},
		{IntPair("k", -5), `k=-5`},
		{FloatPair("k", 0.5), `k=0.5`},
		{FloatPair("k", 1e-7), `k=1e-7`},
		{FloatPair("k", 1e21), `k=1e+21`},
		{FloatPair("k", 3), `k=3`},
		{BoolPair("k", true), `k=true`},
		{BoolPair("k", false), `k=false`},
		{BarePair("k"), `k`},
		{BarePair("two words"), `"two words"`},
		{BarePair(""), `""`},
		{StringPair("", "v"), `""=v`},
		{StringPair("a=b", "v"), `"a=b"=v`},
		{StringPair("5", "v"), `5=v`},
		{StringPair("true", "v"), `true=v`},
		{Pair{Key: "k", Value: "by hand"}, `k="by hand"`},
	} {
		assert.Equalf(t, c.want, string(AppendPair(nil, c.pair)), "%+v", c.pair)
		assert.Equalf(t, "x=1 "+c.want, string(AppendPair([]byte("x=1"), c.pair)), "%+v", c.pair)
		assert.Equalf(t, "x=1\n"+c.want, string(AppendPair([]byte("x=1\n"), c.pair)), "%+v", c.pair)
	}
}

func TestPair(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(Pair{}), uintptr(48))
	for _, p := range []Pair{StringPair("k", "7"), IntPair("k", 7), FloatPair("k", 7.5), BoolPair("k", true), BarePair("k")} {
		assert.Equal(t, map[Kind]int64{Int: 7}[p.Kind], p.Int())
		assert.InDelta(t, map[Kind]float64{Float: 7.5}[p.Kind], p.Float(), 0)
		assert.Equal(t, p.Kind == Bool, p.Bool())
		assert.False(t, p.Volatile())
	}
	assert.Equal(t, "Kind(9)", Kind(9).String())
	assert.Equal(t, "Cause(99)", Cause(99).String())
}

func readTestdata(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(b)
}

// golden compares lines of text with a file of testdata.
func golden(t *testing.T, name string, got []string) {
	t.Helper()
	text := strings.Join(got, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("testdata/"+name, []byte(text), 0o600))
	}
	assert.Equal(t, readTestdata(t, name), text)
}

// dump is a parsed line as the golden files hold it.
func dump(line string, pairs []Pair, err error) []string {
	out := []string{strconv.Quote(line)}
	for _, p := range pairs {
		if p.Bare() {
			out = append(out, "  "+strconv.Quote(p.Key))
		} else {
			out = append(out, fmt.Sprintf("  %q %s %q", p.Key, p.Kind, p.Value))
		}
	}
	if err != nil {
		out = append(out, "  ! "+err.Error())
	}
	return append(out, "")
}

// The field's own lines, as its articles print them.
func TestFieldLines(t *testing.T) {
	p := NewParser(Options{})
	var got []string
	for line := range strings.Lines(readTestdata(t, "field.log")) {
		line = strings.TrimSuffix(line, "\n")
		pairs, err := p.AppendPairs(nil, line)
		require.NoError(t, err)
		got = slices.Concat(got, dump(line, pairs, err))
	}
	golden(t, "field.want", got)
}
