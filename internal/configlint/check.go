package configlint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Finding is one thing in the wrong place.
type Finding struct {
	Rule  string `json:"rule"`
	Level Level  `json:"level"`
	// Pipelines in which it is so.
	Pipelines []string `json:"pipelines"`
	Kind      string   `json:"kind"`
	Component string   `json:"component"`
	// File and Line say where it can be set right; Line is 0 where it is in no file.
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Lost says what goes wrong, Remedy what to write instead.
	Lost   string `json:"lost"`
	Remedy string `json:"remedy"`
	// Accepted findings are shown and count for nothing.
	Accepted bool `json:"accepted"`
}

// Report is what Check finds, by pipeline.
type Report struct {
	Findings []Finding `json:"findings"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Accepted int       `json:"accepted"`
	// Unused are what was to be accepted and is not there.
	Unused []string `json:"unused_allows"`
}

// Check applies all rules. It fails when a setting that a rule looks at is of the wrong
// type, and then names all of those.
func Check(c *Config, allows ...Allow) (*Report, error) {
	k := &checker{Config: c, reader: &reader{config: c}, report: &Report{Findings: []Finding{}, Unused: []string{}}}
	k.undefined()
	k.exposure()
	k.earlyECS()
	k.redaction()
	k.delivery()
	if err := errors.Join(k.reader.errs...); err != nil {
		return nil, err
	}
	k.report.sort()
	k.report.accept(allows)
	return k.report, nil
}

type checker struct {
	*Config
	reader *reader
	report *Report
}

// place is what a finding is about.
type place struct {
	kind, component string
	pipelines       []string
	// key is where it can be set right.
	key []string
}

// find adds a finding; words are pairs of a word in braces and what it stands for.
func (k *checker) find(rule string, at place, words ...string) {
	r := ruleOf(rule)
	words = append([]string{
		"component", at.component, "kind", at.kind, "pipeline", strings.Join(at.pipelines, ", "),
		"key", strings.Join(at.key, "::"),
	}, words...)
	for i := 0; i < len(words); i += 2 {
		words[i] = "{" + words[i] + "}"
	}
	fill := strings.NewReplacer(words...)
	f := Finding{
		Rule: r.ID, Level: r.Level, Pipelines: at.pipelines, Kind: at.kind, Component: at.component,
		Lost: fill.Replace(r.Lost), Remedy: fill.Replace(r.Remedy),
	}
	if f.Pipelines == nil {
		f.Pipelines = []string{}
	}
	f.File, f.Line = k.locate(at.key)
	k.report.Findings = append(k.report.Findings, f)
}

// settings are those of a component, empty where there is none.
func (k *checker) settings(kind, id string) (settings, bool) {
	s, ok := k.components[kind][id]
	s.reader = k.reader
	return s, ok
}

// users are the pipelines that name a component in this kind of place, by component.
func (k *checker) users(list func(pipeline) []string) (ids []string, in map[string][]string) {
	in = map[string][]string{}
	for _, p := range k.pipelines {
		for _, id := range list(p) {
			if in[id] == nil {
				ids = append(ids, id)
			}
			if !slices.Contains(in[id], p.id) {
				in[id] = append(in[id], p.id)
			}
		}
	}
	return ids, in
}

func receiversOf(p pipeline) []string  { return p.receivers }
func processorsOf(p pipeline) []string { return p.processors }
func exportersOf(p pipeline) []string  { return p.exporters }

// undefined finds names of components that there are none of.
func (k *checker) undefined() {
	defined := func(id string, kinds ...string) bool {
		return slices.ContainsFunc(kinds, func(kind string) bool { _, ok := k.components[kind][id]; return ok })
	}
	for _, p := range k.pipelines {
		for _, part := range []struct {
			ids  []string
			kind string
			or   string
		}{
			{p.receivers, kindReceiver, kindConnector},
			{p.processors, kindProcessor, ""},
			{p.exporters, kindExporter, kindConnector},
		} {
			key := []string{"service", "pipelines", p.id, part.kind + "s"}
			for _, id := range part.ids {
				if !defined(id, part.kind, part.or) {
					where := part.kind + "s"
					if part.or != "" {
						where += " or " + part.or + "s"
					}
					k.find(ruleUndefined, place{part.kind, id, []string{p.id}, key},
						"problem", "is not defined in "+where, "remedy", "Define it there, or correct the name")
				}
			}
		}
	}
	for _, id := range k.extensions {
		if !defined(id, kindExtension) {
			k.find(ruleUndefined, place{kindExtension, id, nil, []string{"service", "extensions"}},
				"problem", "is not defined in extensions", "remedy", "Define it there, or correct the name")
		}
	}
	for _, use := range k.storages() {
		problem := ""
		switch {
		case !defined(use.storage, kindExtension):
			problem = "is not defined in extensions"
		case !slices.Contains(k.extensions, use.storage):
			problem = "service::extensions does not start"
		default:
			continue
		}
		k.find(ruleUndefined, place{kindExtension, use.storage, use.pipelines, use.key},
			"problem", problem, "remedy", "Define it in extensions, and add it to service::extensions")
	}
}

// sort brings findings into the order of the report.
func (r *Report) sort() {
	kind := func(f Finding) int { return slices.Index(kinds, f.Kind) }
	rule := func(f Finding) int { return slices.Index(ruleIDs(), f.Rule) }
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			-cmp.Compare(min(len(a.Pipelines), 1), min(len(b.Pipelines), 1)), // what is in no pipeline stands last
			slices.Compare(a.Pipelines, b.Pipelines),
			cmp.Compare(kind(a), kind(b)),
			strings.Compare(a.Component, b.Component),
			cmp.Compare(rule(a), rule(b)),
		)
	})
}

func (r *Report) accept(allows []Allow) {
	used := make([]bool, len(allows))
	for i, f := range r.Findings {
		for j, allow := range allows {
			if allow.accepts(f) {
				r.Findings[i].Accepted, used[j] = true, true
			}
		}
		switch {
		case r.Findings[i].Accepted:
			r.Accepted++
		case f.Level == Error:
			r.Errors++
		default:
			r.Warnings++
		}
	}
	for j, allow := range allows {
		if !used[j] {
			r.Unused = append(r.Unused, allow.String())
		}
	}
}

// plural is "1 error", "2 errors".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
