// Package feed hands lines to a reader that may be slow, stuck or gone, without
// letting it hold up who brings them for long.
//
//	Add -> queue (at most MaxBytes) -> writer goroutine -> pipe -> reader
//
// A reader that is slow is waited for. One that has taken nothing for Patience is
// stuck: what comes while the queue is full is dropped, and counted, until it takes
// something again.
package feed

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Settings of a Feed.
type Settings struct {
	// MaxBytes is how much waits. More than one Add brings at once.
	MaxBytes int
	// Patience is how long Add waits for a reader that takes nothing.
	Patience time.Duration
	// Notice appends a line that tells the reader of lines lost before it; nil
	// tells nothing.
	Notice func(dst []byte, lines int64) []byte
	// Unread is how much of what was written has not been read, in bytes; nil: all
	// has. The pipe is not closed before all of it is read.
	Unread func() int
}

const (
	blockSize = 64 << 10
	// unreadInterval is between two looks at what is unread, at the end.
	unreadInterval = 5 * time.Millisecond
	// tailSize is what a pipe holds on Linux, the most that can be unread.
	tailSize = 64 << 10
)

// Feed is safe for concurrent use.
type Feed struct {
	set Settings
	to  io.WriteCloser

	mu sync.Mutex
	// mu guards the following.
	blocks [][]byte
	held   int   // bytes in blocks, and in the write under way
	lines  int64 // ended in blocks, and in the write under way
	// moved counts writes; stuck says that Add has waited in vain since the last.
	moved      int
	last       time.Time // of them
	stuck      bool
	lost, told int64 // lines dropped; those of them that a notice tells
	closed     bool
	gone       bool   // the reader, or the patience of whoever called Abort
	tail       []byte // the last that was written
	unread     int    // bytes in the pipe when it was given up

	more chan struct{} // has a token when there is something for the writer
	room chan struct{} // closed and replaced when something was taken
	done chan struct{}
}

// New begins to write to a reader. It closes to at the end.
func New(to io.WriteCloser, set Settings) *Feed {
	f := &Feed{set: set, to: to, more: make(chan struct{}, 1), room: make(chan struct{}), done: make(chan struct{}), last: time.Now()}
	go f.write()
	return f
}

// Add queues data, which is whole lines. It reports false when it dropped them. data
// is copied.
func (f *Feed) Add(data []byte) bool {
	if len(data) == 0 {
		return true
	}
	lines := int64(bytes.Count(data, []byte{'\n'}))
	var patience *time.Timer
	var out <-chan time.Time
	f.mu.Lock()
	defer f.mu.Unlock()
	for moved := f.moved; ; {
		switch {
		case f.closed || f.gone:
			f.lost += lines
			return false
		case f.held+len(data) <= f.set.MaxBytes || f.held == 0:
			f.queueLocked(data)
			return true
		case f.stuck:
			f.lost += lines
			return false
		}
		if patience == nil || moved != f.moved {
			moved = f.moved
			if patience != nil {
				patience.Stop()
			}
			patience = time.NewTimer(f.set.Patience)
			defer patience.Stop()
			out = patience.C
		}
		room := f.room
		f.mu.Unlock()
		select {
		case <-room:
			f.mu.Lock()
		case <-out:
			f.mu.Lock()
			f.stuck = f.moved == moved
		}
	}
}

func (f *Feed) queueLocked(data []byte) {
	if untold := f.lost - f.told; untold > 0 && f.set.Notice != nil {
		f.told = f.lost
		f.appendLocked(f.set.Notice(nil, untold))
	}
	f.appendLocked(data)
	select {
	case f.more <- struct{}{}:
	default:
	}
}

func (f *Feed) appendLocked(data []byte) {
	f.held += len(data)
	f.lines += int64(bytes.Count(data, []byte{'\n'}))
	if n := len(f.blocks); n > 0 && len(f.blocks[n-1])+len(data) <= blockSize {
		f.blocks[n-1] = append(f.blocks[n-1], data...)
		return
	}
	f.blocks = append(f.blocks, bytes.Clone(data))
}

func (f *Feed) write() {
	defer close(f.done)
	for {
		f.mu.Lock()
		if f.gone || f.closed && len(f.blocks) == 0 {
			f.mu.Unlock()
			f.awaitReader()
			_ = f.to.Close()
			return
		}
		if len(f.blocks) == 0 {
			f.mu.Unlock()
			<-f.more
			continue
		}
		block := f.blocks[0]
		f.blocks[0] = nil
		f.blocks = f.blocks[1:]
		f.mu.Unlock()
		for len(block) > 0 {
			// In parts, so that a reader who is slow is seen to move.
			part := block[:min(len(block), blockSize)]
			n, err := f.to.Write(part)
			f.wrote(part[:n])
			if err != nil {
				f.Abort()
				return
			}
			block = block[n:]
		}
	}
}

// awaitReader waits until the pipe is empty: once its end is closed, nobody can tell
// any more what is left in it.
func (f *Feed) awaitReader() {
	if f.set.Unread == nil {
		return
	}
	for {
		f.mu.Lock()
		waiting := !f.gone && f.set.Unread() > 0
		f.mu.Unlock()
		if !waiting {
			return
		}
		time.Sleep(unreadInterval)
	}
}

func (f *Feed) wrote(data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held -= len(data)
	f.moved++
	f.last = time.Now()
	f.stuck = false
	f.lines -= int64(bytes.Count(data, []byte{'\n'}))
	if over := len(f.tail) + len(data) - tailSize; over > 0 {
		f.tail = append(f.tail[:0], f.tail[min(over, len(f.tail)):]...)
	}
	f.tail = append(f.tail, data[max(0, len(data)-tailSize):]...)
	f.wakeLocked()
}

func (f *Feed) wakeLocked() {
	close(f.room)
	f.room = make(chan struct{})
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// Close says that nothing more is added.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.wakeLocked()
}

// Abort gives up on what has not been read: the reader is gone, or is not waited for
// any more.
func (f *Feed) Abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return
	}
	f.gone = true
	if f.set.Unread != nil {
		f.unread = max(f.set.Unread(), 0)
	}
	_ = f.to.Close() // ends the write under way
	f.wakeLocked()
}

// Still is for how long the reader has taken nothing, as far as can be seen from here.
func (f *Feed) Still() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.last)
}

// Done is closed when everything has been read and the pipe is closed, or Abort was
// called.
func (f *Feed) Done() <-chan struct{} { return f.done }

// Lost counts the lines that the reader has not got: those dropped and, after Abort,
// those that still waited.
func (f *Feed) Lost() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		// What the write under way brought is in the tail by the time it has ended.
		unread := f.tail[len(f.tail)-min(f.unread, len(f.tail)):]
		return f.lost + f.lines + int64(bytes.Count(unread, []byte{'\n'}))
	}
	return f.lost
}
