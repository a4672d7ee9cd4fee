package logfmt

import (
	"context"
	"io"
	"testing"

	golog "github.com/go-logfmt/logfmt"
	krlog "github.com/kr/logfmt"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/entry"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/parser/keyvalue"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
)

// BenchmarkParse names its parts so that benchstat can put the parsers side by
// side: benchstat -col /parser.
func BenchmarkParse(b *testing.B) {
	for _, p := range []struct {
		name string
		run  func(b *testing.B, in input)
	}{
		{"heartwood_strings", heartwood(logfmt.Strings)},
		{"heartwood_infer", heartwood(logfmt.Infer)},
		{"kr", kr},
		{"kr_kept", krKept},
		{"go-logfmt", goLogfmt},
		{"key_value_parser", keyValueParser},
		{"ParseKeyValue", parseKeyValue},
	} {
		for _, in := range inputs() {
			b.Run("parser="+p.name+"/input="+in.name, func(b *testing.B) {
				n := 0
				for _, l := range in.lines {
					n += len(l)
				}
				b.SetBytes(int64(n / len(in.lines)))
				b.ReportAllocs()
				p.run(b, in)
			})
		}
	}
}

// expect fails when the pairs found in b.N lines can't be right.
func expect(b *testing.B, in input, got, perRound int) {
	b.Helper()
	n, lines := b.N, len(in.lines)
	low, high := n/lines*perRound, (n/lines+1)*perRound
	if n%lines == 0 {
		high = low
	}
	if got < low || got > high {
		b.Fatalf("%d pairs in %d lines, want %d to %d", got, n, low, high)
	}
}

func heartwood(types logfmt.Types) func(b *testing.B, in input) {
	return func(b *testing.B, in input) {
		b.Helper()
		p := logfmt.NewParser(logfmt.Options{Types: types, Duplicates: logfmt.Last})
		var pairs []logfmt.Pair
		var err error
		for _, line := range in.lines { // grows pairs
			if pairs, err = p.AppendPairs(pairs[:0], line); err != nil {
				b.Fatal(err)
			}
		}
		i, count := 0, 0
		for b.Loop() {
			pairs, err = p.AppendPairs(pairs[:0], in.lines[i])
			if err != nil {
				b.Fatal(err)
			}
			count += len(pairs)
			if i++; i == len(in.lines) {
				i = 0
			}
		}
		expect(b, in, count, in.pairs)
	}
}

func kr(b *testing.B, in input) {
	b.Helper()
	var lines [][]byte
	for _, l := range in.lines {
		lines = append(lines, []byte(l))
	}
	i, count := 0, 0
	h := krlog.HandlerFunc(func(_, _ []byte) error {
		count++
		return nil
	})
	for b.Loop() {
		if err := krlog.Unmarshal(lines[i], h); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(in.lines) {
			i = 0
		}
	}
	expect(b, in, count, in.all)
}

// What a caller of kr's does at least to have the pairs after the call.
func krKept(b *testing.B, in input) {
	b.Helper()
	type pair struct{ key, value []byte }
	var lines [][]byte
	for _, l := range in.lines {
		lines = append(lines, []byte(l))
	}
	var pairs []pair
	h := krlog.HandlerFunc(func(key, value []byte) error {
		pairs = append(pairs, pair{key, value})
		return nil
	})
	i, count := 0, 0
	for b.Loop() {
		pairs = pairs[:0]
		if err := krlog.Unmarshal(lines[i], h); err != nil {
			b.Fatal(err)
		}
		count += len(pairs)
		if i++; i == len(in.lines) {
			i = 0
		}
	}
	expect(b, in, count, in.all)
}

func goLogfmt(b *testing.B, in input) {
	b.Helper()
	var data []byte
	for _, l := range in.lines {
		data = append(data, l...)
		data = append(data, '\n')
	}
	d := golog.NewDecoderSize(&endless{data: data}, 1<<16)
	count := 0
	for b.Loop() {
		if !d.ScanRecord() {
			b.Fatal(d.Err())
		}
		for d.ScanKeyval() {
			count++
		}
	}
	if d.Err() != nil {
		b.Fatal(d.Err())
	}
	expect(b, in, count, in.all)
}

// The operator of file_log, syslog and their kin. Its result is a map of strings
// on the entry.
func keyValueParser(b *testing.B, in input) {
	b.Helper()
	op, err := keyvalue.NewConfig().Build(componenttest.NewNopTelemetrySettings())
	if err != nil {
		b.Fatal(err)
	}
	p := op.(*keyvalue.Parser)
	process := func(line string) (int, error) {
		e := entry.Entry{Body: line}
		err := p.Process(b.Context(), &e)
		return len(e.Attributes), err
	}
	upstream(b, in, process)
}

// The function of the transform processor. Its result is a pcommon.Map.
func parseKeyValue(b *testing.B, in input) {
	b.Helper()
	f, err := ottlfuncs.NewParseKeyValueFactory[string]().CreateFunction(ottl.FunctionContext{}, &ottlfuncs.ParseKeyValueArguments[string]{
		Target: ottl.StandardStringGetter[string]{Getter: func(_ context.Context, line string) (any, error) { return line, nil }},
	})
	if err != nil {
		b.Fatal(err)
	}
	process := func(line string) (int, error) {
		m, err := f(b.Context(), line)
		if err != nil {
			return 0, err
		}
		return m.(pcommon.Map).Len(), nil
	}
	upstream(b, in, process)
}

func upstream(b *testing.B, in input, process func(line string) (int, error)) {
	b.Helper()
	for _, line := range in.lines {
		if _, err := process(line); err != nil {
			b.Skipf("refuses such lines: %v", err)
		}
	}
	i, count := 0, 0
	for b.Loop() {
		n, err := process(in.lines[i])
		if err != nil {
			b.Fatal(err)
		}
		count += n
		if i++; i == len(in.lines) {
			i = 0
		}
	}
	expect(b, in, count, in.pairs)
}

// endless reads data again and again.
type endless struct {
	data []byte
	at   int
}

var _ io.Reader = (*endless)(nil)

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	if e.at += n; e.at == len(e.data) {
		e.at = 0
	}
	return n, nil
}
