package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/recordtext"
)

func record(service, body string, severity int) string {
	return `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"` + service +
		`"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795250499783986000","severityNumber":` + strconv.Itoa(severity) +
		`,"body":{"stringValue":"` + body + `"}}]}]}]}` + "\n"
}

func TestWatchShowsLogsAndCountsTheRest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	var out bytes.Buffer
	w := newWatch(&out, recordtext.Style{Location: time.UTC}, dir)
	defer w.close()
	require.NoError(t, w.read(), "before there is anything")

	write("logs.jsonl", record("ordering", "one", 9)+"{not OTLP\n\n"+record("ordering", "two", 17)+record("web\\u001b[2J", "three", 21))
	write("traces.jsonl", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":"b"}]}]}]}`+"\n")
	write("metrics.jsonl", `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"1"},{"asInt":"2"},{"asInt":"3"}]}}]}]}]}`+"\n")
	require.NoError(t, w.read())
	assert.Equal(t, "08:41:39.783 INFO  ordering   one\n08:41:39.783 ERROR ordering   two\n08:41:39.783 FATAL web\\x1b[2J three\n", out.String())

	out.Reset()
	require.NoError(t, w.summarise())
	assert.Equal(t, "── last 10s: 3 records (ordering 2, web·[2J 1), 2 of them errors; 2 spans; 3 metric points ──\n"+
		"── 1 lines in "+dir+" could not be read as OTLP in JSON ──\n", out.String())
	out.Reset()
	require.NoError(t, w.summarise())
	assert.Equal(t, "── last 10s: 0 records, 0 of them errors; 0 spans; 0 metric points ──\n", out.String(), "counted once")
}

func TestWatchDoesNotDrownItsReader(t *testing.T) {
	dir := t.TempDir()
	var all strings.Builder
	for i := range followMaxShown + 300 {
		all.WriteString(record("service"+strconv.Itoa(i), "x", 9))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "logs.jsonl"), []byte(all.String()), 0o600))
	var out bytes.Buffer
	w := newWatch(&out, recordtext.Style{}, dir)
	defer w.close()
	require.NoError(t, w.read())
	assert.Equal(t, followMaxShown, strings.Count(out.String(), "\n"))
	require.NoError(t, w.summarise())
	assert.Contains(t, out.String(), "last 10s: 500 records (others 480, ")
	assert.Contains(t, out.String(), "── 300 records came too fast to be shown; they are in "+dir+" ──\n")
}

type shut struct{}

func (shut) Write([]byte) (int, error) { return 0, errors.New("shut") }

func TestWatchEndsWithItsReader(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "logs.jsonl"), []byte(record("a", "b", 9)), 0o600))
	w := newWatch(shut{}, recordtext.Style{}, dir)
	defer w.close()
	require.ErrorContains(t, w.read(), "show the records: shut")
	require.ErrorContains(t, w.summarise(), "shut")
}

func TestColors(t *testing.T) {
	assert.False(t, coloured(new(bytes.Buffer), noEnvironment))
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	assert.False(t, coloured(file, noEnvironment))
}

func TestShellQuote(t *testing.T) {
	for text, want := range map[string]string{
		"bin/heartwood": "bin/heartwood", "": "''", "/my tools/heartwood": "'/my tools/heartwood'", "it's": `'it'\''s'`, "$x": "'$x'",
	} {
		assert.Equal(t, want, shellQuote(text))
	}
}
