package nestinglimitextension

import (
	"context"
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/heartwood-otel/heartwood/internal/otlpdepth"
)

// codec decodes only what is not too deep.
type codec struct {
	encoding.CodecV2
	limiter *limiter
}

// Unmarshal is called for each request, with its bytes after decompression.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	signal, ok := signalsOfTypes[fmt.Sprintf("%T", v)]
	if !ok {
		return fmt.Errorf("nesting_limit does not know %T: it is for the otlp receiver's servers", v)
	}
	scanner := otlpdepth.NewScanner(signal, c.limiter.most)
	for _, buffer := range data {
		if _, err := scanner.Write(buffer.ReadOnlyData()); err != nil {
			c.limiter.refused(context.Background(), "grpc")
			return err
		}
	}
	return c.CodecV2.Unmarshal(data, v)
}

// signalsOfTypes goes by the names of pdata's types, of which the package can't be imported.
var signalsOfTypes = map[string]otlpdepth.Signal{
	"*internal.ExportLogsServiceRequest":     otlpdepth.Logs,
	"*internal.ExportMetricsServiceRequest":  otlpdepth.Metrics,
	"*internal.ExportTraceServiceRequest":    otlpdepth.Traces,
	"*internal.ExportProfilesServiceRequest": otlpdepth.Profiles,
}
