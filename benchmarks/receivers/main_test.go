package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// The program starts itself for each measurement; in a test, that is the test
// binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-child" || os.Args[1] == "-send") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestEveryContenderGetsEveryLineRight(t *testing.T) {
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-count", "1", "-lines", "1000", "-json"}, &out, &progress))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.Len(t, r.Results, len(contenders))
	for i, result := range r.Results {
		assert.Equal(t, contenders[i].name, result.Name)
		assert.Positive(t, result.LinesPerCPUSecond)
		assert.Greater(t, result.PeakRSS, int64(1<<20))
		require.Len(t, result.Rounds, 1)
		assert.Positive(t, result.Rounds[0].Lines)
		assert.LessOrEqual(t, result.Rounds[0].Lines, 1000*contenders[i].weight*(warmUp-1)/warmUp)
	}
	assert.Equal(t, len(contenders), strings.Count(progress.String(), "round 1/1"))
}

// logsOf makes records as a receiver would that gets every line right.
func logsOf(want func(i int) record, lines int) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range lines {
		w, r := want(i), records.AppendEmpty()
		if w.service != "" {
			rl.Resource().Attributes().PutStr("service.name", w.service)
		}
		if !w.time.IsZero() {
			r.SetTimestamp(pcommon.NewTimestampFromTime(w.time))
		}
		r.SetSeverityNumber(w.severity)
		r.SetSeverityText(w.severityText)
		r.Body().SetStr(w.body)
		r.SetEventName(w.eventName)
		if err := r.Attributes().FromRaw(w.attributes); err != nil {
			panic(err)
		}
	}
	return logs
}

func TestCounterAcceptsWhatIsRight(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			counter := counter{want: c.want, vary: c.vary}
			counter.add(logsOf(c.want, 3000))
			require.NoError(t, counter.result(3000))
		})
	}
}

// A receiver that is fast because it does less must not get a figure.
func TestCounterFindsWhatIsWrong(t *testing.T) {
	const lines = 1000
	first := func(logs plog.Logs) plog.LogRecord { return at(logs, 0) } // looked at in full
	second := func(logs plog.Logs) plog.LogRecord { return at(logs, 1) }
	tests := map[string]func(logs plog.Logs){
		"a record is missing": func(logs plog.Logs) { removeAt(logs, 1) },
		"a record comes twice": func(logs plog.Logs) {
			second(logs).CopyTo(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty())
		},
		"one comes twice, another not at all": func(logs plog.Logs) { at(logs, 2).CopyTo(second(logs)) },
		"an attribute is missing":             func(logs plog.Logs) { second(logs).Attributes().Remove("cached") },
		"an attribute is not typed":           func(logs plog.Logs) { second(logs).Attributes().PutStr("status", "200") },
		"an attribute is another number":      func(logs plog.Logs) { second(logs).Attributes().PutInt("bytes", 1) },
		"a text is shorter":                   func(logs plog.Logs) { second(logs).Attributes().PutStr("path", "/") },
		"the body is missing":                 func(logs plog.Logs) { second(logs).Body().SetStr("") },
		"a text is another":                   func(logs plog.Logs) { first(logs).Attributes().PutStr("path", strings.Repeat("x", len(eventPath))) },
		"no severity":                         func(logs plog.Logs) { first(logs).SetSeverityNumber(0) },
		"no time":                             func(logs plog.Logs) { first(logs).SetTimestamp(0) },
		"no event name":                       func(logs plog.Logs) { first(logs).SetEventName("") },
		"no uid":                              func(logs plog.Logs) { first(logs).Attributes().PutStr("log.record.uid", "") },
		"no service":                          func(logs plog.Logs) { logs.ResourceLogs().At(0).Resource().Attributes().Clear() },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			logs := logsOf(wantTyped, lines)
			spoil(logs)
			counter := counter{want: wantTyped, vary: varyTyped}
			counter.add(logs)
			assert.Error(t, counter.result(lines))
		})
	}
}

func at(logs plog.Logs, i int) plog.LogRecord {
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(i)
}

func removeAt(logs plog.Logs, remove int) {
	i := -1
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(plog.LogRecord) bool {
		i++
		return i == remove
	})
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	for args, want := range map[string]string{
		"-count 0":          "-count is 0",
		"-lines 10":         "-lines is 10",
		"-only logfmt,none": `no contender is called "none": there are ["logfmt"`,
		"extra":             `unexpected argument "extra"`,
	} {
		err := run(t.Context(), strings.Fields(args), &bytes.Buffer{}, &bytes.Buffer{})
		assert.ErrorContains(t, err, want)
	}
}

func TestAFailedMeasurementIsAnError(t *testing.T) {
	broken := contenders[0]
	broken.config = func(string) map[string]any { return map[string]any{"no_such_field": 1} }
	_, err := measure(t.Context(), broken, "", 1000, &bytes.Buffer{})
	require.ErrorContains(t, err, "no_such_field")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = measure(ctx, contenders[0], "", 1000, &bytes.Buffer{}) // nobody sends
	require.ErrorContains(t, err, "0 of 1000 lines came")
}

func TestMedian(t *testing.T) {
	assert.InDelta(t, 2, median([]float64{1, 2, 9}), 0)
	assert.InDelta(t, 3, median([]float64{1, 2, 4, 9}), 0)
	assert.InDelta(t, 0, median(nil), 0)
}

func TestTable(t *testing.T) {
	second := func(lines int, cpu float64) measurement {
		return measurement{Lines: lines, CPU: cpu, System: cpu / 4, Wall: 2 * cpu, PeakRSS: 30 << 20}
	}
	r := newReport(contenders[:2], [][]measurement{
		{second(1000, 1), second(800, 1), second(1200, 1)},
		{second(100, 1), second(100, 1), second(100, 0.5)},
	})
	var out bytes.Buffer
	require.NoError(t, r.table(&out))
	lines := strings.Split(out.String(), "\n")
	assert.Contains(t, lines[0], "295-byte lines of 14 pairs")
	assert.Contains(t, lines[0], "median of 3 rounds")
	assert.Equal(t, []string{"logfmt,", "tcp", "1000", "20%", "25%", "500", "30", "MiB"}, strings.Fields(lines[3]))
	assert.True(t, strings.HasSuffix(strings.TrimSpace(lines[4]), "10.0 x"), lines[4])
}
