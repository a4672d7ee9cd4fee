package jsonline

import "strconv"

// Cause says what is wrong with a line. The list is closed, so that causes can be
// counted.
type Cause uint8

const (
	// NotObject is a line whose first character is no '{'.
	NotObject Cause = iota + 1
	// UnexpectedEnd is a line that ends before its object does.
	UnexpectedEnd
	// UnterminatedString is a string without its closing quote. Column is that of
	// the opening quote.
	UnterminatedString
	// InvalidEscape is a backslash that begins no escape of RFC 8259.
	InvalidEscape
	// ControlCharacter is a byte below 0x20 in a string.
	ControlCharacter
	// InvalidUTF8 is a byte that begins no UTF-8 sequence.
	InvalidUTF8
	// MissingKey is anything but a string, or a closing brace, where a key belongs.
	MissingKey
	// MissingColon is a key with no ':' behind it.
	MissingColon
	// MissingValue is anything but a value where one belongs.
	MissingValue
	// MissingComma is a value with neither ',' nor the end of what it is in behind
	// it.
	MissingComma
	// InvalidNumber is a number that RFC 8259 doesn't know, such as 01 or 1.
	InvalidNumber
	// TextAfterObject is anything but blanks behind the object.
	TextAfterObject
	// TooManyPairs is a line with more than Options.MaxPairs.
	TooManyPairs
)

// String is the cause in words.
func (c Cause) String() string {
	switch c {
	case NotObject:
		return "no object"
	case UnexpectedEnd:
		return "the object is never closed"
	case UnterminatedString:
		return "the string is never closed"
	case InvalidEscape:
		return "invalid escape in a string"
	case ControlCharacter:
		return "control character in a string"
	case InvalidUTF8:
		return "invalid UTF-8"
	case MissingKey:
		return "no key"
	case MissingColon:
		return "no colon behind the key"
	case MissingValue:
		return "no value"
	case MissingComma:
		return "no comma behind the value"
	case InvalidNumber:
		return "invalid number"
	case TextAfterObject:
		return "text behind the object"
	case TooManyPairs:
		return "too many pairs"
	}
	return "Cause(" + strconv.Itoa(int(c)) + ")"
}

// SyntaxError is what is wrong with a line, at the first place where it shows.
type SyntaxError struct {
	// Column is the byte the error is at, counted from 1.
	Column int
	// Cause is what is wrong there.
	Cause Cause
}

// Error names the column and the cause.
func (e *SyntaxError) Error() string {
	return "json: column " + strconv.Itoa(e.Column) + ": " + e.Cause.String()
}
