package recordtext

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestStories(t *testing.T) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	require.NoError(t, rl.Resource().Attributes().FromRaw(map[string]any{"service.name": []any{"purchasing", "inventory"}}))
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 26, 8, 40, 0, 123e6, time.UTC)))
	require.NoError(t, r.Attributes().FromRaw(map[string]any{
		"request.id": "0f3c5a6e-1111", "fold.outcome": "failure", "fold.duration": 1.5, "fold.count": 3, "fold.complete": false, "fold.reason": "memory", "fold.previous": "x",
	}))
	require.NoError(t, r.Body().SetEmptyMap().FromRaw(map[string]any{"parts": []any{
		map[string]any{"offset": 0.0, "service": "purchasing", "severity_number": 9, "message": "basket", "event_name": "buy", "attributes": map[string]any{"n": 1, "log.record.uid": "u", "fold.id": "f"}},
		map[string]any{"offset": 0.25, "service": "inventory", "message": map[string]any{"parts": []any{
			map[string]any{"offset": 0.5, "severity_number": 17, "message": "no\x1b[31m stock", "attributes": map[string]any{"exception.stacktrace": "a\nb"}},
			map[string]any{},
			"no map",
		}}},
	}}))
	other := rl.ScopeLogs().At(0).LogRecords().AppendEmpty()
	other.Body().SetStr("of no request")
	got := string(Style{Location: time.UTC}.AppendStories(nil, logs))
	assert.Equal(t, `08:40:00.123 ── request 0f3c5a6e failure in 1.500 s, 3 records of purchasing, inventory, goes on from before, not whole: memory
     +0.000 INFO  purchasing [buy] basket n=1
     +0.750 ERROR inventory  no\x1b[31m stock
             | a
             | b
     +0.250   -   inventory 

00:00:00.000   -   ["purchasing","inventory"] of no request
`, got)
}
