package archiveaudit

import (
	"context"
	"fmt"
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
		{"json", `{"request.id":["a","b",7],"request.macro_id":"m","fold.trace_ids":["t"],"body":{"parts":[{"trace_id":"p","attributes":{"request.id":"c"},"message":{"parts":[{"attributes":{"request.id":["d"]}}]}},7],"origins":[{"resource":{"request.id":"o"}}]}}`, []string{"a", "b", "m", "t", "o", "p", "c", "d"}},
		{"json", `{"body":{"parts":7,"origins":{}},"attributes":{"request.id":"no"}}`, nil},
		{"otlp_json", `{`, nil},
		{"otlp_proto", "\xff", nil},
	} {
		assert.Equal(t, x.want, lineIDs(formOf(x.encoding), []byte(x.line)), x.line)
	}
}

// A line with many ids that are somebody's text takes no more than a look at each.
func TestLineOfManyIDs(t *testing.T) {
	t.Parallel()
	filter := emptyFilter(t)
	for encoding, form := range map[string][3]string{
		"json":         {`{"request.id":"r","x":[`, `{"trace_id":"%d","request.id":"%d"}`, `]}`},
		"ecs_encoding": {`{"http":{"request":{"id":"r"}},"x":[`, `{"trace":{"id":"%d"},"http.request.id":"%d"}`, `]}`},
		"otlp_json": {
			`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"request.id","value":{"stringValue":"r"}},{"key":"x","value":{"arrayValue":{"values":[`,
			`{"kvlistValue":{"values":[{"key":"request.id","value":{"stringValue":"%d"}},{"key":"request.id","value":{"stringValue":"%d"}}]}}`, `]}}}]}]}]}]}`,
		},
	} {
		line := []byte(form[0])
		const count = 20_000
		for i := range count {
			if i > 0 {
				line = append(line, ',')
			}
			line = fmt.Appendf(line, form[1], 2*i, 2*i+1)
		}
		line = append(append(line, form[2]...), '\n')
		begun := time.Now()
		got := newIDScanner("application", encoding).denied(nil, filter, line, 0)
		assert.Equal(t, []denied{{line: 1, id: "r"}}, got, encoding)
		assert.Less(t, time.Since(begun), 10*time.Second, encoding)
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
		s := newIDScanner("application", encoding)
		if s == nil || slices.Contains(line, '\n') {
			return
		}
		_ = lineIDs(s.form, line)
		ids := filteredIDs(s.form, line)
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
