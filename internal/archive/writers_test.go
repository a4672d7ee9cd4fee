package archive

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
)

func day(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

type writersCase struct {
	root         note.Signer
	rootVerifier note.Verifier
	keys         []string // two of gateway-1, one of gateway-2
}

func newWritersCase(tb testing.TB) writersCase {
	tb.Helper()
	var c writersCase
	c.root, c.rootVerifier, _ = testKey(tb, "example.com/logs/root")
	for _, name := range []string{testOrigin, testOrigin, "example.com/logs/gateway-2"} {
		_, _, key := testKey(tb, name)
		c.keys = append(c.keys, key)
	}
	return c
}

func (c writersCase) file() *Writers {
	return &Writers{
		Origin: "example.com/logs", Number: 3, Previous: sha256.Sum256([]byte("before")),
		Keys: []WriterKey{
			{Writer: "gateway-1", VKey: c.keys[1], From: day(6, 1), To: day(12, 31)},
			{Writer: "gateway-2", VKey: c.keys[2], From: day(1, 1)},
			{Writer: "gateway-1", VKey: c.keys[0], From: day(1, 1), To: day(6, 1)},
		},
		Retired: map[string]time.Time{"gateway-1": day(12, 31)},
	}
}

func TestWritersRoundTrip(t *testing.T) {
	c := newWritersCase(t)
	w := c.file()
	data, err := w.Sign(c.root)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte("before"))
	text, _, _ := strings.Cut(string(data), "\n\n")
	assert.Equal(t, strings.Join([]string{
		"heartwood-archive/1 writers", "example.com/logs", "3", Digest(sum).String(),
		"writer gateway-1 " + c.keys[1] + " 2026-06-01T00:00:00Z 2026-12-31T00:00:00Z",
		"writer gateway-2 " + c.keys[2] + " 2026-01-01T00:00:00Z -",
		"writer gateway-1 " + c.keys[0] + " 2026-01-01T00:00:00Z 2026-06-01T00:00:00Z",
		"retired gateway-1 2026-12-31T00:00:00Z",
	}, "\n"), text)
	again, err := ParseWriters(data, c.rootVerifier)
	require.NoError(t, err)
	assert.Equal(t, w, again)

	assert.Equal(t, []string{"gateway-1", "gateway-2"}, w.Names())
	assert.Equal(t, []WriterKey{w.Keys[2], w.Keys[0]}, w.KeysFor("gateway-1"))
	assert.Empty(t, w.KeysFor("gateway-3"))
	for at, want := range map[time.Time]string{
		day(1, 1): c.keys[0], day(6, 1).Add(-1): c.keys[0], day(6, 1): c.keys[1], day(12, 31): "", day(1, 1).Add(-1): "",
	} {
		k, ok := w.KeyAt("gateway-1", at)
		assert.Equal(t, want, k.VKey, at)
		assert.Equal(t, want != "", ok)
	}
	known, err := w.Verifiers("gateway-1")
	require.NoError(t, err)
	hash, err := w.Keys[0].KeyHash()
	require.NoError(t, err)
	_, err = known.Verifier(testOrigin, hash)
	require.NoError(t, err)
	_, err = w.Verifiers("gateway-3")
	require.ErrorContains(t, err, `has no key for the writer "gateway-3"`)

	first := &Writers{Origin: "example.com/logs"}
	data, err = first.Sign(c.root)
	require.NoError(t, err)
	again, err = ParseWriters(data, c.rootVerifier)
	require.NoError(t, err)
	assert.Empty(t, again.Keys)
}

func TestWritersRefused(t *testing.T) {
	c := newWritersCase(t)
	data, err := c.file().Sign(c.root)
	require.NoError(t, err)
	text, _, _ := strings.Cut(string(data), "\n\n")
	text += "\n"

	_, other, _ := testKey(t, "example.com/logs/root")
	_, err = ParseWriters(data, other)
	require.ErrorContains(t, err, "no key that is known has signed it")
	writer, writerKey, _ := testKey(t, testOrigin)
	_, err = ParseWriters(data, writerKey)
	require.ErrorContains(t, err, "is not the root key")
	_, err = c.file().Sign(writer)
	require.ErrorContains(t, err, "can't sign the writers")

	open := c.file()
	open.Keys[2].To, open.Retired = time.Time{}, nil
	require.ErrorContains(t, open.Validate(), "two keys overlap")

	for name, test := range map[string]struct{ old, new, want string }{
		"form":                {"archive/1 writers", "archive/2 writers", "it begins with"},
		"origin":              {"\nexample.com/logs\n", "\nexample.com/log\n", "has signed it, not"},
		"number":              {"\n3\n", "\n03\n", "line 3: "},
		"number negative":     {"\n3\n", "\n-3\n", "line 3: "},
		"number 0":            {"\n3\n", "\n0\n", "number 0 has none before"},
		"before":              {"\n3\n", "\n3\n-\n", "line 4: "},
		"spaces":              {"gateway-2 ", "gateway-2  ", "line 6: neither"},
		"tab":                 {" -\n", "\t-\n", "malformed note"},
		"empty line":          {"retired", "\nretired", "line 8: neither"},
		"unknown line":        {"retired", "reader", "line 8: neither"},
		"upper case":          {"retired", "Retired", "line 8: neither"},
		"time with fraction":  {"2026-06-01T00:00:00Z 2026", "2026-06-01T00:00:00.0Z 2026", "line 5: no time"},
		"time in a zone":      {"2026-06-01T00:00:00Z 2026", "2026-06-01T00:00:00+00:00 2026", "line 5: no time"},
		"no such day":         {"2026-06-01T00:00:00Z 2026", "2026-06-31T00:00:00Z 2026", "line 5: no time"},
		"ends before":         {"2026-12-31T00:00:00Z\nwriter", "2026-06-01T00:00:00Z\nwriter", "not after"},
		"overlap":             {"2026-06-01T00:00:00Z\n", "2026-06-01T00:00:01Z\n", "two keys overlap"},
		"retired and open":    {"2026-12-31T00:00:00Z\nwriter", "-\nwriter", "goes on"},
		"retired before":      {"retired gateway-1 2026-12-31", "retired gateway-1 2026-12-30", "goes on"},
		"retired twice":       {"retired ", "retired gateway-1 2026-12-31T00:00:00Z\nretired ", "retired twice"},
		"retired unknown":     {"retired gateway-1", "retired gateway-9", "has no key"},
		"writer's name":       {"writer gateway-2 ", "writer ../x ", "no name of a writer"},
		"another's key":       {"writer gateway-2 ", "writer gateway-3 ", "its key's name is"},
		"root as writer":      {"writer gateway-2 ", "writer root ", "no name of a writer"},
		"key twice":           {"writer gateway-2 ", "writer gateway-1 " + c.keys[0] + " 2020-01-01T00:00:00Z 2021-01-01T00:00:00Z\nwriter gateway-2 ", "is there twice"},
		"damaged key":         {c.keys[2], c.keys[2][:len(c.keys[2])-4], "no verifying key"},
		"no lines":            {text, "heartwood-archive/1 writers\n", "are not all there"},
		"a line's end more":   {text, text + "\n", ""},
		"number beyond int64": {"\n3\n", "\n9223372036854775808\n", "line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, text, test.old)
			changed := strings.Replace(text, test.old, test.new, 1)
			signed, err := note.Sign(&note.Note{Text: changed}, c.root)
			require.NoError(t, err)
			_, err = ParseWriters(signed, c.rootVerifier)
			require.Error(t, err)
			assert.Contains(t, err.Error(), test.want)
		})
	}
	// What nobody has signed is not taken apart.
	unsigned := strings.Replace(string(data), "\n3\n", "\nthree\n", 1)
	_, err = ParseWriters([]byte(unsigned), c.rootVerifier)
	require.ErrorContains(t, err, "invalid signature")
	_, err = ParseWriters(make([]byte, MaxWritersFile+1), c.rootVerifier)
	require.ErrorContains(t, err, "are the most")
	for at := range data {
		changed := bytes.Clone(data)
		changed[at] ^= 1
		_, err := ParseWriters(changed, c.rootVerifier)
		require.Error(t, err, "byte %d", at)
	}
}

func TestWritersFollow(t *testing.T) {
	c := newWritersCase(t)
	sum := Digest{1}
	pair := func() (*Writers, *Writers) {
		before, w := c.file(), c.file()
		w.Number, w.Previous = 4, sum
		w.Keys[1].To = day(7, 1) // closed
		w.Retired["gateway-2"] = day(7, 1)
		return before, w
	}
	before, w := pair()
	require.NoError(t, w.CheckFollows(before, sum))
	for want, change := range map[string]func(before, w *Writers){
		"it is of":                     func(_, w *Writers) { w.Origin = "x" },
		"numbers go up by 1":           func(_, w *Writers) { w.Number = 5 },
		"names another file":           func(_, w *Writers) { w.Previous[0]++ },
		"a key of gateway-2 is gone":   func(_, w *Writers) { w.Keys = append(w.Keys[:1:1], w.Keys[2]) },
		"a key of gateway-1 has":       func(_, w *Writers) { w.Keys[0].To = day(12, 30) },
		"only an end that was open":    func(_, w *Writers) { w.Keys[2].To = time.Time{} },
		"a key of gateway-2 has":       func(_, w *Writers) { w.Keys[1].From = day(1, 2) },
		"gateway-1 was retired at":     func(_, w *Writers) { delete(w.Retired, "gateway-1") },
		"2026-12-31T00:00:00Z, and is": func(_, w *Writers) { w.Retired["gateway-1"] = day(12, 30) },
	} {
		before, w := pair()
		change(before, w)
		err := w.CheckFollows(before, sum)
		if assert.Error(t, err, want) {
			assert.Contains(t, err.Error(), want)
		}
	}
}

func FuzzWriters(f *testing.F) {
	root, rootVerifier, err := fixedKey("example.com/logs/root")
	require.NoError(f, err)
	_, v, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), testOrigin)
	require.NoError(f, err)
	w := &Writers{
		Origin: "example.com/logs", Number: 1, Previous: Digest{1},
		Keys:    []WriterKey{{Writer: "gateway-1", VKey: v, From: day(1, 1), To: day(2, 1)}},
		Retired: map[string]time.Time{"gateway-1": day(2, 1)},
	}
	data, err := w.Sign(root)
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := ParseWritersUnverified(data)
		_, verifiedErr := ParseWriters(data, rootVerifier)
		if err != nil {
			if verifiedErr == nil {
				t.Fatal("verified, but not parsed")
			}
			return
		}
		for _, name := range w.Names() {
			if _, err := w.Verifiers(name); err != nil {
				t.Fatal(err)
			}
		}
		if w.Origin != "example.com/logs" {
			return
		}
		again, err := w.Sign(root)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseWriters(again, rootVerifier); err != nil {
			t.Fatal(err)
		}
	})
}
