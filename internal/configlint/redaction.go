package configlint

import (
	"fmt"
	"slices"
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

// nowhere are exporters that do nothing.
var nowhere = []string{"nop"}

// redaction finds what sees records before redact does.
func (k *checker) redaction() {
	ways := k.rawWays()
	for _, p := range k.pipelines {
		way, raw := ways[p.id]
		if !raw {
			continue
		}
		before := p.processors
		at := k.redactIn(p)
		if at >= 0 {
			before = before[:at]
		}
		for _, id := range before {
			processor, _ := k.settings(kindProcessor, id)
			directory := processor.text("directory")
			if typeOf(id) == "event_fold" && directory != "" {
				k.findRaw(ruleJournal, p, kindProcessor, id, "directory", directory, "way", way+" ─► "+id)
			}
		}
		if at >= 0 {
			continue
		}
		for _, id := range p.exporters {
			words := []string{"way", way + " ─► " + id, "cleanse", cleanse(p), "records", p.signal}
			kind := typeOf(id)
			_, connects := k.components[kindConnector][id]
			switch {
			case connects && slices.Contains(passing, kind), slices.Contains(nowhere, kind):
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

// cleanse is the remedy for a pipeline without redact.
func cleanse(p pipeline) string {
	text := fmt.Sprintf("Put redact in service::pipelines::%s::processors, before all that keeps or hands on records", p.id)
	if p.signal == "metrics" {
		text += "; where a connector makes them, in the pipeline that it takes records from"
	}
	return text
}

// redactIn is where the pipeline's first redact stands, or -1.
func (k *checker) redactIn(p pipeline) int {
	return slices.IndexFunc(p.processors, func(id string) bool { return typeOf(id) == redactType })
}

// rawWays gives, for each pipeline that gets records as they came, a shortest way on
// which it does: from a receiver over pipelines and connectors.
func (k *checker) rawWays() map[string]string {
	ways := map[string]string{}
	var found []pipeline
	add := func(p pipeline, way string) {
		if _, known := ways[p.id]; !known {
			ways[p.id] = way + " ─► " + p.id
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
			add(p, strings.Join(from, ", "))
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
					add(to, ways[from.id]+" ─► "+connector)
				}
			}
		}
	}
	return ways
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
		route := settings{reader: k.reader, path: append(slices.Clone(routing.path), "table", fmt.Sprint(i)), values: row}
		if slices.Contains(route.list("pipelines"), to.id) {
			return true
		}
	}
	return false
}
