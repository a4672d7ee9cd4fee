package accesslog

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
		{"common", `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326`, true},
		{"combined", `203.0.113.9 - - [09/Apr/2026:10:15:30 +0200] "GET /orders/17?page=2&sort=asc HTTP/1.1" 200 18734 "https://shop.example/orders" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"`, true},
		{"escapes", `203.0.113.9 - - [09/Apr/2026:10:15:30 +0200] "GET / HTTP/1.1" 200 18734 "-" "say \"hi\" \x22 there"`, true},
		{"envoy", `[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`, true},
		{"none", "2026-04-09 10:15:30,123 INFO shop.orders Processing order 17 of customer 4711", false},
		{"none=bracket", "[2026-04-09 10:15:30,123] INFO Processing order 17 of customer 4711", false},
		{"none=long", strings.Repeat("Processing order 17 ", 500), false},
		{"hostile", `h - - [09/Apr/2026:10:15:30 +0200] "` + strings.Repeat(`\"\\x`, 1000), false},
	} {
		b.Run("line="+c.name, func(b *testing.B) {
			var e Entry
			b.SetBytes(int64(len(c.line)))
			b.ReportAllocs()
			ok := !c.ok
			for b.Loop() {
				ok = Parse(c.line, nil, &e)
			}
			if ok != c.ok {
				b.Fatal(ok)
			}
		})
	}
}

func BenchmarkAttributes(b *testing.B) {
	var e Entry
	Parse(`203.0.113.9 - - [09/Apr/2026:10:15:30 +0200] "GET /orders/17?page=2 HTTP/1.1" 200 18734 "https://shop.example/orders" "Mozilla/5.0"`, nil, &e)
	var attributes []Attribute
	b.ReportAllocs()
	for b.Loop() {
		attributes = e.Attributes(attributes[:0])
	}
	if len(attributes) != 10 {
		b.Fatal(attributes)
	}
}
