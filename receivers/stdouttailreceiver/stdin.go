package stdouttailreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
)

var (
	errBufferFull = errors.New("max_buffer_size is full and on_full is drop_newest")
	errStdinTaken = errors.New("another stdout_tail receiver reads stdin: only one can")
)

// stdinTaken keeps two receivers from reading every other chunk of one stream.
var stdinTaken sync.Mutex

// stdinCapture reads the collector's own stdin.
type stdinCapture struct {
	in   *intake
	cfg  *stdinConfig
	src  interruptible
	pipe *pipe
	work sync.WaitGroup
}

// interruptible is a reader that another goroutine can end.
type interruptible interface {
	io.ReadCloser
	interrupt()
}

// stdin is what is read; tests have another.
var stdin = func() *os.File { return os.Stdin }

func newStdinCapture(in *intake, cfg *stdinConfig) *stdinCapture {
	return &stdinCapture{in: in, cfg: cfg}
}

func (c *stdinCapture) start(context.Context, component.Host) error {
	if !stdinTaken.TryLock() {
		return errStdinTaken
	}
	src, err := newInterruptible(stdin())
	if err != nil {
		stdinTaken.Unlock()
		return fmt.Errorf("read stdin: %w", err)
	}
	c.src = src
	c.pipe = newPipe(src, int(c.cfg.MaxBufferSize), c.cfg.OnFull == "drop_newest")
	from := c.in.baseSource()
	if c.cfg.IOStream != "" {
		from.Origin.Attributes = []logrecord.Attribute{{Key: attrIOStream, Value: c.cfg.IOStream}}
	}
	d := c.in.newDrain(c.pipe, c.cfg.Framing, from)
	c.work.Go(c.pipe.read)
	c.work.Go(func() { //nolint:contextcheck // what is received has a context of its own, which outlives Start
		switch err := d.run(); {
		case errors.Is(err, errStopped):
			return
		case !errors.Is(err, io.EOF):
			c.in.set.Logger.Error("Cannot read stdin any more", zap.Error(err))
		}
		if c.cfg.OnEOF == "shutdown" {
			c.in.endCollector(errEndOfInput)
		}
	})
	return nil
}

var errEndOfInput = errors.New("stdin has ended, and everything it brought is delivered (on_eof: shutdown)")

func (c *stdinCapture) shutdown(context.Context) error {
	c.pipe.close()
	c.src.interrupt()
	c.work.Wait()
	stdinTaken.Unlock()
	return c.src.Close()
}

// baseSource is the Source that all streams begin with.
func (in *intake) baseSource() logstream.Source {
	return logstream.Source{Origin: logrecord.Origin{Resource: in.cfg.Resource}}
}
