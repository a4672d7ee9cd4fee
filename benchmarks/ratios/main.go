package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

// document is what is printed.
type document struct {
	Go      string    `json:"go"`
	CPUs    int       `json:"cpus"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Ratios  []result  `json:"ratios"`
	// Failed are jobs that gave no figures, and why.
	Failed map[string]string `json:"failed,omitempty"`
}

// result is a ratio of one run.
type result struct {
	Name     string   `json:"name"`
	Command  string   `json:"command"`
	Unit     string   `json:"unit"`
	Ours     float64  `json:"ours"`
	Upstream float64  `json:"upstream"`
	Ratio    float64  `json:"ratio"` // above 1, ours does more for the same time, or takes less
	Aim      *float64 `json:"aim,omitempty"`
	Met      *bool    `json:"met,omitempty"`
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("ratios", flag.ContinueOnError)
	only := flags.String("only", "", "jobs, separated by commas; default: all")
	limit := flags.Duration("limit", 20*time.Minute, "how long all may take together")
	list := flags.Bool("list", false, "print the names of the jobs and their commands")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	chosen := jobs
	if *only != "" {
		chosen = nil
		for name := range strings.SplitSeq(*only, ",") {
			at := slices.IndexFunc(jobs, func(j job) bool { return j.name == name })
			if at < 0 {
				return fmt.Errorf("no job is called %q; -list names them", name)
			}
			chosen = append(chosen, jobs[at])
		}
	}
	if *list {
		for _, j := range chosen {
			fmt.Fprintf(out, "%s\t%s\n", j.name, j.command())
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	begun := time.Now()
	d := document{Go: runtime.Version(), CPUs: runtime.NumCPU(), At: begun.UTC().Truncate(time.Second), Failed: map[string]string{}}
	for i, j := range chosen {
		fmt.Fprintf(progress, "%d/%d  %s\n", i+1, len(chosen), j.command())
		results, err := j.run(ctx, progress)
		if err != nil {
			d.Failed[j.name] = err.Error()
			fmt.Fprintf(progress, "      failed: %v\n", err)
			continue
		}
		d.Ratios = append(d.Ratios, results...)
	}
	d.Seconds = time.Since(begun).Seconds()
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return err
	}
	if len(d.Failed) > 0 {
		return fmt.Errorf("%d of %d jobs gave no figures", len(d.Failed), len(chosen))
	}
	return nil
}

// command is what a job runs, from the folder benchmarks.
func (j job) command() string { return "go -C benchmarks " + strings.Join(j.args, " ") }

func (j job) run(ctx context.Context, progress io.Writer) ([]result, error) {
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", j.args...) //nolint:gosec // of the list
	cmd.Stdout, cmd.Stderr = &output, progress
	// What it started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastLine(output.String()))
	}
	return j.results(output.Bytes())
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// results makes ratios of a job's output.
func (j job) results(output []byte) ([]result, error) {
	values, err := j.parse(output)
	if err != nil {
		return nil, err
	}
	var all []result
	for _, r := range ratios {
		if r.job != j.name {
			continue
		}
		one := result{Name: r.name, Command: j.command(), Unit: r.unit, Ours: values[r.ours], Upstream: values[r.upstream]}
		if one.Ours <= 0 || one.Upstream <= 0 {
			return nil, fmt.Errorf("%s: no figures of %q and %q", r.name, r.ours, r.upstream)
		}
		if one.Ratio = one.Ours / one.Upstream; r.less {
			one.Ratio = one.Upstream / one.Ours
		}
		if r.aim > 0 {
			met := one.Ratio >= r.aim
			one.Aim, one.Met = &r.aim, &met
		}
		all = append(all, one)
	}
	return all, nil
}
