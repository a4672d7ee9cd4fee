package eventfoldprocessor

import (
	"context"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

var nopLogger = zap.NewNop()

// condition is a list of OTTL conditions of which any suffices; nil is never
// satisfied.
type condition struct {
	any []*ottl.Condition[*ottllog.TransformContext]
}

// holds reports whether any is satisfied. One that fails is passed over, and failed
// is called with its error.
func (c *condition) holds(ctx context.Context, tc *ottllog.TransformContext, failed func(error)) bool {
	if c == nil {
		return false
	}
	for _, one := range c.any {
		ok, err := one.Eval(ctx, tc)
		if err != nil {
			failed(err)
			continue
		}
		if ok {
			return true
		}
	}
	return false
}

// compiled is what is OTTL in the configuration.
type compiled struct {
	key                       *ottl.ValueExpression[*ottllog.TransformContext]
	starts, ends, immediately *condition
	success, failure          *condition
}

// needsContext says that something is asked about records as they come.
func (c *compiled) needsContext() bool {
	return c.key != nil || c.starts != nil || c.ends != nil || c.immediately != nil
}

// compile reads the OTTL. An error names the field, the text, and what is wrong with
// it.
func (c *Config) compile(set component.TelemetrySettings) (*compiled, error) {
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), set)
	if err != nil {
		return nil, err
	}
	out := &compiled{}
	if c.KeyExpression != "" {
		if out.key, err = parser.ParseValueExpression(c.KeyExpression); err != nil {
			return nil, fmt.Errorf("key_expression is %q; it must be an OTTL expression on a log record: %w", c.KeyExpression, err)
		}
	}
	for _, f := range []struct {
		name string
		text []string
		to   **condition
	}{
		{"start_when", c.StartWhen, &out.starts},
		{"end_when", c.EndWhen, &out.ends},
		{"emit_immediately_when", c.EmitImmediatelyWhen, &out.immediately},
		{"outcome::success_when", c.Outcome.SuccessWhen, &out.success},
		{"outcome::failure_when", c.Outcome.FailureWhen, &out.failure},
	} {
		if len(f.text) == 0 {
			continue
		}
		conditions, err := parser.ParseConditions(f.text)
		if err != nil {
			return nil, fmt.Errorf("%s is %q; each must be an OTTL condition on a log record: %w", f.name, f.text, err)
		}
		*f.to = &condition{any: conditions}
	}
	return out, nil
}

// transformContext is what OTTL sees of a record. It must be closed.
func transformContext(rl plog.ResourceLogs, sl plog.ScopeLogs, lr plog.LogRecord) *ottllog.TransformContext {
	return ottllog.NewTransformContextPtr(rl, sl, lr)
}
