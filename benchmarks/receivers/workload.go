package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// workload is what lines all of its contenders read.
type workload struct {
	name  string
	title string // of the lines, without their size
	size  int    // of every line in bytes, the newline not counted
	// file is where the lines are, below a folder of the program's.
	file       string
	appendLine func(dst []byte, i int) []byte
}

var (
	logfmtLines = &workload{name: "logfmt", title: "lines of 14 pairs", size: lineSize, file: lineFileName, appendLine: appendLine}
	plainText   = &workload{name: "plain", title: "lines of plain text", size: plainSize, file: lineFileName, appendLine: appendPlain}
	jsonLines   = &workload{name: "json", title: "JSON lines of 10 keys", size: jsonSize, file: lineFileName, appendLine: appendJSON}
	criLines    = &workload{name: "cri", title: "lines in CRI's form, JSON of 10 keys", size: criSize, file: podFile, appendLine: appendCRI}
	dockerLines = &workload{name: "docker", title: "lines in Docker's form, JSON of 10 keys", size: dockerSize, file: dockerFile, appendLine: appendDocker}
	// idle is not about lines: see idle.go.
	idle = &workload{name: "idle", title: "lines of plain text", size: plainSize, appendLine: appendPlain}
)

var workloads = []*workload{logfmtLines, plainText, jsonLines, criLines, dockerLines, idle}

// everything names all workloads but idle, which takes its time.
const everything = "all"

// choose gives the contenders of a workload, or of those that only names.
func choose(name, only string) ([]contender, error) {
	if only != "" {
		var chosen []contender
		for one := range strings.SplitSeq(only, ",") {
			c, err := contenderNamed(one)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, c)
		}
		return chosen, nil
	}
	var chosen []contender
	names := []string{everything}
	for _, w := range workloads {
		names = append(names, w.name)
		if name != w.name && (name != everything || w == idle) {
			continue
		}
		for _, c := range contenders {
			if c.workload == w {
				chosen = append(chosen, c)
			}
		}
	}
	if chosen == nil {
		return nil, fmt.Errorf("no workload is called %q: there are %q", name, names)
	}
	return chosen, nil
}

// path is where a file with so many lines of the workload is.
func (w *workload) path(dir string, lines int) string {
	return filepath.Join(dir, w.name, strconv.Itoa(lines), filepath.FromSlash(w.file))
}

// offset is where line i begins in its file.
func (w *workload) offset(i int) int64 { return int64(i) * int64(w.size+1) }
