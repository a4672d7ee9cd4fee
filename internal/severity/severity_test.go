package severity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFromText goes through the loggers one by one. The comment says where a
// logger's names are to be read.
func TestFromText(t *testing.T) {
	type words map[string]Number
	for logger, want := range map[string]words{
		// OpenTelemetry's short names, data-model.md, "Displaying Severity".
		"otel": {
			"TRACE": 1, "TRACE2": 2, "TRACE3": 3, "TRACE4": 4, "DEBUG": 5, "DEBUG2": 6, "DEBUG3": 7, "DEBUG4": 8,
			"INFO": 9, "INFO2": 10, "INFO3": 11, "INFO4": 12, "WARN": 13, "WARN2": 14, "WARN3": 15, "WARN4": 16,
			"ERROR": 17, "ERROR2": 18, "ERROR3": 19, "ERROR4": 20, "FATAL": 21, "FATAL2": 22, "FATAL3": 23, "FATAL4": 24,
		},
		// syslog(3), RFC 5424 table 2.
		"syslog": {
			"emerg": Fatal, "alert": Error3, "crit": Error2, "err": Error, "warning": Warn, "notice": Info2, "info": Info, "debug": Debug,
			"Emergency": Fatal, "Informational": Info, "panic": Fatal2, "error": Error, "warn": Warn,
		},
		// docs.python.org/3/library/logging.html#logging-levels
		"python": {"NOTSET": Unspecified, "DEBUG": Debug, "INFO": Info, "WARNING": Warn, "WARN": Warn, "ERROR": Error, "CRITICAL": Fatal, "FATAL": Fatal},
		// loguru.readthedocs.io, "The severity levels"
		"loguru": {"TRACE": Trace, "DEBUG": Debug, "INFO": Info, "SUCCESS": Info4, "WARNING": Warn, "ERROR": Error, "CRITICAL": Fatal},
		// logging.apache.org/log4j/2.x/manual/customloglevels.html
		"log4j": {"OFF": Unspecified, "FATAL": Fatal, "ERROR": Error, "WARN": Warn, "INFO": Info, "DEBUG": Debug, "TRACE": Trace, "ALL": Unspecified},
		// %-5level pads to five columns
		"log4j layout": {"INFO ": Info, "WARN ": Warn, " INFO": Info},
		// docs.oracle.com, java.util.logging.Level
		"jul": {"SEVERE": Error, "WARNING": Warn, "INFO": Info, "CONFIG": Debug3, "FINE": Debug2, "FINER": Debug, "FINEST": Trace, "ALL": Unspecified, "OFF": Unspecified},
		// github.com/sirupsen/logrus, logrus.go and text_formatter.go
		"logrus": {"panic": Fatal2, "fatal": Fatal, "error": Error, "warning": Warn, "info": Info, "debug": Debug, "trace": Trace, "PANI": Fatal2, "FATA": Fatal, "ERRO": Error, "DEBU": Debug, "TRAC": Trace},
		// pkg.go.dev/go.uber.org/zap/zapcore#Level
		"zap": {"debug": Debug, "info": Info, "warn": Warn, "error": Error, "dpanic": Error2, "panic": Fatal2, "fatal": Fatal, "DPANIC": Error2},
		// github.com/rs/zerolog, log.go and console.go
		"zerolog": {"trace": Trace, "debug": Debug, "info": Info, "warn": Warn, "error": Error, "fatal": Fatal, "panic": Fatal2, "TRC": Trace, "DBG": Debug, "INF": Info, "WRN": Warn, "ERR": Error, "FTL": Fatal, "PNC": Fatal2},
		// pkg.go.dev/log/slog#Level.String
		"slog": {"DEBUG-4": Trace, "DEBUG": Debug, "DEBUG+1": Debug2, "INFO": Info, "INFO+2": Info3, "INFO-1": Debug4, "WARN": Warn, "WARN+3": Warn4, "ERROR": Error, "ERROR+4": Fatal, "ERROR+100": Fatal4, "DEBUG-100": Trace, "info+2": Info3, "ERROR+999999999": Fatal4},
		// github.com/inconshreveable/log15, and go-ethereum's copy
		"log15": {"dbug": Debug, "info": Info, "warn": Warn, "eror": Error, "crit": Error2},
		// getpino.io, "level"; github.com/trentm/node-bunyan
		"pino": {"trace": Trace, "debug": Debug, "info": Info, "warn": Warn, "error": Error, "fatal": Fatal},
		// github.com/winstonjs/winston#logging-levels
		"winston": {"error": Error, "warn": Warn, "info": Info, "http": Debug3, "verbose": Debug, "debug": Debug, "silly": Trace},
		// learn.microsoft.com, LogLevel and SimpleConsoleFormatter
		"dotnet": {"Trace": Trace, "Debug": Debug, "Information": Info, "Warning": Warn, "Error": Error, "Critical": Fatal, "trce": Trace, "dbug": Debug, "info": Info, "warn": Warn, "fail": Error, "crit": Error2},
		// github.com/serilog/serilog, LogEventLevel and {Level:u3}
		"serilog": {"Verbose": Debug, "Debug": Debug, "Information": Info, "Warning": Warn, "Error": Error, "Fatal": Fatal, "VRB": Debug, "DBG": Debug, "INF": Info, "WRN": Warn, "ERR": Error, "FTL": Fatal},
		// docs.rs/tracing/latest/tracing/struct.Level.html
		"rust": {"TRACE": Trace, "DEBUG": Debug, "INFO": Info, "WARN": Warn, "ERROR": Error},
		// github.com/google/glog, klog
		"glog": {"I": Info, "W": Warn, "E": Error, "F": Fatal},
		// developer.android.com, logcat
		"android": {"V": Trace, "D": Debug, "I": Info, "W": Warn, "E": Error, "F": Fatal, "A": Fatal, "ASSERT": Fatal},
		// postgresql.org/docs/current/runtime-config-logging.html, table 19.2
		"postgresql": {"DEBUG5": Debug, "DEBUG4": Debug4, "DEBUG3": Debug3, "DEBUG2": Debug2, "DEBUG1": Debug, "INFO": Info, "NOTICE": Info2, "WARNING": Warn, "ERROR": Error, "LOG": Info, "FATAL": Fatal, "PANIC": Fatal2},
		// dev.mysql.com, "The Error Log"
		"mysql": {"System": Info, "Error": Error, "Warning": Warn, "Note": Info},
		// nginx.org/en/docs/ngx_core_module.html#error_log
		"nginx": {"debug": Debug, "info": Info, "notice": Info2, "warn": Warn, "error": Error, "crit": Error2, "alert": Error3, "emerg": Fatal},
		// docs.ruby-lang.org, Logger::Severity
		"ruby": {"DEBUG": Debug, "INFO": Info, "WARN": Warn, "ERROR": Error, "FATAL": Fatal, "UNKNOWN": Unspecified, "ANY": Unspecified},
		// php-fig.org/psr/psr-3, Monolog
		"php": {"DEBUG": Debug, "INFO": Info, "NOTICE": Info2, "WARNING": Warn, "ERROR": Error, "CRITICAL": Fatal, "ALERT": Error3, "EMERGENCY": Fatal},
		// cloud.google.com/logging, LogSeverity
		"google": {"DEFAULT": Unspecified, "DEBUG": Debug, "NOTICE": Info2, "EMERGENCY": Fatal},
	} {
		for word, number := range want {
			for _, spelling := range []string{word, strings.ToUpper(word), strings.ToLower(word)} {
				got, ok := FromText(spelling)
				assert.True(t, ok, "%s: %q", logger, spelling)
				assert.Equal(t, number, got, "%s: %q", logger, spelling)
			}
		}
	}
}

func TestFromTextRefuses(t *testing.T) {
	for _, word := range []string{
		"", " ", "1", "30", "-4", "level", "infoo", "inf o", "info!", "ínfo", "info\x00", "informationals", "INFO+", "INFO-", "INFO+x", "INFO+1x", "INFO++1",
		"FATAL+1", "FINER+1", "NOTICE+1", "INFO+1000000000", "DEBUG2+1", "[INFO]", "WARN-+1", "debug-", "success!", "high", "low", "ok", "true",
		strings.Repeat(" ", 40) + "info", strings.Repeat("info", 1<<18), strings.Repeat(" ", 1<<20), "\xff\xfe", "iNf\xcf",
	} {
		got, ok := FromText(word)
		assert.False(t, ok, "%.40q", word)
		assert.Equal(t, Unspecified, got, "%.40q", word)
	}
}

func TestFromPlainWord(t *testing.T) {
	for _, word := range []string{"trace", "debug", "info", "notice", "warn", "warning", "error", "err", "crit", "critical", "emerg", "emergency", "fatal", "panic", "INFO", "Error"} {
		got, ok := FromPlainWord(word)
		want, _ := FromText(word)
		assert.True(t, ok, word)
		assert.Equal(t, want, got, word)
	}
	for _, word := range []string{"log", "http", "success", "unknown", "all", "off", "note", "system", "config", "fine", "e", "i", "alert", "fail", "default", "any", "verbose", "assert", "info2", "INFO+2", " info", ""} {
		_, ok := FromPlainWord(word)
		assert.False(t, ok, word)
	}
}

func TestFromNumber(t *testing.T) {
	type numbers map[int64]Number
	for scheme, want := range map[Scheme]numbers{
		Auto:        {0: Fatal, 1: Error3, 2: Error2, 3: Error, 4: Warn, 5: Info2, 6: Info, 7: Debug, 10: Trace, 20: Debug, 30: Info, 40: Warn, 50: Error, 60: Fatal, 5000: Trace, 10000: Debug, 20000: Info, 30000: Warn, 40000: Error, 50000: Fatal},
		OTel:        {0: Unspecified, 1: Trace, 9: Info, 24: Fatal4},
		Syslog:      {0: Fatal, 3: Error, 7: Debug},
		Python:      {0: Unspecified, 1: Trace, 5: Trace, 10: Debug, 11: Debug2, 19: Debug4, 20: Info, 21: Info2, 22: Info3, 25: Info4, 30: Warn, 40: Error, 50: Fatal, 53: Fatal4, 59: Fatal4},
		Pino:        {1: Trace, 10: Trace, 11: Trace2, 20: Debug, 30: Info, 35: Info4, 40: Warn, 50: Error, 60: Fatal, 61: Fatal2, 99: Fatal4},
		Slog:        {-9: Trace, -8: Trace, -4: Debug, 0: Info, 2: Info3, 4: Warn, 8: Error, 12: Fatal, 100: Fatal4, 1 << 62: Fatal4, -1 << 63: Trace},
		Zap:         {-1: Debug, 0: Info, 1: Warn, 2: Error, 3: Error2, 4: Error3, 5: Fatal},
		Zerolog:     {-1: Trace, 0: Debug, 1: Info, 2: Warn, 3: Error, 4: Fatal, 5: Fatal2},
		Logrus:      {0: Fatal2, 1: Fatal, 2: Error, 3: Warn, 4: Info, 5: Debug, 6: Trace},
		Log4j:       {100: Fatal, 200: Error, 300: Warn, 400: Info, 500: Debug, 600: Trace, 5000: Trace, 20000: Info},
		JUL:         {300: Trace, 400: Debug, 500: Debug2, 700: Debug3, 800: Info, 900: Warn, 1000: Error},
		DotNet:      {0: Trace, 1: Debug, 2: Info, 3: Warn, 4: Error, 5: Fatal},
		Ruby:        {0: Debug, 1: Info, 2: Warn, 3: Error, 4: Fatal, 5: Unspecified},
		Android:     {2: Trace, 3: Debug, 4: Info, 5: Warn, 6: Error, 7: Fatal},
		NPM:         {0: Error, 1: Warn, 2: Info, 3: Debug3, 4: Debug2, 5: Debug, 6: Trace},
		Monolog:     {100: Debug, 200: Info, 250: Info2, 300: Warn, 400: Error, 500: Error2, 550: Error3, 600: Fatal},
		GoogleCloud: {0: Unspecified, 100: Debug, 200: Info, 300: Info2, 400: Warn, 500: Error, 600: Error2, 700: Error3, 800: Fatal},
	} {
		for n, number := range want {
			got, ok := FromNumber(n, scheme)
			assert.True(t, ok, "%s: %d", scheme, n)
			assert.Equal(t, number, got, "%s: %d", scheme, n)
		}
	}
	for scheme, refused := range map[Scheme][]int64{
		Auto: {-1, -4, 8, 9, 11, 25, 42, 61, 70, 100, 1000, 60000, 1 << 62, -1 << 63}, OTel: {-1, 25}, Syslog: {-1, 8},
		Python: {-1, 60}, Pino: {0, -1, 100, 1 << 62}, Zap: {-2, 6}, Zerolog: {-2, 6, 7}, Logrus: {-1, 7},
		Log4j: {0, 50, 150, 700, 60000, -100}, JUL: {0, 600, 1001}, DotNet: {-1, 6}, Ruby: {-1, 6}, Android: {1, 8},
		NPM: {-1, 7}, Monolog: {0, 150, 700}, GoogleCloud: {50, 900, -100}, schemes: {1},
	} {
		for _, n := range refused {
			got, ok := FromNumber(n, scheme)
			assert.False(t, ok, "%s: %d", scheme, n)
			assert.Equal(t, Unspecified, got)
		}
	}
}

// TestSchemesKeepTheOrder holds that of two levels of one logger the more severe
// one never gets the smaller number.
func TestSchemesKeepTheOrder(t *testing.T) {
	falling := map[Scheme]bool{Syslog: true, Logrus: true, NPM: true}
	for scheme := OTel; scheme < schemes; scheme++ {
		var last Number
		for n := int64(-20); n <= 1100; n++ {
			level := n
			if falling[scheme] {
				level = -n
			}
			if scheme == Log4j && n < 1000 {
				continue // log4j 2's fall
			}
			got, ok := FromNumber(level, scheme)
			if !ok || got == Unspecified {
				continue
			}
			assert.GreaterOrEqual(t, got, last, "%s: %d", scheme, level)
			last = got
		}
	}
}

func TestFromGlogLetter(t *testing.T) {
	for letter, want := range map[byte]Number{'V': Trace, 'D': Debug, 'I': Info, 'W': Warn, 'E': Error, 'F': Fatal, 'i': Info, 'A': Fatal} {
		got, ok := FromGlogLetter(letter)
		assert.True(t, ok)
		assert.Equal(t, want, got, string(letter))
	}
	for _, c := range []byte{0, ' ', 'x', '1', 0xff, 'I' &^ 0x40, 'Z'} {
		_, ok := FromGlogLetter(c)
		assert.False(t, ok, "%q", c)
	}
}

func TestSchemeNames(t *testing.T) {
	for scheme := range schemes {
		got, err := ParseScheme(scheme.String())
		require.NoError(t, err)
		assert.Equal(t, scheme, got)
	}
	for name, want := range map[string]Scheme{"": Auto, "bunyan": Pino, "logback": Log4j} {
		got, err := ParseScheme(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := ParseScheme("Syslog")
	require.ErrorContains(t, err, `"Syslog"`)
	require.ErrorContains(t, err, "auto, otel, syslog")
	assert.Equal(t, "Scheme(200)", Scheme(200).String())
}

func TestNumberNames(t *testing.T) {
	assert.Equal(t, "UNSPECIFIED", Unspecified.String())
	for n := Trace; n <= Fatal4; n++ {
		got, ok := FromText(n.String())
		assert.True(t, ok)
		assert.Equal(t, n, got)
	}
	assert.Equal(t, "Number(25)", Number(25).String())
	assert.Equal(t, "Number(-1)", Number(-1).String())
}

func TestFromTextAllocatesNothing(t *testing.T) {
	words := []string{"info", "WARNING", "DEBUG-4", " info ", "no level at all, but a whole sentence", strings.Repeat("x", 1<<20)}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, word := range words {
			FromText(word)
			FromPlainWord(word)
		}
	}))
}

func FuzzFromText(f *testing.F) {
	for _, seed := range []string{"info", "INFO+2", "DEBUG-4", " warn ", "", "ERROR+99999999999", "\x00", "İnfo"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := FromText(s)
		if n < Unspecified || n > Fatal4 {
			t.Errorf("%q gives %d", s, n)
		}
		if !ok && n != Unspecified {
			t.Errorf("%q is no level, and gives %d", s, n)
		}
		upper, okUpper := FromText(asciiUpper(s))
		if upper != n || okUpper != ok {
			t.Errorf("%q: case changes %v to %v", s, n, upper)
		}
		if plain, isPlain := FromPlainWord(s); isPlain && (!ok || plain != n) {
			t.Errorf("%q: a plain word that is no level", s)
		}
	})
}

func asciiUpper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 0x20
		}
	}
	return string(b)
}

func BenchmarkFromText(b *testing.B) {
	for _, word := range []string{"info", "WARNING", "INFO+2", "no level at all"} {
		b.Run("word="+strings.ReplaceAll(word, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				FromText(word)
			}
		})
	}
}
