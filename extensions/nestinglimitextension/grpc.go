package nestinglimitextension

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/heartwood-otel/heartwood/internal/otlpdepth"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
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
	if signal == otlpdepth.Logs && c.limiter.most >= pdataslab.MaxDepth && c.decodeLogs(data, v) {
		return nil
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

// decodeLogs decodes a request that is written as usual. Its records are decoded by what
// knows a limit itself, and what is around them by pdata, when it has been looked at. False
// says that the request has to be looked at as a whole, and v is as it was.
func (c codec) decodeLogs(data mem.BufferSlice, v any) bool {
	d, _ := decoders.Get().(*decoder)
	defer func() {
		if d.done() {
			decoders.Put(d)
		}
	}()
	around, ok := d.Split(d.join(data))
	if !ok {
		return false
	}
	if _, err := otlpdepth.NewScanner(otlpdepth.Logs, c.limiter.most).Write(around); err != nil {
		return false
	}
	return d.Decode(v)
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

type decoder struct {
	pdataslab.RequestDecoder
	joined []byte
}

// maxJoined is how many bytes of memory a decoder keeps for the next request.
const maxJoined = 4 << 20

// join gives the bytes of a request as one piece, good until done.
func (d *decoder) join(data mem.BufferSlice) []byte {
	if len(data) == 1 {
		return data[0].ReadOnlyData()
	}
	d.joined = d.joined[:0]
	for _, buffer := range data {
		d.joined = append(d.joined, buffer.ReadOnlyData()...)
	}
	return d.joined
}

// done lets go of the request. It says whether the decoder is small enough to be kept.
func (d *decoder) done() bool {
	d.Forget()
	return cap(d.joined) <= maxJoined
}

// signalsOfTypes goes by the names of pdata's types, of which the package can't be imported.
var signalsOfTypes = map[string]otlpdepth.Signal{
	"*internal.ExportLogsServiceRequest":     otlpdepth.Logs,
	"*internal.ExportMetricsServiceRequest":  otlpdepth.Metrics,
	"*internal.ExportTraceServiceRequest":    otlpdepth.Traces,
	"*internal.ExportProfilesServiceRequest": otlpdepth.Profiles,
}
