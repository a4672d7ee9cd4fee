package secretscan

// brand is who issued a card.
type brand uint8

const (
	brandNone brand = iota
	brandOther
	brandVisa
	brandMastercard
	brandAmex
)

// iin is a range of issuer identification numbers, by their first six digits, and
// the lengths (as bits) their card numbers have.
type iin struct {
	from, to int
	lengths  uint32
	brand    brand
}

func lengths(ns ...int) (bits uint32) {
	for _, n := range ns {
		bits |= 1 << n
	}
	return bits
}

// iins are the ranges the networks publish (ISO/IEC 7812-1 leaves them to the issuers).
var iins = func() []iin {
	to19 := lengths(16, 17, 18, 19)
	maestro := lengths(12, 13, 14, 15, 16, 17, 18, 19)
	list := []iin{
		{400000, 499999, lengths(13, 16, 19), brandVisa},
		{510000, 559999, lengths(16), brandMastercard},
		{222100, 272099, lengths(16), brandMastercard},
		{340000, 349999, lengths(15), brandAmex},
		{370000, 379999, lengths(15), brandAmex},
		{601100, 601199, to19, brandOther}, // Discover
		{644000, 659999, to19, brandOther},
		{300000, 305999, lengths(14, 16, 17, 18, 19), brandOther}, // Diners Club
		{309500, 309599, lengths(14, 16, 17, 18, 19), brandOther},
		{360000, 369999, lengths(14, 15, 16, 17, 18, 19), brandOther},
		{380000, 399999, lengths(14, 16, 17, 18, 19), brandOther},
		{352800, 358999, to19, brandOther}, // JCB
		{620000, 629999, to19, brandOther}, // UnionPay
		{810000, 817199, to19, brandOther},
		{220000, 220499, to19, brandOther}, // Mir
	}
	for _, p := range []int{5018, 5020, 5038, 5893, 6304, 6390, 6759, 6761, 6762, 6763} {
		list = append(list, iin{p * 100, p*100 + 99, maestro, brandOther})
	}
	return list
}()

// issuer gives the brand of a number whose range, length and check digit are right.
func (d *digits) issuer() brand {
	if d.n < 12 {
		return brandNone
	}
	first := 0
	for i := range 6 {
		first = first*10 + int(d.d[i])
	}
	for i := range iins {
		r := &iins[i]
		if r.from <= first && first <= r.to && r.lengths&(1<<d.n) != 0 && d.luhn() && !d.same() {
			return r.brand
		}
	}
	return brandNone
}

func (t *task) addCard(b brand, start, end int) bool {
	on := &t.s.on
	switch {
	case b == brandVisa && on[dVisa]:
		t.add(dVisa, start, end)
	case b == brandMastercard && on[dMastercard]:
		t.add(dMastercard, start, end)
	case b == brandAmex && on[dAmex]:
		t.add(dAmex, start, end)
	case on[dCard]:
		t.add(dCard, start, end)
	default:
		return false
	}
	return true
}

// card looks for a card number at i.
func (t *task) card(i int) {
	text := t.text
	if i < t.digitEnd || !leftEdge(text, i) {
		return
	}
	n := span(text, i, 20, digitSet)
	if n-i > 19 {
		return
	}
	if i > 0 {
		switch p := text[i-1]; {
		case p == '+', p == '.' && isAlnum(at(text, i-2)):
			return
		case p == '-' && (uuidBefore(text, i-1) || !isAlnum(at(text, i-2)) && at(text, i-2) != '-'):
			return // part of a UUID, or below zero
		}
	}
	var d digits
	for j := i; j < n; j++ {
		d.push(text[j])
	}
	if n-i >= 12 {
		if !cardEnd(text, n) {
			return
		}
		if b := d.issuer(); b != brandNone && !t.innocentNumber(i) && t.addCard(b, i, n) {
			t.digitEnd = n
		}
		return
	}
	t.groupedCard(i, n, d)
}

// groupedCard goes on after the first of several groups, which ends at n. Groups are parted
// by one space (a form's '+') or dash; by a line break only where they are 4-4-4-4, 4-6-5 or 4-6-4.
func (t *task) groupedCard(i, n int, d digits) {
	text := t.text
	sep := at(text, n)
	if n-i != 4 && n-i != 6 {
		return
	}
	if sep != '-' && sep != '+' && !isSpace(sep) {
		return
	}
	broken := false
	best, bestEnd := brandNone, 0
	sizes := [8]int{n - i}
	for groups := 1; groups < len(sizes); groups++ {
		j := n
		switch c := at(text, j); {
		case c == sep && (c == ' ' || c == '-' || c == '+'):
			j++
		case c == '\n':
			broken = true
			j++
		case c == '\r' && at(text, j+1) == '\n':
			broken = true
			j += 2
		case c == ' ' && broken && sep == '\n':
			j++
		default:
			j = -1
		}
		if j < 0 || !isDigit(at(text, j)) {
			break
		}
		end := span(text, j, 20, digitSet)
		size := end - j
		if d.n+size > 19 || size > 8 && (groups > 1 || size != 13 || sizes[0] != 6) {
			break
		}
		sizes[groups] = size
		for k := j; k < end; k++ {
			d.push(text[k])
		}
		n = end
		usual := sizes[0] == 4 && (groups < 2 || sizes[1] == 4 && sizes[2] == 4 || sizes[1] == 6 && groups == 2 && (size == 4 || size == 5))
		if (broken || sep == '+') && (!usual || d.n < 14 || d.n > 16) {
			continue
		}
		if !usual && sizes[0] == 6 && (groups > 1 || size != 13) {
			continue
		}
		if !usual && (size < 3 || sizes[groups-1] < 3) {
			continue
		}
		if b := d.issuer(); b != brandNone && cardEnd(text, end) && (sep != '-' || at(text, end) != '-') {
			best, bestEnd = b, end
		}
	}
	if best != brandNone && t.addCard(best, i, bestEnd) {
		t.digitEnd = bestEnd
	}
}

// cardEnd says whether a card's number may end before i.
func cardEnd(text string, i int) bool {
	if i >= len(text) {
		return true
	}
	c := text[i]
	if c == '.' || c == '-' {
		return !isDigit(at(text, i+1))
	}
	return !isWord(c)
}

// uuidBefore says whether a group of a UUID ends before the dash at i.
func uuidBefore(text string, i int) bool {
	n := i
	for n > 0 && i-n < 9 && isHex(text[n-1]) {
		n--
	}
	switch i - n {
	case 4:
		return n > 0 && (text[n-1] == '-' && n > 1 && isHex(text[n-2]))
	case 8:
		return leftEdge(text, n)
	}
	return false
}

// innocentNumber says whether the number at i stands under a name of numbers, such as
// trace_id or timestamp.
func (t *task) innocentNumber(i int) bool {
	if t.key != "" && t.s.names.judge(t.key) == nameNumber {
		return true
	}
	text := t.text
	end := i
	for end > 0 && i-end < 4 && (isQuote(text[end-1]) || text[end-1] == ' ' || text[end-1] == '\\') {
		end--
	}
	if end == 0 || text[end-1] != '=' && text[end-1] != ':' {
		return false
	}
	end--
	for end > 0 && (isQuote(text[end-1]) || text[end-1] == '\\' || text[end-1] == ' ') && i-end < 10 {
		end--
	}
	start := end
	for start > 0 && end-start < 40 && keySet[text[start-1]] {
		start--
	}
	return start < end && t.s.names.judge(text[start:end]) == nameNumber
}

// track1 looks at "%B<number>^<name>^<date and more>?" (ISO/IEC 7813).
func (t *task) track1(i int) {
	text := t.text
	if !t.s.on[dCardTrack] || at(text, i+1)|0x20 != 'b' {
		return
	}
	end, ok := pan(text, i+2)
	if !ok || at(text, end) != '^' {
		return
	}
	limit := min(len(text), i+110)
	carets, last := 0, end
	for j := end; j < limit; j++ {
		c := text[j]
		if c == '^' {
			carets++
		}
		if c == '?' && carets == 2 {
			t.add(dCardTrack, i, j+1)
			return
		}
		if c < ' ' || c >= 0x7f || carets == 2 && c != '^' && !isAlnum(c) && c != ' ' {
			break
		}
		last = j + 1
	}
	if carets == 2 {
		t.add(dCardTrack, i, last)
	}
}

// track2 looks at ";<number>=<date and more>?".
func (t *task) track2(i int) {
	text := t.text
	if !isDigit(at(text, i+1)) {
		return
	}
	end, ok := pan(text, i+1)
	if !ok || at(text, end) != '=' {
		return
	}
	stop := span(text, end+1, 40, digitSet)
	if stop-end < 5 {
		return
	}
	if at(text, stop) == '?' {
		stop++
	}
	t.add(dCardTrack, i, stop)
}

// pan reads a bare card number at i.
func pan(text string, i int) (end int, ok bool) {
	var d digits
	end = i
	for end < len(text) && isDigit(text[end]) {
		if !d.push(text[end]) {
			return 0, false
		}
		end++
	}
	return end, d.n >= 12 && d.luhn()
}
