package configlint

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func check(t *testing.T, locations []string, allows ...Allow) *Report {
	t.Helper()
	config, err := Load(t.Context(), locations)
	require.NoError(t, err)
	report, err := Check(config, allows...)
	require.NoError(t, err)
	return report
}

// brief is a finding as the tables below have it.
func brief(r *Report) []string {
	lines := []string{}
	for _, f := range r.Findings {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", f.Level, f.Rule, f.Component, strings.Join(f.Pipelines, ","))))
	}
	return lines
}

// Each file of testdata/shapes says what it is about.
var shapes = map[string][]string{
	"minimal": {
		"warning memory-limiter-missing memory_limiter logs",
		"error unredacted-exporter otlp_http logs",
		"warning memory-queue otlp_http logs",
		"warning queue-overflow otlp_http logs",
		"warning finite-retry otlp_http logs",
	},
	"clean": {},
	"exposed": {
		"warning open-listener logfmt logs", // tcp
		"warning open-listener logfmt logs", // http
		"warning plain-listener otlp/open logs",
		"warning open-listener otlp/open logs",
		"warning plain-listener otlp/plain logs",
		"error password-in-url otlp_http logs",
		"warning plain-listener viewer/plain logs",
		"warning open-page zpages",
	},
	"measure_after_redact": {},
	"journal_before_redact": {
		"error unredacted-journal event_fold logs",
		"warning memory-fold event_fold/memory logs",
	},
	"journal_behind_forward": {"error unredacted-journal event_fold logs/fold"},
	"connector_chain": {
		"error unredacted-connector measure logs",
		"warning unredacted-page prometheus metrics",
	},
	"idle_redact": {
		"error unredacted-page file logs/dry",
		"error unredacted-page file/tag logs/tag_out",
	},
	"fed_twice": {"error unredacted-page viewer logs/out"},
	"routing": {
		"error unredacted-page file/one logs/one",
		"error unredacted-page file/rest logs/rest",
	},
	"forward_two_signals": {"error unredacted-page file logs/out"},
	"shared_exporter": {
		"warning memory-queue otlp_grpc logs,traces",
		"error unredacted-exporter otlp_grpc traces",
	},
	"shared_storage": {
		"warning queue-overflow otlp_http logs,traces",
		"warning queue-overflow otlp_http/two logs,traces",
		"warning unsynced-storage file_storage logs,traces",
	},
	"metrics": {
		"warning unredacted-page debug/all metrics",
		"warning unredacted-page prometheus metrics",
		"warning unredacted-exporter prometheus_remote_write metrics",
		"warning memory-queue prometheus_remote_write metrics",
		"warning finite-retry prometheus_remote_write metrics",
	},
	"queues": {
		"warning memory-queue debug/queued logs",
		"warning queue-overflow debug/queued logs",
		"warning memory-queue mystery/queued logs",
		"warning queue-overflow mystery/queued logs",
		"warning finite-retry mystery/queued logs",
		"warning finite-retry otlp_http/hour logs",
		"warning memory-queue otlp_http/null logs",
		"warning queue-overflow otlp_http/null logs",
		"warning finite-retry otlp_http/null logs",
		"warning finite-retry otlp_http/once logs",
		"warning memory-queue otlphttp/former logs",
		"warning queue-overflow otlphttp/former logs",
		"warning finite-retry otlphttp/former logs",
		"warning unsynced-storage file_storage logs",
	},
	"load_balancing": {
		"warning memory-queue load_balancing/defaults logs",
		"warning finite-retry load_balancing/once logs",
	},
	"kafka": {
		"warning early-offset kafka logs",
		"warning early-offset kafka/no_autocommit logs",
		"warning early-offset kafka/on_error logs",
		"warning paused-partition kafka/pauses logs",
		"warning weak-acks kafka logs",
		"warning weak-acks kafka/none logs",
	},
	"receivers": {
		"warning receiver-drops file_log logs",
		"warning unstored-position file_log logs",
		"warning receiver-drops filelog/finite logs",
		"warning unstored-position stdout_tail logs",
		"warning unstored-position stdout_tail/journald logs",
		"warning receiver-drops syslog logs",
	},
	"spools": {
		"warning volatile-spool worm_s3 logs", "warning memory-spool kinesis/memory logs,traces",
		"error unredacted-exporter kinesis traces",
		"error unredacted-exporter kinesis/memory traces", "error unredacted-exporter worm_s3/disk traces",
	},
	"processors": {
		"warning memory-fold event_fold logs",
		"warning memory-limiter-late memory_limiter logs",
		"warning batch-processor batch logs,traces",
		"warning memory-limiter-missing memory_limiter traces",
		"warning memory-hold tail_sampling traces",
	},
	"undefined": {
		"error undefined-component logfmt logs",
		"error undefined-component redact logs",
		"error undefined-component otlp_htpp logs",
		"error undefined-component file_storage logs",
		"error undefined-component file_storage/places logs",
		"error undefined-component health_check",
	},
	"ecs": {
		"warning early-ecs request_id logs",
		"warning early-ecs worm_s3 logs",
		"warning early-ecs event_fold logs/fold",
		"warning early-ecs measure logs/fold",
		"warning early-ecs viewer logs/fold",
		"warning early-ecs kinesis logs/out",
	},
	"cycle": {
		"warning memory-limiter-missing memory_limiter logs/0",
		"error unredacted-page file logs/b",
	},
}

func TestShapes(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*.yaml")
	require.NoError(t, err)
	assert.Len(t, files, len(shapes), "each shape has its line in the table")
	met := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			report := check(t, []string{file})
			assert.Equal(t, shapes[name], brief(report))
			for _, f := range report.Findings {
				met[f.Rule] = true
				assert.NotContains(t, f.Remedy, "}}")
				assert.NotRegexp(t, `\{[a-z]+\}`, f.Lost+f.Remedy, "a word in braces that nothing was put in for")
				assert.Equal(t, file, f.File)
				assert.Positive(t, f.Line)
			}
		})
	}
	for _, rule := range Rules {
		assert.True(t, met[rule.ID], "no shape breaks %s", rule.ID)
	}
}

// The words of every rule.
func TestText(t *testing.T) {
	for _, name := range []string{"minimal", "connector_chain", "queues", "load_balancing", "kafka", "receivers", "processors", "spools", "undefined", "journal_before_redact", "journal_behind_forward", "shared_storage", "metrics", "ecs"} {
		var got bytes.Buffer
		require.NoError(t, check(t, []string{"testdata/shapes/" + name + ".yaml"}).WriteText(&got))
		golden(t, "shapes/"+name+".want", got.Bytes())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile("testdata/"+name, got, 0o600))
	}
	want, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), name)
}

func TestJSON(t *testing.T) {
	allow, err := ParseAllow("unredacted-page=prometheus")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, check(t, []string{"testdata/shapes/connector_chain.yaml"}, allow).WriteJSON(&out))
	golden(t, "shapes/connector_chain.json", out.Bytes())

	out.Reset()
	require.NoError(t, check(t, []string{"testdata/shapes/clean.yaml"}).WriteJSON(&out))
	assert.JSONEq(t, `{"findings": [], "errors": 0, "warnings": 0, "accepted": 0, "unused_allows": []}`, out.String())
	assert.True(t, json.Valid(out.Bytes()))
}

func TestFilesAreMerged(t *testing.T) {
	const base, storage, withoutRedact = "testdata/merge/base.yaml", "testdata/merge/storage.yaml", "testdata/merge/without_redact.yaml"
	assert.Equal(t, []string{"warning memory-queue otlp_http logs"}, brief(check(t, []string{base})))
	assert.Empty(t, brief(check(t, []string{base, storage})), "mappings key by key")
	report := check(t, []string{base, storage, withoutRedact})
	assert.Equal(t, []string{"error unredacted-exporter otlp_http logs"}, brief(report), "lists as a whole")
	assert.Equal(t, base, report.Findings[0].File)
	report = check(t, []string{"file:" + base, withoutRedact, "yaml:exporters::otlp_http::sending_queue::block_on_overflow: false"})
	assert.Equal(t, []string{
		"error unredacted-exporter otlp_http logs",
		"warning memory-queue otlp_http logs",
		"warning queue-overflow otlp_http logs",
	}, brief(report), "URIs as the Collector takes them")
	assert.Equal(t, 9, report.Findings[1].Line, "of the mapping that the setting was missing in")
}

func TestEnvironmentIsExpanded(t *testing.T) {
	base := []string{"testdata/merge/base.yaml"}
	t.Setenv("LINT_QUEUE", "false")
	assert.Empty(t, brief(check(t, base)))
	t.Setenv("LINT_QUEUE", "true")
	t.Setenv("LINT_GIVE_UP", "90s")
	report := check(t, base)
	assert.Equal(t, []string{"warning memory-queue otlp_http logs", "warning finite-retry otlp_http logs"}, brief(report))
	assert.Contains(t, report.Findings[1].Lost, "gives up after 1m30s")
}

// TestFilesWithinFiles: a value may come from a file that takes a value from another one.
func TestFilesWithinFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LINT_PARTS", dir)
	for name, text := range map[string]string{
		"exporter.yaml": "endpoint: http://x\nsending_queue: ${file:${env:LINT_PARTS}/queue.yaml}\nretry_on_failure: {max_elapsed_time: 0}\n",
		"queue.yaml":    "# a comment\nstorage: ${file:${env:LINT_PARTS}/storage.yaml}\nblock_on_overflow: ${env:LINT_BLOCK:-true}\n",
		"storage.yaml":  "file_storage", // the end of a line would be part of the name
		"config.yaml": `
extensions: {file_storage: {fsync: true}}
receivers: {otlp: {protocols: {grpc: }}}
processors: {memory_limiter: , redact: }
exporters: {otlp_http: "${file:${env:LINT_PARTS}/exporter.yaml}"}
service:
  extensions: [file_storage]
  pipelines: {logs: {receivers: [otlp], processors: [memory_limiter, redact], exporters: [otlp_http]}}
`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	config := []string{filepath.Join(dir, "config.yaml")}
	assert.Empty(t, check(t, config).Findings)
	t.Setenv("LINT_BLOCK", "false")
	report := check(t, config)
	require.Len(t, report.Findings, 1)
	assert.Equal(t, "queue-overflow", report.Findings[0].Rule)
}

func TestBroken(t *testing.T) {
	for name, want := range map[string][]string{
		"missing":      {"open testdata/broken/missing.yaml: no such file or directory"},
		"syntax":       {"testdata/broken/syntax.yaml: yaml: line 1: did not find expected ',' or '}'"},
		"twice":        {"testdata/broken/twice.yaml: yaml:", `line 5: mapping key "receivers" already defined at line 1`},
		"list":         {"testdata/broken/list.yaml:1: this is no mapping"},
		"empty":        {"testdata/broken/empty.yaml: service::pipelines has no pipeline"},
		"no_pipelines": {"testdata/broken/no_pipelines.yaml:3: service::pipelines has no pipeline"},
		"provider":     {`testdata/broken/provider.yaml: scheme "vault" is not supported`},
		"keys": {
			"testdata/broken/keys.yaml:3: exporter is no key of a configuration; here it can have receivers, processors",
			"testdata/broken/keys.yaml:5: processors is a list, want a mapping",
			"testdata/broken/keys.yaml:7: service::pipeline is no key",
			"testdata/broken/keys.yaml:9: service::pipelines::log is no pipeline: its name must be one of logs,",
			"testdata/broken/keys.yaml:12: service::pipelines::logs::receiver is no key",
			"testdata/broken/keys.yaml:13: service::pipelines::logs::receivers is a mapping, want a list",
			"testdata/broken/keys.yaml:14: service::pipelines::logs::exporters has a mapping in it",
			"testdata/broken/keys.yaml:16: service::pipelines::traces::receivers is a string, want a list",
		},
		"settings": {
			"testdata/broken/settings.yaml:4: receivers::kafka::message_marking::after is a string, want true or false",
			"testdata/broken/settings.yaml:7: exporters::otlp_http::sending_queue is a string, want a mapping",
			`testdata/broken/settings.yaml:9: exporters::otlp_http::retry_on_failure::max_elapsed_time is "5 minutes"`,
		},
	} {
		config, err := Load(t.Context(), []string{"testdata/merge/base.yaml", "testdata/broken/" + name + ".yaml"})
		if name == "empty" || name == "no_pipelines" || name == "settings" { // nothing wrong beside the first
			config, err = Load(t.Context(), []string{"testdata/broken/" + name + ".yaml"})
		}
		if err == nil {
			_, err = Check(config)
		}
		require.Error(t, err, name)
		for _, text := range want {
			require.ErrorContains(t, err, text, name)
		}
		assert.Len(t, strings.Split(err.Error(), "\n"), len(want), name)
	}
}

func TestAllow(t *testing.T) {
	shape := []string{"testdata/shapes/shared_exporter.yaml"}
	for text, want := range map[string][3]int{ // errors, warnings, accepted
		"unredacted-exporter":           {0, 1, 1},
		"unredacted-exporter=otlp_grpc": {0, 1, 1},
		"unredacted-exporter=traces":    {0, 1, 1},
		"memory-queue=traces":           {1, 0, 1},
		"memory-queue=otlp_http":        {1, 1, 0},
		"batch-processor":               {1, 1, 0},
	} {
		allow, err := ParseAllow(text)
		require.NoError(t, err)
		assert.Equal(t, text, allow.String())
		report := check(t, shape, allow)
		assert.Equal(t, want, [3]int{report.Errors, report.Warnings, report.Accepted}, text)
		if want[2] == 0 {
			assert.Equal(t, []string{text}, report.Unused)
		} else {
			assert.Empty(t, report.Unused)
		}
	}
	_, err := ParseAllow("memory-queu")
	require.ErrorContains(t, err, `there is no rule "memory-queu"; the rules are undefined-component, early-ecs, unredacted-journal,`)
	_, err = ParseAllow("memory-queue=")
	require.ErrorContains(t, err, "names no component")
}

// The documentation has a section for each rule, in their order, with its level.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/lint.md")
	require.NoError(t, err)
	var got, want []string
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			got = append(got, strings.TrimSpace(heading))
		}
	}
	for _, rule := range Rules {
		want = append(want, fmt.Sprintf("`%s` (%s)", rule.ID, rule.Level))
	}
	assert.Equal(t, want, got)
}
