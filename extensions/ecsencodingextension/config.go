package ecsencodingextension

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
)

// Config is the extension's part of the configuration. Both fields are about writing; any
// document is read.
type Config struct {
	// Nesting is "nested" (default), for objects within objects, or "dotted", for names
	// with points.
	Nesting string `mapstructure:"nesting"`
	// Unknown says what becomes of attributes that ECS does not know: "label" (default),
	// "keep" or "drop".
	Unknown string `mapstructure:"unknown"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{Nesting: ecsjson.Nested.String(), Unknown: ecs.Label.String()}
}

// Validate names the field, its value, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	if _, ok := ecsjson.ParseNesting(c.Nesting); !ok {
		errs = append(errs, fmt.Errorf("nesting is %q; it must be %q or %q", c.Nesting, ecsjson.Nested, ecsjson.Dotted))
	}
	if _, err := ecs.ParseUnknown(c.Unknown); err != nil || c.Unknown == "" {
		errs = append(errs, fmt.Errorf("unknown is %q; it must be %q, %q or %q", c.Unknown, ecs.Label, ecs.Keep, ecs.Drop))
	}
	return errors.Join(errs...)
}
