package stdouttailreceiver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestStdinMakesRecords(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	host := newHost()
	start(t, host, `{stdin: {iostream: stdout}, resource: {service.name: shop}}`, next)
	_, err := fmt.Fprint(in, `{"level":"warn","msg":"from json","n":1}`+"\n"+
		"level=info msg=\"from logfmt\" n=2\n"+
		"2026-11-21 08:15:30,123 ERROR shop.orders cannot save\n"+
		"Traceback (most recent call last):\n"+
		"  File \"/srv/app/main.py\", line 3, in <module>\n"+
		"    raise ValueError(\"no\")\n"+
		"ValueError: no\n"+
		"just a line\n")
	require.NoError(t, err)
	require.NoError(t, in.Close())
	records := next.wait(t, 4)
	assert.Equal(t, []string{"from json", "from logfmt", "cannot save", "just a line"}, next.bodies())
	for _, r := range records {
		assert.Equal(t, "shop", r.of("service.name"))
		assert.Equal(t, "stdout", r.attr("log.iostream"))
		assert.NotNil(t, r.attr("log.record.uid"))
	}
	assert.Equal(t, plog.SeverityNumberWarn, records[0].SeverityNumber())
	assert.Equal(t, int64(2), records[1].attr("n"))
	assert.Equal(t, "ValueError", records[2].attr("exception.type"))
	assert.Equal(t, "no", records[2].attr("exception.message"))
	assert.Contains(t, records[2].attr("exception.stacktrace"), "main.py\", line 3")
	assert.Equal(t, plog.SeverityNumberError, records[2].SeverityNumber())
	assert.ErrorIs(t, <-host.fatal, errEndOfInput)
}

func TestStdinMayBeKept(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	host := newHost()
	r := start(t, host, `{stdin: {on_eof: keep}}`, next)
	_, _ = fmt.Fprint(in, "no line end")
	require.NoError(t, in.Close())
	next.wait(t, 1)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Empty(t, host.fatal)
}

func TestStdinIsDeliveredAtShutdown(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	r := start(t, newHost(), `{stdin: {}, batch: {linger: 1m}, join: {timeout: 1m}}`, next)
	_, _ = fmt.Fprint(in, "one\ntwo\nthr")
	require.Eventually(t, func() bool { return r.captures[0].(*stdinCapture).pipe.idle() }, patience, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, []string{"one", "two", "thr"}, next.bodies())
}

func TestOnlyOneReadsStdin(t *testing.T) {
	pretendStdin(t)
	start(t, newHost(), `{stdin: {}}`, &keeper{})
	r, err := newReceiver(settings(), parseConfig(t, `{stdin: {}}`), &keeper{})
	require.NoError(t, err)
	require.ErrorIs(t, r.Start(t.Context(), newHost()), errStdinTaken)
}

// TestStdinBlocksItsWriter is back-pressure: what is refused is handed over again
// and nothing is lost.
func TestStdinBlocksItsWriter(t *testing.T) {
	for _, mutates := range []bool{false, true} {
		t.Run(fmt.Sprintf("mutates=%v", mutates), func(t *testing.T) {
			in := pretendStdin(t)
			var open atomic.Bool
			next := &keeper{mutates: mutates, before: func(context.Context, int, plog.Logs) error {
				if !open.Load() {
					return errRefused
				}
				return nil
			}}
			start(t, newHost(), `{stdin: {}, batch: {max_records: 100}}`, next)
			const lines = 40_000
			var written atomic.Int64
			go func() {
				for i := range lines {
					_, _ = fmt.Fprintf(in, "{\"msg\":\"line\",\"n\":%d,\"pad\":\"%s\"}\n", i, strings.Repeat("x", 50))
					written.Add(1)
				}
				_ = in.Close()
			}()
			require.Eventually(t, func() bool { return next.called() > 1 }, patience, time.Millisecond)
			assert.Less(t, written.Load(), int64(lines), "the writer waits")
			open.Store(true)
			for i, r := range next.wait(t, lines) {
				require.Equal(t, int64(i), r.attr("n"))
			}
		})
	}
}

func TestStdinDropsTheNewest(t *testing.T) {
	in := pretendStdin(t)
	var open atomic.Bool
	next := &keeper{before: func(context.Context, int, plog.Logs) error {
		if !open.Load() {
			return errRefused
		}
		return nil
	}}
	start(t, newHost(), `{stdin: {on_full: drop_newest, max_buffer_size: 256KiB}}`, next)
	const lines = 20_000
	for i := range lines { // never waits for long
		_, err := fmt.Fprintf(in, "{\"msg\":\"line\",\"n\":%d,\"pad\":\"%s\"}\n", i, strings.Repeat("x", 50))
		require.NoError(t, err)
	}
	open.Store(true)
	require.NoError(t, in.Close())
	require.Eventually(t, func() bool {
		told := int64(0)
		for _, r := range next.records() {
			if lost, ok := r.attr("heartwood.dropped.lines").(int64); ok {
				assert.Equal(t, plog.SeverityNumberWarn, r.SeverityNumber())
				told += lost - 1 // and this record itself
			}
		}
		return told > 0 && int64(len(next.records()))+told == lines
	}, patience, 10*time.Millisecond)
}

func TestRefusedForGoodIsDropped(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{before: func(_ context.Context, call int, _ plog.Logs) error {
		if call == 1 {
			return consumererror.NewPermanent(errRefused)
		}
		return nil
	}}
	start(t, newHost(), `{stdin: {}, batch: {max_records: 1}}`, next)
	_, _ = fmt.Fprint(in, "{\"msg\":\"refused\"}\n{\"msg\":\"taken\"}\n")
	next.wait(t, 1)
	assert.Equal(t, []string{"taken"}, next.bodies())
}

func TestPartIsNotHandedOverTwice(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	next.before = func(_ context.Context, call int, logs plog.Logs) error {
		if call > 1 {
			return nil
		}
		rest := plog.NewLogs()
		logs.CopyTo(rest)
		first := true
		rest.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(plog.LogRecord) bool {
			was := first
			first = false
			return was
		})
		return consumererror.NewLogs(errRefused, rest)
	}
	start(t, newHost(), `{stdin: {}}`, next)
	_, _ = fmt.Fprint(in, "{\"msg\":\"1\"}\n{\"msg\":\"2\"}\n{\"msg\":\"3\"}\n")
	next.wait(t, 2)
	assert.Equal(t, []string{"2", "3"}, next.bodies())
}

func TestStdinKnowsContainerFraming(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	start(t, newHost(), `{stdin: {framing: auto}}`, next)
	_, _ = fmt.Fprint(in, "2026-11-21T08:15:30.5Z stdout P level=info msg=\"one \n"+
		"2026-11-21T08:15:30.6Z stderr F on stderr\n"+
		"2026-11-21T08:15:30.7Z stdout F line\"\n")
	records := next.wait(t, 2)
	byStream := map[any]record{}
	for _, r := range records {
		byStream[r.attr("log.iostream")] = r
	}
	assert.Equal(t, "one line", byStream["stdout"].Body().Str())
	assert.Equal(t, "on stderr", byStream["stderr"].Body().Str())
	assert.Equal(t, time.Date(2026, 11, 21, 8, 15, 30, 5e8, time.UTC), byStream["stdout"].Timestamp().AsTime())
}

// TestFanOut: of two pipelines behind the receiver one refuses for good, or takes a
// part, and the other is busy. That one gets everything.
func TestFanOut(t *testing.T) {
	part := func(logs plog.Logs) error {
		rest := plog.NewLogs()
		logs.CopyTo(rest)
		rest.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(r plog.LogRecord) bool { return r.Body().Str() == "1" })
		return consumererror.NewLogs(errRefused, rest)
	}
	never := func(plog.Logs) error { return consumererror.NewPermanent(errRefused) }
	for name, first := range map[string]func(plog.Logs) error{"a part": part, "never": never} {
		t.Run(name, func(t *testing.T) {
			in := pretendStdin(t)
			next := &keeper{before: func(_ context.Context, call int, logs plog.Logs) error {
				if call == 1 {
					return errors.Join(first(logs), errors.New("the other is busy"))
				}
				return nil
			}}
			start(t, newHost(), `{stdin: {}}`, next)
			_, _ = fmt.Fprint(in, "{\"msg\":\"1\"}\n{\"msg\":\"2\"}\n{\"msg\":\"3\"}\n")
			next.wait(t, 3)
			assert.Equal(t, []string{"1", "2", "3"}, next.bodies())
		})
	}
}

func TestNothingIsJoinedOverALoss(t *testing.T) {
	next := &keeper{}
	r, err := newReceiver(settings(), parseConfig(t, `{stdin: {framing: cri}}`), next)
	require.NoError(t, err)
	in, err := newIntake(r, fromStdin)
	require.NoError(t, err)
	d := in.newDrain(newPipe(strings.NewReader(""), 0, true), "cri", in.baseSource())
	d.take(chunk{data: []byte("2026-11-21T08:15:30.1Z stdout P money sent to Alice: \n2026-11-21T08:15:30.1Z stderr F 2026-11-21 08:15:30,123 ERROR a.b c\n")})
	d.take(chunk{lostLines: 5, lostBytes: 500, data: []byte("2026-11-21T08:15:30.1Z stdout F Bob's\n2026-11-21T08:15:30.1Z stderr F   of another record\n")})
	d.end()
	assert.ElementsMatch(t, []string{
		"money sent to Alice: ", "c", "5 lines (500 bytes) dropped here: the next consumer took nothing and the buffer was full",
		"Bob's", "  of another record",
	}, next.bodies())
}

func TestPiecesOfALineOnStdinShareAnID(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	start(t, newHost(), `{stdin: {framing: cri}, max_line_size: 256B}`, next)
	for range 3 {
		_, _ = fmt.Fprintf(in, "2026-11-21T08:15:30.5Z stdout P %s\n", strings.Repeat("x", 200))
	}
	_, _ = fmt.Fprint(in, "2026-11-21T08:15:30.5Z stdout F end\n")
	require.NoError(t, in.Close())
	records := next.wait(t, 3)
	for _, r := range records {
		assert.Equal(t, records[0].attr("heartwood.line.id"), r.attr("heartwood.line.id"))
	}
	assert.Equal(t, true, records[2].attr("heartwood.line.last"))
}

// deafHost takes no status, as a collector does that is being stopped.
type deafHost struct{ *testHost }

func (deafHost) Report(*componentstatus.Event) { select {} }

// TestStdinThatEndsDuringAShutdown: nobody waits for the other.
func TestStdinThatEndsDuringAShutdown(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{before: func(context.Context, int, plog.Logs) error { return errRefused }}
	r := start(t, deafHost{newHost()}, `{stdin: {}}`, next)
	_, _ = fmt.Fprint(in, "{\"msg\":\"never taken\"}\n")
	require.NoError(t, in.Close())
	require.Eventually(t, func() bool { return next.called() > 0 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error)
	go func() { done <- r.Shutdown(ctx) }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "Shutdown waits for a status that nobody takes")
	}
}
