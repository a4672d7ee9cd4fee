package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/archivelines"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/recordtext"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/recordids"
)

var searchCommand = command{
	name:    "search",
	summary: "show what an archive has of a request, sorted by time",
	usage: `ARCHIVE --request-id ID | --trace-id ID | --from TIME [flags]

Finds lines in an archive, which is s3://bucket/prefix or a folder. Objects whose time does
not fit, and those whose filter rules the id out, are not read. As json, each line is what
stands in the archive. --where takes the name of a member, at any depth by points
(http.response.status_code=500), or of an attribute.

It shows what is there; that it is what was written, 'heartwood verify' and 'heartwood
prove' tell.`,
	run: runSearch,
}

// maxHits is how many lines are held to be sorted, maxHitBytes how much of them.
const (
	maxHits     = 1_000_000
	maxHitBytes = 1 << 30
)

// found is a line that was found, with its records.
type found struct {
	archiveaudit.Hit
	records archivelines.Records
	err     error // it could not be read as records
	at      pcommon.Timestamp
}

func runSearch(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	where := newPlaceFlags(flags)
	reader := newReaderFlags(flags)
	times := newTimeFlags(flags, "records")
	request := flags.String("request-id", "", "lines of this `request`")
	trace := flags.String("trace-id", "", "lines of this `trace`")
	output := flags.String("output", "text", "`text`, or json: the lines as they are in the archive")
	stats := flags.Bool("stats", false, "say on standard error what was read")
	full := flags.Bool("full", false, "show every attribute, and ids and stack traces whole")
	parallel := flags.Int("parallel", 0, "how many objects are read at a time; 0 is one for each core")
	var fields conditions
	flags.Var(&fields, "where", "lines with `field=value`; may be given again, all must fit")
	arguments, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(arguments) != 1 {
		return usageError{errors.New("name one archive: s3://bucket/prefix, or a folder")}
	}
	if *output != "text" && *output != "json" {
		return usageError{fmt.Errorf("--output is %q, want text or json", *output)}
	}
	q := archiveaudit.Query{Parallel: *parallel, Notes: noted(p, flags.Name())}
	if q.Root, err = reader.root(); err != nil {
		return err
	}
	if q.From, q.To, err = times.read(); err != nil {
		return err
	}
	if q.ID, err = readID(*request, *trace); err != nil {
		return err
	}
	if q.ID == "" && q.From.IsZero() {
		return usageError{errors.New("give --request-id, --trace-id or --from")}
	}
	at, err := where.open(ctx, arguments[0])
	if err != nil {
		return err
	}
	defer at.close()
	q.Prefix = at.prefix
	var lines []found
	var decoder archivelines.Decoder
	held := 0
	read, err := archiveaudit.Search(ctx, at, q, func(h archiveaudit.Hit) error {
		line := found{Hit: h}
		line.records, line.err = decoder.Decode(h.Class, h.Encoding, h.Data)
		if line.err == nil {
			line.records = only(line.records, q.ID, q)
			line.at = firstTime(line.records)
		}
		if line.at != 0 && line.err == nil && !within(line.at, q) {
			return nil
		}
		if !fields.fit(&line) {
			return nil
		}
		if held += len(h.Data); len(lines) == maxHits || held > maxHitBytes {
			return fmt.Errorf("more than %d lines fit, or %d bytes of them: ask for a shorter time", maxHits, maxHitBytes)
		}
		line.Data = bytes.Clone(h.Data)
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(x, y found) int { return cmp.Compare(x.at, y.at) })
	if *stats {
		text, err := json.Marshal(read)
		if err != nil {
			return fmt.Errorf("write the statistics: %w", err)
		}
		fmt.Fprintf(p.stderr, "%s\n", text)
	}
	style := recordtext.Style{Color: coloured(p.stdout, p.getenv), Full: *full}
	return show(p.stdout, lines, *output == "json", style)
}

func within(at pcommon.Timestamp, q archiveaudit.Query) bool {
	t := at.AsTime()
	return (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

// only leaves the records of an id: an object without lines has others too.
func only(r archivelines.Records, id string, q archiveaudit.Query) archivelines.Records {
	if r.Signal != archivelines.Logs || r.Logs.LogRecordCount() < 2 {
		return r
	}
	for _, resource := range r.Logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			scope.LogRecords().RemoveIf(func(record plog.LogRecord) bool {
				is := id == "" || recordids.HasLog(resource.Resource().Attributes(), record, id)
				return !is || !within(timeOf(record), q)
			})
		}
	}
	return r
}

func timeOf(r plog.LogRecord) pcommon.Timestamp {
	if at := r.Timestamp(); at != 0 {
		return at
	}
	return r.ObservedTimestamp()
}

func firstTime(r archivelines.Records) (first pcommon.Timestamp) {
	take := func(at pcommon.Timestamp) {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	switch r.Signal {
	case archivelines.Logs:
		for _, resource := range r.Logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					take(timeOf(record))
				}
			}
		}
	case archivelines.Traces:
		for _, resource := range r.Traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					take(span.StartTimestamp())
				}
			}
		}
	case archivelines.Metrics:
	}
	return first
}

func show(out io.Writer, lines []found, asJSON bool, style recordtext.Style) error {
	w := bufio.NewWriter(out)
	var text []byte
	for i := range lines {
		text = text[:0]
		switch l := &lines[i]; {
		case asJSON && l.Encoding == "otlp_proto" && l.err == nil:
			var err error
			if l.records.Signal == archivelines.Traces {
				text, err = (&ptrace.JSONMarshaler{}).MarshalTraces(l.records.Traces)
			} else {
				text, err = (&plog.JSONMarshaler{}).MarshalLogs(l.records.Logs)
			}
			if err != nil {
				return fmt.Errorf("write a record: %w", err)
			}
			text = append(text, '\n')
		case asJSON:
			text = append(append(text, l.Data...), '\n')
		case l.err != nil, l.records.Signal != archivelines.Logs:
			text = recordtext.AppendLine(text, l.Data)
		default:
			text = style.AppendLogs(text, l.records.Logs)
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write the lines: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the lines: %w", err)
	}
	return nil
}

// condition is field=value.
type condition struct{ field, value string }

// conditions must all fit.
type conditions []condition

func (c *conditions) String() string {
	var parts []string
	for _, x := range *c {
		parts = append(parts, x.field+"="+x.value)
	}
	return strings.Join(parts, ",")
}

// Set adds a condition.
func (c *conditions) Set(text string) error {
	field, value, ok := strings.Cut(text, "=")
	if !ok || field == "" {
		return fmt.Errorf("%q, want field=value", text)
	}
	*c = append(*c, condition{field, value})
	return nil
}

// fit says whether a line fits: its document, or one of its records.
func (c conditions) fit(l *found) bool {
	for _, x := range c {
		if value, ok := archiveaudit.Member(l.Data, x.field); ok && value == x.value {
			continue
		}
		if l.err != nil || !x.anyRecord(l.records) {
			return false
		}
	}
	return true
}

func (c condition) anyRecord(r archivelines.Records) bool {
	has := func(maps ...pcommon.Map) bool {
		for _, m := range maps {
			if v, ok := m.Get(c.field); ok && v.AsString() == c.value {
				return true
			}
		}
		return false
	}
	switch r.Signal {
	case archivelines.Logs:
		for _, resource := range r.Logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if has(record.Attributes(), resource.Resource().Attributes()) || c.named(record) {
						return true
					}
				}
			}
		}
	case archivelines.Traces:
		for _, resource := range r.Traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					if has(span.Attributes(), resource.Resource().Attributes()) || (c.field == "name" && span.Name() == c.value) {
						return true
					}
				}
			}
		}
	case archivelines.Metrics:
	}
	return false
}

// named compares a field of a record that is no attribute.
func (c condition) named(r plog.LogRecord) bool {
	switch c.field {
	case "body":
		return r.Body().AsString() == c.value
	case "severity":
		return strings.EqualFold(r.SeverityText(), c.value)
	case "event_name":
		return r.EventName() == c.value
	case "trace_id":
		return r.TraceID().String() == c.value
	case "span_id":
		return r.SpanID().String() == c.value
	}
	return false
}
