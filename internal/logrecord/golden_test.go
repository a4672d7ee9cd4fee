package logrecord

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// fixture is a line of testdata/lines.jsonl: a log line as the field prints it, and
// a part of what it must become.
type fixture struct {
	Kind string          `json:"kind"`
	Line string          `json:"line"`
	Want json.RawMessage `json:"want"`
}

type want struct {
	Resource   map[string]any    `json:"resource"`
	Attributes map[string]any    `json:"attributes"`
	EventName  *string           `json:"event_name"`
	Severity   *string           `json:"severity"`
	Body       *string           `json:"body"`
	Time       *time.Time        `json:"time"`
	TimeGuess  *bool             `json:"time_guess"`
	Metrics    map[string]string `json:"metrics"`
}

func readFixtures(t *testing.T, kind string) []fixture {
	t.Helper()
	f, err := os.Open("testdata/lines.jsonl")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	var found []fixture
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var x fixture
		require.NoError(t, json.Unmarshal(lines.Bytes(), &x), lines.Text())
		if x.Kind == kind {
			found = append(found, x)
		}
	}
	require.NoError(t, lines.Err())
	return found
}

// TestFieldsOwnLines holds the kind of line that this package reads. The other
// kinds in the file belong to parts that read JSON, console layouts and access
// logs.
func TestFieldsOwnLines(t *testing.T) {
	fixtures := readFixtures(t, "logfmt")
	require.Len(t, fixtures, 8)
	for _, x := range fixtures {
		t.Run("", func(t *testing.T) {
			t.Log(x.Line)
			var w want
			decoder := json.NewDecoder(bytes.NewReader(x.Want))
			decoder.DisallowUnknownFields() // all that is wanted is looked at
			require.NoError(t, decoder.Decode(&w))
			assertWant(t, w, mapOne(t, Settings{}, x.Line, nil))
		})
	}
}

func assertWant(t *testing.T, w want, got one) {
	t.Helper()
	for name, value := range w.Resource {
		assertValue(t, value, got.resource, name)
	}
	for name, value := range w.Attributes {
		assertValue(t, value, got.record.Attributes(), name)
	}
	if w.EventName != nil {
		assert.Equal(t, *w.EventName, got.record.EventName())
	}
	if w.Severity != nil {
		assert.Equal(t, *w.Severity, severity.Number(got.record.SeverityNumber()).String())
	}
	if w.Body != nil {
		assert.Equal(t, *w.Body, got.record.Body().Str())
	}
	if w.Time != nil {
		assert.Equal(t, *w.Time, got.record.Timestamp().AsTime())
	}
	if w.TimeGuess != nil {
		_, guessed := got.record.Attributes().Get(attrTimeGuess)
		assert.Equal(t, *w.TimeGuess, guessed)
	}
	if w.Metrics != nil {
		// A connector makes metrics of them, if they are numbers.
		for _, name := range []string{"measure.items", "measure.elapsed"} {
			v, ok := got.record.Attributes().Get(name)
			require.True(t, ok, name)
			assert.Contains(t, []pcommon.ValueType{pcommon.ValueTypeInt, pcommon.ValueTypeDouble}, v.Type())
		}
	}
}

func assertValue(t *testing.T, want any, m pcommon.Map, name string) {
	t.Helper()
	v, ok := m.Get(name)
	if !assert.True(t, ok, "no %q in %v", name, m.AsRaw()) {
		return
	}
	if number, ok := want.(float64); ok && v.Type() == pcommon.ValueTypeInt {
		want = int64(number)
	}
	assert.Equal(t, want, v.AsRaw(), name)
}

// one is the only record of a batch, and its resource.
type one struct {
	record   plog.LogRecord
	resource pcommon.Map
}

func mapOne(tb testing.TB, set Settings, line string, o *Origin) one {
	tb.Helper()
	return mapOneWith(tb, set, line, o, true)
}

func mapOneWith(tb testing.TB, set Settings, line string, o *Origin, withSlabs bool) one {
	tb.Helper()
	m, err := NewMapper(set)
	require.NoError(tb, err)
	b := m.NewBatch()
	if !withSlabs {
		b.out = pdataslab.Builder{}
	}
	if o == nil {
		o = &Origin{}
	}
	b.Add([]byte(line), o)
	logs := b.Take()
	require.Equal(tb, 1, logs.LogRecordCount())
	rl := logs.ResourceLogs().At(0)
	return one{record: rl.ScopeLogs().At(0).LogRecords().At(0), resource: rl.Resource().Attributes()}
}
