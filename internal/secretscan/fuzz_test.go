package secretscan

import (
	"strings"
	"testing"
)

// invariants of every scan: findings are in bounds, in order and apart, and what they
// leave of a text holds no more of them.
func invariants(t *testing.T, s *Scanner, key, text string) {
	t.Helper()
	prefix := []Finding{{Detector: -1}}
	found := s.ScanValue(prefix, key, text)
	if found[0] != prefix[0] {
		t.Fatal("the caller's findings changed")
	}
	found = found[1:]
	var b strings.Builder
	last := 0
	for i, f := range found {
		if f.Start < last || f.Start >= f.End || f.End > len(text) || f.Detector < 0 || f.Detector >= len(s.Detectors()) {
			t.Fatalf("finding %d of %q: %+v", i, text, found)
		}
		b.WriteString(text[last:f.Start])
		b.WriteString("[REDACTED]")
		last = f.End
	}
	b.WriteString(text[last:])
	masked := b.String()
	for _, again := range s.ScanValue(nil, key, masked) {
		for _, f := range found {
			// A mask is another neighbour than the secret was: what is beside it may count now.
			around := masked[max(0, again.Start-16):min(len(masked), again.End+1)]
			if f.Detector == again.Detector && !strings.ContainsAny(around, "[]") {
				t.Fatalf("%q, masked %q: %s again in %q", text, masked, s.Detectors()[f.Detector].Name, masked[again.Start:again.End])
			}
		}
	}
	if again := s.Scan(nil, text); key == "" && len(again) != len(found) {
		t.Fatalf("%q: Scan finds %v, ScanValue %v", text, again, found)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"card 4111 1111 1111 1111", "a@b.io 10.0.0.1 [::1]:80", `{"password":"x y","token":"abc123def456"}`, `"{\"password\":\"x\"}"`,
		"postgres://u:p@h/d?token=abc123def", "Authorization: Basic dXNlcjpwYXNz", "eyJhbGciOiJub25lIn0.e30.", "-----BEGIN PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA",
		"４１１１ %34%31 \\u0040 \u200b", "00:11:22:33:44:55 0011.2233.4455", "Cookie: sid=abc123; a=b", "DE89 3704 0044 0532 0130 00", "+44 (0)20 7946 0958",
		"%B4111111111111111^A/B^2912101?;4111111111111111=2912101?", "SK AC sig=%2B Q~ xoxb-1", "password=$X secret: {{y}} pwd=''",
	} {
		f.Add("", seed)
		f.Add("password", seed)
	}
	s, err := New(Settings{Custom: []CustomDetector{{Name: "c", Pattern: `\d{6,}`, Validator: "luhn"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		_ = s.Key(key).Secret()
		invariants(t, s, key, text)
	})
}

// TestFragments holds the invariants for texts put together from what secrets are made of.
func TestFragments(t *testing.T) {
	fragments := []string{
		"4111111111111111", "4111 1111 1111 1111", "4111", "1111", "bob@example.com", "@", "example.com", "10.0.0.1", "1.", "::1", "fe80::", "00:11:22:33:44:55", ":", ".",
		"password", "token", "secret=", "=", "\"", "\\\"", "'", " ", "  ", ",", ";", "&", "?", "\n", "\\n", "hunter2", "abc123def456", "{", "}", "[", "]", "(", ")", "<", ">",
		"Bearer ", "Basic ", "dXNlcjpwYXNz", "Authorization: ", "Cookie: ", "sid=", "https://", "user:", "/", "eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0", ".c2lnbmF0dXJlMTIz",
		"-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEpAIBAAKCAQEA0Z3V", "cvv ", "pin:", "ssn ", "123-45-6789", "123456789", "tel:", "+1 555 123 4567", "555-123-4567", "-", "+",
		"%40", "%20", "%3D", "\u200b", "４", "а", "é", "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "AKIAIOSFODNN7EXAMPLE", "AKIA", "xoxb-123456789012-abcdefghijkl", "sig=", "cpf 52998224725",
		"%B4111111111111111^A/B^29121010000?", ";4111111111111111=29121010000?", "--password ", "[REDACTED]", "***", "is ", "AccountKey=", "9434765919", "nhs ", "_", "x", "0",
	}
	s := newScanner(t, Settings{})
	x := uint32(1)
	next := func(n int) int {
		x = x*1664525 + 1013904223
		return int(x>>10) % n
	}
	for range 30000 {
		var b strings.Builder
		for range 1 + next(9) {
			b.WriteString(fragments[next(len(fragments))])
		}
		invariants(t, s, "", b.String())
	}
}
