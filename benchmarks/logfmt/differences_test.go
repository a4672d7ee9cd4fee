package logfmt

import (
	"fmt"
	"strings"
	"testing"

	golog "github.com/go-logfmt/logfmt"
	krlog "github.com/kr/logfmt"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/entry"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/keyvalue"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
)

// TestDifferences holds docs/format/logfmt.md's table of differences to what the
// parsers do. Each writes pairs as key=value and bare keys as key, quoted as Go
// does, and "!" where it gives an error. "" stands for what can't be told apart.
func TestDifferences(t *testing.T) {
	for _, c := range []struct{ line, here, kr, golog, upstream string }{
		{`tag`, `"tag"`, `"tag"`, `"tag"`, `!`},
		{`k=`, `"k"=""`, `"k"`, `"k"`, `"k"=""`},
		{`u=x?a=b`, `"u"="x?a=b"`, `"u"="x?a" "b"`, `!`, `"u"="x?a=b"`},
		{`a=b"c`, `"a"="b\"c" !`, `"a"="b" "c"`, `!`, `!`},
		{`json={"a":1}`, `"json"="{\"a\":1}"`, `"json"="{" "a" ":1}"`, `!`, `"json"="{a:1}"`},
		{`"k k"=v`, `"k k"="v"`, `"k" "k" "v"`, `!`, `"k k"="v"`},
		{`=v`, `""="v" !`, `"v"`, `!`, `""="v"`},
		{`m="x`, `"m"="x" !`, `!`, `!`, `!`},
		{`m="x"y`, `"m"="x" "y" !`, `"m"="x" "y"`, `"m"="x" "y"`, `"m"="xy"`},
		{`m="\q"`, `"m"="\\q" !`, `!`, `!`, `"m"="\\q"`},
		{`m="a\nb"`, `"m"="a\nb"`, `"m"="a\nb"`, `"m"="a\nb"`, `"m"="a\\nb"`},
		{`m="\ud83d"`, `"m"="\\ud83d" !`, `"m"="\ufffd"`, `"m"="\ufffd"`, `"m"="\\ud83d"`},
		{`m="\x1b[0m"`, `"m"="\x1b[0m"`, `!`, `!`, `"m"="\\x1b[0m"`},
		{"m=\xff", `"m"="\xff" !`, `"m"="\xff"`, `"m"="\xff"`, `"m"="\xff"`},
		{"m=\"\xff\\n\"", `"m"="\xff\n" !`, `"m"="\ufffd\n"`, `"m"="\ufffd\n"`, `"m"="\xff\\n"`},
		{"\xff=m", `"\xff"="m" !`, `"\xff"="m"`, `!`, `"\xff"="m"`},
		{"a=\x01b", `"a"="\x01b" !`, `"a" "b"`, `"a" "b"`, `"a"="\x01b"`},
		{"m=\"a\tb\"", `"m"="a\tb"`, `"m"="a\tb"`, `"m"="a\tb"`, `"m"="a\tb"`},
		{"m=\"a\tb\\n\"", `"m"="a\tb\n"`, `!`, `!`, `"m"="a\tb\\n"`},
		{"a=1\tb=2", `"a"="1" "b"="2"`, `"a"="1" "b"="2"`, `"a"="1" "b"="2"`, `"a"="1\tb=2"`},
		{`a=1 =x b=2`, `"a"="1" ""="x" "b"="2" !`, `"a"="1" "x" "b"="2"`, `"a"="1" !`, ""},
		{`m=don't`, `"m"="don't"`, `"m"="don't"`, `"m"="don't"`, `!`},
	} {
		for _, r := range []struct {
			name, want string
			read       func(*testing.T, string) string
		}{{"here", c.here, readHere}, {"kr", c.kr, readKr}, {"go-logfmt", c.golog, readGoLogfmt}, {"key_value_parser", c.upstream, readUpstream}} {
			if r.want != "" {
				assert.Equalf(t, r.want, r.read(t, c.line), "%s: %q", r.name, c.line)
			}
		}
	}
}

func pair(words []string, key, value []byte) []string {
	if value == nil {
		return append(words, fmt.Sprintf("%+q", key))
	}
	return append(words, fmt.Sprintf("%+q=%+q", key, value))
}

func withError(words []string, err error) string {
	if err != nil {
		words = append(words, "!")
	}
	return strings.Join(words, " ")
}

func readHere(_ *testing.T, line string) string {
	pairs, err := logfmt.NewParser(logfmt.Options{}).AppendPairs(nil, line)
	var words []string
	for _, p := range pairs {
		value := []byte(nil)
		if !p.Bare() {
			value = append([]byte{}, p.Value...)
		}
		words = pair(words, []byte(p.Key), value)
	}
	return withError(words, err)
}

func readKr(_ *testing.T, line string) string {
	var words []string
	err := krlog.Unmarshal([]byte(line), krlog.HandlerFunc(func(key, value []byte) error {
		words = pair(words, key, value)
		return nil
	}))
	return withError(words, err)
}

func readGoLogfmt(_ *testing.T, line string) string {
	d := golog.NewDecoder(strings.NewReader(line))
	var words []string
	for d.ScanRecord() {
		for d.ScanKeyval() {
			words = pair(words, d.Key(), d.Value())
		}
	}
	return withError(words, d.Err())
}

func readUpstream(t *testing.T, line string) string {
	t.Helper()
	op, err := keyvalue.NewConfig().Build(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	e := entry.Entry{Body: line}
	err = op.(*keyvalue.Parser).Process(t.Context(), &e)
	var words []string
	for key, value := range e.Attributes {
		words = pair(words, []byte(key), append([]byte{}, value.(string)...))
	}
	return withError(words, err)
}

func TestLines(t *testing.T) {
	assert.Len(t, routerLine, 301)
	for _, in := range inputs() {
		total := 0
		for _, line := range in.lines {
			pairs, err := logfmt.NewParser(logfmt.Options{}).AppendPairs(nil, line)
			require.NoErrorf(t, err, "%s: %s", in.name, line)
			total += len(pairs)
		}
		assert.Equal(t, in.pairs, total, in.name)
	}
}
