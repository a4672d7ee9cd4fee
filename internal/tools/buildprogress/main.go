// Buildprogress runs a go build and shows how far it is.
//
//	buildprogress go build -o bin/x ./cmd/x
//
// It adds -v to the command, counts the packages as they are compiled, and
// estimates the time left from the size of their source. On a terminal that is
// one line that changes, elsewhere a line every few seconds. What go says
// besides is passed through, and so is its exit status. Where there is nothing
// to compile it says nothing.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// plainInterval is for logs, which nobody watches second by second.
	plainInterval = 5 * time.Second
	// terminalInterval is for eyes.
	terminalInterval = 200 * time.Millisecond
	// quiet is how long a build may take before it is worth a word.
	quiet = 2 * time.Second
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: buildprogress go build [flags] [packages]")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, isTerminal(os.Stderr)))
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// run runs the command and gives its exit status.
func run(command []string, stdout, stderr io.Writer, terminal bool) int {
	build, ok := parseBuild(command)
	if !ok {
		return start(exec.Command(command[0], command[1:]...), stdout, stderr, nil)
	}
	return start(exec.Command(command[0], build.verbose()...), stdout, stderr, newDisplay(build, stderr, terminal))
}

func start(command *exec.Cmd, stdout, stderr io.Writer, d *display) int {
	// Ctrl-C reaches go as well, which then ends; other signals are passed on.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	command.Stdin, command.Stdout, command.Stderr = os.Stdin, stdout, stderr
	var words io.ReadCloser
	if d != nil {
		var err error
		command.Stderr = nil
		if words, err = command.StderrPipe(); err != nil {
			fmt.Fprintln(stderr, "buildprogress:", err)
			return 1
		}
	}
	if err := command.Start(); err != nil {
		fmt.Fprintln(stderr, "buildprogress:", err)
		return 1
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				_ = command.Process.Signal(s)
			case <-ended:
				return
			}
		}
	}()
	if d != nil {
		d.follow(words)
	}
	err := command.Wait()
	code := status(err)
	if d != nil {
		d.end(code == 0)
	}
	if code != 0 && !errors.As(err, new(*exec.ExitError)) {
		fmt.Fprintln(stderr, "buildprogress:", err)
	}
	return code
}

// status is what a shell would give for the error of a command.
func status(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 1
	}
	if wait, ok := exit.Sys().(syscall.WaitStatus); ok && wait.Signaled() { //nolint:misspell // the name in syscall
		return 128 + int(wait.Signal())
	}
	return exit.ExitCode()
}

// buildCommand is a go build, taken apart.
type buildCommand struct {
	program string
	flags   []string // without -o and -v
	output  string   // the value of -o
	rest    []string // packages
}

// valueless are go build's flags that take no value; every other one does,
// either behind = or as the next argument.
var valueless = map[string]bool{
	"a": true, "n": true, "x": true, "v": true, "race": true, "msan": true, "asan": true, "cover": true, "work": true,
	"trimpath": true, "modcacherw": true, "linkshared": true, "json": true, "buildvcs": true,
}

// parseBuild takes a command apart. It knows go build only.
func parseBuild(command []string) (b buildCommand, ok bool) {
	if len(command) < 2 || strings.TrimSuffix(filepath.Base(command[0]), ".exe") != "go" || command[1] != "build" {
		return b, false
	}
	b.program = command[0]
	arguments := command[2:]
	for len(arguments) > 0 {
		name, isFlag := strings.CutPrefix(arguments[0], "-")
		if !isFlag || name == "" {
			break
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		n := 1
		if !hasValue && !valueless[name] {
			if len(arguments) < 2 {
				return b, false // go will say what is missing
			}
			value, n = arguments[1], 2
		}
		switch name {
		case "o":
			b.output = value
		case "n", "json":
			return b, false // nothing is built, or not for people
		case "v":
		default:
			b.flags = append(b.flags, arguments[:n]...)
		}
		arguments = arguments[n:]
	}
	b.rest = arguments
	return b, true
}

// verbose gives the arguments of the command that is run.
func (b buildCommand) verbose() []string {
	arguments := append([]string{"build", "-v"}, b.flags...)
	if b.output != "" {
		arguments = append(arguments, "-o", b.output)
	}
	return append(arguments, b.rest...)
}

// name is what is built, in few words.
func (b buildCommand) name() string {
	switch {
	case b.output != "":
		return filepath.Base(b.output)
	case len(b.rest) > 0:
		return strings.Join(b.rest, " ")
	}
	return "the package here"
}

// display shows the progress of a build.
type display struct {
	build    buildCommand
	out      io.Writer
	terminal bool
	begun    time.Time
	progress progress
	drawn    bool // there is a line on the terminal that is to be replaced
}

func newDisplay(b buildCommand, out io.Writer, terminal bool) *display {
	return &display{build: b, out: out, terminal: terminal, begun: time.Now(), progress: progress{workers: runtime.GOMAXPROCS(0)}}
}

// follow reads what go says until it says no more.
func (d *display) follow(words io.Reader) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lines := make(chan string)
	go func() {
		defer close(lines)
		reader := bufio.NewReader(words)
		for {
			line, err := reader.ReadString('\n')
			if line != "" {
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	interval := plainInterval
	if d.terminal {
		interval = terminalInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var planned chan plan
	var missing chan int
	for {
		select {
		case line, more := <-lines:
			if !more {
				return
			}
			switch kind, name := classify(line); kind {
			case compiled:
				if planned == nil {
					// Asked only now: most builds have nothing to compile.
					planned = make(chan plan, 1)
					go func() { planned <- makePlan(ctx, d.build) }()
				}
				d.progress.compile(name, time.Now())
			case fetched:
				if missing == nil {
					missing = make(chan int, 1)
					go func() { missing <- missingModules(ctx, d.build) }()
				}
				d.progress.fetch()
			default:
				d.clear()
				_, _ = io.WriteString(d.out, line)
			}
		case p := <-planned:
			d.progress.plan(p)
		case n := <-missing:
			d.progress.missing = n + d.progress.fetched
		case now := <-tick.C:
			if now.Sub(d.begun) >= quiet {
				d.show(now)
			}
		}
	}
}

func (d *display) show(now time.Time) {
	text := d.progress.text(now)
	if text == "" {
		return
	}
	text = d.build.name() + ": " + text
	if !d.terminal {
		_, _ = fmt.Fprintln(d.out, text)
		return
	}
	d.clear()
	_, _ = io.WriteString(d.out, text)
	d.drawn = true
}

func (d *display) clear() {
	if d.drawn {
		_, _ = io.WriteString(d.out, "\r\x1b[K")
		d.drawn = false
	}
}

func (d *display) end(well bool) {
	d.clear()
	if well && len(d.progress.started) > 0 {
		_, _ = fmt.Fprintf(d.out, "%s: compiled %s in %s\n", d.build.name(), packages(len(d.progress.started)), short(time.Since(d.begun)))
	}
}
