// Heartwood is the command for people: it sends lines to a collector, shows the
// quickstart, and will check, verify and prove what a collector has kept. Each
// command has a file of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version is set by the linker.
var version = "dev"

// Exit statuses. Scripts rely on them.
const (
	exitOK      = 0
	exitFailure = 1 // it was understood and could not be done
	exitUsage   = 2 // it was not understood
)

// command is one thing that heartwood does.
type command struct {
	name    string
	summary string // one line for the list
	usage   string // what follows the name, and a paragraph below; the flags are added
	// run does it. flags has the command's name and nothing else yet.
	run func(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error
}

// commands in the order in which help lists them.
var commands = []command{
	quickstartCommand, storiesCommand, runCommand, sendCommand, lintCommand,
	verifyCommand, proveCommand, checkProofCommand, searchCommand, replayCommand,
	keygenCommand, bucketCommand, enrollCommand, retireCommand, planCommand,
	reloadCommand, healthCommand, drainCommand, versionCommand,
}

// program is what a command may use of the world.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// interrupts gives the signals that ask the program to end. The first of them
	// ends the context as well.
	interrupts <-chan struct{}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func main() {
	// A reader of stdout who has gone away is an error of the write, not the end of
	// the process: there may be children to be stopped.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancel(context.Background())
	interrupts := make(chan struct{}, 4)
	go func() {
		for range signals {
			cancel()
			select {
			case interrupts <- struct{}{}:
			default: // enough of them
			}
		}
	}()
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, interrupts: interrupts}
	os.Exit(p.main(ctx, os.Args[1:]))
}

func (p *program) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		p.help(p.stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	if name == "help" {
		if len(rest) == 0 {
			p.help(p.stdout)
			return exitOK
		}
		name, rest = rest[0], []string{"-h"}
	}
	for _, c := range commands {
		if c.name == name {
			return p.run(ctx, c, rest)
		}
	}
	_, _ = fmt.Fprintf(p.stderr, "heartwood: there is no command %q; `heartwood help` lists them\n", name)
	return exitUsage
}

func (p *program) run(ctx context.Context, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	err := c.run(ctx, p, flags, args)
	var status exitStatus
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(p.stdout, "Usage: heartwood %s %s\n", c.name, c.usage)
		has := false
		flags.VisitAll(func(*flag.Flag) { has = true })
		if has {
			_, _ = io.WriteString(p.stdout, "\nFlags:\n")
			flags.SetOutput(p.stdout)
			flags.PrintDefaults()
		}
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, new(usageError)):
		_, _ = fmt.Fprintf(p.stderr, "heartwood %s: %v; see `heartwood help %s`\n", c.name, err, c.name)
		return exitUsage
	}
	_, _ = fmt.Fprintf(p.stderr, "heartwood %s: %v\n", c.name, err)
	return exitFailure
}

func (p *program) help(out io.Writer) {
	var b strings.Builder
	b.WriteString("heartwood works with a collector of the Heartwood distribution.\n\nUsage: heartwood COMMAND [ARGUMENTS]\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-12s %s\n", c.name, c.summary)
	}
	b.WriteString("\n`heartwood help COMMAND` tells more.\n")
	_, _ = io.WriteString(out, b.String())
}

// parse reads flags wherever they stand among the arguments, which it gives back.
// What follows "--" is an argument, whatever it looks like.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	var arguments []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err}
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return arguments, nil
		}
		if parsed := len(args) - len(rest); parsed > 0 && args[parsed-1] == "--" {
			return append(arguments, rest...), nil
		}
		arguments, args = append(arguments, rest[0]), rest[1:]
	}
}
