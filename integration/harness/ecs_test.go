package harness

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// TestSinkChecksECS breaks the mapping for one record: the test that uses the sink must
// fail, and be told which record and which field.
func TestSinkChecksECS(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(s *Sink)
		fails bool
	}{
		"what it takes": {spoil: func(*Sink) {}},
		"a document that is wrong in one nesting": {fails: true, spoil: func(s *Sink) {
			check := s.ecs.check
			s.ecs.check = func(document []byte) error {
				if bytes.Contains(document, []byte(`"answer"`)) && bytes.Contains(document, []byte(`"http":{`)) {
					return errors.New(`"http.request.method": no field`)
				}
				return check(document)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tb := newRecorder()
			var sink *Sink
			tb.run(func() { sink = NewSink(tb) })
			logs := oneLog("the answer")
			logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutInt("answer", 42)
			logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutStr("http.request.method", "GET")
			test.spoil(sink)
			require.NoError(t, exportGRPC(t.Context(), dial(t, sink), logs))
			sink.Forget() // what is forgotten is checked all the same
			said := tb.end()
			assert.Equal(t, 1, sink.ecs.checked)
			assert.Equal(t, test.fails, tb.Failed(), said)
			if test.fails {
				assert.Contains(t, said, "http.request.method")
				assert.Contains(t, said, `"message":"the answer"`)
				assert.Contains(t, said, "answer=42")
			}
		})
	}
}

// TestECSCheckerCanFail gives it items that no mapper makes.
func TestECSCheckerCanFail(t *testing.T) {
	for name, item := range map[string]ecs.Item{
		"no field of ECS": {Name: "http.request.colour", Kind: ecs.KindText, Text: "red"},
		"another type":    {Name: "http.response.status_code", Field: ecs.Lookup("http.response.status_code"), Kind: ecs.KindText, Text: "fine"},
		"a label of two":  {Name: "labels.a.b", Kind: ecs.KindText, Text: "c"},
	} {
		c := newECSChecker()
		c.items([]ecs.Item{item}, plog.NewLogRecord().Attributes())
		assert.Equal(t, 2, c.wrong, name)
		require.Len(t, c.problems, 2, name)
		assert.Contains(t, c.problems[0], item.Name, name)
	}
}

func TestECSCheckerTakesSpans(t *testing.T) {
	traces := ptrace.NewTraces()
	s := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /")
	s.SetStartTimestamp(1)
	s.SetEndTimestamp(2)
	s.Attributes().PutStr("http.request.method", "GET")
	c := newECSChecker()
	c.spans(traces)
	assert.Equal(t, 1, c.checked)
	assert.Empty(t, c.problems)
	c.check = func(document []byte) error { return errors.New(string(document)) }
	c.spans(traces)
	assert.Equal(t, 2, c.wrong)
	assert.Contains(t, c.problems[0], `"method":"GET"`)
	assert.Contains(t, c.problems[1], `"http.request.method":"GET"`)
}

// TestECSCheckerSamples holds that what is unlike is checked however much alike there was.
func TestECSCheckerSamples(t *testing.T) {
	c := newECSChecker()
	text := func(name string) []ecs.Item { return []ecs.Item{{Name: name, Kind: ecs.KindText, Text: "x"}} }
	none := plog.NewLogRecord().Attributes()
	for range 2 * ecsAlikeChecked {
		c.items(text("labels.a"), none)
	}
	assert.Equal(t, ecsAlikeChecked+ecsAlikeChecked/ecsAlikeSampled, c.checked)
	c.checked = 0
	c.items(text("labels.b"), none)
	c.items([]ecs.Item{{Name: "labels.a", Kind: ecs.KindInt, Bits: 1}}, none)
	assert.Equal(t, 2, c.checked)
}
