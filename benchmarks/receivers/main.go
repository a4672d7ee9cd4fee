package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "receivers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("receivers", flag.ContinueOnError)
	count := flags.Int("count", 5, "rounds; medians are shown")
	lines := flags.Int("lines", 300_000, "lines for the slowest contenders; the faster ones get a multiple")
	load := flags.String("workload", everything, "which lines: logfmt, plain, json, cri, docker, or all of these; or idle, files that nobody writes to")
	files := flags.Int("files", 2000, "how many idle files there are")
	watch := flags.Duration("watch", 20*time.Second, "how long idle files are watched")
	only := flags.String("only", "", "contenders, separated by commas; default: all of the workload")
	asJSON := flags.Bool("json", false, "print JSON")
	minHeap := flags.String("min-heap", heapOurs, "who leaves garbage lie while the heap is below 64 MiB, as otelcol-heartwood does: ours, all or none")
	profile := flags.String("profile", "", "write a CPU profile of each contender's last round to this folder, as <name>.pprof")
	child := flags.String("child", "", "measure this contender (used by the program itself)")
	source := flags.String("source", "", "the file to read (used by the program itself)")
	sendTo := flags.String("send", "", "send lines to this address (used by the program itself)")
	frames := flags.String("framing", string(plainLines), "how to send them (used by the program itself)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *files < 1 || *watch <= 0:
		return fmt.Errorf("-files is %d and -watch is %s; at least one file and some time are needed", *files, *watch)
	case *count < 1 || *lines < 1000:
		return fmt.Errorf("-count is %d and -lines is %d; at least 1 and 1000 are needed", *count, *lines)
	case *minHeap != heapOurs && *minHeap != heapAll && *minHeap != heapNone:
		return fmt.Errorf("-min-heap is %q; ours, all and none are known", *minHeap)
	case *child != "":
		return runChild(ctx, *child, *minHeap, *source, *lines, *files, *watch, *profile)
	case *sendTo != "":
		return send(ctx, *sendTo, framing(*frames), *lines)
	}

	chosen, err := choose(*load, *only)
	if err != nil {
		return err
	}
	p := plan{rounds: *count, lines: *lines, files: *files, watch: *watch, minHeap: *minHeap, profile: *profile}
	report, err := p.compare(ctx, chosen, progress)
	if err != nil {
		return err
	}
	if *asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.table(out)
}

// plan is how much is measured.
type plan struct {
	rounds, lines, files int
	watch                time.Duration
	minHeap              string // heapOurs, heapAll or heapNone
	profile              string // a folder, or ""
}

// compare lets the contenders take turns.
func (p plan) compare(ctx context.Context, chosen []contender, progress io.Writer) (report, error) {
	dir, err := os.MkdirTemp("", "receivers-")
	if err != nil {
		return report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	results := make([][]measurement, len(chosen))
	for round := range p.rounds {
		for turn := range chosen {
			// Another begins each round, so that none has the machine in the
			// same state every time.
			i := (turn + round) % len(chosen)
			c := chosen[i]
			m, err := p.measureInChild(ctx, c, dir)
			if err != nil {
				return report{}, err
			}
			results[i] = append(results[i], m)
			fmt.Fprintf(progress, "round %d/%d  %-18s %s\n", round+1, p.rounds, c.name, c.figure(m))
		}
	}
	r := newReport(chosen, results)
	r.IdleFiles = p.files
	return r, nil
}

// measureInChild runs one contender in a process of its own, and what sends to
// it in another.
func (p plan) measureInChild(ctx context.Context, c contender, dir string) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lines := p.lines * c.weight
	var source, profile string
	switch c.framing {
	case fromFile:
		source, err = lineFile(dir, c.workload, lines)
	case idleFiles:
		source, err = idleDir(dir, p.files)
		lines = p.lines // of no meaning here
	}
	if err != nil {
		return measurement{}, err
	}
	if p.profile != "" {
		profile = filepath.Join(p.profile, c.name+".pprof")
	}
	child, err := command(ctx, "-child", c.name, "-min-heap", p.minHeap, "-source", source, "-lines", strconv.Itoa(lines), "-files", strconv.Itoa(p.files), "-watch", p.watch.String(), "-profile", profile)
	if err != nil {
		return measurement{}, err
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		return measurement{}, err
	}
	if err := child.Start(); err != nil {
		return measurement{}, err
	}
	defer func() { err = errors.Join(err, child.Wait()) }()
	defer func() {
		if err != nil {
			cancel() // ends the child
		}
	}()
	said := bufio.NewScanner(stdout)
	if !said.Scan() {
		return measurement{}, fmt.Errorf("%s ended before it was ready", c.name)
	}
	if c.listens() {
		sender, err := command(ctx, "-send", said.Text(), "-framing", string(c.framing), "-lines", strconv.Itoa(lines))
		if err != nil {
			return measurement{}, err
		}
		if err := sender.Run(); err != nil {
			return measurement{}, fmt.Errorf("the sender: %w", err)
		}
	}
	if !said.Scan() {
		return measurement{}, fmt.Errorf("%s ended without a result", c.name)
	}
	if err := json.Unmarshal(said.Bytes(), &m); err != nil {
		return measurement{}, fmt.Errorf("%s said %q: %w", c.name, said.Text(), err)
	}
	return m, nil
}

func command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // this program itself
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// lineFile writes a workload's lines to a file, once for all rounds.
func lineFile(dir string, w *workload, lines int) (path string, err error) {
	path = w.path(dir, lines)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return path, writeLines(file, func(dst []byte, i int) []byte { return append(w.appendLine(dst, i), '\n') }, lines)
}
