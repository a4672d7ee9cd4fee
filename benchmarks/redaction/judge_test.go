package redaction

import (
	"context"
	"math/rand/v2"
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
	for _, detector := range []string{
		"jwt", "private_key", "aws_access_key_id", "aws_secret_access_key", "gcp_api_key", "azure_client_secret", "github_token",
		"gitlab_token", "slack_token", "slack_webhook", "stripe_key", "twilio_key", "sendgrid_key", "npm_token", "pypi_token",
		"heroku_key", "anthropic_key", "openai_key", "datadog_key", "bearer_token", "secret_assignment",
	} {
		for range 60 {
			texts = append(texts, g.Sample(detector).Text)
		}
	}
	judge, err := detect.NewDetectorDefaultConfig()
	require.NoError(t, err)
	before, after := 0, 0
	for i, text := range redacted(t, texts) {
		before += len(judge.DetectString(texts[i]))
		for _, finding := range judge.DetectString(text) {
			after++
			t.Errorf("%s: %q is left of %q in %q", finding.RuleID, finding.Secret, texts[i], text)
		}
	}
	t.Logf("%d texts: gitleaks finds %d credentials before, %d after", len(texts), before, after)
	assert.Greater(t, before, len(texts)/3, "the judge is able to find credentials")
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
