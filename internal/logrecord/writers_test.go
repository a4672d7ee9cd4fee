package logrecord

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// TestRealWriters maps the lines that logfmt libraries of several languages wrote
// (internal/logfmt/testdata/writers): time, level and message are found, whatever
// the library calls them, and the rest are attributes.
func TestRealWriters(t *testing.T) {
	const dir = "../logfmt/testdata/writers"
	const message = "it happened"
	minute := time.Date(2026, 11, 21, 8, 33, 0, 0, time.UTC)
	known := map[string]struct {
		sevText string
		timed   bool
		guessed bool
		body    any
	}{
		"go-apex.log":                  {sevText: "info", timed: true, body: message},
		"go-charmbracelet.log":         {sevText: "info", timed: true, guessed: true, body: message},
		"go-kit.log":                   {},
		"go-log15.log":                 {sevText: "info", timed: true, body: message},
		"go-logfmt.log":                {},
		"go-logrus.log":                {sevText: "info", timed: true, body: message},
		"go-slog.log":                  {sevText: "INFO", timed: true, body: message},
		"go-zap-logfmt.log":            {sevText: "info", timed: true, body: message},
		"node-logfmt.log":              {},
		"node-pino-logfmt-escaped.log": {sevText: "30", timed: true, body: message},
		"node-pino-logfmt.log":         {sevText: "30", timed: true, body: message},
		"node-winston-logfmt.log":      {sevText: "info", body: message},
		"python-logfmt.log":            {},
		"python-logfmter.log":          {sevText: "INFO", body: message},
		"python-structlog.log":         {sevText: "info", timed: true},
		"ruby-lograge-key_value.log":   {},
		"ruby-lograge-l2met.log":       {},
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	require.Len(t, files, len(known))
	for _, file := range files {
		want, ok := known[filepath.Base(file)]
		require.True(t, ok, file)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
		require.Greater(t, len(lines), 10, file)
		// Some writers leave a line end in a value as it is: two lines, neither whole.
		torn := func(i int) bool { return i < len(lines) && bytes.HasPrefix(lines[i], []byte("second")) }
		for i, line := range lines {
			if torn(i) || torn(i+1) {
				continue
			}
			got := mapOne(t, Settings{}, string(line), nil).record
			attrs := got.Attributes().AsRaw()
			if _, broken := attrs[attrParseError]; broken {
				assert.Equal(t, string(line), bodyText(got.Body()), file)
				continue
			}
			if want.timed {
				assert.WithinRange(t, got.Timestamp().AsTime(), minute, minute.Add(2*time.Minute), "%s: %s", file, line)
			} else {
				assert.Zero(t, got.Timestamp(), "%s: %s", file, line)
			}
			_, guessed := attrs[attrTimeGuess]
			assert.Equal(t, want.guessed, guessed, "%s: %s", file, line)
			assert.Equal(t, want.sevText, got.SeverityText(), "%s: %s", file, line)
			if want.sevText != "" {
				assert.Equal(t, severity.Info, severity.Number(got.SeverityNumber()), "%s: %s", file, line)
			}
			assert.Equal(t, want.body, got.Body().AsRaw(), "%s: %s", file, line)
			assert.Contains(t, attrs, "case", "%s: %s", file, line)
			assert.NotContains(t, attrs, attrException, "%s: %s", file, line)
		}
	}
}
