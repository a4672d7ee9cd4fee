package textline

import "strings"

const escape = 0x1b

// stripColours leaves out the codes for colour and weight, ESC [ ... m. Other
// escape sequences stay.
func stripColours(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := strings.IndexByte(s, escape)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i:]
		n := 1
		if len(s) > 1 && s[1] == '[' {
			for n = 2; n < len(s) && (isDigit(s[n]) || s[n] == ';' || s[n] == ':'); n++ {
			}
			if n < len(s) && s[n] == 'm' {
				s = s[n+1:]
				continue
			}
			n = 1
		}
		b.WriteString(s[:n])
		s = s[n:]
	}
}
