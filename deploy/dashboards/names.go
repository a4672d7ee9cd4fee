package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// collectorPrefix stands before the collector's own metrics, which come without suffixes
// for units and kinds.
const collectorPrefix = "otelcol_"

// collectorMetrics are those of the Collector itself and of its exporterhelper, by the
// documentation.md of its service, receiverhelper and exporterhelper.
var collectorMetrics = []string{
	"exporter_queue_capacity", "exporter_queue_size",
	"exporter_send_failed_log_records", "exporter_sent_log_records",
	"process_cpu_seconds", "process_memory_rss", "process_uptime",
	"receiver_accepted_log_records", "receiver_failed_log_records", "receiver_refused_log_records",
}

// kind is how Prometheus calls a metric, beside its name and unit.
type kind int

const (
	gauge kind = iota
	counter
	histogram
)

// pageMetric is one that the prometheus exporter shows: of the measure connector or of
// host_metrics.
type pageMetric struct {
	name, unit string
	kind       kind
}

var pageMetrics = []pageMetric{
	{"log.records", "", counter},
	{"log.exceptions", "", counter},
	{"http.server.request.duration", "seconds", histogram},
	{"http.server.response.body.size", "bytes", histogram},
	{"fold.duration", "seconds", histogram},
	{"archive.verify.status", "", gauge}, // deploy/archive-verify.sh
	{"archive.verify.time", "", gauge},

	{"system.cpu.time", "seconds", counter},
	{"system.cpu.load_average.1m", "", gauge},
	{"system.cpu.load_average.15m", "", gauge},
	{"system.cpu.logical.count", "", gauge},
	{"system.memory.usage", "bytes", gauge},
	{"system.paging.faults", "", counter},
	{"system.paging.operations", "", counter},
	{"system.disk.io", "bytes", counter},
	{"system.disk.io_time", "seconds", counter},
	{"system.disk.pending_operations", "", gauge},
	{"system.filesystem.usage", "bytes", gauge},
	{"system.filesystem.inodes.usage", "", gauge},
	{"system.network.io", "bytes", counter},
	{"system.network.errors", "", counter},
	{"system.network.dropped", "", counter},
	{"system.network.connections", "", gauge},
}

// names are the metric's in Prometheus.
func (m pageMetric) names() []string {
	name := strings.ReplaceAll(m.name, ".", "_")
	if m.unit != "" {
		name += "_" + m.unit
	}
	switch m.kind {
	case counter:
		return []string{name + "_total"}
	case histogram:
		return []string{name + "_bucket", name + "_sum", name + "_count"}
	default:
		return []string{name}
	}
}

// knownMetrics are all names that queries may use: of the components below root, of the
// tables above, and what Prometheus itself says.
func knownMetrics(root string) (map[string]bool, error) {
	known := map[string]bool{"up": true}
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "metadata.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var metadata struct {
			Telemetry struct {
				Metrics map[string]any `yaml:"metrics"`
			} `yaml:"telemetry"`
		}
		if err := yaml.Unmarshal(text, &metadata); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for name := range metadata.Telemetry.Metrics {
			known[collectorPrefix+name] = true
		}
	}
	for _, name := range collectorMetrics {
		known[collectorPrefix+name] = true
	}
	for _, m := range pageMetrics {
		for _, name := range m.names() {
			known[name] = true
		}
	}
	return known, nil
}

var (
	quoted   = regexp.MustCompile(`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'`)
	selector = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	function = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*\s*\(`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	number   = regexp.MustCompile(`\b[0-9][0-9a-zA-Z.]*`)
	operator = []string{"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "inf", "nan"}
)

// metricNames are the names of the metrics that a PromQL expression asks for, sorted.
func metricNames(expr string) []string {
	expr = quoted.ReplaceAllString(expr, "")
	expr = selector.ReplaceAllString(expr, " ")
	expr = grouping.ReplaceAllString(expr, " ")
	// sum by (x) (y): what stood between the function and its parenthesis is gone.
	expr = function.ReplaceAllString(expr, "(")
	expr = number.ReplaceAllString(expr, " ")
	var names []string
	for _, name := range word.FindAllString(expr, -1) {
		if !slices.Contains(operator, strings.ToLower(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
