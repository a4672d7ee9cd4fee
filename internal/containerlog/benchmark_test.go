package containerlog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const jsonLine = `{"timestamp":"2026-11-21T08:15:30.123456Z","level":"info","logger":"shop.orders","message":"order accepted for delivery",` +
	`"request_id":"8601b555-6a83-4c12-8269-97c8e32cdb22","user_id":"42017","duration_ms":17.25,"status":200,"method":"POST","path":"/v1/orders/accept"}`

func BenchmarkParseCRI(b *testing.B) {
	for _, bench := range []struct{ name, at string }{
		{"containerd", "2026-11-21T08:15:30.123456789Z"}, {"containerd-short", "2026-11-21T08:15:30.1234567Z"}, {"crio", "2026-11-21T08:15:30.123456789+00:00"},
	} {
		b.Run("runtime="+bench.name, func(b *testing.B) {
			line := []byte(bench.at + " stdout F " + jsonLine)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			good := 0
			for b.Loop() {
				if e, ok := ParseCRI(line); ok && len(e.Content) == len(jsonLine) {
					good++
				}
			}
			if good != b.N {
				b.Fatalf("%d of %d", good, b.N)
			}
		})
	}
}

func BenchmarkParseDocker(b *testing.B) {
	run := func(name, content string) {
		b.Run("log="+name, func(b *testing.B) {
			line := []byte(`{"log":"` + strings.ReplaceAll(content, `"`, `\"`) + `\n","stream":"stdout","time":"2026-11-21T08:15:30.123456789Z"}`)
			var scratch []byte
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			good := 0
			for b.Loop() {
				e, s, ok := ParseDocker(line, scratch)
				if ok && len(e.Content) == len(content) {
					good++
				}
				scratch = s
			}
			if good != b.N {
				b.Fatalf("%d of %d", good, b.N)
			}
		})
	}
	run("json", jsonLine)
	// 273 bytes in all, 20 quotes.
	run("quotes20", strings.Repeat(`"key":"v"`, 5)+strings.Repeat("x", 273-67-65))
	run("plain", strings.Repeat("plain text ", 19))
}

// What the same line costs with encoding/json, for a ratio of one run.
func BenchmarkParseDockerStandardLibrary(b *testing.B) {
	line := []byte(`{"log":"` + strings.ReplaceAll(jsonLine, `"`, `\"`) + `\n","stream":"stdout","time":"2026-11-21T08:15:30.123456789Z"}`)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		var e struct {
			Log, Stream string
			Time        time.Time
		}
		if err := json.Unmarshal(line, &e); err != nil || len(e.Log) != len(jsonLine)+1 {
			b.Fatal(err)
		}
	}
}

func BenchmarkJoiner(b *testing.B) {
	j := NewJoiner(1 << 20)
	e := &Entry{Stream: Stdout, Content: []byte(jsonLine)}
	var out []Joined
	b.ReportAllocs()
	for b.Loop() {
		out = j.Append(out[:0], e, 0)
	}
	if len(out) != 1 {
		b.Fatal(len(out))
	}
}
