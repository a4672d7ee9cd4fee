package accesslog

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzParse: what is found without an escape is part of the line, and every byte of
// the line that is no blank, quote, bracket or sign of "nothing" is in some value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?b HTTP/1.0" 200 2326 "http://x/" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
		`a:80 10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET http://h:1/a?b HTTP/2.0" 200 1 "-" "\"\x22\\" "1.1.1.1" 0.123 rt=0.1`,
		`h - - [10/Oct/2000:13:55:36 -0700] "\x16\x03" 400 - "-" "-" 512 0.003 [a] [] 10.0.0.2:80, - 12 0.002 200 id`,
		`[2016-04-15T20:17:00.310Z] "POST /a HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "ns"q" "cc" "l" "tcp://10.0.2.1:80"`,
		`[2016-04-15T20:17:00.310Z] "- - -" 0 UH x - "-" 1 2 3 - "-" "-" "-" "-" "-" rest`,
		`h - - [10/Oct/2000 13:55:36] "" - -`, `h - - [10/Oct/2000:13:55:36 -0700] "\"" 1 1`, `h - - [10/Oct/2000:13:55:36 -0700] "CONNECT a:1 HTTP/1.1" 1 1 0.001`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var e Entry
		if !Parse(line, nil, &e) {
			require.Zero(t, e)
			return
		}
		require.NotEmpty(t, e.Format)
		require.True(t, e.HasTime)
		var found strings.Builder
		for _, a := range e.Attributes(nil) {
			require.NotEmpty(t, a.Key)
			if a.Kind != String {
				continue
			}
			found.WriteString(a.String)
			if !strings.Contains(line, `\`) && a.Key != "http.log.extra" && a.String != "http" && a.String != otherMethod {
				require.Contains(t, line, a.String)
			}
			if utf8.ValidString(line) {
				require.True(t, utf8.ValidString(a.String), "%q", a.String)
			}
		}
		if strings.Contains(line, `\`) {
			return
		}
		behind := line[strings.IndexByte(line, ']')+1:]
		for _, c := range behind {
			if c > 0x7f && !strings.ContainsRune(found.String(), c) {
				t.Fatalf("%q is lost", c)
			}
		}
	})
}
