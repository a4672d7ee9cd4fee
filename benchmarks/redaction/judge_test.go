package redaction

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zricethezav/gitleaks/v8/detect"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/internal/secretscan/corpus"
	"github.com/heartwood-otel/heartwood/processors/redactprocessor"
)

// TestIndependentJudge has gitleaks look for credentials in what the redact processor
// gives on. It must find none, and many in what came in.
func TestIndependentJudge(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := corpus.New(seed)
	var texts []string
	var samples []corpus.Sample
	for _, detector := range []string{
		"jwt", "private_key", "aws_access_key_id", "aws_secret_access_key", "gcp_api_key", "azure_client_secret", "github_token",
		"gitlab_token", "slack_token", "slack_webhook", "stripe_key", "twilio_key", "sendgrid_key", "npm_token", "pypi_token",
		"heroku_key", "anthropic_key", "openai_key", "datadog_key", "bearer_token", "secret_assignment",
	} {
		for range 60 {
			s := g.Sample(detector)
			samples = append(samples, s)
			texts = append(texts, s.Text)
		}
	}
	judge, err := detect.NewDetectorDefaultConfig()
	require.NoError(t, err)
	before, after, harmless := 0, 0, 0
	for i, text := range redacted(t, texts) {
		for _, finding := range judge.DetectString(texts[i]) {
			if isPlanted(samples[i], finding.Secret) {
				before++
			}
		}
		for _, finding := range judge.DetectString(text) {
			if !isPlanted(samples[i], finding.Secret) {
				harmless++ // of the surroundings, such as a host key's fingerprint, which is public
				continue
			}
			after++
			t.Errorf("%s: %q is left of %q in %q", finding.RuleID, finding.Secret, texts[i], text)
		}
	}
	t.Logf("%d texts: gitleaks finds %d credentials before, %d after, and %d things that are none", len(texts), before, after, harmless)
	assert.Greater(t, before, len(texts)/3, "the judge is able to find credentials")
}

// isPlanted reports whether what the judge found is, or has in it, or is a part of
// something that was planted.
func isPlanted(s corpus.Sample, found string) bool {
	for _, p := range s.Secrets {
		if value := s.Text[p.Start:p.End]; strings.Contains(value, found) || strings.Contains(found, value) {
			return true
		}
	}
	return false
}

// redacted gives the texts as the processor gives them on, as bodies of log records.
func redacted(t *testing.T, texts []string) (out []string) {
	t.Helper()
	f, sink := redactprocessor.NewFactory(), &consumertest.LogsSink{}
	p, err := f.CreateLogs(t.Context(), processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, text := range texts {
		records.AppendEmpty().Body().SetStr(text)
	}
	require.NoError(t, p.ConsumeLogs(t.Context(), logs))
	require.NoError(t, p.Shutdown(context.Background()))
	for _, r := range sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		out = append(out, r.Body().Str())
	}
	return out
}
