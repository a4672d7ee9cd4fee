package logfmtreceiver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestConservation sends numbered lines by all four ways at once to a consumer that
// refuses three calls of ten and is slow at times. Over tcp, unix and http each line
// arrives exactly once; over udp, what does not arrive is counted.
func TestConservation(t *testing.T) {
	for _, mutates := range []bool{false, true} {
		t.Run(fmt.Sprintf("mutates=%t", mutates), func(t *testing.T) { testConservation(t, mutates) })
	}
}

func testConservation(t *testing.T, mutates bool) {
	t.Helper()
	const senders, lines = 4, 2000
	s := newSink()
	s.mutates = mutates
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(1, 2))
	roll := func() (refuse, slow bool) {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(10) < 3, rnd.IntN(20) == 0
	}
	s.before = func(ctx context.Context, _ int, _ plog.Logs) error {
		refuse, slow := roll()
		if slow {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if refuse {
			return errRefused
		}
		return nil
	}
	path := filepath.Join(t.TempDir(), "s")
	g := start(t, s, fmt.Sprintf("tcp: {endpoint: 'localhost:0', read_buffer_size: 4KiB}\nudp: {endpoint: 'localhost:0', max_queue_size: 64KiB}\nunix: {path: %s}\nhttp: {endpoint: 'localhost:0'}\nbatch: {max_records: 100}\nmax_line_size: 1KiB", path))

	line := func(way string, sender, n int) string {
		// Some are longer than the limit, some octet-counted.
		text := fmt.Sprintf("way=%s sender=%d n=%d", way, sender, n)
		switch n % 10 {
		case 3:
			text += " pad=" + strings.Repeat("é", 700)
		case 7:
			text = "<13>1 - - - - - - " + text
			return fmt.Sprintf("%d %s", len(text), text)
		}
		return text + "\n"
	}
	var all sync.WaitGroup
	for sender := range senders {
		for _, way := range []string{"tcp", "unix"} {
			all.Go(func() {
				conn, err := net.Dial(way, g.addr(t, way))
				if err != nil {
					t.Error(err)
					return
				}
				rnd := rand.New(rand.NewPCG(uint64(sender), 3))
				var out strings.Builder
				for n := range lines {
					out.WriteString(line(way, sender, n))
				}
				for text := out.String(); text != ""; {
					size := min(len(text), 1+rnd.IntN(5000))
					if _, err := conn.Write([]byte(text[:size])); err != nil {
						t.Error(err)
						return
					}
					text = text[size:]
				}
				_ = conn.Close()
			})
		}
		all.Go(func() {
			for from := 0; from < lines; from += 50 {
				var body strings.Builder
				for n := from; n < from+50; n++ {
					body.WriteString(line("http", sender, n))
				}
				for {
					r, err := tryPost(t.Context(), g.addr(t, "http"), body.String())
					if err != nil {
						t.Error(err)
						return
					}
					if r.status == 200 {
						break
					}
					assert.Equal(t, 503, r.status)
				}
			}
		})
		all.Go(func() {
			conn, err := net.Dial("udp", g.addr(t, "udp"))
			if err != nil {
				t.Error(err)
				return
			}
			for n := range lines {
				if _, err := fmt.Fprintf(conn, "way=udp sender=%d n=%d pad=%s\n", sender, n, strings.Repeat("x", 300)); err != nil {
					t.Error(err)
				}
			}
			_ = conn.Close()
		})
	}
	all.Wait()
	// Shutdown has a deadline, which is not what is tested here.
	for _, way := range []string{"tcp", "unix"} {
		require.Eventually(t, func() bool { return g.metric(t, "connections", "transport", way) == 0 }, time.Minute, 10*time.Millisecond)
	}
	g.shutdown(t)

	seen := map[string]int{}
	pieces := map[any]string{}
	for _, r := range s.records {
		if id := r.attr("heartwood.line.id"); id != nil {
			pieces[id] += r.Body().Str() // one sender's pieces come in order
			continue
		}
		seen[fmt.Sprint(r.attr("way"), " ", r.attr("sender"), " ", r.attr("n"))]++
	}
	for _, whole := range pieces {
		var way string
		var sender, n int
		_, err := fmt.Sscanf(whole, "way=%s sender=%d n=%d", &way, &sender, &n)
		require.NoError(t, err)
		require.Equal(t, line(way, sender, n), whole+"\n", "the pieces make the whole")
		seen[fmt.Sprint(way, " ", sender, " ", n)]++
	}
	for _, way := range []string{"tcp", "unix", "http"} {
		for sender := range senders {
			for n := range lines {
				key := fmt.Sprint(way, " ", sender, " ", n)
				require.Equal(t, 1, seen[key], key)
				delete(seen, key)
			}
		}
		g.requireConserved(t, way)
		require.Zero(t, g.metric(t, "records_dropped", "transport", way))
	}
	for key, n := range seen {
		require.Equal(t, 1, n, key)
	}
	g.requireConserved(t, "udp")
	dropped := g.metric(t, "records_dropped", "transport", "udp", "reason", "udp_queue_full")
	require.Equal(t, int64(senders*lines), int64(len(seen))+dropped+g.metric(t, "kernel_dropped"))
	require.Equal(t, int64(len(seen)), g.metric(t, "records_accepted", "transport", "udp"))
	t.Logf("udp: %d of %d arrived, %d did not fit the queue, %d were dropped by the kernel", len(seen), senders*lines, dropped, g.metric(t, "kernel_dropped"))
}
