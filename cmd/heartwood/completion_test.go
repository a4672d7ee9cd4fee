package main

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCompletionsHaveAll: what the shells are told is what help says of each command.
func TestCompletionsHaveAll(t *testing.T) {
	all := completions(context.Background(), &program{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }})
	require.Len(t, all, len(commands)+1)
	flags := 0
	for i, c := range commands {
		assert.Equal(t, c.name, all[i].name)
		_, help, _ := call(t, "", "help", c.name)
		for _, f := range all[i].flags {
			assert.Contains(t, help, "\n  -"+f.name, c.name)
			flags++
		}
	}
	assert.Greater(t, flags, 50)
	for _, shell := range []string{"bash", "zsh", "fish"} { // integration/completion_test.go runs them
		status, stdout, stderr := call(t, "", "completion", shell)
		assert.Equal(t, exitOK, status, stderr)
		assert.Contains(t, stdout, "dry-run")
	}
}

func TestOtherShells(t *testing.T) {
	for _, args := range [][]string{{"completion"}, {"completion", "csh"}, {"completion", "bash", "zsh"}} {
		status, _, stderr := call(t, "", args...)
		assert.Equal(t, exitUsage, status)
		assert.Contains(t, stderr, "want bash, zsh or fish")
	}
}
