package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// completionOf writes the completion of a shell to a file.
func completionOf(t *testing.T, shell string) (path string) {
	t.Helper()
	r := heartwood(t, "completion", shell)
	require.Zero(t, r.Code, r.Stderr)
	path = filepath.Join(t.TempDir(), "_heartwood")
	require.NoError(t, os.WriteFile(path, []byte(r.Stdout), 0o600))
	return path
}

func askShell(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

// TestBashCompletes asks bash itself.
func TestBashCompletes(t *testing.T) {
	path := completionOf(t, "bash")
	complete := func(words ...string) []string {
		script := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _heartwood; printf '%s\n' "${COMPREPLY[@]}"`
		return strings.Fields(askShell(t, "bash", append([]string{"--norc", "-c", script, "bash", path}, words...)...))
	}
	assert.Equal(t, []string{"drain"}, complete("heartwood", "dr"))
	assert.Equal(t, []string{"--dry-run"}, complete("heartwood", "drain", "--d"))
	assert.Equal(t, []string{"verify", "version"}, complete("heartwood", "help", "ver"))
	assert.Equal(t, []string{"zsh"}, complete("heartwood", "completion", "z"))
	assert.Equal(t, []string{path}, complete("heartwood", "drain", path[:len(path)-2]))
	assert.Subset(t, complete("heartwood", ""), []string{"run", "lint", "reload", "health", "completion", "help"})
}

// TestZshCompletes asks zsh whether it understands all of it, and which commands there are.
func TestZshCompletes(t *testing.T) {
	path := completionOf(t, "zsh")
	askShell(t, "zsh", "-f", "-n", path)
	script := `
		compdef() { :; }
		_describe() { print -l -- "${commands[@]}"; }
		_arguments() { print -l -- "$@"; }
		words=(heartwood "${@[2,-1]}"); CURRENT=$#words
		source "$1"
	`
	assert.Contains(t, askShell(t, "zsh", "-f", "-c", script, "zsh", path, "dr"), "drain:deliver what a collector that is gone has left on disk")
	out := askShell(t, "zsh", "-f", "-c", script, "zsh", path, "drain", "--")
	assert.Contains(t, out, "--dry-run[say what is there, and change nothing]\n")
	assert.Contains(t, out, "--was[the path that DIR had for the former collector]:value:_files\n")
}

// TestFishCompletes asks fish itself.
func TestFishCompletes(t *testing.T) {
	path := completionOf(t, "fish")
	complete := func(line string) string {
		return askShell(t, "fish", "--no-config", "-c", `source $argv[1]; complete --do-complete $argv[2]`, path, line)
	}
	assert.Equal(t, "drain\tdeliver what a collector that is gone has left on disk", complete("heartwood dr"))
	assert.Equal(t, "--dry-run\tsay what is there, and change nothing", complete("heartwood drain --dr"))
}
