package store

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/zeebo/xxh3"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
)

// A block's filter says of a text that it is in none of the block's values, without reading these.
// It is a Bloom filter whose bits for one key are all in one line of 64 bytes, so that asking for a
// key is one small read; a line ends with its own checksum. The keys are, of each value in
// query.AppendFold's form:
//
//   - letters: all three and all four letters that stand side by side, if one is none of a to f: what is
//     between letters counts, so any word that a value contains has its letters in the filter. Random
//     hexadecimal digits would be nearly all there are.
//   - digits: each longest run of hexadecimal digits and hyphens, of 16 at least without the hyphens
//     around it: ids. What is looked for may be a part of a longer run, so that a run at the end of
//     a word can only be asked for where the block has none that is longer.
//   - whole: a record's ids, where they are no such run.
const (
	filterLine    = 64
	filterBits    = (filterLine - 4) * 8 // the rest is CRC-32C
	filterProbes  = 6
	bitsPerKey    = 12 // about one in a hundred wrong
	minDigits     = 16
	maxLetterKeys = 1 << 15 // with more, such as Base64 has, there are none of them
	maxOtherKeys  = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The classes of bytes.
const (
	classLetter = 1 << iota // a to z, and what is no ASCII
	classBeyondF
	classDigit // hexadecimal, or a hyphen
)

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

func digitsKey(run []byte) uint64 { return xxh3.HashSeed(run, 1) }

func wholeKey(folded []byte) uint64 { return xxh3.HashSeed(folded, 2) }

// keySet is a set of keys with open addressing; 0 is no key.
type keySet struct {
	slots []uint64
	count int
}

func (k *keySet) reset() {
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

// filterBuilder collects the keys of a block.
type filterBuilder struct {
	letters, others keySet
	seen            [1 << 12]uint32 // letters of this block, by a part of their hash: most have been there
	longest         int             // run of digits, without the hyphens around it
	fold            []byte
}

func (f *filterBuilder) reset() {
	f.letters.reset()
	f.others.reset()
	clear(f.seen[:])
	f.longest = 0
}

// add takes the text of a value.
func (f *filterBuilder) add(text string) {
	f.fold = query.AppendFold(f.fold[:0], text)
	f.addFolded(f.fold)
}

func (f *filterBuilder) addFolded(text []byte) {
	var letters uint32 // the last four bytes
	run := 0           // how many of them, up to now, are letters
	beyond := 0        // how long ago the last one beyond f was
	digits := 0        // the length of the run of digits up to here
	letterKeys := f.letters.count <= maxLetterKeys
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
	if len(run) >= minDigits {
		f.longest = max(f.longest, len(run))
		f.others.add(digitsKey(run))
	}
}

// addID takes an id of a record, whose text has been added too.
func (f *filterBuilder) addID(id string) {
	if id == "" {
		return
	}
	f.fold = query.AppendFold(f.fold[:0], id)
	if !isDigits(f.fold) {
		f.others.add(wholeKey(f.fold))
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
	longest             uint32
	hasLetters, hasIDs  bool
	offset              int64 // in the file
	offsetInBlock, size uint32
}

// appendTo appends the filter's lines.
func (f *filterBuilder) appendTo(dst []byte) ([]byte, filterShape) {
	shape := filterShape{
		longest: uint32(f.longest), hasLetters: f.letters.count <= maxLetterKeys, hasIDs: f.others.count <= maxOtherKeys,
	}
	keys := 0
	if shape.hasLetters {
		keys += f.letters.count
	}
	if shape.hasIDs {
		keys += f.others.count
	}
	if keys == 0 {
		return dst, shape
	}
	shape.lines = uint32((keys*bitsPerKey + filterBits - 1) / filterBits)
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
	whole   []uint64
}

// digitsPart is a run of digits that may be a part of a longer one.
type digitsPart struct {
	key    uint64
	length uint32
}

// maxNeed is how many keys of a kind are asked for; a few tell as much as all.
const maxNeed = 6

// needOf gives what a pattern needs.
func needOf(p *query.Pattern) (n need) {
	for i, part := range p.Parts {
		text := []byte(query.Fold(part))
		n.add(text, p.Start && i == 0, p.End && i == len(p.Parts)-1)
	}
	return n
}

func (n *need) add(text []byte, begins, ends bool) {
	digits := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && classes[text[i]]&classDigit != 0 {
			digits++
			continue
		}
		if run := trimHyphens(text[i-digits : i]); len(run) >= minDigits {
			if (begins || i-digits > 0) && (ends || i < len(text)) {
				n.digits = append(n.digits, digitsKey(run))
			} else {
				n.parts = append(n.parts, digitsPart{digitsKey(run), uint32(len(run))})
			}
		}
		digits = 0
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
	has := func(key uint64) (bool, error) {
		if f.lines == 0 {
			return false, nil
		}
		at, bits := place64(key, f.lines)
		b, err := line(at)
		if err != nil {
			return false, err
		}
		for _, bit := range bits {
			if b[bit>>3]&(1<<(bit&7)) == 0 {
				return false, nil
			}
		}
		return true, nil
	}
	all := func(keys []uint64) (bool, error) {
		for _, key := range keys {
			if ok, err := has(key); !ok {
				return false, err
			}
		}
		return true, nil
	}
	if f.hasIDs {
		for _, keys := range [...][]uint64{n.whole, n.digits} {
			if ok, err := all(keys); !ok {
				return false, err
			}
		}
		for _, part := range n.parts {
			if f.longest < part.length {
				return false, nil
			}
			if f.longest == part.length {
				if ok, err := has(part.key); !ok {
					return false, err
				}
			}
		}
	}
	if f.hasLetters {
		return all(n.letters)
	}
	return true, nil
}
