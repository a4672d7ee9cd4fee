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

func runAll(t *testing.T, args ...string) (r report, progress string) {
	t.Helper()
	var out, said bytes.Buffer
	require.NoError(t, run(t.Context(), append(args, "-json"), &out, &said))
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	return r, said.String()
}

// Enough that more than one batch comes of any contender.
const fewLines = "5000"

func TestEveryContenderGetsEveryLineRight(t *testing.T) {
	r, progress := runAll(t, "-count", "1", "-lines", fewLines)
	require.Len(t, r.Workloads, 5)
	var got []contender
	for i, w := range r.Workloads {
		assert.Equal(t, workloads[i].name, w.Name)
		assert.Equal(t, workloads[i].size, w.LineSize)
		assert.InDelta(t, 1, w.Results[0].Ratio, 0)
		for _, result := range w.Results {
			c, err := contenderNamed(result.Name)
			require.NoError(t, err)
			got = append(got, c)
			assert.Same(t, workloads[i], c.workload)
			assert.InDelta(t, w.Results[0].LinesPerCPUSecond/result.LinesPerCPUSecond, result.Ratio, 1e-9)
			assert.Greater(t, result.PeakRSS, int64(1<<20))
			require.Len(t, result.Rounds, 1)
			assert.Positive(t, result.Rounds[0].Lines)
			assert.LessOrEqual(t, result.Rounds[0].Lines, 5000*c.weight*(warmUp-1)/warmUp)
		}
	}
	assert.Len(t, got, len(contenders)-2) // without the idle ones
	assert.Equal(t, len(got), strings.Count(progress, "round 1/1"))
}

func TestIdleFilesAreReadAndThenWatched(t *testing.T) {
	r, progress := runAll(t, "-workload", "idle", "-count", "1", "-files", "50", "-watch", "300ms")
	assert.Equal(t, 50, r.IdleFiles)
	require.Len(t, r.Workloads, 1)
	require.Len(t, r.Workloads[0].Results, 2)
	for _, result := range r.Workloads[0].Results {
		assert.Positive(t, result.CoreShare)
		assert.Positive(t, result.StartCPU)
		assert.Greater(t, result.RSS, int64(1<<20))
		assert.GreaterOrEqual(t, result.PeakRSS, result.RSS)
		assert.InDelta(t, 0.3, result.Rounds[0].Wall, 0.2)
	}
	assert.Equal(t, 2, strings.Count(progress, "of a core"))
}

func TestOneWorkloadIsItsContenders(t *testing.T) {
	chosen, err := choose("json", "")
	require.NoError(t, err)
	require.Len(t, chosen, 2)
	assert.Equal(t, "stdout_tail_json", chosen[0].name)
	assert.Equal(t, "file_log_json", chosen[1].name)

	chosen, err = choose(everything, "file_log_idle")
	require.NoError(t, err)
	require.Len(t, chosen, 1)
	assert.Equal(t, idle, chosen[0].workload)
}

// logsOf makes records as a receiver would that gets every line right.
func logsOf(want func(i int) record, lines int) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range lines {
		w, r := want(i), records.AppendEmpty()
		if err := rl.Resource().Attributes().FromRaw(w.resource); err != nil {
			panic(err)
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
		if c.workload == idle {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			want := readFrom("/var/log/lines.log", c.want)
			counter := counter{want: want, vary: c.vary}
			counter.add(logsOf(want, 3000))
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

// As above, for what only a tailed file's lines have.
func TestCounterFindsWhatIsWrongOfFiles(t *testing.T) {
	c, err := contenderNamed("stdout_tail_cri")
	require.NoError(t, err)
	want := readFrom("/var/log/pods/lines.log", c.want)
	first := func(logs plog.Logs) pcommon.Map { return at(logs, 0).Attributes() }
	second := func(logs plog.Logs) pcommon.Map { return at(logs, 1).Attributes() }
	for name, spoil := range map[string]func(logs plog.Logs){
		"another offset":     func(logs plog.Logs) { second(logs).PutInt("log.file.record_offset", 1) },
		"no offset":          func(logs plog.Logs) { second(logs).Remove("log.file.record_offset") },
		"another uid":        func(logs plog.Logs) { first(logs).PutStr("log.record.uid", anyFile+"-1") },
		"a shorter uid":      func(logs plog.Logs) { second(logs).PutStr("log.record.uid", anyFile[1:]+"-314") },
		"another path":       func(logs plog.Logs) { second(logs).PutStr("log.file.path", anyPath) },
		"no stream":          func(logs plog.Logs) { second(logs).Remove("log.iostream") },
		"the runtime's time": func(logs plog.Logs) { addDelay(at(logs, 0)) },
		"no pod":             func(logs plog.Logs) { logs.ResourceLogs().At(0).Resource().Attributes().Remove("k8s.pod.name") },
	} {
		t.Run(name, func(t *testing.T) {
			logs := logsOf(want, 500)
			spoil(logs)
			counter := counter{want: want, vary: c.vary}
			counter.add(logs)
			assert.Error(t, counter.result(500))
		})
	}
}

func addDelay(r plog.LogRecord) {
	r.SetTimestamp(pcommon.NewTimestampFromTime(r.Timestamp().AsTime().Add(runtimeDelay)))
}

func TestIdleLinesAreEachSeenOnce(t *testing.T) {
	logsOfIdle := func(from, to int) plog.Logs {
		return logsOf(func(i int) record {
			return record{body: string(appendPlain(nil, from+i)), attributes: map[string]any{}}
		}, to-from)
	}
	lines := newEveryLine(100)
	require.NoError(t, lines.add(logsOfIdle(0, len(lines.seen)-1)))
	assert.Equal(t, 1, lines.left)
	require.ErrorContains(t, lines.add(logsOfIdle(5, 6)), "line 5 comes twice")
	require.ErrorContains(t, lines.add(logsOfIdle(len(lines.seen), len(lines.seen)+1)), "none of these")
	cut := logsOfIdle(len(lines.seen)-1, len(lines.seen))
	at(cut, 0).Body().SetStr("n" + at(cut, 0).Body().Str()[1:])
	require.ErrorContains(t, lines.add(cut), "has become")
	assert.Equal(t, 1, lines.left)
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
		"-workload none":    `no workload is called "none": there are ["all" "logfmt" "plain" "json" "cri" "docker" "idle"]`,
		"-files 0":          "-files is 0",
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
	idlers, err := choose(idle.name, "")
	require.NoError(t, err)
	watched := measurement{Lines: 1, CPU: 0.5, Wall: 20, StartCPU: 3, RSS: 40 << 20, PeakRSS: 50 << 20}
	r := newReport(append(idlers[:1:1], contenders[:2]...), [][]measurement{
		{watched, watched, watched},
		{second(1000, 1), second(800, 1), second(1200, 1)},
		{second(100, 1), second(100, 1), second(100, 0.5)},
	})
	r.IdleFiles = 2000
	var out bytes.Buffer
	require.NoError(t, r.table(&out))
	lines := strings.Split(out.String(), "\n")
	assert.Contains(t, lines[0], "295-byte lines of 14 pairs")
	assert.Contains(t, lines[0], "median of 3 rounds")
	assert.Equal(t, []string{"logfmt,", "tcp", "1000", "20%", "25%", "500", "30", "MiB"}, strings.Fields(lines[3]))
	assert.True(t, strings.HasSuffix(strings.TrimSpace(lines[4]), "10.0 x"), lines[4])
	assert.Contains(t, lines[6], "idle: 2000 files")
	assert.Equal(t, []string{"stdout_tail", "2.50%", "0%", "3.00", "40", "MiB", "50", "MiB"}, strings.Fields(lines[9]))
}
