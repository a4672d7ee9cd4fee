package jsonline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// show writes pairs in one line: what an object holds in {}, an array in [].
func show(pairs []linepair.Pair) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i++ {
		p := pairs[i]
		if i > 0 {
			b.WriteByte(' ')
		}
		if p.Key != "" {
			b.WriteString(p.Key + "=")
		}
		switch p.Kind {
		case linepair.Object:
			b.WriteString("{" + show(pairs[i+1:i+1+p.Size()]) + "}")
		case linepair.Array:
			b.WriteString("[" + show(pairs[i+1:i+1+p.Size()]) + "]")
		case linepair.Int:
			fmt.Fprintf(&b, "int(%d)", p.Int())
		case linepair.Float:
			fmt.Fprintf(&b, "float(%s)", strconv.FormatFloat(p.Float(), 'g', -1, 64))
		case linepair.Bool:
			b.WriteString(strconv.FormatBool(p.Bool()))
		case linepair.Null:
			b.WriteString("null")
		default:
			b.WriteString(strconv.Quote(p.Value))
		}
		i += p.Size()
	}
	return b.String()
}

func TestAppendPairs(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		pairs, err := NewParser(Options{}).AppendPairs(nil, line)
		require.NoError(t, err, line)
		assert.Equal(t, want, show(pairs), line)
	}
	f(`{}`, ``)
	f(" {\t}\r\n", ``)
	f(`{"level":"info","user":{"id":7},"tags":["a","b"]}`, `level="info" user={id=int(7)} tags=["a" "b"]`)
	f(` { "a" : 1 , "b" : [ ] , "c" : { } } `, `a=int(1) b=[] c={}`)
	f(`{"a":true,"b":false,"c":null}`, `a=true b=false c=null`)
	f(`{"a":[[],[[]],{"b":[{}]}],"c":1}`, `a=[[] [[]] {b=[{}]}] c=int(1)`)
	f(`{"":""}`, `""`)

	// Strings.
	f(`{"a":"\"\\\/\b\f\n\r\t"}`, `a="\"\\/\b\f\n\r\t"`)
	f(`{"a":"\u00e9\u20ac\ud83d\ude00"}`, `a="é€😀"`)
	f(`{"\u0061":"x\ud83d"}`, `a="x�"`)
	f(`{"a":"\ude00\ud83d"}`, `a="��"`)
	f(`{"a":"\ud83d\u0041"}`, `a="�A"`)
	f(`{"a":"\u0000"}`, `a="\x00"`)
	f(`{"a":"é😀"}`, `a="é😀"`)
	f(`{"a":"{\"b\":1}"}`, `a="{\"b\":1}"`)

	// Numbers.
	f(`{"a":0,"b":-1,"c":9223372036854775807,"d":-9223372036854775808}`,
		`a=int(0) b=int(-1) c=int(9223372036854775807) d=int(-9223372036854775808)`)
	f(`{"a":9223372036854775808}`, `a="9223372036854775808"`)
	f(`{"a":-9223372036854775809}`, `a="-9223372036854775809"`)
	f(`{"a":12345678901234567890}`, `a="12345678901234567890"`)
	f(`{"a":10000000000000000000000}`, `a=float(1e+22)`)
	f(`{"a":99.99,"b":1.10,"c":0.1,"d":-2.50}`, `a=float(99.99) b=float(1.1) c=float(0.1) d=float(-2.5)`)
	f(`{"a":1.0,"b":0.0,"c":-0.0,"d":-0}`, `a=float(1) b=float(0) c=float(-0) d=float(-0)`)
	f(`{"a":1e3,"b":1E+3,"c":1.5e-3,"d":0e9}`, `a=float(1000) b=float(1000) c=float(0.0015) d=float(0)`)
	f(`{"a":1e400,"b":1e-400,"c":-1e400}`, `a="1e400" b="1e-400" c="-1e400"`)
	f(`{"a":5e-324,"b":1.7976931348623157e308}`, `a=float(5e-324) b=float(1.7976931348623157e+308)`)
	f(`{"a":0.30000000000000004,"b":1763712930.123456789}`, `a=float(0.30000000000000004) b="1763712930.123456789"`)
	f(`{"a":0.12345678901234567890}`, `a="0.12345678901234567890"`)
	f(`{"a":1e99999999999}`, `a="1e99999999999"`)
	f(`{"a":`+strings.Repeat("1", 100)+`}`, `a="`+strings.Repeat("1", 100)+`"`)

	// Duplicates.
	f(`{"a":1,"b":2,"a":3}`, `b=int(2) a=int(3)`)
	f(`{"a":{"x":1},"b":{"c":1,"c":[2,3]},"a":{"y":{}}}`, `b={c=[int(2) int(3)]} a={y={}}`)
	f(`{"a":1,"\u0061":2}`, `a=int(2)`)
	f(`{"a":{"a":1},"b":{"a":1}}`, `a={a=int(1)} b={a=int(1)}`)
	f(`{"a":[{"a":1,"a":2},{"a":1}]}`, `a=[{a=int(2)} {a=int(1)}]`)
}

func TestFirstOfDuplicates(t *testing.T) {
	p := NewParser(Options{FirstOfDuplicates: true})
	pairs, err := p.AppendPairs(nil, `{"a":{"x":1},"b":{"c":1,"c":[2,3]},"a":{"y":{}}}`)
	require.NoError(t, err)
	assert.Equal(t, `a={x=int(1)} b={c=int(1)}`, show(pairs))
}

func TestManyKeys(t *testing.T) {
	var line strings.Builder
	line.WriteByte('{')
	for i := range 1000 {
		fmt.Fprintf(&line, `"key%d":%d,`, i%900, i)
	}
	line.WriteString(`"z":{}}`)
	pairs, err := NewParser(Options{}).AppendPairs(nil, line.String())
	require.NoError(t, err)
	require.Len(t, pairs, 901)
	assert.Equal(t, "key100", pairs[0].Key)
	assert.Equal(t, int64(999), pairs[899].Int())
}

func TestSyntaxError(t *testing.T) {
	f := func(line string, column int, cause Cause, left string) {
		t.Helper()
		pairs, err := NewParser(Options{}).AppendPairs(nil, line)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, line)
		assert.Equal(t, SyntaxError{Column: column, Cause: cause}, *syntax, line)
		assert.Equal(t, left, show(pairs), line)
		assert.Equal(t, fmt.Sprintf("json: column %d: %s", column, cause), err.Error())
		assert.NotContains(t, cause.String(), "Cause(")
	}
	f(``, 1, NotObject, ``)
	f(`  [1]`, 3, NotObject, ``)
	f(`null`, 1, NotObject, ``)
	f(`{`, 2, UnexpectedEnd, ``)
	f(`{"a":1`, 7, UnexpectedEnd, ``) // perhaps 12
	f(`{"a":1,`, 8, UnexpectedEnd, `a=int(1)`)
	f(`{"a":"b"`, 9, UnexpectedEnd, `a="b"`)
	f(`{"a"`, 5, UnexpectedEnd, ``)
	f(`{"a":`, 6, UnexpectedEnd, ``)
	f(`{"a":"b","c":{"d":1,"e":[`, 26, UnexpectedEnd, `a="b"`)
	f(`{"a":{"b":1},"c":{"d":"e`, 23, UnterminatedString, `a={b=int(1)}`)
	f(`{"a":"b`, 6, UnterminatedString, ``)
	f(`{"a":"b\`, 6, UnterminatedString, ``)
	f(`{"a":"b\"`, 6, UnterminatedString, ``)
	f(`{"a`, 2, UnterminatedString, ``)
	f(`{"a":"\x41"}`, 7, InvalidEscape, ``)
	f(`{"a":"\u12g4"}`, 7, InvalidEscape, ``)
	f(`{"a":"\u12`, 7, InvalidEscape, ``)
	f("{\"a\":\"\x01\"}", 7, ControlCharacter, ``)
	f("{\"a\":\"\\n\t\"}", 9, ControlCharacter, ``)
	f("{\"a\":1,\"b\":\"\xff\"}", 13, InvalidUTF8, ``)
	f("{\"a\":{\"b\":1},\"c1\x00\":2", 17, ControlCharacter, `a={b=int(1)}`)
	f(`{"a":{"b":1},"c1`, 14, UnterminatedString, `a={b=int(1)}`)
	f(`{'a': 1}`, 2, MissingKey, ``)
	f(`{"a":1,}`, 8, MissingKey, `a=int(1)`)
	f(`{"a" 1}`, 6, MissingColon, ``)
	f(`{"a":}`, 6, MissingValue, ``)
	f(`{"a":[1,]}`, 9, MissingValue, ``)
	f(`{"a":NaN}`, 6, MissingValue, ``)
	f(`{"a":nul}`, 6, MissingValue, ``)
	f(`{"a":+1}`, 6, MissingValue, ``)
	f(`{"a":1 "b":2}`, 8, MissingComma, `a=int(1)`)
	f(`{"a":"b" "b":2}`, 10, MissingComma, `a="b"`)
	f(`{"a":[1}`, 8, MissingComma, ``)
	f(`{"a":{"b":1]}`, 12, MissingComma, ``)
	f(`{"a":01}`, 6, InvalidNumber, ``)
	f(`{"a":1.}`, 6, InvalidNumber, ``)
	f(`{"a":.5}`, 6, MissingValue, ``)
	f(`{"a":1e}`, 6, InvalidNumber, ``)
	f(`{"a":-}`, 6, InvalidNumber, ``)
	f(`{"a":1}{`, 8, TextAfterObject, `a=int(1)`)
	f(`{"a":"b"} x`, 11, TextAfterObject, `a="b"`)
	f("{\"a\":\"b\"}\x00", 10, TextAfterObject, `a="b"`)
	f(`{"a":"b",`+strings.Repeat(`"a":0,`, 4000)+`}`, 23998+6, TooManyPairs, `a=int(0)`)
}

func TestDepth(t *testing.T) {
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `,"b":1}`
	}
	p := NewParser(Options{})
	pairs, err := p.AppendPairs(nil, nested(MaxDepth))
	require.NoError(t, err)
	assert.Len(t, pairs, MaxDepth)
	assert.Equal(t, linepair.Array, pairs[MaxDepth-2].Kind)

	pairs, err = p.AppendPairs(nil, nested(MaxDepth+3))
	require.NoError(t, err)
	require.Len(t, pairs, MaxDepth+1)
	assert.Equal(t, linepair.Pair{Value: "[[[]]]"}, pairs[MaxDepth-1])
	assert.Equal(t, "b", pairs[MaxDepth].Key)

	_, err = p.AppendPairs(nil, `{"a":`+strings.Repeat("[", 1<<20))
	require.EqualError(t, err, (&SyntaxError{Column: 1<<20 + 6, Cause: UnexpectedEnd}).Error())
	deep := strings.Repeat(`{"k":[`, 100)
	_, err = p.AppendPairs(nil, deep+`"\u00e9",01`)
	require.EqualError(t, err, (&SyntaxError{Column: 610, Cause: InvalidNumber}).Error())
}

func TestVolatile(t *testing.T) {
	p := NewParser(Options{})
	pairs, err := p.AppendPairs(nil, `{"plain":"x","esc":"\n","k\n":"v"}`)
	require.NoError(t, err)
	assert.False(t, pairs[0].Volatile())
	assert.True(t, pairs[1].Volatile())
	assert.True(t, pairs[2].Volatile())
}

func TestIsObject(t *testing.T) {
	assert.True(t, IsObject("{"))
	assert.True(t, IsObject([]byte(" \t\r\n{")))
	assert.False(t, IsObject(""))
	assert.False(t, IsObject("  "))
	assert.False(t, IsObject("\v{"))
	assert.False(t, IsObject("x{"))
}

func TestNoAllocation(t *testing.T) {
	p := NewParser(Options{})
	line := `{"a":"\n","b":{"c":[1,2,{"d":null}]},"e":1.5,"b":2}`
	pairs := make([]linepair.Pair, 0, 32)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		pairs, _ = p.AppendPairs(pairs[:0], line)
	}))
	assert.Equal(t, `a="\n" e=float(1.5) b=int(2)`, show(pairs))
}

// FuzzAppendPairs compares with encoding/json: the same lines are objects, and they
// hold the same.
func FuzzAppendPairs(f *testing.F) {
	for _, line := range []string{
		``, `{}`, ` { } `, `{"a":1}`, `{"a":"b\n\u00e9\ud83d\ude00\ud83d"}`, `{"a":{"b":[1,2.5,-0,1e400,true,false,null,"",{}]},"a":{"c":{}}}`,
		`{"a":01}`, `{"a":1.0000000000000000000001,"b":12345678901234567890}`, `{"a":0.1e-5}`, `{"a":9007199254740993.0,"b":4503599627370495.5}`,
		`{'a':1}`, `{"a":1,}`, `{"a":[1,]}`, `{"a":1} x`, "{\"a\":\"\xff\"}", "{\"a\":\"\x1f\"}", `{"a":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}`,
		`{"a":` + strings.Repeat(`[`, 70) + strings.Repeat(`]`, 70) + `}`, `{"a":1,"b":{"a":1,"c":2,"a":3},"a":[]}`, `{"\u0061":1,"a":2}`,
	} {
		f.Add(line, false)
		f.Add(line, true)
	}
	f.Fuzz(func(t *testing.T, line string, first bool) {
		p := NewParser(Options{FirstOfDuplicates: first})
		pairs, err := p.AppendPairs(nil, line)
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		var want map[string]any
		valid := json.Valid([]byte(line)) && IsObject(line)
		if valid {
			require.NoError(t, decoder.Decode(&want))
		}
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.True(t, syntax.Column >= 1 && syntax.Column <= len(line)+1)
			switch syntax.Cause {
			case InvalidUTF8, TooManyPairs: // encoding/json takes these
			default:
				require.False(t, valid, "%q: %v", line, err)
			}
			checkSizes(t, pairs)
			return
		}
		require.True(t, valid, "%q", line)
		checkSizes(t, pairs)
		if !first {
			checkObject(t, want, pairs, line)
		}
		// The parser keeps nothing of a line.
		again, err := p.AppendPairs([]linepair.Pair{{Key: "kept"}}, line)
		require.NoError(t, err)
		require.Equal(t, "kept", again[0].Key)
		require.Equal(t, show(pairs), show(again[1:]))
	})
}

func checkSizes(t *testing.T, pairs []linepair.Pair) {
	t.Helper()
	for i := 0; i < len(pairs); i += 1 + pairs[i].Size() {
		end := i + 1 + pairs[i].Size()
		require.LessOrEqual(t, end, len(pairs))
		checkSizes(t, pairs[i+1:end])
	}
}

func checkObject(t *testing.T, want map[string]any, pairs []linepair.Pair, line string) {
	t.Helper()
	n := 0
	for i := 0; i < len(pairs); i += 1 + pairs[i].Size() {
		value, ok := want[pairs[i].Key]
		require.True(t, ok, "%q: %q", line, pairs[i].Key)
		checkValue(t, value, pairs[i:], line)
		n++
	}
	require.Len(t, want, n, line)
}

func checkValue(t *testing.T, want any, pairs []linepair.Pair, line string) {
	t.Helper()
	p, rest := pairs[0], pairs[1:1+pairs[0].Size()]
	switch p.Kind {
	case linepair.Object:
		object, ok := want.(map[string]any)
		require.True(t, ok, line)
		checkObject(t, object, rest, line)
		return
	case linepair.Array:
		array, ok := want.([]any)
		require.True(t, ok, line)
		for i := 0; i < len(rest); i += 1 + rest[i].Size() {
			require.NotEmpty(t, array, line)
			checkValue(t, array[0], rest[i:], line)
			array = array[1:]
		}
		require.Empty(t, array, line)
		return
	case linepair.Null:
		require.Nil(t, want, line)
		return
	case linepair.Bool:
		require.Equal(t, want, p.Bool(), line)
		return
	}
	switch want := want.(type) {
	case json.Number:
		require.Equal(t, string(want), p.Value, line)
		checkNumber(t, &p)
	case string:
		require.Equal(t, linepair.String, p.Kind, line)
		require.Equal(t, want, p.Value, line)
	default: // deeper than MaxDepth
		require.Equal(t, linepair.String, p.Kind, line)
		compact, err := json.Marshal(want)
		require.NoError(t, err)
		var got any
		decoder := json.NewDecoder(bytes.NewReader([]byte(p.Value)))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&got), line)
		again, err := json.Marshal(got)
		require.NoError(t, err)
		require.Equal(t, string(compact), string(again))
	}
}

// checkNumber holds that a type says all that the digits say.
func checkNumber(t *testing.T, p *linepair.Pair) {
	t.Helper()
	n, err := strconv.ParseInt(p.Value, 10, 64)
	isInt := err == nil && p.Value != "-0"
	require.Equal(t, isInt, p.Kind == linepair.Int, p.Value)
	if isInt {
		require.Equal(t, n, p.Int())
		return
	}
	slow := *p
	decimal(&slow)
	require.Equal(t, slow.Kind, p.Kind, p.Value)
	if p.Kind == linepair.Float {
		f, err := strconv.ParseFloat(p.Value, 64)
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(f), math.Float64bits(p.Float()), p.Value)
	}
}
