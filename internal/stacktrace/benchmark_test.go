package stacktrace

import (
	"strings"
	"testing"
)

func BenchmarkContinues(b *testing.B) {
	for _, c := range []struct {
		name string
		line string
		kind Kind
		want bool
	}{
		{"record", "2026-04-09 10:15:30,123 INFO shop.orders Processing order 17 of customer 4711", Record, false},
		{"structured", `{"level":"info","msg":"Processing order 17 of customer 4711"}`, Structured, false},
		{"text", "Processing order 17 of customer 4711, which takes some time", Text, false},
		{"text=capitals", "The Processing of order 17 of customer 4711 (took some time)", Text, false},
		{"frame=java", "\tat com.example.Orders.pay(Orders.java:24) ~[app.jar:1.0]", Text, true},
		{"long", strings.Repeat("Processing order 17 ", 200), Text, false},
	} {
		b.Run("line="+c.name, func(b *testing.B) {
			var j Joiner
			line := []byte(c.line)
			j.Continues(line, c.kind)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			got := !c.want
			for b.Loop() {
				got = j.Continues(line, c.kind)
			}
			if got != c.want {
				b.Fatal(got)
			}
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	for _, name := range []string{"python_chained", "java_uncaught", "go_http", "node_cause"} {
		b.Run("trace="+name, func(b *testing.B) {
			text := readTrace(b, name)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			ok := false
			for b.Loop() {
				_, ok = Extract(text)
			}
			if !ok {
				b.Fatal(name)
			}
		})
	}
	b.Run("trace=none", func(b *testing.B) {
		text := strings.Repeat("Processing order 17 of customer 4711\n  indented\n", 1000)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		ok := true
		for b.Loop() {
			_, ok = Extract(text)
		}
		if ok {
			b.Fatal("found")
		}
	})
	// Each line looks like the beginning of something, or like a frame without one.
	b.Run("trace=hostile", func(b *testing.B) {
		text := strings.Repeat("    at f (x)\nTraceback (most recent call last):\n  File \"x\"\n#0 x\n", 1000)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			Extract(text)
		}
	})
}
