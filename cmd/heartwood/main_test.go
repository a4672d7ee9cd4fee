package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary plays heartwood, the collector and the shop as well, by the
// name under which it is started.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "heartwood":
		main()
	case "otelcol-heartwood":
		fakeCollector()
	case "shop":
		fakeShop()
	default:
		goleak.VerifyTestMain(m)
	}
}

// call runs heartwood in this process.
func call(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	status = p.main(t.Context(), args)
	return status, out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := call(t, "")
	assert.Equal(t, exitUsage, status)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "Usage: heartwood COMMAND")
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		status, stdout, _ = call(t, "", args...)
		assert.Equal(t, exitOK, status)
		for _, c := range commands {
			assert.Contains(t, stdout, c.summary)
		}
	}
	for _, c := range commands {
		for _, args := range [][]string{{"help", c.name}, {c.name, "-h"}, {c.name, "--help"}} {
			status, stdout, stderr = call(t, "", args...)
			assert.Equal(t, exitOK, status, args)
			assert.Contains(t, stdout, "Usage: heartwood "+c.name)
			assert.Empty(t, stderr)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"rnu":                                 "there is no command \"rnu\"; `heartwood help` lists them",
		"help rnu":                            "there is no command \"rnu\"",
		"send --endpiont x":                   "flag provided but not defined: -endpiont; see `heartwood help send`",
		"send a=1 --endpoint ftp://x":         `--endpoint is "ftp://x", its scheme must be http`,
		"send a=1 --endpoint 127.0.0.1:5644":  `--endpoint is "127.0.0.1:5644", want http://host:port`,
		"send a=1 --endpoint tcp://127.0.0.1": "with a port",
		"version now":                         "is too much",
		"quickstart now":                      "is too much",
		"quickstart --rate -1":                "--rate is -1, want 0 to 10000",
		"quickstart --rate NaN":               "--rate is NaN",
		"quickstart --timeout 0s":             "--timeout is 0s",
	} {
		status, stdout, stderr := call(t, "", strings.Fields(line)...)
		assert.Equal(t, exitUsage, status, line)
		assert.Empty(t, stdout, line)
		assert.Contains(t, stderr, want, line)
	}
}

func TestVersion(t *testing.T) {
	for _, args := range []string{"version", "--version", "-version"} {
		status, stdout, _ := call(t, "", args)
		assert.Equal(t, exitOK, status)
		assert.Regexp(t, `^heartwood dev \(go1\.\S+ \w+/\w+\)\n$`, stdout)
	}
}

func TestFlagsStandAnywhere(t *testing.T) {
	for line, want := range map[string]string{
		"":                 " ",
		"a b":              "a b ",
		"-x 1 a b":         "a b 1",
		"a -x 1 b":         "a b 1",
		"a b --x=1":        "a b 1",
		"a -- -x 1":        "a -x 1 ",
		"-- -x":            "-x ",
		"-x 1 -- -x 2":     "-x 2 1",
		"a -x 1 b -x 2 -c": "flag provided but not defined: -c",
		"-x --":            " --",
	} {
		flags := flag.NewFlagSet("t", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		x := flags.String("x", "", "")
		rest, err := parse(flags, strings.Fields(line))
		if err != nil {
			require.ErrorContains(t, err, want, line)
			require.ErrorAs(t, err, new(usageError))
			continue
		}
		assert.Equal(t, want, strings.Join(rest, " ")+" "+*x, line)
	}
}

func TestFailureHasItsStatus(t *testing.T) {
	p := &program{stdout: io.Discard, stderr: new(bytes.Buffer)}
	failing := command{name: "x", run: func(context.Context, *program, *flag.FlagSet, []string) error { return errors.New("no luck") }}
	assert.Equal(t, exitFailure, p.run(t.Context(), failing, nil))
	require.Equal(t, "heartwood x: no luck\n", p.stderr.(*bytes.Buffer).String())
}
