package store

import "iter"

// symbols are those of which grams are made; of others it has gramSymbols.
var symbols = func() (s [256]byte) {
	for i := range s {
		s[i] = gramSymbols
	}
	for i, b := range []byte("0123456789abcdef-.") {
		s[b] = byte(i)
	}
	return s
}()

// beginGrams has the texts that are added from now on, of one column, taken for their grams, too.
func (f *filterBuilder) beginGrams() { f.takesGrams = true }

// endGrams says whether the filter has the grams of the texts since beginGrams.
func (f *filterBuilder) endGrams() bool {
	all := f.takesGrams
	f.takesGrams = false
	if !all {
		f.forgetGrams(f.before)
	}
	f.before = len(f.grams)
	return all
}

// forgetGrams forgets all but so many.
func (f *filterBuilder) forgetGrams(but int) {
	for _, gram := range f.grams[but:] {
		f.hasGram[gram>>6] = 0
	}
	for _, gram := range f.grams[:but] {
		f.hasGram[gram>>6] |= 1 << (gram & 63)
	}
	f.grams, f.before = f.grams[:but], but
}

func (f *filterBuilder) addGrams(text []byte) {
	for gram := range grams(text) {
		if word, bit := &f.hasGram[gram>>6], uint64(1)<<(gram&63); *word&bit == 0 {
			*word |= bit
			f.grams = append(f.grams, gram)
		}
	}
	f.takesGrams = len(f.grams)-f.before <= maxColumnGrams && len(f.grams) <= maxGramKeys
}

// grams gives those of a text in query.AppendFold's form, as numbers of gramSize digits of base gramSymbols.
func grams(text []byte) iter.Seq[uint32] {
	return func(yield func(gram uint32) bool) {
		for at := gramSize - 1; at < len(text); {
			// None of them has what is no symbol, so that most letters need not be looked at.
			last := at
			for last > at-gramSize && symbols[text[last]] < gramSymbols {
				last--
			}
			if last > at-gramSize {
				at = last + gramSize
				continue
			}
			gram := uint32(0)
			for _, b := range text[at+1-gramSize : at+1] {
				gram = gram*gramSymbols + uint32(symbols[b])
			}
			for {
				if !yield(gram) {
					return
				}
				if at++; at == len(text) || symbols[text[at]] == gramSymbols {
					break
				}
				gram = (gram-uint32(symbols[text[at-gramSize]])*(gramCount/gramSymbols))*gramSymbols + uint32(symbols[text[at]])
			}
			at += gramSize
		}
	}
}

// placeGram is place64 for a gram.
func placeGram(gram, lines uint32) (line uint32, bits [gramProbes]uint16) {
	x := mix(uint64(gram) | 1<<42)
	line = uint32(x >> 32 * uint64(lines) >> 32)
	for i := range bits {
		bits[i] = uint16((x & 0x1ff) * filterBits >> 9)
		x >>= 9
	}
	return line, bits
}

// hasGrams says whether texts whose grams are there may have these.
func (f *filterShape) hasGrams(grams []uint32, line func(i uint32) ([]byte, error)) (bool, error) {
	if f.lines == 0 {
		return false, nil
	}
	for _, gram := range grams {
		at, bits := placeGram(gram, f.lines)
		if b, err := line(at); err != nil || !hasBits(b, bits[:]) {
			return false, err
		}
	}
	return true, nil
}
