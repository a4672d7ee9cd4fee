package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/supervise"
	"github.com/heartwood-otel/heartwood/internal/rotatingfile"
)

const (
	// childLogLimit bounds what is kept of each process's own output: twice this.
	childLogLimit = 4 << 20
	// collectorGrace is for what the collector still has to write; the shop has
	// nothing that is worth waiting for.
	collectorGrace = 10 * time.Second
	shopGrace      = 7 * time.Second
	healthInterval = 50 * time.Millisecond
	parentInterval = 500 * time.Millisecond
	// shownLines of a process's last output are enough to see what ended it.
	shownLines = 15
)

var quickstartCommand = command{
	name:    "quickstart",
	summary: "run a collector and an example shop, and show what comes out",
	usage: `[flags]

Starts the collector on configs/quickstart.yaml and the example shop, prints what
listens where and how to send a line, shows the records as they come, and stops
everything on Ctrl-C. It is what ` + "`make run`" + ` executes.

Everything it writes lies in the run directory: the records, the logs of the
processes. They stay there when it ends and are removed when it starts anew; all
together they stay below 280 MB.

A port that is taken is replaced by another. To ask for one, set for example
HEARTWOOD_OTLP_HTTP_PORT; configs/quickstart.yaml shows the names.`,
	run: runQuickstart,
}

type quickstart struct {
	*program
	collector, shop, config, runDir string
	rate                            float64
	seed                            uint64
	timeout                         time.Duration
	full                            bool

	ports   []port
	group   *supervise.Group
	running *supervise.Process // the collector
	// viewerToken opens the page.
	viewerToken string
	begun       time.Time
}

func runQuickstart(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	home := homeDir()
	q := &quickstart{program: p, begun: time.Now()}
	flags.StringVar(&q.collector, "collector", filepath.Join(home, "bin", "otelcol-heartwood"+exe()), "the collector's `program`")
	flags.StringVar(&q.shop, "shop", filepath.Join(home, "bin", "shop"+exe()), "the example shop's `program`")
	flags.StringVar(&q.config, "config", filepath.Join(home, "configs", "quickstart.yaml"), "the collector's configuration `file`")
	flags.StringVar(&q.runDir, "run-dir", filepath.Join(home, ".run"), "`directory` for everything that is written")
	flags.Float64Var(&q.rate, "rate", 1, "what the shop's buyers do in a second; 0: no buyers")
	flags.Uint64Var(&q.seed, "seed", 0, "makes the shop's day the same again; 0: another each time")
	flags.DurationVar(&q.timeout, "timeout", time.Minute, "how long the collector may take to be ready")
	flags.BoolVar(&q.full, "full", false, "show every attribute, and ids and stack traces whole")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return usageError{fmt.Errorf("%q is too much", rest)}
	case !(q.rate >= 0 && q.rate <= 10_000):
		return usageError{fmt.Errorf("--rate is %g, want 0 to 10000", q.rate)}
	case q.timeout <= 0:
		return usageError{fmt.Errorf("--timeout is %v, want more than 0", q.timeout)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if p.getenv("MAKELEVEL") != "" {
		go watchParent(ctx, cancel)
	}
	return q.main(ctx)
}

var errParentGone = errors.New("make has ended")

// watchParent stops the quickstart when the make that started it is killed, and
// nobody is left to press Ctrl-C.
func watchParent(ctx context.Context, cancel context.CancelCauseFunc) {
	parent := os.Getppid()
	tick := time.NewTicker(parentInterval)
	defer tick.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	cancel(errParentGone)
}

// homeDir is the folder above the one that this program lies in.
func homeDir() string {
	executable, err := os.Executable()
	if err != nil {
		return "."
	}
	if target, err := filepath.EvalSymlinks(executable); err == nil {
		executable = target
	}
	return filepath.Dir(filepath.Dir(executable))
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

func (q *quickstart) say(format string, args ...any) {
	_, _ = fmt.Fprintf(q.stdout, format+"\n", args...)
}

func (q *quickstart) main(ctx context.Context) (err error) {
	for _, file := range []struct{ path, remedy string }{
		{q.collector, "`make build` makes it"},
		{q.shop, "`make build` makes it"},
		{q.config, "it is part of the repository; --config names another"},
	} {
		if _, err := os.Stat(file.path); err != nil {
			return fmt.Errorf("%w; %s", err, file.remedy)
		}
	}
	unlock, err := q.prepareRunDir()
	if err != nil {
		return err
	}
	defer unlock()

	q.ports = quickstartPorts()
	if err := choosePorts(ctx, q.ports, q.getenv, q.stdout); err != nil {
		return err
	}
	q.group = supervise.NewGroup()
	defer func() {
		if ctx.Err() != nil {
			q.say("\nStopping.")
		}
		q.group.Stop(q.hurry(ctx))
	}()
	if err := q.startCollector(ctx); err != nil {
		return orderly(ctx, err)
	}
	if err := q.startShop(ctx); err != nil {
		return orderly(ctx, err)
	}
	q.banner()
	return orderly(ctx, q.follow(ctx))
}

// orderly makes no error of what a person asked for.
func orderly(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, errParentGone) {
		return cause
	}
	return nil
}

// hurry is closed at the next interrupt after the one that ended ctx: who presses
// Ctrl-C twice does not want to wait.
func (q *quickstart) hurry(ctx context.Context) <-chan struct{} {
	now := make(chan struct{})
	go func() {
		if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errParentGone) {
			<-q.interrupts // that one
		}
		<-q.interrupts
		close(now)
	}()
	return now
}

// prepareRunDir takes the run directory for this run alone and removes what the
// one before has left there.
func (q *quickstart) prepareRunDir() (unlock func(), err error) {
	if q.runDir, err = filepath.Abs(q.runDir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(q.runDir, 0o700); err != nil {
		return nil, fmt.Errorf("--run-dir: %w", err)
	}
	unlock, err = lock(filepath.Join(q.runDir, "lock"))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("another quickstart runs in %s; stop it, or give this one another directory with --run-dir", q.runDir)
	}
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"records", "shop", "log", "fold", "viewer"} {
		dir = filepath.Join(q.runDir, dir)
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
			unlock()
			return nil, fmt.Errorf("--run-dir: %w", err)
		}
	}
	return unlock, nil
}

// start starts a process whose output is kept in the run directory.
func (q *quickstart) start(spec supervise.Spec) (*supervise.Process, error) {
	log, err := rotatingfile.Open(q.logPath(spec.Name), childLogLimit)
	if err != nil {
		return nil, err
	}
	spec.Log = log
	process, err := q.group.Start(spec)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		<-process.Done()
		_ = log.Close()
	}()
	return process, nil
}

func (q *quickstart) logPath(name string) string {
	return filepath.Join(q.runDir, "log", name+".log")
}

func (q *quickstart) startCollector(ctx context.Context) error {
	if q.viewerToken = q.getenv("HEARTWOOD_VIEWER_TOKEN"); q.viewerToken == "" {
		q.viewerToken = rand.Text()
	}
	environment := []string{"HEARTWOOD_RUN_DIR=" + q.runDir, "HEARTWOOD_VIEWER_TOKEN=" + q.viewerToken}
	for _, p := range q.ports {
		environment = append(environment, p.variable+"="+strconv.Itoa(p.number))
	}
	process, err := q.start(supervise.Spec{
		Name: "otelcol-heartwood", Path: q.collector, Args: []string{"--config", q.config},
		Env: environment, Grace: collectorGrace,
	})
	if err != nil {
		return err
	}
	q.running = process
	return q.awaitHealth(ctx, process)
}

func (q *quickstart) awaitHealth(ctx context.Context, process *supervise.Process) error {
	timeout := time.NewTimer(q.timeout)
	defer timeout.Stop()
	tick := time.NewTicker(healthInterval)
	defer tick.Stop()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	url := "http://" + localhost(q.port("HEARTWOOD_HEALTH_PORT"))
	last := errors.New("not asked yet")
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-process.Done():
			return q.ended(process)
		case <-timeout.C:
			return fmt.Errorf("the collector was not ready within %v (%w). Its last output:\n%s\nThe whole of it: %s",
				q.timeout, last, indent(lastOf(process.Recent())), q.logPath(process.Name))
		case <-tick.C:
			if last = healthy(ctx, client, url); last == nil {
				return nil
			}
		}
	}
}

func healthy(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return err
}

// startShop starts the services and the buyers.
func (q *quickstart) startShop(ctx context.Context) error {
	arguments := []string{
		"--seed", strconv.FormatUint(q.seed, 10),
		"--otlp-endpoint", "http://" + localhost(q.port("HEARTWOOD_OTLP_HTTP_PORT")),
		"--ordering-log", filepath.Join(q.runDir, "shop", "ordering.jsonl"),
	}
	for _, service := range []struct{ name, variable string }{
		{"purchasing", "HEARTWOOD_PURCHASING_PORT"},
		{"inventory", "HEARTWOOD_INVENTORY_PORT"},
		{"ordering", "HEARTWOOD_ORDERING_PORT"},
	} {
		address := localhost(q.port(service.variable))
		arguments = append(arguments, "--"+service.name+"-listen", address, "--"+service.name+"-url", "http://"+address)
	}
	parts := []string{"inventory", "ordering", "purchasing"}
	if q.rate > 0 {
		parts = append(parts, "load")
		arguments = append(arguments, "--rate", strconv.FormatFloat(q.rate, 'g', -1, 64))
	}
	for _, part := range parts {
		spec := supervise.Spec{Name: part, Path: q.shop, Args: append([]string{part}, arguments...), Grace: shopGrace}
		if part != "inventory" {
			if _, err := q.start(spec); err != nil {
				return err
			}
			continue
		}
		// Not ended by ctx: the last lines of a service that is being stopped are
		// to arrive. Without a collector there is nobody they could go to.
		pumping, giveUp := context.WithCancel(context.WithoutCancel(ctx))
		lines := newPump(pumping, localhost(q.port("HEARTWOOD_LOGFMT_TCP_PORT")), q.stdout)
		spec.Out = lines
		inventory, err := q.start(spec)
		if err != nil {
			giveUp()
			return err
		}
		go func() {
			<-q.running.Done()
			giveUp()
		}()
		go func() {
			<-inventory.Done()
			_ = lines.Close()
		}()
	}
	return nil
}

func (q *quickstart) port(variable string) int {
	for _, p := range q.ports {
		if p.variable == variable {
			return p.number
		}
	}
	return 0
}

// ended tells that a process ended that should have gone on.
func (q *quickstart) ended(process *supervise.Process) error {
	how := "exit status 0"
	if err := process.Err(); err != nil {
		how = err.Error()
	}
	recent := process.Recent()
	// A collector's last word, which may be several lines, begins so; before it
	// stands what it did in order to stop.
	if i := slices.IndexFunc(recent, func(line string) bool { return strings.HasPrefix(line, "Error: ") }); i >= 0 {
		recent = recent[i:]
	}
	recent = lastOf(recent)
	if len(recent) == 0 {
		return fmt.Errorf("%s ended (%s) and said nothing", process.Name, how)
	}
	return fmt.Errorf("%s ended (%s). Its last output:\n%s\nThe whole of it: %s", process.Name, how, indent(recent), q.logPath(process.Name))
}

func lastOf(lines []string) []string { return lines[max(0, len(lines)-shownLines):] }

// sameOnEachLine is what a collector says of itself on every line of its log.
var sameOnEachLine = regexp.MustCompile(`"resource": \{[^{}]*\}(, )?`)

func indent(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("  | ")
		b.WriteString(strings.Map(printable, sameOnEachLine.ReplaceAllString(line, "")))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}
