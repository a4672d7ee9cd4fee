package severity

// fromWord is the table of words. Each case stands on the line of the logger that
// is the best-known writer of the word; README.md says which others use it.
func fromWord(s string) (Number, bool) {
	var buf [maxWord]byte
	switch string(lower(&buf, s)) {
	// Everybody's.
	case "trace", "trac", "trce", "trc", "t":
		return Trace, true
	case "debug", "debu", "dbug", "dbg", "d":
		return Debug, true
	case "info", "information", "informational", "inf", "i":
		return Info, true
	case "warn", "warning", "wrn", "w":
		return Warn, true
	case "error", "err", "erro", "eror", "e", "fail":
		return Error, true
	case "fatal", "fata", "ftl", "f":
		return Fatal, true

	// OpenTelemetry's short names. PostgreSQL's DEBUG1 to DEBUG5 share three of
	// them and stay in the range of DEBUG.
	case "trace2":
		return Trace2, true
	case "trace3":
		return Trace3, true
	case "trace4":
		return Trace4, true
	case "debug1", "debug5":
		return Debug, true
	case "debug2":
		return Debug2, true
	case "debug3":
		return Debug3, true
	case "debug4":
		return Debug4, true
	case "info2":
		return Info2, true
	case "info3":
		return Info3, true
	case "info4":
		return Info4, true
	case "warn2":
		return Warn2, true
	case "warn3":
		return Warn3, true
	case "warn4":
		return Warn4, true
	case "error2":
		return Error2, true
	case "error3":
		return Error3, true
	case "error4":
		return Error4, true
	case "fatal2":
		return Fatal2, true
	case "fatal3":
		return Fatal3, true
	case "fatal4":
		return Fatal4, true

	// syslog, nginx, Erlang, PHP's PSR-3.
	case "notice", "n":
		return Info2, true
	case "crit":
		return Error2, true
	case "alert":
		return Error3, true
	case "emerg", "emergency":
		return Fatal, true

	// Python, .NET, loguru.
	case "critical", "c":
		return Fatal, true
	case "success":
		return Info4, true

	// logrus, zerolog, PostgreSQL, zap.
	case "panic", "pani", "pnc":
		return Fatal2, true
	case "dpanic":
		return Error2, true

	// PostgreSQL, MySQL.
	case "log", "note", "system":
		return Info, true

	// java.util.logging.
	case "severe":
		return Error, true
	case "config":
		return Debug3, true
	case "fine":
		return Debug2, true
	case "finer":
		return Debug, true
	case "finest":
		return Trace, true

	// Android, Serilog, Windows; winston.
	case "verbose", "vrb":
		return Debug, true
	case "v":
		return Trace, true
	case "assert", "a":
		return Fatal, true
	case "http":
		return Debug3, true
	case "silly":
		return Trace, true

	// Words that name no severity: Ruby (UNKNOWN, printed as ANY), Python
	// (NOTSET), Google Cloud (DEFAULT), log4j's two ends of the scale.
	case "unknown", "any", "notset", "default", "unspecified", "all", "off":
		return Unspecified, true
	}
	return Unspecified, false
}

// maxSlogDigits bounds the number behind slog's sign.
const maxSlogDigits = 9

// fromSlog reads the text of a slog.Level between or beyond the four names.
// Source: https://pkg.go.dev/log/slog#Level.String
func fromSlog(s string) (Number, bool) {
	at := 4
	if len(s) > 5 && (s[5] == '+' || s[5] == '-') {
		at = 5
	} else if len(s) <= 5 || s[4] != '+' && s[4] != '-' {
		return Unspecified, false
	}
	var buf [maxWord]byte
	var base Number
	switch string(lower(&buf, s[:at])) {
	case "debug":
		base = Debug
	case "info":
		base = Info
	case "warn":
		base = Warn
	case "error":
		base = Error
	default:
		return Unspecified, false
	}
	digits := s[at+1:]
	if digits == "" || len(digits) > maxSlogDigits {
		return Unspecified, false
	}
	var n int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return Unspecified, false
		}
		n = 10*n + int64(c-'0')
	}
	if s[at] == '-' {
		n = -n
	}
	return clamp(int64(base) + n), true
}

func clamp(n int64) Number {
	return Number(min(max(n, int64(Trace)), int64(Fatal4)))
}
