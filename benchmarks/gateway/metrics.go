package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// countedMetric is the sum that measure makes of all records.
const countedMetric = "log.records"

// metricSink takes OTLP metrics over HTTP and keeps the last value of each series.
type metricSink struct {
	mu     sync.Mutex
	err    error
	series map[string]int64
}

func newMetricSink() *metricSink { return &metricSink{series: make(map[string]int64)} }

func (s *metricSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	request := pmetricotlp.NewExportRequest()
	err = request.UnmarshalProto(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = errors.Join(s.err, err); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, rm := range request.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() != countedMetric || m.Type() != pmetric.MetricTypeSum {
					continue
				}
				for _, p := range m.Sum().DataPoints().All() {
					s.series[fmt.Sprint(rm.Resource().Attributes().AsRaw(), p.Attributes().AsRaw(), p.StartTimestamp())] = p.IntValue() + int64(p.DoubleValue())
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (s *metricSink) count() (total int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.series {
		total += int(n)
	}
	return total, s.err
}
