package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// traced is what the LogTrace module made of some messages.
type traced struct {
	Verbosity, Delimiter, Tag, UID, Line string
	Parts                                []struct {
		Message, Function, File string
		Line                    int64
		Elapsed                 float64
	}
}

// logTraceLines runs the module from PyPI.
func logTraceLines(t *testing.T) (all []traced) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there's no python3 on this machine")
	}
	source := filepath.Join(harness.Root(t), "integration", "logtrace")
	venv := filepath.Join(t.TempDir(), "venv")
	for _, command := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(source, "requirements.txt")},
	} {
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%q: %s", command, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "python"), filepath.Join(source, "scenario.py")).Output()
	require.NoError(t, err)
	for line := range bytes.Lines(out) {
		var one traced
		require.NoError(t, json.Unmarshal(line, &one))
		all = append(all, one)
	}
	return all
}

// TestLogTraceStyle: the collector writes what the module writes, byte for byte. Each
// of the module's settings has a processor, in a pipeline of its own.
func TestLogTraceStyle(t *testing.T) {
	t.Parallel()
	lines := logTraceLines(t)
	require.Len(t, lines, 3*3*3*2)
	processors, pipelines := make(map[string]any), make(map[string]any)
	for i, one := range lines {
		settings := map[string]any{"verbosity": one.Verbosity, "delimiter": one.Delimiter, "tag": one.Tag}
		if one.UID != "" {
			settings["uid"] = "request.id"
		}
		name := fmt.Sprintf("event_fold/%d", i)
		processors[name] = map[string]any{
			"key": []string{fmt.Sprintf("case%d", i)}, "style": "logtrace", "logtrace": settings, "max_records": len(one.Parts),
		}
		pipelines[fmt.Sprintf("logs/%d", i)] = map[string]any{
			"receivers": []string{"otlp"}, "processors": []string{name}, "exporters": []string{"otlp_http"},
		}
	}
	own, err := json.Marshal(map[string]any{"processors": processors, "service": map[string]any{"pipelines": pipelines}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pipelines.yaml") // JSON is YAML
	require.NoError(t, os.WriteFile(file, own, 0o600))
	sink := harness.NewSink(t)
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  otlp_http: {endpoint: {{.sink.HTTP}}, sending_queue: {enabled: false}}
	`, harness.WithFile(file), harness.With("sink", sink))

	sender := newFragments(t)
	for i, one := range lines {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for _, part := range one.Parts {
			r := records.AppendEmpty()
			r.SetTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + int64(math.Round(part.Elapsed*1e9))))
			r.Body().SetStr(part.Message)
			attrs := r.Attributes()
			attrs.PutStr(fmt.Sprintf("case%d", i), "it")
			attrs.PutInt("code.line.number", part.Line)
			attrs.PutStr("code.function.name", part.Function)
			attrs.PutStr("code.file.path", part.File)
			if one.UID != "" {
				attrs.PutStr("request.id", one.UID)
			}
		}
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		status, answer, err := sender.post(t.Context(), col.Addr(t, "in"), body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, "%s", answer)
	}
	for i, one := range lines {
		event := sink.WaitLog(t, harness.HasAttr("fold.id"), harness.HasAttr(fmt.Sprintf("case%d", i)))
		assert.Equal(t, one.Line, event.Body, "verbosity %q, delimiter %q, tag %q, uid %q", one.Verbosity, one.Delimiter, one.Tag, one.UID)
	}
	col.Stop(t)
}
