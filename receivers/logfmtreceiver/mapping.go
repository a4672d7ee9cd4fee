package logfmtreceiver

import (
	"errors"
	"fmt"
	"time"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// mapperSettings is the part of the configuration that says how a line becomes a
// record. The error names every field that is wrong.
func (c *Config) mapperSettings() (logrecord.Settings, error) {
	set := logrecord.Settings{Fields: c.Fields, KeepOriginal: c.KeepOriginal}
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
	scheme, err := severity.ParseScheme(c.SeverityNumbers)
	if err != nil {
		errs = append(errs, fmt.Errorf("severity_numbers: %w", err))
	}
	set.SeverityNumbers = scheme
	set.Timezone, err = time.LoadLocation(c.Timezone)
	if err != nil {
		errs = append(errs, fmt.Errorf("timezone is %q, which is no known zone: write an IANA name such as Europe/Berlin, or UTC: %w", c.Timezone, err))
	}
	if _, err := logrecord.NewMapper(set); err != nil {
		errs = append(errs, err)
	}
	return set, errors.Join(errs...)
}
