package secretscan

// A nationalID is a number a state gives to people.
type nationalID struct {
	class    nameClass // the names it stands under
	detector int
	length   int
	groups   [4]int // of digits, where it is written with separators; none: any
	form     string // found without a name where it is written so; d is a digit
	valid    func(digits) bool
}

var nationalIDs = []nationalID{
	{nameSSN, dSSN, 9, [4]int{3, 2, 4}, "ddd-dd-dddd", validSSN},
	{nameCPF, dCPF, 11, [4]int{3, 3, 3, 2}, "ddd.ddd.ddd-dd", validCPF},
	{nameBSN, dBSN, 9, [4]int{}, "", validBSN},
	{nameNHS, dNHS, 10, [4]int{3, 3, 4}, "", validNHS},
}

// validSSN: areas 000, 666 and 9xx, group 00 and serial 0000 are never given out (SSA).
func validSSN(d digits) bool {
	area := int(d.d[0])*100 + int(d.d[1])*10 + int(d.d[2])
	return area != 0 && area != 666 && area < 900 && d.d[3]+d.d[4] > 0 &&
		d.d[5]+d.d[6]+d.d[7]+d.d[8] > 0 && !d.same()
}

// validBSN is the Dutch 11-test.
func validBSN(d digits) bool {
	sum := -int(d.d[8])
	for i := range 8 {
		sum += int(d.d[i]) * (9 - i)
	}
	return sum%11 == 0 && !d.same()
}

// validCPF has two check digits, each modulo 11.
func validCPF(d digits) bool {
	check := func(n int) bool {
		sum := 0
		for i := range n {
			sum += int(d.d[i]) * (n + 1 - i)
		}
		return sum*10%11%10 == int(d.d[n])
	}
	return check(9) && check(10) && !d.same()
}

// validNHS is modulo 11 with weights 10 to 2 (NHS data dictionary).
func validNHS(d digits) bool {
	sum := 0
	for i := range 9 {
		sum += int(d.d[i]) * (10 - i)
	}
	return (11-sum%11)%11 == int(d.d[9]) && !d.same()
}

// nationalForm looks at i for a number written as its state writes it.
func (t *task) nationalForm(id *nationalID, i int) {
	text := t.text
	end := i + len(id.form)
	if !leftEdge(text, i) || !cardEnd(text, end) || at(text, end) == '-' {
		return
	}
	if p := at(text, i-1); (p == '-' || p == '.' || p == '+') && isAlnum(at(text, i-2)) || p == '+' {
		return
	}
	var d digits
	for j := i; j < end; j++ {
		if isDigit(text[j]) {
			d.push(text[j])
		}
	}
	if id.valid(d) {
		t.add(id.detector, i, end)
	}
}

// nationalNamed looks at i, which stands under a name of class, for its number: all its
// digits, with or without single separators.
func (t *task) nationalNamed(class nameClass, i int) bool {
	for k := range nationalIDs {
		id := &nationalIDs[k]
		if id.class != class || !t.s.on[id.detector] {
			continue
		}
		var d digits
		var groups [4]int
		end, group := i, 0
		for end < len(t.text) && d.n < id.length {
			c := t.text[end]
			if isDigit(c) {
				d.push(c)
				groups[group]++
			} else if group++; group == len(groups) || d.n == 0 || c != ' ' && c != '-' && c != '.' && c != '/' || !isDigit(at(t.text, end+1)) {
				return false
			}
			end++
		}
		if group > 0 && id.groups != [4]int{} && groups != id.groups {
			return false
		}
		if d.n < id.length || !cardEnd(t.text, end) || !id.valid(d) {
			return false
		}
		t.add(id.detector, i, end)
		return true
	}
	return false
}

// countDigits looks at the run of digits that begins at i.
func (t *task) countDigits(i int) {
	n := i + 1
	for n < len(t.text) && isDigit(t.text[n]) {
		n++
	}
	t.digits = max(t.digits, n-i)
}
