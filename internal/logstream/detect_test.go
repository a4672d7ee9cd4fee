package logstream

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLooks(t *testing.T) {
	for line, want := range map[string]Format{
		`{"level":"info"}`:                    JSON,
		`  { "level" : "info"}`:               JSON,
		`{}`:                                  JSON,
		`{ foo }`:                             Text,
		`{`:                                   Text,
		``:                                    Text,
		`level=info msg="hello world"`:        Logfmt,
		`at=info`:                             Logfmt,
		`app=x at=start tag1 tag2`:            Logfmt,
		`msg="a \" b" n=1`:                    Logfmt,
		`msg="never ends`:                     Logfmt,
		`x=1 is what we want here`:            Text,
		`x == 1 failed`:                       Text,
		`x==1`:                                Text,
		`GET /?a=b`:                           Text,
		`2026-11-21 08:15:30 INFO user=7 n=1`: Text,
		`=x y=1`:                              Text,
		`started a=b c=d`:                     Text,
		`1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 12`: Access,
		`] "x`:                               Text,
		`[1] "x" is the first element of it`: Access, // what it is not, the parser tells
	} {
		s := Stream{set: &Settings{}}
		assert.Equal(t, want, s.recognise(&Line{Data: []byte(line)}), line)
	}
}
