package archiveaudit

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		numbers := make([]int, 100)
		for i := range numbers {
			numbers[i] = i
		}
		var running, most atomic.Int64
		work := func(_ context.Context, n int) int {
			now := running.Add(1)
			for {
				old := most.Load()
				if now <= old || most.CompareAndSwap(old, now) {
					break
				}
			}
			time.Sleep(time.Duration(100-n) * time.Millisecond) // in the bubble: later ones are faster
			running.Add(-1)
			return n
		}
		got := slices.Collect(inOrder(t.Context(), 7, slices.Values(numbers), work))
		assert.Equal(t, numbers, got)
		assert.Equal(t, int64(7), most.Load())

		// A caller that stops early leaves nothing behind.
		for n := range inOrder(t.Context(), 7, slices.Values(numbers), work) {
			if n == 3 {
				break
			}
		}
		assert.Zero(t, running.Load())

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		count := 0
		for range inOrder(ctx, 7, slices.Values(numbers), work) {
			if count++; count == 5 {
				cancel()
			}
		}
		assert.Less(t, count, 20)
		assert.Zero(t, running.Load())
	})
}

func TestLineIDs(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		encoding, line string
		want           []string
	}{
		{"json", `{"trace_id":"0af7","request.id":"r","body":{"trace_id":"no"}}`, []string{"0af7", "r"}},
		{"json", `{"body":"\"trace_id\":\"no\""}`, nil},
		{"json", `{"request.id":7}`, nil},
		{"json", `no json`, nil},
		{"ecs_encoding", `{"trace":{"id":"t"},"http":{"request":{"method":"GET","id":"r"}}}`, []string{"t", "r"}},
		{"ecs_encoding/flat", `{"trace.id":"t","http.request.id":"r"}`, []string{"t", "r"}},
		{"otlp_json", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"0af7651916cd43dd8448eb211c80319c","attributes":[{"key":"request.id","value":{"stringValue":"r"}}]}]}]}]}`, []string{"0af7651916cd43dd8448eb211c80319c", "r"}},
		{"otlp_json", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c"}]}]}]}`, []string{"0af7651916cd43dd8448eb211c80319c"}},
		{"otlp_json", `{`, nil},
		{"otlp_proto", "\xff", nil},
	} {
		assert.Equal(t, x.want, lineIDs(formOf(x.encoding), []byte(x.line)), x.line)
	}
}

// Whatever a line has, the scanner finds no id that the exact reading does not, and
// neither ends in a panic.
func FuzzDenied(f *testing.F) {
	f.Add("json", []byte(`{"trace_id":"0af7","request.id":"r","body":{"trace_id":"no"}}`))
	f.Add("ecs_encoding", []byte(`{"trace":{"id":"t"},"http":{"request":{"id":"r"}}}`))
	f.Add("otlp_json", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"0af7651916cd43dd8448eb211c80319c"}]}]}]}`))
	f.Add("json", []byte("\"trace_id\":\"\n\"request.id\":\"x\""))
	empty := emptyFilter(f)
	f.Fuzz(func(t *testing.T, encoding string, line []byte) {
		s := newIDScanner(encoding)
		if s == nil || slices.Contains(line, '\n') {
			return
		}
		ids := lineIDs(s.form, line)
		for _, d := range s.denied(nil, empty, append(slices.Clone(line), '\n'), 41) {
			assert.Equal(t, int64(42), d.line)
			assert.Contains(t, ids, d.id)
		}
	})
}

// emptyFilter denies nearly everything.
func emptyFilter(tb testing.TB) archive.Filter {
	tb.Helper()
	b := archive.NewFilterBuilder()
	b.Add([]byte("something else"))
	filter, err := archive.OpenFilter(b.Append(nil))
	if err != nil {
		tb.Fatal(err)
	}
	return filter
}
