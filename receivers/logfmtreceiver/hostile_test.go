//go:build unix

package logfmtreceiver

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// No crash, no lost neighbour, bounded memory.

// liveHeap is what is in use after a collection, in bytes.
func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func everyWay(t *testing.T, more string) string {
	t.Helper()
	return fmt.Sprintf("tcp: {endpoint: 'localhost:0'}\nudp: {endpoint: 'localhost:0'}\nunix: {path: %s}\nhttp: {endpoint: 'localhost:0'}\n%s", filepath.Join(t.TempDir(), "s"), more)
}

func TestBinaryNoise(t *testing.T) {
	s := newSink()
	g := start(t, s, everyWay(t, "max_line_size: 1KiB"))
	rnd := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	for _, network := range []string{"tcp", "unix"} {
		neighbour := g.dial(t, network)
		send(t, neighbour, "neigh")
		conn := g.dial(t, network)
		_, err := conn.Write(noise)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		send(t, neighbour, "bour="+network+"\n")
		require.NoError(t, neighbour.Close())
	}
	udp := g.dial(t, "udp")
	for at := 0; at < len(noise); at += 5000 {
		_, err := udp.Write(noise[at : at+5000])
		require.NoError(t, err)
	}
	send(t, udp, "neighbour=udp")
	r, err := tryPost(t.Context(), g.addr(t, "http"), string(noise))
	require.NoError(t, err)
	assert.Equal(t, 200, r.status)
	r, err = tryPost(t.Context(), g.addr(t, "http"), string(noise), "Content-Type", "application/logplex-1")
	require.NoError(t, err)
	assert.Equal(t, 400, r.status)
	assert.Equal(t, 200, post(t, g, "neighbour=http").status)

	neighbours := func() []string {
		var found []string
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range s.records {
			if n := r.attr("neighbour"); n != nil {
				found = append(found, n.(string))
			}
		}
		return found
	}
	require.Eventually(t, func() bool { return len(neighbours()) == 4 }, 10*time.Second, 10*time.Millisecond)
	g.shutdown(t)
	size := int64(0)
	for _, r := range s.records {
		if b := r.Body(); b.Type().String() == "Bytes" {
			size += int64(b.Bytes().Len())
		} else {
			size += int64(len(b.Str()))
		}
	}
	assert.ElementsMatch(t, []string{"tcp", "unix", "udp", "http"}, neighbours())
	assert.Positive(t, size)
	for _, way := range []string{"tcp", "unix", "udp", "http"} {
		g.requireConserved(t, way)
	}
}

// NULs end lines, and bytes that are no UTF-8 stay as they are.
func TestBytesAreKept(t *testing.T) {
	s := newSink()
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}")
	conn := g.dial(t, "tcp")
	send(t, conn, "\x00\x00msg=one\x00\x00msg=\xff\xfe\x80\n\xc3\n"+strings.Repeat("9", 40)+" <13>1 - - - - - - x\nmsg=last\n")
	records := s.wait(t, 5)
	assert.Equal(t, "one", records[0].Body().Str())
	assert.Equal(t, []byte("msg=\xff\xfe\x80"), records[1].Body().Bytes().AsRaw())
	assert.NotEmpty(t, records[1].attr("heartwood.parse_error"))
	assert.Equal(t, []byte("\xc3"), records[2].Body().Bytes().AsRaw())
	assert.Equal(t, strings.Repeat("9", 40)+" <13>1 - - - - - - x", records[3].Body().Str())
	assert.Equal(t, "last", records[4].Body().Str())
}

// A line of 100 MB comes in 1 MiB pieces, while the heap stays small.
func TestHundredMegabyteLine(t *testing.T) {
	const size = 99_999_999 // the largest count that is one
	for name, prefix := range map[string]string{"line": "", "octet-counted": fmt.Sprintf("%d <13>", size)} {
		eachStream(t, "", "", func(t *testing.T, network, config string) {
			t.Helper()
			t.Run(name, func(t *testing.T) {
				s := newSink()
				var pieces, bytes, peak atomic.Int64
				base := liveHeap()
				s.before = func(_ context.Context, _ int, logs plog.Logs) error {
					for _, rl := range logs.ResourceLogs().All() {
						for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
							bytes.Add(int64(len(r.Body().Str())))
							if pieces.Add(1)%16 == 0 {
								peak.Store(max(peak.Load(), liveHeap()-base))
							}
						}
					}
					logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
					return nil
				}
				g := start(t, s, config)
				neighbour := g.dial(t, network)
				send(t, neighbour, "msg=nei")
				conn := g.dial(t, network)
				send(t, conn, prefix)
				chunk := strings.Repeat("x", 1<<20)
				left := size
				if prefix != "" {
					left -= len("<13>")
				}
				for left > 0 {
					n := min(left, len(chunk))
					send(t, conn, chunk[:n])
					left -= n
				}
				require.NoError(t, conn.Close())
				send(t, neighbour, "ghbour\n")
				require.NoError(t, neighbour.Close())
				require.Eventually(t, func() bool { return pieces.Load() == 97 }, 30*time.Second, 10*time.Millisecond)
				want := int64(size + len("neighbour"))
				if prefix != "" {
					want -= int64(len("<13>"))
				}
				assert.Equal(t, want, bytes.Load(), "no byte is lost")
				t.Logf("peak of the live heap: %d KiB", peak.Load()>>10)
				assert.Less(t, peak.Load(), int64(16<<20))
				g.shutdown(t)
				assert.Equal(t, int64(1), g.metric(t, "lines_cut"))
				assert.Zero(t, g.budget.Used())
			})
		})
	}
}

// Many long lines at a time share max_buffer_size: beyond it they are cut sooner,
// and still nothing is lost.
func TestLongLinesShareABudget(t *testing.T) {
	s := newSink()
	g := start(t, s, "tcp: {endpoint: 'localhost:0'}\nmax_line_size: 1MiB\nmax_buffer_size: 1MiB")
	const conns, size = 20, 1 << 20
	open := make([]net.Conn, conns)
	for i := range open {
		open[i] = g.dial(t, "tcp")
		send(t, open[i], strings.Repeat(string(rune('a'+i)), size-10))
	}
	require.Eventually(t, func() bool { return g.metric(t, "lines_cut") > 0 }, 10*time.Second, 10*time.Millisecond)
	assert.LessOrEqual(t, g.budget.Used(), int64(1<<20))
	for _, conn := range open {
		send(t, conn, "0123456789\n")
		require.NoError(t, conn.Close())
	}
	bytesOf := map[byte]int{}
	whole := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(bytesOf)
		sum := 0
		for _, r := range s.records {
			text := r.Body().Str()
			letter := text[0]
			if letter >= '0' && letter <= '9' {
				continue // a last piece that begins in the digits
			}
			bytesOf[letter] += strings.Count(text, string(letter))
			sum += strings.Count(text, string(letter))
		}
		return sum == conns*(size-10)
	}
	require.Eventually(t, whole, 10*time.Second, 10*time.Millisecond)
	for letter, n := range bytesOf {
		assert.Equal(t, size-10, n, string(letter))
	}
	g.shutdown(t)
	g.requireConserved(t, "tcp")
	assert.Zero(t, g.budget.Used())
}

// zeros is an endless stream of one line.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("0"), len(p))), nil }

func TestDecompressionBomb(t *testing.T) {
	const size = 1 << 30
	bombs := map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			require.NoError(t, err)
			return z
		},
	}
	for encoding, writer := range bombs {
		t.Run(encoding, func(t *testing.T) {
			var bomb bytes.Buffer
			w := writer(&bomb)
			_, err := io.CopyN(w, zeros{}, size)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.Less(t, bomb.Len(), 4<<20)

			s := newSink()
			g := start(t, s, httpOnly)
			base := liveHeap()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := post(t, g, bomb.String(), "Content-Encoding", encoding)
			runtime.ReadMemStats(&after)
			assert.Equal(t, 413, r.status)
			t.Logf("%d bytes that would be %d: allocated %d MiB on the way", bomb.Len(), size, (after.TotalAlloc-before.TotalAlloc)>>20)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "all that was ever allocated, twice max_request_body_size and the decoder")
			assert.Less(t, liveHeap()-base, int64(32<<20))
			assert.Equal(t, 200, post(t, g, "msg=neighbour").status)
			s.wait(t, 1)
		})
	}
}

// A zstd frame can ask for a window of terabytes before it says anything.
func TestZstdWindow(t *testing.T) {
	s := newSink()
	g := start(t, s, httpOnly)
	frame := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
	frame = append(frame, 0x00, 0xf8) // no content size; window 2^(10+31)
	frame = append(frame, 0x01, 0x00, 0x00)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := post(t, g, string(frame), "Content-Encoding", "zstd")
	runtime.ReadMemStats(&after)
	assert.Equal(t, 400, r.status)
	require.Len(t, r.Reasons, 1)
	assert.Contains(t, r.Reasons[0], "window")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
}

// TestSlowConnections holds as many connections as the process's limit of file
// descriptors allows, at most 10,000, each with half a line. Both ends are in this
// process, so that a connection takes two descriptors.
func TestSlowConnections(t *testing.T) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	conns := min(10_000, (int(min(limit.Cur, 1<<20))-500)/2)
	if testing.Short() {
		conns = min(conns, 500)
	}
	t.Logf("%d connections", conns)

	s := newSink()
	g := start(t, s, fmt.Sprintf("tcp: {endpoint: 'localhost:0', max_connections: %d}\nhttp: {endpoint: 'localhost:0'}", conns+1))
	base := liveHeap()
	open := make([]net.Conn, conns)
	for i := range open {
		conn, err := net.Dial("tcp", g.addr(t, "tcp"))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		open[i] = conn
		send(t, conn, fmt.Sprintf("n=%d slo", i))
	}
	require.Eventually(t, func() bool { return g.metric(t, "connections", "transport", "tcp") == int64(conns) }, 30*time.Second, 10*time.Millisecond)

	each := (liveHeap() - base) / int64(conns)
	t.Logf("%d bytes of heap for a connection, both ends", each)
	assert.Less(t, each, int64(16<<10))

	neighbour := g.dial(t, "tcp")
	send(t, neighbour, "neighbour=yes\n")
	s.wait(t, 1)
	assert.Equal(t, 200, post(t, g, "neighbour=yes").status)

	refused, err := net.Dial("tcp", g.addr(t, "tcp"))
	if err == nil {
		_, err = refused.Read(make([]byte, 1))
		_ = refused.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNRESET, "one more than max_connections")

	for _, conn := range open {
		send(t, conn, "w=1\n")
	}
	seen := map[any]bool{}
	for _, r := range s.wait(t, conns+2) {
		if n := r.attr("n"); n != nil {
			seen[n] = true
			require.Equal(t, int64(1), r.attr("slow"))
		}
	}
	assert.Len(t, seen, conns, "each line arrives whole")
	g.shutdown(t)
	g.requireConserved(t, "tcp")
}

// Requests that are refused for want of a place are told so, however many they are.
func TestManyHTTPConnections(t *testing.T) {
	s := newSink()
	g := start(t, s, "http: {endpoint: 'localhost:0', max_connections: 10, read_header_timeout: 1m}")
	for range 10 {
		send(t, g.dial(t, "http"), "POST / HTTP/1.1\r\n")
	}
	require.Eventually(t, func() bool { return g.metric(t, "connections", "transport", "http") == 10 }, 10*time.Second, time.Millisecond)
	const more = 300
	for range more {
		conn := g.dial(t, "http")
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=1")
		answered, err := io.ReadAll(conn)
		if err == nil {
			require.Contains(t, string(answered), strconv.Itoa(http.StatusServiceUnavailable))
		}
		_ = conn.Close()
	}
	assert.Equal(t, int64(more), g.metric(t, "connections_refused"))
	assert.Zero(t, s.count())
}
