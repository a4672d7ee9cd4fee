package eventfoldprocessor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
)

const (
	crashingOpen = `{directory: /journal, style: canonical, max_records: 4, idle_timeout: 2s, max_state: 1MiB, max_directory_size: 1MiB,
  end_when: ['body == "end"'], emit_immediately_when: ['severity_number >= SEVERITY_NUMBER_ERROR'], merge: {keys: {n: list}}`
	crashing = crashingOpen + `}`
)

// startCrashing starts on what is left of a disk; nil: the power went meanwhile.
func startCrashing(t *testing.T, fs diskfs.FS, next *keeper) *foldProcessor {
	t.Helper()
	return startOnDisk(t, fs, next, crashing)
}

func startOnDisk(t *testing.T, fs diskfs.FS, next *keeper, text string) *foldProcessor {
	t.Helper()
	cfg := configured(t, text)
	require.NoError(t, cfg.Validate())
	p, err := newProcessor(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(t, err)
	p.fs = fs
	if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		require.ErrorIs(t, err, crashfs.ErrCrashed)
		require.NoError(t, p.Shutdown(context.Background()))
		return nil
	}
	return p
}

// eventsOf are the fold.ids of the events that each record is in, by its attribute n.
func eventsOf(events []record) map[string]map[any]bool {
	ids := make(map[string]map[any]bool)
	for _, event := range events {
		values, isList := event.attr("n").([]any)
		if !isList {
			values = []any{event.attr("n")}
		}
		for _, v := range values {
			n := v.(string)
			if ids[n] == nil {
				ids[n] = make(map[any]bool)
			}
			ids[n][event.attr("fold.id")] = true
		}
	}
	return ids
}

// numbered is a record that eventsOf finds again.
func numbered(request string, n int) rec {
	return rec{request: request, uid: strconv.Itoa(n), attrs: map[string]any{"n": strconv.Itoa(n)}}
}

// TestAnEventWaitsForTheDisk: an event that ends while its last part is on its way to the
// disk is not delivered before that is there. It would not have the part after a crash, and
// where it goes on without, the part that is sent again is in another event.
func TestAnEventWaitsForTheDisk(t *testing.T) {
	for name, last := range map[string]rec{
		"the last part ends it":     {body: "end"},
		"it ends by time meanwhile": {},
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, early: %t", name, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fs, next := crashfs.New(), &keeper{}
					d := &disk{FS: fs}
					p := startCrashing(t, d, next)
					require.NoError(t, p.ConsumeLogs(t.Context(), logs(numbered("1", 1))))
					second := numbered("1", 2)
					second.body = last.body
					if early {
						second.severity = plog.SeverityNumberError
					}
					syncing, answer := d.failLate()
					refused := make(chan error, 1)
					go func() { refused <- p.ConsumeLogs(context.Background(), logs(second)) }()
					<-syncing
					time.Sleep(10 * time.Second)
					assert.Empty(t, next.records(), "it is not on disk")
					fs.Crash()
					close(answer)
					require.Error(t, <-refused)
					_ = p.Shutdown(context.Background())

					fs = fs.Restart(rand.New(rand.NewPCG(1, 1)))
					p = startCrashing(t, fs, next)
					time.Sleep(10 * time.Second)
					require.NoError(t, p.ConsumeLogs(t.Context(), logs(second)))
					time.Sleep(10 * time.Second)
					require.NoError(t, p.Shutdown(context.Background()))
					ids := eventsOf(next.records())
					assert.Len(t, ids["1"], 1)
					assert.Len(t, ids["2"], 1)
				})
			})
		}
	}
}

// TestThePowerGoesAtEachCall: whatever was answered with success is in an event that was
// delivered, before or after. Senders send again what was not answered, soon or when its
// event has ended; and what is in two events has the same fold.id in both.
func TestThePowerGoesAtEachCall(t *testing.T) {
	calls := 1
	for crash := 0; crash <= calls; crash++ { // the first time not at all
		for _, patience := range []time.Duration{0, 10 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				fs := crashfs.New()
				fs.CrashAt(crash)
				next := &keeper{}
				accepted := make(map[string]bool)
				var again [][]rec
				n := 0
				send := func(p *foldProcessor, batch []rec) bool {
					if p.ConsumeLogs(t.Context(), logs(batch...)) != nil {
						return false
					}
					for _, one := range batch {
						accepted[one.uid] = true
					}
					return true
				}
				run := func(p *foldProcessor, rounds int) {
					for range rounds {
						var batch []rec
						for request := range 3 {
							n++
							one := numbered(strconv.Itoa(request), n)
							if n%7 == 0 {
								one.body = "end"
							}
							if n%11 == 0 {
								one.severity = plog.SeverityNumberError
							}
							batch = append(batch, one)
						}
						if !send(p, batch) {
							again = append(again, batch)
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
				time.Sleep(patience)
				for _, batch := range again {
					assert.True(t, send(p, batch))
				}
				run(p, 2)
				time.Sleep(time.Minute)
				require.NoError(t, p.Shutdown(context.Background()))

				ids := eventsOf(next.records())
				for number, in := range ids {
					assert.Len(t, in, 1, "crash at %d: record %s is in two events", crash, number)
				}
				for number := range accepted {
					assert.Contains(t, ids, number, "crash at %d: record %s is lost", crash, number)
				}
			})
		}
	}
	t.Logf("the power went at %d calls", calls)
	assert.Greater(t, calls, 50)
}

// TestTheDiskFailsAtEachCall: a record that is sent again until it is accepted is in one
// event, whatever has become of the events that it was in before.
func TestTheDiskFailsAtEachCall(t *testing.T) {
	calls := 1
	for failing := 0; failing <= calls; failing++ { // the first time not at all
		synctest.Test(t, func(t *testing.T) {
			fs, next := crashfs.New(), &keeper{}
			call := 0
			fs.Fail(func(string, string) error {
				if call++; failing > 0 && (call == failing || call == failing+1) {
					return crashfs.ErrDisk
				}
				return nil
			})
			p, err := newProcessor(t.Context(), processortest.NewNopSettings(metadata.Type), configured(t, crashing), next)
			require.NoError(t, err)
			p.fs = fs
			if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
				require.ErrorIs(t, err, crashfs.ErrDisk)
				require.NoError(t, p.Shutdown(context.Background()))
				return
			}
			const records = 60
			for n := range records {
				one := numbered(strconv.Itoa(n%3), n)
				if n%7 == 6 {
					one.body = "end"
				}
				if n%11 == 10 {
					one.severity = plog.SeverityNumberError
				}
				for p.ConsumeLogs(t.Context(), logs(one)) != nil {
					time.Sleep(time.Second)
				}
				time.Sleep(500 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			if failing == 0 {
				calls = fs.Calls()
			}
			_ = p.Shutdown(context.Background()) // its last call may be the one
			ids := eventsOf(next.records())
			assert.Len(t, ids, records)
			for number, in := range ids {
				assert.Len(t, in, 1, "failure at %d: record %s is in two events", failing, number)
			}
		})
	}
	assert.Greater(t, calls, 50)
}
