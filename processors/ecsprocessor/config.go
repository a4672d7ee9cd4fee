package ecsprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// The directions.
const (
	toECS   = "to_ecs"
	fromECS = "from_ecs"
)

// Config is the processor's part of the configuration. The README has the table of all
// fields.
type Config struct {
	// Direction is "to_ecs" (default) or "from_ecs".
	Direction string `mapstructure:"direction"`
	// Unknown is what becomes of an attribute that ECS does not know: "label" (also when
	// empty), "keep" or "drop". Of to_ecs alone.
	Unknown string `mapstructure:"unknown"`

	// prevent unkeyed literal initialization
	_ struct{}
}

func createDefaultConfig() component.Config { return &Config{Direction: toECS} }

// Validate says what is wrong, and what to write instead.
func (c *Config) Validate() error {
	var errs []error
	switch c.Direction {
	case toECS:
		if _, err := ecs.ParseUnknown(c.Unknown); err != nil {
			errs = append(errs, fmt.Errorf("unknown: %w", err))
		}
	case fromECS:
		if c.Unknown != "" {
			errs = append(errs, errors.New("unknown: it is for direction to_ecs; from_ecs keeps what has no other name: leave unknown out"))
		}
	default:
		errs = append(errs, fmt.Errorf("direction: %q is neither to_ecs nor from_ecs", c.Direction))
	}
	return errors.Join(errs...)
}
