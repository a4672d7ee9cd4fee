package measurement

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParse(t *testing.T) {
	good := func(text string, number float64, unit Unit) {
		t.Helper()
		v, ok := Parse(text)
		assert.True(t, ok, text)
		assert.Equal(t, Value{number, unit, unit != None}, v, text)
	}
	good("", 1, None)
	good("5", 5, None)
	good("-2.5", -2.5, None)
	good("+.5", 0.5, None)
	good("1e3", 1000, None)
	good("1E-3", 0.001, None)
	good("1e+3", 1000, None)
	good("12ms", 0.012, Seconds)
	good("9ms", 0.009, Seconds) // 9 times 0.001 is another number
	good("1.5s", 1.5, Seconds)
	good("1e3ms", 1, Seconds)
	good("250 us", 0.00025, Seconds)
	good("3µs", 0.000003, Seconds)
	good("2min", 120, Seconds)
	good("21.00MB", 21e6, Bytes)
	good("4KiB", 4096, Bytes)
	good("88B", 88, Bytes)
	good("348836pages", 348836, "{page}")
	good("1item", 1, "{item}")
	good("7class", 7, "{class}")
	good("7as", 7, "{as}")
	good("7abs", 7, "{ab}")
	good("7az_AZ", 7, "{az_AZ}")
	good("7"+strings.Repeat("a", 32), 7, Unit("{"+strings.Repeat("a", 32)+"}"))
	good("99.5%", 99.5, Percent)
	good("5e", 5, "{e}") // no digits, so no exponent
	good("5QB", 5, "{QB}")
	for _, text := range []string{"ms", "-", "+", ".", "e5", "-e5", "abc", "0x1F", "1_000", "1,5", "12 ms x", "NaN", "Inf", "1e999", "-1e999", "1e308TB", "-1e308TB", "5" + strings.Repeat("a", 33), "12\x00", "1..2", "--1", "1;drop"} {
		v, ok := Parse(text)
		assert.False(t, ok, "%q gave %v", text, v)
	}
}

// Every unit with a meaning of its own, by its definition: a prefix of the SI, or a power of
// 1024.
func TestEveryUnit(t *testing.T) {
	want := map[string]Value{
		"ns": {2e-9, "s", true}, "us": {2e-6, "s", true}, "µs": {2e-6, "s", true}, "μs": {2e-6, "s", true}, // micro sign, and Greek mu
		"ms": {0.002, "s", true}, "s": {2, "s", true}, "sec": {2, "s", true}, "min": {120, "s", true}, "h": {7200, "s", true},
		"B": {2, "By", true}, "b": {2, "By", true}, "byte": {2, "By", true}, "bytes": {2, "By", true}, "By": {2, "By", true},
		"kB": {2000, "By", true}, "KB": {2000, "By", true}, "MB": {2_000_000, "By", true}, "GB": {2_000_000_000, "By", true}, "TB": {2_000_000_000_000, "By", true},
		"KiB": {2048, "By", true}, "MiB": {2_097_152, "By", true}, "GiB": {2_147_483_648, "By", true}, "TiB": {2_199_023_255_552, "By", true},
		"%": {2, "%", true},
	}
	assert.Len(t, known, len(want))
	for name, want := range want {
		v, ok := Parse("2" + name)
		assert.True(t, ok, name)
		assert.Equal(t, want, v, name)
		v, ok = Value{Number: 2}.In(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, v, name)
	}
}

func TestMemoryIsInPowersOf1024(t *testing.T) {
	want := map[string]Value{
		"21.00MB": {22_020_096, "By", true}, "2kB": {2048, "By", true}, "2KB": {2048, "By", true}, "2GB": {2_147_483_648, "By", true}, "2TB": {2_199_023_255_552, "By", true},
		"2KiB": {2048, "By", true}, "2B": {2, "By", true}, "12ms": {0.012, "s", true}, "5": {5, "", false}, "": {1, "", false},
	}
	for text, want := range want {
		v, ok := ParseMemory(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, v, text)
	}
	_, ok := ParseMemory("1e295TB")
	assert.True(t, ok)
	_, ok = ParseMemory("1e308TB")
	assert.False(t, ok, "beyond all numbers")
}

func TestUnitsBySetting(t *testing.T) {
	v, ok := Value{Number: 1500, Unit: None}.In("ms")
	assert.True(t, ok)
	assert.Equal(t, Value{1.5, Seconds, true}, v)
	v, ok = Value{Number: 3, Unit: None}.In("{job}")
	assert.True(t, ok)
	assert.Equal(t, Value{3, "{job}", true}, v)
	v, ok = Value{Number: 3, Unit: None}.In("QA")
	assert.True(t, ok)
	assert.Equal(t, Value{3, "{QA}", true}, v)
	_, ok = Value{Number: 3, Unit: None}.In("a b")
	assert.False(t, ok)
	assert.Equal(t, Value{0.005, Seconds, true}, Value{Number: 5, Unit: None}.InMilliseconds())
}

func TestNames(t *testing.T) {
	is := func(attribute string, kind Kind, name string) {
		t.Helper()
		k, n := ParseName(attribute)
		assert.Equal(t, kind, k, attribute)
		assert.Equal(t, name, n, attribute)
	}
	is("measure.elapsed", Distribution, "elapsed")
	is("measure#db.query", Distribution, "db.query")
	is("sample#memory_total", Gauge, "memory_total")
	is("sample.load", Gauge, "load")
	is("count#jobs", Counter, "jobs")
	is("count.x", Counter, "x")
	for _, a := range []string{"", "count", "count#", "measure", "measure#", "sample#", "samples", "counter", "counting.x", "measured.x", "measures#x", "sampler.x", "Measure.x", "message.text"} {
		is(a, NoKind, "")
	}

	clean := func(name, want string) {
		t.Helper()
		got, ok := Clean(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got)
	}
	clean("db.query", "db.query")
	clean("a b{c}", "a_b_c_")
	clean("5xx", "x_5xx")
	clean("Zähler", "Z__hler")
	clean("_a", "x__a")
	clean("5", "x_5")
	clean("azAZ-09/x_y.z", "azAZ-09/x_y.z")
	clean("a-b/c_d.e f", "a-b/c_d.e_f")
	clean("a@b[c`d{e:f", "a_b_c_d_e_f")
	clean(strings.Repeat("a", 253), strings.Repeat("a", 253))
	for _, name := range []string{"", "...", "{}", strings.Repeat("a", 254)} {
		_, ok := Clean(name)
		assert.False(t, ok, name)
	}

	for _, name := range []string{"elapsed", "db.latency", "job_duration", "x-elapsed", "p99elapsed"} {
		assert.True(t, IsTime(name), name)
	}
	for _, name := range []string{"", "relapsed", "durations", "latency.p99"} {
		assert.False(t, IsTime(name), name)
	}
}

func TestRoutes(t *testing.T) {
	is := func(path, want string) {
		t.Helper()
		assert.Equal(t, want, Route(path), path)
	}
	is("/", "/")
	is("/cart", "/cart")
	is("/api/v1/orders", "/api/v1/orders")
	is("/orders/1234", "/orders/{id}")
	is("/orders/7/items", "/orders/{id}/items")
	is("/users/5f0c8a2e-7f6b-4b0e-9c1c-0a4d1c7a9d11/edit", "/users/{id}/edit")
	is("/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/blob/{id}")
	is("/search?q=secret", "/search")
	is("/static/app.3f2a9b1c7d.js", "/static/{id}") // five digits
	is("/feedface", "/feedface")                    // a word
	is("", "/")
	is("*", "/")
	is("/a%2e%2e/b", "/{id}/b")
	is("/a#b", "/a")
	is("/Qa", "/Qa")
	is("/abc123x", "/abc123x") // three digits
	is("/abcx1234", "/{id}")   // four
	is("/12", "/{id}")
	is("/abcdef1", "/abcdef1") // too short for a hash
	is("/abcdef12", "/{id}")
	is("/ABCDEF-1", "/{id}")
	is("/abcdefg1", "/abcdefg1") // not hexadecimal
	is("/x_y.z~A-b", "/x_y.z~A-b")
	is("/a//b/", "/a//b/")
	is("/orders/12//x/", "/orders/{id}//x/")
	is("/a:b", "/{id}")
	long := "/" + strings.Repeat("x", 39)
	is(long+"x", long+"x") // as long as a word may be
	is(long+"xx", "/{id}")
	is(strings.Repeat(long, 5), strings.Repeat(long, 5)) // as long as a route may be
	is(strings.Repeat(long, 5)+"/a", strings.Repeat(long, 5)+"/*")
	is(strings.Repeat(long, 5)+"/12345", strings.Repeat(long, 5)+"/{id}")
	is("/12"+strings.Repeat(long, 4)+"/"+strings.Repeat("y", 35), "/{id}"+strings.Repeat(long, 4)+"/"+strings.Repeat("y", 35))
	is("/12"+strings.Repeat(long, 4)+"/"+strings.Repeat("y", 36), "/{id}"+strings.Repeat(long, 4)+"/*")
	is(strings.Repeat("/a", 12), strings.Repeat("/a", 12))
	is(strings.Repeat("/a", 11)+"/1/b", strings.Repeat("/a", 11)+"/{id}/*")
	is("/"+strings.Repeat("x", 300), "/{id}")
	is(strings.Repeat("/a", 20), strings.Repeat("/a", 12)+"/*")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "12ms", "1e3", "21.00MB", "348836pages", "-.5e-3 KiB", "1e308TB", "µ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := Parse(text)
		if !ok {
			return
		}
		if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) || v.HasUnit != (v.Unit != None) || len(v.Unit) > maxUnit+2 {
			t.Fatalf("%q gave %v", text, v)
		}
	})
}

func FuzzRoute(f *testing.F) {
	for _, s := range []string{"/", "/a/1", "/orders/1234?x", "//", "/" + strings.Repeat("a/", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		route := Route(path)
		if route == "" || route[0] != '/' || len(route) > maxRoute+2*len("/{id}")+len("/*")+maxParts*len("/{id}") {
			t.Fatalf("%q gave %q", path, route)
		}
		if again := Route(route); len(path) < 100 && !strings.Contains(path, "%") && !strings.Contains(route, "*") && !strings.Contains(route, "{") && again != route {
			t.Fatalf("%q gave %q, and that %q", path, route, again)
		}
	})
}

// FuzzNames: a name is one that OpenTelemetry allows, cleaning it again changes nothing, and
// one that is fit stays.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"measure#db.query", "count.5xx", "sample#Zähler", "measure.a b{c}", "count#" + strings.Repeat("a", 254), "measure#...", "count#x"} {
		f.Add(s)
	}
	fit := regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9_./]{0,252}$`)
	allowed := regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9_./]*$`)
	f.Fuzz(func(t *testing.T, attribute string) {
		kind, name := ParseName(attribute)
		if (kind == NoKind) != (name == "") || !strings.HasSuffix(attribute, name) {
			t.Fatalf("%q gave %v %q", attribute, kind, name)
		}
		clean, ok := Clean(name)
		switch {
		case !ok && fit.MatchString(name):
			t.Fatalf("%q was refused", name)
		case !ok:
			return
		case fit.MatchString(name) && clean != name:
			t.Fatalf("%q gave %q", name, clean)
		case len(clean) > maxName || !allowed.MatchString(clean):
			t.Fatalf("%q gave %q", name, clean)
		}
		if again, ok := Clean(clean); len(clean) <= maxName-2 && (!ok || again != clean) {
			t.Fatalf("%q gave %q, and that %q", name, clean, again)
		}
	})
}
