package secretscan

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A name is what stands before its value.
func TestCustomKeywordInTheName(t *testing.T) {
	s := newScanner(t, Settings{Custom: []CustomDetector{{Name: "customer", Pattern: `[A-Z]?[0-9]{6}`, Keywords: []string{"customer"}}}})
	f := func(key, want string) {
		t.Helper()
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.ScanValue(nil, key, text)), key)
	}
	f("Customer_number", "«customer|123456»")
	f("customer", "C «customer|K123456», by post")
	f("order", "123456")
	f("order", "customer «customer|123456»")
	f("customer", "it is quite far from the name of the attribute to this number 123456")
	f("", "123456")
}

// The edges of a text are its own, and not those of what is left of it behind a match.
func TestCustomEdges(t *testing.T) {
	s := newScanner(t, Settings{Custom: []CustomDetector{
		{Name: "start", Pattern: `^[a-c]{2}`}, {Name: "word", Pattern: `\b[x-z]{2}`},
	}})
	f := func(want string) {
		t.Helper()
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.Scan(nil, text)))
	}
	f("«start|ab»abab")
	f("«word|xy»xyxy «word|zz»")
}

// The automaton's tables have a size, and say so.
func TestTooManyKeywords(t *testing.T) {
	words := func(n int) Settings {
		keywords := make([]string, n)
		for i := range keywords {
			keywords[i] = fmt.Sprintf("%04d", i) + letters(60, hexDigits)
		}
		return Settings{Custom: []CustomDetector{{Name: "customer", Pattern: `[0-9]{6}`, Keywords: keywords, Within: 80}}}
	}
	s := newScanner(t, words(900))
	text := "0899" + letters(60, hexDigits) + " 123456"
	assert.Equal(t, text[:65]+"«customer|123456»", marked(s, text, s.Scan(nil, text)))
	_, err := New(words(2000))
	require.ErrorContains(t, err, "more than 65536: give fewer")
}
