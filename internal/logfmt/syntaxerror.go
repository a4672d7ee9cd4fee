package logfmt

import "strconv"

// Cause says what is wrong with a line. The list is closed, so that causes can
// be counted.
type Cause uint8

const (
	// UnterminatedQuote is a quoted text whose closing quote is missing. Column
	// is that of the opening quote.
	UnterminatedQuote Cause = iota + 1
	// InvalidEscape is a backslash in a quoted text that begins no escape.
	InvalidEscape
	// LoneSurrogate is half of a surrogate pair, written as an escape.
	LoneSurrogate
	// TextAfterQuote is a closing quote with neither a blank nor '=' after it.
	TextAfterQuote
	// QuoteInKey is a quote inside a key that is not quoted.
	QuoteInKey
	// UnbalancedQuote is an odd number of quotes inside a value that is not
	// quoted. Column is that of the last one.
	UnbalancedQuote
	// MissingKey is a '=' with no key before it.
	MissingKey
	// ControlCharacter is a byte below 0x20 that is no tab.
	ControlCharacter
	// InvalidUTF8 is a byte that begins no UTF-8 sequence.
	InvalidUTF8
)

// String is the cause in words.
func (c Cause) String() string {
	switch c {
	case UnterminatedQuote:
		return "the quote is never closed"
	case InvalidEscape:
		return "invalid escape in quotes"
	case LoneSurrogate:
		return "half a surrogate pair in quotes"
	case TextAfterQuote:
		return "no blank after the closing quote"
	case QuoteInKey:
		return "quote inside an unquoted key"
	case UnbalancedQuote:
		return "unbalanced quote inside an unquoted value"
	case MissingKey:
		return "no key before ="
	case ControlCharacter:
		return "control character"
	case InvalidUTF8:
		return "invalid UTF-8"
	}
	return "Cause(" + strconv.Itoa(int(c)) + ")"
}

// SyntaxError is the first thing wrong with a line.
type SyntaxError struct {
	// Column is the byte the error is at, counted from 1.
	Column int
	// Cause is what is wrong there.
	Cause Cause
}

// Error names the column and the cause.
func (e *SyntaxError) Error() string {
	return "logfmt: column " + strconv.Itoa(e.Column) + ": " + e.Cause.String()
}
