package supervise

import (
	"bytes"
	"slices"
	"sync"
)

const (
	recentLines = 40
	// recentBytes of a line are kept: a collector's line with its fields has about
	// 500.
	recentBytes = 2 << 10
)

// recent keeps the last lines that were written to it. It is safe for concurrent
// use.
type recent struct {
	mu sync.Mutex
	// mu guards the following.
	kept []string
	line []byte
}

// Write never fails.
func (r *recent) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	written := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		r.line = append(r.line, part[:min(len(part), recentBytes-len(r.line))]...)
		if end < 0 {
			return written, nil
		}
		r.endLocked()
		p = p[end+1:]
	}
}

func (r *recent) endLocked() {
	if len(r.kept) == recentLines {
		r.kept = r.kept[1:]
	}
	r.kept = append(r.kept, string(r.line))
	r.line = r.line[:0]
}

// end takes what was written last for a line.
func (r *recent) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.line) > 0 {
		r.endLocked()
	}
}

func (r *recent) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kept)
}
