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
	for _, again := range s.ScanValue(nil, key, b.String()) {
		for _, f := range found {
			if f.Detector == again.Detector && strings.Contains(text, b.String()[again.Start:again.End]) {
				t.Logf("%q -> %q: %s again at %+v", text, b.String(), s.Detectors()[f.Detector].Name, again)
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
		s.SecretKey(key)
		invariants(t, s, key, text)
	})
}
