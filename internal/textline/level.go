package textline

import (
	"strings"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// capitalLevel knows the words that stand for a severity when they are written in
// capitals: names of levels that are also short forms or ordinary words (ALL, LOG,
// HTTP, C) are left out.
func capitalLevel(s string) (severity.Number, bool) {
	if len(s) < 3 || len(s) > 12 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' || s[2] < 'A' || s[2] > 'Z' {
		return 0, false
	}
	switch s {
	case "INFO":
		return severity.Info, true
	case "DEBUG":
		return severity.Debug, true
	case "WARNING", "WARN":
		return severity.Warn, true
	case "ERROR":
		return severity.Error, true
	case "TRACE", "CRITICAL", "FATAL", "NOTICE", "ALERT", "EMERG", "EMERGENCY", "PANIC", "SUCCESS", "SEVERE",
		"VERBOSE", "DPANIC", "CRIT", "ERR", "INF", "WRN", "DBG", "TRC", "FTL", "PNC", "VRB",
		"TRAC", "DEBU", "ERRO", "FATA", "PANI", "FINER", "FINEST", "INFORMATION":
		return severity.FromText(s)
	}
	if i := strings.IndexAny(s, "+-"); i >= 4 { // slog's INFO+2
		return severity.FromText(s)
	}
	return 0, false
}

// coreLevel knows the capitals that begin a line which says no time.
func coreLevel(s string) (severity.Number, bool) {
	switch s {
	case "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL":
		return capitalLevel(s)
	}
	return 0, false
}

// bracketLevel knows what stands for a severity in brackets, in capitals or not.
func bracketLevel(s string) (severity.Number, bool) {
	s = strings.Trim(s, " ")
	if len(s) < 3 || len(s) > 12 {
		return 0, false
	}
	if n, ok := capitalLevel(s); ok {
		return n, true
	}
	switch s {
	case "trace", "debug", "info", "notice", "warn", "warning", "error", "err", "crit", "critical", "alert", "emerg",
		"emergency", "fatal", "panic", "success", "verbose", "silly",
		"Trace", "Debug", "Info", "Notice", "Warn", "Warning", "Error", "Critical", "Fatal", "Information":
		return severity.FromText(s)
	}
	return 0, false
}

// lowerLevel knows what winston and .NET put before a colon at the beginning of a
// line. winston's http is left to timedLevel: Go's net/http begins its messages so.
func lowerLevel(s string) (severity.Number, bool) {
	switch s {
	case "error", "warn", "info", "verbose", "debug", "silly", "trce", "dbug", "fail", "crit", "trace", "fatal", "warning", "critical", "notice":
		return severity.FromText(s)
	}
	return 0, false
}

// timedLevel knows what winston puts before a colon behind a time, or where the
// stream has had others of its words.
func timedLevel(s string) (severity.Number, bool) {
	if s == "http" {
		return severity.FromText(s)
	}
	return lowerLevel(s)
}

// everyday says that s does not occur in prose, as ERROR does.
func everyday(s string) bool {
	switch s {
	case "INFO", "DEBUG", "TRACE", "WARNING", "WARN", "NOTICE":
		return true
	}
	return false
}

func (p *parser) severity(text string, n severity.Number) {
	p.out.Severity, p.out.SeverityText = n, text
}
