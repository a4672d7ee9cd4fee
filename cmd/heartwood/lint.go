package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/configlint"
)

var lintCommand = command{
	name:    "lint",
	summary: "say what a configuration leaks or loses",
	usage: `--config FILE [--config FILE ...] [flags]

Reads a configuration of the collector and says, by pipeline, where records are kept,
shown or sent before redact has taken secrets out of them, and where records that a
sender was told are safe can be lost. Several files are merged and ${env:NAME:-default}
is expanded as the collector does it. Whether the collector takes the configuration at
all, 'otelcol-heartwood validate' says. docs/lint.md explains each rule.

The exit status is 0 when there are no errors, 1 when there are (with --strict: or
warnings), 2 when the command line or the configuration can't be read. What --allow
accepts is shown and counts for nothing.`,
	run: runLint,
}

// listFlag is a flag that may be given more than once.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ", ") }

func (l *listFlag) Set(s string) error {
	if s == "" {
		return errors.New("it is empty")
	}
	*l = append(*l, s)
	return nil
}

// allowFlag is a list of rules to accept.
type allowFlag []configlint.Allow

func (a *allowFlag) String() string {
	texts := make([]string, len(*a))
	for i, allow := range *a {
		texts[i] = allow.String()
	}
	return strings.Join(texts, ", ")
}

func (a *allowFlag) Set(s string) error {
	allow, err := configlint.ParseAllow(s)
	if err != nil {
		return err
	}
	*a = append(*a, allow)
	return nil
}

func runLint(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	var configs listFlag
	var allows allowFlag
	flags.Var(&configs, "config", "the `file` to read, may be given more than once")
	flags.Var(&allows, "allow", "accept the findings of `rule`, or with rule=place only those of one component or pipeline; may be given more than once")
	strict := flags.Bool("strict", false, "let warnings fail as errors do")
	output := flags.String("output", "text", "`form` of the report: text or json")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError{fmt.Errorf("unexpected argument %q; files are named with --config", rest[0])}
	case len(configs) == 0:
		return usageError{errors.New("--config is missing")}
	case *output != "text" && *output != "json":
		return usageError{fmt.Errorf("--output is %q, want text or json", *output)}
	}
	config, err := configlint.Load(ctx, configs)
	if err != nil {
		return p.unreadable(err)
	}
	report, err := configlint.Check(config, allows...)
	if err != nil {
		return p.unreadable(err)
	}
	write := report.WriteText
	if *output == "json" {
		write = report.WriteJSON
	}
	if err := write(p.stdout); err != nil {
		return fmt.Errorf("show the report: %w", err)
	}
	if report.Errors > 0 || *strict && report.Warnings > 0 {
		return exitStatus(exitFailure)
	}
	return nil
}

// unreadable says what is wrong with a configuration, a line for each thing.
func (p *program) unreadable(err error) error {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(p.stderr, "heartwood lint: %s\n", strings.TrimSuffix(line, "\n"))
	}
	return exitStatus(exitUsage)
}
