package ecsencodingextension

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
)

// encoder is a logencoding.LogEncoder, for one goroutine at a time.
type encoder struct {
	extension *ecsExtension
	mapper    *ecs.Mapper
}

func (e *ecsExtension) encoder() *encoder { return e.encoders.Get().(*encoder) }

func (e *encoder) Begin(resource pcommon.Resource, scope pcommon.InstrumentationScope) {
	e.mapper.Begin(resource, scope)
}

// AppendLog does not fail.
func (e *encoder) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	return e.append(dst, r), nil
}

func (e *encoder) append(dst []byte, r plog.LogRecord) []byte {
	return ecsjson.AppendDocument(dst, e.mapper.Log(r), e.extension.nesting)
}

// End counts what became of the values since Begin, and gives the encoder back.
func (e *encoder) End() {
	x, counts := e.extension, e.mapper.TakeCounts()
	e.mapper.End()
	for i, n := range [...]uint64{counts.Unknown, counts.Type, counts.Taken} {
		if n > 0 {
			x.telemetry.ExtensionEcsEncodingLabelled.Add(context.Background(), int64(n), x.reasons[i])
		}
	}
	if counts.Dropped > 0 {
		x.telemetry.ExtensionEcsEncodingDropped.Add(context.Background(), int64(counts.Dropped))
	}
	x.encoders.Put(e)
}
