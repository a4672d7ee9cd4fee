package nestinglimitextension

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/otlpdepth"
)

// defaultMaxDepth is protobuf's own limit in C++ and Java.
const defaultMaxDepth = 100

// Config is the extension's part of the configuration.
type Config struct {
	// MaxDepth is how many lists and maps may be within each other. Default 100.
	MaxDepth int `mapstructure:"max_depth"`
	// Paths says which signal (logs, metrics, traces, profiles) comes to which path, beside
	// those that OTLP names. Requests to others are refused.
	Paths map[string]string `mapstructure:"paths"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config { return &Config{MaxDepth: defaultMaxDepth} }

// Validate names the field, its value, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxDepth < 1 || c.MaxDepth > otlpdepth.Max {
		errs = append(errs, fmt.Errorf("max_depth is %d, but must be between 1 and %d; the default is %d", c.MaxDepth, otlpdepth.Max, defaultMaxDepth))
	}
	for _, path := range slices.Sorted(maps.Keys(c.Paths)) {
		if _, ok := signals[c.Paths[path]]; !ok {
			errs = append(errs, fmt.Errorf("paths has %q for %q, but a path has logs, metrics, traces or profiles", c.Paths[path], path))
		}
	}
	return errors.Join(errs...)
}

var signals = map[string]otlpdepth.Signal{
	"logs": otlpdepth.Logs, "metrics": otlpdepth.Metrics, "traces": otlpdepth.Traces, "profiles": otlpdepth.Profiles,
}

// signalsOfPaths has the paths of OTLP, and those that are configured.
func (c *Config) signalsOfPaths() map[string]otlpdepth.Signal {
	paths := map[string]otlpdepth.Signal{
		"/v1/logs": otlpdepth.Logs, "/v1/metrics": otlpdepth.Metrics, "/v1/traces": otlpdepth.Traces,
		"/v1development/profiles": otlpdepth.Profiles,
	}
	for path, name := range c.Paths {
		paths[path] = signals[name]
	}
	return paths
}
