package secretscan

import (
	"strings"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// lookAlikeLead is the first byte of Greek and Cyrillic letters in UTF-8.
const lookAlikeLead = `[\xce-\xd1]`

// foldable is how UTF-8 sequences that fold may change begin: NBSP and soft hyphen; Arabic
// and Indic digits; general punctuation and minus; variation selectors and full width;
// mathematical letters; letters that look alike, where one of ASCII is behind them.
var foldable = [...]string{
	`\xc2[\xa0\xad]`, `\xd9[\xa0-\xa9]`, `\xdb[\xb0-\xb9]`, `\xe0\xa5`, `\xe2[\x80\x81\x88]`, `\xef[\xb8\xbb-\xbd]`, `\xf0\x9d`,
	lookAlikeLead + `[\x80-\xbf][0-9A-Za-z]`,
}

// unicode looks at a lead byte at i: the text has to be read again if fold changes it.
// Letters of another script count only beside those of ASCII.
func (t *task) unicode(i int) {
	if t.fold {
		return
	}
	if lead := t.text[i]; 0xce <= lead && lead <= 0xd1 && !isAlnum(at(t.text, i-1)) && !isAlnum(at(t.text, i+2)) {
		return
	}
	r, _ := utf8.DecodeRuneInString(t.text[i:])
	_, ok := foldRune(r)
	t.fold = ok
}

// percent looks at the '%' at i: an escape, or track 1 of a card.
func (t *task) percent(i int) {
	text := t.text
	if c := at(text, i+1); c|0x20 == 'b' && isDigit(at(text, i+2)) {
		t.track1(i)
	}
	if v := unhex(at(text, i+1), at(text, i+2)); v >= ' ' && v < 0x7f {
		t.fold = true
	}
}

func unhex(a, b byte) int {
	if !isHex(a) || !isHex(b) {
		return -1
	}
	return hexValue(a)<<4 | hexValue(b)
}

func hexValue(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return int(c|0x20-'a') + 10
}

// lookAlikes are letters of Greek and Cyrillic that look like Latin ones.
var lookAlikes = map[rune]byte{
	'А': 'A', 'В': 'B', 'Е': 'E', 'К': 'K', 'М': 'M', 'Н': 'H', 'О': 'O', 'Р': 'P', 'С': 'C', 'Т': 'T', 'Х': 'X', 'У': 'Y', 'І': 'I', 'Ј': 'J', 'Ѕ': 'S',
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'х': 'x', 'у': 'y', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'ԁ': 'd', 'һ': 'h', 'к': 'k',
	'Α': 'A', 'Β': 'B', 'Ε': 'E', 'Ζ': 'Z', 'Η': 'H', 'Ι': 'I', 'Κ': 'K', 'Μ': 'M', 'Ν': 'N', 'Ο': 'O', 'Ρ': 'P', 'Τ': 'T', 'Υ': 'Y', 'Χ': 'X',
	'ο': 'o', 'ν': 'v', 'α': 'a', 'ι': 'i', 'κ': 'k', 'ρ': 'p', 'υ': 'u',
}

const dropped = 0 // what fold leaves out

// foldRune gives the ASCII character r stands for, or dropped.
func foldRune(r rune) (c byte, ok bool) {
	switch {
	case r == 0xad, 0x200b <= r && r <= 0x200f, 0x2060 <= r && r <= 0x2064, r == 0xfeff, 0x202a <= r && r <= 0x202e, 0xfe00 <= r && r <= 0xfe0f:
		return dropped, true
	case r == 0xa0, 0x2000 <= r && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000:
		return ' ', true
	case 0x2010 <= r && r <= 0x2015, r == 0x2212:
		return '-', true
	case r == 0x2018, r == 0x2019:
		return '\'', true
	case r == 0x201c, r == 0x201d:
		return '"', true
	case 0xff01 <= r && r <= 0xff5e:
		return byte(r - 0xff01 + '!'), true
	case 0x660 <= r && r <= 0x669:
		return byte(r-0x660) + '0', true
	case 0x6f0 <= r && r <= 0x6f9:
		return byte(r-0x6f0) + '0', true
	case 0x966 <= r && r <= 0x96f:
		return byte(r-0x966) + '0', true
	case 0x1d7ce <= r && r <= 0x1d7ff:
		return byte((r-0x1d7ce)%10) + '0', true
	case 0x1d400 <= r && r <= 0x1d433: // mathematical bold; the other styles likewise
		return mathLetter(r - 0x1d400), true
	case 0x1d5a0 <= r && r <= 0x1d6a3:
		return mathLetter((r - 0x1d5a0) % 52), true
	}
	if 0x370 <= r && r < 0x530 {
		c, ok = lookAlikes[r]
	}
	return c, ok
}

func mathLetter(n rune) byte {
	if n < 26 {
		return byte(n) + 'A'
	}
	return byte(n-26) + 'a'
}

// A folding is a text in its folded form, and where each byte of it came from.
type folding struct {
	text     []byte
	from, to []int32 // the source of text[i] is its text[from[i]:to[i]]
}

var foldings = sync.Pool{New: func() any { return new(folding) }}

// maxFolding is the size in bytes of what goes back to the pool.
const maxFolding = 1 << 20

// maxFolds is how many escapes within each other are taken off.
const maxFolds = 2

// entities are those of HTML that JSON and URLs in a page are written with.
var entities = [...]struct {
	name string
	c    byte
}{{"&quot;", '"'}, {"&amp;", '&'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}}

// unescape gives the printable character of ASCII an escape at s[i] stands for, and the
// escape's size, or 0.
func unescape(s string, i int) (c byte, size int) {
	v := -1
	switch s[i] {
	case '%':
		v, size = unhex(at(s, i+1), at(s, i+2)), 3
	case '\\':
		switch {
		case at(s, i+1) == 'u' && at(s, i+2) == '0' && at(s, i+3) == '0':
			v, size = unhex(at(s, i+4), at(s, i+5)), 6
		case at(s, i+1) == 'x':
			v, size = unhex(at(s, i+2), at(s, i+3)), 4
		}
	case '&':
		if at(s, i+1) == '#' {
			v, size = numericEntity(s, i)
			break
		}
		for _, e := range entities {
			if strings.HasPrefix(s[i:], e.name) {
				return e.c, len(e.name)
			}
		}
	}
	if v < ' ' || v >= 0x7f {
		return 0, 0
	}
	return byte(v), size
}

// numericEntity reads "&#64;" or "&#x40;" at s[i].
func numericEntity(s string, i int) (v, size int) {
	j := i + 2
	if at(s, j)|0x20 == 'x' {
		if at(s, j+3) != ';' {
			return -1, 0
		}
		return unhex(s[j+1], s[j+2]), 6
	}
	for ; j < i+5 && isDigit(at(s, j)); j++ {
		v = v*10 + int(s[j]-'0')
	}
	if at(s, j) != ';' {
		return -1, 0
	}
	return v, j + 1 - i
}

// fold writes s without escapes, invisible characters and look-alikes.
func (f *folding) fold(s string) {
	f.text, f.from, f.to = f.text[:0], f.from[:0], f.to[:0]
	for i := 0; i < len(s); {
		c, size := s[i], 1
		switch {
		case c == '%' || c == '\\' || c == '&':
			if v, n := unescape(s, i); n > 0 {
				c, size = v, n
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if v, ok := foldRune(r); ok {
				c, size = v, n
			}
		}
		if c != dropped || size == 1 {
			f.text = append(f.text, c)
			f.from = append(f.from, int32(i))
			f.to = append(f.to, int32(i+size))
		}
		i += size
	}
}

// runFolded reads the text again as it is without escapes and look-alikes, and adds what
// is found where it stands in the text. What is left out behind a secret stays.
func (t *task) runFolded(class nameClass) {
	f := foldings.Get().(*folding)
	f.fold(t.text)
	n := len(t.found)
	if len(f.text) > 0 {
		// The folded text is read only before f goes back.
		again := task{s: t.s, text: unsafe.String(&f.text[0], len(f.text)), found: t.found, base: n, key: t.key, named: t.named, folds: t.folds + 1}
		again.run(position{})
		if class != nameNone {
			again.value(class)
		}
		if again.fold && again.folds < maxFolds {
			again.runFolded(class)
		}
		t.found = again.found
	}
	for i := n; i < len(t.found); i++ {
		found := &t.found[i]
		found.Start, found.End = int(f.from[found.Start]), int(f.to[found.End-1])
	}
	if cap(f.text) <= maxFolding {
		foldings.Put(f)
	}
}
