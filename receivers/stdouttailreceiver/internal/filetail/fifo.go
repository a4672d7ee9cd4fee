package filetail

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
)

// pipe is a named pipe. A goroutine waits for what comes, and hands it to the
// worker.
type pipe struct {
	fd      *os.File
	unended []byte // the worker's: what has come of a line
}

// chunk is data from a pipe. done is closed when the worker needs it no more.
type chunk struct {
	f    *file
	data []byte
	done chan struct{}
}

const (
	pipeChunk = 64 << 10 // bytes; what a Linux pipe holds
	// pipePause is how long a pipe that has no writer is left alone, where it can't be
	// kept open.
	pipePause = 100 * time.Millisecond
)

// startPipe begins to read a named pipe. It is opened for writing too, so that it
// has a writer at all times: others can come and go.
func (s *scanner) startPipe(e entry) {
	t := s.t
	fd, err := os.OpenFile(e.path, os.O_RDWR|nonblock, 0)
	if err != nil {
		fd, err = os.OpenFile(e.path, os.O_RDONLY|nonblock, 0)
	}
	if err != nil {
		if !s.denied[e.path] {
			if s.denied == nil {
				s.denied = map[string]bool{}
			}
			s.denied[e.path] = true
			t.stats.openErrors.Add(1)
			t.log.Warn("can't open a named pipe; trying again", zap.String("path", e.path), zap.Error(err))
		}
		return
	}
	f := &file{id: newID(), pipe: &pipe{fd: fd}}
	t.assign(f)
	t.mu.Lock()
	t.locateLocked(f, e.place(), s.gen)
	t.mu.Unlock()
	t.scanning.Go(func() { t.readPipe(s.ctx, f) })
}

func (t *Tailer) readPipe(ctx context.Context, f *file) {
	stop := context.AfterFunc(ctx, func() { _ = f.pipe.fd.Close() })
	defer stop()
	buf := make([]byte, pipeChunk)
	for ctx.Err() == nil {
		n, err := f.pipe.fd.Read(buf)
		if n > 0 {
			c := chunk{f: f, data: buf[:n], done: make(chan struct{})}
			select {
			case f.w.pipes <- c:
				<-c.done
			case <-f.w.stopped:
				return
			}
		}
		if errors.Is(err, io.EOF) {
			select {
			case <-ctx.Done():
			case <-time.After(pipePause):
			}
			continue
		}
		if err != nil {
			return
		}
	}
}

// fromPipe gives the complete lines of what has come to the stream.
func (w *worker) fromPipe(deliver context.Context, c chunk) error {
	defer close(c.done)
	f := c.f
	data := append(f.pipe.unended, c.data...) //nolint:gocritic // goes back to unended
	w.t.stats.bytes.Add(int64(len(c.data)))
	next, err := w.split(deliver, f, f.pos, data, 0)
	f.pipe.unended = data[:copy(data, data[next:])]
	f.grown = time.Now()
	w.attendTo(f)
	return err
}

// flushPipe gives the unended line to the stream.
func (w *worker) flushPipe(f *file) {
	data := f.pipe.unended
	f.pipe.unended = data[:0]
	if f.index == 0 {
		f.lineStart = f.pos
	}
	end := f.pos + int64(len(data))
	w.stream(f).Line(Line{
		Read: time.Now(),
		Data: trimCR(data), Offset: f.pos, End: end, Start: f.lineStart,
		Cut: f.index > 0, Index: f.index, Unended: true,
	})
	w.t.stats.lines.Add(1)
	f.index++
	f.pos = end
}

// endPipe ends a pipe that was removed, or at shutdown.
func (w *worker) endPipe(f *file) {
	_ = f.pipe.fd.Close()
	if len(f.pipe.unended) > 0 {
		w.flushPipe(f)
	}
	w.endStream(f)
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.unlistLocked(f)
	f.located = false
	if in := f.place().inode; w.t.byInode[in] == f {
		delete(w.t.byInode, in)
	}
}
