package harness

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sample is one line of a page in Prometheus's text format.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

func (s Sample) String() string {
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		labels = append(labels, fmt.Sprintf("%s=%q", key, s.Labels[key]))
	}
	return fmt.Sprintf("%s{%s} %v", s.Name, strings.Join(labels, ","), s.Value)
}

// Metrics is a page in Prometheus's text format, in its order.
type Metrics []Sample

// Select gives the samples of a name that have all the labels, each written as
// name=value; other labels may be anything.
func (m Metrics) Select(name string, labels ...string) Metrics {
	var selected Metrics
	for _, sample := range m {
		if sample.Name == name && hasLabels(sample.Labels, labels) {
			selected = append(selected, sample)
		}
	}
	return selected
}

func hasLabels(have map[string]string, want []string) bool {
	for _, label := range want {
		name, value, _ := strings.Cut(label, "=")
		if got, ok := have[name]; !ok || got != value {
			return false
		}
	}
	return true
}

// Sum adds up the samples that Select finds. No sample is 0: a counter that
// hasn't counted yet isn't on the page. Use Has to tell.
func (m Metrics) Sum(name string, labels ...string) float64 {
	sum := 0.0
	for _, sample := range m.Select(name, labels...) {
		sum += sample.Value
	}
	return sum
}

// Has says whether Select finds anything.
func (m Metrics) Has(name string, labels ...string) bool {
	return len(m.Select(name, labels...)) > 0
}

// Names are the different names on the page, sorted.
func (m Metrics) Names() []string {
	names := make(map[string]bool)
	for _, sample := range m {
		names[sample.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (m Metrics) String() string {
	var out strings.Builder
	for _, sample := range m {
		out.WriteString(sample.String())
		out.WriteByte('\n')
	}
	return out.String()
}

// FetchMetrics reads a page of metrics.
func FetchMetrics(tb testing.TB, url string) Metrics {
	tb.Helper()
	metrics, err := tryMetrics(tb.Context(), url)
	if err != nil {
		tb.Fatalf("read %s: %v", url, err)
	}
	return metrics
}

func tryMetrics(ctx context.Context, url string) (Metrics, error) {
	status, body, err := fetch(ctx, url)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", status, body)
	}
	return ParseMetrics(string(body))
}

// WaitMetrics reads a page of metrics until they satisfy a condition, which
// what puts in words, and gives them.
func WaitMetrics(tb testing.TB, url, what string, condition func(Metrics) bool) Metrics {
	tb.Helper()
	deadline := time.Now().Add(waitTimeout)
	for {
		metrics := FetchMetrics(tb, url)
		if condition(metrics) {
			return metrics
		}
		if time.Now().After(deadline) {
			tb.Fatalf("waited %v for %s; the metrics are\n%v", waitTimeout, what, metrics)
		}
		select {
		case <-tb.Context().Done():
			tb.Fatalf("the test ended while waiting for %s", what)
		case <-time.After(pollInterval):
		}
	}
}

// ParseMetrics reads Prometheus's text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats). Comments,
// and with them the types, are left out, and so are times.
func ParseMetrics(text string) (Metrics, error) {
	var metrics Metrics
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		sample, err := parseSample(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the metrics: %w: %q", number, err, line)
		}
		metrics = append(metrics, sample)
	}
	return metrics, nil
}

func parseSample(line string) (Sample, error) {
	end := strings.IndexAny(line, "{ \t")
	if end <= 0 {
		return Sample{}, fmt.Errorf("no value after the name")
	}
	sample := Sample{Name: line[:end], Labels: make(map[string]string)}
	rest := line[end:]
	if rest[0] == '{' {
		var err error
		if rest, err = parseLabels(rest[1:], sample.Labels); err != nil {
			return Sample{}, err
		}
	}
	fields := strings.Fields(rest)
	if len(fields) != 1 && len(fields) != 2 {
		return Sample{}, fmt.Errorf("%d fields after the labels, want a value and perhaps a time", len(fields))
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return Sample{}, fmt.Errorf("the value is no number")
	}
	sample.Value = value
	return sample, nil
}

var unescapeLabel = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")

// parseLabels reads what stands between { and }, and gives what follows.
func parseLabels(text string, labels map[string]string) (rest string, err error) {
	for {
		text = strings.TrimLeft(text, " \t,")
		if rest, ok := strings.CutPrefix(text, "}"); ok {
			return rest, nil
		}
		name, after, ok := strings.Cut(text, "=")
		if !ok {
			return "", fmt.Errorf("a label without a value, or labels without an end")
		}
		after, ok = strings.CutPrefix(strings.TrimLeft(after, " \t"), `"`)
		if !ok {
			return "", fmt.Errorf("the value of label %s isn't quoted", name)
		}
		end := closingQuote(after)
		if end < 0 {
			return "", fmt.Errorf("the value of label %s doesn't end", name)
		}
		labels[strings.Trim(strings.TrimSpace(name), `"`)] = unescapeLabel.Replace(after[:end])
		text = after[end+1:]
	}
}

func closingQuote(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
