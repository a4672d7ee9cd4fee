// Package archiveplan says what a configuration of the worm_s3 exporter will lock, until
// when, and what that costs, before the first byte is written.
package archiveplan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/period"
)

// Rule is one of an exporter's.
type Rule struct {
	Name         string        `mapstructure:"name"`
	Condition    string        `mapstructure:"condition"`
	Category     string        `mapstructure:"category"`
	Mode         string        `mapstructure:"mode"`
	Period       period.Period `mapstructure:"period"`
	StorageClass string        `mapstructure:"storage_class"`

	signal bool // it is that of traces or metrics
}

// Exporter is what counts here of an exporter's configuration. Its defaults are those of
// the exporter's README.
type Exporter struct {
	ID                 string        `mapstructure:"-"`
	Bucket             string        `mapstructure:"bucket"`
	Prefix             string        `mapstructure:"prefix"`
	Origin             string        `mapstructure:"origin"`
	Writer             string        `mapstructure:"writer"`
	Encoding           string        `mapstructure:"encoding"`
	Compression        string        `mapstructure:"compression"`
	MaxObjectSize      bytesize.Size `mapstructure:"max_object_size"`
	MaxObjectAge       time.Duration `mapstructure:"max_object_age"`
	MinObjectSize      bytesize.Size `mapstructure:"min_object_size"`
	MaxWait            time.Duration `mapstructure:"max_wait"`
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`
	VerifyShare        float64       `mapstructure:"verify_share"`
	MaxRetention       period.Period `mapstructure:"max_retention"`
	Rules              []Rule        `mapstructure:"rules"`
}

// Read finds the worm_s3 exporters of a configuration, in the order of their ids.
func Read(conf *confmap.Conf) ([]Exporter, error) {
	exporters, err := conf.Sub("exporters")
	if err != nil {
		return nil, fmt.Errorf("exporters: %w", err)
	}
	var ids []string
	for id := range exporters.ToStringMap() {
		if id == "worm_s3" || strings.HasPrefix(id, "worm_s3/") {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("there is no worm_s3 exporter in this configuration")
	}
	slices.Sort(ids)
	all := make([]Exporter, 0, len(ids))
	for _, id := range ids {
		e := Exporter{
			ID: id, Encoding: "json", Compression: "zstd", MaxObjectSize: 64 * bytesize.MiB, MaxObjectAge: 5 * time.Minute, MaxWait: time.Hour,
			CheckpointInterval: 5 * time.Minute, VerifyShare: 1,
		}
		// An id has no "::" in it, which would be taken for a path.
		settings, ok := exporters.ToStringMap()[id].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("exporters::%s: it is no mapping", id)
		}
		if err := confmap.NewFromStringMap(settings).Unmarshal(&e, confmap.WithIgnoreUnused()); err != nil {
			return nil, fmt.Errorf("exporters::%s: %w", id, err)
		}
		for _, signal := range []string{"traces", "metrics"} {
			settings, ok := settings[signal].(map[string]any)
			if !ok {
				continue
			}
			rule := Rule{Name: signal}
			if err := confmap.NewFromStringMap(settings).Unmarshal(&rule, confmap.WithIgnoreUnused()); err != nil {
				return nil, fmt.Errorf("exporters::%s::%s: %w", id, signal, err)
			}
			if rule.Name != signal {
				return nil, fmt.Errorf("exporters::%s::%s: name is %q; that class is named %q, so leave the name out", id, signal, rule.Name, signal)
			}
			rule.signal = true
			// The last of the rules is that for what no other fits.
			e.Rules = slices.Insert(e.Rules, max(0, len(e.Rules)-1), rule)
		}
		for i := range e.Rules {
			if e.Rules[i].Mode == "" {
				e.Rules[i].Mode = string(objectstore.Governance)
			}
			if e.Rules[i].StorageClass == "" {
				e.Rules[i].StorageClass = "STANDARD"
			}
		}
		if err := e.validate(); err != nil {
			return nil, fmt.Errorf("exporters::%s: %w", id, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// surePeriod is the longest that the exporter keeps anything without max_retention, in years.
const surePeriod = 30

var ruleName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

type failFunc = func(format string, args ...any)

// validate says what would keep the exporter from starting, as far as what is locked, and
// its cost, go. A test holds it to the exporter's own.
func (e *Exporter) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	e.validateRules(bad)
	if e.MaxObjectAge <= 0 {
		bad("max_object_age is %s, want more than 0", e.MaxObjectAge)
	}
	if e.CheckpointInterval < time.Second {
		bad("checkpoint_interval is %s, want at least 1s", e.CheckpointInterval)
	}
	if e.MaxWait < e.MaxObjectAge {
		bad("max_wait is %s, less than max_object_age, which is %s", e.MaxWait, e.MaxObjectAge)
	}
	if e.MaxObjectSize < bytesize.MiB || e.MaxObjectSize > 5*bytesize.GiB {
		bad("max_object_size is %s, want 1MiB to 5GiB", e.MaxObjectSize)
	}
	if e.MinObjectSize < 0 || e.MinObjectSize > e.MaxObjectSize {
		bad("min_object_size is %s, want 0 to max_object_size, which is %s", e.MinObjectSize, e.MaxObjectSize)
	}
	if !(e.VerifyShare >= 0 && e.VerifyShare <= 1) {
		bad("verify_share is %v, want 0 to 1", e.VerifyShare)
	}
	switch e.Compression {
	case "zstd", "gzip", "none":
	default:
		bad("compression is %q, want zstd, gzip or none", e.Compression)
	}
	return errors.Join(errs...)
}

func (e *Exporter) validateRules(bad failFunc) {
	last := len(e.Rules) - 1 // those of other signals are before it
	if last < 0 || e.Rules[last].signal {
		bad("rules is empty: write at least {name: application, period: 90d}")
	}
	names, n := map[string]bool{}, 0
	for i := range e.Rules {
		r := &e.Rules[i]
		at := r.Name
		if !r.signal {
			at = fmt.Sprintf("rules[%d] (%s)", n, r.Name)
			n++
		}
		conditional := r.Condition != "" || r.Category != ""
		switch {
		case r.signal && conditional:
			bad("%s: it is for all of them, so it must have neither condition nor category", at)
		case r.signal:
		case !ruleName.MatchString(r.Name):
			bad("%s: name must have 1 to 64 lower-case letters, digits, hyphens and underscores", at)
		case r.Name == "traces" || r.Name == "metrics":
			bad("%s: that is the class of other signals; take another name", at)
		case names[r.Name]:
			bad("%s: a rule before it has this name; a class has one retention", at)
		case r.Condition != "" && r.Category != "":
			bad("%s: it has a condition and a category; leave one of them out", at)
		case i == last && conditional:
			bad("%s: the last rule must have neither condition nor category, so that every record has one", at)
		case i != last && !conditional:
			bad("%s: those behind it would never count; move it to the end", at)
		}
		if !r.signal {
			names[r.Name] = true
		}
		e.validateLock(bad, at, r)
	}
}

func (e *Exporter) validateLock(bad failFunc, at string, r *Rule) {
	sure, _ := period.Days(surePeriod * period.Year) // of a constant that is in its limits
	mode := objectstore.Mode(r.Mode)
	switch {
	case r.Period.IsZero():
		bad("%s: period is not set; write it with its unit, such as 90d or 7y", at)
	case mode != objectstore.Governance && mode != objectstore.Compliance:
		bad("%s: mode is %q, want GOVERNANCE or COMPLIANCE", at, r.Mode)
	case mode == objectstore.Compliance && e.MaxRetention.IsZero():
		bad("%s: mode is COMPLIANCE, which no one can undo, and max_retention is not set; set it to the longest period that you mean", at)
	case e.MaxRetention.IsZero() && r.Period.Compare(sure) > 0:
		bad("%s: period is %s, longer than %s, and max_retention is not set; set it to the longest period that you mean", at, r.Period, sure)
	case !e.MaxRetention.IsZero() && r.Period.Compare(e.MaxRetention) > 0:
		bad("%s: period %s is longer than max_retention %s", at, r.Period, e.MaxRetention)
	}
	if _, ok := DefaultPrices.Classes[r.StorageClass]; !ok {
		bad("%s: storage_class %q has no price here; known are %s", at, r.StorageClass, strings.Join(DefaultPrices.names(), ", "))
	}
}

// longest is the retention of what is under _log/.
func (e *Exporter) longest() (mode string, p period.Period) {
	mode = string(objectstore.Governance)
	for _, r := range e.Rules {
		if r.Period.Compare(p) > 0 {
			p = r.Period
		}
		if r.Mode == string(objectstore.Compliance) {
			mode = r.Mode
		}
	}
	return mode, p
}
