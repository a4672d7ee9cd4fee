package measureconnector

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heartwood-otel/heartwood/internal/measurement"
)

// Config is the connector's part of the configuration. The README has the table of all
// fields.
type Config struct {
	// Conventions are what is made without rules: measures, access, records, exceptions,
	// folds. Default: all.
	Conventions []string `mapstructure:"conventions"`
	// Attributes of records or resources that become those of each metric of measures.
	Attributes []string `mapstructure:"attributes"`
	// Units by name of a measure, for values without one.
	Units map[string]string `mapstructure:"units"`
	Rules []ruleConfig      `mapstructure:"rules"`
	// Temporality is "cumulative" (default) or "delta".
	Temporality string `mapstructure:"temporality"`
	// Interval is how often metrics are sent on. Default 15s.
	Interval time.Duration `mapstructure:"interval"`
	// Expire is how long a series is kept without a value. Default 15m; 0: for ever.
	Expire time.Duration `mapstructure:"expire"`
	// MaxSeries of one metric. Default 2000.
	MaxSeries int `mapstructure:"max_series"`
	// MaxMetrics that records may name. Default 500.
	MaxMetrics int `mapstructure:"max_metrics"`
	// Buckets are upper bounds of histograms, inclusive, growing; by default by unit.
	Buckets []float64 `mapstructure:"buckets"`
	// Histogram is "explicit" (default) or "exponential".
	Histogram string `mapstructure:"histogram"`
	// Exemplars for each bucket: 0 or 1. Default 1.
	Exemplars int `mapstructure:"exemplars"`
	// RouteTemplate says whether paths become routes where there is no http.route.
	RouteTemplate bool `mapstructure:"route_template"`
	// RepeatWindow is how long a uid is remembered. Default 2m; 0: not at all.
	RepeatWindow time.Duration `mapstructure:"repeat_window"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ruleConfig makes one metric.
type ruleConfig struct {
	Name        string    `mapstructure:"name"`
	Description string    `mapstructure:"description"`
	Condition   string    `mapstructure:"condition"`
	Value       string    `mapstructure:"value"`
	Unit        string    `mapstructure:"unit"`
	Kind        string    `mapstructure:"kind"`
	Buckets     []float64 `mapstructure:"buckets"`
	Attributes  []string  `mapstructure:"attributes"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// The conventions.
const (
	conventionMeasures   = "measures"
	conventionAccess     = "access"
	conventionRecords    = "records"
	conventionExceptions = "exceptions"
	conventionFolds      = "folds"
)

var conventions = []string{conventionMeasures, conventionAccess, conventionRecords, conventionExceptions, conventionFolds}

func createDefaultConfig() component.Config {
	return &Config{
		Conventions:   slices.Clone(conventions),
		Attributes:    []string{"service.name", "event.name", "code.function.name"},
		Temporality:   "cumulative",
		Interval:      15 * time.Second,
		Expire:        15 * time.Minute,
		MaxSeries:     2000,
		MaxMetrics:    500,
		Histogram:     "explicit",
		Exemplars:     1,
		RouteTemplate: true,
		RepeatWindow:  2 * time.Minute,
	}
}

// maxAttributes bounds the attributes of one metric: each is a label.
const maxAttributes = 20

// Validate implements xconfmap.Validator.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, name := range c.Conventions {
		if !slices.Contains(conventions, name) {
			bad("conventions has %q; known are %s", name, strings.Join(conventions, ", "))
		}
	}
	checkAttributes := func(field string, names []string) {
		if len(names) > maxAttributes {
			bad("%s has %d names; a metric may have %d", field, len(names), maxAttributes)
		}
		for i, name := range names {
			if name == "" || slices.Contains(names[:i], name) {
				bad("%s has %q at %d; each must be a name, and there once", field, name, i)
			}
		}
	}
	checkAttributes("attributes", c.Attributes)
	for name, unit := range c.Units {
		if _, ok := (measurement.Value{}).In(unit); !ok {
			bad("units::%s is %q; it must be a unit such as ms, s, MB, KiB, %%, or a word such as job", name, unit)
		}
	}
	if c.Temporality != "cumulative" && c.Temporality != "delta" {
		bad("temporality is %q; it must be cumulative or delta", c.Temporality)
	}
	if c.Interval < 100*time.Millisecond {
		bad("interval is %v; it must be at least 100ms", c.Interval)
	}
	if c.Expire != 0 && c.Expire < c.Interval {
		bad("expire is %v; it must be at least the interval, which is %v, or 0 for never", c.Expire, c.Interval)
	}
	if c.MaxSeries < 1 {
		bad("max_series is %d; it must be at least 1", c.MaxSeries)
	}
	if c.MaxMetrics < 1 {
		bad("max_metrics is %d; it must be at least 1", c.MaxMetrics)
	}
	checkBuckets := func(field string, bounds []float64) {
		for i, b := range bounds {
			if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && bounds[i-1] >= b {
				bad("%s has %v at %d; bounds must be finite and grow", field, b, i)
			}
		}
		if len(bounds) > 500 {
			bad("%s has %d bounds; at most 500 can be counted in", field, len(bounds))
		}
	}
	checkBuckets("buckets", c.Buckets)
	if c.Histogram != "explicit" && c.Histogram != "exponential" {
		bad("histogram is %q; it must be explicit or exponential", c.Histogram)
	}
	if c.Exemplars != 0 && c.Exemplars != 1 {
		bad("exemplars is %d; it must be 0 or 1, for each bucket", c.Exemplars)
	}
	if c.RepeatWindow < 0 {
		bad("repeat_window is %v; it must not be negative", c.RepeatWindow)
	}
	seen := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		field := fmt.Sprintf("rules::%d", i)
		if clean, ok := measurement.Clean(r.Name); !ok || clean != r.Name {
			bad("%s::name is %q; it must be letters, digits, and _ . - /, a letter first", field, r.Name)
		}
		if seen[r.Name] {
			bad("%s::name is %q, as another rule's is; each makes a metric of its own", field, r.Name)
		}
		seen[r.Name] = true
		kind, ok := ruleKinds[r.Kind]
		if !ok {
			bad("%s::kind is %q; it must be sum, up_down_sum, gauge, histogram or exponential_histogram", field, r.Kind)
		}
		if r.Value == "" && ok && kind != kindSum {
			bad("%s::value is not set; only a sum can do without, and counts records then", field)
		}
		if len(r.Unit) > 63 {
			bad("%s::unit is %q; a unit has at most 63 characters", field, r.Unit)
		}
		checkBuckets(field+"::buckets", r.Buckets)
		checkAttributes(field+"::attributes", r.Attributes)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := c.compile(nopTelemetry)
	return err
}

// metricKind is what a metric is.
type metricKind uint8

const (
	kindSum metricKind = iota
	kindUpDownSum
	kindGauge
	kindHistogram
	kindExponential
)

var ruleKinds = map[string]metricKind{
	"": kindSum, "sum": kindSum, "up_down_sum": kindUpDownSum, "gauge": kindGauge,
	"histogram": kindHistogram, "exponential_histogram": kindExponential,
}

func (c *Config) histogramKind() metricKind {
	if c.Histogram == "exponential" {
		return kindExponential
	}
	return kindHistogram
}

func (c *Config) temporality() pmetric.AggregationTemporality {
	if c.Temporality == "delta" {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}

// Bounds of histograms by unit, where none are configured. Seconds: OpenTelemetry's
// advice for http.server.request.duration (semantic conventions, HTTP metrics). Bytes:
// powers of four from 64 B to 1 GiB. Others: the default of OpenTelemetry's SDKs.
var (
	secondsBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	bytesBounds   = []float64{1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 1 << 30}
	otherBounds   = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}
)

func (c *Config) bounds(unit string) []float64 {
	switch {
	case len(c.Buckets) > 0:
		return c.Buckets
	case unit == string(measurement.Seconds):
		return secondsBounds
	case unit == string(measurement.Bytes):
		return bytesBounds
	}
	return otherBounds
}
