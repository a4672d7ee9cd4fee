package lineframe_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
)

// show writes a frame so that a test reads like a list: text, then what is special.
func show(f lineframe.Frame) string {
	s := string(f.Data)
	if f.Framing == lineframe.Octets {
		s = "#" + s
	}
	if f.Cut {
		s += fmt.Sprintf(" [%d", f.Index)
		if f.Last {
			s += " last"
		}
		s += "]"
	}
	if f.Missing > 0 {
		s += fmt.Sprintf(" (%d missing)", f.Missing)
	}
	return s
}

func frames(tb testing.TB, src io.Reader, set lineframe.Settings) []lineframe.Frame {
	tb.Helper()
	var out []lineframe.Frame
	keep := func(f lineframe.Frame) {
		f.Data = bytes.Clone(f.Data)
		out = append(out, f)
	}
	r := lineframe.NewReader(src, set)
	defer r.Close()
	var f lineframe.Frame
	for {
		_, err := r.Fill()
		for r.Next(&f) {
			keep(f)
		}
		if err != nil {
			require.ErrorIs(tb, err, io.EOF)
			for r.Rest(&f) {
				keep(f)
			}
			require.Zero(tb, r.Buffered())
			return out
		}
	}
}

func shown(fs []lineframe.Frame) []string {
	out := []string{}
	for _, f := range fs {
		out = append(out, show(f))
	}
	return out
}

func TestFrames(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":                          {"", []string{}},
		"lines":                            {"a=1\nb=2\n", []string{"a=1", "b=2"}},
		"the last line has no end":         {"a=1\nb=2", []string{"a=1", "b=2"}},
		"CR LF":                            {"a=1\r\nb=2\r\n", []string{"a=1", "b=2"}},
		"CR LF at the end of the stream":   {"a=1\r", []string{"a=1"}},
		"CR alone is text":                 {"a\rb\nc\n", []string{"a\rb", "c"}},
		"NUL":                              {"a=1\x00b=2\x00", []string{"a=1", "b=2"}},
		"NUL and LF":                       {"a=1\x00\nb=2\n\x00c=3\x00", []string{"a=1", "b=2", "c=3"}},
		"blank lines hold nothing":         {"\n\r\n\n\x00\na=1\n\n", []string{"a=1"}},
		"blanks are no blank line":         {" \n\t\n", []string{" ", "\t"}},
		"octet count":                      {"9 <34>1 abc\n10 <34>1 abcd\n", []string{"#<34>1 abc", "#<34>1 abcd"}},
		"octet count without LF":           {"7 <34>1 a7 <34>1 b", []string{"#<34>1 a", "#<34>1 b"}},
		"octet count over several lines":   {"11 <34>1 a\nb\nc7 <34>1 b", []string{"#<34>1 a\nb\nc", "#<34>1 b"}},
		"octet count that counts the LF":   {"8 <34>1 a\n8 <34>1 b\n", []string{"#<34>1 a", "#<34>1 b"}},
		"octet count and LF beside it":     {"7 <34>1 a\n\n7 <34>1 b\n", []string{"#<34>1 a", "#<34>1 b"}},
		"digits and a blank are logfmt":    {"123 a=b\n12 <b\n7\n", []string{"123 a=b", "12 <b", "7"}},
		"a count that is none":             {"5 <1234>x\n5 <>x\n0 <1>x\n05 <1>x\n5  <1>x\n", []string{"5 <1234>x", "5 <>x", "0 <1>x", "05 <1>x", "5  <1>x"}},
		"a count shorter than its PRI":     {"3 <34>1 a\n", []string{"3 <34>1 a"}},
		"a count too large to be one":      {"123456789 <34>1\nb\n", []string{"123456789 <34>1", "b"}},
		"a count of many digits":           {strings.Repeat("9", 12) + " <3\nb\n", []string{strings.Repeat("9", 12) + " <3", "b"}},
		"a count too small":                {"7 <34>1 abc\n7 <34>1 b\n", []string{"#<34>1 a", "bc", "#<34>1 b"}},
		"a count past the end":             {"16 <34>1 abc\n", []string{"#<34>1 abc (6 missing)"}},
		"half a count":                     {"a\n20 <3", []string{"a", "20 <3"}},
		"lines and counts in one stream":   {"a=1\n7 <34>1 a<35>1 b\nc=2\n", []string{"a=1", "#<34>1 a", "<35>1 b", "c=2"}},
		"exactly the limit":                {"0123456789abcdef\nx\n", []string{"0123456789abcdef", "x"}},
		"exactly the limit and CR LF":      {"0123456789abcdef\r\nx\n", []string{"0123456789abcdef", "x"}},
		"one more than the limit":          {"0123456789abcdefg\nx\n", []string{"0123456789abcdef [0]", "g [1 last]", "x"}},
		"twice the limit":                  {"0123456789abcdef0123456789abcdef\r\nx\n", []string{"0123456789abcdef [0]", "0123456789abcdef [1 last]", "x"}},
		"a long line that does not end":    {"0123456789abcdef0123456789", []string{"0123456789abcdef [0]", "0123456789 [1 last]"}},
		"a piece that looks like a count":  {"0123456789abcdef5 <34>z\nx\n", []string{"0123456789abcdef [0]", "5 <34>z [1 last]", "x"}},
		"a long line and NUL":              {"0123456789abcdefg\x00x\n", []string{"0123456789abcdef [0]", "g [1 last]", "x"}},
		"no piece ends inside a character": {"0123456789abcdeé!\n", []string{"0123456789abcde [0]", "é! [1 last]"}},
		"nor inside one of four bytes":     {"0123456789abc😀!\n", []string{"0123456789abc [0]", "😀! [1 last]"}},
		"a character that just fits":       {"0123456789abcdé!\n", []string{"0123456789abcdé [0]", "! [1 last]"}},
		"bytes that are no UTF-8":          {"0123456789abcd\x80\x80\x80\x80\n", []string{"0123456789abcd\x80\x80 [0]", "\x80\x80 [1 last]"}},
		"a long octet-counted frame":       {"20 <34>1 0123456789abcd7 <34>1 b", []string{"#<34>1 0123456789 [0]", "#abcd [1 last]", "#<34>1 b"}},
		"one broken off after its piece":   {"90 <34>1 0123456789abcd", []string{"#<34>1 0123456789 [0]", "#abcd [1 last] (70 missing)"}},
		"one broken off at its very piece": {"90 <34>1 0123456789", []string{"#<34>1 0123456789 (74 missing)"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := lineframe.Settings{MaxLine: 16, ReadSize: 64}
			assert.Equal(t, tc.want, shown(frames(t, strings.NewReader(tc.in), set)), "read at once")
			assert.Equal(t, tc.want, shown(frames(t, iotest.OneByteReader(strings.NewReader(tc.in)), set)), "read byte by byte")
			assert.Equal(t, tc.want, shown(frames(t, iotest.DataErrReader(strings.NewReader(tc.in)), set)), "the end comes with the data")
			r := lineframe.NewBytesReader([]byte(tc.in), set)
			got := []string{}
			var f lineframe.Frame
			for r.Rest(&f) {
				got = append(got, show(f))
			}
			assert.Equal(t, tc.want, got, "in memory")
		})
	}
}

var octetsAhead = regexp.MustCompile(`^([1-9][0-9]{0,7}) <[0-9]{1,3}>`)

// naive is the package's comment once more, without buffers: the whole stream is
// at hand.
func naive(in string, maxLine int) []string {
	out := []string{}
	emit := func(prefix, text string, missing int) {
		index := 0
		for len(text) > maxLine {
			n := maxLine
			for splitsRune(text, n) {
				n--
			}
			out = append(out, fmt.Sprintf("%s%s [%d]", prefix, text[:n], index))
			text = text[n:]
			index++
		}
		if prefix != "" {
			text = strings.TrimRight(text, "\n\r\x00")
		}
		s := prefix + text
		if index > 0 {
			s += fmt.Sprintf(" [%d last]", index)
		}
		if missing > 0 {
			s += fmt.Sprintf(" (%d missing)", missing)
		}
		out = append(out, s)
	}
	for in != "" {
		if m := octetsAhead.FindStringSubmatch(in); m != nil {
			count, _ := strconv.Atoi(m[1])
			if pri := len(m[0]) - len(m[1]) - 1; pri <= count {
				in = in[len(m[1])+1:]
				text := in[:min(count, len(in))]
				in = in[len(text):]
				emit("#", text, count-len(text))
				continue
			}
		}
		line, rest, _ := strings.Cut(in, "\n")
		if i := strings.IndexByte(line, 0); i >= 0 {
			line, rest = in[:i], in[i+1:]
		}
		in = rest
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			emit("", line, 0)
		}
	}
	return out
}

// splitsRune says whether text[:at] ends with the beginning of a UTF-8 sequence
// that goes on in text[at:].
func splitsRune(text string, at int) bool {
	if utf8.RuneStart(text[at]) {
		return false
	}
	for back := 1; back < utf8.UTFMax; back++ {
		if utf8.RuneStart(text[at-back]) {
			return !utf8.FullRuneInString(text[at-back : at])
		}
	}
	return false
}

// FuzzFrames holds the reader against naive, for any stream, cut into reads in any
// way.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("a=1\nb=2\n"), uint64(1))
	f.Add([]byte("8 <34>1 a8 <34>1 b\nmsg=x\r\n"), uint64(2))
	f.Add([]byte("20 <34>1 0123456789abcd99 <34>1 b"), uint64(3))
	f.Add([]byte("0123456789abcdeé\x00\x00é€\xff\xff"), uint64(4))
	f.Add(bytes.Repeat([]byte("\n"), 200), uint64(5))
	f.Add([]byte(strings.Repeat("0123456789", 50)+"\n5 <3>ab"), uint64(6))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		set := lineframe.Settings{MaxLine: 16, ReadSize: 64}
		src := &choppy{data: in, rnd: rand.New(rand.NewPCG(seed, 0))}
		require.Equal(t, naive(string(in), 16), shown(frames(t, src, set)))
	})
}

// choppy returns its data in reads of random sizes, some of them empty.
type choppy struct {
	data []byte
	rnd  *rand.Rand
}

func (c *choppy) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.data[:min(len(c.data), c.rnd.IntN(40))])
	c.data = c.data[n:]
	return n, nil
}

// A reader that gets nothing from the budget cuts its line early, and loses nothing.
func TestBudget(t *testing.T) {
	budget := lineframe.NewBudget(100)
	set := lineframe.Settings{MaxLine: 1000, ReadSize: 64, Budget: budget}
	long := strings.Repeat("é", 200)
	used := int64(0)
	r := lineframe.NewReader(iotest.HalfReader(strings.NewReader("a=1\n"+long+"\n380 <13>"+long+"\nb=2\n")), set)
	var f lineframe.Frame
	var got []string
	text := map[lineframe.Framing]string{}
	for {
		_, err := r.Fill()
		for r.Next(&f) || err != nil && r.Rest(&f) {
			used = max(used, budget.Used())
			got = append(got, show(f))
			if f.Cut {
				text[f.Framing] += string(f.Data)
				require.True(t, utf8.Valid(f.Data))
			}
		}
		if err != nil {
			break
		}
	}
	assert.Equal(t, long, text[lineframe.Line])
	assert.Equal(t, "<13>"+long[:376], text[lineframe.Octets], "its count is too small")
	assert.Equal(t, "a=1", got[0])
	assert.Equal(t, "b=2", got[len(got)-1])
	assert.Greater(t, len(got), 5)
	assert.Positive(t, used)
	assert.LessOrEqual(t, used, int64(100))
	r.Close()
	assert.Zero(t, budget.Used())
}

// Once a long line is over, its memory is given back, even if the stream is never
// found empty.
func TestMemoryAfterALongLine(t *testing.T) {
	budget := lineframe.NewBudget(1 << 20)
	set := lineframe.Settings{MaxLine: 100_000, ReadSize: 1024, Budget: budget}
	src := strings.NewReader(strings.Repeat("x", 90_000) + "\n" + strings.Repeat(strings.Repeat("y", 99)+"\n", 100))
	r := lineframe.NewReader(src, set)
	var f lineframe.Frame
	grown := false
	for {
		_, err := r.Fill()
		for r.Next(&f) {
			continue
		}
		grown = grown || budget.Used() > 64_000
		if err != nil {
			break
		}
		if src.Len() < 5000 {
			require.Zero(t, budget.Used())
		}
	}
	assert.True(t, grown)
}

// Each byte is searched once, whatever ends the lines: a search for LF that began
// anew after each NUL would take minutes here.
func TestFarLineFeed(t *testing.T) {
	const size = 16 << 20
	for _, end := range []string{"", "\n"} {
		in := append(bytes.Repeat([]byte("a\x00"), size/2), end...)
		r := lineframe.NewBytesReader(in, lineframe.Settings{MaxLine: size})
		var f lineframe.Frame
		n := 0
		for r.Next(&f) {
			n++
		}
		assert.Equal(t, size/2, n)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestNoProgress(t *testing.T) {
	_, err := lineframe.NewReader(stuck{}, lineframe.Settings{}).Fill()
	require.ErrorIs(t, err, lineframe.ErrNoProgress)
}

func BenchmarkReader(b *testing.B) {
	line := strings.Repeat("x", 294) + "\n"
	const lines = 10_000
	in := []byte(strings.Repeat(line, lines))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r := lineframe.NewReader(bytes.NewReader(in), lineframe.Settings{})
		var f lineframe.Frame
		for {
			_, err := r.Fill()
			for r.Next(&f) {
				n++
			}
			if err != nil {
				break
			}
		}
	}
	if n != b.N*lines {
		b.Fatalf("%d lines, want %d", n, b.N*lines)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/line")
}
