package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/syslogreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/heartwood-otel/heartwood/receivers/logfmtreceiver"
)

// framing says how lines come to a contender.
type framing string

const (
	fromFile     framing = "file"
	plainLines   framing = "lines over tcp"
	syslogFrames framing = "syslog frames over tcp"
)

// contender is a receiver with a configuration.
type contender struct {
	name     string
	title    string
	workload *workload
	factory  func() receiver.Factory
	framing  framing
	// config is the configuration, where source is the file to read or the
	// address to listen at. Everything else has its default.
	config func(source string) map[string]any
	// weight is how many lines it gets, as a multiple of -lines, so that all
	// are measured for about as long.
	weight int
	// want is the record that line i must become, with anyPath for its file's.
	want func(i int) record
	// vary is the part of a record's sum that differs from line to line.
	vary func(e event) uint64
}

// Who leaves garbage lie while the heap is small: -min-heap.
const (
	heapOurs = "ours"
	heapAll  = "all"
	heapNone = "none"
)

// ours says whether it's a receiver of this repository.
func (c contender) ours() bool {
	switch c.factory().Type().String() {
	case "logfmt", "stdout_tail":
		return true
	}
	return false
}

// keyValueParser reads logfmt as upstream's documentation shows.
func keyValueParser(from string) map[string]any {
	return map[string]any{"type": "key_value_parser", "parse_from": from}
}

var contenders = slices.Concat(logfmtContenders, stdoutContenders)

var logfmtContenders = []contender{
	{
		name: "logfmt", title: "logfmt, tcp", workload: logfmtLines, factory: logfmtreceiver.NewFactory, framing: plainLines, weight: 4,
		config: listenAt, want: wantTyped, vary: varyTyped,
	},
	{
		name: "logfmt_syslog", title: "logfmt, tcp, syslog frames", workload: logfmtLines, factory: logfmtreceiver.NewFactory, framing: syslogFrames, weight: 4,
		config: listenAt, want: wantTypedFromSyslog, vary: varyTyped,
	},
	{
		name: "file_log_kv", title: "file_log + key_value_parser", workload: logfmtLines, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 1,
		config: func(path string) map[string]any {
			return map[string]any{
				"include": []any{path}, "start_at": "beginning",
				"operators": []any{keyValueParser("body")},
			}
		},
		want: wantFromFile(wantPairs), vary: varyText,
	},
	{
		name: "syslog_kv", title: "syslog + key_value_parser, tcp", workload: logfmtLines, factory: syslogreceiver.NewFactory, framing: syslogFrames, weight: 1,
		config: func(addr string) map[string]any {
			return map[string]any{
				"tcp":      map[string]any{"listen_address": addr},
				"protocol": "rfc5424", "enable_octet_counting": true,
				"operators": []any{keyValueParser("attributes.message")},
			}
		},
		want: wantFromSyslog, vary: varyText,
	},
	{
		name: "file_log", title: "file_log, no parsing", workload: logfmtLines, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 2,
		config: func(path string) map[string]any {
			return map[string]any{"include": []any{path}, "start_at": "beginning"}
		},
		want: wantFromFile(func(i int) record {
			return record{body: string(appendLine(nil, i)), attributes: map[string]any{}}
		}),
		vary: varyNothing,
	},
}

func listenAt(addr string) map[string]any {
	return map[string]any{"tcp": map[string]any{"endpoint": addr}}
}

// listens says that lines are sent to it.
func (c contender) listens() bool { return c.framing == plainLines || c.framing == syslogFrames }

// figure is the one that counts.
func (c contender) figure(m measurement) string {
	if c.workload == idle {
		return fmt.Sprintf("%6.2f%% of a core, %.2f CPU-seconds to read them", 100*m.coreShare(), m.StartCPU)
	}
	return fmt.Sprintf("%9.0f lines per CPU-second", m.perCPUSecond())
}

func contenderNamed(name string) (contender, error) {
	var names []string
	for _, c := range contenders {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return contender{}, fmt.Errorf("no contender is called %q: there are %q", name, names)
}

// create builds the receiver.
func (c contender) create(ctx context.Context, source string, consume consumer.ConsumeLogsFunc) (receiver.Logs, error) {
	factory := c.factory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(c.config(source)).Unmarshal(config); err != nil {
		return nil, fmt.Errorf("configure %s: %w", c.name, err)
	}
	if v, ok := config.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("configure %s: %w", c.name, err)
		}
	}
	next, err := consumer.NewLogs(consume)
	if err != nil {
		return nil, err
	}
	r, err := factory.CreateLogs(ctx, receivertest.NewNopSettings(factory.Type()), config, next)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", c.name, err)
	}
	return r, nil
}

// noHost offers no extensions.
type noHost struct{}

func (noHost) GetExtensions() map[component.ID]component.Component { return nil }

// What the contenders must make of a line. Upstream's parsers leave all values
// text, and the line in the body (from a file) or in an attribute (from syslog).

func wantPairs(i int) record {
	e := eventOf(i)
	return record{
		body: string(appendLine(nil, i)),
		attributes: map[string]any{
			"ts": e.time.Format(timeLayout), "level": eventLevel, "app": eventApp, "at": eventAt, "fn": eventFn, "msg": eventMsg,
			"request_id": e.requestID, "account": decimal(e.account), "n": decimal(e.n), "elapsed": e.elapsed,
			"cached": strconv.FormatBool(e.cached), "status": decimal(e.status), "bytes": decimal(e.bytes), "path": eventPath,
		},
	}
}

func wantFromFile(want func(i int) record) func(i int) record {
	return func(i int) record {
		r := want(i)
		r.attributes["log.file.name"] = lineFileName
		return r
	}
}

func wantFromSyslog(i int) record {
	r := wantPairs(i)
	line := r.body
	r.body = string(appendFrame(nil, i)) // the size before it included
	maps.Copy(r.attributes, map[string]any{
		"message": line, "hostname": "web-1", "appname": "purchasing", "proc_id": "4242",
		"priority": int64(14), "facility": int64(1), "facility_text": "user", "version": int64(1),
	})
	r.severity, r.severityText = plog.SeverityNumberInfo, "info"
	r.time = firstTime
	return r
}

func wantTyped(i int) record {
	e := eventOf(i)
	return record{
		time: e.time, severity: plog.SeverityNumberInfo, severityText: eventLevel, body: eventMsg, eventName: eventAt,
		resource: map[string]any{"service.name": eventApp},
		attributes: map[string]any{
			"code.function.name": eventFn, "request_id": e.requestID, "account": e.account, "n": e.n, "elapsed": e.elapsedMillis(),
			"cached": e.cached, "status": e.status, "bytes": e.bytes, "path": eventPath,
			"log.record.uid": anyUID,
		},
	}
}

func wantTypedFromSyslog(i int) record {
	r := wantTyped(i)
	r.attributes["syslog.facility.code"] = int64(1)
	r.resource["host.name"], r.resource["process.pid"] = "web-1", int64(4242)
	return r
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
