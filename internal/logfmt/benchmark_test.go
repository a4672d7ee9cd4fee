package logfmt

import (
	"fmt"
	"strings"
	"testing"
)

// benchmarks/logfmt measures the same beside other parsers, on more lines.
var benchmarkLines = []struct {
	name  string
	line  string
	pairs int
}{
	{"router", `at=info method=GET path="/orders/26/items?page=2&sort=asc" host=shop-frontend.example.herokuapp.com ` +
		`request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="204.204.204.204" dyno=web.1 connect=1ms service=18ms ` +
		`status=200 bytes=18734 tls_version=tls1.3 protocol=https tls_cipher=ECDHE-RSA-AES128-GCM-SHA256`, 14},
	{"short", `level=info msg=hi n=5`, 3},
	{"numbers", `n=5 f=99.99 i=-17 u=1700000000.123456 big=9223372036854775807 id=007 v=1.0 t=true`, 8},
	{"escapes", `msg="say \"hi\" to J\u00f6rg\n" path="C:\\new\\dir" n=5`, 3},
	{"quotes", `msg="` + strings.Repeat("many words ", 100) + `" n=5`, 2},
	{"blanks", strings.Repeat(" ", 2000) + "a", 1},
	{"stray", strings.Repeat(`= " `, 500), 500},
}

func BenchmarkAppendPairs(b *testing.B) {
	for _, types := range []Types{Infer, Strings} {
		for _, l := range benchmarkLines {
			b.Run(fmt.Sprintf("types=%v/line=%s", []string{"infer", "strings"}[types], l.name), func(b *testing.B) {
				p := NewParser(Options{Types: types, Duplicates: List})
				var pairs []Pair
				b.SetBytes(int64(len(l.line)))
				b.ReportAllocs()
				for b.Loop() {
					pairs, _ = p.AppendPairs(pairs[:0], l.line)
				}
				if len(pairs) != l.pairs {
					b.Fatalf("%d pairs, want %d", len(pairs), l.pairs)
				}
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, l := range benchmarkLines {
		b.Run("line="+l.name, func(b *testing.B) {
			pairs, _ := NewParser(Options{Duplicates: List}).AppendPairs(nil, l.line)
			var buf []byte
			b.SetBytes(int64(len(l.line)))
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendPairs(buf[:0], pairs)
			}
			if len(buf) < len(pairs) {
				b.Fatal(string(buf))
			}
		})
	}
}
