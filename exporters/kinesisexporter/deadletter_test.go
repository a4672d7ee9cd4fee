package kinesisexporter

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeadLettersAreAFileADay(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "letters")
	d, err := openDeadLetters(directory, "orders", "logs")
	require.NoError(t, err)
	evening := time.Date(2026, 2, 3, 23, 59, 59, 0, time.UTC)
	require.NoError(t, d.write(evening, []letter{
		{reason: reasonRefused, message: "m", key: "k", data: []byte(`{"a":"ü"}`), count: 2},
		{reason: reasonTooLarge, key: "k", data: []byte{0xff, 0x00}, count: 1},
	}))
	require.NoError(t, d.write(evening.Add(time.Second), []letter{{reason: reasonNoRoom}}))

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
	d, err := openDeadLetters(directory, "orders", "logs")
	require.NoError(t, err)
	at := time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
	require.NoError(t, d.write(at, []letter{{reason: reasonNoRoom}}))
	require.NoError(t, d.write(at, []letter{{reason: reasonNoRoom}}))
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
	d, err := openDeadLetters(directory, "orders", "logs")
	require.NoError(t, err)
	require.NoError(t, d.write(at, []letter{{reason: reasonNoRoom}}))
	// The exporter of another signal, for which the disk was full in the middle.
	other, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = other.WriteString(`{"half`)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	require.NoError(t, d.write(at, []letter{{reason: reasonNoRoom}}))
	lines := readLines(t, file)
	require.Len(t, lines, 3)
	assert.True(t, json.Valid([]byte(lines[2])), lines[2])

	// Somebody has read it, and takes it away.
	require.NoError(t, os.Rename(file, file+".read"))
	require.NoError(t, d.write(at, []letter{{reason: reasonNoRoom}}))
	assert.Len(t, readLines(t, file), 1)
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := openDeadLetters(filepath.Join(file, "letters"), "orders", "logs")
	require.ErrorContains(t, err, "make the directory of the dead letters")

	d, err := openDeadLetters(t.TempDir(), "orders", "logs")
	require.NoError(t, err)
	require.NoError(t, os.Remove(d.directory))
	err = d.write(time.Now(), []letter{{}})
	require.ErrorContains(t, err, d.directory)
	require.NoError(t, os.Mkdir(d.directory, 0o700))
	require.NoError(t, d.write(time.Now(), []letter{{}}), "it is tried again with the next ones")
}
