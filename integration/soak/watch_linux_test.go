package soak

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// sample is what a process has at a moment.
type sample struct {
	anonymous float64 // bytes of memory that it has written
	files     float64 // open file handles
}

func sampleOf(pid int) (s sample, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, err
	}
	_, rest, ok := strings.Cut(string(text), "\nRssAnon:")
	if !ok {
		return s, fmt.Errorf("no RssAnon of process %d", pid)
	}
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		return s, err
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return sample{float64(kib) * 1024, float64(len(entries))}, err
}

// watcher keeps the highest of a process's memory.
type watcher struct {
	mu      sync.Mutex
	highest sample
}

// watch looks at a collector's process, which must not end, until the test does.
func watch(t *testing.T, col *harness.Collector, every time.Duration) *watcher {
	t.Helper()
	w, pid, stop := new(watcher), col.PID(), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for {
			s, err := sampleOf(pid)
			if err != nil {
				return // it has been stopped
			}
			w.mu.Lock()
			w.highest = sample{max(w.highest.anonymous, s.anonymous), max(w.highest.files, s.files)}
			w.mu.Unlock()
			select {
			case <-stop:
				return
			case <-time.After(every):
			}
		}
	})
	t.Cleanup(func() { close(stop); work.Wait() })
	return w
}

// peak is the most memory that was seen, in bytes.
func (w *watcher) peak() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(w.highest.anonymous)
}

// diskUse is what the files below a directory have, in bytes.
func diskUse(dir string) (size float64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				size += float64(info.Size())
			}
		}
		return nil // what is gone is gone
	})
	return size
}

// TestSample looks at its own process, and so before the tests that run in parallel.
func TestSample(t *testing.T) {
	before, err := sampleOf(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, before.anonymous, 1e6)
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	for range 100 {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
	}
	after, err := sampleOf(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, after.anonymous, before.anonymous+32<<20, "%d", held[1])
	assert.Greater(t, after.files, before.files+50)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 1000), 0o600))
	assert.InDelta(t, 1000, diskUse(dir), 0)
}
