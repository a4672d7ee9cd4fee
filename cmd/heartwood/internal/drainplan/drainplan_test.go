package drainplan

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/internal/heldstate"
)

// gateway has all that a plan has to look at.
const gateway = `
receivers:
  otlp: {protocols: {grpc: {endpoint: 0.0.0.0:4317}}}
  prometheus: {config: {}}
processors:
  memory_limiter: {limit_mib: 100}
  redact: {}
  event_fold: {directory: /state/fold, dead_letter: {directory: /state/letters}}
  batch: {}
exporters:
  kinesis: {stream: orders, region: eu-west-1, partition_key: ["$key"], spool: {directory: /state/kinesis}}
  worm_s3: {bucket: b, origin: o, writer: w, signing_key_file: /state/w.key, max_object_age: 5m, spool: {directory: /state/archive}}
  otlp_grpc: {endpoint: x:4317}
  otlp_http: {endpoint: x, sending_queue: {storage: file_storage}}
  prometheus: {endpoint: 0.0.0.0:9464}
connectors:
  measure/folds: {}
extensions:
  health_check: {endpoint: 0.0.0.0:13133}
  file_storage: {directory: /state/queues}
service:
  extensions: [health_check, file_storage]
  telemetry: {logs: {level: debug}}
  pipelines:
    logs: {receivers: [otlp], processors: [memory_limiter, redact, event_fold, batch], exporters: [measure/folds, kinesis, worm_s3, otlp_grpc, otlp_http]}
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [kinesis, otlp_grpc]}
    metrics: {receivers: [prometheus, measure/folds], processors: [memory_limiter], exporters: [prometheus]}
    metrics/host: {receivers: [prometheus], exporters: [prometheus]}
`

func parse(t *testing.T, text string) (values map[string]any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(text), &values))
	return values
}

func keys(values map[string]any, path ...string) (names []string) {
	for _, p := range path {
		values = section(values, p)
	}
	for name := range values {
		names = append(names, name)
	}
	return names
}

func state(kind heldstate.Kind, dir, signal string) heldstate.State {
	return heldstate.State{Kind: kind, Directory: dir, Signal: signal, Records: 1}
}

func TestExportersAlone(t *testing.T) {
	config := parse(t, gateway)
	plan, err := Make(Settings{
		Config: config, Directory: "/found", Socket: "/tmp/s",
		States: []heldstate.State{
			state(heldstate.Archive, "/found/archive", ""), state(heldstate.Kinesis, "/found/kinesis", "traces"),
			{Kind: heldstate.Fold, Directory: "/found/fold"}, // holds nothing
		},
	})
	require.NoError(t, err)
	assert.Equal(t, "/state", plan.Was)
	assert.Equal(t, []string{"worm_s3", "kinesis", "event_fold"}, plan.Components)
	assert.Equal(t, []string{"bucket b as o/w", "stream orders in eu-west-1", "what stands behind it in its pipeline"}, plan.Targets)
	assert.ElementsMatch(t, []heldstate.Kind{heldstate.Kinesis, heldstate.Archive}, plan.Kinds)
	assert.Equal(t, map[string]any{
		"logs":   map[string]any{"receivers": []any{receiverID}, "processors": []any{}, "exporters": []any{"worm_s3"}},
		"traces": map[string]any{"receivers": []any{receiverID}, "processors": []any{}, "exporters": []any{"kinesis"}},
	}, section(plan.Config, "service")["pipelines"])
	assert.ElementsMatch(t, []string{"kinesis", "worm_s3"}, keys(plan.Config, "exporters"))
	assert.ElementsMatch(t, []string{"file_storage"}, keys(plan.Config, "extensions"))
	assert.ElementsMatch(t, []string{receiverID}, keys(plan.Config, "receivers"))
	worm := section(section(plan.Config, "exporters"), "worm_s3")
	assert.Equal(t, map[string]any{"directory": "/found/archive"}, worm["spool"])
	assert.Equal(t, "/found/w.key", worm["signing_key_file"], "where it was, nothing is")
	assert.Equal(t, parse(t, gateway), config, "what was given is not changed")
	assert.Equal(t, []any{"$$key"}, section(section(Escape(plan.Config), "exporters"), "kinesis")["partition_key"])
}

func TestAJournalKeepsWhatIsBehindIt(t *testing.T) {
	plan, err := Make(Settings{Config: parse(t, gateway), Directory: "/found", States: []heldstate.State{state(heldstate.Fold, "/found/fold", "")}})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"logs": map[string]any{
			"receivers": []any{receiverID}, "processors": []any{"event_fold", "batch"},
			"exporters": []any{"measure/folds", "kinesis", "worm_s3", "otlp_grpc", "otlp_http"},
		},
		"metrics": map[string]any{"receivers": []any{"measure/folds"}, "processors": []any{"memory_limiter"}, "exporters": []any{"prometheus"}},
	}, section(plan.Config, "service")["pipelines"])
	exporters := section(plan.Config, "exporters")
	assert.Equal(t, map[string]any{"enabled": false}, section(exporters, "otlp_grpc")["sending_queue"], "nothing is to be in memory alone")
	assert.Equal(t, map[string]any{"storage": "file_storage"}, section(exporters, "otlp_http")["sending_queue"])
	assert.Equal(t, "/found/letters", section(section(section(plan.Config, "processors"), "event_fold"), "dead_letter")["directory"])
	assert.ElementsMatch(t, []heldstate.Kind{heldstate.Kinesis, heldstate.Archive, heldstate.Fold}, plan.Kinds)
}

// TestConnectorsOfOneSignal: forward hands metrics on as metrics, so what it does to traces
// elsewhere is not behind the journal.
func TestConnectorsOfOneSignal(t *testing.T) {
	plan, err := Make(Settings{Directory: "/state", States: []heldstate.State{state(heldstate.Fold, "/state/fold", "")}, Config: parse(t, `
processors: {event_fold: {directory: /state/fold}, redact: }
connectors: {measure/folds: , forward: }
exporters: {kinesis: {stream: s, spool: {directory: /state/kinesis}}, prometheus: }
service:
  pipelines:
    logs: {receivers: [otlp], processors: [event_fold], exporters: [measure/folds]}
    logs/store: {receivers: [measure/folds], exporters: [kinesis]}
    metrics: {receivers: [otlp, measure/folds], processors: [redact], exporters: [forward]}
    metrics/page: {receivers: [forward], exporters: [prometheus]}
    traces: {receivers: [otlp], processors: [redact], exporters: [forward]}
    traces/store: {receivers: [forward], exporters: [kinesis]}
`)})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"logs":         map[string]any{"receivers": []any{receiverID}, "processors": []any{"event_fold"}, "exporters": []any{"measure/folds"}},
		"logs/store":   map[string]any{"receivers": []any{"measure/folds"}, "processors": []any{}, "exporters": []any{"kinesis"}},
		"metrics":      map[string]any{"receivers": []any{"measure/folds"}, "processors": []any{"redact"}, "exporters": []any{"forward"}},
		"metrics/page": map[string]any{"receivers": []any{"forward"}, "processors": []any{}, "exporters": []any{"prometheus"}},
	}, section(plan.Config, "service")["pipelines"])
}

func TestKeysStayWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "old", "w.key")
	require.NoError(t, os.MkdirAll(filepath.Dir(key), 0o700))
	require.NoError(t, os.WriteFile(key, nil, 0o600))
	config := parse(t, `
exporters: {worm_s3: {origin: o, writer: w, signing_key_file: `+key+`, spool: {directory: `+dir+`/old/archive}}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [worm_s3]}}}
`)
	states := []heldstate.State{state(heldstate.Archive, "/found/archive", "")}
	plan, err := Make(Settings{Config: config, Directory: "/found", States: states})
	require.NoError(t, err)
	assert.Equal(t, key, section(section(plan.Config, "exporters"), "worm_s3")["signing_key_file"])
}

func TestWhatDoesNotFitIsNamed(t *testing.T) {
	other := state(heldstate.Archive, "/found/archive", "")
	other.Log = "o/another"
	for name, c := range map[string]struct {
		config, dir, was string
		states           []heldstate.State
		want             string
	}{
		"another's log":       {gateway, "/found", "", []heldstate.State{other}, "/found/archive has the state of the log o/another, and worm_s3 writes the log o/w"},
		"no such component":   {gateway, "/found", "", []heldstate.State{state(heldstate.Kinesis, "/found/x", "logs")}, "the configuration has no components for all that /found holds. Found: /found/x of kinesis. Configured: /state/kinesis of kinesis"},
		"another kind":        {gateway, "/found", "", []heldstate.State{state(heldstate.Fold, "/found/kinesis", "")}, "no components for all"},
		"no pipeline":         {gateway, "/found", "", []heldstate.State{state(heldstate.Kinesis, "/found/kinesis", "metrics")}, "kinesis holds records, and the configuration has no metrics pipeline with it"},
		"was somewhere else":  {gateway, "/found", "/elsewhere", []heldstate.State{state(heldstate.Kinesis, "/found/kinesis", "logs")}, "/found is said to have been /elsewhere"},
		"records would leave": {gateway, "/found/fold", "", []heldstate.State{state(heldstate.Fold, "/found/fold", "")}, "kinesis would get records, and keeps them in /state/kinesis, outside of /found/fold"},
		"two places": {`
exporters:
  kinesis/a: {stream: a, spool: {directory: /state/a/spool}}
  kinesis/b: {stream: b, spool: {directory: /state/b/spool}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [kinesis/a, kinesis/b]}}}
`, "/found", "", []heldstate.State{state(heldstate.Kinesis, "/found/spool", "logs")}, "/found may have been /state/a or /state/b: say which with --was"},
	} {
		_, err := Make(Settings{Config: parse(t, c.config), Directory: c.dir, Was: c.was, States: c.states})
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestWasIsTaken(t *testing.T) {
	plan, err := Make(Settings{Config: parse(t, gateway), Directory: "/found", Was: "/state", States: []heldstate.State{state(heldstate.Kinesis, "/found/kinesis", "logs")}})
	require.NoError(t, err)
	assert.Equal(t, []string{"kinesis"}, plan.Components)
}
