package secretscan

import (
	"hash/crc32"
	"math"
	"slices"
)

// Validators are what a CustomDetector may ask of what its pattern found. Letters,
// digits and separators are the validator's to pick.
var validators = map[string]func(string) bool{
	"luhn":         luhnText,
	"mod97":        func(s string) bool { return mod97(s) == 1 },
	"entropy":      func(s string) bool { return entropy(s) >= 3 },
	"crc32_base62": checksum62,
	"ssn":          func(s string) bool { return checkText(s, 9, validSSN) },
	"bsn":          func(s string) bool { return checkText(s, 9, validBSN) },
	"cpf":          func(s string) bool { return checkText(s, 11, validCPF) },
	"nhs":          func(s string) bool { return checkText(s, 10, validNHS) },
}

// Validators lists the names of the validators.
func Validators() []string {
	names := make([]string, 0, len(validators))
	for n := range validators {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// digits is a number of up to 19 digits, each 0 to 9.
type digits struct {
	d [19]byte
	n int
}

func (d *digits) push(c byte) bool {
	if d.n == len(d.d) {
		return false
	}
	d.d[d.n] = c - '0'
	d.n++
	return true
}

// luhn is the check of ISO/IEC 7812-1, annex B.
func (d *digits) luhn() bool {
	sum := 0
	for i := range d.n {
		v := int(d.d[d.n-1-i])
		if i&1 == 1 {
			v *= 2
			if v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

func (d *digits) same() bool {
	for i := 1; i < d.n; i++ {
		if d.d[i] != d.d[0] {
			return false
		}
	}
	return true
}

func luhnText(s string) bool {
	var d digits
	for i := range len(s) {
		if isDigit(s[i]) && !d.push(s[i]) {
			return false
		}
	}
	return d.n > 1 && d.luhn()
}

func checkText(s string, n int, valid func(digits) bool) bool {
	var d digits
	for i := range len(s) {
		if isDigit(s[i]) && !d.push(s[i]) {
			return false
		}
	}
	return d.n == n && valid(d)
}

// mod97 is ISO 7064's MOD 97-10 over an IBAN, its first four characters moved to the end.
func mod97(s string) int {
	var buf [40]byte
	n := 0
	for i := range len(s) {
		if c := s[i]; isAlnum(c) {
			if n == len(buf) {
				return 0
			}
			buf[n] = c
			n++
		}
	}
	if n < 5 {
		return 0
	}
	sum := 0
	for i := range n {
		c := buf[(i+4)%n]
		if isDigit(c) {
			sum = (sum*10 + int(c-'0')) % 97
		} else {
			sum = (sum*100 + int(c|0x20-'a') + 10) % 97
		}
	}
	return sum
}

// entropy is Shannon's, in bits per byte.
func entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var count [256]uint16
	s = s[:min(len(s), 1024)]
	for i := range len(s) {
		count[s[i]]++
	}
	bits := 0.0
	for _, c := range count {
		if c > 0 {
			p := float64(c) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// checksum62 says whether the last six characters are the CRC-32 of those before, after a
// prefix up to '_', in base 62: the form GitHub and npm gave their tokens in 2021.
// Both orders of the alphabet are in use.
func checksum62(token string) bool {
	for i := range len(token) {
		if token[i] == '_' {
			token = token[i+1:]
			break
		}
	}
	if len(token) < 7 {
		return false
	}
	body, tail := token[:len(token)-6], token[len(token)-6:]
	var table crcBytes
	sum := table.of(body)
	var upperFirst, lowerFirst uint64
	for i := range len(tail) {
		c := tail[i]
		var u, l uint64
		switch {
		case isDigit(c):
			u = uint64(c - '0')
			l = u
		case isUpper(c):
			u, l = uint64(c-'A')+10, uint64(c-'A')+36
		case isLower(c):
			u, l = uint64(c-'a')+36, uint64(c-'a')+10
		default:
			return false
		}
		upperFirst, lowerFirst = upperFirst*62+u, lowerFirst*62+l
	}
	return upperFirst == uint64(sum) || lowerFirst == uint64(sum)
}

// crcBytes copies a token to bytes on the stack.
type crcBytes [128]byte

func (b *crcBytes) of(s string) uint32 {
	n := copy(b[:], s)
	return crc32.ChecksumIEEE(b[:n])
}
