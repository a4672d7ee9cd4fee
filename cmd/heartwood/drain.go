package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/drainplan"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/supervise"
	"github.com/heartwood-otel/heartwood/internal/configlint"
	"github.com/heartwood-otel/heartwood/internal/heldstate"
)

var drainCommand = command{
	name:    "drain",
	summary: "deliver what a collector that is gone has left on disk",
	usage: `DIR --config FILE [--config FILE ...] [flags]
       heartwood drain --dry-run DIR [--config FILE ...]

Finds in DIR, and below it, what kinesis and worm_s3 exporters and event_fold processors
have accepted and not delivered, and delivers it: with a collector that has the former
configuration, --config, but for its receivers, and works on DIR itself. Paths of the
configuration are taken to be below DIR where they were below what DIR was; where that
can't be found out, --was names it. Keys and credentials are the configuration's.

What comes is what would have come: in the order of its keys, with its log.record.uid, so
that what had arrived when the former collector ended is known as a repeat; an archive's
log goes on under its writer's name, which nothing else may use meanwhile. Open events of
event_fold end by their time. Where no pipeline's exporter is behind a journal, only the
exporters of what is found run.

It may be interrupted, or killed, and run again. Dead letters are counted and stay: they
are for a person. docs/operations.md has an example for a volume of Kubernetes.

The exit status is 0 when nothing is left, 1 with what is left and why otherwise, 2 for a
mistake in the command line. With --dry-run it is 0 when all can be read.`,
	run: runDrain,
}

type drain struct {
	*program
	dir, was  string
	configs   listFlag
	collector string
	timeout   time.Duration
	grace     time.Duration
	verbose   bool
	dryRun    bool
	output    string
}

const (
	// drainInterval is between two looks at the collector's metrics, and drainNotice
	// between two lines that say how far it is.
	drainInterval = 250 * time.Millisecond
	drainNotice   = 15 * time.Second
	// drainConfigVariable holds the configuration: its secrets are to be in no file, and
	// in no list of processes.
	drainConfigVariable = "HEARTWOOD_DRAIN_CONFIG"
)

func runDrain(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	d := &drain{program: p}
	flags.Var(&d.configs, "config", "the former collector's configuration `file`, may be given more than once")
	flags.StringVar(&d.was, "was", "", "the `path` that DIR had for the former collector")
	flags.BoolVar(&d.dryRun, "dry-run", false, "say what is there, and change nothing")
	flags.StringVar(&d.output, "output", "text", "`form` of what is said of DIR: text or json")
	flags.StringVar(&d.collector, "collector", besideUs("otelcol-heartwood"+exe()), "the collector's `program`")
	flags.DurationVar(&d.timeout, "timeout", 0, "give up after so long; 0: never")
	flags.DurationVar(&d.grace, "grace", 2*time.Minute, "how long the collector may take to end")
	flags.BoolVar(&d.verbose, "verbose", false, "show all of the collector's log, not only warnings")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return usageError{fmt.Errorf("it takes one directory, and got %d", len(rest))}
	case len(d.configs) == 0 && !d.dryRun:
		return usageError{errors.New("--config is missing: the former collector's configuration says where to deliver; --dry-run says what is there")}
	case d.output != "text" && d.output != "json":
		return usageError{fmt.Errorf("--output is %q, want text or json", d.output)}
	}
	if d.dir, err = filepath.Abs(rest[0]); err == nil {
		d.dir, err = filepath.EvalSymlinks(d.dir)
	}
	if err != nil {
		return err
	}
	return d.main(ctx)
}

func (d *drain) main(ctx context.Context) error {
	states, err := d.look()
	if err != nil {
		return err
	}
	var plan *drainplan.Plan
	socket := ""
	if len(d.configs) > 0 {
		// A directory of ours alone: nobody else can reach what listens in it.
		private, err := os.MkdirTemp("", "hw-drain-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(private) //nolint:errcheck // it is empty
		socket = filepath.Join(private, "s")
		if plan, err = d.plan(ctx, states, socket); err != nil {
			return errors.Join(d.show(states, nil), err)
		}
	}
	if err := d.show(states, plan); err != nil {
		return err
	}
	if d.dryRun || held(states) == "" {
		return nil
	}
	return d.deliver(ctx, plan)
}

// look finds what is there. What can't be read, or is in use, is an error.
func (d *drain) look() ([]heldstate.State, error) {
	info, err := os.Stat(d.dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", d.dir)
	}
	if err != nil {
		return nil, err
	}
	states, err := heldstate.Find(d.dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range states {
		s := &states[i]
		switch {
		case errors.Is(s.Err, heldstate.ErrInUse):
			errs = append(errs, fmt.Errorf("%w: a collector runs on it; end that first", s.Err))
		case s.Err != nil:
			errs = append(errs, fmt.Errorf("%s of %s: %w", s.Directory, s.Kind, s.Err))
		}
	}
	if len(states) == 0 {
		errs = append(errs, fmt.Errorf("%s has nothing of a spool, an archive's state or a journal: is it another directory?", d.dir))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(d.show(states, nil), err)
	}
	return states, nil
}

func (d *drain) plan(ctx context.Context, states []heldstate.State, socket string) (*drainplan.Plan, error) {
	conf, err := configlint.Resolve(ctx, d.configs)
	if err != nil {
		return nil, err
	}
	return drainplan.Make(drainplan.Settings{Config: configlint.Plain(conf), States: states, Directory: d.dir, Was: d.was, Socket: socket})
}

// drainLine is what is said of a state.
type drainLine struct {
	Kind      heldstate.Kind `json:"kind"`
	Signal    string         `json:"signal,omitempty"`
	Directory string         `json:"directory"`
	Version   int            `json:"version,omitempty"`
	Records   int64          `json:"records"`
	Bytes     int64          `json:"bytes"`
	Oldest    *time.Time     `json:"oldest,omitempty"`
	Log       string         `json:"log,omitempty"`
	Pending   bool           `json:"pending,omitempty"`
	Component string         `json:"component,omitempty"`
	Target    string         `json:"target,omitempty"`
	Error     string         `json:"error,omitempty"`
}

func (d *drain) show(states []heldstate.State, plan *drainplan.Plan) error {
	lines := make([]drainLine, len(states))
	for i := range states {
		s := &states[i]
		l := drainLine{Kind: s.Kind, Signal: s.Signal, Directory: s.Directory, Version: s.Version, Records: s.Records, Bytes: s.Bytes, Log: s.Log, Pending: s.Pending}
		if !s.Oldest.IsZero() {
			oldest := s.Oldest.UTC().Truncate(time.Second)
			l.Oldest = &oldest
		}
		if s.Err != nil {
			l.Error = s.Err.Error()
		}
		if plan != nil {
			l.Component, l.Target = plan.Components[i], plan.Targets[i]
		}
		lines[i] = l
	}
	if d.output == "json" {
		encoder := json.NewEncoder(d.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(lines)
	}
	table := tabwriter.NewWriter(d.stdout, 0, 8, 2, ' ', 0)
	for i := range lines {
		l := &lines[i]
		kind := string(l.Kind)
		if l.Signal != "" {
			kind += " " + l.Signal
		}
		if l.Version > 0 && l.Kind.Delivered() {
			kind += " (version " + strconv.Itoa(l.Version) + ")"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d bytes\t%s\n", kind, l.Directory, l.amount(), l.Bytes, l.words())
	}
	return table.Flush()
}

func (l *drainLine) amount() string {
	switch {
	case l.Error != "":
		return "can't be read"
	case l.Kind == heldstate.FileStorage:
		return "the Collector's own"
	case l.Records == 0 && l.Pending:
		return "a checkpoint to be put"
	}
	return strconv.FormatInt(l.Records, 10) + " records"
}

func (l *drainLine) words() string {
	var words []string
	if l.Oldest != nil {
		words = append(words, "oldest "+l.Oldest.Format(time.RFC3339))
	}
	if l.Log != "" {
		words = append(words, "log "+l.Log)
	}
	if l.Target != "" {
		words = append(words, "to "+l.Target)
	}
	return strings.Join(words, "; ")
}

// held says what is to be delivered; "" is nothing.
func held(states []heldstate.State) string {
	var words []string
	for i := range states {
		s := &states[i]
		switch {
		case !s.Holds():
		case s.Records > 0:
			words = append(words, fmt.Sprintf("%d records in %s", s.Records, filepath.Join(s.Directory, s.Signal)))
		default:
			words = append(words, "a checkpoint of "+s.Directory)
		}
	}
	return strings.Join(words, ", ")
}

// deliver runs the collector until it has delivered all, and looks at what is left.
func (d *drain) deliver(ctx context.Context, plan *drainplan.Plan) error {
	why := d.runCollector(ctx, plan)
	states, err := heldstate.Find(d.dir)
	if err != nil {
		return errors.Join(why, err)
	}
	var errs []error
	for i := range states {
		errs = append(errs, states[i].Err)
	}
	left := held(states)
	switch err := errors.Join(errs...); {
	case err != nil:
		return errors.Join(why, err)
	case left != "" && why != nil:
		return fmt.Errorf("%w. Left: %s. It can be run again", why, left)
	case left != "":
		return fmt.Errorf("left: %s. It can be run again", left)
	case why != nil:
		return why
	}
	d.say("all is delivered: nothing is left in %s", d.dir)
	return nil
}

func (d *drain) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.stderr, "heartwood drain: "+format+"\n", args...)
}

func (d *drain) runCollector(ctx context.Context, plan *drainplan.Plan) error {
	if _, err := os.Stat(d.collector); err != nil {
		return fmt.Errorf("the collector: %w; --collector names another", err)
	}
	port, err := anyPort(ctx)
	if err != nil {
		return err
	}
	level := "warn"
	if d.verbose {
		level = "info"
	}
	config := drainplan.Escape(plan.Config)
	config["service"].(map[string]any)["telemetry"] = map[string]any{
		"logs": map[string]any{"level": level},
		"metrics": map[string]any{"readers": []any{map[string]any{
			"pull": map[string]any{"exporter": map[string]any{"prometheus": map[string]any{"host": "127.0.0.1", "port": port}}},
		}}},
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d.timeout, fmt.Errorf("it took longer than --timeout %v", d.timeout))
		defer cancel()
	}
	group := supervise.NewGroup()
	now := make(chan struct{})
	stopped := make(chan struct{})
	defer func() { close(stopped) }()
	go d.hurry(ctx, stopped, now)
	defer group.Stop(now)
	process, err := group.Start(supervise.Spec{
		Name: "otelcol-heartwood", Path: d.collector, Args: []string{"--config", "env:" + drainConfigVariable},
		Env: []string{drainConfigVariable + "=" + string(text)}, Log: d.stderr, Grace: d.grace,
	})
	if err != nil {
		return err
	}
	return d.await(ctx, process, plan, "http://"+localhost(port)+"/metrics")
}

// hurry closes now at the interrupt after the one that ended ctx.
func (d *drain) hurry(ctx context.Context, stopped <-chan struct{}, now chan<- struct{}) {
	select {
	case <-stopped:
		return
	case <-ctx.Done():
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		select {
		case <-d.interrupts: // that one
		case <-stopped:
			return
		}
	}
	select {
	case <-d.interrupts:
		close(now)
	case <-stopped:
	}
}

// await waits until the collector's metrics say, twice, that nothing is held any more.
func (d *drain) await(ctx context.Context, process *supervise.Process, plan *drainplan.Plan, url string) error {
	tick := time.NewTicker(drainInterval)
	defer tick.Stop()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	told := time.Now()
	for empty := 0; empty < 2; {
		select {
		case <-process.Done():
			end := process.Err()
			if end == nil {
				end = errors.New("exit status 0")
			}
			return fmt.Errorf("the collector ended before all was delivered (%w); its last words:\n%s", end, indent(lastOf(process.Recent())))
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return cause
			}
			return errors.New("it was interrupted")
		case <-tick.C:
		}
		m, err := scrape(ctx, client, url)
		if err != nil {
			continue // it is not up yet
		}
		if m["exporter_worm_s3_failed"] > 0 {
			return errors.New("the worm_s3 exporter has stopped; its log above says why")
		}
		waits := m.waiting(plan.Kinds)
		if waits == "" {
			empty++
		} else {
			empty = 0
		}
		if time.Since(told) > drainNotice {
			told = time.Now()
			d.say("waiting: %s", waits)
		}
	}
	return nil
}

// drainMetrics are sums by name, without the prefix otelcol_.
type drainMetrics map[string]float64

// waiting says what is held; "" is nothing. What a component has not told of yet is held.
func (m drainMetrics) waiting(kinds []heldstate.Kind) string {
	var words []string
	check := func(name, words_ string) {
		if v, ok := m[name]; !ok || v > 0 {
			words = append(words, words_)
		}
	}
	for _, kind := range kinds {
		switch kind {
		case heldstate.Kinesis:
			check("exporter_kinesis_oldest_record_age", "the stream does not have all records")
		case heldstate.Archive:
			check("exporter_worm_s3_oldest_record_age", "records are in no complete object")
			check("exporter_worm_s3_objects_open", "objects are being filled")
			check("exporter_worm_s3_objects_waiting", "objects have no checkpoint")
		case heldstate.Fold:
			check("processor_event_fold_records_held", "events are open, or not delivered")
		}
	}
	if m["exporter_queue_size"] > 0 {
		words = append(words, "requests are in an exporter's queue")
	}
	return strings.Join(words, "; ")
}

// scrape reads a page of metrics, in Prometheus's text format, and adds up what has one
// name: https://prometheus.io/docs/instrumenting/exposition_formats/.
func scrape(ctx context.Context, client *http.Client, url string) (drainMetrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	return parseMetrics(data), nil
}

func parseMetrics(page []byte) drainMetrics {
	m := drainMetrics{}
	lines := bufio.NewScanner(bytes.NewReader(page))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		at := strings.IndexAny(line, "{ ")
		end := strings.LastIndexByte(line, '}')
		if at <= 0 || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line[max(at, end+1):])
		if len(fields) == 0 {
			continue
		}
		if v, err := strconv.ParseFloat(fields[0], 64); err == nil {
			m[strings.TrimPrefix(line[:at], "otelcol_")] += v
		}
	}
	return m
}
