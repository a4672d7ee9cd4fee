package secretscan

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/secretscan/corpus"
)

// formsOfAll are those of a scanner that has all of them.
func formsOfAll(t *testing.T) *Scanner {
	t.Helper()
	return newScanner(t, Settings{Custom: []CustomDetector{{Name: "number", Pattern: `\d{6,}`}}})
}

// The automaton of the forms stops where expressions of theirs end.
func TestForms(t *testing.T) {
	s := formsOfAll(t)
	list := s.enabledForms()
	expressions := make([]*regexp.Regexp, len(list))
	lengths := make([]int, len(list))
	for i, f := range list {
		expressions[i] = regexp.MustCompile(`(?s)(?:` + f.before + `)(?:` + f.bytes + `)$`)
		bytes, err := bytesOf(f.bytes)
		require.NoError(t, err)
		lengths[i] = len(bytes)
	}
	stops := make([]int, len(list))
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for n := range 20 * len(list) {
		text := randomText(r) + randomForm(t, r, list[n%len(list)]) + randomText(r)
		runes := []rune{0}
		state := uint(0)
		for i := range len(text) {
			state = uint(s.forms.next[text[i]][state])
			got := s.forms.reports(state)
			runes = append(runes, rune(text[i])) // a rune for each byte
			tail := string(runes[max(0, len(runes)-20):])
			var want []hit
			for k, e := range expressions {
				if e.MatchString(tail) {
					h := list[k].hit
					h.length = uint8(lengths[k])
					want = append(want, h)
					stops[k]++
				}
			}
			require.Equal(t, want, slices.Clone(got), "after %q", text[:i+1])
		}
	}
	for k, n := range stops {
		assert.NotZero(t, n, "%q is in no text", list[k].bytes)
	}
	for _, bad := range []string{`\d+`, `a|bc`, `[`} {
		_, err := newForms([]form{{bytes: bad}})
		require.Error(t, err, bad)
	}
	_, err := newForms([]form{{bytes: `\d{321}`}})
	require.Error(t, err)
}

// Whoever looks at all bytes that something may begin with finds no more than a scan, which
// stops only where a form is.
func TestNothingIsPassedBy(t *testing.T) {
	s := formsOfAll(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	g := corpus.New(seed)
	list := s.enabledForms()
	for range 10000 {
		text := ""
		switch r.IntN(4) {
		case 0:
			text = g.Sample(corpus.Detectors()[r.IntN(len(corpus.Detectors()))]).Text
		case 1:
			text = g.Benign().Text
		}
		text += randomText(r) + randomForm(t, r, list[r.IntN(len(list))]) + randomText(r)
		once := task{s: s, text: text}
		once.run(position{})
		all := task{s: s, text: text, colonEnd: len(text) + 1}
		all.everywhere()
		require.Equal(t, marked(s, text, all.finish()), marked(s, text, once.finish()), "%q", text)
		require.Equal(t, all.fold, once.fold, "%q", text)
		require.Equal(t, all.digits, once.digits, "%q", text)
	}
}

// The shortest address that has no address of four numbers to be found by.
func TestShortestAddress(t *testing.T) {
	s := newScanner(t, Settings{Enabled: []string{"ipv6"}})
	for _, want := range []string{"«ipv6|1:2:3:4:5:6:7.8.9.1»", "«ipv6|1:2:3:4:5:6:7:8»", "1:2:3:4:5:6:7"} {
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.Scan(nil, text)))
	}
}

// everywhere is run without forms.
func (t *task) everywhere() {
	state := uint(0)
	for i := range len(t.text) {
		c := t.text[i]
		state = uint(t.s.words.next[c][state])
		t.stops(t.s.words.reports(state), i+1)
		switch {
		case c == ':':
			t.colon(i)
		case c == '-':
			t.macPairs(i, '-')
		case c == '.':
			t.macDotted(i)
			if i > 0 && isDigit(t.text[i-1]) {
				t.ipv4(i)
			}
		case c == '+':
			t.plus(i)
		case c == '%':
			t.percent(i)
		case c == ';':
			t.track2(i)
		case strings.IndexByte("\xc2\xce\xcf\xd0\xd1\xd9\xdb\xe0\xe2\xef\xf0", c) >= 0:
			t.unicode(i)
		case isDigit(c) && !isDigit(at(t.text, i-1)):
			t.numberEverywhere(i)
		case strings.HasPrefix(t.text[i:], "SK"):
			t.prefix(twilioRow, i)
		}
	}
	t.runCustom()
}

var nationalForm = map[int]*regexp.Regexp{dSSN: regexp.MustCompile(`^\d{3}-\d{2}-\d{4}`), dCPF: regexp.MustCompile(`^\d{3}\.\d{3}\.\d{3}-\d{2}`)}

func (t *task) numberEverywhere(i int) {
	t.countDigits(i)
	if i >= 2 {
		t.iban(i - 2)
	}
	for k := range nationalIDs {
		if id := &nationalIDs[k]; id.form != "" && nationalForm[id.detector].MatchString(t.text[i:]) {
			t.nationalForm(id, i)
		}
	}
	t.card(i)
}

func randomForm(t *testing.T, r *rand.Rand, f form) string {
	t.Helper()
	sets, err := bytesOf(f.before + f.bytes)
	require.NoError(t, err)
	var b strings.Builder
	for _, set := range sets {
		c := r.IntN(256)
		for !set[c] {
			c = r.IntN(256)
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

// randomText is dense in what forms are made of.
func randomText(r *rand.Rand) string {
	pieces := [...]string{
		"4111111111111111", "4111 1111 1111 1111", "4111\r\n1111\r\n1111\r\n1111", "4111-1111\n1111-1111", "630400 4884370374244", "5018-2345-6782", "5018 2345 6782", "4111", "1111", "2026-01-12", "12:34:56.789", "10.0.0.1", "1.", "::", "::1", "fe80::", "12.34.56.78",
		"2001:db8:0:1:2:3:4:5", "1:2:3:4:5:6:7.8.9.1", "00:11:22:33:44:55", "00-11-22-33-44-55", "0011.2233.4455", "123-45-6789", "529.982.247-25", "DE89370400440532013000", "de89370400440532013000", "+4915112345678", "+", "%41", "%B4", ";4",
		"%B4111111111111111^A/B^29121010000?", ";4111111111111111=29121010000?", "\u00a0", "\u0661", "\u06f1", "\u0967", "\u2212", "\ufe0f", "\U0001d7d8", "а", "ж", "\xd0", "SK0123456789abcdef0123456789abcdef", "SK",
		" ", "-", ":", ".", "/", "@", "=", "\"", "\n", "\r\n", "\\n", "\\t", "\x1b[31m", "a", "F", "x", "_", "0", "2", "33", "666", "7777", "password=", "https://", "a:b@c", "tel ", "cvv ", "\x00",
	}
	var b strings.Builder
	for range 1 + r.IntN(9) {
		piece := pieces[r.IntN(len(pieces))]
		switch r.IntN(6) {
		case 0:
			piece = piece[:r.IntN(len(piece)+1)]
		case 1:
			piece = piece[r.IntN(len(piece)):]
		}
		b.WriteString(piece)
	}
	return b.String()
}
