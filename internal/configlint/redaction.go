package configlint

import (
	"slices"
	"strconv"
	"strings"
)

const redactType = "redact"

// passing are the connectors that hand records on as they are and keep nothing: what
// they lead to is looked at instead. They stay within a signal.
var passing = []string{"forward", "routing", "failover", "round_robin"}

// pages are the exporters that show or write records on this machine.
var pages = map[string]string{
	"prometheus": "shows labels and exemplars on a page",
	"viewer":     "shows records on a page",
	"debug":      "prints records in the collector's own log",
	"file":       "writes records to a file",
}

// redaction finds what sees records before redact does.
func (k *checker) redaction() {
	entries := k.entries()
	for _, p := range k.pipelines {
		entry, raw := entries[p.id]
		if !raw {
			continue
		}
		way := entry.way
		before := p.processors
		at := k.redactIn(p)
		if at >= 0 {
			before = before[:at]
		}
		for _, id := range before {
			processor, _ := k.settings(kindProcessor, id)
			directory := processor.text("directory")
			if typeOf(id) == "event_fold" && directory != "" {
				where := entry.pipeline
				if at >= 0 {
					where = p.id // it only has to be moved
				}
				k.findRaw(ruleJournal, p, kindProcessor, id, "directory", directory, "way", way+" ─► "+id, "where", where)
			}
		}
		if at >= 0 {
			continue
		}
		for _, id := range p.exporters {
			words := []string{"way", way + " ─► " + id, "where", entry.pipeline, "records", p.signal}
			kind := typeOf(id)
			_, connects := k.components[kindConnector][id]
			switch {
			case connects && slices.Contains(passing, kind), !connects && k.saysNothing(id):
			case connects:
				k.findRaw(ruleConnector, p, kindConnector, id, words...)
			case pages[kind] != "":
				k.findRaw(rulePage, p, kindExporter, id, append(words, "shows", pages[kind])...)
			default:
				k.findRaw(ruleExporter, p, kindExporter, id, words...)
			}
		}
	}
}

// findRaw is find, for a place in a pipeline.
func (k *checker) findRaw(rule string, p pipeline, kind, id string, words ...string) {
	list := "exporters"
	if kind == kindProcessor {
		list = "processors"
	}
	k.find(rule, place{kind, id, []string{p.id}, []string{"service", "pipelines", p.id, list}}, words...)
	if p.signal != "logs" && p.signal != "traces" {
		k.report.Findings[len(k.report.Findings)-1].Level = Warning
	}
}

// saysNothing is for exporters that throw records away, or only count them.
func (k *checker) saysNothing(id string) bool {
	exporter, _ := k.settings(kindExporter, id)
	switch typeOf(id) {
	case "nop":
		return true
	case "debug":
		verbosity := strings.ToLower(exporter.text("verbosity"))
		return verbosity == "" || verbosity == "basic"
	}
	return false
}

// redactIn is where the pipeline's first redact stands that takes secrets out, or -1.
func (k *checker) redactIn(p pipeline) int {
	return slices.IndexFunc(p.processors, func(id string) bool { return typeOf(id) == redactType && k.idle(id) == "" })
}

// idle says by what setting a redact only counts secrets, and lets them pass.
func (k *checker) idle(redact string) string {
	processor, _ := k.settings(kindProcessor, redact)
	if processor.boolean("dry_run", false) {
		return "dry_run: true"
	}
	action, _ := processor.section("action")
	if action.text("type") == "tag" {
		return "action: {type: tag}"
	}
	return ""
}

// entry is how records get into a pipeline as they came.
type entry struct {
	way      string // the shortest one, from a receiver over pipelines and connectors
	pipeline string // the first on this way, in which redaction would serve all the others
}

// entries are those of the pipelines that get records as they came.
func (k *checker) entries() map[string]entry {
	entries := map[string]entry{}
	var found []pipeline
	add := func(p pipeline, e entry) {
		if _, known := entries[p.id]; !known {
			e.way += " ─► " + p.id
			for _, id := range p.processors {
				if typeOf(id) == redactType && k.idle(id) != "" {
					e.way += " (" + id + " has " + k.idle(id) + ")"
				}
			}
			entries[p.id] = e
			found = append(found, p)
		}
	}
	for _, p := range k.pipelines {
		var from []string
		for _, id := range p.receivers {
			if _, connects := k.components[kindConnector][id]; !connects {
				from = append(from, id)
			}
		}
		if len(from) > 0 {
			add(p, entry{way: strings.Join(from, ", "), pipeline: p.id})
		}
	}
	for len(found) > 0 { // breadth first, so that ways are short
		from := found[0]
		found = found[1:]
		if k.redactIn(from) >= 0 {
			continue
		}
		for _, connector := range from.exporters {
			if _, connects := k.components[kindConnector][connector]; !connects {
				continue
			}
			for _, to := range k.pipelines {
				if slices.Contains(to.receivers, connector) && k.leads(connector, from, to) {
					e := entries[from.id]
					e.way += " ─► " + connector
					add(to, e)
				}
			}
		}
	}
	return entries
}

// leads says whether a connector hands records of one pipeline to another that has it as
// a receiver.
func (k *checker) leads(connector string, from, to pipeline) bool {
	kind := typeOf(connector)
	if slices.Contains(passing, kind) && from.signal != to.signal {
		return false
	}
	if kind != "routing" {
		return true
	}
	routing, _ := k.settings(kindConnector, connector)
	if slices.Contains(routing.list("default_pipelines"), to.id) {
		return true
	}
	table, _ := routing.values["table"].([]any)
	for i, item := range table {
		row, _ := item.(map[string]any)
		route := settings{reader: k.reader, path: append(slices.Clone(routing.path), "table", strconv.Itoa(i)), values: row}
		if slices.Contains(route.list("pipelines"), to.id) {
			return true
		}
	}
	return false
}
