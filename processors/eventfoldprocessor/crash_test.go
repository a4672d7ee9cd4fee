package eventfoldprocessor

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
)

const crashing = `{directory: /journal, style: canonical, max_records: 4, idle_timeout: 2s, max_state: 1MiB, max_directory_size: 1MiB,
  end_when: ['body == "end"'], merge: {keys: {n: list}}}`

// startCrashing starts on what is left of a disk; nil: the power went meanwhile.
func startCrashing(t *testing.T, fs *crashfs.FS, next *keeper) *foldProcessor {
	t.Helper()
	cfg := configured(t, crashing)
	require.NoError(t, cfg.Validate())
	p, err := newProcessor(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(t, err)
	p.fs = fs
	if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		require.True(t, fs.Crashed(), "%v", err)
		require.NoError(t, p.Shutdown(context.Background()))
		return nil
	}
	return p
}

// TestThePowerGoesAtEachCall: whatever was answered with success is in an event that was
// delivered, before or after, and what is in two of them has the same fold.id in both.
func TestThePowerGoesAtEachCall(t *testing.T) {
	calls := 1
	for crash := 0; crash <= calls; crash++ { // the first time not at all
		synctest.Test(t, func(t *testing.T) {
			fs := crashfs.New()
			fs.CrashAt(crash)
			next := &keeper{}
			accepted := make(map[string]bool)
			n := 0
			run := func(p *foldProcessor, rounds int) {
				for range rounds {
					var batch []rec
					for request := range 3 {
						n++
						one := rec{request: strconv.Itoa(request), uid: strconv.Itoa(n), attrs: map[string]any{"n": strconv.Itoa(n)}}
						if n%7 == 0 {
							one.body = "end"
						}
						batch = append(batch, one)
					}
					if p.ConsumeLogs(t.Context(), logs(batch...)) == nil {
						for _, one := range batch {
							accepted[one.uid] = true
						}
					}
					time.Sleep(time.Second)
					if n%5 == 0 {
						time.Sleep(3 * time.Second) // they go idle
					}
				}
			}
			if p := startCrashing(t, fs, next); p != nil {
				run(p, 30)
				_ = p.Shutdown(context.Background()) // a disk without power can't be closed well
			}
			if crash == 0 {
				calls = fs.Calls()
			}
			fs = fs.Restart(rand.New(rand.NewPCG(uint64(crash), 1)))
			fs.CrashAt(0)
			p := startCrashing(t, fs, next)
			run(p, 2)
			time.Sleep(time.Minute)
			require.NoError(t, p.Shutdown(context.Background()))

			ids := make(map[string]any) // of events, by what is in them
			for _, event := range next.records() {
				values, isList := event.attr("n").([]any)
				if !isList {
					values = []any{event.attr("n")}
				}
				for _, v := range values {
					number := v.(string)
					if have, ok := ids[number]; ok {
						assert.Equal(t, have, event.attr("fold.id"), "crash at %d: record %s is in two events", crash, number)
					}
					ids[number] = event.attr("fold.id")
				}
			}
			for number := range accepted {
				assert.Contains(t, ids, number, "crash at %d: record %s is lost", crash, number)
			}
		})
	}
	t.Logf("the power went at %d calls", calls)
	assert.Greater(t, calls, 50)
}
