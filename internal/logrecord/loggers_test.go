package logrecord

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestLoggersScenario holds what the scenario of testdata/loggers must come to,
// whatever the library calls it. The golden files have the rest.
func TestLoggersScenario(t *testing.T) {
	files, err := filepath.Glob("testdata/loggers/*.jsonl")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	loggers := map[string]string{
		"python_loguru_json": "with_loguru", "python_structlog_ecs": "", "python_aiologger_json": "",
		"rust_tracing_json": "shop::checkout", "rust_tracing_flattened": "shop::checkout",
	}
	// log4j's maps are their own text in these layouts, and logback's pairs are left
	// out by Elastic's encoder.
	textual := []string{"java_logback_ecslogging", "java_log4j2_ecs", "java_log4j2_gelf", "java_log4j2_json", "java_log4j2_logstash", "java_log4j2_fields"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			records, lines := map[string]plog.LogRecord{}, map[string]string{}
			for line := range bytes.Lines(content) {
				if line = bytes.TrimSuffix(line, []byte("\n")); !bytes.HasPrefix(line, []byte("{")) {
					continue
				}
				r := mapJSON(t, Settings{}, string(line), nil).record
				records[r.Body().Str()], lines[r.Body().Str()] = r, string(line)
				_, broken := r.Attributes().Get(attrParseError)
				assert.False(t, broken, string(line))
				assert.WithinRange(t, r.Timestamp().AsTime(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC))
				want, ok := loggers[name]
				if !ok {
					want = "shop.checkout"
				}
				logger, _ := r.Attributes().AsRaw()[attrLogger].(string)
				assert.Equal(t, want, logger, string(line))
			}
			attribute := func(body, key string) any {
				r, ok := records[body]
				if !assert.True(t, ok, "no %q", body) {
					return nil
				}
				return r.Attributes().AsRaw()[key]
			}
			for body, want := range map[string]plog.SeverityNumber{
				"a warning message": plog.SeverityNumberWarn, "an error message": plog.SeverityNumberError,
				"grüße äöü 日本語 🚀": plog.SeverityNumberInfo, "first line\nsecond \"quoted\" line\n\tthird \\ line": plog.SeverityNumberInfo,
			} {
				r, ok := records[body]
				if assert.True(t, ok, "no %q", body) {
					assert.Equal(t, want, r.SeverityNumber())
				}
			}
			if r, ok := records["a success message"]; ok {
				assert.Equal(t, plog.SeverityNumberInfo4, r.SeverityNumber())
			}
			if !slices.Contains(textual, name) {
				assert.Equal(t, "A-17", attribute("order placed", "order_id"))
				if name != "java_logback_json" { // which writes texts
					assert.Equal(t, int64(3), attribute("order placed", "items"))
					assert.InDelta(t, 99.99, attribute("order placed", "price"), 0)
					assert.Equal(t, true, attribute("order placed", "paid"))
				}
			}
			const request = "request handled"
			if handled, ok := records[request]; ok {
				assert.Equal(t, "req-7f3a91", attribute(request, "request_id"))
				if strings.Contains(lines[request], "4bf92f3577b34da6a3ce929d0e0e4736") {
					assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", handled.TraceID().String())
					assert.Equal(t, "00f067aa0ba902b7", handled.SpanID().String())
				}
			} else {
				assert.Equal(t, "python_aiologger_json", name) // has no context
			}
			failed := "payment failed"
			if name == "node_winston_json" {
				failed = "payment failed card declined" // joins the two itself
			}
			said, _ := attribute(failed, attrException).(string)
			stack, _ := attribute(failed, attrExceptionStack).(string)
			assert.Contains(t, said+stack, "card declined")
			if strings.HasPrefix(name, "python") || strings.HasPrefix(name, "java") || strings.HasPrefix(name, "node") {
				assert.Contains(t, stack, "\n") // its frames
			}
		})
	}
}
