package containerlog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dockerTime = "2026-11-21T08:15:30.123456789Z"

func TestParseDocker(t *testing.T) {
	f := func(line string, want Entry) {
		t.Helper()
		want.Time = nano(t, dockerTime)
		e, _, ok := ParseDocker([]byte(line), nil)
		require.True(t, ok, line)
		assert.Equal(t, string(want.Content), string(e.Content), line)
		assert.Equal(t, string(want.Attrs), string(e.Attrs), line)
		e.Content, want.Content, e.Attrs, want.Attrs = nil, nil, nil, nil
		assert.Equal(t, want, e, line)
		// The other way to read it comes to the same.
		other, _, ok := parseDockerAny([]byte(line), nil)
		require.True(t, ok, line)
		other.Content, other.Attrs = nil, nil
		assert.Equal(t, want, other, line)
	}
	const tail = `,"time":"` + dockerTime + `"}`
	out := func(s string) Entry { return Entry{Stream: Stdout, Content: []byte(s)} }
	f(`{"log":"message\n","stream":"stdout"`+tail, out("message"))
	f(`{"log":"\n","stream":"stdout"`+tail, out(""))
	f(`{"log":"tty\r\n","stream":"stdout"`+tail, out("tty"))
	f(`{"log":"a\tb \"c\" \\ \/ \u003cd\u003e \u2028 \ud83d\ude00 \b\f\r\n","stream":"stdout"`+tail, out("a\tb \"c\" \\ / <d> \u2028 😀 \b\f"))
	f(`{"log":"two\nlines\n","stream":"stdout"`+tail, out("two\nlines"))
	f(`{"log":"\ud83d \ude00 \ud83d\n","stream":"stdout"`+tail, out("\ufffd \ufffd \ufffd"))
	f(`{"log":"{\"level\":\"info\",\"msg\":\"größer\"}\n","stream":"stdout"`+tail, out(`{"level":"info","msg":"größer"}`))
	f(`{"log":"a piece","stream":"stderr"`+tail, Entry{Stream: Stderr, Content: []byte("a piece"), Partial: true})
	f(`{"log":"a \"piece\"","stream":"stderr"`+tail, Entry{Stream: Stderr, Content: []byte(`a "piece"`), Partial: true})
	f(`{"log":"","stream":"stderr"`+tail, Entry{Stream: Stderr, Partial: true})
	f(`{"stream":"stderr"`+tail, Entry{Stream: Stderr, Partial: true})
	f(`{"log":"m\n","stream":"stdout","attrs":{"tag":"web","a}\"":"}"}`+tail, Entry{Stream: Stdout, Content: []byte("m"), Attrs: []byte(`{"tag":"web","a}\"":"}"}`)})
	f(`{"time":"`+dockerTime+`","attrs":{},"stream":"stdout", "log" : "m\n"}`, Entry{Stream: Stdout, Content: []byte("m"), Attrs: []byte(`{}`)})
	f(`{"log":"m\n","stream":"stdout","partial_id":"x\ty","n":1.50,"o":{"a":[1, 2]},"time":"`+dockerTime+`"}`,
		Entry{Stream: Stdout, Content: []byte("m"), Extra: []Attribute{{"partial_id", "x\ty"}, {"n", "1.50"}, {"o", `{"a":[1, 2]}`}}})
	f(` {"log":"m\n","stream":"stdout"`+tail+" \t", out("m"))
}

func TestParseDockerRefuses(t *testing.T) {
	const tail = `,"time":"` + dockerTime + `"}`
	for _, line := range []string{
		"", "{", "{}", "[]", "null", `"log"`, `{"log":"`, `{"log":"x`, `{"log":"x\`, `{"log":"x\n`, `{"log":"x\n"`, `{"log":"x\n","stream":"stdout"}`,
		`{"log":"x\n"` + tail, `{"log":"x\n","stream":"stdin"` + tail, `{"log":"x\n","stream":1` + tail, `{"log":1,"stream":"stdout"` + tail,
		`{"log":null,"stream":"stdout"` + tail, `{"log":"\x","stream":"stdout"` + tail, `{"log":"\u12g4","stream":"stdout"` + tail,
		`{"log":"\u12","stream":"stdout"` + tail, `{"log":"x\n","stream":"stdout","attrs":[]` + tail, `{"log":"x\n","stream":"stdout","attrs":{` + tail,
		`{"log":"x\n","stream":"stdout","time":"yesterday"}`, `{"log":"x\n","stream":"stdout","time":1}`, `{"log":"x\n","stream":"stdout"` + tail + "x",
		`{"log":"x\n","stream":"stdout","time":"` + dockerTime + `x"}`,
		`{"log":"x\n","log":"y\n","stream":"stdout"` + tail, `{"stream":"stdout","level":"info"` + tail, `{"log":"x\n","stream":"stdout","time":"0001-01-01T00:00:00Z"}`,
		`{"stream":"stdout","log":"` + "\xff" + `\n"` + tail, `{"log":"x\n","stream":"stdout","a":` + strings.Repeat("[", 20000) + tail,
	} {
		e, _, ok := ParseDocker([]byte(line), nil)
		assert.False(t, ok, line)
		assert.Zero(t, e, line)
	}
}

// Content is of the line or of scratch, and scratch is left alone where it can be.
func TestParseDockerMemory(t *testing.T) {
	scratch := make([]byte, 0, 1024)
	plain := []byte(`{"log":"plain text\r\n","stream":"stdout","time":"` + dockerTime + `"}`)
	for _, line := range [][]byte{bytes.Replace(plain, []byte(`\r`), nil, 1), bytes.Replace(plain, []byte(`\r\n`), nil, 1)} {
		e, s, ok := ParseDocker(line, scratch)
		require.True(t, ok)
		assert.Same(t, &line[8], &e.Content[0])
		assert.Equal(t, cap(scratch), cap(s))
	}
	e, s, ok := ParseDocker(plain, scratch)
	require.True(t, ok)
	assert.Same(t, &s[:1][0], &e.Content[0])
	assert.Same(t, &scratch[:1][0], &s[:1][0])

	escaped := []byte(`{"log":"` + strings.Repeat(`\"`, 3000) + `\n","stream":"stdout","attrs":{"tag":"x"},"time":"` + dockerTime + `"}`)
	_, s, _ = ParseDocker(escaped, nil)
	for _, line := range [][]byte{plain, escaped} {
		assert.Zero(t, testing.AllocsPerRun(100, func() { _, s, _ = ParseDocker(line, s) }))
	}
}

func TestAppendAttributes(t *testing.T) {
	f := func(attrs string, want ...Attribute) {
		t.Helper()
		first := Attribute{"first", "1"}
		assert.Equal(t, append([]Attribute{first}, want...), AppendAttributes([]Attribute{first}, []byte(attrs)), attrs)
	}
	f("")
	f("{}")
	f(`{"tag":"web","com.example/x":"a \"b\"","n":1,"o":{"a":null}}`, Attribute{"tag", "web"}, Attribute{"com.example/x", `a "b"`}, Attribute{"n", "1"}, Attribute{"o", `{"a":null}`})
	f(`{"tag":}`, Attribute{"attrs", `{"tag":}`})
	f(`{"tag":"web"`, Attribute{"attrs", `{"tag":"web"`})
	f("{\"tag\":\"\xff\"}", Attribute{"attrs", "{\"tag\":\"\xff\"}"})
	f(`[1]`, Attribute{"attrs", `[1]`})
}

func TestDetect(t *testing.T) {
	f := func(line string, want Format) {
		t.Helper()
		assert.Equal(t, want, Detect([]byte(line)), line)
	}
	f("2026-11-21T08:15:30.123456789Z stdout F message", CRI)
	f("2026-11-21T08:15:30.123456789Z INFO message", None)
	f(`{"log":"x\n","stream":"stdout","time":"`+dockerTime+`"}`, Docker)
	f(` {"stream":"stdout","log":"x\n","time":"`+dockerTime+`"}`, Docker)
	f(`{"level":"info","log":"x","time":"`+dockerTime+`"}`, None)
	f(`{"stream":"stdout","time":"`+dockerTime+`"}`, None)
	f("", None)
	f("level=info", None)
	assert.Equal(t, "cri docker none", CRI.String()+" "+Docker.String()+" "+None.String())
}

func FuzzParseDocker(f *testing.F) {
	for _, s := range []string{
		`{"log":"message\n","stream":"stdout","time":"` + dockerTime + `"}`,
		`{"log":"\"a\" \u003c \ud83d\ude00\r\n","stream":"stderr","attrs":{"tag":"web"},"time":"` + dockerTime + `"}`,
		`{"stream":"stdout","x":1,"log":"p","time":"` + dockerTime + `"}`, `{"log":"x\`, "{",
	} {
		f.Add([]byte(s))
	}
	scratch := []byte("not clean")
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		e, s, ok := ParseDocker(line, scratch)
		scratch = s
		require.Equal(t, before, line)
		if !ok {
			return
		}
		AppendAttributes(nil, e.Attrs)
		var want struct{ Log string }
		keys := map[string]json.RawMessage{}
		if json.Unmarshal(line, &keys) != nil || bytes.ContainsRune(line, '\ufffd') || !json.Valid(line) {
			return // raw control characters and the like, which encoding/json refuses
		}
		if keys["log"] != nil && json.Unmarshal(keys["log"], &want.Log) != nil {
			t.Fatalf("log is no string: %q", line)
		}
		if strings.ContainsRune(want.Log, '\ufffd') {
			return // it replaces what is no UTF-8, we do not
		}
		got := string(e.Content)
		if !e.Partial {
			want.Log = strings.TrimSuffix(want.Log, "\n")
			want.Log = strings.TrimSuffix(want.Log, "\r")
		}
		require.Equal(t, want.Log, got)
		n := len(e.Extra)
		for _, key := range []string{"log", "stream", "time", "attrs"} {
			if keys[key] != nil {
				n++
			}
		}
		require.GreaterOrEqual(t, n, len(keys))
	})
}
