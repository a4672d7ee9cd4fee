package query

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

func example() record.Record {
	return record.Record{
		ID: 7, Time: time.Unix(1700000000, 0), Severity: 17, SeverityText: "ERR", Service: "api",
		Body: "Connection refused: no route to host", Event: "upstream_failed",
		Request: "018f2a6c-1111-7222-8333-444455556666", Macro: "018f2a6c-aaaa-7bbb-8ccc-ddddeeeeffff",
		Trace: "0af7651916cd43dd8448eb211c80319c", Span: "b7ad6b7169203331", UID: "uid-1",
		Attributes: []record.Field{
			{Name: "Path", Value: "/api/users/42"},
			{Name: "customer name", Value: `Ann "The Axe" O'Neil`},
			{Name: "fold.duration", Value: 0.25},
			{Name: "http.response.status_code", Value: int64(503)},
			{Name: "nested", Value: map[string]any{"inner": "Deep"}},
			{Name: "ratio", Value: 0.5},
			{Name: "retry", Value: true},
			{Name: "shadowed", Value: "own"},
			{Name: "tags", Value: []any{"new", "gift", int64(9)}},
			{Name: "took", Value: "250ms"},
			{Name: "version", Value: "2"},
			{Name: "ÄÖ", Value: "Straße ÉTÉ"},
		},
		Resource: []record.Field{{Name: "host.name", Value: "web-3"}, {Name: "shadowed", Value: "resource"}},
	}
}

func TestMatch(t *testing.T) {
	r := example()
	f := func(want bool, queries ...string) {
		t.Helper()
		for _, text := range queries {
			q, err := Parse(text)
			if assert.NoError(t, err, text) {
				assert.Equal(t, want, q.Match(&r), text)
			}
		}
	}
	f(true, "", "  \t ", "refused", "REFUSED", "fused", `"connection refused"`, `"no route"`, "conn*host", "upstream_failed", "deep", "503", "true", "gift")
	f(false, "timeout", `"refused connection"`, "host*conn", "web-3", "api-7")
	f(true, "service:api", "service:API", `service:"api"`, "Service=api", "service.name:a*", "host:web-*", "host.name:web-3")
	f(false, `service:"API"`, "service:ap", "host:web")
	f(true, "path:/api/*", "path:*users*", "PATH:/api/users/42", "path:/*/users/*")
	f(false, "path:/api", "path:*users", `path:"/api/*"`)
	f(true, "level:error", "level>=error", "level>warn", "level<fatal", "level:17", "severity<=error", "level!=info", "level:ERR", "level:*", "-level:info")
	f(false, "level>error", "level<error", "level:18", "level:warn", "level!=error", "level:unset")
	f(true, "status>=500", "status<504", "status:503", "status=503.0", "status:5*", "status:(200 OR 503)", "status:(>=500 OR 404)", "status != 200", "status >= 500", "status:>=500")
	f(false, "status<500", "status:50", "status:(200 OR 204)", "status!=503", "status!=(503 OR 200)")
	f(true, "duration>200ms", "duration>=0.25", "duration:250ms", "duration<1s", "duration:*", "took>200ms", "took<0.3s")
	f(false, "duration<200ms", "duration>0.25s", "took>1s")
	f(true, "ratio:0.5", "ratio=0.50", "ratio<1", "retry:true", "version>=2", "version<10", "tags:gift", "tags:9", "tags>8", `nested:"{\"inner\":\"Deep\"}"`)
	f(false, "ratio>0.5", "tags:other", "absent<5", "absent!=5", "path>5")
	f(true, "path:*", "-absent:*", "NOT absent:*", "-status:200", "NOT NOT refused", "NOT (timeout OR other)", "-(timeout)", `-"no way"`)
	f(false, "absent:*", "-path:*", "NOT refused", "not found")
	f(true, "refused service:api", "refused AND service:api", "timeout OR refused", "timeout OR refused service:api", "(timeout OR refused) service:api")
	f(false, "refused timeout", "refused service:web OR timeout", "(timeout OR refused) service:web")
	f(true, "kind:log", "kind:LOG", "-kind:span", "kind:*", "kind!=span")
	f(false, "kind:span")
	f(true, "request:018f2a6c-1111-7222-8333-444455556666", "request:018F2A6C-1111*", "macro:*ffff", "trace:0AF7651916CD43DD8448EB211C80319C",
		"span:b7ad6b7169203331", "uid:uid-1", "0af7651916cd43dd", "event:upstream*", "name:upstream_failed", "body:connection*", "parent!=x OR span:*")
	f(false, "parent:*", "request:018f2a6c-1111")
	f(true, `"customer name":*neil`, `"customer name":"Ann \"The Axe\" O'Neil"`, `"customer name":ann*`, `"the axe"`, `"\"the axe\""`)
	f(true, "shadowed:own", "äö:straße*", "été", "ÄÖ:*été")
	f(false, "shadowed:resource", "strasse")
	f(true, "a-b OR refused", "- OR refused", `"AND" OR refused`, `x:"" OR refused`)
	f(false, "q - b", `service:""`)

	r.Body, r.Kind, r.Event, r.Duration, r.HasDuration = "GET /users", record.Span, "", 3*time.Second, true
	f(true, "name:get*", "kind:span", "duration>2s", `"get /users"`)
	r = record.Record{Attributes: []record.Field{{Name: "event.duration", Value: int64(1500000)}, {Name: "nan", Value: math.NaN()}, {Name: "big", Value: int64(math.MaxInt64)}}}
	f(true, "duration:1.5ms", "duration<2ms", "level:unset", "level:0", "big:9223372036854775807", "big>9223372036854775806", "nan:nan")
	f(false, "level<error", "level!=error", "level:*", "body:*", "service:*", "name:*", "nan<5", "nan>5", "big>9223372036854775807")
}

func TestParseRefuses(t *testing.T) {
	f := func(text string, at int, want string) {
		t.Helper()
		_, err := Parse(text)
		var problem *Error
		require.ErrorAs(t, err, &problem, text)
		assert.Equal(t, at, problem.At, text)
		assert.Contains(t, problem.Text, want, text)
	}
	f("a AND", 5, "missing at the end")
	f("OR a", 0, "in quotes")
	f("a OR AND b", 5, "in quotes")
	f("NOT", 3, "missing at the end")
	f("(a", 0, "not closed")
	f("a)", 1, "closes nothing")
	f("()", 1, "missing here")
	f(`a "b`, 2, "not closed")
	f(`"😀" "b`, 5, "not closed") // an emoji is two units
	f(`""`, 0, "empty")
	f("*", 0, "everything")
	f("service:", 8, "value is missing")
	f("service: )", 9, "value is missing")
	f(":x", 0, "name is missing")
	f(`"":x`, 0, "name is missing")
	f("level>=loud", 7, "no level")
	f("level:25", 6, "no level")
	f("level:-1", 6, "no level")
	f("kind:metric", 5, "no kind")
	f("kind>log", 5, "no kind")
	f("duration>fast", 9, "no duration")
	f("path>abc", 5, "neither a number")
	f("path>0x10", 5, "neither a number")
	f("status:(200 OR", 14, "missing at the end")
	f(strings.Repeat("(", 65)+"a"+strings.Repeat(")", 65), 64, "64 deep")
	f(strings.Repeat("a ", 257), 512, "256 terms")
	f(strings.Repeat("ä", 4097), 4097, "4096 may be")
	f("a \xff", 2, "UTF-8")

	for _, text := range []string{strings.Repeat("(", 64) + "a" + strings.Repeat(")", 64), strings.Repeat("-", 4095) + "a", strings.Repeat("ä", 4096), strings.Repeat("NOT ", 1023) + "a"} {
		_, err := Parse(text)
		require.NoError(t, err)
	}
}

func TestComplete(t *testing.T) {
	f := func(text string, want Place) {
		t.Helper()
		before, after, _ := strings.Cut(text, "|")
		assert.Equal(t, want, Complete(before+after, utf16Length(before)), text)
	}
	f("|", Place{})
	f("serv|", Place{Prefix: "serv", To: 4})
	f("se|rv x", Place{Prefix: "se", To: 4})
	f("service:|", Place{Kind: ValuePlace, Field: "service", From: 8, To: 8})
	f("service:a|pi x", Place{Kind: ValuePlace, Field: "service", Prefix: "a", From: 8, To: 11})
	f(`service:"a \"b|" x`, Place{Kind: ValuePlace, Field: "service", Prefix: `a "b`, From: 8, To: 15})
	f(`service:"a|`, Place{Kind: ValuePlace, Field: "service", Prefix: "a", From: 8, To: 10})
	f("-service:a|", Place{Kind: ValuePlace, Field: "service", Prefix: "a", From: 9, To: 10})
	f("a |", Place{From: 2, To: 2, AfterTerm: true})
	f("a O|", Place{Prefix: "O", From: 2, To: 3, AfterTerm: true})
	f("a OR |", Place{From: 5, To: 5})
	f("status >= |", Place{Kind: ValuePlace, Field: "status", From: 10, To: 10})
	f("status:(200 OR |", Place{Kind: ValuePlace, Field: "status", From: 15, To: 15})
	f("status:(200 OR 2|) b", Place{Kind: ValuePlace, Field: "status", Prefix: "2", From: 15, To: 16})
	f("status:(200) b|", Place{Prefix: "b", From: 13, To: 14, AfterTerm: true})
	f("(pa|", Place{Prefix: "pa", From: 1, To: 3})
	f(`"a phr|ase"`, Place{Kind: TextPlace, Prefix: "a phr", To: 10})
	f(`"a name":x|`, Place{Kind: ValuePlace, Field: "a name", Prefix: "x", From: 9, To: 10})
	f("😀 le|", Place{Prefix: "le", From: 3, To: 5, AfterTerm: true})
	assert.Equal(t, Place{Prefix: "ab", To: 2}, Complete("ab", -1))
	assert.Equal(t, Place{Prefix: "ab", To: 2}, Complete("ab", 99))
}

func TestQuote(t *testing.T) {
	for _, value := range []string{"", "a", "a b", `a"b`, `a\b`, "*", "(x)", "ä", "<", "a:b", "-x", "/a/b"} {
		q, err := Parse("f:" + Quote(value))
		require.NoError(t, err, value)
		r := record.Record{Attributes: []record.Field{{Name: "f", Value: value}}}
		assert.True(t, q.Match(&r), value)
		if value != "" {
			q, err = Parse(QuoteField(value) + ":1")
			require.NoError(t, err, value)
			r = record.Record{Attributes: []record.Field{{Name: value, Value: int64(1)}}}
			assert.True(t, q.Match(&r), value)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "timeout", `"connection \"refused\" \\"`, "service:api level>=error", "status:(200 OR >=500) -path:/api/*",
		"NOT (a OR b) AND -c", "duration>200ms kind:span", `"odd name":"x"`, "((((", "a OR", "x:\xff", "😀:*", "level!=(info OR warn)", "a:<5",
	} {
		f.Add(seed, 3)
	}
	r := example()
	f.Fuzz(func(t *testing.T, text string, at int) {
		place := Complete(text, at)
		if place.From > place.To || place.From < 0 || place.To > utf16Length(text) {
			t.Fatalf("%+v", place)
		}
		q, err := Parse(text)
		if err != nil {
			var problem *Error
			require.ErrorAs(t, err, &problem)
			if problem.At < 0 || problem.At > utf16Length(text) {
				t.Fatalf("%v", err)
			}
			return
		}
		q.Match(&r)
		if q.Root == nil {
			return
		}
		// Twice not is the same again.
		if len(text) < 2000 {
			negative, err := Parse("NOT (" + text + "\n)")
			if err == nil && negative.Match(&r) == q.Match(&r) {
				t.Fatal("its opposite matches too")
			}
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Add("Straße İ ÉTÉ \xff K", "été")
	f.Fuzz(func(t *testing.T, a, b string) {
		if Fold(Fold(a)) != Fold(a) {
			t.Fatalf("%q", a)
		}
		if got := Fold(a + " " + b); got != Fold(a)+" "+Fold(b) {
			t.Fatalf("%q", got)
		}
	})
}
