package metricstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// Metric is the schema Metric of openapi.yaml.
type Metric struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Unit       string   `json:"unit,omitempty"`
	Help       string   `json:"help,omitempty"`
	Labels     []string `json:"labels"`
	Series     int      `json:"series"`
	Exemplars  bool     `json:"exemplars"`
	Expression string   `json:"expression"`
}

// Series is one of an expression: points are Unix milliseconds and a value, nil where there is none.
type Series struct {
	Labels map[string]string `json:"labels"`
	Points [][2]any          `json:"points"`
	peak   float64
}

// Exemplar is the schema Exemplar of openapi.yaml.
type Exemplar struct {
	Time    float64           `json:"time"`
	Value   float64           `json:"value"`
	Labels  map[string]string `json:"labels"`
	Request string            `json:"request,omitempty"`
	Trace   string            `json:"trace,omitempty"`
	Span    string            `json:"span,omitempty"`
	series  labels.Labels
}

// Result is what an expression gives. More are series that are left out for the limit.
type Result struct {
	Series    []Series   `json:"series"`
	Exemplars []Exemplar `json:"exemplars"`
	More      int        `json:"more"`
}

// ExpressionError says what is wrong with an expression, and where, in UTF-16 units.
type ExpressionError struct {
	At   int
	Text string
}

func (e *ExpressionError) Error() string { return e.Text }

const maxShownExemplars = 500

// Series gives an expression over time, [from, to): at most points of each series, and at most limit
// series, those with the highest values.
func (s *Store) Series(ctx context.Context, expression string, from, to time.Time, points, limit int) (Result, error) {
	parsed, err := s.parser.ParseExpr(expression)
	if err != nil {
		return Result{}, wrong(expression, err)
	}
	if t := parsed.Type(); t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		return Result{}, &ExpressionError{0, fmt.Sprintf("this is a %s; write one that has a value at each time, such as rate(%s)", t, expression)}
	}
	step := (to.Sub(from)/time.Duration(max(points-1, 1)) + time.Second - 1).Truncate(time.Second)
	step = max(step, time.Second)
	to = to.Add(-time.Millisecond) // which is not in the window
	// Steps stand at the same times whatever the window is, so that lines do not dance.
	start := from.Truncate(step)
	if start.Before(from) {
		start = start.Add(step)
	}
	if start.After(to) {
		start = from
	}
	query, err := s.engine.NewRangeQuery(ctx, s.db, promql.NewPrometheusQueryOpts(false, 0), expression, start, to, step)
	if err != nil {
		return Result{}, wrong(expression, err)
	}
	defer query.Close()
	answer := query.Exec(ctx)
	if answer.Err != nil {
		return Result{}, failed(answer.Err)
	}
	out := Result{Series: []Series{}, Exemplars: []Exemplar{}}
	matrix, err := answer.Matrix()
	if err != nil {
		return Result{}, err
	}
	for _, series := range matrix {
		out.Series = append(out.Series, shownSeries(series))
	}
	slices.SortStableFunc(out.Series, func(a, b Series) int { return cmp.Compare(b.peak, a.peak) })
	if len(out.Series) > limit {
		out.More = len(out.Series) - limit
		out.Series = out.Series[:limit]
	}
	out.Exemplars, err = s.exemplars(ctx, parsed, from, to)
	return out, err
}

func shownSeries(series promql.Series) Series {
	out := Series{Labels: series.Metric.Map(), Points: make([][2]any, 0, len(series.Floats)+len(series.Histograms)), peak: math.Inf(-1)}
	add := func(at int64, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out.Points = append(out.Points, [2]any{at, nil})
			return
		}
		out.peak = max(out.peak, v)
		out.Points = append(out.Points, [2]any{at, v})
	}
	for _, p := range series.Floats {
		add(p.T, p.F)
	}
	// Of a native histogram as it is, the number of what it has seen.
	for _, p := range series.Histograms {
		add(p.T, p.H.Count)
	}
	slices.SortStableFunc(out.Points, func(a, b [2]any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) })
	return out
}

// exemplars are those of the series that an expression selects.
func (s *Store) exemplars(ctx context.Context, expression parser.Expr, from, to time.Time) ([]Exemplar, error) {
	selectors := parser.ExtractSelectors(expression)
	out := []Exemplar{}
	if len(selectors) == 0 {
		return out, nil
	}
	querier, err := s.db.ExemplarQuerier(ctx)
	if err != nil {
		return nil, err
	}
	found, err := querier.Select(from.UnixMilli(), to.UnixMilli(), selectors...)
	if err != nil {
		return nil, err
	}
	seen := map[exemplarKey]bool{}
	for _, series := range found {
		for _, e := range series.Exemplars {
			shown := Exemplar{Time: float64(e.Ts), Value: e.Value, series: series.SeriesLabels}
			e.Labels.Range(func(l labels.Label) {
				switch l.Name {
				case "trace_id":
					shown.Trace = l.Value
				case "span_id":
					shown.Span = l.Value
				case "request_id", "request.id":
					shown.Request = l.Value
				}
			})
			// Each bucket of a histogram may have it.
			key := exemplarKey{e.Ts, e.Value, shown.Trace, shown.Span, shown.Request}
			if !seen[key] && !math.IsNaN(e.Value) && !math.IsInf(e.Value, 0) {
				seen[key] = true
				out = append(out, shown)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Exemplar) int { return cmp.Compare(a.Time, b.Time) })
	if len(out) > maxShownExemplars {
		// The highest are those that someone looks for.
		slices.SortStableFunc(out, func(a, b Exemplar) int { return cmp.Compare(b.Value, a.Value) })
		out = out[:maxShownExemplars]
		slices.SortStableFunc(out, func(a, b Exemplar) int { return cmp.Compare(a.Time, b.Time) })
	}
	for i := range out {
		out[i].Labels = out[i].series.Map()
	}
	return out, nil
}

// exemplarKey is what makes exemplars of several series one.
type exemplarKey struct {
	at                   int64
	value                float64
	trace, span, request string
}

// Metrics says which metrics there are between two times, by name.
func (s *Store) Metrics(ctx context.Context, from, to time.Time) ([]Metric, error) {
	querier, err := s.db.Querier(from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer func() { _ = querier.Close() }()
	hints := &storage.SelectHints{Start: from.UnixMilli(), End: to.UnixMilli(), Func: "series"}
	names, _, err := querier.LabelValues(ctx, model.MetricNameLabel, nil)
	if err != nil {
		return nil, failed(err)
	}
	found := map[string]*gathered{}
	for _, name := range names {
		series := querier.Select(ctx, false, hints, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
		g := &gathered{labels: map[string]map[string]bool{}}
		for series.Next() {
			if g.series++; g.series <= maxLookedAt {
				g.look(series.At().Labels())
			}
		}
		if err := series.Err(); err != nil {
			return nil, failed(err)
		}
		if g.series > 0 {
			found[name] = g
		}
	}
	return s.families(found, s.withExemplars(from)), nil
}

// maxLookedAt is of how many of a metric's series the labels are looked at; the others are counted.
const maxLookedAt = 2000

// gathered is what the series of a name have.
type gathered struct {
	series int
	labels map[string]map[string]bool
}

// look takes the labels of a series.
func (g *gathered) look(set labels.Labels) {
	set.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		values := g.labels[l.Name]
		if values == nil {
			values = map[string]bool{}
			g.labels[l.Name] = values
		}
		if len(values) < 1000 {
			values[l.Value] = true
		}
	})
}

// withExemplars says which names have one since a time.
func (s *Store) withExemplars(from time.Time) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]bool{}
	for name, at := range s.exemplar {
		out[name] = at >= from.UnixMilli()
	}
	return out
}

// seeExemplar keeps that a name has one.
func (s *Store) seeExemplar(name string, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at > s.exemplar[name] && (len(s.exemplar) < maxAbout || s.exemplar[name] > 0) {
		s.exemplar[name] = at
	}
}

// findExemplars reads which names have exemplars.
func (s *Store) findExemplars(ctx context.Context) error {
	querier, err := s.db.ExemplarQuerier(ctx)
	if err != nil {
		return err
	}
	found, err := querier.Select(math.MinInt64, math.MaxInt64, []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+")})
	if err != nil {
		return err
	}
	for _, series := range found {
		for _, e := range series.Exemplars {
			s.seeExemplar(series.SeriesLabels.Get(model.MetricNameLabel), e.Ts)
		}
	}
	return nil
}

// families puts the series of a histogram or a summary together.
func (s *Store) families(found map[string]*gathered, exemplars map[string]bool) []Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Metric{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if name == "target_info" {
			continue
		}
		g := found[name]
		base, part := name, ""
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if b, ok := strings.CutSuffix(name, suffix); ok && (found[b+"_bucket"] != nil || found[b] != nil && suffix != "_bucket" && found[b].labels["quantile"] != nil) {
				base, part = b, suffix
			}
		}
		if part == "_count" || part == "_sum" {
			continue
		}
		m := Metric{Name: base, Series: g.series, Labels: []string{}, Exemplars: exemplars[name]}
		for _, label := range slices.Sorted(maps.Keys(g.labels)) {
			if label != labels.BucketLabel && label != "quantile" {
				m.Labels = append(m.Labels, label)
			}
		}
		a := s.about[base]
		m.Type, m.Unit, m.Help = cmp.Or(a.Kind, "unknown"), a.Unit, a.Help
		switch {
		case part == "_bucket":
			m.Type = "histogram"
		case g.labels["quantile"] != nil:
			m.Type = "summary"
		case m.Type == "unknown" && strings.HasSuffix(name, "_total"):
			m.Type = "counter"
		}
		m.Expression = expressionOf(&m, g, part == "_bucket")
		out = append(out, m)
	}
	return out
}

// maxTelling is of how many values a label still tells series apart for a person.
const maxTelling = 12

// telling is the label that says most: the one with the most values that can still be read; of a resource's only
// where the series have none of their own.
func telling(g *gathered) string {
	if label := tellingOf(g, false); label != "" {
		return label
	}
	return tellingOf(g, true)
}

func tellingOf(g *gathered, resource bool) string {
	best := ""
	for _, label := range slices.Sorted(maps.Keys(g.labels)) {
		n := len(g.labels[label])
		if label == labels.BucketLabel || label == "quantile" || label == "instance" || label == "service_instance_id" || ofResource[label] != resource || n < 2 || n > maxTelling {
			continue
		}
		if best == "" || n > len(g.labels[best]) {
			best = label
		}
	}
	return best
}

// expressionOf is PromQL that shows a metric best.
func expressionOf(m *Metric, g *gathered, classic bool) string {
	by := ""
	if label := telling(g); label != "" {
		by = " by (" + quoted(label) + ")"
	}
	selector := quotedMetric(m.Name)
	switch {
	case classic:
		buckets := " by (le)"
		if label := telling(g); label != "" {
			buckets = " by (le, " + quoted(label) + ")"
		}
		return "histogram_quantile(0.95, sum" + buckets + " (rate(" + quotedMetric(m.Name+"_bucket") + "[5m])))"
	case m.Type == "histogram":
		return "histogram_quantile(0.95, sum" + by + " (rate(" + selector + "[5m])))"
	case m.Type == "counter":
		return "sum" + by + " (rate(" + selector + "[5m]))"
	}
	return selector
}

func quotedMetric(name string) string {
	if plainName(name, true) {
		return name
	}
	return "{" + fmt.Sprintf("%q", name) + "}"
}

func quoted(label string) string {
	if plainName(label, false) {
		return label
	}
	return fmt.Sprintf("%q", label)
}

func plainName(name string, colons bool) bool {
	for i, r := range name {
		switch {
		case r == '_', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', i > 0 && r >= '0' && r <= '9', colons && r == ':':
		default:
			return false
		}
	}
	return name != ""
}

// wrong says what is wrong with an expression, at the first place.
func wrong(expression string, err error) error {
	var all parser.ParseErrors
	if !errors.As(err, &all) || len(all) == 0 {
		return &ExpressionError{0, err.Error()}
	}
	at := min(max(int(all[0].PositionRange.Start), 0), len(expression))
	return &ExpressionError{len(utf16.Encode([]rune(expression[:at]))), all[0].Err.Error()}
}

func failed(err error) error {
	var timeout promql.ErrQueryTimeout
	var samples promql.ErrTooManySamples
	if errors.As(err, &timeout) || errors.As(err, &samples) {
		return fmt.Errorf("%w: %w", ErrTooMuch, err)
	}
	return err
}
