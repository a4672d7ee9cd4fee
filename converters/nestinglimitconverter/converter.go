// Package nestinglimitconverter puts the nesting_limit extension in front of every server
// of the otlp receiver, so that no configuration is without: one small request of lists
// within lists could otherwise end the process.
package nestinglimitconverter

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

const extensionType = "nesting_limit"

// NewFactory gives the converter that ocb puts into the binary.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert adds the extension, where the configuration has none, and names it in each server
// of an otlp receiver that does not name one itself. What it does not understand it leaves
// to the Collector, which will say what is wrong.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	config := conf.ToStringMap()
	id := started(config)
	add := map[string]any{}
	paths := map[string]any{}
	receivers, _ := config["receivers"].(map[string]any)
	for name, receiver := range receivers {
		if !isType(name, "otlp") {
			continue
		}
		settings, _ := receiver.(map[string]any)
		protocols, _ := settings["protocols"].(map[string]any)
		servers := map[string]any{}
		for protocol, server := range protocols {
			set, ok := server.(map[string]any)
			if server != nil && !ok || protocol != "grpc" && protocol != "http" {
				continue
			}
			middlewares, ok := set["middlewares"].([]any)
			if set["middlewares"] != nil && !ok {
				continue
			}
			if !slices.ContainsFunc(middlewares, isLimit) {
				servers[protocol] = map[string]any{"middlewares": append([]any{map[string]any{"id": id}}, middlewares...)}
			}
			for _, signal := range []string{"logs", "metrics", "traces"} {
				if path, ok := set[signal+"_url_path"].(string); ok && protocol == "http" {
					paths["/"+strings.TrimPrefix(path, "/")] = signal
				}
			}
		}
		if len(servers) > 0 {
			add[name] = map[string]any{"protocols": servers}
		}
	}
	if len(add) == 0 {
		return nil
	}
	own := map[string]any{}
	if len(paths) > 0 {
		own["paths"] = paths
	}
	service, _ := config["service"].(map[string]any)
	extensions, _ := service["extensions"].([]any)
	if !slices.Contains(extensions, any(id)) {
		extensions = append(slices.Clone(extensions), id)
	}
	return conf.Merge(confmap.NewFromStringMap(map[string]any{
		"extensions": map[string]any{id: own},
		"receivers":  add,
		"service":    map[string]any{"extensions": extensions},
	}))
}

// started is the first limit that the configuration starts, or the id of the one to add.
func started(config map[string]any) string {
	service, _ := config["service"].(map[string]any)
	extensions, _ := service["extensions"].([]any)
	for _, extension := range extensions {
		if id, ok := extension.(string); ok && isType(id, extensionType) {
			return id
		}
	}
	return extensionType
}

func isLimit(middleware any) bool {
	set, _ := middleware.(map[string]any)
	id, _ := set["id"].(string)
	return isType(id, extensionType)
}

func isType(id, of string) bool {
	kind, _, _ := strings.Cut(id, "/")
	return strings.TrimSpace(kind) == of
}
