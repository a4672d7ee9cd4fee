package syslogheader_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/syslogheader"
)

var (
	utc    = time.UTC
	berlin = time.FixedZone("CET", 3600)
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, utc)
)

type want struct {
	facility, severity, version int
	at                          time.Time
	guess                       bool
	host, app, pid, id, data    string
	message                     string
}

func check(t *testing.T, line string, set syslogheader.Settings, w want) {
	t.Helper()
	set.Now = now
	h, msg, ok := syslogheader.Parse([]byte(line), set)
	require.True(t, ok, line)
	assert.True(t, w.at.Equal(h.Time), "%s: time is %s, not %s", line, h.Time, w.at)
	got := want{
		h.Facility, h.Severity, h.Version, w.at, h.TimeGuess,
		string(h.Host), string(h.App), string(h.ProcID), string(h.MsgID), string(h.StructuredData), string(msg),
	}
	assert.Equal(t, w, got, line)
}

func TestRFC5424(t *testing.T) {
	at := time.Date(2003, 10, 11, 22, 14, 15, 3_000_000, utc)
	for line, w := range map[string]want{
		// The examples of RFC 5424, section 6.5.
		"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed": {
			4, 2, 1, at, false, "mymachine.example.com", "su", "", "ID47", "", "'su root' failed",
		},
		"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time": {
			20, 5, 1, time.Date(2003, 8, 24, 12, 14, 15, 3000, utc), false, "192.0.2.1", "myproc", "8710", "", "", "%% It's time",
		},
		`<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App\]\"x"][b@1] An event`: {
			20, 5, 1, at, false, "host", "evntslog", "", "ID47", `[exampleSDID@32473 iut="3" eventSource="App\]\"x"][b@1]`, "An event",
		},
		`<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [a@1 b="c"]`: {
			20, 5, 1, at, false, "host", "evntslog", "", "ID47", `[a@1 b="c"]`, "",
		},
		"<0>1 - - - - - -":      {version: 1},
		"<0>1 - - - - - ":       {version: 1},
		"<0>1 - - - - -":        {version: 1},
		"<0>1 - - - - - - a=1":  {version: 1, message: "a=1"},
		"<0>1 - - - - - -  a=1": {version: 1, message: " a=1"},
		// STRUCTURED-DATA left out.
		"<14>1 2003-10-11T22:14:15.003Z host app web.1 - a=1 b=2": {1, 6, 1, at, false, "host", "app", "web.1", "", "", "a=1 b=2"},
		"<14>1 2003-10-11T22:14:15.003Z host app web.1 - -a=1":    {1, 6, 1, at, false, "host", "app", "web.1", "", "", "-a=1"},
		`<14>1 2003-10-11T22:14:15.003Z host app web.1 - [a b]`:   {1, 6, 1, at, false, "host", "app", "web.1", "", "", "[a b]"},
		`<14>1 2003-10-11T22:14:15.003Z host app web.1 - [a b="c`: {1, 6, 1, at, false, "host", "app", "web.1", "", "", `[a b="c`},
		`<14>1 2003-10-11T22:14:15.003Z host app web.1 - [a b="`:  {1, 6, 1, at, false, "host", "app", "web.1", "", "", `[a b="`},
		`<14>1 2003-10-11T22:14:15.003Z host app web.1 - [a b="\`: {1, 6, 1, at, false, "host", "app", "web.1", "", "", `[a b="\`},
		`<14>1 2003-10-11T22:14:15.003Z host app web.1 - [a]b`:    {1, 6, 1, at, false, "host", "app", "web.1", "", "", `[a]b`},
		`<14>1 2003-10-11T22:14:15.003Z host app web.1 - [] b`:    {1, 6, 1, at, false, "host", "app", "web.1", "", "", `[] b`},
		// What is no RFC 5424 keeps all but the PRI.
		"<34>1 2003-10-11T22:14:15.003Z mymachine su":     {4, 2, 0, time.Time{}, false, "", "", "", "", "", "1 2003-10-11T22:14:15.003Z mymachine su"},
		"<34>1 2003-10-11T22:14:15.003 h a p m - x":       {4, 2, 0, time.Time{}, false, "", "", "", "", "", "1 2003-10-11T22:14:15.003 h a p m - x"},
		"<34>1 2003-02-30T22:14:15Z h a p m - x":          {4, 2, 0, time.Time{}, false, "", "", "", "", "", "1 2003-02-30T22:14:15Z h a p m - x"},
		"<34>2 2003-10-11T22:14:15Z h a p m - x":          {4, 2, 0, time.Time{}, false, "", "", "", "", "", "2 2003-10-11T22:14:15Z h a p m - x"},
		"<34>1 2003-10-11T22:14:15.003Z  h a p m - x y z": {4, 2, 0, time.Time{}, false, "", "", "", "", "", "1 2003-10-11T22:14:15.003Z  h a p m - x y z"},
	} {
		check(t, line, syslogheader.Settings{Location: berlin}, w)
	}
}

func TestLogplex(t *testing.T) {
	at := time.Date(2012, 11, 30, 6, 45, 29, 0, utc)
	for line, w := range map[string]want{
		"<40>1 2012-11-30T06:45:29+00:00 host app web.3 - State changed from starting to up": {
			5, 0, 1, at, false, "host", "app", "web.3", "", "", "State changed from starting to up",
		},
		"<40>1 2012-11-30T06:45:29+00:00 host app web.3 - - item":   {5, 0, 1, at, false, "host", "app", "web.3", "", "", "- item"},
		"<40>1 2012-11-30T06:45:29+00:00 host app web.3 - [x] y":    {5, 0, 1, at, false, "host", "app", "web.3", "", "", "[x] y"},
		"<40>1 2012-11-30T06:45:29+00:00 host app web.3 - ":         {5, 0, 1, at, false, "host", "app", "web.3", "", "", ""},
		"<190>1 2012-11-30T06:45:29.000Z host app web.3 - a=1\nb=2": {23, 6, 1, at, false, "host", "app", "web.3", "", "", "a=1\nb=2"},
	} {
		check(t, line, syslogheader.Settings{Dialect: syslogheader.Logplex}, w)
	}
}

func TestRFC3164(t *testing.T) {
	in := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 22, 14, 15, 0, berlin)
	}
	oct := in(2025, 10, 11)
	for line, w := range map[string]want{
		"<34>Oct 11 22:14:15 mymachine su: 'su root' failed":  {4, 2, 0, oct, true, "mymachine", "su", "", "", "", "'su root' failed"},
		"<13>Oct 11 22:14:15 10.0.0.99 app[42]: a=1":          {1, 5, 0, oct, true, "10.0.0.99", "app", "42", "", "", "a=1"},
		"<13>Oct 11 22:14:15 host app[42] a=1":                {1, 5, 0, oct, true, "host", "app", "42", "", "", "a=1"},
		"<13>Oct 11 22:14:15 host a=1 b=2":                    {1, 5, 0, oct, true, "host", "", "", "", "", "a=1 b=2"},
		"<13>Oct 11 22:14:15 a=1 b=2":                         {1, 5, 0, oct, true, "", "", "", "", "", "a=1 b=2"},
		"<13>Oct 11 22:14:15 app[42]: a=1":                    {1, 5, 0, oct, true, "", "app", "42", "", "", "a=1"},
		"<13>Oct 11 22:14:15 app: a=1":                        {1, 5, 0, oct, true, "", "app", "", "", "", "a=1"},
		"<13>Oct 11 22:14:15 host app: url=http://x":          {1, 5, 0, oct, true, "host", "app", "", "", "", "url=http://x"},
		"<13>Oct 11 22:14:15 host http://x":                   {1, 5, 0, oct, true, "host", "", "", "", "", "http://x"},
		"<13>Oct 11 22:14:15 fe80::1%eth0 app: x":             {1, 5, 0, oct, true, "fe80::1%eth0", "app", "", "", "", "x"},
		"<13>Oct 11 22:14:15 host app[a b]: x":                {1, 5, 0, oct, true, "host", "", "", "", "", "app[a b]: x"},
		"<13>Oct 11 22:14:15 host app[]: x":                   {1, 5, 0, oct, true, "host", "", "", "", "", "app[]: x"},
		"<13>Oct 11 22:14:15":                                 {1, 5, 0, oct, true, "", "", "", "", "", ""},
		"<13>Oct 11 22:14:15: %LINK-3-UPDOWN: x":              {1, 5, 0, oct, true, "", "", "", "", "", "%LINK-3-UPDOWN: x"},
		"<13>Oct 11 2019 22:14:15 host app: x":                {1, 5, 0, in(2019, 10, 11), true, "host", "app", "", "", "", "x"},
		"<13>Oct  1 22:14:15 host app: x":                     {1, 5, 0, in(2025, 10, 1), true, "host", "app", "", "", "", "x"},
		"<13>Oct 1 22:14:15 host app: x":                      {1, 5, 0, in(2025, 10, 1), true, "host", "app", "", "", "", "x"},
		"<13>Oct 11 22:14:15.5 host app: x":                   {1, 5, 0, oct.Add(500 * time.Millisecond), true, "host", "app", "", "", "", "x"},
		"<13>Mar  1 22:14:15 host app: x":                     {1, 5, 0, in(2026, 3, 1), true, "host", "app", "", "", "", "x"},
		"<13>Mar  2 22:14:15 host app: x":                     {1, 5, 0, in(2025, 3, 2), true, "host", "app", "", "", "", "x"},
		"<13>Feb 29 22:14:15 host app: x":                     {1, 5, 0, in(2024, 2, 29), true, "host", "app", "", "", "", "x"},
		"<13>2003-10-11T22:14:15Z host app: x":                {1, 5, 0, time.Date(2003, 10, 11, 22, 14, 15, 0, utc), false, "host", "app", "", "", "", "x"},
		"<13>2003-10-11T22:14:15.123456789+02:00 host app: x": {1, 5, 0, time.Date(2003, 10, 11, 20, 14, 15, 123456789, utc), false, "host", "app", "", "", "", "x"},
		"<13>2003-10-11T22:14:15 host app: x":                 {1, 5, 0, in(2003, 10, 11), true, "host", "app", "", "", "", "x"},
		"<13>level=info msg=x":                                {1, 5, 0, time.Time{}, false, "", "", "", "", "", "level=info msg=x"},
		"<13>Feb 30 22:14:15 host app: x":                     {1, 5, 0, time.Time{}, false, "", "", "", "", "", "Feb 30 22:14:15 host app: x"},
		"<13>Oct 11 25:14:15 host app: x":                     {1, 5, 0, time.Time{}, false, "", "", "", "", "", "Oct 11 25:14:15 host app: x"},
		"<13>Okt 11 22:14:15 host app: x":                     {1, 5, 0, time.Time{}, false, "", "", "", "", "", "Okt 11 22:14:15 host app: x"},
		"<13>Oct 111 22:14:15 host app: x":                    {1, 5, 0, time.Time{}, false, "", "", "", "", "", "Oct 111 22:14:15 host app: x"},
		"<13>":                                                {facility: 1, severity: 5},
		"<191>x":                                              {facility: 23, severity: 7, message: "x"},
	} {
		check(t, line, syslogheader.Settings{Location: berlin}, w)
	}
}

func TestNoHeader(t *testing.T) {
	for _, line := range []string{"", "<", "<>", "<1", "<12", "<x>", "<1x>", "<192>x", "<1234>x", "<-1>x", " <13>x", "level=info", "13>x"} {
		h, msg, ok := syslogheader.Parse([]byte(line), syslogheader.Settings{})
		assert.False(t, ok, line)
		assert.Equal(t, line, string(msg))
		assert.Zero(t, h)
	}
}

// FuzzParse: no panic; the message is the end of the line, but for what the header
// took; a header that was read again from its own line is the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbfx",
		`<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut="3"] An event`,
		"<34>Oct 11 22:14:15 mymachine su[12]: x", "<13>2003-10-11 22:14:15,5 h a: x", "<13>Feb 29 2023 00:00:60 x", "<0>1 - - - - - -",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, line []byte, logplex bool) {
		set := syslogheader.Settings{Now: now}
		if logplex {
			set.Dialect = syslogheader.Logplex
		}
		h, msg, ok := syslogheader.Parse(line, set)
		require.True(t, bytes.HasSuffix(line, msg))
		if !ok {
			require.Equal(t, line, msg)
			return
		}
		require.LessOrEqual(t, h.Facility, 23)
		require.LessOrEqual(t, h.Severity, 7)
		for _, part := range [][]byte{h.Host, h.App, h.ProcID, h.MsgID, h.StructuredData} {
			require.True(t, bytes.Contains(line, part))
		}
		if h.Version == 0 && h.Time.IsZero() {
			require.Len(t, msg, len(line)-bytes.IndexByte(line, '>')-1, "only the PRI may be gone")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, line := range map[string]string{
		"format=rfc5424": "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su 4711 ID47 - level=info msg=x",
		"format=rfc3164": "<34>Oct 11 22:14:15 mymachine su[4711]: level=info msg=x",
	} {
		b.Run(name, func(b *testing.B) {
			in := []byte(line)
			set := syslogheader.Settings{Now: now}
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			n := 0
			for b.Loop() {
				_, msg, _ := syslogheader.Parse(in, set)
				n += len(msg)
			}
			if n != b.N*len("level=info msg=x") {
				b.Fatal("wrong message")
			}
		})
	}
}
