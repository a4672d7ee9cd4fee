// Package heapfloorconverter makes the binary leave garbage lie while its heap is small
// (internal/heapfloor). It's a converter of configurations because that is what the
// Collector's builder lets a distribution run before all else; what is configured stays
// as it is.
package heapfloorconverter

import (
	"context"
	"os"

	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/heapfloor"
)

// NewFactory gives the converter that ocb puts into the binary.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert leaves the configuration as it is, and holds the floor that the environment
// names, or the usual one. The error is of a size that is none.
func (converter) Convert(context.Context, *confmap.Conf) error {
	_, err := heapfloor.FromEnvironment(os.LookupEnv)
	return err
}
