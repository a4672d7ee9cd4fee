package kinesisexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/recorduid"

	"github.com/heartwood-otel/heartwood/internal/md5sum"
)

const (
	uidAttribute = "log.record.uid"
	// maxKey is Kinesis's limit for a partition key, in characters.
	maxKey = 256
)

// partitionKey is a valid key, and what its shard is told by.
type partitionKey struct {
	text string
	hash [16]byte
}

// keyReader finds partition keys. It is for one goroutine at a time.
type keyReader struct {
	names  []string
	source *recorduid.Source
	uid    []byte
	// last is the key of the item before: those of one request often come together.
	last partitionKey
}

// attribute is the first of the names that the item or its resource has, and is not
// empty there.
func (k *keyReader) attribute(resource, item pcommon.Map) string {
	for _, name := range k.names {
		value, ok := item.Get(name)
		if !ok {
			value, ok = resource.Get(name)
		}
		if !ok {
			continue
		}
		if text := textOf(value); text != "" {
			return text
		}
	}
	return ""
}

func textOf(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return v.AsString()
}

// newUID makes a UUIDv7.
func (k *keyReader) newUID(now time.Time) string {
	k.uid = k.source.Next(now).AppendText(k.uid[:0])
	return string(k.uid)
}

// key makes a valid key of a text that is not empty.
func (k *keyReader) key(text string) partitionKey {
	if text == k.last.text && text != "" {
		return k.last
	}
	if !isValidKey(text) {
		sum := sha256.Sum256([]byte(text))
		text = hex.EncodeToString(sum[:])
	}
	k.last = partitionKey{text, hashOf(text)}
	return k.last
}

func isValidKey(text string) bool {
	if text == "" || len(text) > maxKey {
		return false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func hashOf(key string) [16]byte {
	var buf [maxKey]byte
	return md5sum.Sum(append(buf[:0], key...))
}

// expression is partition_key_expression, for one kind of items; nil is none.
type expression[C any] struct {
	value  *ottl.ValueExpression[C]
	failed func(error)
}

// text evaluates the expression; empty where it gives nothing.
func (e *expression[C]) text(ctx context.Context, c C) string {
	result, err := e.value.Eval(ctx, c)
	if err != nil {
		e.failed(err)
		return ""
	}
	value := pcommon.NewValueEmpty()
	switch r := result.(type) {
	case nil:
	case string:
		return r
	case pcommon.Value:
		value = r
	case pcommon.TraceID:
		if !r.IsEmpty() {
			return r.String()
		}
	case pcommon.SpanID:
		if !r.IsEmpty() {
			return r.String()
		}
	case pcommon.Map:
		r.CopyTo(value.SetEmptyMap())
	case pcommon.Slice:
		r.CopyTo(value.SetEmptySlice())
	default:
		if err := value.FromRaw(result); err != nil {
			e.failed(err)
			return ""
		}
	}
	return textOf(value)
}

func (c *Config) expressionError(err error) error {
	return fmt.Errorf("partition_key_expression is %q; it must be an OTTL value expression: %w", c.PartitionKeyExpression, err)
}

func (c *Config) compileLogs(set component.TelemetrySettings, failed func(error)) (*expression[*ottllog.TransformContext], error) {
	if c.PartitionKeyExpression == "" {
		return nil, nil
	}
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), set)
	if err != nil {
		return nil, err
	}
	value, err := parser.ParseValueExpression(c.PartitionKeyExpression)
	if err != nil {
		return nil, c.expressionError(err)
	}
	return &expression[*ottllog.TransformContext]{value, failed}, nil
}

func (c *Config) compileTraces(set component.TelemetrySettings, failed func(error)) (*expression[*ottlspan.TransformContext], error) {
	if c.PartitionKeyExpression == "" {
		return nil, nil
	}
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), set)
	if err != nil {
		return nil, err
	}
	value, err := parser.ParseValueExpression(c.PartitionKeyExpression)
	if err != nil {
		return nil, c.expressionError(err)
	}
	return &expression[*ottlspan.TransformContext]{value, failed}, nil
}

func (c *Config) compileMetrics(set component.TelemetrySettings, failed func(error)) (*expression[*ottldatapoint.TransformContext], error) {
	if c.PartitionKeyExpression == "" {
		return nil, nil
	}
	parser, err := ottldatapoint.NewParser(ottlfuncs.StandardConverters[*ottldatapoint.TransformContext](), set)
	if err != nil {
		return nil, err
	}
	value, err := parser.ParseValueExpression(c.PartitionKeyExpression)
	if err != nil {
		return nil, c.expressionError(err)
	}
	return &expression[*ottldatapoint.TransformContext]{value, failed}, nil
}

// validateExpression says no when an expression fits no signal: which of them the
// exporter will be used for is not known here.
func (c *Config) validateExpression() error {
	set := component.TelemetrySettings{Logger: zap.NewNop()}
	_, err := c.compileLogs(set, nil)
	if err == nil {
		return nil
	}
	if _, other := c.compileTraces(set, nil); other == nil {
		return nil
	}
	if _, other := c.compileMetrics(set, nil); other == nil {
		return nil
	}
	return err
}
