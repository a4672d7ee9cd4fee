// Command gotest runs 'go test -json' with the arguments it is given and prints
// what a person wants of it: a line per package, the whole output of what
// failed, every skipped test with its reason, and the counts. With CI=true a
// skipped test is a failure: on the machine that decides, nothing may be left
// out silently.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	run := summarise(events, os.Stdout)
	err = cmd.Wait()
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", run.passed, run.failed, len(run.skipped))
	switch {
	case err != nil || run.failed > 0:
		os.Exit(1)
	case run.passed == 0:
		fmt.Println("no test was run")
		os.Exit(1)
	case len(run.skipped) > 0 && os.Getenv("CI") == "true":
		fmt.Println("with CI=true nothing may be skipped")
		os.Exit(1)
	}
}

// event is one line of 'go test -json', see 'go doc test2json'.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64 // seconds
}

type summary struct {
	passed, failed int
	skipped        []string // test and reason
}

// summarise reads events to their end and reports to out as they come.
func summarise(events io.Reader, out io.Writer) summary {
	var run summary
	outputs := map[string][]string{} // by package and test, until it ends
	untested := 0
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // not from test2json: show it as it is
			continue
		}
		key := e.Package + " " + e.Test
		took := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
		switch e.Action {
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "output":
			outputs[key] = append(outputs[key], e.Output)
		case "pass":
			if e.Test == "" {
				fmt.Fprintf(out, "ok    %s %s\n", e.Package, took)
			} else {
				run.passed++
			}
			delete(outputs, key)
		case "fail":
			if e.Test != "" {
				run.failed++
			}
			fmt.Fprintf(out, "FAIL  %s %s\n%s", key, took, strings.Join(outputs[key], ""))
			delete(outputs, key)
		case "skip":
			if e.Test == "" {
				untested++ // a package with no test files
			} else {
				run.skipped = append(run.skipped, e.Package+" "+e.Test+": "+reason(outputs[key]))
			}
			delete(outputs, key)
		}
	}
	if err := lines.Err(); err != nil {
		run.failed++
		fmt.Fprintln(out, "FAIL  reading the output of go test:", err)
	}
	if untested > 0 {
		fmt.Fprintf(out, "      %d packages have no test files\n", untested)
	}
	for _, test := range run.skipped {
		fmt.Fprintf(out, "SKIP  %s\n", test)
	}
	return run
}

// reason is what a skipped test said, without the lines of the framework.
func reason(output []string) string {
	said := slices.DeleteFunc(slices.Clone(output), func(line string) bool {
		trimmed := strings.TrimSpace(line)
		return trimmed == "" || strings.HasPrefix(trimmed, "=== ") || strings.HasPrefix(trimmed, "--- ")
	})
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.TrimSpace(strings.Join(said, " "))
}
