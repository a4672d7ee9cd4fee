package eventfoldprocessor

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

// Config is the processor's part of the configuration. The README has the table of
// all fields.
type Config struct {
	// Key are attribute names, looked for in the record and then in its resource. A
	// record that lacks one of them passes. Default request.id and service.name.
	Key []string `mapstructure:"key"`
	// KeyExpression is an OTTL value expression instead of Key.
	KeyExpression string `mapstructure:"key_expression"`

	// Style is "document" (default), "logtrace" or "canonical".
	Style    string         `mapstructure:"style"`
	LogTrace logTraceConfig `mapstructure:"logtrace"`
	Merge    mergeConfig    `mapstructure:"merge"`

	// StartWhen, EndWhen and EmitImmediatelyWhen are OTTL conditions; any of a list
	// suffices.
	StartWhen           []string      `mapstructure:"start_when"`
	EndWhen             []string      `mapstructure:"end_when"`
	EmitImmediatelyWhen []string      `mapstructure:"emit_immediately_when"`
	Outcome             outcomeConfig `mapstructure:"outcome"`

	// IdleTimeout ends an event after its last part (default 5s), MaxDuration after
	// its first (default 60s).
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	MaxDuration time.Duration `mapstructure:"max_duration"`
	// MaxRecords and MaxBytes end an event. Default 10000 and 4MiB.
	MaxRecords int           `mapstructure:"max_records"`
	MaxBytes   bytesize.Size `mapstructure:"max_bytes"`

	// Late is "new_event" (default) or "pass".
	Late string `mapstructure:"late"`
	// Originals is "drop" (default) or "pass".
	Originals string `mapstructure:"originals"`
	// RepeatWindow is how long an ended event is remembered. Default 5m.
	RepeatWindow time.Duration `mapstructure:"repeat_window"`
	// MaxRemembered is how many ended events are remembered at most. Default 200000.
	MaxRemembered int `mapstructure:"max_remembered"`

	// MaxEvents are open at a time (default 100000); MaxState is the memory of open
	// and undelivered events (default 256MiB).
	MaxEvents int           `mapstructure:"max_events"`
	MaxState  bytesize.Size `mapstructure:"max_state"`

	// Directory holds the journal. Without one, a crash loses what is held.
	Directory string `mapstructure:"directory"`
	// MaxDirectorySize is where the journal takes no more. Default 4GiB.
	MaxDirectorySize bytesize.Size `mapstructure:"max_directory_size"`
	// DeadLetter is where events stay that can't be delivered.
	DeadLetter deadLetterConfig `mapstructure:"dead_letter"`

	// Batch bounds what is handed over at once.
	Batch batchConfig `mapstructure:"batch"`
	// AcceptTimeout is how long one call of the next consumer may take, and how long a
	// sender waits for room. Default 5s.
	AcceptTimeout time.Duration `mapstructure:"accept_timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

type deadLetterConfig struct {
	// Directory holds what can't be delivered. Default: the journal's, with .dead_letter behind: in
	// that itself is nothing but the journal.
	Directory string `mapstructure:"directory"`
}

type logTraceConfig struct {
	// Verbosity is "v" (default), "vv" or "vvv".
	Verbosity string `mapstructure:"verbosity"`
	// Delimiter stands between parts. Default "; ".
	Delimiter string `mapstructure:"delimiter"`
	// Tag is written in front, with a # before it. Default: none.
	Tag string `mapstructure:"tag"`
	// UID is an attribute of the event, such as fold.id or request.id, whose value is
	// written in front as uid=. Default: none.
	UID string `mapstructure:"uid"`
}

type mergeConfig struct {
	// Default is the strategy for attributes that differ. Default unique.
	Default string `mapstructure:"default"`
	// Keys have a strategy of their own.
	Keys map[string]string `mapstructure:"keys"`
}

type outcomeConfig struct {
	// SuccessWhen and FailureWhen are OTTL conditions on the parts.
	SuccessWhen []string `mapstructure:"success_when"`
	FailureWhen []string `mapstructure:"failure_when"`
}

type batchConfig struct {
	// MaxEvents in one call. Default 256.
	MaxEvents int `mapstructure:"max_events"`
	// MaxSize of the parts in one call. Default 1MiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
}

const (
	styleDocument  = "document"
	styleLogTrace  = "logtrace"
	styleCanonical = "canonical"

	lateNewEvent = "new_event"
	latePass     = "pass"

	originalsDrop = "drop"
	originalsPass = "pass"
)

// Of bounds that are no matter of taste.
const (
	// Below this, a single event of usual size is above the limit.
	minState = bytesize.MiB
	// A part's length is kept in 31 bits.
	maxEventBytes = bytesize.GiB
)

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{
		Key:              []string{"request.id", "service.name"},
		Style:            styleDocument,
		LogTrace:         logTraceConfig{Verbosity: "v", Delimiter: "; "},
		Merge:            mergeConfig{Default: "unique"},
		IdleTimeout:      5 * time.Second,
		MaxDuration:      time.Minute,
		MaxRecords:       10_000,
		MaxBytes:         4 * bytesize.MiB,
		Late:             lateNewEvent,
		Originals:        originalsDrop,
		RepeatWindow:     5 * time.Minute,
		MaxRemembered:    200_000,
		MaxEvents:        100_000,
		MaxState:         256 * bytesize.MiB,
		MaxDirectorySize: 4 * bytesize.GiB,
		Batch:            batchConfig{MaxEvents: 256, MaxSize: bytesize.MiB},
		AcceptTimeout:    5 * time.Second,
	}
}

// Validate names the field, its value, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	switch {
	case c.KeyExpression == "" && len(c.Key) == 0:
		fail("key is empty; name the attributes that the records of one event have in common, such as [request.id, service.name], or set key_expression")
	case slices.Contains(c.Key, ""):
		fail("key is %q; an attribute's name must not be empty", c.Key)
	}
	oneOf := func(field, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			fail("%s is %q; it must be one of %q", field, value, allowed)
		}
	}
	oneOf("style", c.Style, styleDocument, styleLogTrace, styleCanonical)
	oneOf("logtrace::verbosity", c.LogTrace.Verbosity, "v", "vv", "vvv")
	oneOf("late", c.Late, lateNewEvent, latePass)
	oneOf("originals", c.Originals, originalsDrop, originalsPass)
	if _, ok := strategies[c.Merge.Default]; !ok {
		fail("merge::default is %q; it must be one of %q", c.Merge.Default, strategyNames())
	}
	for _, key := range slices.Sorted(maps.Keys(c.Merge.Keys)) {
		if _, ok := strategies[c.Merge.Keys[key]]; !ok {
			fail("merge::keys has %q for %q; it must be one of %q", c.Merge.Keys[key], key, strategyNames())
		}
	}
	_, err := c.compile(component.TelemetrySettings{Logger: nopLogger})
	errs = append(errs, err)

	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"idle_timeout", c.IdleTimeout},
		{"max_duration", c.MaxDuration},
		{"repeat_window", c.RepeatWindow},
		{"accept_timeout", c.AcceptTimeout},
	} {
		if d.value <= 0 {
			fail("%s is %s; it must be more than 0", d.field, d.value)
		}
	}
	if c.IdleTimeout > c.MaxDuration && c.MaxDuration > 0 {
		fail("idle_timeout is %s and max_duration is %s; the first must not be longer, or it never counts", c.IdleTimeout, c.MaxDuration)
	}
	for _, n := range []struct {
		field string
		value int
	}{
		{"max_records", c.MaxRecords},
		{"max_events", c.MaxEvents},
		{"batch::max_events", c.Batch.MaxEvents},
	} {
		if n.value < 1 {
			fail("%s is %d; it must be at least 1", n.field, n.value)
		}
	}
	if c.MaxRemembered < 0 {
		fail("max_remembered is %d; it must be at least 0, which remembers nothing", c.MaxRemembered)
	}
	if c.MaxBytes < 1 || c.MaxBytes > maxEventBytes {
		fail("max_bytes is %s; it must be from 1B to %s", c.MaxBytes, maxEventBytes)
	}
	if c.Batch.MaxSize < 1 {
		fail("batch::max_size is %s; it must be more than 0", c.Batch.MaxSize)
	}
	if c.MaxState < minState {
		fail("max_state is %s; it must be at least %s", c.MaxState, minState)
	}
	if d := c.DeadLetter.Directory; d != "" && !filepath.IsAbs(d) && filepath.Clean(d) == "." {
		fail("dead_letter::directory is %q, where the collector runs; name a folder of its own", d)
	}
	if c.Directory != "" {
		if !filepath.IsAbs(c.Directory) && filepath.Clean(c.Directory) == "." {
			fail("directory is %q, where the collector runs; name a folder of its own", c.Directory)
		}
		if c.MaxDirectorySize < c.MaxState {
			fail("max_directory_size is %s and max_state is %s; the journal must have room for what is held in memory, so the first must not be less", c.MaxDirectorySize, c.MaxState)
		}
	}
	return errors.Join(errs...)
}

// deadLetterDirectory is where what can't be delivered is kept; empty: nowhere.
func (c *Config) deadLetterDirectory() string {
	if c.DeadLetter.Directory == "" && c.Directory != "" {
		return filepath.Clean(c.Directory) + ".dead_letter"
	}
	return c.DeadLetter.Directory
}
