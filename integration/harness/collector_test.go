package harness

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asCollector runs the test binary as a stand-in for the collector. The tests
// in integration/ use the real one.
func asCollector(options ...Option) []Option {
	return append(options, WithBinary(os.Args[0]), WithEnv(programEnv+"=collector"))
}

func TestCollectorLife(t *testing.T) {
	c := Start(t, `
		receivers:
		  logfmt: {endpoint: {{addr "in"}}, file: {{file "a.log"}}}
		extensions:
		  file_storage: {directory: {{dir "spool"}}}
		service:
		  extensions: [file_storage, "{{.other}}"]
	`, asCollector(With("other", "basicauth"), WithEnv(`HARNESS_TEST_VALUE={{port "in"}}`), WithArgs("--feature-gates=x"))...)

	assert.Contains(t, c.Output(), "--feature-gates=x] value "+strconv.Itoa(c.Port(t, "in")))
	assert.Contains(t, c.Output(), "extensions [file_storage basicauth health_check/harness]",
		"the test's own extensions must not be lost by the harness's being added")
	config, err := os.ReadFile(filepath.Join(c.dir, "config.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(config), "\nreceivers:\n  logfmt: {endpoint: "+c.Addr(t, "in")+", file: "+c.Path("a.log")+"}\n")
	assert.DirExists(t, c.Path("spool"))
	assert.NoFileExists(t, c.Path("a.log"))
	require.NoError(t, os.WriteFile(filepath.Join(c.Path("spool"), "kept"), nil, 0o600))

	assert.InDelta(t, c.PID(), c.Metrics(t).Sum("pid", "who=me"), 0)

	first, addr := c.PID(), c.Addr(t, "in")
	c.Stop(t)
	c.Start(t)
	second := c.PID()
	assert.NotEqual(t, first, second)
	assert.Equal(t, addr, c.Addr(t, "in"), "addresses stay over restarts")
	assert.FileExists(t, filepath.Join(c.Path("spool"), "kept"), "folders stay over restarts")

	c.Kill()
	requireGone(t, second)
	c.Start(t)
	m := c.WaitMetrics(t, "a new process", func(m Metrics) bool { return m.Sum("pid") == float64(c.PID()) })
	assert.True(t, m.Has("pid"))
}

func TestCollectorLeavesNothingBehind(t *testing.T) {
	var dir string
	var pid int
	tb := newRecorder()
	tb.run(func() {
		c := Start(tb, "", asCollector()...)
		dir, pid = c.dir, c.PID()
		assert.DirExists(t, dir)
	})
	tb.end()
	assert.False(t, tb.Failed())
	requireGone(t, pid)
	assert.NoDirExists(t, dir)
}

func TestCollectorThatRefuses(t *testing.T) {
	c := New(t, "refuse: wrong field", asCollector()...)
	assert.Contains(t, c.FailToStart(t), "refused: wrong field")

	tb := newRecorder()
	tb.run(func() { Start(tb, "refuse: wrong field", asCollector()...) })
	assert.True(t, tb.Failed())
	assert.Contains(t, tb.end(), "refused: wrong field", "the reason is to be shown")
}

func TestStartTwiceIsAMistake(t *testing.T) {
	tb := newRecorder()
	tb.run(func() {
		c := Start(tb, "", asCollector()...)
		c.Start(tb)
	})
	assert.Contains(t, tb.end(), "still running: stop it before")
}

func TestDeathDuringTheTestIsNoticed(t *testing.T) {
	tb := newRecorder()
	tb.run(func() {
		c := Start(tb, "", asCollector()...)
		c.Signal(tb, syscall.SIGKILL)
		<-c.Done()
	})
	said := tb.end()
	assert.True(t, tb.Failed())
	assert.Contains(t, said, "ended by itself during the test: signal: killed")
}

func TestTemplateMistakesAreNamed(t *testing.T) {
	for config, want := range map[string]string{
		"{{.missing}}":     `no entry for key "missing"`,
		"{{addr":           "unclosed action",
		"a: [1":            "did not find expected ',' or ']'",
		"{{nofunction 1}}": `function "nofunction" not defined`,
	} {
		tb := newRecorder()
		tb.run(func() { New(tb, config, asCollector()...) })
		assert.True(t, tb.Failed(), config)
		assert.Contains(t, tb.end(), want)
	}
}

func TestFileBeneathTheTestsOwnText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shipped.yaml")
	require.NoError(t, os.WriteFile(path, []byte("service: {extensions: [from_file]}\nleft: '{{as it is}}'\n"), 0o600))
	t.Run("extensions of the file stay", func(t *testing.T) {
		c := Start(t, "receivers: {}", asCollector(WithFile(path))...)
		assert.Contains(t, c.Output(), "extensions [from_file health_check/harness]")
		assert.Less(t, strings.Index(c.Output(), path), strings.Index(c.Output(), "config.yaml"), "the file comes first")
	})
	t.Run("the text's extensions replace them", func(t *testing.T) {
		c := Start(t, "service: {extensions: [own]}", asCollector(WithFile(path))...)
		assert.Contains(t, c.Output(), "extensions [own health_check/harness]")
	})
}

func TestDedent(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"a:\n  b: 1\n":             "a:\n  b: 1\n",
		"\n\t\ta:\n\t\t  b: 1\n\t": "\na:\n  b: 1\n",
		"\t\ta:\n\n\t\t\tb\n\t\tc": "a:\n\n\tb\nc",
		"  a:\n    b: 1":           "  a:\n    b: 1",
	} {
		assert.Equal(t, want, dedent(text))
	}
}
