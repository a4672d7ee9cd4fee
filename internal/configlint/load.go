package configlint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.yaml.in/yaml/v3"
)

// source is one of the places that a configuration comes from.
type source struct {
	name string
	// root is the mapping as it was written, before anything was expanded; nil for what
	// is no file.
	root *yaml.Node
}

// Load reads the configuration at locations, which are files, or URIs as the Collector's
// --config takes them (file:, env:, yaml:). They are merged in their order: mappings key
// by key, anything else replaced. An error names the file, and the key or line.
func Load(ctx context.Context, locations []string) (*Config, error) {
	conf, sources, err := resolve(ctx, locations)
	if err != nil {
		return nil, err
	}
	return newConfig(Plain(conf), sources)
}

// Plain is a configuration without a trace of what was expanded. One ToStringMap takes
// that away from values, but not from what is within them: a file that a file names.
func Plain(conf *confmap.Conf) map[string]any {
	values := conf.ToStringMap()
	for hasExpanded(values) {
		values = confmap.NewFromStringMap(values).ToStringMap()
	}
	return values
}

// hasExpanded looks for the one type that YAML has no word for.
func hasExpanded(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			if hasExpanded(v) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(value, hasExpanded)
	}
	return value != nil && reflect.TypeOf(value).Kind() == reflect.Struct && reflect.TypeOf(value) != reflect.TypeFor[time.Time]()
}

// Resolve reads as Load does, and gives what comes out, merged and expanded.
func Resolve(ctx context.Context, locations []string) (*confmap.Conf, error) {
	conf, _, err := resolve(ctx, locations)
	return conf, err
}

func resolve(ctx context.Context, locations []string) (*confmap.Conf, []source, error) {
	sources := make([]source, 0, len(locations))
	var errs []error
	for _, location := range locations {
		s, err := readSource(location)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sources = append(sources, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:          locations,
		DefaultScheme: "env",
		ProviderFactories: []confmap.ProviderFactory{
			fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory(),
		},
	})
	if err != nil {
		return nil, nil, err
	}
	conf, err := resolver.Resolve(ctx)
	err = errors.Join(err, resolver.Shutdown(ctx))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", strings.Join(locations, ", "), err)
	}
	return conf, sources, nil
}

// readSource finds what is wrong with a file by itself: the resolver does not say
// which of several files it was.
func readSource(location string) (source, error) {
	path, isFile := filePath(location)
	if !isFile {
		return source{name: location}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err // names the file
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return source{}, fmt.Errorf("%s: %w", path, err)
	}
	if document.Kind == 0 {
		return source{name: path}, nil // empty, or comments only
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		if root.Tag == "!!null" {
			return source{name: path}, nil
		}
		return source{}, fmt.Errorf("%s:%d: this is no mapping of receivers, processors, exporters and service", path, root.Line)
	}
	var values map[string]any
	if err := root.Decode(&values); err != nil { // keys given twice
		return source{}, fmt.Errorf("%s: %w", path, err)
	}
	return source{name: path, root: root}, nil
}

// filePath tells files from other URIs as the Collector's resolver does.
func filePath(location string) (string, bool) {
	scheme, rest, found := strings.Cut(location, ":")
	switch {
	case !found, len(scheme) == 1: // a drive letter
		return location, true
	case scheme == "file":
		return rest, true
	}
	return "", false
}

// locate finds the line on which a key is, or else the nearest of those above it. Of
// several files, the last counts, as it does in merging.
func (c *Config) locate(key []string) (file string, line int) {
	best := -1
	for _, s := range c.sources {
		depth, at := 0, 0
		for node := s.root; node != nil && depth < len(key); depth++ {
			next := (*yaml.Node)(nil)
			found := false
			for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == key[depth] {
					at, next, found = node.Content[i].Line, node.Content[i+1], true
				}
			}
			if !found {
				break
			}
			if next.Kind == yaml.AliasNode {
				next = next.Alias
			}
			node = next
		}
		if depth >= best {
			best, file, line = depth, s.name, at
		}
	}
	return file, line
}
