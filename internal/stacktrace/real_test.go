package stacktrace_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/stacktrace"
	"github.com/heartwood-otel/heartwood/internal/textline"
)

// TestRealLoggers joins what real libraries printed for one scenario, by the layouts
// that textline finds: each file has a message of three lines, and an exception
// with a cause.
func TestRealLoggers(t *testing.T) {
	for _, c := range []struct {
		file    string
		records int
		kind    string
		message string
	}{
		{"go_klog_text", 9, "", ""},
		{"go_log_short", 6, "", ""},
		{"go_none_crash", 2, "panic", "payment failed: card declined: gateway timeout: 30 s"},
		{"go_slog_default", 11, "", ""},
		{"go_zap_console", 12, "", ""},
		{"go_zerolog_console", 14, "", ""},
		{"java_log4j2_pattern", 13, "shop.Scenario$PaymentException", "card declined"},
		{"java_logback_pattern", 11, "shop.Scenario$PaymentException", "card declined"},
		{"java_logback_spring", 11, "shop.Scenario$PaymentException", "card declined"},
		{"java_none_crash", 2, "shop.Scenario$PaymentException", "card declined"},
		{"node_console_text", 11, "PaymentError", "card declined"}, // three lines are three records
		{"node_none_crash", 2, "PaymentError", "card declined"},
		{"node_winston_printf", 13, "PaymentError", "card declined"},
		{"python_aiologger_text", 10, "shop.PaymentError", "card declined"},
		{"python_logging_basic", 12, "shop.PaymentError", "card declined"},
		{"python_logging_default", 12, "shop.PaymentError", "card declined"},
		{"python_logging_levels", 12, "shop.PaymentError", "card declined"},
		{"python_logging_pipe", 12, "shop.PaymentError", "card declined"},
		{"python_loguru_text", 13, "shop.PaymentError", "card declined"},
		{"python_none_crash", 2, "shop.PaymentError", "card declined"},
		{"python_structlog_console", 11, "shop.PaymentError", "card declined"},
		{"ruby_logger_text", 10, "Scenario::PaymentError", "card declined"},
		{"ruby_none_crash", 2, "Scenario::PaymentError", "card declined"},
		{"rust_env_logger_text", 11, "", ""},
		{"rust_none_crash", 3, "panic", "called `Result::unwrap()` on an `Err` value: PaymentError { cause: GatewayError }"},
		{"rust_tracing_default", 11, "", ""},
		{"rust_tracing_pretty", 11, "", ""},
	} {
		b, err := os.ReadFile(filepath.Join("..", "logrecord", "testdata", "loggers", c.file+".txt"))
		require.NoError(t, err)
		var d textline.Detector
		var l textline.Line
		j := stacktrace.Joiner{Margin: true}
		var records []string
		for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
			kind := stacktrace.Text
			switch {
			case !d.Parse(line, time.Now(), &l):
			case l.Head:
				kind = stacktrace.HeadRecord
			case l.Severity >= severity.Warn:
				kind = stacktrace.ErrorRecord
			default:
				kind = stacktrace.Record
			}
			if j.Continues([]byte(line), kind) {
				records[len(records)-1] += "\n" + line
			} else {
				records = append(records, line)
			}
		}
		assert.Len(t, records, c.records, c.file)
		var found []stacktrace.Exception
		for _, r := range records {
			if e, ok := stacktrace.Extract(r); ok && e.Type != "" {
				found = append(found, e)
			}
		}
		if c.kind == "" {
			assert.Empty(t, found, c.file)
			continue
		}
		if assert.Len(t, found, 1, c.file) {
			assert.Equal(t, c.kind, found[0].Type, c.file)
			assert.Equal(t, c.message, found[0].Message, c.file)
		}
	}
}
