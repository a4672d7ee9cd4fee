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
	"strings"
	"syscall"
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
	only := flags.String("only", "", "contenders, separated by commas; default: all")
	asJSON := flags.Bool("json", false, "print JSON")
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
	case *count < 1 || *lines < 1000:
		return fmt.Errorf("-count is %d and -lines is %d; at least 1 and 1000 are needed", *count, *lines)
	case *child != "":
		return runChild(ctx, *child, *source, *lines, *profile)
	case *sendTo != "":
		return send(ctx, *sendTo, framing(*frames), *lines)
	}

	chosen := contenders
	if *only != "" {
		chosen = nil
		for name := range strings.SplitSeq(*only, ",") {
			c, err := contenderNamed(name)
			if err != nil {
				return err
			}
			chosen = append(chosen, c)
		}
	}
	report, err := compare(ctx, chosen, *count, *lines, *profile, progress)
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

// compare lets the contenders take turns.
func compare(ctx context.Context, chosen []contender, rounds, lines int, profile string, progress io.Writer) (report, error) {
	dir, err := os.MkdirTemp("", "receivers-")
	if err != nil {
		return report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	results := make([][]measurement, len(chosen))
	for round := range rounds {
		for turn := range chosen {
			// Another begins each round, so that none has the machine in the
			// same state every time.
			i := (turn + round) % len(chosen)
			c := chosen[i]
			m, err := measureInChild(ctx, c, dir, lines*c.weight, profile)
			if err != nil {
				return report{}, err
			}
			results[i] = append(results[i], m)
			fmt.Fprintf(progress, "round %d/%d  %-32s %8.0f lines per CPU-second\n", round+1, rounds, c.title, m.perCPUSecond())
		}
	}
	return newReport(chosen, results), nil
}

// measureInChild runs one contender in a process of its own, and what sends to
// it in another.
func measureInChild(ctx context.Context, c contender, dir string, lines int, profile string) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var source string
	if c.framing == fromFile {
		if source, err = lineFile(dir, lines); err != nil {
			return measurement{}, err
		}
	}
	if profile != "" {
		profile = filepath.Join(profile, c.name+".pprof")
	}
	child, err := command(ctx, "-child", c.name, "-source", source, "-lines", strconv.Itoa(lines), "-profile", profile)
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
	if c.framing != fromFile {
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

// lineFile writes the lines to a file, once for all rounds.
func lineFile(dir string, lines int) (path string, err error) {
	path = filepath.Join(dir, strconv.Itoa(lines), lineFileName)
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
	return path, writeLines(file, fromFile, lines)
}
