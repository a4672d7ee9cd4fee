package textline

import (
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		line string
		ok   bool
	}{
		{"none", "Processing order 17 of customer 4711, which takes some time", false},
		{"none=lower", "processing order 17 of customer 4711, which takes some time", false},
		{"none=digit", "17 orders of customer 4711 were processed, which took some time", false},
		{"none=address", "127.0.0.1 is where the customer 4711 has come from, it seems", false},
		{"none=key", "customer: 4711 has placed order 17, which takes some time", false},
		{"none=bracket", "[17/20] processing orders of customer 4711, which takes some time", false},
		{"none=month", "May 17 customers come and buy things that nobody else has bought", false},
		{"none=long", strings.Repeat("Processing order 17 ", 500), false},
		{"python", "2026-04-09 10:15:30,123 INFO shop.orders Processing order 17 of customer 4711", true},
		{"python=dashes", "2026-04-09 10:15:30,123 - shop.orders - INFO - Processing order 17 of customer 4711", true},
		{"loguru", "2026-04-09 10:15:30.123 | INFO     | shop.orders:pay:42 - Processing order 17 of customer 4711", true},
		{"logback", "10:15:30.123 [main] INFO  c.e.Orders - Processing order 17 of customer 4711", true},
		{"spring", "2026-04-09T10:15:30.123+02:00  INFO 1234 --- [app] [           main] c.e.Orders    : Processing order 17", true},
		{"go", "2026/04/09 10:15:30.123456 orders.go:42: Processing order 17 of customer 4711", true},
		{"klog", "I0409 10:15:30.123456    1234 orders.go:42] Processing order 17 of customer 4711", true},
		{"tracing", "2026-04-09T10:15:30.123456Z  INFO shop::orders: Processing order 17 of customer 4711", true},
		{"ruby", "I, [2026-04-09T10:15:30.123456 #1234]  INFO -- : Processing order 17 of customer 4711", true},
		{"nginx", `2026/04/09 10:15:30 [error] 1234#5678: *90 open() failed, client: 10.0.0.1, server: _, request: "GET / HTTP/1.1", host: "x"`, true},
		{"colours", "\x1b[2m2026-04-09T10:15:30.123456Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mshop\x1b[0m\x1b[2m:\x1b[0m Processing order 17", true},
	} {
		b.Run("line="+c.name, func(b *testing.B) {
			var d Detector
			var out Line
			b.SetBytes(int64(len(c.line)))
			b.ReportAllocs()
			ok := !c.ok
			for b.Loop() {
				ok = d.Parse(c.line, noon, &out)
			}
			if ok != c.ok {
				b.Fatal(ok)
			}
		})
	}
}

func BenchmarkPattern(b *testing.B) {
	pattern, err := CompilePattern(`^(?P<time>\S+ \S+) (?P<severity>[A-Z]+) <(?P<request__id>\w+)> (?P<message>.*)`)
	if err != nil {
		b.Fatal(err)
	}
	d := Detector{Pattern: pattern}
	const line = "2026-04-09 10:15:30,123 INFO <ab12> Processing order 17 of customer 4711"
	var out Line
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		d.Parse(line, noon, &out)
	}
	if len(out.Fields) != 1 {
		b.Fatal(out)
	}
}
