package requestidprocessor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

// Config is the processor's part of the configuration. The README has the table of
// all fields.
type Config struct {
	// Sources are attribute names, in the order of preference.
	Sources []string `mapstructure:"sources"`
	// BodyPatterns are regular expressions with a group named id, for text bodies.
	BodyPatterns []string `mapstructure:"body_patterns"`
	// KeepSource leaves the attribute that the id was found in. Default true.
	KeepSource bool `mapstructure:"keep_source"`
	// KeepMacroID leaves the request.macro_id that a record brings where no root is known
	// here. Default false: it goes, as a stranger's word.
	KeepMacroID bool `mapstructure:"keep_macro_id"`
	// MaxLength of an id, in bytes. Default 128.
	MaxLength int `mapstructure:"max_length"`
	// Generate is "trace" (default), "record" or "none".
	Generate string `mapstructure:"generate"`
	// Carry are attributes that all of a request's records get.
	Carry []string `mapstructure:"carry"`

	// Wait is how long a record of a trace waits for another one to bring the request's
	// id. Default 0: not at all.
	Wait time.Duration `mapstructure:"wait"`
	// MaxWaitingRecords and MaxWaitingSize bound what waits. Default 10000 and 16MiB.
	MaxWaitingRecords int           `mapstructure:"max_waiting_records"`
	MaxWaitingSize    bytesize.Size `mapstructure:"max_waiting_size"`

	// TTL is how long a trace or request is remembered after its last record. Default 5m.
	TTL time.Duration `mapstructure:"ttl"`
	// MaxRequests is how many traces, and how many requests, are remembered. Default
	// 200000.
	MaxRequests int `mapstructure:"max_requests"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	generateTrace  = "trace"
	generateRecord = "record"
	generateNone   = "none"

	// maxIDLength is more than any id that is one.
	maxIDLength = 4096
	// maxWait is less than what senders wait for an answer.
	maxWait = 30 * time.Second
)

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{
		Sources:           slices.Clone(defaultSources),
		KeepSource:        true,
		MaxLength:         128,
		Generate:          generateTrace,
		MaxWaitingRecords: 10_000,
		MaxWaitingSize:    16 * bytesize.MiB,
		TTL:               5 * time.Minute,
		MaxRequests:       200_000,
	}
}

// Validate names the field, its value, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if slices.Contains(c.Sources, "") {
		fail("sources is %q; an attribute's name must not be empty", c.Sources)
	}
	if _, err := c.patterns(); err != nil {
		errs = append(errs, err)
	}
	if !slices.Contains([]string{generateTrace, generateRecord, generateNone}, c.Generate) {
		fail("generate is %q; it must be one of %q", c.Generate, []string{generateTrace, generateRecord, generateNone})
	}
	if slices.Contains(c.Carry, "") {
		fail("carry is %q; an attribute's name must not be empty", c.Carry)
	}
	if c.MaxLength < 1 || c.MaxLength > maxIDLength {
		fail("max_length is %d; it must be from 1 to %d", c.MaxLength, maxIDLength)
	}
	if c.Wait < 0 || c.Wait > maxWait {
		fail("wait is %s; it must be from 0s to %s, since senders wait for their answer meanwhile", c.Wait, maxWait)
	}
	if c.MaxWaitingRecords < 1 {
		fail("max_waiting_records is %d; it must be at least 1", c.MaxWaitingRecords)
	}
	if c.MaxWaitingSize < 1 {
		fail("max_waiting_size is %s; it must be more than 0", c.MaxWaitingSize)
	}
	if c.TTL <= c.Wait {
		fail("ttl is %s; it must be more than 0 and than wait, %s", c.TTL, c.Wait)
	}
	if c.MaxRequests < 1 {
		fail("max_requests is %d; it must be at least 1", c.MaxRequests)
	}
	return errors.Join(errs...)
}

// patterns compiles the body patterns.
func (c *Config) patterns() (all []*regexp.Regexp, err error) {
	for _, text := range c.BodyPatterns {
		p, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("body_patterns has %q; it must be a regular expression: %w", text, err)
		}
		if p.SubexpIndex("id") < 0 {
			return nil, fmt.Errorf("body_patterns has %q; it must have a group named id, such as (?P<id>[0-9a-f-]+)", text)
		}
		all = append(all, p)
	}
	return all, nil
}
