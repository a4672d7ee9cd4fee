package secretscan

// nationalLengths has the lengths of numbers after the country code, where the
// numbering plans are known well enough (E.164 and the national plans); 7 to 12 elsewhere.
var nationalLengths = map[int][2]int{
	1: {10, 10}, 7: {10, 10}, 20: {8, 10}, 27: {9, 9}, 30: {10, 10}, 31: {9, 9}, 32: {8, 9}, 33: {9, 9}, 34: {9, 9}, 36: {8, 9},
	39: {8, 11}, 40: {9, 9}, 41: {9, 9}, 43: {7, 12}, 44: {9, 10}, 45: {8, 8}, 46: {7, 10}, 47: {8, 8}, 48: {9, 9}, 49: {7, 12},
	51: {8, 9}, 52: {10, 11}, 54: {10, 11}, 55: {10, 11}, 56: {9, 9}, 57: {10, 10}, 60: {8, 10}, 61: {9, 9}, 62: {8, 12},
	63: {10, 10}, 64: {8, 10}, 65: {8, 8}, 66: {8, 9}, 81: {9, 10}, 82: {8, 10}, 84: {9, 10}, 86: {10, 11}, 90: {10, 10},
	91: {10, 10}, 92: {9, 10}, 351: {9, 9}, 353: {8, 9}, 380: {9, 9}, 420: {9, 9}, 421: {9, 9}, 852: {8, 8}, 971: {8, 9},
	972: {8, 9}, 886: {8, 9},
}

// twoDigit marks the country codes of two digits, by their first digit.
var twoDigit = [10]string{2: "07", 3: "012346 9", 4: "01 3456789", 5: "12345678", 6: "0123456", 8: "1246", 9: "0123458"}

// countryCode gives the code the digits begin with, and its length.
func countryCode(d *digits) (code, size int) {
	if d.n < 4 {
		return 0, 0
	}
	switch d.d[0] {
	case 0:
		return 0, 0
	case 1, 7:
		return int(d.d[0]), 1
	}
	second := d.d[1] + '0'
	list := twoDigit[d.d[0]]
	for i := range len(list) {
		if list[i] == second {
			return int(d.d[0])*10 + int(d.d[1]), 2
		}
	}
	return int(d.d[0])*100 + int(d.d[1])*10 + int(d.d[2]), 3
}

// plus looks at the '+' at i for an international number.
func (t *task) plus(i int) {
	text := t.text
	c := at(text, i+1)
	if c < '1' || c > '9' || i > 0 && (!leftEdge(text, i) || text[i-1] == '+' || text[i-1] == '/' || text[i-1] == '.') {
		return
	}
	var d digits
	best := 0
	for j := i + 1; j < len(text); {
		if !isDigit(text[j]) {
			next := phoneGap(text, j)
			if next == j {
				break
			}
			j = next
			continue
		}
		for j < len(text) && isDigit(text[j]) && d.push(text[j]) {
			j++
		}
		if d.n > 15 || isDigit(at(text, j)) {
			break
		}
		if code, size := countryCode(&d); size > 0 {
			least, most := 7, 12
			if l, ok := nationalLengths[code]; ok {
				least, most = l[0], l[1]
			}
			if n := d.n - size; n > most {
				break
			} else if n >= least && d.n >= 8 {
				best = j
			}
		}
	}
	if best > 0 && phoneEnd(text, best) {
		t.add(dPhone, i, best)
		t.digitEnd = max(t.digitEnd, best)
	}
}

// phoneGap goes over what may stand between two groups of digits at i; it stays at i
// where no group follows.
func phoneGap(text string, i int) int {
	j := i
	if at(text, j) == ')' {
		j++
	}
	if c := at(text, j); c == ' ' || c == '-' || c == '.' || c == '/' {
		j++
	}
	if at(text, j) == '(' {
		j++
		if at(text, j) == '0' && at(text, j+1) == ')' {
			j += 2 // +44 (0)20
			if at(text, j) == ' ' {
				j++
			}
		}
	}
	if isDigit(at(text, j)) {
		return j
	}
	return i
}

func phoneEnd(text string, i int) bool {
	c := at(text, i)
	return !isWord(c) && c != '@' && c != '+' && (c != '/' && c != '-' && c != '.' && c != ':' || !isAlnum(at(text, i+1)))
}

// nationalPhone looks at i, after a word such as "tel", for a number of at least so many digits
// without a country code.
func (t *task) nationalPhone(i, least int) bool {
	text := t.text
	var d digits
	best, groups := 0, 0
	var sizes [3]int
	j := i
	if text[j] == '(' {
		j++
	}
	for j < len(text) && isDigit(text[j]) {
		start := j
		for j < len(text) && isDigit(text[j]) && d.push(text[j]) {
			j++
		}
		if isDigit(at(text, j)) || d.n > 13 {
			break
		}
		if groups < len(sizes) {
			sizes[groups] = j - start
		}
		groups++
		if d.n > 11 && groups > 1 {
			break
		}
		if d.n >= 7 {
			best = j
		}
		next := phoneGap(text, j)
		if next == j || d.n >= 10 && text[j] == ' ' {
			break
		}
		j = next
	}
	if d.n < least && groups == 1 || d.same() || best == 0 || !phoneEnd(text, best) || groups >= 3 && sizes == [3]int{4, 2, 2} {
		return false
	}
	t.add(dPhone, i, best)
	t.digitEnd = max(t.digitEnd, best)
	return true
}
