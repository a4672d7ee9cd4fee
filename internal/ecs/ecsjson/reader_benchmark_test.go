package ecsjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkRead(b *testing.B) {
	for _, x := range benchmarkItems(b) {
		if x.name == "untidy" {
			continue
		}
		for _, nesting := range []Nesting{Nested, Dotted} {
			const lines = 100
			line := append(AppendDocument(nil, x.items, nesting), '\n')
			data := bytes.Repeat(line, lines)
			b.Run("record="+x.name+"/nesting="+nesting.String()+"/reader=ecsjson", func(b *testing.B) {
				r := NewReader()
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					logs, err := r.Read(data)
					if err != nil {
						b.Fatal(err)
					}
					n = logs.LogRecordCount()
				}
				require.Equal(b, lines, n)
			})
			// Maps alone, without records.
			b.Run("record="+x.name+"/nesting="+nesting.String()+"/reader=encoding-json", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n = 0
					d := json.NewDecoder(bytes.NewReader(data))
					d.UseNumber()
					for d.More() {
						var m map[string]any
						if err := d.Decode(&m); err != nil {
							b.Fatal(err)
						}
						n++
					}
				}
				require.Equal(b, lines, n)
			})
		}
	}
}

// BenchmarkReadHostile: what a sender may make of a line.
func BenchmarkReadHostile(b *testing.B) {
	many := func(format func(i int) string) string {
		parts := make([]string, 20_000)
		for i := range parts {
			parts[i] = format(i)
		}
		return strings.Join(parts, ",")
	}
	name := func(i int) string {
		return "k" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
	}
	for _, x := range []struct{ name, line string }{
		{"keys", `{` + many(func(i int) string { return `"` + name(i) + `":1` }) + `}`},
		{"equal-keys", `{` + many(func(int) string { return `"k":1` }) + `}`},
		{"labels", `{"labels":{` + many(func(i int) string { return `"` + name(i) + `":1` }) + `}}`},
		{"dotted-and-nested", `{` + many(func(i int) string { return `"url.` + name(i) + `":1` }) + `,"url":{` + many(func(i int) string { return `"` + name(i) + `":1` }) + `}}`},
		{"services", `{` + many(func(i int) string { return `"service.` + name(i) + `":1` }) + `}`},
		{"arrays", `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`},
		{"objects", strings.Repeat(`{"url":`, 20_000) + "1" + strings.Repeat("}", 20_000)},
	} {
		b.Run("line="+x.name, func(b *testing.B) {
			r, data := NewReader(), []byte(x.line)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				logs, err := r.Read(data)
				if err != nil {
					b.Fatal(err)
				}
				n = logs.LogRecordCount()
			}
			require.Equal(b, 1, n)
		})
	}
}
