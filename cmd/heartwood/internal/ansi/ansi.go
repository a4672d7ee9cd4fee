// Package ansi has the colours of what is written for people (ECMA-48, SGR).
package ansi

// Color is the sequence that sets one.
type Color string

// Plain ends what a color began.
const (
	Plain  Color = "\x1b[0m"
	Dim    Color = "\x1b[2m"
	Cyan   Color = "\x1b[36m"
	Green  Color = "\x1b[32m"
	Yellow Color = "\x1b[33m"
	Red    Color = "\x1b[31m"
	Bold   Color = "\x1b[1;31m"
)
