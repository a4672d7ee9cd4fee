package textline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRealLoggers has what real libraries printed for one scenario: messages of all
// severities, one with characters of many scripts, and "the end".
func TestRealLoggers(t *testing.T) {
	const own = "shop.checkout"
	for _, c := range []struct {
		file       string
		severities string
		logger     string
		timed      bool
		place      bool
	}{
		{"go_klog_text", "I W E", "", true, true},
		{"go_log_short", "ERROR", "shop", true, true},
		{"go_log_standard", "ERROR", "", true, false},
		{"go_slog_default", "INFO INFO+2 WARN ERROR ERROR+4", "", true, false},
		{"go_zap_console", "DEBUG INFO WARN ERROR DPANIC FATAL", own, true, true},
		{"go_zerolog_console", "TRC DBG INF WRN ERR FTL PNC", "", true, false},
		{"java_log4j2_pattern", "TRACE DEBUG INFO NOTICE WARN ERROR FATAL", own, true, false},
		{"java_logback_pattern", "TRACE DEBUG INFO WARN ERROR", own, true, false},
		{"java_logback_spring", "TRACE DEBUG INFO WARN ERROR", own, true, false},
		{"node_winston_printf", "silly debug verbose http info warn error", "", true, false},
		{"node_winston_simple", "silly debug verbose http info warn error", "", false, false},
		{"python_aiologger_text", "DEBUG INFO WARNING ERROR CRITICAL", own, true, false},
		{"python_logging_basic", "DEBUG INFO SUCCESS WARNING ERROR CRITICAL", own, false, false},
		{"python_logging_default", "DEBUG INFO SUCCESS WARNING ERROR CRITICAL", own, true, false},
		{"python_logging_levels", "DEBUG INFO SUCCESS WARNING ERROR CRITICAL", own, true, false},
		{"python_logging_pipe", "DEBUG INFO SUCCESS WARNING ERROR CRITICAL", "", true, true},
		{"python_loguru_text", "TRACE DEBUG INFO SUCCESS WARNING ERROR CRITICAL", "with_loguru", true, true},
		{"python_structlog_console", "debug info warning error critical", "", true, false},
		{"ruby_logger_text", "DEBUG INFO WARN ERROR FATAL ANY", own, true, false},
		{"rust_env_logger_text", "TRACE DEBUG INFO WARN ERROR", "shop::checkout", true, false},
		{"rust_tracing_default", "TRACE DEBUG INFO WARN ERROR", "shop::checkout", true, false},
		{"rust_tracing_full", "TRACE DEBUG INFO WARN ERROR", "shop::checkout", true, false},
		{"rust_tracing_pretty", "TRACE DEBUG INFO WARN ERROR", "shop::checkout", true, false},
	} {
		b, err := os.ReadFile(filepath.Join("..", "logrecord", "testdata", "loggers", c.file+".txt"))
		require.NoError(t, err)
		var d Detector
		var l Line
		seen := map[string]bool{}
		ended := false
		recorded := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		for line := range strings.SplitSeq(string(b), "\n") {
			if !d.Parse(line, recorded, &l) {
				continue
			}
			seen[l.SeverityText] = true
			assert.Equal(t, c.timed, l.HasTime, line)
			assert.Equal(t, c.logger, l.Logger, line)
			assert.Equal(t, c.place, l.LineNumber != 0, line)
			if c.timed {
				assert.WithinDuration(t, recorded, time.Unix(0, int64(l.Time.UnixNano)), time.Hour, line)
			}
			assert.NotContains(t, l.Message, "\x1b")
			ended = ended || strings.HasPrefix(l.Message, "the end")
		}
		assert.True(t, ended, c.file)
		for word := range strings.SplitSeq(c.severities, " ") {
			assert.True(t, seen[word], "%s: %s", c.file, word)
		}
	}
	// Lines of other kinds, and uncaught exceptions, are not taken for log lines.
	for _, name := range []string{"go_logrus_text", "go_slog_text", "go_none_crash", "java_none_crash", "node_none_crash", "node_console_text", "python_none_crash", "ruby_none_crash", "rust_none_crash"} {
		b, err := os.ReadFile(filepath.Join("..", "logrecord", "testdata", "loggers", name+".txt"))
		require.NoError(t, err)
		var d Detector
		var l Line
		for line := range strings.SplitSeq(string(b), "\n") {
			assert.False(t, d.Parse(line, noon, &l), "%s: %s", name, line)
		}
	}
}
