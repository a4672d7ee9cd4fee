// Command benign counts what all detectors find in files of log lines that have no
// secrets in them: each finding is a false one, or something that one would not have
// thought to be there, so a few of them are shown.
//
//	go run ./redaction/benign FILE...
package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

const (
	maxLine = 1 << 20
	shown   = 5 // of each detector
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string) error {
	scanner, err := secretscan.New(secretscan.Settings{})
	if err != nil {
		return err
	}
	lines := 0
	found := make(map[string]int)
	var findings []secretscan.Finding
	for _, path := range files {
		file, err := os.Open(path) //nolint:gosec // named by the user
		if err != nil {
			return err
		}
		in := bufio.NewScanner(file)
		in.Buffer(nil, maxLine)
		for in.Scan() {
			lines++
			findings = scanner.Scan(findings[:0], in.Text())
			for _, f := range findings {
				name := scanner.Detectors()[f.Detector].Name
				if found[name]++; found[name] <= shown {
					_, _ = fmt.Printf("%s: %s: %q in %.200q\n", name, path, in.Text()[f.Start:f.End], in.Text())
				}
			}
		}
		err = in.Err()
		_ = file.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	_, _ = fmt.Printf("%d lines of %d files\n", lines, len(files))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		_, _ = fmt.Printf("%-24s %6d  %8.1f per million\n", name, found[name], float64(found[name])*1e6/float64(lines))
	}
	return nil
}
