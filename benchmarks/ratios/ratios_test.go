package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded are outputs of the jobs' commands.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", name+".*"))
	require.NoError(t, err)
	require.Len(t, paths, 1, name)
	text, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	return text
}

// TestEachJobsOutputGivesItsRatios, and output without figures is an error.
func TestEachJobsOutputGivesItsRatios(t *testing.T) {
	for _, j := range jobs {
		t.Run(j.name, func(t *testing.T) {
			output := recorded(t, j.name)
			results, err := j.results(output)
			require.NoError(t, err)
			require.NotEmpty(t, results)
			for _, r := range results {
				assert.Positive(t, r.Ratio, r.Name)
				if r.Aim != nil {
					assert.Equal(t, r.Ratio >= *r.Aim, *r.Met, r.Name)
				}
			}
			_, err = j.results(output[:len(output)/20])
			require.Error(t, err, "cut off")
		})
	}
	for _, r := range ratios {
		known := false
		for _, j := range jobs {
			known = known || j.name == r.job
		}
		assert.True(t, known, "%s is of no job", r.name)
	}
}

func TestMedianOfRounds(t *testing.T) {
	values, err := parseBench([]byte("BenchmarkA/b=1-2 \t 10 \t 5.5 ns/op\t 3 x/s\nBenchmarkA/b=1-2 10 1.5 ns/op 9 x/s\nBenchmarkA/b=1-16 10 2.5 ns/op 4 x/s\nok\n"))
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"A/b=1 ns/op": 2.5, "A/b=1 x/s": 4}, values)
}

var ratioCell = regexp.MustCompile(`^[\d.]+ x\b`)

// TestEachRatioOfTheTablesHasAnEntry: and each entry that names a row has one.
func TestEachRatioOfTheTablesHasAnEntry(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "performance.md"))
	require.NoError(t, err)
	documented := map[string]bool{}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		name, isRatio := "", false
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cell = strings.TrimSpace(cell)
			if isRatio = isRatio || ratioCell.MatchString(cell); isRatio {
				break
			}
			// The workload's name stands before the contender's in some tables.
			if name == "" {
				name = cell
			}
		}
		if isRatio {
			documented[section+" | "+name] = true
		}
	}
	require.Greater(t, len(documented), 15)
	entries := map[string]bool{}
	for _, r := range ratios {
		if r.section != "" {
			entries[r.section+" | "+r.row] = true
		}
	}
	assert.Equal(t, documented, entries)
}

func TestListAndUnknownJobs(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list", "-only", "spool,ecs"}, &out, io.Discard))
	assert.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.ErrorContains(t, run(t.Context(), []string{"-only", "nothing"}, &out, io.Discard), "no job is called")
}

// TestAJobThatFails is named, and makes the whole fail.
func TestAJobThatFails(t *testing.T) {
	was := jobs
	defer func() { jobs = was }()
	jobs = []job{{"broken", []string{"no-such-command"}, parseBench}}
	var out bytes.Buffer
	require.ErrorContains(t, run(t.Context(), nil, &out, io.Discard), "1 of 1 jobs")
	assert.Contains(t, out.String(), `"broken"`)
}
