package logrecord

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// golden is a record as testdata/json/*.golden shows it; what is not set is left
// out.
type golden struct {
	Time       string         `json:"time,omitempty"`
	Severity   string         `json:"severity,omitempty"`
	Level      string         `json:"level,omitempty"`
	Body       any            `json:"body,omitempty"`
	Event      string         `json:"event,omitempty"`
	Trace      string         `json:"trace,omitempty"`
	Span       string         `json:"span,omitempty"`
	Flags      uint32         `json:"flags,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Resource   map[string]any `json:"resource,omitempty"`
}

func show(got one) golden {
	r := got.record
	g := golden{
		Level: r.SeverityText(), Body: r.Body().AsRaw(), Event: r.EventName(), Flags: uint32(r.Flags()),
		Attributes: r.Attributes().AsRaw(), Resource: got.resource.AsRaw(),
	}
	if r.Timestamp() != 0 {
		g.Time = r.Timestamp().AsTime().Format(time.RFC3339Nano)
	}
	if r.SeverityNumber() != 0 {
		g.Severity = severity.Number(r.SeverityNumber()).String()
	}
	if !r.TraceID().IsEmpty() {
		g.Trace = r.TraceID().String()
	}
	if !r.SpanID().IsEmpty() {
		g.Span = r.SpanID().String()
	}
	delete(g.Attributes, attrUID)
	return g
}

// TestJSONGolden compares what becomes of each line of testdata/json/*.jsonl, which
// were written after the documentation of their loggers, and of those that real ones
// wrote (testdata/loggers), with testdata/json/*.golden. UPDATE_GOLDEN=1 writes these;
// read what it wrote.
func TestJSONGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			var text bytes.Buffer
			encoder := json.NewEncoder(&text)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", " ")
			for line := range strings.Lines(string(content)) {
				line = strings.TrimSuffix(line, "\n")
				if !strings.HasPrefix(line, "{") {
					continue // a runtime's own words
				}
				got := mapJSON(t, Settings{}, line, nil)
				assertWhole(t, got)
				assertSame(t, got, mapJSONWith(t, Settings{}, line, nil, false))
				require.NoError(t, encoder.Encode(show(got)))
			}
			path := filepath.Join("testdata", "json", name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
				return
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), text.String())
		})
	}
}
