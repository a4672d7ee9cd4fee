package eventfoldprocessor

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestRecordsOfARequestInAServiceBecomeOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{style: canonical}`)
		b.consume(t, rec{service: "a", request: "1", body: "first"}, rec{service: "b", request: "1", body: "elsewhere"}, rec{service: "a", request: "2", body: "other"})
		time.Sleep(time.Second)
		b.consume(t, rec{service: "a", request: "1", body: "last", severity: plog.SeverityNumberWarn})
		time.Sleep(4500 * time.Millisecond)
		assert.Len(t, b.next.records(), 2, "those without a further record have ended after 5s")
		time.Sleep(time.Second)
		events := b.next.records()
		require.Len(t, events, 3)
		event := events[2]
		assert.Equal(t, "last", event.Body().Str())
		assert.Equal(t, plog.SeverityNumberWarn, event.SeverityNumber())
		assert.EqualValues(t, 2, event.attr("fold.count"))
		assert.InDelta(t, 1, event.attr("fold.duration"), 0.001)
		assert.Equal(t, "idle", event.attr("fold.reason"))
		assert.Equal(t, true, event.attr("fold.complete"))
		assert.Equal(t, "1", event.attr("request.id"))
		b.requireBalance(t, 4)
		assert.EqualValues(t, 3, b.sum(t, "events_emitted", "idle"))
		b.stop(t)
	})
}

func TestWhatHasNoKeyPassesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{}`)
		b.consume(t, rec{service: "a", body: "no request"}, rec{service: "a", request: "1", body: "folds"}, rec{body: "nothing"}, rec{request: "1", body: "folds: no service is unknown_service"})
		require.Len(t, b.next.records(), 2)
		assert.Equal(t, "no request", b.next.records()[0].Body().Str())
		assert.Equal(t, "nothing", b.next.records()[1].Body().Str())
		assert.EqualValues(t, 2, b.sum(t, "records_held", ""))
		assert.EqualValues(t, 2, b.sum(t, "events_open", ""))
		b.requireBalance(t, 4)
		b.stop(t)
		assert.Len(t, b.next.records(), 4, "emitted at shutdown")
	})
}

func TestPassingRecordsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &keeper{before: func(_ context.Context, call int) error {
			if call == 1 {
				return errRefused
			}
			return nil
		}}
		b := start(t, next, `{}`)
		batch := []rec{{service: "a", body: "passes"}, {service: "a", request: "1", uid: "u"}}
		require.ErrorIs(t, b.ConsumeLogs(t.Context(), logs(batch...)), errRefused)
		assert.Zero(t, b.sum(t, "records_held", ""), "nothing of a batch that was refused")
		b.consume(t, batch...)
		b.requireBalance(t, 2)
		b.stop(t)
	})
}

func TestKeysAndConditions(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		in     []rec
		events int // at once
		want   map[string]any
	}{
		"an expression is the key": {
			config: `{key_expression: 'Concat([attributes["a"], attributes["b"]], "/")', end_when: ['body == "end"']}`,
			in:     []rec{{attrs: map[string]any{"a": "x", "b": "y"}}, {attrs: map[string]any{"a": "x", "b": "y"}, body: "end"}},
			events: 1, want: map[string]any{"fold.count": int64(2), "fold.reason": "ended", "fold.outcome": "success"},
		},
		"another attribute is the key": {
			config: `{key: [job], end_when: ['body == "end"']}`,
			in:     []rec{{attrs: map[string]any{"job": 7}}, {attrs: map[string]any{"job": "7"}, body: "end"}},
			events: 1, want: map[string]any{"fold.count": int64(2)},
		},
		"an end": {
			config: `{end_when: ['attributes["http.response.status_code"] != nil']}`,
			in:     []rec{{request: "1"}, {request: "1", attrs: map[string]any{"http.response.status_code": 503}}},
			events: 1, want: map[string]any{"fold.reason": "ended", "fold.complete": true, "fold.outcome": "failure"},
		},
		"a start ends what was before": {
			config: `{start_when: ['body == "begin"']}`,
			in:     []rec{{request: "1", body: "begin"}, {request: "1"}, {request: "1", body: "begin"}},
			events: 1, want: map[string]any{"fold.count": int64(2), "fold.reason": "ended"},
		},
		"an early event": {
			config: `{emit_immediately_when: ['severity_number >= SEVERITY_NUMBER_ERROR']}`,
			in:     []rec{{request: "1"}, {request: "1", severity: plog.SeverityNumberError}, {request: "1"}},
			events: 1, want: map[string]any{"fold.count": int64(2), "fold.early": true, "fold.complete": false},
		},
		"records": {
			config: `{max_records: 2}`,
			in:     []rec{{request: "1"}, {request: "1"}, {request: "1"}},
			events: 1, want: map[string]any{"fold.count": int64(2), "fold.reason": "max_records", "fold.complete": false},
		},
		"the outcome is the user's": {
			config: `{max_records: 1, outcome: {success_when: ['body == "good"'], failure_when: ['body == "bad"']}}`,
			in:     []rec{{request: "1", body: "bad"}},
			events: 1, want: map[string]any{"fold.outcome": "failure"},
		},
		"the outcome is the user's, well": {
			config: `{max_records: 1, outcome: {success_when: ['body == "good"'], failure_when: ['body == "bad"']}}`,
			in:     []rec{{request: "1", body: "good", severity: plog.SeverityNumberError}},
			events: 1, want: map[string]any{"fold.outcome": "success"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &keeper{}, c.config)
				for i, one := range c.in {
					one.uid = fmt.Sprint("u", i)
					b.consume(t, one)
				}
				time.Sleep(tickEvery)
				events := b.next.records()
				require.Len(t, events, c.events)
				for key, want := range c.want {
					assert.Equal(t, want, events[0].attr(key), key)
				}
				b.requireBalance(t, int64(len(c.in)))
				b.stop(t)
			})
		})
	}
}

func TestAConditionThatFailsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{end_when: ['Int(attributes["x"]["y"]) == 1']}`)
		b.consume(t, rec{request: "1", attrs: map[string]any{"x": "no map"}})
		assert.EqualValues(t, 1, b.sum(t, "condition_errors", ""))
		assert.EqualValues(t, 1, b.sum(t, "records_held", ""))
		b.stop(t)
	})
}

func TestOriginalsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{originals: pass, style: canonical, max_records: 2}`)
		b.consume(t, rec{request: "1", body: "a"}, rec{body: "no key"}, rec{request: "1", body: "b"})
		time.Sleep(tickEvery)
		var bodies []string
		for _, r := range b.next.records() {
			bodies = append(bodies, fmt.Sprint(r.Body().Str(), r.attr("fold.count")))
		}
		assert.Equal(t, []string{"a<nil>", "no key<nil>", "b<nil>", "b2"}, bodies)
		b.requireBalance(t, 3)
		assert.EqualValues(t, 2, b.sum(t, "originals_copied", ""))
		b.stop(t)
	})
}

func TestLateRecords(t *testing.T) {
	for _, late := range []string{"new_event", "pass"} {
		t.Run(late, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &keeper{}, `{style: canonical, late: `+late+`, end_when: ['body == "end"']}`)
				b.consume(t, rec{request: "1", body: "end"})
				time.Sleep(time.Minute)
				b.consume(t, rec{request: "1", body: "confirmed"})
				if late == "pass" {
					require.Len(t, b.next.records(), 2, "at once")
				}
				time.Sleep(time.Minute)
				records := b.next.records()
				require.Len(t, records, 2)
				assert.Equal(t, records[0].attr("fold.id"), records[1].attr("fold.previous"))
				assert.Equal(t, "confirmed", records[1].Body().Str())
				if late == "pass" {
					assert.Nil(t, records[1].attr("fold.id"))
				} else {
					assert.NotEqual(t, records[0].attr("fold.id"), records[1].attr("fold.id"))
				}
				b.requireBalance(t, 2)
				b.stop(t)
			})
		})
	}
}

// TestALateOriginalPassesOnce: it is handed on already.
func TestALateOriginalPassesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{style: canonical, late: pass, originals: pass, end_when: ['body == "end"']}`)
		b.consume(t, rec{request: "1", body: "end"})
		time.Sleep(time.Second)
		b.consume(t, rec{request: "1", body: "late"})
		var bodies []string
		for _, r := range b.next.records() {
			bodies = append(bodies, r.Body().Str())
		}
		assert.Equal(t, []string{"end", "end", "late"}, bodies, "the original, the event, the original")
		b.requireBalance(t, 2)
		assert.EqualValues(t, 1, b.sum(t, "records_passed", "late"))
		b.stop(t)
	})
}

func TestRepeatsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{}`)
		for range 2 {
			b.consume(t, rec{request: "1", uid: "u1"}, rec{request: "1", uid: "u2"}, rec{request: "1", uid: "u1"})
		}
		time.Sleep(time.Minute)
		b.consume(t, rec{request: "1", uid: "u2"})
		time.Sleep(time.Minute)
		require.Len(t, b.next.records(), 1)
		assert.EqualValues(t, 2, b.next.records()[0].attr("fold.count"))
		assert.EqualValues(t, 5, b.sum(t, "records_repeated", ""))
		b.requireBalance(t, 7)
		b.stop(t)
	})
}

// TestOnlyWhatSaysTheSameIsARepeat: a sender must not keep another's record out of an
// event by sending its uid first.
func TestOnlyWhatSaysTheSameIsARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{key: [request.id], style: canonical}`)
		forged := rec{service: "a", request: "1", uid: "u1", body: "nothing to see"}
		genuine := rec{service: "a", request: "1", uid: "u1", body: "the real one", severity: plog.SeverityNumberError}
		b.consume(t, forged)
		time.Sleep(time.Second)
		b.consume(t, genuine)
		genuine.service = "b"
		b.consume(t, genuine)
		time.Sleep(time.Second)
		b.consume(t, genuine, genuine)
		time.Sleep(time.Minute)
		require.Len(t, b.next.records(), 1)
		assert.EqualValues(t, 3, b.next.records()[0].attr("fold.count"))
		assert.EqualValues(t, 2, b.sum(t, "records_repeated", ""))
		b.requireBalance(t, 5)
		b.stop(t)
	})
}

// TestAnEmptyUIDIsNone: two records that have it are two records.
func TestAnEmptyUIDIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{style: document}`)
		one := rec{request: "1", attrs: map[string]any{"log.record.uid": ""}}
		b.consume(t, one, one)
		time.Sleep(time.Minute)
		require.Len(t, b.next.records(), 1)
		assert.EqualValues(t, 2, b.next.records()[0].attr("fold.count"))
		b.stop(t)
	})
}

func TestTheOldestGoWhenThereAreTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{max_events: 100}`)
		for n := range 1000 {
			b.consume(t, rec{request: strconv.Itoa(n)})
		}
		time.Sleep(tickEvery)
		assert.EqualValues(t, 100, b.sum(t, "events_open", ""))
		assert.EqualValues(t, 900, b.sum(t, "events_emitted", "memory"))
		b.requireBalance(t, 1000)
		b.stop(t)
		assert.Len(t, b.next.records(), 1000)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{max_state: 1MiB}`)
		for n := range 3000 {
			b.consume(t, rec{request: strconv.Itoa(n), body: string(make([]byte, 1000))})
			assert.LessOrEqual(t, b.openBytes.Load()+b.readyBytes.Load(), int64(2<<20))
		}
		time.Sleep(tickEvery)
		assert.Positive(t, b.sum(t, "events_emitted", "memory"))
		b.requireBalance(t, 3000)
		b.stop(t)
		assert.Len(t, b.next.records(), 3000)
	})
}

// TestResourcesTakeMemoryToo: a record may be small, and its resource large.
func TestResourcesTakeMemoryToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{max_state: 1MiB}`)
		for n := range 1000 {
			b.consume(t, rec{service: strconv.Itoa(n) + string(make([]byte, 10_000)), request: "1"})
			assert.LessOrEqual(t, b.openBytes.Load()+b.readyBytes.Load(), int64(2<<20))
		}
		time.Sleep(tickEvery)
		assert.Positive(t, b.sum(t, "events_emitted", "memory"))
		b.requireBalance(t, 1000)
		b.stop(t)
		assert.Len(t, b.next.records(), 1000)
	})
}

// TestEarlyEventsAreFew: one batch may have a thousand errors of one request.
func TestEarlyEventsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{style: canonical, emit_immediately_when: ['severity_number >= SEVERITY_NUMBER_ERROR']}`)
		var batch []rec
		for range 1000 {
			batch = append(batch, rec{request: "1", severity: plog.SeverityNumberError, body: string(make([]byte, 1000))})
		}
		b.consume(t, batch...)
		assert.Less(t, b.readyBytes.Load(), int64(3<<20))
		time.Sleep(tickEvery)
		events := b.next.records()
		assert.Len(t, events, 1)
		assert.EqualValues(t, 1000, events[0].attr("fold.count"))
		b.stop(t)
	})
}

func TestSendersWaitWhenTheNextConsumerDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open sync.Mutex
		closed := true
		next := &keeper{before: func(context.Context, int) error {
			open.Lock()
			defer open.Unlock()
			if closed {
				return errRefused
			}
			return nil
		}}
		b := start(t, next, `{max_state: 1MiB, accept_timeout: 3s, max_records: 1}`)
		accepted := 0
		var err error
		for ; err == nil && accepted < 10_000; accepted++ {
			err = b.ConsumeLogs(t.Context(), logs(rec{request: strconv.Itoa(accepted), body: string(make([]byte, 1000))}))
		}
		accepted--
		require.ErrorContains(t, err, "max_state is 1MiB")
		assert.False(t, consumererror.IsPermanent(err))
		assert.Greater(t, accepted, 200)
		open.Lock()
		closed = false
		open.Unlock()
		b.consume(t, rec{request: "again"})
		time.Sleep(10 * time.Second)
		assert.Len(t, next.records(), accepted+1)
		assert.Positive(t, b.sum(t, "delivery_retries", ""))
		b.requireBalance(t, int64(accepted+1))
		b.stop(t)
	})
}

func TestWhatIsRefusedForGoodIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{before: func(context.Context, int) error { return consumererror.NewPermanent(errRefused) }}, `{max_records: 2}`)
		b.consume(t, rec{request: "1"}, rec{request: "1"})
		time.Sleep(time.Second)
		assert.EqualValues(t, 2, b.sum(t, "records_dropped", "refused_for_good"))
		b.requireBalance(t, 2)
		b.stop(t)
	})
}

// fussy refuses for good what has a record that it does not like.
type fussy struct{ *keeper }

func (f fussy) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	for _, rl := range logs.ResourceLogs().All() {
		if rl.ScopeLogs().At(0).LogRecords().At(0).Body().AsString() == "bad" {
			return consumererror.NewPermanent(errRefused)
		}
	}
	return f.keeper.ConsumeLogs(ctx, logs)
}

// TestOneThatIsRefusedTakesNoOthersWithIt: a batch has events of many requests.
func TestOneThatIsRefusedTakesNoOthersWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{}, `{style: canonical}`)
		b.foldProcessor.next = fussy{b.next}
		for n := range 100 {
			body := "good"
			if n == 50 {
				body = "bad"
			}
			b.consume(t, rec{request: strconv.Itoa(n), body: body}, rec{request: strconv.Itoa(n), body: body})
		}
		time.Sleep(time.Minute)
		assert.Len(t, b.next.records(), 99)
		for _, r := range b.next.records() {
			assert.Equal(t, "good", r.Body().AsString())
			assert.EqualValues(t, 2, r.attr("fold.count"))
		}
		assert.EqualValues(t, 2, b.sum(t, "records_dropped", "refused_for_good"))
		b.requireBalance(t, 200)
		b.stop(t)
	})
}

func TestRefusedDataMayHaveBeenChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &keeper{mutates: true, before: func(_ context.Context, call int) error {
			if call < 3 {
				return errRefused
			}
			return nil
		}}
		b := start(t, next, `{max_records: 1}`)
		b.consume(t, rec{request: "1"})
		time.Sleep(time.Second)
		assert.Len(t, next.records(), 1)
		b.stop(t)
	})
}

func TestShutdownGivesUpInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &keeper{before: func(context.Context, int) error { return errRefused }}, `{}`)
		b.consume(t, rec{request: "1"}, rec{request: "2"})
		begin := time.Now()
		require.NoError(t, b.Shutdown(context.Background()))
		assert.LessOrEqual(t, time.Since(begin), 11*time.Second)
		assert.EqualValues(t, 2, b.sum(t, "records_dropped", "shutdown"))
		require.ErrorIs(t, b.ConsumeLogs(t.Context(), logs(rec{request: "3"})), errClosing)
		require.NoError(t, b.tel.Shutdown(context.Background()))
	})
}

func TestManySendersAtOnce(t *testing.T) {
	next := &keeper{}
	b := start(t, next, `{max_records: 10, style: canonical}`)
	const senders, requests = 8, 200
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for r := range requests {
				var batch []rec
				for part := range 10 {
					batch = append(batch, rec{service: "a", request: fmt.Sprint(r, "-", s/2), uid: fmt.Sprint(s, "-", r, "-", part)})
				}
				if err := b.ConsumeLogs(context.Background(), logs(batch...)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	assert.Eventually(t, func() bool { return b.sum(t, "records_held", "") == 0 }, 20*time.Second, 10*time.Millisecond)
	count := int64(0)
	for _, e := range next.records() {
		count += e.attr("fold.count").(int64)
	}
	assert.EqualValues(t, senders*requests*10, count)
	b.requireBalance(t, senders*requests*10)
	b.stop(t)
}
