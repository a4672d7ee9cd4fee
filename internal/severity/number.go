package severity

import (
	"fmt"
	"strings"
)

// Scheme says whose numbers FromNumber is given.
type Scheme uint8

const (
	// Auto takes the numbers that are written far more often by one logger than
	// by all others together: 0 to 7 are syslog's (journald's PRIORITY and GELF's
	// level among them), 10, 20, 30, 40, 50 and 60 those of pino and bunyan, whose
	// records carry numbers by default, and 5000, 10000, 20000, 30000, 40000 and 50000 those of
	// logback. Everything else is unknown. Python, whose 10 to 50 mean other
	// things than pino's, writes names by default: its numbers need Python.
	Auto Scheme = iota
	// OTel is 1 to 24, and 0 for unknown.
	OTel
	// Syslog is RFC 5424, 0 (emergency) to 7 (debug).
	Syslog
	// Python is the logging package and loguru, 1 to 59; 0 is NOTSET.
	Python
	// Pino is pino and bunyan, 1 to 99.
	Pino
	// Slog is Go's log/slog: -4, 0, 4, 8 and all between and beyond.
	Slog
	// Zap is go.uber.org/zap, -1 (debug) to 5 (fatal).
	Zap
	// Zerolog is -1 (trace) to 5 (panic); 6 is no level.
	Zerolog
	// Logrus is 0 (panic) to 6 (trace).
	Logrus
	// Log4j is log4j 2's 100 (FATAL) to 600 (TRACE), and the 5000 (TRACE) to
	// 50000 (FATAL) of log4j 1 and logback.
	Log4j
	// JUL is java.util.logging, 300 (FINEST) to 1000 (SEVERE).
	JUL
	// DotNet is Microsoft.Extensions.Logging, 0 (Trace) to 5 (Critical).
	DotNet
	// Ruby is Ruby's Logger, 0 (DEBUG) to 5 (UNKNOWN).
	Ruby
	// Android is android.util.Log, 2 (VERBOSE) to 7 (ASSERT).
	Android
	// NPM is winston's default, 0 (error) to 6 (silly).
	NPM
	// Monolog is PHP's Monolog, 100 (DEBUG) to 600 (EMERGENCY).
	Monolog
	// GoogleCloud is LogSeverity, 100 (DEBUG) to 800 (EMERGENCY); 0 is DEFAULT.
	GoogleCloud

	schemes
)

var schemeNames = [schemes]string{
	"auto", "otel", "syslog", "python", "pino", "slog", "zap", "zerolog", "logrus",
	"log4j", "jul", "dotnet", "ruby", "android", "npm", "monolog", "google_cloud",
}

// String is the name of s as ParseScheme reads it.
func (s Scheme) String() string {
	if s >= schemes {
		return fmt.Sprintf("Scheme(%d)", uint8(s))
	}
	return schemeNames[s]
}

// ParseScheme reads a scheme's name, in lower case. "" is Auto, "bunyan" is Pino
// and "logback" is Log4j. The error names all schemes.
func ParseScheme(name string) (Scheme, error) {
	switch name {
	case "":
		return Auto, nil
	case "bunyan":
		return Pino, nil
	case "logback":
		return Log4j, nil
	}
	for i, known := range schemeNames {
		if name == known {
			return Scheme(i), nil
		}
	}
	return Auto, fmt.Errorf("%q names no scheme of severity numbers: use one of %s", name, strings.Join(schemeNames[:], ", "))
}

// FromNumber gives the severity that a level's number stands for in a scheme. ok
// is false for numbers the scheme does not have.
func FromNumber(n int64, s Scheme) (number Number, ok bool) {
	switch s {
	case Auto:
		switch {
		case n < 10:
			return fromList(syslogNumbers[:], n)
		case n <= 60 && n%10 == 0:
			return fromDecade(n)
		}
		return fromLogback(n)
	case OTel:
		if n < 0 || n > int64(Fatal4) {
			return Unspecified, false
		}
		return Number(n), true
	case Syslog:
		return fromList(syslogNumbers[:], n)
	case Python:
		switch {
		case n == 0:
			return Unspecified, true
		case n < 0 || n >= 60:
			return Unspecified, false
		case n < 10:
			return Trace, true
		}
		return fromDecade(n + 10) // 10 is DEBUG here, TRACE for pino
	case Pino:
		switch {
		case n <= 0 || n >= 100:
			return Unspecified, false
		case n < 10:
			return Trace, true
		}
		return fromDecade(n)
	case Slog:
		return clamp(int64(Info) + min(max(n, -100), 100)), true
	case Zap:
		return fromList(zapNumbers[:], n+1)
	case Zerolog:
		return fromList(zerologNumbers[:], n+1)
	case Logrus:
		return fromList(logrusNumbers[:], n)
	case Log4j:
		if n%100 == 0 && n >= 100 && n <= 600 {
			return log4jNumbers[n/100-1], true
		}
		return fromLogback(n)
	case JUL:
		switch n {
		case 300:
			return Trace, true
		case 400:
			return Debug, true
		case 500:
			return Debug2, true
		case 700:
			return Debug3, true
		case 800:
			return Info, true
		case 900:
			return Warn, true
		case 1000:
			return Error, true
		}
	case DotNet:
		return fromList(dotNetNumbers[:], n)
	case Ruby:
		return fromList(rubyNumbers[:], n)
	case Android:
		return fromList(androidNumbers[:], n-2)
	case NPM:
		return fromList(npmNumbers[:], n)
	case Monolog:
		switch n {
		case 100:
			return Debug, true
		case 200:
			return Info, true
		case 250:
			return Info2, true
		case 300:
			return Warn, true
		case 400:
			return Error, true
		case 500:
			return Error2, true
		case 550:
			return Error3, true
		case 600:
			return Fatal, true
		}
	case GoogleCloud:
		if n%100 == 0 {
			return fromList(googleCloudNumbers[:], n/100)
		}
	}
	return Unspecified, false
}

var (
	syslogNumbers      = [...]Number{Fatal, Error3, Error2, Error, Warn, Info2, Info, Debug}
	zapNumbers         = [...]Number{Debug, Info, Warn, Error, Error2, Error3, Fatal}
	zerologNumbers     = [...]Number{Trace, Debug, Info, Warn, Error, Fatal, Fatal2}
	logrusNumbers      = [...]Number{Fatal2, Fatal, Error, Warn, Info, Debug, Trace}
	log4jNumbers       = [...]Number{Fatal, Error, Warn, Info, Debug, Trace}
	dotNetNumbers      = [...]Number{Trace, Debug, Info, Warn, Error, Fatal}
	rubyNumbers        = [...]Number{Debug, Info, Warn, Error, Fatal, Unspecified}
	androidNumbers     = [...]Number{Trace, Debug, Info, Warn, Error, Fatal}
	npmNumbers         = [...]Number{Error, Warn, Info, Debug3, Debug2, Debug, Trace}
	googleCloudNumbers = [...]Number{Unspecified, Debug, Info, Info2, Warn, Error, Error2, Error3, Fatal}
)

func fromList(list []Number, n int64) (Number, bool) {
	if n < 0 || n >= int64(len(list)) {
		return Unspecified, false
	}
	return list[n], true
}

// fromDecade reads numbers whose tens are the six ranges, 10 for TRACE to 60 for
// FATAL. Levels between two tens are ranked as OpenTelemetry's Python SDK ranks
// them: 1, 2, 3 above the ten are the second, third and fourth number of the
// range, and so are those above 3 the fourth. Python's SUCCESS (25, there with 10
// for DEBUG) is INFO4 by that.
func fromDecade(n int64) (Number, bool) {
	n = min(n, 69)
	return clamp(1 + 4*(n/10-1) + min(n%10, 3)), true
}

func fromLogback(n int64) (Number, bool) {
	switch n {
	case 5000:
		return Trace, true
	case 10000:
		return Debug, true
	case 20000:
		return Info, true
	case 30000:
		return Warn, true
	case 40000:
		return Error, true
	case 50000:
		return Fatal, true
	}
	return Unspecified, false
}
