package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/child"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/prettyline"
)

var runCommand = command{
	name:    "run",
	summary: "run a program, show its output, and send it as log records",
	usage: `[flags] [--] PROGRAM [ARGUMENTS]

Runs a program as if heartwood were not there: its input, its output, byte for byte,
the signals sent to it and its exit status stay what they are. What it says on stdout
and stderr goes out as log records as well: JSON, logfmt, the lines of the standard
loggers, stack traces.

  heartwood run --endpoint http://localhost:4318 -- python app.py
  heartwood run --pretty -- ./server --port 8080
  heartwood run --config pipeline.yaml -- java -jar app.jar
  heartwood run --view -- npm start

Where they go:
  --endpoint      http://host:4318    OTLP over HTTP; https:// with TLS
                  host:4317           OTLP over gRPC; grpc:// the same, grpcs:// with TLS
  --config FILE   a collector's configuration that says what becomes of them. They come
                  from the receiver stdout_tail/run, which must stand in a pipeline
                  of the file and need not be configured there.
  --view          a page to look at, on this machine alone, besides or in place of an
                  endpoint: its URL is printed first. Secrets are taken out of what it
                  shows. It stays when the program has ended, until Ctrl-C.
  neither         OTEL_EXPORTER_OTLP_ENDPOINT, with OTEL_EXPORTER_OTLP_HEADERS and
                  OTEL_EXPORTER_OTLP_PROTOCOL (their _LOGS_ forms too), is used when
                  it is set. Otherwise they are only shown.

They carry service.name (--service, OTEL_SERVICE_NAME, or the program's name), what
OTEL_RESOURCE_ATTRIBUTES says, process.pid and process.command, log.iostream, and the
time of their line where the line tells none. Do not put secrets into a command line:
OTEL_EXPORTER_OTLP_HEADERS, or @FILE as a value of --header, keep them out of it.

A program that writes to a pipe, not to a terminal, often keeps its output back until
it has 4 or 8 KB of it, and leaves out its colours. If lines come late, in bursts, let
the program write them at once (python -u, PYTHONUNBUFFERED=1, stdbuf -oL), or give it
a terminal with --pty (Linux). Then stdout and stderr are one stream, as they are
on a terminal, and what is typed is echoed into it.

A collector, otelcol-heartwood, does the sending. When the place that records go to is
slow or away, the program runs on: 32 MiB of its lines are kept, then it waits for at
most 5 seconds, then lines are dropped. When the program has ended, what is left has
--flush-timeout to go out; a Ctrl-C then means not to wait. What did not arrive is
counted on stderr. Without a collector the program runs all the same.

Ctrl-C reaches the program from the terminal, once. SIGTERM, SIGHUP, SIGUSR1 and
others sent to heartwood are handed to it; so are SIGINT and SIGQUIT but in the
foreground of a terminal, where they are taken for the keys. What kills heartwood
kills the program (on Linux).

Exit status: the program's; 128 and the signal's number when a signal ended it; 127
when it was not found, 126 when it could not be run, 2 for a mistake in the command
line before it.`,
	run: runRun,
}

// exitStatus is an end about which all has been said, such as that of the program under
// run.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// runner runs one program.
type runner struct {
	*program

	argv         []string
	collector    string
	config       string
	view         bool
	endpoint     string
	headers      headerFlag
	service      string
	pretty       optionalBool
	color        string
	pty          bool
	flushTimeout time.Duration
	quiet        bool

	target   *target // nil: records are only shown
	child    *child.Child
	shipment *shipment // nil without a target, or without a collector
	terminal lockedWriter
}

func runRun(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	r := &runner{program: p}
	flags.StringVar(&r.endpoint, "endpoint", "", "the `address` that OTLP is sent to")
	flags.Var(&r.headers, "header", "`name=value` sent with each request, may be given more than once; of @FILE as value, the file's content is")
	flags.StringVar(&r.config, "config", "", "the collector's configuration `file`, in place of --endpoint")
	flags.BoolVar(&r.view, "view", false, "show the program's records on a page, too")
	flags.StringVar(&r.service, "service", "", "the `name` of the service")
	flags.Var(&r.pretty, "pretty", "show records with time, level, message and fields in their places, and stack traces indented (default: only when nothing is sent, on a terminal)")
	flags.StringVar(&r.color, "color", "auto", "`when` --pretty uses colours: auto (on a terminal, unless NO_COLOR is set), always, never")
	flags.BoolVar(&r.pty, "pty", false, "give the program a terminal, so that it writes each line at once and in colour")
	flags.DurationVar(&r.flushTimeout, "flush-timeout", 10*time.Second, "how long records may take to go out when the program has ended")
	flags.BoolVar(&r.quiet, "quiet", false, "do not say anything on stderr")
	flags.StringVar(&r.collector, "collector", besideUs("otelcol-heartwood"+exe()), "the collector's `program`")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	r.argv = flags.Args()
	if err := r.check(); err != nil {
		return usageError{err}
	}
	if r.view {
		if err := r.showPage(ctx); err != nil {
			return err
		}
	}
	return r.main()
}

// besideUs is the path of a program in the folder that this one lies in.
func besideUs(name string) string {
	executable, err := os.Executable()
	if err != nil {
		return name
	}
	if target, err := filepath.EvalSymlinks(executable); err == nil {
		executable = target
	}
	return filepath.Join(filepath.Dir(executable), name)
}

func (r *runner) check() error {
	switch {
	case len(r.argv) == 0 || r.argv[0] == "":
		return errors.New("it needs a program: heartwood run -- python app.py")
	case r.endpoint != "" && r.config != "":
		return errors.New("--endpoint and --config both say where records go; give one of them")
	case r.view && r.config != "":
		return errors.New("--view makes a page by itself; with --config, put a viewer exporter into the file")
	case len(r.headers) > 0 && r.config != "":
		return errors.New("--header goes with --endpoint; with --config, headers stand in the file")
	case r.color != "auto" && r.color != "always" && r.color != "never":
		return fmt.Errorf("--color is %q, want auto, always or never", r.color)
	case r.flushTimeout < 0:
		return fmt.Errorf("--flush-timeout is %v, want 0 or more", r.flushTimeout)
	}
	var err error
	r.target, err = r.findTarget()
	return err
}

// say tells something on stderr, unless it is to be quiet.
func (r *runner) say(format string, args ...any) {
	if r.quiet {
		return
	}
	text := fmt.Sprintf(format, args...)
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString("heartwood run: ")
		b.WriteString(strings.Map(printable, line))
		b.WriteByte('\n')
	}
	_, _ = r.terminal.writeTo(r.stderr, []byte(b.String()))
}

func (r *runner) main() error {
	signals := make(chan os.Signal, 16)
	child.Notify(signals)
	defer signal.Stop(signals)

	screen, _ := r.stdout.(*os.File)
	if screen != nil && !term.IsTerminal(int(screen.Fd())) {
		screen, _ = r.stdin.(*os.File)
	}
	c, err := child.Start(child.Spec{Argv: r.argv, Stdin: r.stdin, Terminal: r.pty, Screen: screen})
	if err != nil {
		if failed, ok := errors.AsType[*child.StartError](err); ok {
			_, _ = fmt.Fprintf(r.stderr, "heartwood run: %v\n", err)
			return exitStatus(failed.Status)
		}
		return err
	}
	r.child = c
	r.terminal.raw = c.Raw
	if r.target != nil {
		if r.shipment = r.ship(); r.shipment != nil && r.target.view != nil {
			r.say("look at it: %s", r.target.view.url())
		}
	} else {
		r.say("nothing is sent; --endpoint http://localhost:4318, or OTEL_EXPORTER_OTLP_ENDPOINT, says where to")
	}

	over := make(chan struct{})
	hurry := make(chan struct{})
	done := make(chan struct{})
	defer close(done)
	go r.handOver(signals, over, hurry, done)
	var relays sync.WaitGroup
	relays.Go(func() { r.relay(c.Stdout, "stdout", r.stdout) })
	if c.Stderr != nil {
		relays.Go(func() { r.relay(c.Stderr, "stderr", r.stderr) })
	}
	status := c.Wait()
	close(over)
	relays.Wait()
	for _, stream := range []*child.Stream{c.Stdout, c.Stderr} {
		if stream != nil && stream.Cut() {
			r.say("the program has ended; what it has left running still holds its output, which is not shown any more")
		}
	}
	c.Close()
	if r.shipment != nil {
		r.shipment.finish(r.shipment.linger(hurry))
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// handOver gives the program the signals that are sent to us. Once the program is
// over, one of them means not to wait any more.
func (r *runner) handOver(signals <-chan os.Signal, over <-chan struct{}, hurry chan<- struct{}, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case s := <-signals:
			select {
			case <-over:
				close(hurry)
				return
			default:
				r.child.Forward(s)
			}
		}
	}
}

const readSize = 64 << 10

// relay shows what the program says on a stream, and ships it.
func (r *runner) relay(from *child.Stream, name string, to io.Writer) {
	out := r.shower(to)
	send := r.shipment.stream(name)
	buf := make([]byte, readSize)
	for {
		n, err := from.Read(buf, out.Wait())
		data := buf[:n]
		if n > 0 {
			showErr := out.Write(data)
			send.add(data)
			if showErr != nil {
				// Nobody looks on any more: the program is to know, as it would if it
				// had written there itself.
				_ = from.Close()
				break
			}
		}
		if errors.Is(err, child.ErrPause) {
			err = out.Idle()
		}
		if err != nil {
			break
		}
	}
	_ = out.Close()
	send.end()
}

// shower is a way to show a stream.
type shower interface {
	Write(data []byte) error
	// Wait is after how long a pause Idle is to be called; 0: never.
	Wait() time.Duration
	Idle() error
	Close() error
}

func (r *runner) shower(to io.Writer) shower {
	pretty := r.pretty.value
	if !r.pretty.given {
		pretty = r.target == nil && isTerminal(to)
	}
	if !pretty {
		return asItIs{to}
	}
	color := coloured(to, r.getenv)
	if r.color != "auto" {
		color = r.color == "always"
	}
	p, err := prettyline.New(writerFunc(func(data []byte) (int, error) { return r.terminal.writeTo(to, data) }), prettyline.Style{Color: color})
	if err != nil {
		r.say("%v", err)
		return asItIs{to}
	}
	return p
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// asItIs shows a stream unchanged.
type asItIs struct{ to io.Writer }

func (a asItIs) Write(data []byte) error {
	_, err := a.to.Write(data)
	return err
}

func (asItIs) Wait() time.Duration { return 0 }
func (asItIs) Idle() error         { return nil }
func (asItIs) Close() error        { return nil }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

// lockedWriter keeps our own lines whole, and gives them the carriage returns that a
// raw terminal needs.
type lockedWriter struct {
	mu  sync.Mutex
	raw func() bool // nil: never
}

func (w *lockedWriter) writeTo(to io.Writer, data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(data)
	if w.raw != nil && w.raw() && isTerminal(to) {
		data = []byte(strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n", "\r\n"))
	}
	if _, err := to.Write(data); err != nil {
		return 0, err
	}
	return n, nil
}

// optionalBool is a flag that tells whether it was given.
type optionalBool struct{ given, value bool }

func (b *optionalBool) String() string {
	if b == nil || !b.given {
		return ""
	}
	return strconv.FormatBool(b.value)
}

func (b *optionalBool) Set(s string) error {
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		b.value = true
	case "false", "0", "no":
		b.value = false
	default:
		return errors.New("want true or false")
	}
	b.given = true
	return nil
}

// IsBoolFlag says that the value may be left out.
func (*optionalBool) IsBoolFlag() bool { return true }
