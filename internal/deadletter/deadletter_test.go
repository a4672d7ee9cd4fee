package deadletter

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func orders(directory string) Settings {
	return Settings{Directory: directory, Members: []Member{{"stream", "orders"}, {"signal", "logs"}}, Key: "partition_key"}
}

func readLines(tb testing.TB, file string) []string {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestDeadLettersAreAFileADay(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "letters")
	d, err := Open(orders(directory))
	require.NoError(t, err)
	evening := time.Date(2026, 2, 3, 23, 59, 59, 0, time.UTC)
	require.NoError(t, d.Write(evening, []Letter{
		{Reason: "refused", Message: "m", Key: "k", Data: []byte(`{"a":"ü"}`), Records: 2},
		{Reason: "too_large", Key: "k", Data: []byte{0xff, 0x00}, Records: 1},
	}))
	require.NoError(t, d.Write(evening.Add(time.Second), []Letter{{Reason: "no_room"}}))

	lines := readLines(t, filepath.Join(directory, "2026-02-03.jsonl"))
	require.Len(t, lines, 2)
	assert.JSONEq(t, `{"time":"2026-02-03T23:59:59Z","reason":"refused","message":"m","stream":"orders","signal":"logs","partition_key":"k","size":10,"records":2,"data":"{\"a\":\"ü\"}"}`, lines[0])
	var second map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &second))
	assert.Equal(t, base64.StdEncoding.EncodeToString([]byte{0xff, 0x00}), second["data_base64"])
	assert.NotContains(t, second, "data")
	assert.Len(t, readLines(t, filepath.Join(directory, "2026-02-04.jsonl")), 1)
	for file, mode := range map[string]os.FileMode{"": 0o700, "2026-02-03.jsonl": 0o600} {
		info, err := os.Stat(filepath.Join(directory, file))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), file)
	}
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing else is left there")
}

func TestALineThatACrashHasCutEndsThere(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "2026-02-03.jsonl")
	require.NoError(t, os.WriteFile(file, []byte("{\"whole\":1}\n{\"half"), 0o600))
	d, err := Open(orders(directory))
	require.NoError(t, err)
	at := time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
	require.NoError(t, d.Write(at, []Letter{{Reason: "no_room"}}))
	require.NoError(t, d.Write(at, []Letter{{Reason: "no_room"}}))
	lines := readLines(t, file)
	require.Len(t, lines, 4)
	assert.Equal(t, `{"half`, lines[1])
	assert.True(t, json.Valid([]byte(lines[2])))
	assert.True(t, json.Valid([]byte(lines[3])))
}

func TestOthersWriteToTheSameFile(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "2026-02-03.jsonl")
	at := time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
	d, err := Open(orders(directory))
	require.NoError(t, err)
	require.NoError(t, d.Write(at, []Letter{{Reason: "no_room"}}))
	// The exporter of another signal, for which the disk was full in the middle.
	other, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = other.WriteString(`{"half`)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	require.NoError(t, d.Write(at, []Letter{{Reason: "no_room"}}))
	lines := readLines(t, file)
	require.Len(t, lines, 3)
	assert.True(t, json.Valid([]byte(lines[2])), lines[2])

	// Somebody has read it, and takes it away.
	require.NoError(t, os.Rename(file, file+".read"))
	require.NoError(t, d.Write(at, []Letter{{Reason: "no_room"}}))
	assert.Len(t, readLines(t, file), 1)
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(orders(filepath.Join(file, "letters")))
	require.ErrorContains(t, err, "make the directory of the dead letters")

	d, err := Open(orders(t.TempDir()))
	require.NoError(t, err)
	require.NoError(t, os.Remove(d.set.Directory))
	err = d.Write(time.Now(), []Letter{{}})
	require.ErrorContains(t, err, d.set.Directory)
	require.NoError(t, os.Mkdir(d.set.Directory, 0o700))
	require.NoError(t, d.Write(time.Now(), []Letter{{}}), "it is tried again with the next ones")
}
