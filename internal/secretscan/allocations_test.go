//go:build !race

package secretscan

import "testing"

// With the race detector, pools forget at random.
func TestAllocations(t *testing.T) {
	s := newScanner(t, Settings{})
	line := joinedLine()
	f := func(what string, scan func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, scan); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	f("line", func() { s.Scan(nil, line) })
	f("near misses", func() {
		s.Scan(nil, "password=*** token=nextToken() 4111111111111112 1.2.3.4.5 eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl Basic dXNlcg== a@b 2001:db8:::1 +123")
	})
	f("values", func() {
		for _, kv := range shopLine {
			s.ScanValue(nil, kv[0], kv[1])
		}
	})
	f("folded", func() { s.Scan(nil, "caf\u00a0\u200b и %41 %20 x") })
	f("key", func() { _ = s.Key("http.request.header.x-forwarded-for").Secret() })
	dst := make([]Finding, 0, 8)
	f("findings", func() { s.Scan(dst, "bob@example.com 4111 1111 1111 1111 password=hunter2") })
}
