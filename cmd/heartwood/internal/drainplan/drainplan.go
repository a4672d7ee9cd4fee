// Package drainplan makes, of the configuration of a collector that is gone, that of one
// which delivers what the first has left on disk and accepts nothing.
package drainplan

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/heldstate"
)

// Plan is what is to be run.
type Plan struct {
	// Config is the collector's configuration, without service::telemetry.
	Config map[string]any
	// Was is where the directory was, by the former configuration.
	Was string
	// Components are those that deliver, by the state's place among those given to Make:
	// an id such as worm_s3/audit. Targets says in words where to.
	Components, Targets []string
	// Kinds are those of the components that hold something while it runs.
	Kinds []heldstate.Kind
}

// Settings of Make.
type Settings struct {
	// Config is the former configuration, resolved. It is not changed.
	Config map[string]any
	// States are those found in Directory, which is absolute.
	States    []heldstate.State
	Directory string
	// Was is where Directory was; empty: that is found out.
	Was string
	// Socket is where the one receiver may listen, so that it accepts nothing.
	Socket string
}

// receiverID is that of the receiver which accepts nothing: a pipeline needs one.
const receiverID = "otlp/heartwood_drain"

// listeners are extensions that nothing else needs, and whose ports may be taken.
var listeners = []string{"health_check", "zpages", "pprof", "opamp"}

// queued are exporters that have a queue in memory unless they are told otherwise.
var queued = []string{"otlp_grpc", "otlp_http", "otlp", "otlphttp", "kafka"}

// component is one that keeps state.
type component struct {
	kind      heldstate.Kind
	id        string
	directory string
	settings  map[string]any
}

// Make makes a plan for what States hold.
func Make(set Settings) (*Plan, error) {
	components := stateful(set.Config)
	held := slices.DeleteFunc(slices.Clone(set.States), func(s heldstate.State) bool { return !s.Holds() })
	was, err := findBase(set, components, held)
	if err != nil {
		return nil, err
	}
	m := &maker{Settings: set, was: was, config: clone(set.Config)}
	plan := &Plan{Was: was}
	for i := range set.States {
		s := &set.States[i]
		c := m.at(components, s)
		id, target := "", ""
		if c != nil {
			id, target = c.id, targetOf(c)
			if s.Holds() {
				if err := checkLog(s, c); err != nil {
					return nil, err
				}
				m.draining = append(m.draining, *c)
				m.signals = append(m.signals, s.Signal)
			}
		}
		plan.Components, plan.Targets = append(plan.Components, id), append(plan.Targets, target)
	}
	if plan.Config, err = m.make(); err != nil {
		return nil, err
	}
	for _, c := range stateful(plan.Config) {
		if m.used[c.id] {
			plan.Kinds = append(plan.Kinds, c.kind)
		}
	}
	return plan, nil
}

// stateful gives the components that keep state in a directory, by their ids.
func stateful(config map[string]any) (all []component) {
	exporters, processors := section(config, "exporters"), section(config, "processors")
	for _, id := range slices.Sorted(maps.Keys(exporters)) {
		kind := heldstate.Kind(typeOf(id))
		if kind != heldstate.Kinesis && kind != heldstate.Archive {
			continue
		}
		settings := section(exporters, id)
		if dir := text(section(settings, "spool"), "directory"); dir != "" {
			all = append(all, component{kind, id, filepath.Clean(dir), settings})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(processors)) {
		settings := section(processors, id)
		if dir := text(settings, "directory"); dir != "" && typeOf(id) == string(heldstate.Fold) {
			all = append(all, component{heldstate.Fold, id, filepath.Clean(dir), settings})
		}
	}
	return all
}

// targetOf says where a component delivers to.
func targetOf(c *component) string {
	at := func(key, word string) string {
		if v := text(c.settings, key); v != "" {
			return word + v
		}
		return ""
	}
	switch c.kind {
	case heldstate.Kinesis:
		return "stream " + text(c.settings, "stream") + at("region", " in ") + at("endpoint", " at ")
	case heldstate.Archive:
		return "bucket " + text(c.settings, "bucket") + at("prefix", "/") + at("region", " in ") + at("endpoint", " at ") +
			" as " + text(c.settings, "origin") + "/" + text(c.settings, "writer")
	}
	return "what stands behind it in its pipeline"
}

// checkLog holds an archive's state to the writer that is configured: another's log must
// not be gone on with.
func checkLog(s *heldstate.State, c *component) error {
	if s.Kind != heldstate.Archive || s.Log == "" {
		return nil
	}
	if log := text(c.settings, "origin") + "/" + text(c.settings, "writer"); log != s.Log {
		return fmt.Errorf("%s has the state of the log %s, and %s writes the log %s: give the configuration of the writer that left it", s.Directory, s.Log, c.id, log)
	}
	return nil
}

// findBase finds where the directory was: where each state that holds something was the
// directory of a component of its kind.
func findBase(set Settings, components []component, held []heldstate.State) (string, error) {
	fits := func(base string) bool {
		m := &maker{Settings: set, was: base}
		for i := range held {
			if m.at(components, &held[i]) == nil {
				return false
			}
		}
		return true
	}
	if set.Was != "" {
		if base := filepath.Clean(set.Was); fits(base) {
			return base, nil
		}
		return "", fmt.Errorf("%s is said to have been %s, and not all that it holds is the directory of a component there. %s", set.Directory, set.Was, describe(set, components, held))
	}
	if fits(set.Directory) {
		return set.Directory, nil
	}
	var bases []string
	for i := range held {
		rel, err := filepath.Rel(set.Directory, held[i].Directory)
		if err != nil {
			return "", err
		}
		for _, c := range components {
			base, ok := c.directory, true
			if rel != "." {
				base, ok = strings.CutSuffix(c.directory, string(filepath.Separator)+rel)
			}
			if ok && c.kind == held[i].Kind && fits(base) && !slices.Contains(bases, base) {
				bases = append(bases, base)
			}
		}
	}
	switch len(bases) {
	case 1:
		return bases[0], nil
	case 0:
		return "", fmt.Errorf("the configuration has no components for all that %s holds. %s", set.Directory, describe(set, components, held))
	}
	return "", fmt.Errorf("%s may have been %s: say which with --was", set.Directory, strings.Join(bases, " or "))
}

func describe(set Settings, components []component, held []heldstate.State) string {
	var has, wants []string
	for i := range held {
		has = append(has, fmt.Sprintf("%s of %s", held[i].Directory, held[i].Kind))
	}
	for _, c := range components {
		wants = append(wants, fmt.Sprintf("%s of %s", c.directory, c.id))
	}
	if len(wants) == 0 {
		wants = []string{"none"}
	}
	return fmt.Sprintf("Found: %s. Configured: %s. Where %s was at another path, --was names that", strings.Join(has, ", "), strings.Join(wants, ", "), set.Directory)
}

// maker makes the configuration.
type maker struct {
	Settings
	was      string
	config   map[string]any
	draining []component
	signals  []string // of draining; empty: any
	// used are the ids of components that stay in a pipeline.
	used map[string]bool
	// kept are pipelines, by id.
	kept map[string]map[string]any
}

// at is the component whose directory a state is.
func (m *maker) at(components []component, s *heldstate.State) *component {
	for i := range components {
		c := &components[i]
		if c.kind == s.Kind && m.moved(c.directory) == filepath.Clean(s.Directory) {
			return c
		}
	}
	return nil
}

// moved is where a path of the former configuration is now.
func (m *maker) moved(path string) string {
	rel, err := filepath.Rel(m.was, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return filepath.Join(m.Directory, rel)
}

func (m *maker) make() (map[string]any, error) {
	service := section(m.config, "service")
	pipelines := section(service, "pipelines")
	m.used, m.kept = map[string]bool{}, map[string]map[string]any{}
	var errs []error
	for i, c := range m.draining {
		if !m.keepFor(pipelines, c, m.signals[i]) {
			what := "pipeline"
			if m.signals[i] != "" {
				what = m.signals[i] + " pipeline"
			}
			errs = append(errs, fmt.Errorf("%s holds records, and the configuration has no %s with it", c.id, what))
		}
	}
	m.cutReceivers()
	for _, kind := range []string{"exporters", "processors", "connectors", "extensions"} {
		m.config[kind] = m.move(section(m.config, kind))
	}
	for _, c := range stateful(m.config) {
		if rel, err := filepath.Rel(m.Directory, c.directory); m.used[c.id] && (err != nil || strings.HasPrefix(rel, "..")) {
			errs = append(errs, fmt.Errorf("%s would get records, and keeps them in %s, outside of %s: drain the directory that has both", c.id, c.directory, m.Directory))
		}
	}
	m.deliverAtOnce()
	extensions := slices.DeleteFunc(list(service, "extensions"), func(id string) bool { return slices.Contains(listeners, typeOf(id)) })
	m.config["receivers"] = map[string]any{receiverID: map[string]any{
		"protocols": map[string]any{"grpc": map[string]any{"endpoint": m.Socket, "transport": "unix"}},
	}}
	kept := map[string]any{}
	for id, p := range m.kept {
		kept[id] = p
	}
	m.config["service"] = map[string]any{"extensions": anys(extensions), "pipelines": kept}
	for _, kind := range []string{"exporters", "processors", "connectors"} {
		maps.DeleteFunc(section(m.config, kind), func(id string, _ any) bool { return !m.used[id] })
	}
	maps.DeleteFunc(section(m.config, "extensions"), func(id string, _ any) bool { return !slices.Contains(extensions, id) })
	return m.config, errors.Join(errs...)
}

// keepFor keeps the pipelines that a component needs.
func (m *maker) keepFor(pipelines map[string]any, c component, signal string) (found bool) {
	for _, id := range slices.Sorted(maps.Keys(pipelines)) {
		p := section(pipelines, id)
		if signal != "" && typeOf(id) != signal {
			continue
		}
		if c.kind != heldstate.Fold {
			if slices.Contains(list(p, "exporters"), c.id) {
				found = true
				m.keep(id, nil, []string{c.id})
			}
			continue
		}
		if at := slices.Index(list(p, "processors"), c.id); at >= 0 {
			found = true
			m.keepFrom(pipelines, id, at)
		}
	}
	return found
}

// keepFrom keeps a pipeline from a processor on, and what its connectors lead to.
func (m *maker) keepFrom(pipelines map[string]any, id string, from int) {
	p := section(pipelines, id)
	processors, exporters := list(p, "processors")[from:], list(p, "exporters")
	if have := m.kept[id]; have != nil && len(list(have, "processors")) >= len(processors) && len(list(have, "exporters")) == len(exporters) {
		return
	}
	m.keep(id, processors, exporters)
	connectors := section(m.config, "connectors")
	for _, e := range exporters {
		if _, ok := connectors[e]; !ok {
			continue
		}
		for to := range pipelines {
			if leads(e, id, to) && slices.Contains(list(section(pipelines, to), "receivers"), e) {
				m.keepFrom(pipelines, to, 0)
			}
		}
	}
}

// leads says whether a connector can hand on to one pipeline what another gives it.
func leads(connector, from, to string) bool {
	switch typeOf(connector) {
	case "forward", "routing":
		return typeOf(from) == typeOf(to)
	}
	return true
}

// keep keeps a pipeline with the larger part of its processors, and all exporters that
// anyone wants of it.
func (m *maker) keep(id string, processors, exporters []string) {
	p := m.kept[id]
	if p == nil {
		p = map[string]any{}
		m.kept[id] = p
	}
	if len(processors) >= len(list(p, "processors")) {
		p["processors"] = anys(processors)
	}
	all := list(p, "exporters")
	for _, e := range exporters {
		if !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	p["exporters"] = anys(all)
	for _, each := range [][]string{processors, exporters} {
		for _, component := range each {
			m.used[component] = true
		}
	}
}

// cutReceivers leaves connectors as receivers, where a pipeline that is kept leads to them.
func (m *maker) cutReceivers() {
	pipelines := section(section(m.Config, "service"), "pipelines")
	for id, p := range m.kept {
		receivers := []string{}
		for _, r := range list(section(pipelines, id), "receivers") {
			_, isConnector := section(m.Config, "connectors")[r]
			if !isConnector {
				continue
			}
			for from, other := range m.kept {
				if leads(r, from, id) && slices.Contains(list(other, "exporters"), r) {
					receivers = append(receivers, r)
					break
				}
			}
		}
		if len(receivers) == 0 {
			receivers = []string{receiverID}
		}
		p["receivers"] = anys(receivers)
	}
}

// move rewrites paths below where the directory was. A directory is the state's in any case;
// another path, such as that of a key, only where there is nothing at it, or something at
// the new one.
func (m *maker) move(values map[string]any) map[string]any {
	return walk(values, func(key, value string) string {
		if !filepath.IsAbs(value) {
			return value
		}
		to := m.moved(value)
		if key == "directory" || to == value || exists(to) || !exists(value) {
			return to
		}
		return value
	}).(map[string]any)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// deliverAtOnce takes exporters' queues in memory away: what a journal lets go must be
// delivered, whatever becomes of the drain. It makes objects of the archive soon.
func (m *maker) deliverAtOnce() {
	exporters := section(m.config, "exporters")
	for id := range exporters {
		settings := section(exporters, id)
		_, configured := settings["sending_queue"]
		if (configured || slices.Contains(queued, typeOf(id))) && text(section(settings, "sending_queue"), "storage") == "" {
			settings["sending_queue"] = map[string]any{"enabled": false}
		}
		if typeOf(id) == string(heldstate.Archive) {
			settings["max_object_age"], settings["min_object_size"], settings["checkpoint_interval"] = "2s", "0B", "2s"
		}
		exporters[id] = settings
	}
}

func typeOf(id string) string {
	name, _, _ := strings.Cut(id, "/")
	return strings.TrimSpace(name)
}

func section(values map[string]any, name string) map[string]any {
	s, _ := values[name].(map[string]any)
	if s == nil {
		s = map[string]any{}
	}
	return s
}

func text(values map[string]any, name string) string {
	s, _ := values[name].(string)
	return s
}

func list(values map[string]any, name string) []string {
	var texts []string
	items, _ := values[name].([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

func anys(texts []string) []any {
	items := make([]any, len(texts))
	for i, t := range texts {
		items[i] = t
	}
	return items
}

func clone(values map[string]any) map[string]any {
	return walk(values, func(_, value string) string { return value }).(map[string]any)
}

// Escape doubles dollars: the collector expands what it reads, and this was expanded.
func Escape(values map[string]any) map[string]any {
	return walk(values, func(_, value string) string { return strings.ReplaceAll(value, "$", "$$") }).(map[string]any)
}

// walk copies mappings and lists, and gives each text to change, with the key that it is
// under.
func walk(value any, change func(key, value string) string) any {
	return walkAt("", value, change)
}

func walkAt(key string, value any, change func(key, value string) string) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, each := range v {
			out[k] = walkAt(k, each, change)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, each := range v {
			out[i] = walkAt(key, each, change)
		}
		return out
	case string:
		return change(key, v)
	}
	return value
}
