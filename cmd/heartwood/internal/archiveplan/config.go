// Package archiveplan says what a configuration of the worm_s3 exporter will lock, until
// when, and what that costs, before the first byte is written.
package archiveplan

import (
	"errors"
	"fmt"
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
			rule.Name = signal
			// The last of the rules is that for what no other fits.
			e.Rules = slices.Insert(e.Rules, max(0, len(e.Rules)-1), rule)
		}
		for i := range e.Rules {
			e.Rules[i].Mode = strings.ToUpper(e.Rules[i].Mode)
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

// validate says what would keep the exporter from starting, as far as locks go.
func (e *Exporter) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(e.Rules) == 0 {
		bad("rules is empty: write at least {name: application, period: 90d}")
	}
	for i, r := range e.Rules {
		name := fmt.Sprintf("rules[%d] (%s)", i, r.Name)
		if r.Name == "" {
			bad("rules[%d]: name is not set", i)
		}
		if r.Period.IsZero() {
			bad("%s: period is not set; write it with its unit, such as 90d or 7y", name)
		}
		switch objectstore.Mode(r.Mode) {
		case objectstore.Governance:
		case objectstore.Compliance:
			if e.MaxRetention.IsZero() {
				bad("%s: mode is COMPLIANCE, which no one can undo, and max_retention is not set; set it to the longest period that you mean", name)
			}
		default:
			bad("%s: mode is %q, want GOVERNANCE or COMPLIANCE", name, r.Mode)
		}
		if !e.MaxRetention.IsZero() && r.Period.Compare(e.MaxRetention) > 0 {
			bad("%s: period %s is longer than max_retention %s", name, r.Period, e.MaxRetention)
		}
		if _, ok := DefaultPrices.Classes[r.StorageClass]; !ok {
			bad("%s: storage_class %q has no price here; known are %s", name, r.StorageClass, strings.Join(DefaultPrices.names(), ", "))
		}
	}
	if n := len(e.Rules); n > 0 && (e.Rules[n-1].Condition != "" || e.Rules[n-1].Category != "") {
		bad("rules[%d] (%s): the last rule must have neither condition nor category, so that every record has one", n-1, e.Rules[n-1].Name)
	}
	for name, value := range map[string]time.Duration{"max_object_age": e.MaxObjectAge, "max_wait": e.MaxWait, "checkpoint_interval": e.CheckpointInterval} {
		if value < time.Second {
			bad("%s is %s, want at least 1s", name, value)
		}
	}
	if e.MaxObjectSize < bytesize.MiB {
		bad("max_object_size is %s, want at least 1MiB", e.MaxObjectSize)
	}
	return errors.Join(errs...)
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
