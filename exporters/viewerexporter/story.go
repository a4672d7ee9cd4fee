package viewerexporter

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
)

const (
	maxStory = 5000
	// maxParts are unfolded of all events of a story.
	maxParts = 20000
	maxDepth = 64
)

type storyPart struct {
	Record   string  `json:"record"`
	Kind     string  `json:"kind"`
	Offset   float64 `json:"offset"`
	Duration float64 `json:"duration,omitempty"`
	Depth    int     `json:"depth,omitempty"`
	Text     string  `json:"text"`
	Level    string  `json:"level"`
}

type lane struct {
	Service string      `json:"service"`
	Errors  int         `json:"errors"`
	Parts   []storyPart `json:"parts"`
}

type story struct {
	Request  string          `json:"request,omitempty"`
	Macro    string          `json:"macro,omitempty"`
	Traces   []string        `json:"traces,omitempty"`
	From     time.Time       `json:"from"`
	To       time.Time       `json:"to"`
	Lanes    []*lane         `json:"lanes"`
	Records  []record.Record `json:"records"`
	Complete bool            `json:"complete"`
}

func (a *api) story(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	request, trace := p.values.Get("request"), p.values.Get("trace")
	if (request == "") == (trace == "") {
		p.fail("request or trace is needed", "give one of them")
		return nil, nil
	}
	found, complete, err := a.store.Story(ctx, request, trace, maxStory)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, store.ErrNotFound
	}
	return tell(request, found, complete), nil
}

// told is a part at its time.
type told struct {
	service string
	at      time.Time
	part    storyPart
}

// tell lays out records, which are in the order of their times.
func tell(request string, records []record.Record, complete bool) *story {
	s := &story{Request: request, Records: records, Complete: complete, Lanes: []*lane{}}
	var parts []told
	for i := range records {
		r := &records[i]
		if r.Trace != "" && !slices.Contains(s.Traces, r.Trace) {
			s.Traces = append(s.Traces, r.Trace)
		}
		if s.Macro == "" {
			s.Macro = r.Macro
		}
		if s.Request == "" {
			s.Request = r.Request
		}
		parts = appendParts(parts, r, maxParts)
	}
	depths := depthsOf(records)
	slices.SortStableFunc(parts, func(x, y told) int { return x.at.Compare(y.at) })
	s.From = parts[0].at.UTC()
	for i := range parts {
		t := &parts[i]
		end := t.at.Add(time.Duration(t.part.Duration * float64(time.Second)))
		if end.After(s.To) {
			s.To = end.UTC()
		}
		t.part.Offset = t.at.Sub(s.From).Seconds()
		t.part.Depth = depths[t.part.Record]
		i := slices.IndexFunc(s.Lanes, func(l *lane) bool { return l.Service == t.service })
		if i < 0 {
			i = len(s.Lanes)
			s.Lanes = append(s.Lanes, &lane{Service: t.service, Parts: []storyPart{}})
		}
		l := s.Lanes[i]
		l.Parts = append(l.Parts, t.part)
		if t.part.Level == "error" || t.part.Level == "fatal" {
			l.Errors++
		}
	}
	return s
}

// appendParts appends what a record has to show: itself, and the parts of a folded event.
func appendParts(dst []told, r *record.Record, most int) []told {
	id := idOf(r)
	t := told{service: r.Service, at: r.Time, part: storyPart{
		Record: id, Kind: "log", Text: record.Text(r.Body), Level: record.Level(r.Severity), Duration: r.Duration.Seconds(),
	}}
	if r.Kind == record.Span {
		t.part.Kind = "span"
		return append(dst, t)
	}
	document, _ := r.Body.(map[string]any)
	list, ok := document["parts"].([]any)
	if _, folded := attributeOf(r.Attributes, "fold.id"); !folded {
		return append(dst, t)
	}
	t.part.Kind = "fold"
	if !ok {
		return append(dst, t)
	}
	origins, _ := document["origins"].([]any)
	t.part.Text = foldText(r, len(list))
	dst = append(dst, t)
	for _, p := range list {
		if len(dst) >= most {
			break
		}
		part, ok := p.(map[string]any)
		if !ok {
			continue
		}
		dst = appendPart(dst, r, part, origins, id)
	}
	return dst
}

// appendPart appends a part of a document, and those of one that is a document itself.
func appendPart(dst []told, r *record.Record, part map[string]any, origins []any, id string) []told {
	offset, _ := floatOf(part["offset"])
	t := told{service: r.Service, at: r.Time.Add(time.Duration(offset * float64(time.Second))), part: storyPart{Record: id, Kind: "part", Level: levelOf(part["severity_number"])}}
	if service, ok := part["service"].(string); ok {
		t.service = service
	} else if i, ok := part["origin"].(int64); ok && i >= 0 && int(i) < len(origins) {
		origin, _ := origins[i].(map[string]any)
		resource, _ := origin["resource"].(map[string]any)
		if service, ok := resource[attrService].(string); ok {
			t.service = service
		}
	}
	attributes, _ := part["attributes"].(map[string]any)
	if seconds, ok := floatOf(attributes[attrFold]); ok && seconds >= 0 {
		t.part.Duration = seconds
	}
	if inner, ok := part["message"].(map[string]any); ok {
		if list, ok := inner["parts"].([]any); ok {
			own := *r
			own.Service, own.Time = t.service, t.at
			origins, _ := inner["origins"].([]any)
			for _, p := range list {
				if part, ok := p.(map[string]any); ok && len(dst) < maxParts {
					dst = appendPart(dst, &own, part, origins, id)
				}
			}
			return dst
		}
	}
	t.part.Text = record.Text(part["message"])
	return append(dst, t)
}

func foldText(r *record.Record, parts int) string {
	outcome, _ := attributeOf(r.Attributes, "fold.outcome")
	text := record.Text(outcome)
	if text == "" {
		text = "folded"
	}
	return text + ", " + record.Text(int64(parts)) + " parts"
}

func attributeOf(fields []record.Field, name string) (any, bool) {
	i, ok := slices.BinarySearchFunc(fields, name, func(f record.Field, name string) int { return cmp.Compare(f.Name, name) })
	if !ok {
		return nil, false
	}
	return fields[i].Value, true
}

func floatOf(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	}
	return 0, false
}

func levelOf(v any) string {
	n, _ := v.(int64)
	if n < 0 || n > 24 {
		n = 0
	}
	return record.Level(uint8(n))
}

// depthsOf says how many parents a span has in its own service, by the id of its record.
func depthsOf(records []record.Record) map[string]int {
	spans := map[string]*record.Record{}
	for i := range records {
		if r := &records[i]; r.Kind == record.Span && r.Span != "" {
			spans[r.Trace+r.Span] = r
		}
	}
	out := map[string]int{}
	for _, r := range spans {
		depth := 0
		for up := spans[r.Trace+r.Parent]; up != nil && up.Service == r.Service && depth < maxDepth && r.Parent != ""; up = spans[up.Trace+up.Parent] {
			depth++
		}
		if depth > 0 {
			out[idOf(r)] = depth
		}
	}
	return out
}
