package viewerexporter

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/metricstore"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/web"
)

const (
	apiPath = "/api/v1/"
	// maxAnswer is how long an answer may take, but for a tail's.
	maxAnswer = 20 * time.Second
	// minGzip is where compressing is worth its time.
	minGzip = 1400
)

// api answers the calls of openapi.yaml.
type api struct {
	store     *store.Store
	points    metricSource
	health    *health // nil: none
	pipelines map[string]PipelineConfig
	version   string
	limits    *limits
	refuse    func(reason string)
	logger    *zap.Logger
}

// limits bound what the page takes from the pipelines.
type limits struct {
	queries, tails chan struct{}
	// ending ends tails.
	ending context.Context //nolint:containedctx // it is the server's life, not a call's
	end    context.CancelFunc
}

func newLimits() *limits {
	l := &limits{queries: make(chan struct{}, max(8, 4*runtime.GOMAXPROCS(0))), tails: make(chan struct{}, 32)}
	l.ending, l.end = context.WithCancel(context.Background())
	return l
}

func (a *api) end() { a.limits.end() }

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	for path, answer := range map[string]func(context.Context, *parameters, *http.Request) (any, error){
		"status":       a.status,
		"records":      a.records,
		"records/{id}": a.record,
		"volume":       a.volume,
		"facets":       a.facets,
		"completions":  a.completions,
		"story":        a.story,
		"metrics":      a.metrics,
		"series":       a.series,
		"pipeline":     a.pipeline,
	} {
		mux.Handle(apiPath+path, a.query(answer))
	}
	mux.HandleFunc(apiPath+"tail", a.tail)
	mux.HandleFunc(apiPath, func(w http.ResponseWriter, r *http.Request) {
		answerProblem(w, http.StatusNotFound, "there is no such call", printable(r.URL.Path)+" is none of the API, which openapi.yaml describes")
	})
	mux.Handle("/", pages(web.Files()))
	return mux
}

// query answers a call that ends.
func (a *api) query(answer func(context.Context, *parameters, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case a.limits.queries <- struct{}{}:
			defer func() { <-a.limits.queries }()
		default:
			a.busy(w, "queries")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), maxAnswer)
		defer cancel()
		p := parametersOf(r)
		body, err := answer(ctx, p, r)
		switch {
		case p.problem != nil:
			p.problem.write(w)
		case err != nil:
			a.failed(w, r, err)
		default:
			answerJSON(w, r, body)
		}
	})
}

func (a *api) busy(w http.ResponseWriter, what string) {
	a.refuse(reasonLimit)
	w.Header().Set("Retry-After", "1")
	answerProblem(w, http.StatusTooManyRequests, "too many "+what+" at a time", "ask again in a second")
}

func (a *api) failed(w http.ResponseWriter, r *http.Request, err error) {
	var expression *metricstore.ExpressionError
	switch {
	case errors.Is(err, store.ErrNotFound):
		answerProblem(w, http.StatusNotFound, "there is no such record", "it is not there, or no longer: the oldest go first")
	case errors.Is(err, store.ErrCursor):
		answerProblem(w, http.StatusBadRequest, "cursor is none of this store's", "use next of the page before, with the same query, from and to")
	case errors.As(err, &expression):
		at := expression.At
		problem{Title: "expression can't be read", Status: http.StatusBadRequest, Detail: expression.Text, At: &at}.write(w)
	case errors.Is(err, store.ErrClosed):
		answerProblem(w, http.StatusServiceUnavailable, "the Collector is shutting down", "")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, metricstore.ErrTooMuch):
		answerProblem(w, http.StatusUnprocessableEntity, "that takes too long", "ask for a shorter time, or for less: "+err.Error())
	case r.Context().Err() != nil: // nobody waits for it
	default:
		a.logger.Warn("A query of the page failed", zap.String("call", r.URL.Path), zap.Error(err))
		answerProblem(w, http.StatusInternalServerError, "the store could not answer", err.Error())
	}
}

func answerJSON(w http.ResponseWriter, r *http.Request, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		answerProblem(w, http.StatusInternalServerError, "the answer has no form as JSON", err.Error())
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Add("Vary", "Accept-Encoding")
	if len(text) >= minGzip && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, _ = z.Write(text)
		_ = z.Close()
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

func acceptsGzip(r *http.Request) bool {
	for name := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(name, ";")
		if strings.TrimSpace(name) == "gzip" && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func asQueryError(err error) (*query.Error, bool) {
	var wrong *query.Error
	ok := errors.As(err, &wrong)
	return wrong, ok
}

// pages serves the page's files: those with a hash in their names for good.
func pages(files fs.FS) http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		switch {
		case strings.HasPrefix(name, "assets/"):
			w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
		case name != "" && !strings.Contains(name, "."):
			// A view of the page has a path of its own.
			r = r.Clone(r.Context())
			r.URL.Path = "/"
		}
		packed(files, server, w, r)
	})
}

// packed serves the file's gzip form, where there is one.
func packed(files fs.FS, server http.Handler, w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if _, err := fs.Stat(files, name+".gz"); name == "" || err != nil || !acceptsGzip(r) {
		server.ServeHTTP(w, r)
		return
	}
	kinds := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
	if kind, ok := kinds[name[strings.LastIndexByte(name, '.')+1:]]; ok {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Encoding", "gzip")
		r = r.Clone(r.Context())
		r.URL.Path += ".gz"
	}
	server.ServeHTTP(w, r)
}

type storeStatus struct {
	Records  int64      `json:"records"`
	Spans    int64      `json:"spans"`
	Series   int64      `json:"series"`
	Bytes    int64      `json:"bytes"`
	MaxBytes int64      `json:"max_bytes"`
	Oldest   *time.Time `json:"oldest,omitempty"`
	Newest   *time.Time `json:"newest,omitempty"`
}

type status struct {
	Version  string      `json:"version"`
	Now      time.Time   `json:"now"`
	Store    storeStatus `json:"store"`
	Received int64       `json:"received"`
	LeftOut  int64       `json:"left_out"`
	Damaged  []string    `json:"damaged,omitempty"`
}

func (a *api) status(_ context.Context, p *parameters, _ *http.Request) (any, error) {
	s, m := a.store.Stats(), a.points.Stats()
	out := status{
		Version: a.version, Now: p.now.UTC(), Received: s.Received, LeftOut: s.LeftOut, Damaged: s.Damaged,
		Store: storeStatus{Records: s.Records, Spans: s.Spans, Series: m.Series, Bytes: s.Bytes + m.Bytes, MaxBytes: s.MaxBytes + m.MaxBytes},
	}
	if !s.Oldest.IsZero() {
		oldest, newest := s.Oldest.UTC(), s.Newest.UTC()
		out.Store.Oldest, out.Store.Newest = &oldest, &newest
	}
	return out, nil
}

type recordPage struct {
	Records  []record.Record `json:"records"`
	Next     string          `json:"next,omitempty"`
	Complete bool            `json:"complete"`
}

func (a *api) records(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	q, r := p.query(), p.window()
	oldest := p.choice("order", "newest", "oldest") == "oldest"
	limit := p.integer("limit", 100, 1, 1000)
	if p.problem != nil {
		return nil, nil
	}
	page, err := a.store.Records(ctx, q, r, oldest, limit, p.values.Get("cursor"))
	return recordPage{notNil(page.Records), page.Next, page.Complete}, err
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *api) record(ctx context.Context, _ *parameters, r *http.Request) (any, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, store.ErrNotFound
	}
	found, err := a.store.Record(ctx, id)
	return found, err
}

type levelCounts struct {
	Level  string `json:"level"`
	Counts []int  `json:"counts"`
}

type volume struct {
	From     float64       `json:"from"`
	Step     float64       `json:"step"`
	Levels   []levelCounts `json:"levels"`
	LeftOut  []int         `json:"left_out,omitempty"`
	Total    int           `json:"total"`
	Complete bool          `json:"complete"`
}

// steps are those that people read easily.
var steps = []time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// stepOf is the shortest step of which no more than buckets are in a window.
func stepOf(window time.Duration, buckets int) time.Duration {
	least := window / time.Duration(buckets)
	for _, step := range steps {
		if step >= least {
			return step
		}
	}
	return (least/(24*time.Hour) + 1) * 24 * time.Hour
}

func (a *api) volume(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	q, r := p.query(), p.window()
	buckets := p.integer("buckets", 120, 1, 1000)
	if p.problem != nil {
		return nil, nil
	}
	step := stepOf(r.To.Sub(r.From), buckets)
	from := r.From.Truncate(step)
	n := int((r.To.Sub(from) + step - 1) / step)
	counted, err := a.store.Volume(ctx, q, from, step, n)
	if err != nil {
		return nil, err
	}
	out := volume{From: float64(from.UnixMicro()) / 1000, Step: float64(step) / 1e6, Levels: []levelCounts{}, LeftOut: counted.LeftOut, Total: counted.Total, Complete: counted.Complete}
	for _, level := range record.Levels() {
		if counts, ok := counted.Levels[level]; ok {
			out.Levels = append(out.Levels, levelCounts{level, counts})
		}
	}
	return out, nil
}

type valueCount struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

type facet struct {
	Field  string       `json:"field"`
	Values []valueCount `json:"values"`
	Others int          `json:"others"`
}

type facets struct {
	Facets   []facet `json:"facets"`
	Counted  int     `json:"counted"`
	Complete bool    `json:"complete"`
}

const maxFields = 50

func (a *api) facets(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	q, r := p.query(), p.window()
	limit := p.integer("limit", 10, 1, 100)
	var fields []string
	if text := p.values.Get("fields"); text != "" {
		if fields = strings.Split(text, ","); len(fields) > maxFields {
			p.fail("fields are too many", "ask for "+strconv.Itoa(maxFields)+" at most")
		}
	}
	if p.problem != nil {
		return nil, nil
	}
	found, counted, complete, err := a.store.Facets(ctx, q, r, fields, limit)
	if err != nil {
		return nil, err
	}
	out := facets{Facets: []facet{}, Counted: counted, Complete: complete}
	for _, f := range found {
		values := make([]valueCount, 0, len(f.Values))
		for _, v := range f.Values {
			values = append(values, valueCount{v.Value, v.Count})
		}
		out.Facets = append(out.Facets, facet{f.Field, values, f.Others})
	}
	return out, nil
}

type completion struct {
	Text  string `json:"text"`
	Kind  string `json:"kind"`
	Count int    `json:"count,omitempty"`
}

type completions struct {
	From        int          `json:"from"`
	To          int          `json:"to"`
	Completions []completion `json:"completions"`
}

const maxCompletions = 20

// shortNames are those of the query language, and what they stand for.
var shortNames = []string{"service", "level", "request", "trace", "span", "name", "status", "duration", "body", "host", "kind"}

func (a *api) completions(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	r := p.window()
	text := p.values.Get("query")
	if len(text) > maxQuery {
		p.fail("query is too long", "it may have "+strconv.Itoa(maxQuery)+" bytes")
	}
	at := p.integer("at", -1, 0, maxQuery)
	if p.problem != nil {
		return nil, nil
	}
	place := query.Complete(text, at)
	out := completions{From: place.From, To: place.To, Completions: []completion{}}
	add := func(c completion) {
		if len(out.Completions) < maxCompletions && !slices.ContainsFunc(out.Completions, func(o completion) bool { return o.Text == c.Text }) {
			out.Completions = append(out.Completions, c)
		}
	}
	switch place.Kind {
	case query.FieldPlace:
		for _, name := range shortNames {
			if strings.HasPrefix(name, strings.ToLower(place.Prefix)) {
				add(completion{Text: name + ":", Kind: "field"})
			}
		}
		names, err := a.store.Fields(ctx, place.Prefix, r, maxCompletions)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			add(completion{Text: query.QuoteField(n.Value) + ":", Kind: "field", Count: n.Count})
		}
		for _, word := range []string{"AND ", "OR ", "NOT "} {
			if place.Prefix != "" && strings.HasPrefix(word, strings.ToUpper(place.Prefix)) && (place.AfterTerm || word == "NOT ") {
				add(completion{Text: word, Kind: "operator"})
			}
		}
	case query.ValuePlace:
		for _, fixed := range fixedValues[place.Field] {
			if strings.HasPrefix(fixed, strings.ToLower(place.Prefix)) {
				add(completion{Text: fixed, Kind: "value"})
			}
		}
		if fixedValues[place.Field] != nil {
			break
		}
		values, err := a.store.Values(ctx, place.Field, place.Prefix, r, maxCompletions)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			add(completion{Text: query.Quote(v.Value), Kind: "value", Count: v.Count})
		}
	case query.TextPlace:
	}
	return out, nil
}

// fixedValues are those of fields that have no others.
var fixedValues = map[string][]string{
	"level":    {"trace", "debug", "info", "warn", "error", "fatal"},
	"severity": {"trace", "debug", "info", "warn", "error", "fatal"},
	"kind":     {"log", "span"},
}

func (a *api) metrics(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	r := p.window()
	if p.problem != nil {
		return nil, nil
	}
	found, err := a.points.Metrics(ctx, r.From, r.To)
	return map[string]any{"metrics": notNil(found)}, err
}

func (a *api) series(ctx context.Context, p *parameters, _ *http.Request) (any, error) {
	r := p.window()
	points, limit := p.integer("points", 300, 2, 2000), p.integer("limit", 20, 1, 100)
	expression := p.values.Get("expression")
	if expression == "" || len(expression) > maxQuery {
		p.fail("expression is needed", "write PromQL, of "+strconv.Itoa(maxQuery)+" bytes at most")
	}
	if p.problem != nil {
		return nil, nil
	}
	result, err := a.points.Series(ctx, expression, r.From, r.To, points, limit)
	return result, err
}

func idOf(r *record.Record) string { return strconv.FormatUint(r.ID, 10) }
