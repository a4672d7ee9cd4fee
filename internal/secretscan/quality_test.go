package secretscan_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
	"github.com/heartwood-otel/heartwood/internal/secretscan/corpus"
)

var (
	update = flag.Bool("update", false, "write the table of docs/redaction.md")
	seed   = flag.Uint64("seed", 0, "of the corpus; 0: a fresh one")
)

// perDetector is how many samples with secrets, and as many with look-alikes only, a
// detector is judged by.
const perDetector = 500

// byContext are the detectors that have nothing but context to go by.
var byContext = map[string]bool{
	"card_cvv": true, "card_pin": true, "phone": true, "aws_secret_access_key": true, "azure_sas": true, "datadog_key": true,
	"bearer_token": true, "secret_assignment": true, "heroku_key": true, "twilio_key": true,
}

// The generator knows nothing of the detectors, and its seed is a fresh one each time.
func TestQuality(t *testing.T) {
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	t.Logf("seed %d: go test ./internal/secretscan -run Quality -args -seed %d", from, from)
	scanner, err := secretscan.New(secretscan.Settings{})
	require.NoError(t, err)
	g := corpus.New(from)
	var samples []corpus.Sample
	for _, detector := range corpus.Detectors() {
		for range perDetector {
			samples = append(samples, g.Sample(detector), g.NearMiss(detector), g.Benign())
		}
	}
	scores := corpus.Judge(samples, planted(scanner))
	for _, s := range scores {
		recall, precision := 0.99, 0.98
		if byContext[s.Detector] {
			recall, precision = 0.95, 0.95
		}
		assert.GreaterOrEqual(t, s.Recall(), recall, "recall of %s: %+v", s.Detector, s)
		assert.GreaterOrEqual(t, s.Precision(), precision, "precision of %s: %+v", s.Detector, s)
	}
	if *update {
		writeTable(t, from, scores)
	}
}

// planted gives findings in the corpus's form. A value is scanned under its key.
func planted(scanner *secretscan.Scanner) func(corpus.Sample) []corpus.Planted {
	detectors := scanner.Detectors()
	return func(s corpus.Sample) (all []corpus.Planted) {
		findings := scanner.Scan(nil, s.Text)
		if s.Key != "" {
			findings = scanner.ScanValue(nil, s.Key, s.Text)
		}
		for _, f := range findings {
			all = append(all, corpus.Planted{Detector: detectors[f.Detector].Name, Start: f.Start, End: f.End})
		}
		return all
	}
}

func writeTable(t *testing.T, from uint64, scores []corpus.Score) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "redaction.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := bytes.Cut(text, []byte("<!-- quality:begin -->\n"))
	require.True(t, ok)
	_, after, ok := bytes.Cut(rest, []byte("<!-- quality:end -->"))
	require.True(t, ok)
	var out bytes.Buffer
	out.Write(before)
	out.WriteString("<!-- quality:begin -->\n")
	require.NoError(t, corpus.WriteMarkdown(&out, from, perDetector, scores))
	out.WriteString("<!-- quality:end -->")
	out.Write(after)
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
}
