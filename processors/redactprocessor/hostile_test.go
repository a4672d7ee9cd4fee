package redactprocessor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/processors/redactprocessor/internal/metadatatest"
)

// A record without secrets costs no allocation: the whole batch costs as much as an empty
// one does.
func TestCleanRecordsDoNotAllocate(t *testing.T) {
	p, err := newProcessor(metadatatest.NewSettings(componenttest.NewTelemetry()), configOf(t, "{}"))
	require.NoError(t, err)
	batch := func(records int) plog.Logs {
		logs := plog.NewLogs()
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "shop")
		list := rl.ScopeLogs().AppendEmpty().LogRecords()
		for i := range records {
			r := list.AppendEmpty()
			r.SetEventName("order.placed")
			r.SetSeverityText("INFO")
			r.Body().SetStr("order placed in 12ms, token_count=5 status=200")
			a := r.Attributes()
			a.PutStr("request.id", "0198c2a4-7b1f-7c3e-9d2a-3f4b5c6d7e8f")
			a.PutInt("time.unix_nano", int64(1_700_000_000_000_000_000+i))
			a.PutDouble("elapsed", 0.25)
			a.PutDouble("bytes", 1e12)
			a.PutBool("cached", true)
			a.PutEmptyBytes("raw").FromRaw([]byte{1, 2, 3})
			a.PutEmptySlice("tags").AppendEmpty().SetStr("blue")
			a.PutEmptyMap("user").PutInt("id", 42)
		}
		return logs
	}
	cost := func(logs plog.Logs) float64 {
		records := logs.LogRecordCount()
		return testing.AllocsPerRun(20, func() {
			_, err := p.logs(t.Context(), logs)
			require.NoError(t, err)
			require.Equal(t, records, logs.LogRecordCount())
		})
	}
	one, many := batch(1), batch(1000)
	_, _ = cost(one), cost(many) // the pool and the names
	assert.InDelta(t, cost(one), cost(many), 10, "for a thousand records")
}

func TestHostileInput(t *testing.T) {
	const size, most = 1 << 20, 5 * time.Second // linear time takes some hundredths of a second
	b := start(t, "limits: {max_depth: 1000}")
	body := func(t *testing.T, in any) any {
		t.Helper()
		began := time.Now()
		out := b.record(t, in, nil).Body().AsRaw()
		assert.Less(t, time.Since(began), most)
		return out
	}
	for name, text := range map[string]string{
		"digits":     strings.Repeat("4", size),
		"groups":     strings.Repeat("1234 ", size/5),
		"letters":    strings.Repeat("a", size),
		"invisible":  strings.Repeat("\u200b", size/3),
		"passwords":  strings.Repeat("password=", size/9),
		"backslash":  `password="` + strings.Repeat(`\`, size-10),
		"at":         strings.Repeat("a@", size/2),
		"escapes":    strings.Repeat("%41", size/3),
		"keys begin": strings.Repeat("-----BEGIN RSA PRIVATE KEY-----", size/31),
		"headers":    strings.Repeat("authorization: ", size/15),
		"objects":    strings.Repeat(`{"password":`, size/12),
		"lists":      strings.Repeat(`"password":[`, size/12),
		"quotes":     strings.Repeat(`"password":"`, size/12),
	} {
		t.Run(name, func(t *testing.T) {
			body(t, text)
			b.record(t, "", map[string]any{"password": text, "authorization.": text, "cookie_": text, text[:1000]: "x"})
		})
	}
	t.Run("a secret behind much", func(t *testing.T) {
		filler := strings.Repeat("7", size-20)
		assert.Equal(t, filler+" [EMAIL]", body(t, filler+" jane@example.com"))
	})
	t.Run("deep", func(t *testing.T) {
		assert.Equal(t, deepOf(1000, "[EMAIL]"), body(t, deepOf(1000, "jane@example.com")))
		assert.Equal(t, deepOf(1000, "[UNSCANNED]"), body(t, deepOf(1001, "jane@example.com")))
		var in, want any = "jane@example.com", "[EMAIL]"
		for range 1000 {
			in, want = map[string]any{"m": in}, map[string]any{"m": want}
		}
		assert.Equal(t, want, body(t, in))
	})
	t.Run("deep text", func(t *testing.T) {
		in := strings.Repeat(`{"a":[`, 500) + `"jane@example.com"` + strings.Repeat("]}", 500)
		assert.Equal(t, strings.Replace(in, "jane@example.com", "[EMAIL]", 1), body(t, in))
	})
	t.Run("ever new names", func(t *testing.T) {
		began := time.Now()
		for i := range 20 {
			attributes := make(map[string]any, 1000)
			for j := range 1000 {
				attributes[fmt.Sprintf("name%d_%d", i, j)] = "x"
			}
			b.record(t, "", attributes)
		}
		assert.Less(t, time.Since(began), most)
	})
}
