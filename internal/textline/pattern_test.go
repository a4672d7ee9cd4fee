package textline

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

func TestPattern(t *testing.T) {
	pattern, err := CompilePattern(`^<(?P<time>[^>]+)> (?P<severity>\w+) (?P<pid>\d+) (?P<thread>\S+) (?P<logger>\S+)\.(?P<function>\w+) (?P<file>\S+):(?P<line>\d+) (?P<event_name>\w+) (?P<request__id>\w*) (?P<shop>\w+)?: (?s:(?P<message>.*))$`)
	require.NoError(t, err)
	d := Detector{Pattern: pattern}
	var got Line
	require.True(t, d.Parse("<2026-04-09 10:15:30.123> warn 12 t1 a.b.f x.odd:42 paid r17 berlin: one\ntwo", noon, &got))
	assert.Equal(t, Line{
		Time: guessed(at123), HasTime: true, Severity: severity.Warn, SeverityText: "warn", PID: 12, Thread: "t1", Logger: "a.b", Function: "f",
		File: "x.odd", LineNumber: 42, EventName: "paid", Fields: []Field{{"request.id", "r17"}, {"shop", "berlin"}}, Message: "one\ntwo",
	}, got)

	// What is no time, severity or number is a field; parts without a match are none.
	require.True(t, d.Parse("<soon> loud 12345678901234567890 t1 a.f x:1 paid  : msg", noon, &got))
	assert.Equal(t, Line{
		Thread: "t1", Logger: "a", Function: "f", File: "x", LineNumber: 1, EventName: "paid", Message: "msg",
		Fields: []Field{{"time", "soon"}, {"severity", "loud"}, {"pid", "12345678901234567890"}},
	}, got)

	// It comes first, and the layouts after it.
	require.True(t, d.Parse("2026-04-09 10:15:30,123 INFO shop.orders msg", noon, &got))
	assert.Equal(t, "shop.orders", got.Logger)
	assert.Empty(t, got.Fields)
	assert.False(t, d.Parse("plain", noon, &got))

	// Without a message group the whole text is the message.
	pattern, err = CompilePattern(`^(?P<severity>\w+)!`)
	require.NoError(t, err)
	d = Detector{Pattern: pattern}
	require.True(t, d.Parse("warn! x", noon, &got))
	assert.Equal(t, Line{Severity: severity.Warn, SeverityText: "warn", Message: "warn! x", Fields: got.Fields}, got)
	assert.Empty(t, got.Fields)
	assert.Equal(t, `^(?P<severity>\w+)!`, pattern.String())
}

func TestPatternErrors(t *testing.T) {
	for expression, want := range map[string]string{
		"":                       "pattern is empty",
		"(":                      "missing closing )",
		"(?=x)(?P<message>.*)":   "neither lookaround",
		`(\w+) (.*)`:             "no named group",
		"(?P<shop>a)(?P<shop>b)": "two groups named",
		"(?P<request.id>a)":      "invalid named capture",
		`(?P<message>.*)\1`:      "references back",
	} {
		_, err := CompilePattern(expression)
		require.Error(t, err, expression)
		assert.Contains(t, err.Error(), want, expression)
	}
}
