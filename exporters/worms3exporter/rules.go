package worms3exporter

import (
	"cmp"
	"context"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

const categoryAttribute = "log.category"

type logCondition = ottl.Condition[*ottllog.TransformContext]

// rule says how long records are kept.
type rule struct {
	condition *logCondition // nil for none
	category  string
	archiver.Rule
}

// rules are those of log records. They are safe for concurrent use.
type rules struct {
	list []rule // the last fits always
	// conditions and categories say that there are any.
	conditions, categories bool
	// failed is told of conditions that could not be evaluated.
	failed func(error)
}

// compileRules reads the conditions. An error names the field, the text, and what is
// wrong with it.
func (c *Config) compileRules(set component.TelemetrySettings) (*rules, error) {
	functions := ottlfuncs.StandardConverters[*ottllog.TransformContext]()
	plain, err := ottllog.NewParser(functions, set)
	if err != nil {
		return nil, err
	}
	named, err := ottllog.NewParser(functions, set, ottllog.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	out := &rules{failed: func(error) {}}
	for i := range c.Rules {
		r := &c.Rules[i]
		one := rule{category: r.Category, Rule: r.archiverRule(r.Name)}
		if r.Condition != "" {
			// Both log.attributes and attributes, as upstream's components have it.
			condition, err := plain.ParseCondition(r.Condition)
			if err != nil {
				var otherwise error
				if condition, otherwise = named.ParseCondition(r.Condition); otherwise != nil {
					return nil, fmt.Errorf("rules[%d]::condition is %q; it must be an OTTL condition on a log record: %w", i, r.Condition, err)
				}
			}
			one.condition = condition
		}
		out.conditions = out.conditions || r.Condition != ""
		out.categories = out.categories || r.Category != ""
		out.list = append(out.list, one)
	}
	return out, nil
}

func (r *ruleConfig) archiverRule(name string) archiver.Rule {
	return archiver.Rule{
		Name: name, Mode: objectstore.Mode(cmp.Or(r.Mode, modeGovernance)), Period: r.Period.Duration(),
		StorageClass: cmp.Or(r.StorageClass, standardClass),
	}
}

// otherRule is that of another signal than logs.
func (c *Config) otherRule(class string, own *ruleConfig) archiver.Rule {
	if own == nil {
		own = &c.Rules[len(c.Rules)-1]
	}
	return own.archiverRule(class)
}

// allRules are those of all signals.
func (c *Config) allRules() []archiver.Rule {
	out := make([]archiver.Rule, 0, len(c.Rules)+2)
	for i := range c.Rules {
		out = append(out, c.Rules[i].archiverRule(c.Rules[i].Name))
	}
	return append(out, c.otherRule(classTraces, c.Traces), c.otherRule(classMetrics, c.Metrics))
}

// logLock is the longest lock that any rule has, in the stricter of their modes: that of
// the log's own objects.
func (c *Config) logLock() archiver.Retention {
	lock := archiver.Retention{Mode: objectstore.Governance}
	for _, r := range c.allRules() {
		lock.Period = max(lock.Period, r.Period)
		if r.Mode == objectstore.Compliance {
			lock.Mode = objectstore.Compliance
		}
	}
	return lock
}

// of gives the rule of a record with such a category, which may be none: the first that fits.
func (r *rules) of(ctx context.Context, rl plog.ResourceLogs, sl plog.ScopeLogs, lr plog.LogRecord, of pcommon.Value) archiver.Rule {
	if len(r.list) == 1 {
		return r.list[0].Rule
	}
	var category string
	if r.categories {
		category = text(of)
	}
	var tc *ottllog.TransformContext
	if r.conditions {
		tc = ottllog.NewTransformContextPtr(rl, sl, lr)
		defer tc.Close()
	}
	last := len(r.list) - 1
	for i := range r.list[:last] {
		one := &r.list[i]
		if one.condition == nil {
			if one.category == category {
				return one.Rule
			}
			continue
		}
		fits, err := one.condition.Eval(ctx, tc)
		if err != nil {
			r.failed(fmt.Errorf("rules[%d]::condition: %w", i, err))
		}
		if err == nil && fits {
			return one.Rule
		}
	}
	return r.list[last].Rule
}
