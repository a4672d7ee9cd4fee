package metricstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
)

const (
	// maxAbout is of how many metrics it is kept what they say of themselves.
	maxAbout = 20_000
	// maxAboutText is the longest help in bytes; what is behind is left out.
	maxAboutText = 1 << 10
	maxAboutFile = 32 << 20
	aboutName    = "metadata.json"
	// aboutInterval is the shortest time between two writes of the file.
	aboutInterval = 5 * time.Second
)

// about is what a metric said of itself.
type about struct {
	Kind string `json:"type"`
	Unit string `json:"unit,omitempty"`
	Help string `json:"help,omitempty"`
}

func shortened(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxAboutText)], "\ufffd")
}

// describe keeps what metrics say of themselves.
func (s *Store) describe(metrics pmetric.Metrics) {
	described, err := prometheusremotewrite.OtelMetricsToMetadata(metrics, translation)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range described {
		a := about{kinds[m.Type], shortened(m.Unit), shortened(m.Help)}
		if s.about[m.MetricFamilyName] == a {
			continue
		}
		if len(s.about) >= maxAbout {
			clear(s.about)
		}
		s.about[m.MetricFamilyName] = a
		s.aboutChanged = true
	}
	if now := s.settings.Now(); s.aboutChanged && now.Sub(s.aboutWritten) >= aboutInterval {
		s.aboutWritten = now
		s.writeAboutLocked()
	}
}

// writeAboutLocked writes the file whole, beside the one that is there, and then in its place.
func (s *Store) writeAboutLocked() {
	if !s.aboutChanged {
		return
	}
	path := filepath.Join(s.settings.Directory, aboutName)
	text, err := json.Marshal(s.about)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		s.settings.Logger.Warn("The types, units and help of metrics can't be kept; after a restart they are those of what comes then", zap.Error(err))
		return
	}
	s.aboutChanged = false
}

// readAbout reads the file. Without it, metrics are as they come.
func (s *Store) readAbout() {
	err := func() error {
		file, err := os.Open(filepath.Join(s.settings.Directory, aboutName))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		text, err := io.ReadAll(io.LimitReader(file, maxAboutFile))
		if err != nil {
			return err
		}
		read := map[string]about{}
		if err := json.Unmarshal(text, &read); err != nil {
			return fmt.Errorf("%s: %w", aboutName, err)
		}
		s.about = read
		return nil
	}()
	if err != nil {
		s.settings.Logger.Warn("The types, units and help of metrics can't be read; they are those of what comes now", zap.Error(err))
	}
}

var kinds = map[prompb.MetricMetadata_MetricType]string{
	prompb.MetricMetadata_COUNTER: "counter", prompb.MetricMetadata_GAUGE: "gauge",
	prompb.MetricMetadata_HISTOGRAM: "histogram", prompb.MetricMetadata_SUMMARY: "summary",
}
