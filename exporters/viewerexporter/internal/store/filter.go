package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// A block's filter says of a text that it is in none of the block's values, without reading these.
// It is a Bloom filter whose bits for one key are all in one line of 64 bytes, so that asking for a
// key is one small read; a line ends with its own checksum. The keys are, of each value in
// query.AppendFold's form:
//
//   - letters: all three and all four letters that stand side by side, if one is none of a to f: what is
//     between letters counts, so any word that a value contains has its letters in the filter. Random
//     hexadecimal digits would be nearly all there are.
//   - digits: each longest run of hexadecimal digits, of 16 at least, and each of digits and hyphens, as
//     in a UUID, without the hyphens around it: ids. What is looked for may be a part of a longer run,
//     so that a run at the end of a word can only be asked for where the block has none that is longer.
//   - fields: the name of an attribute, or of one of the record's own fields, with its whole value, as a
//     text that is no such run, or as a number. Where a field has values that are not in the filter, the
//     name alone is.
//   - grams: all five characters that stand side by side and are hexadecimal digits, hyphens or dots, of the
//     columns of texts for which this is said in their place: numbers, addresses and parts of ids that are no
//     word's. Texts that have too many, since they are full of ids, are read instead, as are columns of ids: to
//     look through 16 bytes is cheaper than to have 28 keys of them.
const (
	filterLine    = 64
	filterBits    = (filterLine - 4) * 8 // the rest is CRC-32C
	filterProbes  = 6
	bitsPerKey    = 12 // about one in a hundred wrong
	minDigits     = 16
	maxLetterKeys = 1 << 15 // with more, such as Base64 has, there are none of them
	maxOtherKeys  = 1 << 16

	gramSize       = 5
	gramSymbols    = 18
	gramCount      = gramSymbols * gramSymbols * gramSymbols * gramSymbols * gramSymbols
	gramProbes     = 3 // of one, about one in twenty is wrong, but most texts have several
	bitsPerGram    = 6
	maxColumnGrams = 4 * maxBlockRecords
	maxGramKeys    = 1 << 15
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The classes of bytes.
const (
	classLetter = 1 << iota // a to z, and what is no ASCII
	classBeyondF
	classDigit // hexadecimal, or a hyphen
)

// maxFieldText is the longest value that is in the filter with its field.
const maxFieldText = 128

var classes = func() (c [256]byte) {
	for i := range c {
		switch b := byte(i); {
		case 'a' <= b && b <= 'f':
			c[i] = classLetter | classDigit
		case 'g' <= b && b <= 'z', b >= 0x80:
			c[i] = classLetter | classBeyondF
		case '0' <= b && b <= '9', b == '-':
			c[i] = classDigit
		}
	}
	return c
}()

func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

func lettersKey(letters uint32, four bool) uint64 {
	if four {
		return mix(uint64(letters) | 1<<40)
	}
	return mix(uint64(letters&0xffffff) | 1<<41)
}

const seedHex, seedHyphen = 1, 2

func hexKey(run []byte) uint64    { return xxh3.HashSeed(run, seedHex) }
func hyphenKey(run []byte) uint64 { return xxh3.HashSeed(run, seedHyphen) }

// nameKey is of a field's name, in query.AppendFold's form.
func nameKey(name string) uint64 { return xxh3.HashStringSeed(name, 3) }

func textKey(name uint64, folded []byte) uint64 { return mix(xxh3.HashSeed(folded, 4) ^ name) }

func numberKey(name uint64, v float64) uint64 {
	if v == 0 {
		v = 0 // and not -0, which is the same
	}
	return mix(mix(math.Float64bits(v)) ^ name)
}

// keySet is a set of keys with open addressing; 0 is no key.
type keySet struct {
	slots []uint64
	count int
}

func (k *keySet) reset() {
	if len(k.slots) > 4*maxOtherKeys {
		k.slots = nil
	}
	clear(k.slots)
	k.count = 0
}

func (k *keySet) add(key uint64) {
	if key == 0 {
		key = 1
	}
	if 2*k.count >= len(k.slots) {
		k.grow()
	}
	mask := uint64(len(k.slots) - 1)
	for i := key & mask; ; i = (i + 1) & mask {
		switch k.slots[i] {
		case 0:
			k.slots[i] = key
			k.count++
			return
		case key:
			return
		}
	}
}

func (k *keySet) grow() {
	old := k.slots
	k.slots = make([]uint64, max(1<<12, 2*len(old)))
	k.count = 0
	for _, key := range old {
		if key != 0 {
			k.add(key)
		}
	}
}

// digitRuns has the length of the longest run of digits, and of those with hyphens among them.
type digitRuns struct{ hex, hyphen uint32 }

// filterBuilder collects the keys of a block.
type filterBuilder struct {
	letters, others keySet
	seen            [1 << 12]uint32 // letters of this block, by a part of their hash: most have been there
	longest         digitRuns
	fold            []byte

	grams      []uint32 // each once
	hasGram    [(gramCount + 63) / 64]uint64
	before     int // how many there were before the column that is being taken
	takesGrams bool
}

func (f *filterBuilder) reset() {
	f.letters.reset()
	f.others.reset()
	clear(f.seen[:])
	f.forgetGrams(0)
	f.longest = digitRuns{}
	if cap(f.fold) > maxBlockBytes {
		f.fold = nil
	}
}

// add takes the text of a value.
func (f *filterBuilder) add(text string) {
	f.folded(text)
	f.addFolded(f.fold)
}

// folded leaves the text in fold, in query.AppendFold's form.
func (f *filterBuilder) folded(text string) {
	var ascii bool
	if f.fold, ascii = appendFoldASCII(f.fold[:0], text); !ascii {
		f.fold = query.AppendFold(f.fold[:0], text)
	}
}

func (f *filterBuilder) addFolded(text []byte) {
	var letters uint32 // the last four bytes
	run := 0           // how many of them, up to now, are letters
	beyond := 0        // how long ago the last one beyond f was
	digits := 0        // the length of the run of digits up to here
	letterKeys := f.letters.count <= maxLetterKeys
	if f.takesGrams {
		f.addGrams(text)
	}
	for i, b := range text {
		class := classes[b]
		if class&classDigit != 0 {
			digits++
		} else {
			if digits >= minDigits {
				f.digits(text[i-digits : i])
			}
			digits = 0
		}
		if class&classLetter == 0 {
			run = 0
			continue
		}
		letters = letters<<8 | uint32(b)
		run++
		if beyond++; class&classBeyondF != 0 {
			beyond = 0
		}
		if run < 3 || !letterKeys {
			continue
		}
		if beyond < 3 && beyond < run {
			// Of three letters there are few: the four's place in seen stands for both but at a run's start.
			if run == 3 {
				f.letters.add(lettersKey(letters, false))
				continue
			}
		}
		if run >= 4 && beyond < 4 {
			slot := &f.seen[letters*0x9e3779b1>>20]
			if *slot == letters {
				continue
			}
			*slot = letters
			f.letters.add(lettersKey(letters, true))
			if beyond < 3 {
				f.letters.add(lettersKey(letters, false))
			}
		}
	}
	if digits >= minDigits {
		f.digits(text[len(text)-digits:])
	}
}

func (f *filterBuilder) digits(run []byte) {
	run = trimHyphens(run)
	if len(run) < minDigits {
		return
	}
	if bytes.IndexByte(run, '-') >= 0 {
		f.longest.hyphen = max(f.longest.hyphen, uint32(len(run)))
		f.others.add(hyphenKey(run))
		for segment := range bytes.SplitSeq(run, hyphen) {
			if len(segment) >= minDigits {
				f.hex(segment)
			}
		}
		return
	}
	f.hex(run)
}

func (f *filterBuilder) hex(run []byte) {
	f.longest.hex = max(f.longest.hex, uint32(len(run)))
	f.others.add(hexKey(run))
}

var hyphen = []byte{'-'}

// addField takes the value of a field with this nameKey.
func (f *filterBuilder) addField(name uint64, value any) {
	switch v := value.(type) {
	case string:
		f.folded(v)
		f.addFoldedField(name, v)
	case int64:
		f.others.add(numberKey(name, float64(v)))
	case float64:
		f.others.add(numberKey(name, v))
	case nil:
		f.others.add(textKey(name, nil))
	case []any:
		for _, element := range v {
			f.addField(name, element)
		}
		f.addField(name, record.Text(v))
	default:
		f.addField(name, record.Text(v))
	}
}

// addFoldedField takes a text that is in fold, too.
func (f *filterBuilder) addFoldedField(name uint64, text string) {
	switch {
	case len(text) > maxFieldText:
		f.others.add(name)
	case !isDigits(f.fold):
		f.others.add(textKey(name, f.fold))
	}
}

// isDigits says whether a text is one run that the filter has as such.
func isDigits(text []byte) bool {
	for _, b := range text {
		if classes[b]&classDigit == 0 {
			return false
		}
	}
	return len(trimHyphens(text)) >= minDigits
}

func trimHyphens(run []byte) []byte {
	for len(run) > 0 && run[0] == '-' {
		run = run[1:]
	}
	for len(run) > 0 && run[len(run)-1] == '-' {
		run = run[:len(run)-1]
	}
	return run
}

// filterShape is what a block's index says of its filter.
type filterShape struct {
	lines               uint32
	longest             digitRuns
	hasLetters, hasIDs  bool
	offset              int64 // in the file
	offsetInBlock, size uint32
}

// appendTo appends the filter's lines.
func (f *filterBuilder) appendTo(dst []byte) ([]byte, filterShape) {
	shape := filterShape{
		longest: f.longest, hasLetters: f.letters.count <= maxLetterKeys, hasIDs: f.others.count <= maxOtherKeys,
	}
	keys := 0
	if shape.hasLetters {
		keys += f.letters.count
	}
	if shape.hasIDs {
		keys += f.others.count
	}
	bits := keys*bitsPerKey + len(f.grams)*bitsPerGram
	if bits == 0 {
		return dst, shape
	}
	shape.lines = uint32((bits + filterBits - 1) / filterBits)
	start := len(dst)
	dst = append(dst, make([]byte, int(shape.lines)*filterLine)...)
	lines := dst[start:]
	put := func(set *keySet) {
		for _, key := range set.slots {
			if key != 0 {
				line, probes := place64(key, shape.lines)
				for _, bit := range probes {
					lines[int(line)*filterLine+int(bit>>3)] |= 1 << (bit & 7)
				}
			}
		}
	}
	if shape.hasLetters {
		put(&f.letters)
	}
	if shape.hasIDs {
		put(&f.others)
	}
	for _, gram := range f.grams {
		line, probes := placeGram(gram, shape.lines)
		for _, bit := range probes {
			lines[int(line)*filterLine+int(bit>>3)] |= 1 << (bit & 7)
		}
	}
	for at := 0; at < len(lines); at += filterLine {
		line := lines[at : at+filterLine]
		binary.LittleEndian.PutUint32(line[filterLine-4:], crc32.Checksum(line[:filterLine-4], castagnoli))
	}
	return dst, shape
}

// place64 gives a key's line, and its bits there.
func place64(key uint64, lines uint32) (line uint32, bits [filterProbes]uint16) {
	if key == 0 {
		key = 1
	}
	line = uint32(key >> 32 * uint64(lines) >> 32)
	x := mix(key)
	for i := range bits {
		bits[i] = uint16((x & 0xffff) * filterBits >> 16)
		x = x>>16 ^ x*0x9e3779b97f4a7c15
	}
	return line, bits
}

// need is what a block must have in its filter for a text to be in one of its values.
type need struct {
	letters []uint64
	digits  []uint64 // of runs that are whole
	parts   []digitsPart
	oneOf   []uint64
	grams   []uint32 // of columns that have them in the filter, not of all
}

// digitsPart is a run of digits that may be a part of a longer one.
type digitsPart struct {
	key    uint64
	length uint32
	hyphen bool
}

// maxNeed is how many keys of a kind are asked for; a few tell as much as all.
const maxNeed = 6

func (n *need) nothing() bool {
	return len(n.letters)+len(n.digits)+len(n.parts)+len(n.oneOf)+len(n.grams) == 0
}

// needOf gives what a pattern needs.
func needOf(p *query.Pattern) (n need) {
	for i, part := range p.Parts {
		text := []byte(query.Fold(part))
		n.add(text, p.Start && i == 0, p.End && i == len(p.Parts)-1)
	}
	return n
}

// field adds that a field must be a text, or a number, as a whole.
func (n *need) field(name string, folded []byte, number float64, isNumber bool) {
	key := nameKey(name)
	text := textKey(key, folded)
	if isDigits(folded) {
		if !isNumber {
			return // it is among the digits
		}
		trimmed := trimHyphens(folded)
		if text = hexKey(trimmed); bytes.IndexByte(trimmed, '-') >= 0 {
			text = hyphenKey(trimmed)
		}
	}
	n.oneOf = append(n.oneOf, text, key)
	if isNumber {
		n.oneOf = append(n.oneOf, numberKey(key, number))
	}
}

// run adds a run of digits; before and behind say that it goes on there with no other digit or hyphen.
func (n *need) run(run []byte, before, behind bool) {
	trimmed := trimHyphens(run)
	if bytes.IndexByte(trimmed, '-') >= 0 && len(trimmed) >= minDigits {
		if before && behind {
			n.digits = append(n.digits, hyphenKey(trimmed))
		} else {
			n.parts = append(n.parts, digitsPart{hyphenKey(trimmed), uint32(len(trimmed)), true})
		}
	}
	for from := 0; from < len(run); {
		to := from
		for to < len(run) && run[to] != '-' {
			to++
		}
		if segment := run[from:to]; len(segment) >= minDigits {
			if (before || from > 0) && (behind || to < len(run)) {
				n.digits = append(n.digits, hexKey(segment))
			} else {
				n.parts = append(n.parts, digitsPart{hexKey(segment), uint32(len(segment)), false})
			}
		}
		from = to + 1
	}
}

func (n *need) add(text []byte, begins, ends bool) {
	digits := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && classes[text[i]]&classDigit != 0 {
			digits++
			continue
		}
		n.run(text[i-digits:i], begins || i-digits > 0, ends || i < len(text))
		digits = 0
	}
	for gram := range grams(text) {
		if len(n.grams) < maxNeed {
			n.grams = append(n.grams, gram)
		}
	}
	for from := 0; from < len(text); {
		if classes[text[from]]&classLetter == 0 {
			from++
			continue
		}
		to := from
		for to < len(text) && classes[text[to]]&classLetter != 0 {
			to++
		}
		size := min(to-from, 4)
		for at := from; size >= 3 && at+size <= to && len(n.letters) < maxNeed; at++ {
			var letters uint32
			beyond := false
			for _, b := range text[at : at+size] {
				letters = letters<<8 | uint32(b)
				beyond = beyond || classes[b]&classBeyondF != 0
			}
			if beyond {
				n.letters = append(n.letters, lettersKey(letters, size == 4))
			}
		}
		from = to
	}
}

// ask says whether a block may have what is needed; line reads one of the filter's lines.
func (f *filterShape) ask(n *need, line func(i uint32) ([]byte, error)) (bool, error) {
	if f.hasIDs {
		if len(n.oneOf) > 0 {
			some := false
			for _, key := range n.oneOf {
				ok, err := f.has(key, line)
				if err != nil {
					return false, err
				}
				some = some || ok
			}
			if !some {
				return false, nil
			}
		}
		if ok, err := f.all(n.digits, line); !ok {
			return false, err
		}
		for _, part := range n.parts {
			longest := f.longest.hex
			if part.hyphen {
				longest = f.longest.hyphen
			}
			if longest < part.length {
				return false, nil
			}
			if longest == part.length {
				if ok, err := f.has(part.key, line); !ok {
					return false, err
				}
			}
		}
	}
	if f.hasLetters {
		return f.all(n.letters, line)
	}
	return true, nil
}

func (f *filterShape) has(key uint64, line func(i uint32) ([]byte, error)) (bool, error) {
	if f.lines == 0 {
		return false, nil
	}
	at, bits := place64(key, f.lines)
	b, err := line(at)
	return err == nil && hasBits(b, bits[:]), err
}

func hasBits(line []byte, bits []uint16) bool {
	for _, bit := range bits {
		if line[bit>>3]&(1<<(bit&7)) == 0 {
			return false
		}
	}
	return true
}

// all says whether it may have all keys.
func (f *filterShape) all(keys []uint64, line func(i uint32) ([]byte, error)) (bool, error) {
	for _, key := range keys {
		if ok, err := f.has(key, line); !ok {
			return false, err
		}
	}
	return true, nil
}
