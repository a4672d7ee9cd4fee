package configlint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kinds of components, in the order in which records pass them.
const (
	kindReceiver  = "receiver"
	kindProcessor = "processor"
	kindConnector = "connector"
	kindExporter  = "exporter"
	kindExtension = "extension"
)

var kinds = []string{kindReceiver, kindProcessor, kindConnector, kindExporter, kindExtension}

// Config is what Check looks at. It is not changed after Load.
type Config struct {
	sources    []source
	components map[string]map[string]settings // by kind and id
	pipelines  []pipeline                     // sorted by id
	extensions []string                       // those that service starts
}

type pipeline struct {
	id                               string
	signal                           string
	receivers, processors, exporters []string
}

var signals = []string{"logs", "traces", "metrics", "profiles"}

// newConfig reads the parts of an effective configuration that are the same for all
// components. What a component makes of its own settings is for `validate`.
func newConfig(values map[string]any, sources []source) (*Config, error) {
	c := &Config{sources: sources, components: map[string]map[string]settings{}}
	r := &reader{config: c}
	root := settings{reader: r, values: values}
	root.only("receivers", "processors", "exporters", "connectors", "extensions", "service")
	for _, kind := range kinds {
		c.components[kind] = map[string]settings{}
		section, _ := root.section(kind + "s")
		for id := range section.values {
			c.components[kind][id], _ = section.section(id)
		}
	}
	service, _ := root.section("service")
	service.only("extensions", "pipelines", "telemetry")
	c.extensions = service.list("extensions")
	pipelines, _ := service.section("pipelines")
	for _, id := range slices.Sorted(maps.Keys(pipelines.values)) {
		at, _ := pipelines.section(id)
		signal := typeOf(id)
		if !slices.Contains(signals, signal) {
			at.fail("is no pipeline: its name must be one of %s, or one of these with /NAME", strings.Join(signals, ", "))
		}
		at.only("receivers", "processors", "exporters")
		c.pipelines = append(c.pipelines, pipeline{
			id: id, signal: signal,
			receivers: at.list("receivers"), processors: at.list("processors"), exporters: at.list("exporters"),
		})
	}
	if len(c.pipelines) == 0 && len(r.errs) == 0 {
		pipelines.fail("has no pipeline")
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// typeOf is the part of an id before the slash.
func typeOf(id string) string {
	name, _, _ := strings.Cut(id, "/")
	return strings.TrimSpace(name)
}

// reader gathers what is wrong with values, so that all of it can be said at once.
type reader struct {
	config *Config
	errs   []error
}

// settings is one mapping of the configuration.
type settings struct {
	reader *reader
	path   []string
	values map[string]any
}

func (s settings) key() string { return strings.Join(s.path, "::") }

func (s settings) child(name string) settings {
	return settings{reader: s.reader, path: append(slices.Clone(s.path), name)}
}

// fail notes what is wrong with this place.
func (s settings) fail(format string, args ...any) {
	file, line := s.reader.config.locate(s.path)
	place := file
	if line > 0 {
		place = fmt.Sprintf("%s:%d", file, line)
	}
	err := fmt.Errorf("%s: %s %s", place, s.key(), fmt.Sprintf(format, args...))
	if !slices.ContainsFunc(s.reader.errs, func(e error) bool { return e.Error() == err.Error() }) {
		s.reader.errs = append(s.reader.errs, err)
	}
}

// section is the mapping below name. set says that there is one, which may be empty; a
// key without value counts as none.
func (s settings) section(name string) (section settings, set bool) {
	section = s.child(name)
	switch value := s.values[name].(type) {
	case nil:
	case map[string]any:
		section.values, set = value, true
	default:
		section.fail("is %s, want a mapping", describe(value))
	}
	return section, set
}

// only complains about keys other than names.
func (s settings) only(names ...string) {
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if !slices.Contains(names, key) {
			s.child(key).fail("is no key of a configuration; here it can have %s", strings.Join(names, ", "))
		}
	}
}

// list is a list of component ids.
func (s settings) list(name string) []string {
	var ids []string
	switch value := s.values[name].(type) {
	case nil:
	case []any:
		for _, item := range value {
			id, isText := item.(string)
			if !isText || id == "" {
				s.child(name).fail("has %s in it, want ids of components", describe(item))
				continue
			}
			ids = append(ids, id)
		}
	default:
		s.child(name).fail("is %s, want a list of ids of components", describe(value))
	}
	return ids
}

func (s settings) boolean(name string, otherwise bool) bool {
	switch value := s.values[name].(type) {
	case nil:
	case bool:
		return value
	default:
		s.child(name).fail("is %s, want true or false", describe(value))
	}
	return otherwise
}

func (s settings) text(name string) string {
	switch value := s.values[name].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}

// duration reads a length of time as the Collector does, which takes a bare number for
// nanoseconds.
func (s settings) duration(name string, otherwise time.Duration) time.Duration {
	switch value := s.values[name].(type) {
	case nil:
	case int:
		return time.Duration(value)
	case string:
		d, err := time.ParseDuration(value)
		if err == nil {
			return d
		}
		s.child(name).fail("is %q, want a duration such as 30s", value)
	default:
		s.child(name).fail("is %s, want a duration such as 30s", describe(value))
	}
	return otherwise
}

func describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		return "a string" // whose value may be a secret out of the environment
	default:
		return fmt.Sprint(value)
	}
}
