package logfmtreceiver

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
)

// eachStream runs a test over tcp and over unix. more is further configuration of
// the listener and, after a newline, of the receiver.
func eachStream(t *testing.T, listener, more string, test func(t *testing.T, network, config string)) {
	t.Helper()
	if listener != "" {
		listener = ", " + listener
	}
	t.Run("tcp", func(t *testing.T) {
		test(t, "tcp", fmt.Sprintf("tcp: {endpoint: 'localhost:0'%s}\n%s", listener, more))
	})
	t.Run("unix", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		test(t, "unix", fmt.Sprintf("unix: {path: %s%s}\n%s", path, listener, more))
	})
}

func TestStreamFrames(t *testing.T) {
	eachStream(t, "", "", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		g := start(t, s, config)
		conn := g.dial(t, network)
		send(t, conn, "level=warn msg=one n=1\r\nmsg=two\x0023 <34>1 - h a - - - 3 a\n3msg=four")
		require.NoError(t, conn.Close())

		records := s.wait(t, 4)
		assert.Equal(t, []string{"one", "two", "3 a\n3", "four"}, texts(records))
		assert.Equal(t, plog.SeverityNumberWarn, records[0].SeverityNumber())
		assert.Equal(t, int64(1), records[0].attr("n"))
		assert.NotEmpty(t, records[0].attr("log.record.uid"))
		assert.NotZero(t, records[0].ObservedTimestamp())
		assert.Equal(t, map[string]any{"host.name": "h", "service.name": "a"}, records[2].resource.AsRaw())
		assert.Empty(t, records[3].resource.AsRaw(), "a header is that of its own line")
		assert.Zero(t, records[3].SeverityNumber())
		g.shutdown(t)
		g.requireConserved(t, network)
		assert.Equal(t, int64(4), g.metric(t, "records_accepted", "transport", network))
		assert.Equal(t, int64(len("level=warn msg=one n=1msg=two<34>1 - h a - - - 3 a\n3msg=four")), g.metric(t, "bytes_received"))
		assert.Zero(t, g.metric(t, "connections"))
	})
}

func TestSyslogHeader(t *testing.T) {
	s := newSink()
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}\nkeep_original: true\ntimezone: Europe/Berlin")
	conn := g.dial(t, "tcp")
	send(t, conn, "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 4711 ID47 [x@1 a=\"b\"] msg=hello n=1\n"+
		"<163>1 2003-10-11T22:14:15.003Z m evntslog web.1 - - level=debug ts=2020-01-01T00:00:00Z app=shop msg=hello\n"+
		"<14>Feb  5 17:32:18 10.0.0.99 su[12]: plain words\n")
	records := s.wait(t, 3)

	first := records[0]
	assert.Equal(t, "hello", first.Body().Str())
	assert.Equal(t, plog.SeverityNumberInfo2, first.SeverityNumber(), "notice")
	assert.Equal(t, "Notice", first.SeverityText())
	assert.Equal(t, time.Date(2003, 10, 11, 22, 14, 15, 3_000_000, time.UTC), first.Timestamp().AsTime())
	assert.Equal(t, map[string]any{"host.name": "mymachine.example.com", "service.name": "evntslog", "process.pid": int64(4711)}, first.resource.AsRaw())
	assert.Equal(t, "ID47", first.attr("syslog.msg.id"))
	assert.Equal(t, int64(20), first.attr("syslog.facility.code"))
	assert.Equal(t, `[x@1 a="b"]`, first.attr("syslog.structured_data"))
	assert.Contains(t, first.attr("log.record.original"), "<165>1 2003")

	second := records[1]
	assert.Equal(t, plog.SeverityNumberDebug, second.SeverityNumber(), "the line's own word counts more than the header's")
	assert.Equal(t, 2020, second.Timestamp().AsTime().Year())
	assert.Equal(t, "shop", second.resource.AsRaw()["service.name"])
	assert.Equal(t, "evntslog", second.attr("syslog.appname"))
	assert.Equal(t, "web.1", second.attr("syslog.procid"))

	third := records[2]
	assert.Equal(t, "plain words", third.Body().Str())
	assert.Equal(t, plog.SeverityNumberInfo, third.SeverityNumber())
	assert.Equal(t, 16, third.Timestamp().AsTime().Hour(), "a time without a zone is read in timezone")
	assert.Equal(t, true, third.attr("heartwood.time_guess"))
	assert.Equal(t, "10.0.0.99", third.resource.AsRaw()["host.name"])
}

// What the next consumer refuses is handed over again, and nothing is read
// meanwhile.
func TestBackPressure(t *testing.T) {
	for _, mutates := range []bool{false, true} {
		t.Run(fmt.Sprintf("mutates=%t", mutates), func(t *testing.T) {
			eachStream(t, "", "", func(t *testing.T, network, config string) {
				t.Helper()
				s := newSink()
				s.mutates = mutates
				var uids []string
				s.before = func(_ context.Context, call int, logs plog.Logs) error {
					r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
					uid, _ := r.Attributes().Get("log.record.uid")
					uids = append(uids, uid.Str())
					if call <= 3 {
						return errRefused
					}
					return nil
				}
				g := start(t, s, config)
				conn := g.dial(t, network)
				send(t, conn, "<13>1 - host app - - - msg=one a=1\nmsg=two\n")
				records := s.wait(t, 2)
				assert.ElementsMatch(t, []string{"one", "two"}, texts(records))
				assert.Equal(t, "host", records[0].resource.AsRaw()["host.name"])
				assert.Equal(t, int64(1), records[0].attr("a"))
				require.Len(t, uids, 4)
				assert.Equal(t, []string{uids[0], uids[0], uids[0]}, uids[1:], "a record keeps its uid through all retries")
				g.shutdown(t)
				g.requireConserved(t, network)
				assert.Equal(t, int64(3), g.metric(t, "retries", "transport", network))
				assert.Equal(t, int64(2), g.metric(t, "records_received"))
			})
		})
	}
}

func TestReadingStopsUnderBackPressure(t *testing.T) {
	eachStream(t, "read_buffer_size: 4KiB", "max_line_size: 1KiB", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		release := make(chan struct{})
		s.before = func(ctx context.Context, _ int, _ plog.Logs) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		g := start(t, s, config)
		conn := g.dial(t, network)
		line := strings.Repeat("x", 99) + "\n"
		sent := 0
		for {
			require.NoError(t, conn.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
			n, err := io.WriteString(conn, strings.Repeat(line, 1000))
			sent += n
			if err != nil {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the sender has to wait")
				break
			}
			require.Less(t, sent, 64<<20, "the receiver reads on and on")
		}
		close(release)
		require.NoError(t, conn.Close())
		want := (sent + len(line) - 1) / len(line) // the last may be half a line
		s.wait(t, want)
		g.shutdown(t)
		g.requireConserved(t, network)
	})
}

func TestRefusedForGood(t *testing.T) {
	eachStream(t, "", "", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		s.before = func(_ context.Context, call int, _ plog.Logs) error {
			if call == 1 {
				return consumererror.NewPermanent(errRefused)
			}
			return nil
		}
		g := start(t, s, config)
		conn := g.dial(t, network)
		send(t, conn, "msg=lost\n")
		s.waitCalls(t, 1)
		send(t, conn, "msg=kept\n")
		assert.Equal(t, []string{"kept"}, texts(s.wait(t, 1)))
		g.shutdown(t)
		g.requireConserved(t, network)
		assert.Equal(t, int64(1), g.metric(t, "records_dropped", "transport", network, "reason", "refused_for_good"))
	})
}

// Where nobody changes the data, only the part that was refused is sent again.
func TestPartlyRefused(t *testing.T) {
	s := newSink()
	s.before = func(_ context.Context, call int, logs plog.Logs) error {
		if call > 1 {
			return nil
		}
		rest := plog.NewLogs()
		logs.CopyTo(rest)
		first := true
		rest.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(r plog.LogRecord) bool {
			remove := first
			if remove {
				s.mu.Lock()
				s.records = append(s.records, record{r, rest.ResourceLogs().At(0).Resource().Attributes()})
				s.mu.Unlock()
			}
			first = false
			return remove
		})
		return consumererror.NewLogs(errRefused, rest)
	}
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}")
	send(t, g.dial(t, "tcp"), "msg=one\nmsg=two\nmsg=three\n")
	s.wait(t, 3)
	g.shutdown(t)
	g.requireConserved(t, "tcp")
	assert.Equal(t, int64(3), g.metric(t, "records_accepted"))
}

func TestLongLinesComeInPieces(t *testing.T) {
	eachStream(t, "read_buffer_size: 1KiB", "max_line_size: 256", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		g := start(t, s, config)
		conn := g.dial(t, network)
		long := strings.Repeat("é", 300)
		send(t, conn, "msg=before\n<14>1 - host app - - - "+long+"\nmsg=after\n")
		var plain, pieces []record
		for _, r := range s.wait(t, 5) {
			if r.attr("heartwood.line.id") == nil {
				plain = append(plain, r)
			} else {
				pieces = append(pieces, r)
			}
		}
		assert.Equal(t, []string{"before", "after"}, texts(plain))
		require.Len(t, pieces, 3)
		var whole strings.Builder
		for i, r := range pieces {
			assert.LessOrEqual(t, len(r.Body().Str()), 256)
			whole.WriteString(r.Body().Str())
			assert.Equal(t, pieces[0].attr("heartwood.line.id"), r.attr("heartwood.line.id"))
			assert.Equal(t, int64(i), r.attr("heartwood.line.index"))
			assert.Equal(t, i == 2, r.attr("heartwood.line.last"))
			assert.Equal(t, "host", r.resource.AsRaw()["host.name"], "the header holds for all pieces")
			assert.Equal(t, plog.SeverityNumberInfo, r.SeverityNumber())
		}
		assert.Equal(t, long, whole.String())
		g.shutdown(t)
		g.requireConserved(t, network)
		assert.Equal(t, int64(1), g.metric(t, "lines_cut", "transport", network))
	})
}

// Pieces, too, are made again with the same ids.
func TestPiecesAfterRefusal(t *testing.T) {
	s := newSink()
	s.mutates = true
	s.before = func(_ context.Context, call int, _ plog.Logs) error {
		if call%2 == 1 {
			return errRefused
		}
		return nil
	}
	g := start(t, s, "tcp: {endpoint: 'localhost:0', read_buffer_size: 1KiB}\nmax_line_size: 256\nbatch: {max_records: 3}")
	conn := g.dial(t, "tcp")
	send(t, conn, "<14>1 - host app - - - "+strings.Repeat("x", 1000)+"\nplain=1\nplain=2\n")
	require.NoError(t, conn.Close())
	ids := map[any]bool{}
	size := 0
	records := s.wait(t, 6)
	slices.SortStableFunc(records, func(a, b record) int { return len(b.resource.AsRaw()) - len(a.resource.AsRaw()) })
	for _, r := range records[4:] {
		assert.NotNil(t, r.attr("plain"))
		assert.Empty(t, r.resource.AsRaw())
	}
	for i, r := range records[:4] {
		ids[r.attr("heartwood.line.id")] = true
		size += len(r.Body().Str())
		assert.Equal(t, int64(i), r.attr("heartwood.line.index"))
		assert.Equal(t, "host", r.resource.AsRaw()["host.name"])
	}
	assert.Len(t, ids, 1)
	assert.Equal(t, 1000, size)
}

func TestClientGoesAwayMidFrame(t *testing.T) {
	eachStream(t, "", "", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		g := start(t, s, config)
		neighbour := g.dial(t, network)
		send(t, neighbour, "msg=neighbour")

		plain := g.dial(t, network)
		send(t, plain, "level=info msg=whole\nlevel=info msg=\"broken o")
		require.NoError(t, plain.Close())
		counted := g.dial(t, network)
		send(t, counted, "40 <11>1 - h a - - - level=debug msg=bro")
		require.NoError(t, counted.Close())
		s.wait(t, 3)

		send(t, neighbour, " n=1\n")
		byBody := map[string]record{}
		for _, r := range s.wait(t, 4) {
			byBody[r.Body().AsString()] = r
		}
		assert.Contains(t, byBody, "whole")
		assert.Equal(t, int64(1), byBody["neighbour"].attr("n"))
		rest := byBody[`level=info msg="broken o`]
		require.NotNil(t, rest.attr("heartwood.parse_error"), "the rest of a line is delivered as text")
		partial := byBody["level=debug msg=bro"]
		require.Contains(t, partial.attr("heartwood.parse_error"), "3 bytes are missing")
		assert.Equal(t, plog.SeverityNumberError, partial.SeverityNumber(), "the header stands, what is broken off is not believed")
		g.shutdown(t)
		g.requireConserved(t, network)
		assert.Equal(t, int64(2), g.metric(t, "parse_errors", "transport", network))
	})
}

func TestConnectionIsLost(t *testing.T) {
	s := newSink()
	s.mutates = true
	s.before = func(_ context.Context, call int, _ plog.Logs) error {
		if call == 2 {
			return errRefused // so that the record is made twice
		}
		return nil
	}
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}")
	conn := g.dial(t, "tcp")
	send(t, conn, "n=1\n")
	s.wait(t, 1)
	send(t, conn, "bytes=13")
	require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
	require.NoError(t, conn.Close())
	broken := s.wait(t, 2)[1]
	assert.Equal(t, "bytes=13", broken.Body().Str(), "who knows what the number was")
	assert.Equal(t, "line broken off: the connection was lost", broken.attr("heartwood.parse_error"))
}

func TestTooManyConnections(t *testing.T) {
	eachStream(t, "max_connections: 2", "", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		g := start(t, s, config)
		one, two := g.dial(t, network), g.dial(t, network)
		send(t, one, "msg=one\n")
		send(t, two, "msg=two\n")
		s.wait(t, 2)

		third, err := net.Dial(network, g.addr(t, network))
		if err == nil {
			_, err = third.Read(make([]byte, 1))
			_ = third.Close()
		}
		require.Error(t, err, "the third is refused")
		if network == "tcp" {
			require.ErrorIs(t, err, syscall.ECONNRESET, "with a reset, which a sender notices when it writes")
		}
		require.Eventually(t, func() bool { return g.metric(t, "connections_refused") == 1 }, 5*time.Second, time.Millisecond)
		assert.Equal(t, int64(2), g.metric(t, "connections", "transport", network))

		require.NoError(t, one.Close())
		require.Eventually(t, func() bool {
			conn, err := net.Dial(network, g.addr(t, network))
			if err != nil {
				return false
			}
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, "msg=three\n")
			return err == nil && s.count() >= 3
		}, 5*time.Second, 10*time.Millisecond, "a place that is free is given again")
	})
}

func TestIdleConnection(t *testing.T) {
	eachStream(t, "idle_timeout: 50ms", "", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		g := start(t, s, config)
		conn := g.dial(t, network)
		send(t, conn, "msg=one\nmsg=rest")
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "the receiver closes it")
		records := s.wait(t, 2)
		assert.Equal(t, []string{"one", "msg=rest"}, texts(records), "what had come is delivered")
		assert.Equal(t, "line broken off: nothing more came for 50ms", records[1].attr("heartwood.parse_error"))
	})
}

// pipe runs a connection of a tcp server within a synctest bubble, where time is
// the test's own.
func pipe(t *testing.T, s *sink, config string) (client net.Conn, ended <-chan struct{}) {
	t.Helper()
	r, err := newReceiver(nopSettings(), parseConfig(t, config), s)
	require.NoError(t, err)
	server, err := newTCPServer(r, r.cfg.TCP.Get())
	require.NoError(t, err)
	client, conn := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.(*tcpServer).handle(&streamConn{Conn: conn})
		_ = conn.Close()
	}()
	return client, done
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		var at []time.Duration
		begin := time.Now()
		s.before = func(context.Context, int, plog.Logs) error {
			at = append(at, time.Since(begin))
			return nil
		}
		conn, ended := pipe(t, s, "tcp:\nbatch: {linger: 200ms}")
		for range 5 {
			send(t, conn, "a=1\n")
			time.Sleep(90 * time.Millisecond)
		}
		require.NoError(t, conn.Close())
		<-ended
		assert.Equal(t, []time.Duration{200 * time.Millisecond, 450 * time.Millisecond}, at)
		assert.Len(t, s.records, 5)
	})
}

// A read that fills its buffer to the last byte promises more; when nothing comes,
// what there is must not wait for it.
func TestFullReadAndThenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		conn, ended := pipe(t, s, "tcp: {read_buffer_size: 1KiB}")
		send(t, conn, strings.Repeat("n=1 xyz\n", 128))
		time.Sleep(settle)
		synctest.Wait()
		assert.Equal(t, 128, s.count())
		require.NoError(t, conn.Close())
		<-ended
	})
}

// The pause between retries doubles, to two seconds at most.
func TestRetriesSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		var at []time.Time
		s.before = func(_ context.Context, call int, _ plog.Logs) error {
			at = append(at, time.Now())
			if call <= 12 {
				return errRefused
			}
			return nil
		}
		conn, ended := pipe(t, s, "tcp:")
		send(t, conn, "a=1\n")
		require.NoError(t, conn.Close())
		<-ended
		want := firstPause
		for i := 1; i < len(at); i++ {
			pause := at[i].Sub(at[i-1])
			assert.GreaterOrEqual(t, pause, want/2)
			assert.LessOrEqual(t, pause, want)
			want = min(2*want, lastPause)
		}
		assert.Equal(t, lastPause, want)
		assert.Len(t, s.records, 1)
	})
}

// A consumer that does not come back is called off after accept_timeout.
func TestAcceptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		s.before = func(ctx context.Context, call int, _ plog.Logs) error {
			if call > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		begin := time.Now()
		conn, ended := pipe(t, s, "tcp:\naccept_timeout: 7s")
		send(t, conn, "a=1\n")
		require.NoError(t, conn.Close())
		<-ended
		assert.Len(t, s.records, 1)
		assert.InDelta(t, 7*time.Second, time.Since(begin), float64(firstPause))
	})
}

func TestBatchLimits(t *testing.T) {
	s := newSink()
	var sizes []int
	s.before = func(_ context.Context, _ int, logs plog.Logs) error {
		sizes = append(sizes, logs.LogRecordCount())
		return nil
	}
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}\nbatch: {max_records: 10, max_size: 1KiB, linger: 1m}")
	conn := g.dial(t, "tcp")
	send(t, conn, strings.Repeat("a=1\n", 25)+strings.Repeat("m="+strings.Repeat("x", 398)+"\n", 6))
	require.NoError(t, conn.Close())
	s.wait(t, 31)
	assert.Equal(t, []int{10, 10, 8, 3}, sizes, "five short and three long ones make more than 1KiB")
}

// What was read when Shutdown begins is delivered, the unfinished line too.
func TestShutdownDelivers(t *testing.T) {
	eachStream(t, "", "", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		s.before = func(_ context.Context, call int, _ plog.Logs) error {
			if call == 1 {
				return errRefused
			}
			return nil
		}
		g := start(t, s, config)
		conn := g.dial(t, network)
		send(t, conn, "msg=one\n")
		s.waitCalls(t, 1)
		send(t, conn, "msg=two\nmsg=three")
		g.shutdown(t)
		records := s.wait(t, 3)
		assert.Equal(t, []string{"one", "two", "msg=three"}, texts(records), "a line that was cut off is no whole one")
		assert.Equal(t, "line broken off: the collector shut down", records[2].attr("heartwood.parse_error"))
		g.requireConserved(t, network)
		_, err := net.Dial(network, conn.RemoteAddr().String())
		require.Error(t, err, "nobody listens any more")
	})
}

// A consumer that never takes anything does not hold Shutdown up for ever, and what
// is lost is counted.
func TestShutdownGivesUp(t *testing.T) {
	eachStream(t, "", "accept_timeout: 50ms", func(t *testing.T, network, config string) {
		t.Helper()
		s := newSink()
		s.before = func(context.Context, int, plog.Logs) error { return errRefused }
		g := start(t, s, config)
		conn := g.dial(t, network)
		send(t, conn, "msg=one\nmsg=two\n")
		s.waitCalls(t, 2)
		g.shutdown(t)
		g.requireConserved(t, network)
		assert.Equal(t, int64(2), g.metric(t, "records_dropped", "transport", network, "reason", "shutdown"))
	})
}

func TestShutdownHonoursItsDeadline(t *testing.T) {
	s := newSink()
	s.before = func(ctx context.Context, _ int, _ plog.Logs) error {
		<-ctx.Done()
		return ctx.Err()
	}
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}\naccept_timeout: 1h")
	send(t, g.dial(t, "tcp"), "msg=one\n")
	s.waitCalls(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	require.NoError(t, g.Shutdown(ctx))
	assert.Less(t, time.Since(begin), 5*time.Second)
	g.requireConserved(t, "tcp")
}

func TestStartThatFailsUnwinds(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	path := filepath.Join(t.TempDir(), "s")
	cfg := parseConfig(t, fmt.Sprintf("tcp: {endpoint: 'localhost:0'}\nudp: {endpoint: 'localhost:0'}\nunix: {path: %s}\nhttp: {endpoint: '%s'}", path, taken.Addr()))
	r, err := newReceiver(nopSettings(), cfg, newSink())
	require.NoError(t, err)
	err = r.Start(t.Context(), nopHost)
	require.ErrorContains(t, err, "start http: listen on "+taken.Addr().String())
	_, err = net.Dial("tcp", r.servers[0].(*tcpServer).listener.Addr().String())
	require.Error(t, err)
	_, err = net.Dial("unix", path)
	require.Error(t, err)
	require.NoError(t, r.Shutdown(t.Context()), "Shutdown after it does nothing")
}

func TestShutdownWithoutStart(t *testing.T) {
	r, err := newReceiver(nopSettings(), parseConfig(t, "tcp:"), newSink())
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
}
