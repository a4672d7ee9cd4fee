package nestinglimitextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/heartwood-otel/heartwood/extensions/nestinglimitextension/internal/metadata"
)

// NewFactory is what the Collector knows the extension by.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(ctx context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(ctx, set, cfg.(*Config))
}
