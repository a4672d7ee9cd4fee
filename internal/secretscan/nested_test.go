package secretscan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What stands under a secret's name in JSON is secret as a whole, as it is in a map.
func TestNestedSecrets(t *testing.T) {
	s := newScanner(t, Settings{})
	f := func(want string) {
		t.Helper()
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.Scan(nil, text)))
	}
	f(`{"password":«secret_assignment|{"value":"hunter2"}»,"a":"b"}`)
	f(`{"password": «secret_assignment|{"old":{"x":["}"]},"new":"\"y"}», "a":"b"}`)
	f(`{"user":{"credentials":«secret_assignment|{"login":"bob","key":"Zk3"}»,"id":7}}`)
	f(`{"token":«secret_assignment|{"access":"x"}»}`)
	f(`{"password":["«secret_assignment|hunter2»"],"a":1}`)
	f(`{"password":«secret_assignment|["hunter2","other"]»,"a":1}`)
	f("{\"password\" :\n  «secret_assignment|[\n    \"hunter2\",\n    \"other\"\n  ]»,\n  \"a\": 1}")
	f("{\"password\":\n\"«secret_assignment|hunter2»\"}")
	f(`{"passwords":«secret_assignment|[1234, 5678]»}`)
	f(`{"m":"{\"password\":«secret_assignment|{\"value\":\"hunter2\"}»,\"a\":1}","b":2}`)
	f(`{"m":"{\"password\":«secret_assignment|{\"value\":\"hunt»","b":2}`)
	f(`{"password":«secret_assignment|{"value":"cut off»`)
	f(`{"cookie":«secret_assignment|["sid=abcdef123456","b=c"]»}`)
	f(`{"secret_cvv":«card_cvv|{"value":"12"}»}`)
	f(`{"password":{},"token":[ ],"tokens":["a","b"],"a":"b"}`)
	f(`{"token_count":{"in":5}}`)
}

func TestLongValues(t *testing.T) {
	s := newScanner(t, Settings{})
	for _, want := range []string{
		`password="«secret_assignment|` + strings.Repeat("x7", 4000) + `»" a=b`,
		`{\"password\":\"«secret_assignment|` + strings.Repeat("x7", 4000) + `»\",\"a\":1}`,
		`password=«secret_assignment|` + strings.Repeat("x7q", 4000) + `» a=b`,
		`<password>«secret_assignment|` + strings.Repeat("x7", 4000) + `»</password>`,
	} {
		text := plain(want)
		got := marked(s, text, s.Scan(nil, text))
		if got != want { // too long for a message
			t.Errorf("%.60s ... %s", got, got[len(got)-60:])
		}
	}
}

// Parameters of URLs and forms are secret by their name.
func TestParameters(t *testing.T) {
	s := newScanner(t, Settings{})
	f := func(want string) {
		t.Helper()
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.Scan(nil, text)))
	}
	f("GET https://x.example/a?access_token=«secret_assignment|short»&b=c HTTP/1.1")
	f("/a?b=c&token=«secret_assignment|1234»")
	f("b=c&client_secret=«secret_assignment|my-app-secret»&d=e")
	f("/a?token={token}&api_key=***&session_id=&page_token=abcdef&token_count=5")
	f("/a?secret_cvv=«card_cvv|12»")
	f("token=short")
}
