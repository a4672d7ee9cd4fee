// Package heapfloor keeps the garbage collector from running while the heap is small.
//
// Go collects when the heap is twice what was live after the last time (GOGC=100). Of a
// pipeline little is live: records pass through. So it runs hundreds of times a second,
// over the same few MiB. With a floor GOGC is as much higher as the live heap is smaller,
// and 100 as soon as half of the floor is live. GOMEMLIMIT counts as ever.
package heapfloor

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// usual is GOGC's default, and the least that a floor sets.
	usual = 100
	// smallest is the heap, in bytes, below which Go collects nothing by itself, at
	// GOGC=100; at another one as much more or less.
	smallest = 4 << 20
)

// Hold sets a floor, in bytes, for the heap at which garbage is collected, until stop is
// called. There is one floor in a process: where one is held already, Hold does nothing,
// and stop neither.
func Hold(floor uint64) (stop func()) {
	holder.mu.Lock()
	defer holder.mu.Unlock()
	if holder.floor != 0 || floor == 0 {
		return func() {}
	}
	holder.floor = floor
	holder.before = debug.SetGCPercent(usual)
	holder.percent = usual
	holder.adjustLocked()
	await()
	return sync.OnceFunc(holder.stop)
}

var holder held

type held struct {
	mu      sync.Mutex
	floor   uint64 // 0: none
	before  int    // GOGC
	percent int    // as it is set
}

func (h *held) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.floor = 0
	debug.SetGCPercent(h.before)
}

// await looks at the heap after the next collection, and after each that follows.
func await() {
	// What nobody holds is cleaned up after one. A pointer inside keeps it out of the
	// allocator's blocks of tiny objects, which live as long as any of their objects.
	type collected struct{ _ *byte }
	runtime.AddCleanup(new(collected), func(h *held) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.floor != 0 {
			h.adjustLocked()
			await()
		}
	}, &holder)
}

// adjustLocked sets GOGC for what is live. To set it stops the world for a moment, so a
// small difference is left.
func (h *held) adjustLocked() {
	live, roots := readHeap()
	want := percentFor(h.floor, live, roots)
	if d := want - h.percent; d > h.percent/8 || -d > h.percent/8 || want == usual && d != 0 {
		debug.SetGCPercent(want)
		h.percent = want
	}
}

// percentFor is GOGC for a heap of which so many bytes are live, and so many of stacks and
// globals are looked at beside it: the collector starts at
// live + (live + roots) * GOGC / 100 bytes (https://go.dev/doc/gc-guide).
func percentFor(floor, live, roots uint64) int {
	if live >= floor {
		return usual
	}
	return int(max(min(usual*(floor-live)/max(live+roots, 1), usual*floor/smallest), usual))
}

func readHeap() (live, roots uint64) {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/globals:bytes"},
		{Name: "/gc/scan/stack:bytes"},
	}
	metrics.Read(s)
	return s[0].Value.Uint64(), s[1].Value.Uint64() + s[2].Value.Uint64()
}
