package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// toolchains are what each language's programs need of the machine; see
// integration/stdout/README.md.
var toolchains = []struct {
	language string
	habits   []habit
	needs    []string
}{
	{"python", pythonHabits, []string{"python3"}},
	{"node", nodeHabits, []string{"node", "npm"}},
	{"go", goHabits, []string{"go"}},
	{"java", javaHabits, []string{"java", "mvn"}},
	{"rust", rustHabits, []string{"cargo"}},
	{"ruby", rubyHabits, []string{"ruby"}},
}

// programAttribute tells the records of one program from those of another.
const programAttribute = "stdout.program"

// Real libraries write, the built binary reads, and each record is looked at
// field by field.
func TestStdoutLibraries(t *testing.T) {
	script := filepath.Join(harness.Root(t), "integration", "stdout", "stdout.sh")
	for _, tool := range toolchains {
		t.Run(tool.language, func(t *testing.T) {
			for _, each := range tool.needs {
				if _, err := exec.LookPath(each); err != nil {
					t.Skipf("there's no %s on this machine", each)
				}
			}
			shell(t, script, "prepare", tool.language)
			listed := strings.Split(strings.TrimSpace(shell(t, script, "list", tool.language)), "\n")
			var expected []string
			for _, h := range tool.habits {
				expected = append(expected, h.program)
			}
			require.ElementsMatch(t, listed, expected, "programs that are there, and programs with expectations")
			runPrograms(t, script, tool.language, tool.habits)
		})
	}
}

func shell(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", append([]string{script}, arguments...)...)
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	require.NoError(t, err, "%s %v\n%s%s", script, arguments, out, &problems)
	return string(out)
}

// runPrograms runs all programs of a language under one collector.
func runPrograms(t *testing.T, script, language string, all []habit) {
	t.Helper()
	var config, names strings.Builder
	config.WriteString("receivers:\n")
	for i, h := range all {
		argv := append([]string{"sh", script, "run", language}, strings.Fields(h.program)...)
		fmt.Fprintf(&config, "  stdout_tail/%d:\n    keep_original: true\n    join: {timeout: 10s}\n    resource: {%s: %s}\n    command: {argv: %s, restart: {policy: never}}\n",
			i, programAttribute, quote(t, h.program), quote(t, argv))
		fmt.Fprintf(&names, "stdout_tail/%d, ", i)
	}
	config.WriteString("exporters:\n  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}}\n")
	fmt.Fprintf(&config, "service:\n  pipelines:\n    logs: {receivers: [%s], exporters: [otlp_grpc]}\n", names.String())

	sink := harness.NewSink(t)
	began := time.Now()
	col := harness.Start(t, config.String(), harness.With("sink", sink))
	for _, h := range all {
		ended := harness.Where("the end of "+h.program, func(r harness.LogRecord) bool {
			return of(h.program)(r) && r.EventName == "process.exit"
		})
		sink.WaitFor(t, "the exit of "+h.program, 2*time.Minute, func() bool { return len(sink.Logs(ended)) > 0 })
	}
	col.Stop(t) // delivers what is left
	window := span{began, time.Now()}

	for _, h := range all {
		t.Run(h.program, func(t *testing.T) {
			records := sink.Logs(harness.Where("of "+h.program, func(r harness.LogRecord) bool {
				return of(h.program)(r) && r.EventName != "process.exit"
			}))
			inspection{habit: h, records: records, window: window}.run(t)
		})
	}
}

func of(program string) func(harness.LogRecord) bool {
	return func(r harness.LogRecord) bool { return r.Resource[programAttribute] == program }
}

// quote writes a value so that YAML reads it as it is.
func quote(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// span is from when to when a program can have run.
type span struct{ from, to time.Time }

// inspection is what came of one program.
type inspection struct {
	habit   habit
	records []harness.LogRecord
	window  span
}

func (in inspection) run(t *testing.T) {
	t.Helper()
	for _, r := range in.records {
		in.checkAny(t, r)
		delete(r.Attributes, "log.record.original") // messages are easier to read without
	}
	if strings.HasPrefix(in.habit.program, "none ") {
		in.checkCrash(t)
		return
	}
	if !in.habit.text {
		steps := len(in.habit.levels) + 6 - len(in.habit.without) // the constants step...
		assert.Len(t, in.records, steps, "one record for each step")
	}
	for _, level := range in.habit.levels {
		in.checkStep(t, level.message, level)
	}
	ordinary := in.level("an info message")
	for _, step := range []string{stepUnicode, stepRequest, stepEnd} {
		if in.has(step) {
			in.checkStep(t, step, ordinary)
		}
	}
	if in.has(stepOrder) {
		body := cmp.Or(in.habit.orderBody, stepOrder)
		in.checkStep(t, body, ordinary)
		in.checkFields(t, in.find(t, body), in.habit.order)
	}
	if in.has(stepRequest) {
		in.checkRequest(t, in.find(t, stepRequest))
	}
	in.checkLines(t, ordinary)
	if in.has(stepFailure) {
		in.checkFailure(t)
	}
}

func (in inspection) has(step string) bool { return !slices.Contains(in.habit.without, step) }

func (in inspection) level(message string) level {
	i := slices.IndexFunc(in.habit.levels, func(l level) bool { return l.message == message })
	if i < 0 {
		return level{}
	}
	return in.habit.levels[i]
}

// find gives the one record of a step.
func (in inspection) find(t *testing.T, body string) harness.LogRecord {
	t.Helper()
	return in.findBy(t, body, in.habit.fieldsInBody)
}

func (in inspection) findBy(t *testing.T, body string, goesOn bool) harness.LogRecord {
	t.Helper()
	var found []harness.LogRecord
	for _, r := range in.records {
		if r.Text() == body || goesOn && strings.Contains(r.Text(), body) {
			found = append(found, r)
		}
	}
	require.Len(t, found, 1, "records with the body %q", body)
	return found[0]
}

// checkAny holds for each record, whatever it says.
func (in inspection) checkAny(t *testing.T, r harness.LogRecord) {
	t.Helper()
	assert.NotEmpty(t, r.UID(), r)
	assert.False(t, r.Observed.IsZero(), "observed: %v", r)
	assert.Contains(t, []any{"stdout", "stderr"}, r.Attributes["log.iostream"], r)
	assert.NotContains(t, r.Attributes, "heartwood.parse_error", r)
	checkNothingLost(t, r)
}

func (in inspection) checkStep(t *testing.T, body string, want level) {
	t.Helper()
	in.checkCommon(t, in.find(t, body), want)
}

// checkCommon holds for each record of a logger but for those of exceptions.
func (in inspection) checkCommon(t *testing.T, r harness.LogRecord, want level) {
	t.Helper()
	in.checkHead(t, r, want)
	for _, name := range []string{"exception.type", "exception.message"} {
		assert.NotContains(t, r.Attributes, name, r)
	}
	if !in.habit.stacks {
		assert.NotContains(t, r.Attributes, "exception.stacktrace", r)
	}
}

func (in inspection) checkHead(t *testing.T, r harness.LogRecord, want level) {
	t.Helper()
	h := in.habit
	assert.Equal(t, want.number, r.Severity, "severity number of %v", r)
	assert.Equal(t, want.word, r.SeverityText, "severity text of %v", r)
	assert.Empty(t, r.EventName, r)

	from, to := in.window.from.Truncate(time.Second), in.window.to
	switch h.clock {
	case unsaid:
		assert.True(t, r.Time.IsZero(), "time of %v", r)
	default:
		assert.False(t, r.Time.Before(from) || r.Time.After(to), "time of %v: want %v to %v", r, from, to)
	}
	if h.clock == guessed {
		assert.Equal(t, true, r.Attributes["heartwood.time_guess"], r)
	} else {
		assert.NotContains(t, r.Attributes, "heartwood.time_guess", r)
	}

	loggerAttribute := "log.logger"
	if h.logfmt {
		loggerAttribute = "logger"
	}
	logger, _ := r.Attributes[loggerAttribute].(string)
	assert.Equal(t, h.logger, logger, "%s of %v", loggerAttribute, r)
	if h.code == (code{}) {
		assert.NotContains(t, r.Attributes, "code.file.path", r)
		assert.NotContains(t, r.Attributes, "code.function.name", r)
	} else {
		file, _ := r.Attributes["code.file.path"].(string)
		assert.True(t, strings.HasSuffix(file, h.code.file), "code.file.path of %v: want ...%s", r, h.code.file)
		function, _ := r.Attributes["code.function.name"].(string)
		assert.True(t, strings.HasSuffix(function, h.code.function), "code.function.name of %v: want ...%s", r, h.code.function)
		line, _ := r.Attributes["code.line.number"].(int64)
		assert.Positive(t, line, "code.line.number of %v", r)
	}
	if h.pid {
		pid, ok := r.Attributes["process.pid"].(int64)
		if !ok {
			pid, _ = r.Resource["process.pid"].(int64)
		}
		assert.Positive(t, pid, "process.pid of %v", r)
	}
	for name, value := range h.resource {
		assert.Equal(t, value, r.Resource[name], "%s of %v", name, r)
	}
}

func (in inspection) checkFields(t *testing.T, r harness.LogRecord, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if assert.Contains(t, r.Attributes, name, r) {
			assert.Equal(t, value, r.Attributes[name], "%s of %v", name, r)
		}
	}
}

func (in inspection) checkRequest(t *testing.T, r harness.LogRecord) {
	t.Helper()
	want := in.habit.request
	if want.id {
		assert.Equal(t, requestID, r.Attributes["request_id"], "request_id of %v", r)
	}
	if want.trace {
		assert.Equal(t, traceID, r.TraceID, r)
		assert.Equal(t, spanID, r.SpanID, r)
		assert.GreaterOrEqual(t, r.Flags, want.flags, "flags of %v", r)
	}
	for _, other := range in.records {
		if other.UID() != r.UID() {
			assert.Empty(t, other.TraceID, other)
		}
	}
}

// checkLines: in JSON a message of several lines is one body. In text, what
// stands at the margin can't be told from output of somebody else; but no line
// is missing.
func (in inspection) checkLines(t *testing.T, want level) {
	t.Helper()
	if !in.habit.text {
		in.checkStep(t, stepLines, want)
		return
	}
	lines := strings.Split(stepLines, "\n")
	first := in.containing(lines[0])
	if assert.Len(t, first, 1, "records with %q", lines[0]) {
		in.checkCommon(t, first[0], want)
	}
	for _, line := range lines[1:] {
		assert.Len(t, in.containing(strings.TrimSpace(line)), 1, "records with %q", line)
	}
}

func (in inspection) containing(text string) (found []harness.LogRecord) {
	for _, r := range in.records {
		if strings.Contains(r.Text(), text) {
			found = append(found, r)
		}
	}
	return found
}

func (in inspection) checkFailure(t *testing.T) {
	t.Helper()
	want := in.habit.failure
	r := in.findBy(t, cmp.Or(want.body, stepFailure), want.goesOn || in.habit.fieldsInBody)
	in.checkHead(t, r, in.level("an error message"))
	in.checkException(t, r)
}

func (in inspection) checkException(t *testing.T, r harness.LogRecord) {
	t.Helper()
	want := in.habit.failure
	if want.kind != "" {
		assert.Equal(t, want.kind, r.Attributes["exception.type"], "exception.type of %v", r)
	}
	if want.message != "" {
		assert.Equal(t, want.message, r.Attributes["exception.message"], "exception.message of %v", r)
	}
	stack, _ := r.Attributes["exception.stacktrace"].(string)
	for _, part := range want.stack {
		assert.Contains(t, stack, part, "exception.stacktrace of %v", r)
	}
}

// checkCrash: what a dying program says is two records, its own line and the
// whole trace.
func (in inspection) checkCrash(t *testing.T) {
	t.Helper()
	require.Len(t, in.records, 2)
	first, last := in.records[0], in.records[1]
	if first.Attributes["log.iostream"] == "stderr" {
		first, last = last, first
	}
	assert.Equal(t, "the beginning", first.Text())
	assert.Equal(t, "stdout", first.Attributes["log.iostream"])
	assert.Equal(t, "stderr", last.Attributes["log.iostream"])
	in.checkException(t, last)
}

// checkNothingLost looks for each value of a JSON line somewhere in the record:
// a value that fills no field of the record is an attribute.
func checkNothingLost(t *testing.T, r harness.LogRecord) {
	t.Helper()
	original, _ := r.Attributes["log.record.original"].(string)
	assert.NotEmpty(t, original, "log.record.original of %v", r)
	decoder := json.NewDecoder(strings.NewReader(original))
	decoder.UseNumber()
	var line map[string]any
	if decoder.Decode(&line) != nil {
		return // no JSON
	}
	kept := leaves{names: true}
	for name, value := range r.Attributes {
		if name != "log.record.original" {
			kept.add(value)
		}
	}
	kept.add(map[string]any(r.Resource))
	kept.add(fmt.Sprintf("%v:%v", r.Attributes["code.file.path"], r.Attributes["code.line.number"]))
	kept.add([]any{r.Body, r.SeverityText, r.EventName, r.TraceID, r.SpanID, r.Scope, fmt.Sprintf("%02x", r.Flags)})
	var wanted leaves
	wanted.add(line)
	for _, text := range wanted.texts {
		_, err := time.Parse(time.RFC3339, text)
		if err == nil || isTime(text) {
			continue
		}
		assert.True(t, slices.ContainsFunc(kept.texts, func(k string) bool { return strings.Contains(k, strings.TrimSpace(text)) }),
			"%q of %s is nowhere in %v", text, original, r)
	}
	for _, number := range wanted.numbers {
		if number > 1e9 || number == float64(r.Time.Nanosecond()) {
			continue // a time
		}
		assert.True(t, slices.Contains(kept.numbers, number) || slices.ContainsFunc(kept.texts, func(k string) bool {
			return strings.Contains(k, fmt.Sprint(number))
		}), "%v of %s is nowhere in %v", number, original, r)
	}
}

// isTime knows the times that are not RFC 3339.
func isTime(text string) bool {
	for _, layout := range []string{"2006-01-02 15:04:05,000", "2006-01-02 15:04:05.999999-07:00", "2006-01-02T15:04:05.999-0700"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// leaves are the texts and numbers in a value, however deep.
type leaves struct {
	names   bool // count names of members as texts
	texts   []string
	numbers []float64
}

func (l *leaves) add(value any) {
	switch v := value.(type) {
	case string:
		l.texts = append(l.texts, v)
	case json.Number:
		if f, err := v.Float64(); err == nil && !math.IsInf(f, 0) {
			l.numbers = append(l.numbers, f)
		}
	case int64:
		l.numbers = append(l.numbers, float64(v))
	case float64:
		l.numbers = append(l.numbers, v)
	case []any:
		for _, each := range v {
			l.add(each)
		}
	case map[string]any:
		for name, each := range v {
			if l.names {
				l.texts = append(l.texts, name)
			}
			l.add(each)
		}
	}
}
