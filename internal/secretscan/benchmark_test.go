package secretscan

import (
	"strings"
	"testing"
	"time"
)

// shopLine is a line of logfmt, 295 bytes, as its fields.
var shopLine = [][2]string{
	{"ts", "2026-03-01T12:34:56.789Z"},
	{"level", "info"},
	{"at", "checkout_completed"},
	{"service", "shop-api"},
	{"request_id", "0af7651916cd43dd8448eb211c80319c"},
	{"user_id", "48213"},
	{"method", "POST"},
	{"path", "/api/v1/orders/90210/checkout"},
	{"status", "200"},
	{"elapsed", "0.0123"},
	{"measure.db", "0.0041"},
	{"region", "eu-central-1"},
	{"cached", "true"},
	{"msg", "order accepted and handed to the warehouse"},
}

func joinedLine() string {
	var b strings.Builder
	for i, kv := range shopLine {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(kv[0] + "=")
		if strings.Contains(kv[1], " ") {
			b.WriteString(`"` + kv[1] + `"`)
		} else {
			b.WriteString(kv[1])
		}
	}
	return b.String()
}

var tenDetectors = []string{
	"payment_card", "email", "us_ssn", "aws_access_key_id", "jwt", "github_token", "slack_token", "private_key", "ipv4", "payment_card_mastercard",
}

func benchmarkValues(b *testing.B, set Settings) {
	b.Helper()
	s := newScanner(b, set)
	n := 0
	for _, kv := range shopLine {
		n += len(kv[0]) + len(kv[1])
	}
	var dst []Finding
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		dst = dst[:0]
		for _, kv := range shopLine {
			dst = s.ScanValue(dst, kv[0], kv[1])
		}
	}
	if len(dst) != 0 {
		b.Fatal("found something in a clean line")
	}
}

func BenchmarkValues(b *testing.B) {
	b.Run("detectors=all", func(b *testing.B) { benchmarkValues(b, Settings{}) })
	b.Run("detectors=10", func(b *testing.B) { benchmarkValues(b, Settings{Enabled: tenDetectors}) })
}

func BenchmarkText(b *testing.B) {
	f := func(name, text string, set Settings, want int) {
		b.Run(name, func(b *testing.B) {
			s := newScanner(b, set)
			var dst []Finding
			b.ReportAllocs()
			begin := cpuTime()
			for b.Loop() {
				dst = s.Scan(dst[:0], text)
			}
			b.ReportMetric(float64(len(text))*float64(b.N)/1e6/(cpuTime()-begin).Seconds(), "MB/cpu-s")
			if len(dst) != want {
				b.Fatal(marked(s, text, dst))
			}
		})
	}
	line := joinedLine()
	f("text=line/detectors=all", line, Settings{}, 0)
	f("text=line/detectors=10", line, Settings{Enabled: tenDetectors}, 0)
	prose := strings.Repeat("The order was accepted, and its parcel left the warehouse before noon; nobody was in the way. ", 100)
	f("text=prose/detectors=all", prose, Settings{}, 0)
	json := strings.Repeat(`{"level":"info","ts":1700000000123,"msg":"request done","path":"/a/b","status":200,"trace_id":"0af7651916cd43dd8448eb211c80319c"}`, 50)
	f("text=json/detectors=all", json, Settings{}, 0)
	access := strings.Repeat(`client-17.example.net - frank [26/Nov/2026:13:55:17 +0100] "GET /catalog/oak/136623?sort=price&page=7 HTTP/1.1" 200 1531 `+
		`"https://shop.example.com/start" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" rt=0.017`+"\n", 20)
	f("text=access/detectors=all", access, Settings{}, 0)
	dirty := strings.Repeat("user bob@example.com paid with 4111 1111 1111 1111 from 10.0.0.1 password=hunter2x ", 10)
	f("text=dirty/detectors=all", dirty, Settings{}, 40)
	cyrillic := strings.Repeat("Заказ принят, и посылка вышла со склада до полудня. ", 50)
	f("text=cyrillic/detectors=all", cyrillic, Settings{}, 0)
	f("text=short/detectors=all", "true", Settings{}, 0)
	f("text=number/detectors=all", "48213", Settings{}, 0)
}

func BenchmarkKey(b *testing.B) {
	s := newScanner(b, Settings{})
	b.ReportAllocs()
	for b.Loop() {
		if s.Key("http.request.header.user-agent").Secret() {
			b.Fatal("no secret")
		}
	}
}

// TestLinear doubles hostile texts and holds the time to grow about as much.
func TestLinear(t *testing.T) {
	s := newScanner(t, Settings{Custom: []CustomDetector{{Name: "c", Pattern: `\bX-\d+-[a-z]+`}}})
	for _, unit := range []string{
		"1", "a@", "eyJ", "eyJ-", "eyJhbGciOiJIUzI1NiJ9.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n",
		"password=", "password='", `password=\"`, "password=(", "password:", `password="a`, "authorization: ", "cookie: a=b", "cookie:", "://", "a://b:", "a://b:c",
		"1.", "1:", "::", ":", "4111 ", "4111-", "+1", "+1 ", "a.", "%41", "%", "\u200b", "４", "sig=", "sk-", "SK", "xoxb-1", "ya29.", "Basic ", "basic dXNlcjpw",
		"Bearer abc", "tel 1", "cvv ", "cvv:::::::", "ssn", "phone", "token", "<password>", `\u0041`, "DE89", "ab:", "ab-", "abcd.", ";4", "%B4", "password password", "X-1", "pwd ",
		"token.", "{[(", "password={", "a@b.", "é@", "ab1", `\`, `password=\`, "AccountKey=abcd", "hooks.slack.com/services/T", "1Q~", "1;", "http://a:b@c.d/", "a://b@", "1:1.1.1.1", "1:1.1.1.1:", "ab::", "2222-", "1:2:3:4:5:6:7:8:", "authorization: x signature=", "[1m", "password is ", "secret ", "&#64;", "%2541", "&quot;",
		`"auth":{"a":`, `"tokens":[[`, `"password":{`, `"password":{}`, `"session":[`, `"password":["`, `"token":  `, `"secret":[{`, `{"token":{"`, `\"token\":{`, `"token":[],`, `?token=`, `&sig=a`, "password:\n", "password=x\n",
	} {
		cost := func(n int) time.Duration {
			text := strings.Repeat(unit, n/len(unit))
			best := time.Hour
			for range 3 {
				start := cpuTime()
				s.Scan(nil, text)
				best = min(best, cpuTime()-start)
			}
			return best
		}
		// Quadratic growth is by 64; a busy machine gets several chances.
		small, large := time.Hour, time.Hour
		linear := false
		for range 8 {
			small, large = min(small, cost(1<<16)), min(large, cost(1<<19))
			linear = large < 8*3*small || large < 5*time.Millisecond
			if linear {
				break
			}
		}
		if !linear {
			t.Errorf("%q: 64 KiB take %v, 512 KiB %v", unit, small, large)
		}
		if testing.Verbose() && large > 20*time.Millisecond {
			t.Logf("%q: %.0f MB/s", unit, float64(1<<19)/large.Seconds()/1e6)
		}
	}
}
