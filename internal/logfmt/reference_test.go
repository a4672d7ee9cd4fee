package logfmt

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// reference reads a line as docs/format/logfmt.md says, in the plainest way, to
// hold the parser to: byte by byte, copying, in quadratic time.
func reference(line string, opts Options) ([]Pair, *SyntaxError) {
	r := refReader{rest: strings.TrimRight(line, "\r\n"), opts: opts}
	r.line = r.rest
	var all []Pair
	for {
		r.rest = strings.TrimLeft(r.rest, " \t")
		if r.rest == "" {
			break
		}
		all = append(all, r.pair())
	}
	for i := 0; i < len(r.line); {
		c, n := utf8.DecodeRuneInString(r.line[i:])
		if c == utf8.RuneError && n == 1 {
			r.errs = append(r.errs, SyntaxError{i + 1, InvalidUTF8})
			break
		}
		i += n
	}
	// The leftmost; of several at one place the first found.
	slices.SortStableFunc(r.errs, func(a, b SyntaxError) int { return a.Column - b.Column })
	var err *SyntaxError
	if len(r.errs) > 0 {
		err = &r.errs[0]
	}
	return refUnite(all, opts.Duplicates), err
}

type refReader struct {
	line, rest string
	opts       Options
	errs       []SyntaxError
}

func (r *refReader) column() int { return len(r.line) - len(r.rest) + 1 }

func (r *refReader) wrong(column int, c Cause) { r.errs = append(r.errs, SyntaxError{column, c}) }

func (r *refReader) pair() Pair {
	var p Pair
	switch r.rest[0] {
	case '=':
		r.wrong(r.column(), MissingKey)
	case '"':
		p.Key = r.quoted(&p)
	default:
		for r.rest != "" && !strings.ContainsRune(" \t=", rune(r.rest[0])) {
			if r.rest[0] == '"' {
				r.wrong(r.column(), QuoteInKey)
			}
			p.Key += r.plainByte()
		}
	}
	if !strings.HasPrefix(r.rest, "=") {
		p.Kind, p.Bits, p.Flags = Bool, 1, p.Flags|flagBare
		return p
	}
	r.rest = r.rest[1:]
	if strings.HasPrefix(r.rest, `"`) {
		p.Value = r.quoted(&p)
		if strings.HasPrefix(r.rest, "=") {
			r.wrong(r.column(), TextAfterQuote)
		}
		return p
	}
	quote := 0
	for r.rest != "" && !strings.ContainsRune(" \t", rune(r.rest[0])) {
		if r.rest[0] == '"' {
			quote = r.column()
		}
		p.Value += r.plainByte()
	}
	if strings.Count(p.Value, `"`)%2 != 0 {
		r.wrong(quote, UnbalancedQuote)
	}
	if r.opts.Types == Infer {
		p.Kind, p.Bits = refInfer(p.Value)
	}
	return p
}

func (r *refReader) plainByte() string {
	if r.rest[0] < 0x20 {
		r.wrong(r.column(), ControlCharacter)
	}
	c := r.rest[:1]
	r.rest = r.rest[1:]
	return c
}

func (r *refReader) quoted(p *Pair) string {
	open := r.column()
	begin := r.rest[1:]
	r.rest = begin
	for r.rest != "" && r.rest[0] != '"' {
		if r.rest[0] == '\\' {
			r.rest = r.rest[1:]
			if r.rest == "" {
				break
			}
		}
		if r.rest[0] < 0x20 && r.rest[0] != '\t' {
			r.wrong(r.column(), ControlCharacter)
		}
		r.rest = r.rest[1:]
	}
	raw := begin[:len(begin)-len(r.rest)]
	if r.rest == "" {
		r.wrong(open, UnterminatedQuote)
		return raw
	}
	r.rest = r.rest[1:]
	if r.rest != "" && !strings.ContainsRune(" \t=", rune(r.rest[0])) {
		r.wrong(r.column(), TextAfterQuote)
	}
	var text strings.Builder
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			text.WriteByte(raw[i])
			i++
			continue
		}
		decoded, n, cause := refEscape(raw[i:])
		if cause != 0 {
			r.wrong(open+1+i, cause)
			return raw
		}
		text.WriteString(decoded)
		i += n
	}
	if strings.Contains(raw, `\`) {
		p.Flags |= flagVolatile
	}
	return text.String()
}

func refEscape(s string) (string, int, Cause) {
	if i := strings.IndexByte(`"\/'bfnrtav`, s[1]); i >= 0 {
		return "\"\\/'\b\f\n\r\t\a\v"[i : i+1], 2, 0
	}
	hex := func(s, prefix string, n int) (uint64, bool) {
		if !strings.HasPrefix(s, prefix) || len(s) < 2+n {
			return 0, false
		}
		v, err := strconv.ParseUint(s[2:2+n], 16, 32)
		return v, err == nil
	}
	if v, ok := hex(s, `\x`, 2); ok && v < 0x80 {
		return string(rune(v)), 4, 0
	}
	if v, ok := hex(s, `\U`, 8); ok && v <= utf8.MaxRune && utf8.ValidRune(rune(v)) {
		return string(rune(v)), 10, 0
	}
	v, ok := hex(s, `\u`, 4)
	if !ok {
		return "", 0, InvalidEscape
	}
	if !utf16.IsSurrogate(rune(v)) {
		return string(rune(v)), 6, 0
	}
	low, ok := hex(s[6:], `\u`, 4)
	if r := utf16.DecodeRune(rune(v), rune(low)); ok && r != utf8.RuneError {
		return string(r), 12, 0
	}
	return "", 0, LoneSurrogate
}

// refInfer has encoding/json say how a float is written.
func refInfer(v string) (Kind, uint64) {
	if b, err := strconv.ParseBool(v); err == nil && strconv.FormatBool(b) == v {
		return Bool, map[bool]uint64{true: 1}[b]
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && strconv.FormatInt(n, 10) == v {
		return Int, uint64(n)
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f == 0 || !strings.ContainsAny(v, ".e") {
		return String, 0
	}
	if text, err := json.Marshal(f); err == nil && string(text) == v {
		return Float, math.Float64bits(f)
	}
	return String, 0
}

func refUnite(all []Pair, policy Duplicates) []Pair {
	var out []Pair
	for _, p := range all {
		i := slices.IndexFunc(out, func(o Pair) bool { return o.Key == p.Key })
		switch {
		case i < 0:
			out = append(out, p)
		case policy == Last:
			out[i] = p
		case policy == List:
			for i < len(out) && out[i].Key == p.Key {
				i++
			}
			out = slices.Insert(out, i, p)
		}
	}
	return out
}
