package logrecord

import (
	"errors"
	"fmt"
	"time"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// Choices are settings in the words of a user's configuration.
type Choices struct {
	Types           string // infer, string; "" is infer
	Duplicates      string // last, first, list; "" is last
	SeverityNumbers string // the name of a severity.Scheme
	Timezone        string // an IANA name
}

// Apply fills the settings that have a choice. Its error names each field that is
// wrong, its value and the remedy.
func (c Choices) Apply(set *Settings) error {
	var errs []error
	switch c.Types {
	case "infer", "":
		set.Types = logfmt.Infer
	case "string":
		set.Types = logfmt.Strings
	default:
		errs = append(errs, fmt.Errorf("types is %q, but must be infer (numbers and booleans become typed) or string", c.Types))
	}
	switch c.Duplicates {
	case "last", "":
		set.Duplicates = logfmt.Last
	case "first":
		set.Duplicates = logfmt.First
	case "list":
		set.Duplicates = logfmt.List
	default:
		errs = append(errs, fmt.Errorf("duplicates is %q, but must be last, first or list", c.Duplicates))
	}
	var err error
	if set.SeverityNumbers, err = severity.ParseScheme(c.SeverityNumbers); err != nil {
		errs = append(errs, fmt.Errorf("severity_numbers: %w", err))
	}
	if set.Timezone, err = time.LoadLocation(c.Timezone); err != nil {
		errs = append(errs, fmt.Errorf("timezone is %q, which is no known zone: write an IANA name such as Europe/Berlin, or UTC: %w", c.Timezone, err))
	}
	return errors.Join(errs...)
}
