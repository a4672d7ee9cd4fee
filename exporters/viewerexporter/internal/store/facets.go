package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// ValueCount is a value, or a field's name, and how many records have it.
type ValueCount struct {
	Value string
	Count int
}

// Facet is a field's most frequent values.
type Facet struct {
	Field  string
	Values []ValueCount
	Others int // records with other values
}

const (
	// maxFacetValues of a field are counted one by one.
	maxFacetValues = 10_000
	// maxFacetText is the longest value that is worth a line of its own.
	maxFacetText = 256
	// fewValues is what a field has at most that nobody asked for by its name.
	fewValues = 64
	// standardFacets is how many of them there are, besides service and level.
	standardFacets = 10
)

// tally counts the values of a field.
type tally struct {
	field  query.Field
	name   string
	total  int
	counts map[string]int
	many   bool // a block has so many values that they are no dictionary
}

func newTally(name string) *tally {
	return &tally{name: name, field: query.FieldOf(name), counts: map[string]int{}}
}

func (t *tally) add(value string, n int) {
	t.total += n
	if _, ok := t.counts[value]; ok || len(t.counts) < maxFacetValues && len(value) <= maxFacetText {
		t.counts[value] += n
	}
}

func (t *tally) facet(limit int) Facet {
	values := top(t.counts, limit)
	out := Facet{Field: t.name, Values: values, Others: t.total}
	for _, v := range values {
		out.Others -= v.Count
	}
	return out
}

// top gives the most frequent ones, those of one number by name.
func top(counts map[string]int, limit int) []ValueCount {
	out := make([]ValueCount, 0, len(counts))
	for value, n := range counts {
		out = append(out, ValueCount{value, n})
	}
	slices.SortFunc(out, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), max(0, limit))]
}

// Facets gives the most frequent values of fields among what matches; without names, those of service, level,
// and the attributes that most records have and that have few values. counted is how many records were
// looked at, the newest first; complete is false where the time for one call ended before the last.
func (s *Store) Facets(ctx context.Context, q query.Query, r Range, fields []string, limit int) (facets []Facet, counted int, complete bool, err error) {
	var tallies []*tally
	others := map[string]*tally(nil)
	if len(fields) == 0 {
		fields = []string{"service", "level"}
		others = map[string]*tally{}
	}
	for _, name := range fields {
		tallies = append(tallies, newTally(name))
	}
	counted, complete, err = s.tally(ctx, q, r, s.settings.QueryTime, tallies, others)
	if err != nil {
		return nil, 0, false, err
	}
	for _, t := range tallies {
		facets = append(facets, t.facet(limit))
	}
	found := make([]*tally, 0, len(others))
	for _, t := range others {
		if !t.many && len(t.counts) <= fewValues {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *tally) int { return cmp.Or(cmp.Compare(b.total, a.total), strings.Compare(a.name, b.name)) })
	for _, t := range found[:min(len(found), standardFacets)] {
		facets = append(facets, t.facet(limit))
	}
	return facets, counted, complete, nil
}

// Values gives the most frequent values of a field that begin with prefix, whatever its case, among the
// newest records.
func (s *Store) Values(ctx context.Context, field, prefix string, r Range, limit int) ([]ValueCount, error) {
	t := newTally(field)
	if t.field.Name == "" {
		return nil, nil
	}
	if _, _, err := s.tally(ctx, query.Query{}, r, s.settings.QueryTime/4, []*tally{t}, nil); err != nil {
		return nil, err
	}
	prefix = query.Fold(prefix)
	for value := range t.counts {
		if !strings.HasPrefix(query.Fold(value), prefix) {
			delete(t.counts, value)
		}
	}
	return top(t.counts, limit), nil
}

// tally counts, the newest first, until the time is over. others, if not nil, gets all attributes with few
// values.
func (s *Store) tally(ctx context.Context, q query.Query, r Range, within time.Duration, tallies []*tally, others map[string]*tally) (counted int, complete bool, err error) {
	view, release := s.view()
	defer release()
	search, done := s.search(q)
	defer done()
	w := everything
	w.from, w.to = r.nanos()
	sources := view.overlapping(w)
	newestFirst(sources)
	deadline := time.Now().Add(within)
	for i := range sources {
		if i > 0 && time.Now().After(deadline) {
			return counted, false, nil
		}
		err := search.turn(ctx, func() error {
			from := &sources[i]
			if from.block == nil {
				for j := range from.head {
					if r := &from.head[j]; w.has(r.Time.UnixNano(), r.ID) && q.Match(r) {
						counted++
						tallyRecord(r, tallies, others)
					}
				}
				return nil
			}
			found, _, r, err := search.matches(from, w)
			if err != nil || r == nil || found.empty() {
				return err
			}
			e := evaluator{r, search.needs}
			for _, t := range tallies {
				if err := e.tally(t, found); err != nil {
					return &damagedError{from.block, err}
				}
			}
			if others != nil {
				if err := e.tallyOthers(others, found); err != nil {
					return &damagedError{from.block, err}
				}
			}
			counted += found.count()
			return nil
		})
		if err != nil {
			return 0, false, err
		}
	}
	return counted, true, nil
}

func tallyRecord(r *record.Record, tallies []*tally, others map[string]*tally) {
	for _, t := range tallies {
		if v, ok := t.field.Value(r); ok {
			t.add(record.Text(v), 1)
		}
	}
	if others == nil {
		return
	}
	for i := range r.Attributes {
		if f := &r.Attributes[i]; r.Attributes[i].Value != nil {
			otherTally(others, f.Name).add(record.Text(f.Value), 1)
		}
	}
}

// maxOtherTallies bounds how many attributes nobody asked for are counted.
const maxOtherTallies = 512

func otherTally(others map[string]*tally, name string) *tally {
	t := others[name]
	if t == nil {
		t = &tally{name: name, counts: map[string]int{}}
		if len(others) < maxOtherTallies {
			others[strings.Clone(name)] = t
		}
	}
	if len(t.counts) > fewValues {
		t.many = true
		clear(t.counts)
	}
	return t
}

// tally counts the values of a field of rows.
func (e *evaluator) tally(t *tally, rows bitmap) error {
	switch t.field.Kind {
	case query.Kind, query.Level:
		fixed := columnKind
		if t.field.Kind == query.Level {
			fixed = columnSeverity
		}
		values, err := e.ints(fixed)
		if err != nil {
			return err
		}
		var counts [256]int
		rows.rows(func(row int) { counts[uint8(values[row])]++ })
		for v, n := range counts {
			switch {
			case n == 0:
			case fixed == columnKind:
				t.add(record.Kind(v).String(), n)
			default:
				t.add(record.Level(uint8(v)), n)
			}
		}
		return nil
	case query.Duration:
		durations, there, err := e.durations(rows)
		if err != nil {
			return err
		}
		there.rows(func(row int) { t.add(record.Text(durations[row].Seconds()), 1) })
		return nil
	}
	return e.resolve(&t.field, rows, visitor{
		column: func(c *column, rows bitmap) { t.addColumn(c, rows) },
		value:  func(v any, rows bitmap) { t.add(record.Text(v), rows.count()) },
	})
}

// addColumn counts the values of rows, all of which have one.
func (t *tally) addColumn(c *column, rows bitmap) {
	switch c.form {
	case formConst:
		if n := rows.count(); n > 0 {
			t.add(strings.Clone(record.Text(c.values[0])), n)
		}
	case formDict:
		var counts [maxDict + 1]int
		rows.rows(func(row int) { counts[c.codes[row]]++ })
		for i, v := range c.values {
			if n := counts[i+1]; n > 0 {
				t.add(strings.Clone(record.Text(v)), n)
			}
		}
	default:
		var text []byte
		rows.rows(func(row int) {
			text = c.appendText(text[:0], row)
			t.add(string(text), 1)
		})
	}
}

// tallyOthers counts the values of all attributes with few of them.
func (e *evaluator) tallyOthers(others map[string]*tally, rows bitmap) error {
	for i := range e.places {
		p := &e.places[i]
		if p.fixed != fixedColumns || p.stored == storedCopy {
			continue
		}
		t := otherTally(others, p.name)
		if t.many {
			continue
		}
		c, err := e.column(i)
		if err != nil {
			return err
		}
		if c.form != formConst && c.form != formDict {
			t.many = true
			continue
		}
		t.addColumn(c, rows.and(c.there))
	}
	return nil
}

// fixedNames are what fields of the record itself are called in queries.
var fixedNames = map[int]string{
	columnService: "service", columnRequest: "request", columnMacro: "macro", columnTrace: "trace", columnSpan: "span",
	columnParent: "parent", columnUID: "uid", columnEvent: "name", columnBody: "body", columnDuration: "duration",
	columnSeverity: "level", columnKind: "kind",
}

// otherNames are short names of attributes.
var otherNames = map[string]string{"http.response.status_code": "status", "host.name": "host"}

// Fields gives the names of fields that begin with prefix, whatever its case, and how many of the newest
// records have them: the short names, the attributes', and the resources'.
func (s *Store) Fields(ctx context.Context, prefix string, r Range, limit int) ([]ValueCount, error) {
	view, release := s.view()
	defer release()
	search, done := s.search(query.Query{})
	defer done()
	w := everything
	w.from, w.to = r.nanos()
	sources := view.overlapping(w)
	newestFirst(sources)
	counts := map[string]int{}
	prefix = query.Fold(prefix)
	add := func(name string, n int) {
		if name == "" || n == 0 || len(name) > maxFacetText {
			return
		}
		if _, ok := counts[name]; (ok || len(counts) < maxFacetValues) && strings.HasPrefix(query.Fold(name), prefix) {
			counts[strings.Clone(name)] += n
		}
		if short := otherNames[name]; strings.HasPrefix(short, prefix) && short != "" {
			counts[short] += n
		}
	}
	deadline := time.Now().Add(s.settings.QueryTime / 4)
	for i := range sources {
		if i > 0 && time.Now().After(deadline) {
			break
		}
		err := search.turn(ctx, func() error {
			if sources[i].block == nil {
				for j := range sources[i].head {
					fieldsOf(&sources[i].head[j], add)
				}
				return nil
			}
			r, err := newReader(sources[i].block, s.decoder, search.buffers)
			if err == nil {
				err = r.fields(add)
			}
			if err != nil {
				return &damagedError{sources[i].block, err}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return top(counts, limit), nil
}

// fields gives the names of a block's fields and how many records have them.
func (r *reader) fields(add func(name string, n int)) error {
	for i := range r.places {
		if p := &r.places[i]; p.fixed == fixedColumns {
			add(p.name, p.count)
		} else {
			add(fixedNames[p.fixed], p.count)
		}
	}
	rest, err := r.restFields()
	if err != nil {
		return err
	}
	for _, fields := range rest {
		for i := range fields {
			add(fields[i].Name, 1)
		}
	}
	if err := r.readResources(); err != nil {
		return err
	}
	counts := make([]int, len(r.resources))
	for _, at := range r.rowResource {
		if at >= 0 {
			counts[at]++
		}
	}
	for i, fields := range r.resources {
		for j := range fields {
			add(fields[j].Name, counts[i])
		}
	}
	return nil
}

func fieldsOf(r *record.Record, add func(name string, n int)) {
	for column, name := range fixedNames {
		switch column {
		case columnSeverity, columnKind:
			add(name, 1)
		case columnDuration:
			if r.HasDuration {
				add(name, 1)
			}
		case columnBody:
			if r.Body != nil {
				add(name, 1)
			}
		case columnEvent:
			if r.Event != "" {
				add(name, 1)
			}
		}
	}
	for _, id := range [...]struct{ name, value string }{
		{"service", r.Service}, {"request", r.Request}, {"macro", r.Macro}, {"trace", r.Trace}, {"span", r.Span}, {"parent", r.Parent}, {"uid", r.UID},
	} {
		if id.value != "" {
			add(id.name, 1)
		}
	}
	for _, fields := range [...][]record.Field{r.Attributes, r.Resource} {
		for i := range fields {
			add(fields[i].Name, 1)
		}
	}
}
