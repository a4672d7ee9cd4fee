//go:build unix

package redaction

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/processors/redactprocessor"
)

// tenPatterns are the ten for upstream, as its users write them.
var tenPatterns = []string{
	`\b(?:\d[ -]?){13,16}\b`,                         // cards
	`\b5[1-5][0-9]{14}\b`,                            // MasterCard
	`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`, // e-mail
	`\b\d{3}-\d{2}-\d{4}\b`,                          // SSN
	`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,                  // AWS
	`eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[\w-]+`,   // JWT
	`gh[pousr]_[A-Za-z0-9]{36}`,                      // GitHub
	`xox[abprs]-[A-Za-z0-9-]+`,                       // Slack
	`-----BEGIN [A-Z ]*PRIVATE KEY-----`,             // private key
	`\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|\b)){4}`, // IPv4
}

// tenDetectors are the same for redact.
var tenDetectors = []any{
	"payment_card", "payment_card_mastercard", "email", "us_ssn", "aws_access_key_id", "jwt", "github_token", "slack_token", "private_key", "ipv4",
}

type contender struct {
	name    string
	factory processor.Factory
	config  map[string]any
}

var contenders = []contender{
	{"redaction", redactionprocessor.NewFactory(), map[string]any{"allow_all_keys": true, "blocked_values": tenPatterns, "summary": "silent"}},
	{"redact", redactprocessor.NewFactory(), map[string]any{"detectors": tenDetectors, "note": false, "keys": map[string]any{"builtin": false}}},
	{"redact-all", redactprocessor.NewFactory(), map[string]any{"detectors": []any{}}},
}

// batchOf is 200 records of a router's 295-byte line in 14 attributes; of each hundred,
// this many have an address in one of them.
func batchOf(hits int) plog.Logs {
	out := plog.NewLogs()
	records := out.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for n := range 200 {
		r := records.AppendEmpty()
		r.Body().SetStr("request")
		a := r.Attributes()
		a.EnsureCapacity(14)
		a.PutStr("event.name", "info")
		a.PutStr("http.request.method", "GET")
		a.PutStr("url.path", fmt.Sprintf("/orders/%d/items?page=2&sort=asc", n))
		a.PutStr("server.address", "shop-frontend.example.herokuapp.com")
		a.PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-%012d", n))
		a.PutStr("user.name", "jane")
		a.PutStr("process.dyno", "web.1")
		a.PutStr("connect", "1ms")
		a.PutStr("service", "18ms")
		a.PutInt("http.response.status_code", 200)
		a.PutInt("http.response.body.size", 18734)
		a.PutStr("tls.protocol.version", "tls1.3")
		a.PutStr("network.protocol.name", "https")
		a.PutStr("tls.cipher", "ECDHE-RSA-AES128-GCM-SHA256")
		if n%100 < hits {
			a.PutStr("user.name", fmt.Sprintf("jane.doe.%d@example.com", n))
		}
	}
	return out
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// checker counts the records in which the address is left.
type checker struct {
	consumertest.LogsSink
	records, leaks int
}

func (c *checker) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		c.records++
		if v, ok := r.Attributes().Get("user.name"); ok && strings.Contains(v.Str(), "@") {
			c.leaks++
		}
	}
	return nil
}

// BenchmarkRecords is the time for one record. The making of the input and the look at
// the output are not counted.
func BenchmarkRecords(b *testing.B) {
	for _, hits := range []int{0, 5, 100} {
		for _, c := range contenders {
			b.Run(fmt.Sprintf("hits=%d%%/%s", hits, c.name), func(b *testing.B) {
				cfg := c.factory.CreateDefaultConfig()
				require.NoError(b, confmap.NewFromStringMap(c.config).Unmarshal(cfg))
				next := &checker{}
				p, err := c.factory.CreateLogs(b.Context(), processortest.NewNopSettings(c.factory.Type()), cfg, next)
				require.NoError(b, err)
				require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
				fresh := batchOf(hits)
				inputs := make([]plog.Logs, 50)
				var used time.Duration
				b.ReportAllocs()
				b.ResetTimer()
				for done := 0; done < b.N; {
					b.StopTimer()
					batches := inputs[:min(len(inputs), b.N-done)]
					for i := range batches {
						batches[i] = fresh
						if hits > 0 { // otherwise nothing is changed
							batches[i] = plog.NewLogs()
							fresh.CopyTo(batches[i])
						}
					}
					b.StartTimer()
					begin := cpu(b)
					for _, logs := range batches {
						if err := p.ConsumeLogs(b.Context(), logs); err != nil {
							b.Fatal(err)
						}
					}
					used += cpu(b) - begin
					done += len(batches)
				}
				b.StopTimer()
				require.Equal(b, b.N*200, next.records)
				require.Zero(b, next.leaks, "each address is gone")
				b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*200), "cpu-ns/record")
				require.NoError(b, p.Shutdown(b.Context()))
			})
		}
	}
}

// BenchmarkText is the throughput of one core for text bodies: lines of a web server's access log
// without secrets, its clients by their names.
func BenchmarkText(b *testing.B) {
	for _, c := range []contender{
		{"redaction", redactionprocessor.NewFactory(), map[string]any{"allow_all_keys": true, "blocked_values": tenPatterns, "summary": "silent"}},
		{"redact-all", redactprocessor.NewFactory(), map[string]any{"detectors": []any{}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			cfg := c.factory.CreateDefaultConfig()
			require.NoError(b, confmap.NewFromStringMap(c.config).Unmarshal(cfg))
			p, err := c.factory.CreateLogs(b.Context(), processortest.NewNopSettings(c.factory.Type()), cfg, consumertest.NewNop())
			require.NoError(b, err)
			logs := plog.NewLogs()
			records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			size := 0
			for n := range 200 {
				line := fmt.Sprintf(`client-%d.example.net - frank [26/Nov/2026:13:55:%02d +0100] "GET /catalog/oak/%d?sort=price&page=%d HTTP/1.1" 200 %d "https://shop.example.com/start" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" rt=0.0%d`, n, n%60, n*7919, n%9, 1000+n*31, n)
				size += len(line)
				records.AppendEmpty().Body().SetStr(line)
			}
			b.ReportAllocs()
			begin := cpu(b)
			for b.Loop() {
				require.NoError(b, p.ConsumeLogs(b.Context(), logs))
			}
			b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu(b)-begin).Seconds(), "MB/cpu-s")
		})
	}
}
