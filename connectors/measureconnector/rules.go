package measureconnector

import (
	"context"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/measurement"
)

// nopTelemetry is what conditions are compiled with to see whether they can be.
var nopTelemetry = component.TelemetrySettings{Logger: zap.NewNop()}

// rule is a rule with its OTTL read.
type rule struct {
	cfg       *ruleConfig
	condition *ottl.Condition[*ottllog.TransformContext]       // nil: always
	value     *ottl.ValueExpression[*ottllog.TransformContext] // nil: 1
}

// compile reads the rules' OTTL. An error names the field, the text, and what is wrong.
func (c *Config) compile(set component.TelemetrySettings) ([]rule, error) {
	if len(c.Rules) == 0 {
		return nil, nil
	}
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), set)
	if err != nil {
		return nil, err
	}
	rules := make([]rule, len(c.Rules))
	for i := range c.Rules {
		r := &c.Rules[i]
		rules[i].cfg = r
		if r.Condition != "" {
			if rules[i].condition, err = parser.ParseCondition(r.Condition); err != nil {
				return nil, fmt.Errorf("rules::%d::condition is %q; it must be an OTTL condition on a log record: %w", i, r.Condition, err)
			}
		}
		if r.Value != "" {
			if rules[i].value, err = parser.ParseValueExpression(r.Value); err != nil {
				return nil, fmt.Errorf("rules::%d::value is %q; it must be an OTTL expression on a log record: %w", i, r.Value, err)
			}
		}
	}
	return rules, nil
}

// eval gives the rule's value of a record. Not there: the condition does not hold, or the
// expression gives nil. A value that is no number is there and not ok.
func (r *rule) eval(ctx context.Context, tc *ottllog.TransformContext) (v measurement.Value, there, ok bool, err error) {
	if r.condition != nil {
		holds, err := r.condition.Eval(ctx, tc)
		if err != nil || !holds {
			return v, false, false, err
		}
	}
	if r.value == nil {
		return measurement.Value{Number: 1}, true, true, nil
	}
	value, err := r.value.Eval(ctx, tc)
	if err != nil || value == nil {
		return v, false, false, err
	}
	switch value := value.(type) {
	case int64:
		return measurement.Value{Number: float64(value)}, true, true, nil
	case float64:
		return measurement.Value{Number: value}, true, finite(value), nil
	case string:
		parsed, ok := measurement.Parse(value)
		return parsed, true, ok && value != "", nil
	}
	return v, true, false, nil
}
