package filetail

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// got is a line as a sink has it.
type got struct {
	id, path string
	Line
	text string
}

// sink collects what was delivered by the handlers of one or more Tailers.
type sink struct {
	mu     sync.Mutex
	lines  []got
	opened []FileInfo
	closed int
	// refuse makes Deliver wait until its context ends.
	refuse bool
	// fail is asked before each delivery.
	fail func() error
}

func (s *sink) handler(hold func(text string) bool, limit int) func(int) Handler {
	return func(int) Handler { return &testHandler{sink: s, hold: hold, limit: limit} }
}

func (s *sink) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, l := range s.lines {
		out = append(out, l.text)
	}
	return out
}

func (s *sink) all() []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

func (s *sink) setRefuse(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// testHandler is a batch. Lines that hold says yes to are held back until one comes
// that it says no to, as the lines of a stack trace are.
type testHandler struct {
	sink    *sink
	hold    func(string) bool
	limit   int
	batch   []got
	since   time.Time
	expired time.Duration
}

func (h *testHandler) Open(f FileInfo) Stream {
	h.sink.mu.Lock()
	defer h.sink.mu.Unlock()
	h.sink.opened = append(h.sink.opened, f)
	return &testStream{h: h, info: f}
}

func (h *testHandler) Full() bool { return len(h.batch) >= h.limit }

func (h *testHandler) Pending() (time.Time, bool) { return h.since, len(h.batch) > 0 }

func (h *testHandler) add(lines ...got) {
	if len(h.batch) == 0 && len(lines) > 0 {
		h.since = time.Now()
	}
	h.batch = append(h.batch, lines...)
}

func (h *testHandler) Deliver(ctx context.Context) error {
	h.sink.mu.Lock()
	refuse, fail := h.sink.refuse, h.sink.fail
	h.sink.mu.Unlock()
	if refuse {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail != nil {
		if err := fail(); err != nil {
			return err
		}
	}
	h.sink.mu.Lock()
	defer h.sink.mu.Unlock()
	h.sink.lines = append(h.sink.lines, h.batch...)
	h.batch = nil
	return nil
}

type testStream struct {
	h    *testHandler
	info FileInfo
	held []got
	at   time.Time
}

func (s *testStream) Line(l Line) {
	g := got{id: s.info.ID, path: s.info.Path, Line: l, text: string(l.Data)}
	g.Data = nil
	if time.Since(l.Read) > time.Minute {
		g.text = "a line without the time of its read"
	}
	g.Read = time.Time{} // differs from run to run
	if s.h.hold != nil && s.h.hold(g.text) {
		s.held = append(s.held, g)
		s.at = time.Now()
		return
	}
	s.h.add(s.held...)
	s.held = nil
	s.h.add(g)
}

func (s *testStream) Held() (int64, bool) {
	if len(s.held) == 0 {
		return 0, false
	}
	return s.held[0].Offset, true
}

func (s *testStream) Expire(now time.Time) {
	if now.Sub(s.at) >= time.Second {
		s.h.add(s.held...)
		s.held = nil
	}
}

func (s *testStream) Close() {
	s.h.add(s.held...)
	s.held = nil
	s.h.sink.mu.Lock()
	defer s.h.sink.mu.Unlock()
	s.h.sink.closed++
}

// bench is a directory with a Tailer of it.
type bench struct {
	t     *testing.T
	dir   string
	cfg   Config
	store Store
	sink  *sink
	hold  func(string) bool
	limit int
	tail  *Tailer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), store: &MemoryStore{}, sink: &sink{}, limit: 100}
	b.cfg = Config{
		Include:         []string{filepath.Join(b.dir, "*.log")},
		PollInterval:    5 * time.Millisecond,
		MaxScanInterval: 20 * time.Millisecond,
		BatchWait:       2 * time.Millisecond,
		FlushAfter:      time.Hour,
		RotateWait:      100 * time.Millisecond,
		Workers:         2,
		DisableNotify:   true,
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(b.path(name), []byte(text), 0o600))
}

func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(b.t, err)
	_, err = f.WriteString(text)
	require.NoError(b.t, err)
	require.NoError(b.t, f.Close())
}

func (b *bench) rename(from, to string) {
	b.t.Helper()
	require.NoError(b.t, os.Rename(b.path(from), b.path(to)))
}

func (b *bench) copy(from, to string) {
	b.t.Helper()
	data, err := os.ReadFile(b.path(from))
	require.NoError(b.t, err)
	b.write(to, string(data))
}

func (b *bench) start() {
	b.t.Helper()
	tail, err := New(b.cfg, b.store, b.sink.handler(b.hold, b.limit), zaptest.NewLogger(b.t))
	require.NoError(b.t, err)
	require.NoError(b.t, tail.Start(context.Background()))
	b.tail = tail
	b.t.Cleanup(func() { _ = tail.Shutdown(context.Background()) })
}

func (b *bench) stop() {
	b.t.Helper()
	require.NoError(b.t, b.tail.Shutdown(context.Background()))
}

// want waits until the delivered lines are these, in any order.
func (b *bench) want(lines ...string) {
	b.t.Helper()
	slices.Sort(lines)
	var have []string
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		have = b.sink.texts()
		slices.Sort(have)
		if slices.Equal(lines, have) {
			// Nothing more may come.
			time.Sleep(40 * time.Millisecond)
			have = b.sink.texts()
			slices.Sort(have)
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	require.Equal(b.t, lines, have)
}

// settled waits until the checkpoints are at the offsets, by file name.
func (b *bench) settled(offsets map[string]int64) {
	b.t.Helper()
	var have map[string]int64
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		have = b.offsets()
		if maps.Equal(have, offsets) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	require.Equal(b.t, offsets, have)
}

func (b *bench) offsets() map[string]int64 {
	b.t.Helper()
	files, _, err := load(context.Background(), b.store)
	require.NoError(b.t, err)
	m := map[string]int64{}
	for _, f := range files {
		m[filepath.Base(f.path)] = f.pos
	}
	return m
}

func numbered(prefix string, from, to int) (text string, lines []string) {
	var sb strings.Builder
	for i := from; i < to; i++ {
		line := fmt.Sprintf("%s line %06d of some length, so that files grow", prefix, i)
		lines = append(lines, line)
		sb.WriteString(line + "\n")
	}
	return sb.String(), lines
}
