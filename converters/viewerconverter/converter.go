// Package viewerconverter tells each viewer exporter what the pipelines of its Collector are,
// which no exporter can see, so that its page can draw them.
package viewerconverter

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

const exporterType = "viewer"

// NewFactory gives the converter that ocb puts into the binary.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert sets pipelines of each viewer that has none. What it does not understand it leaves to
// the Collector, which will say what is wrong.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	config := conf.ToStringMap()
	service, _ := config["service"].(map[string]any)
	pipelines, _ := service["pipelines"].(map[string]any)
	shapes := map[string]any{}
	for id, pipeline := range pipelines {
		set, ok := pipeline.(map[string]any)
		if !ok {
			continue
		}
		shape := map[string]any{}
		for _, part := range []string{"receivers", "processors", "exporters"} {
			if ids := texts(set[part]); len(ids) > 0 {
				shape[part] = ids
			}
		}
		shapes[id] = shape
	}
	exporters, _ := config["exporters"].(map[string]any)
	add := map[string]any{}
	for id, exporter := range exporters {
		set, ok := exporter.(map[string]any)
		if kind, _, _ := strings.Cut(id, "/"); strings.TrimSpace(kind) != exporterType || exporter != nil && !ok || set["pipelines"] != nil {
			continue
		}
		add[id] = map[string]any{"pipelines": shapes}
	}
	if len(add) == 0 || len(shapes) == 0 {
		return nil
	}
	return conf.Merge(confmap.NewFromStringMap(map[string]any{"exporters": add}))
}

// texts are the ids of a list; others are for the Collector to refuse.
func texts(list any) []any {
	all, _ := list.([]any)
	out := make([]any, 0, len(all))
	for _, e := range all {
		if id, ok := e.(string); ok {
			out = append(out, id)
		}
	}
	return out
}
