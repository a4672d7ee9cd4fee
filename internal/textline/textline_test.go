package textline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noon is when the lines of these tests are read.
var noon = time.Date(2026, 4, 9, 12, 0, 0, 0, time.UTC)

// nanos is for times in tables: 2026-04-09T10:15:30.123Z.
func nanos(t *testing.T, s string) uint64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return uint64(at.UnixNano())
}

// TestLines has the lines that the project promises to understand.
func TestLines(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "lines.jsonl"))
	require.NoError(t, err)
	n := 0
	for s := bufio.NewScanner(bytes.NewReader(file)); s.Scan(); {
		var c struct {
			Kind, Line string
			Want       struct {
				Severity, Body, Time string
				TimeGuess            bool `json:"time_guess"`
				Attributes           map[string]any
			}
		}
		require.NoError(t, json.Unmarshal(s.Bytes(), &c))
		if c.Kind != "console" {
			continue
		}
		n++
		var d Detector
		var got Line
		require.True(t, d.Parse(c.Line, noon, &got), c.Line)
		assert.True(t, got.HasTime, c.Line)
		assert.Equal(t, c.Want.TimeGuess, got.Time.Guessed, c.Line)
		if c.Want.Severity == "" {
			assert.Zero(t, got.Severity, c.Line)
		} else {
			assert.Equal(t, c.Want.Severity, got.Severity.String(), c.Line)
		}
		if c.Want.Body != "" {
			assert.Equal(t, c.Want.Body, got.Message, c.Line)
		}
		if c.Want.Time != "" {
			assert.Equal(t, nanos(t, c.Want.Time), got.Time.UnixNano, c.Line)
		}
		if file, ok := c.Want.Attributes["code.file.path"]; ok {
			assert.Equal(t, file, got.File)
			assert.EqualValues(t, c.Want.Attributes["code.line.number"], got.LineNumber)
		}
	}
	assert.Equal(t, 6, n)
}
