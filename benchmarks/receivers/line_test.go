package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLinesAreOfOneSize(t *testing.T) {
	for _, i := range []int{0, 1, 17, 1000, 999_999, 89_999_999} {
		line := string(appendLine(nil, i))
		assert.Equal(t, lineSize, len(line), line) //nolint:testifylint // Len prints the line byte by byte
		assert.Equal(t, 14, strings.Count(strings.ReplaceAll(line, eventPath, ""), "="), line)
		assert.Equal(t, "355 <14>1 ", string(appendFrame(nil, i)[:10]))
		assert.Equal(t, 4+355, len(appendFrame(nil, i))) //nolint:testifylint // Len prints the frame byte by byte
	}
}

func TestLinesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for i := range 10_000 {
		line := string(appendLine(nil, i))
		assert.False(t, seen[line])
		seen[line] = true
	}
}
