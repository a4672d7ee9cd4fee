package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/term"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/recordtext"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/tailfile"
)

const (
	followInterval  = 200 * time.Millisecond
	summaryInterval = 10 * time.Second
	// followMaxLine bounds one request of OTLP in JSON that is shown. What the
	// receivers take (10 to 20 MiB) is somewhat larger in JSON.
	followMaxLine = 64 << 20
	// followMaxShown bounds what is printed in one interval; nobody reads more.
	followMaxShown = 200
)

// tally is what came since the last summary.
type tally struct {
	records           map[string]int // by service
	errors            int            // records of severity ERROR and above
	unseen            int            // records not shown because there were too many
	spans, datapoints int
	unread            int // lines of the files that were none of OTLP
}

// watch reads what the collector writes, and shows it.
type watch struct {
	out   io.Writer
	style recordtext.Style
	dir   string // of the records

	logs, traces, metrics *tailfile.Follower
	since                 tally
}

func newWatch(out io.Writer, style recordtext.Style, dir string) *watch {
	follow := func(name string) *tailfile.Follower { return tailfile.New(filepath.Join(dir, name), followMaxLine) }
	return &watch{
		out: out, style: style, dir: dir,
		logs: follow("logs.jsonl"), traces: follow("traces.jsonl"), metrics: follow("metrics.jsonl"),
		since: tally{records: make(map[string]int)},
	}
}

func (w *watch) close() {
	for _, f := range []*tailfile.Follower{w.logs, w.traces, w.metrics} {
		_ = f.Close()
	}
}

// follow shows records until ctx ends or a process does.
func (q *quickstart) follow(ctx context.Context) error {
	w := newWatch(q.stdout, recordtext.Style{Color: coloured(q.stdout, q.getenv), Full: q.full}, filepath.Join(q.runDir, "records"))
	defer w.close()
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	summary := time.NewTicker(summaryInterval)
	defer summary.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case process := <-q.group.Ended():
			if ctx.Err() != nil {
				return nil
			}
			return q.ended(process)
		case <-tick.C:
			err = w.read()
		case <-summary.C:
			err = w.summarise()
		}
		if err != nil {
			return err
		}
	}
}

// read shows the records that have come and counts the rest.
func (w *watch) read() error {
	shown := 0
	unmarshaler := plog.JSONUnmarshaler{}
	err := w.lines(w.logs, func(line []byte) error {
		logs, err := unmarshaler.UnmarshalLogs(line)
		if err != nil {
			w.since.unread++
			return nil //nolint:nilerr // it is counted, and told with the summary
		}
		w.count(logs)
		if shown >= followMaxShown {
			w.since.unseen += logs.LogRecordCount()
			return nil
		}
		shown += logs.LogRecordCount()
		if _, err := w.out.Write(w.style.AppendLogs(nil, logs)); err != nil {
			return fmt.Errorf("show the records: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = w.lines(w.traces, func(line []byte) error {
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			w.since.unread++
			return nil //nolint:nilerr // it is counted, and told with the summary
		}
		w.since.spans += traces.SpanCount()
		return nil
	})
	if err != nil {
		return err
	}
	return w.lines(w.metrics, func(line []byte) error {
		metrics, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err != nil {
			w.since.unread++
			return nil //nolint:nilerr // it is counted, and told with the summary
		}
		w.since.datapoints += metrics.DataPointCount()
		return nil
	})
}

func (w *watch) lines(f *tailfile.Follower, each func([]byte) error) error {
	for {
		line, err := f.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tailfile.ErrTooLong):
			w.since.unread++
			continue
		case err != nil:
			return fmt.Errorf("follow the records: %w", err)
		}
		if len(line) == 0 {
			continue // a file that was turned over between a request and its end of line
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

func (w *watch) count(logs plog.Logs) {
	for _, resource := range logs.ResourceLogs().All() {
		service := "without a service"
		if v, ok := resource.Resource().Attributes().Get("service.name"); ok {
			service = v.AsString()
		}
		if _, known := w.since.records[service]; !known && len(w.since.records) >= 20 {
			service = "others"
		}
		for _, scope := range resource.ScopeLogs().All() {
			w.since.records[service] += scope.LogRecords().Len()
			for _, record := range scope.LogRecords().All() {
				if record.SeverityNumber() >= plog.SeverityNumberError {
					w.since.errors++
				}
			}
		}
	}
}

// summarise tells what came since the last time, on a line.
func (w *watch) summarise() error {
	total := 0
	services := make([]string, 0, len(w.since.records))
	for _, name := range slices.Sorted(maps.Keys(w.since.records)) {
		total += w.since.records[name]
		services = append(services, fmt.Sprintf("%s %d", strings.Map(printable, name), w.since.records[name]))
	}
	by := ""
	if total > 0 {
		by = " (" + strings.Join(services, ", ") + ")"
	}
	_, err := fmt.Fprintf(w.out, "── last %v: %d records%s, %d of them errors; %d spans; %d metric points ──\n",
		summaryInterval, total, by, w.since.errors, w.since.spans, w.since.datapoints)
	if w.since.unseen > 0 {
		_, err = fmt.Fprintf(w.out, "── %d records came too fast to be shown; they are in %s ──\n", w.since.unseen, w.dir)
	}
	if w.since.unread > 0 {
		_, err = fmt.Fprintf(w.out, "── %d lines in %s could not be read as OTLP in JSON ──\n", w.since.unread, w.dir)
	}
	w.since = tally{records: make(map[string]int)}
	return err
}

// coloured tells whether out is a terminal that wants colour (no-color.org).
func coloured(out io.Writer, getenv func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

func printable(r rune) rune {
	if r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return '·'
}
