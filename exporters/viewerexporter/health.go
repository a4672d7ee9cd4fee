package viewerexporter

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// maxMetricsText is more than a Collector says of itself.
	maxMetricsText = 16 << 20
	healthTimeout  = 3 * time.Second
)

// health reads the Collector's own metrics.
type health struct {
	endpoint string
	interval time.Duration
	client   *http.Client
	stop     context.CancelFunc
	work     sync.WaitGroup

	// mu guards the following.
	mu        sync.Mutex
	now, then scrape
	err       error
}

// scrape is what was read at a time.
type scrape struct {
	at       time.Time
	families map[string]*dto.MetricFamily
}

func newHealth(cfg *Config) *health {
	return &health{endpoint: cfg.HealthEndpoint, interval: cfg.HealthInterval, client: &http.Client{Transport: &http.Transport{}, Timeout: healthTimeout}}
}

func (h *health) start(ctx context.Context) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	h.work.Go(func() {
		defer h.client.CloseIdleConnections()
		ticker := time.NewTicker(h.interval)
		defer ticker.Stop()
		for {
			h.read(ctx)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

func (h *health) shutdown() {
	if h.stop != nil {
		h.stop()
	}
	h.work.Wait()
}

func (h *health) read(ctx context.Context) {
	families, err := h.fetch(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err = err; err == nil {
		h.then, h.now = h.now, scrape{time.Now(), families}
	}
}

func (h *health) fetch(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.endpoint, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	answer, err := h.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", h.endpoint, answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(io.LimitReader(answer.Body, maxMetricsText))
}

// state gives the last two that were read, and what is wrong.
func (h *health) state() (now, then scrape, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now, h.then, h.err
}

type pipelineShape struct {
	ID         string   `json:"id"`
	Receivers  []string `json:"receivers"`
	Processors []string `json:"processors"`
	Exporters  []string `json:"exporters"`
}

type componentHealth struct {
	ID     string        `json:"id"`
	Kind   string        `json:"kind"`
	In     *float64      `json:"in,omitempty"`
	Out    *float64      `json:"out,omitempty"`
	Failed *float64      `json:"failed,omitempty"`
	Values []healthValue `json:"values"`
}

type healthValue struct {
	Name   string            `json:"name"`
	Value  float64           `json:"value"`
	Unit   string            `json:"unit,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Bad    bool              `json:"bad,omitempty"`
}

type pipelineHealth struct {
	At         *time.Time        `json:"at"`
	Problem    string            `json:"problem,omitempty"`
	Pipelines  []pipelineShape   `json:"pipelines"`
	Components []componentHealth `json:"components"`
}

func (a *api) pipeline(context.Context, *parameters, *http.Request) (any, error) {
	out := pipelineHealth{Pipelines: []pipelineShape{}, Components: []componentHealth{}}
	for _, id := range slices.Sorted(maps.Keys(a.pipelines)) {
		p := a.pipelines[id]
		out.Pipelines = append(out.Pipelines, pipelineShape{id, notNil(p.Receivers), notNil(p.Processors), notNil(p.Exporters)})
	}
	if a.health == nil {
		out.Problem = "health_endpoint is none: the Collector's own metrics are not read"
	} else {
		now, then, err := a.health.state()
		if err != nil {
			out.Problem = "the Collector's own metrics can't be read, see health_endpoint and service::telemetry::metrics: " + err.Error()
		}
		if now.families != nil {
			at := now.at.UTC()
			out.At = &at
		}
		out.Components = componentsOf(a.pipelines, now, then)
		return out, nil
	}
	out.Components = componentsOf(a.pipelines, scrape{}, scrape{})
	return out, nil
}

// flow is where a kind of component counts items.
type flow struct{ in, out, failed []string }

// Signals and what each is called in the Collector's metrics.
var items = []string{"log_records", "spans", "metric_points"}

var flows = map[string]flow{
	"receiver":  {in: nil, out: []string{"otelcol_receiver_accepted_"}, failed: []string{"otelcol_receiver_refused_", "otelcol_receiver_failed_"}},
	"processor": {in: []string{"otelcol_processor_incoming_items"}, out: []string{"otelcol_processor_outgoing_items"}},
	"exporter":  {out: []string{"otelcol_exporter_sent_"}, failed: []string{"otelcol_exporter_send_failed_", "otelcol_exporter_enqueue_failed_"}},
}

// shown are values worth seeing: of which component type, by which metric, and when it is
// worth a look. A rate is of a counter, per second.
var shown = []struct {
	kind, component, metric, name, unit string
	rate                                bool
	bad                                 func(value float64, of func(metric string) float64) bool
}{
	{"exporter", "", "otelcol_exporter_queue_size", "queue", "", false, func(v float64, of func(string) float64) bool { return v > 0.8*of("otelcol_exporter_queue_capacity") }},
	{"exporter", "", "otelcol_exporter_queue_capacity", "queue's capacity", "", false, nil},
	{"exporter", "kinesis", "otelcol_exporter_kinesis_spool_size", "spool", "By", false, func(v float64, of func(string) float64) bool {
		return v > 0.8*of("otelcol_exporter_kinesis_spool_limit")
	}},
	{"exporter", "kinesis", "otelcol_exporter_kinesis_records_buffered", "records waiting", "", false, nil},
	{"exporter", "kinesis", "otelcol_exporter_kinesis_oldest_record_age", "oldest record", "s", false, above(60)},
	{"exporter", "kinesis", "otelcol_exporter_kinesis_throttled_time", "throttled", "s/s", true, above(0.05)},
	{"exporter", "kinesis", "otelcol_exporter_kinesis_records_refused", "refused by Kinesis", "1/s", true, above(0)},
	{"exporter", "kinesis", "otelcol_exporter_kinesis_dead_letters", "dead letters", "", false, above(0)},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_checkpoint_age", "last checkpoint", "s", false, func(v float64, of func(string) float64) bool {
		return v < 0 || v > 2*of("otelcol_exporter_worm_s3_checkpoint_interval")
	}},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_checkpoint_number", "checkpoints", "", false, nil},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_records_archived", "archived", "1/s", true, nil},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_spool_size", "spool", "By", false, func(v float64, of func(string) float64) bool {
		return v > 0.8*of("otelcol_exporter_worm_s3_spool_limit")
	}},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_oldest_record_age", "oldest record", "s", false, nil},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_deviations", "deviations", "", false, above(0)},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_failed", "failed", "", false, above(0)},
	{"exporter", "worm_s3", "otelcol_exporter_worm_s3_dead_letters", "dead letters", "", false, above(0)},
	{"exporter", "viewer", "otelcol_exporter_viewer_left_out", "left out", "1/s", true, above(0)},
	{"exporter", "viewer", "otelcol_exporter_viewer_bytes", "store", "By", false, nil},
	{"processor", "event_fold", "otelcol_processor_event_fold_events_open", "folds open", "", false, nil},
	{"processor", "event_fold", "otelcol_processor_event_fold_events_emitted", "events", "1/s", true, nil},
	{"processor", "event_fold", "otelcol_processor_event_fold_oldest_event_age", "oldest fold", "s", false, nil},
	{"processor", "event_fold", "otelcol_processor_event_fold_records_received", "in", "1/s", true, nil},
	{"processor", "event_fold", "otelcol_processor_event_fold_records_dropped", "dropped", "", false, above(0)},
	{"processor", "redact", "otelcol_processor_redact_findings", "secrets taken out", "", false, nil},
	{"processor", "redact", "otelcol_processor_redact_unscanned", "not scanned", "", false, above(0)},
	{"processor", "redact", "otelcol_processor_redact_dropped", "dropped", "", false, above(0)},
	{"processor", "request_id", "otelcol_processor_request_id_entries", "requests known", "", false, nil},
	{"processor", "request_id", "otelcol_processor_request_id_items", "ids found", "1/s", true, nil},
	{"processor", "request_id", "otelcol_processor_request_id_refused", "ids refused", "", false, nil},
	{"connector", "measure", "otelcol_connector_measure_records", "records", "1/s", true, nil},
	{"connector", "measure", "otelcol_connector_measure_series", "series", "", false, nil},
	{"receiver", "logfmt", "otelcol_receiver_logfmt_connections", "connections", "", false, nil},
	{"receiver", "logfmt", "otelcol_receiver_logfmt_parse_errors", "lines not parsed", "1/s", true, nil},
	{"receiver", "stdout_tail", "otelcol_receiver_stdout_tail_files_open", "files open", "", false, nil},
	{"receiver", "stdout_tail", "otelcol_receiver_stdout_tail_lines_read", "lines", "1/s", true, nil},
	{"processor", "memory_limiter", "otelcol_processor_memory_limiter_refused", "refused", "1/s", true, above(0)},
}

func above(limit float64) func(float64, func(string) float64) bool {
	return func(v float64, _ func(string) float64) bool { return v > limit }
}

// componentsOf are the components of the pipelines, with what the metrics say of each. Our
// own metrics name no component: the first of its type has them.
func componentsOf(pipelines map[string]PipelineConfig, now, then scrape) []componentHealth {
	type key struct{ kind, id string }
	seen := map[key]bool{}
	count := map[string]int{}
	note := func(kind string, ids []string) {
		for _, id := range ids {
			if !seen[key{kind, id}] {
				seen[key{kind, id}] = true
				count[id]++
			}
		}
	}
	for _, p := range pipelines {
		note("receiver", p.Receivers)
		note("processor", p.Processors)
		note("exporter", p.Exporters)
	}
	// What is both is a connector.
	for id := range count {
		if seen[key{"receiver", id}] && seen[key{"exporter", id}] {
			delete(seen, key{"receiver", id})
			delete(seen, key{"exporter", id})
			seen[key{"connector", id}] = true
		}
	}
	keys := slices.SortedFunc(maps.Keys(seen), func(a, b key) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id)) })
	first := map[key]bool{}
	out := []componentHealth{}
	for _, k := range keys {
		c := componentHealth{ID: k.id, Kind: k.kind, Values: []healthValue{}}
		if now.families != nil {
			f := flows[k.kind]
			c.In = rateOf(now, then, f.in, k.kind, k.id)
			c.Out = rateOf(now, then, f.out, k.kind, k.id)
			c.Failed = rateOf(now, then, f.failed, k.kind, k.id)
			kind, _, _ := strings.Cut(k.id, "/")
			c.Values = valuesOf(now, then, k.kind, kind, k.id, !first[key{k.kind, kind}])
			first[key{k.kind, kind}] = true
		}
		out = append(out, c)
	}
	return out
}

// family is one by its name, whatever suffix the reader gave it.
func (s scrape) family(name string) *dto.MetricFamily {
	if f := s.families[name]; f != nil {
		return f
	}
	for _, suffix := range []string{"_total", "_bytes", "_seconds", "_seconds_total"} {
		if f := s.families[name+suffix]; f != nil {
			return f
		}
	}
	return nil
}

func number(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Gauge != nil:
		return m.GetGauge().GetValue()
	}
	return m.GetUntyped().GetValue()
}

func label(m *dto.Metric, name string) (string, bool) {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue(), true
		}
	}
	return "", false
}

// sum is a metric's, of the series that name a component by its kind.
func (s scrape) sum(name, kind, id string) (total float64, ok bool) {
	for _, m := range s.family(name).GetMetric() {
		if of, has := label(m, kind); has && of == id {
			total, ok = total+number(m), true
		}
	}
	return total, ok
}

func rateOf(now, then scrape, names []string, kind, id string) *float64 {
	var total float64
	found := false
	for _, name := range names {
		all := []string{name}
		if strings.HasSuffix(name, "_") {
			all = all[:0]
			for _, item := range items {
				all = append(all, name+item)
			}
		}
		for _, name := range all {
			if value, ok := now.sum(name, kind, id); ok {
				found = true
				before, _ := then.sum(name, kind, id)
				total += perSecond(value, before, now, then)
			}
		}
	}
	if !found {
		return nil
	}
	return &total
}

// perSecond is a counter's rate; one that is smaller than before began anew.
func perSecond(value, before float64, now, then scrape) float64 {
	seconds := now.at.Sub(then.at).Seconds()
	if then.families == nil || seconds <= 0 {
		return 0
	}
	if value < before {
		before = 0
	}
	return (value - before) / seconds
}

func valuesOf(now, then scrape, kind, componentType, id string, first bool) []healthValue {
	out := []healthValue{}
	for _, show := range shown {
		if show.kind != kind || show.component != "" && show.component != componentType {
			continue
		}
		before := map[string]float64{}
		for _, m := range then.family(show.metric).GetMetric() {
			before[fmt.Sprint(m.GetLabel())] = number(m)
		}
		for _, m := range now.family(show.metric).GetMetric() {
			of, named := label(m, kind)
			if named && of != id || !named && (!first || show.component == "") {
				continue
			}
			v := healthValue{Name: show.name, Value: number(m), Unit: show.unit}
			if show.rate {
				v.Value = perSecond(v.Value, before[fmt.Sprint(m.GetLabel())], now, then)
			}
			for _, l := range m.GetLabel() {
				if name := l.GetName(); name != kind && !strings.HasPrefix(name, "otel_") && !strings.HasPrefix(name, "service_") && name != "data_type" {
					if v.Labels == nil {
						v.Labels = map[string]string{}
					}
					v.Labels[name] = l.GetValue()
				}
			}
			if show.bad != nil {
				v.Bad = show.bad(v.Value, func(metric string) float64 {
					for _, m := range now.family(metric).GetMetric() {
						if of, named := label(m, kind); !named || of == id {
							return number(m)
						}
					}
					return 0
				})
			}
			out = append(out, v)
		}
	}
	return out
}
