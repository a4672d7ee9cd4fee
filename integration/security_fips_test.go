package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// longSecret is as long as those of AWS are: HMAC under fips140=only wants 14 bytes, of
// which AWS's signatures bring four.
const longSecret = "AWS_SECRET_ACCESS_KEY=0123456789012345678901234567890123456789"

// TestFIPS: with Go's FIPS 140-3 module on, the archive and the stream get their records;
// where nothing else is allowed, the stream does, and the archive's exporter says at start
// why it can't.
func TestFIPS(t *testing.T) {
	t.Parallel()
	t.Run("worm_s3 on", func(t *testing.T) {
		t.Parallel()
		_, bed := newFakeBed(t)
		bed.env = append(bed.env, "GODEBUG=fips140=on", longSecret)
		col := bed.start(t)
		load := newArchiveLoad(t, "fips", 500)
		require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
		waitArchived(t, col)
		col.Stop(t)
		bed.requireGood(t)
	})
	t.Run("worm_s3 only", func(t *testing.T) {
		t.Parallel()
		_, bed := newFakeBed(t)
		bed.env = append(bed.env, "GODEBUG=fips140=only", longSecret)
		out := bed.collector(t).FailToStart(t)
		assert.Contains(t, out, "which GODEBUG=fips140=only does not allow")
		assert.Contains(t, out, "set GODEBUG=fips140=on")
		assert.NotContains(t, out, "panic:")
	})
	t.Run("kinesis only", func(t *testing.T) {
		t.Parallel()
		a := newAuthority(t)
		a.issue(t, "server")
		fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 1}})
		col := harness.Start(t, `
			receivers:
			  otlp: {protocols: {http: {endpoint: {{addr "in"}}, tls: {{.tls}}}}}
			processors: {redact: , request_id: {generate: record}, event_fold: {key: [request.id], idle_timeout: 100ms}}
			exporters:
			  kinesis: {stream: logs, endpoint: {{.url}}, encoding: json, spool: {directory: {{dir "spool"}}}}
			service:
			  pipelines:
			    logs: {receivers: [otlp], processors: [request_id, redact, event_fold], exporters: [kinesis]}
			`, harness.With("url", fake.URL()), harness.With("tls", a.server("")), harness.WithEnv(awsEnv...), harness.WithEnv("GODEBUG=fips140=only", longSecret))
		require.NoError(t, overOTLPHTTP(t.Context(), col.Addr(t, "in"), "hello", credential{tls: a.trusting()}))
		require.Eventually(t, func() bool { return fake.Counts("logs").Stored == 1 }, time.Minute, 10*time.Millisecond)
		assert.Contains(t, string(fake.UserRecords(t, "logs")[0].Data), `"fold.count":1`, "event_fold works, too")
		col.Stop(t)
	})
}
