package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

func TestLinesOfStdoutAreOfOneSize(t *testing.T) {
	assert.Equal(t, 273, jsonSize)
	for _, w := range workloads {
		for _, i := range []int{0, 1, 17, 1000, 999_999, 89_999_999} {
			line := string(w.appendLine(nil, i))
			assert.Equal(t, w.size, len(line), line) //nolint:testifylint // Len prints the line byte by byte
			assert.Equal(t, int64(i)*int64(len(line)+1), w.offset(i))
		}
	}
	for i := range 1000 {
		var members map[string]any
		require.NoError(t, json.Unmarshal(appendJSON(nil, i), &members))
		assert.Len(t, members, 10)

		var framed struct{ Log, Stream, Time string }
		require.NoError(t, json.Unmarshal(appendDocker(nil, i), &framed))
		assert.Equal(t, string(appendJSON(nil, i))+"\n", framed.Log)
		assert.Equal(t, framed.Time+" stdout F "+string(appendJSON(nil, i)), string(appendCRI(nil, i)))
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
