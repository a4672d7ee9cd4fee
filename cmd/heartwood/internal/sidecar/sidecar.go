// Package sidecar runs a collector that lives for one purpose: to take what comes on
// its stdin and to end when that does. What it logs is read, and what matters in it is
// told.
package sidecar

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// Spec says what to start.
type Spec struct {
	Path string
	Args []string
	Env  []string // added to our own
	// Stdin is what the collector reads. Start closes it in any case.
	Stdin *os.File
	// Tell gets what is worth to be told at once: that records are refused, and
	// errors that nobody asked for. It is called by one goroutine at a time.
	Tell func(Event)
}

// Event is something that the collector has said.
type Event struct {
	Kind Kind
	Text string // the collector's words
}

// Kind of an Event.
type Kind int

// Kinds of events.
const (
	// Refused says that records are not taken by their destination for now.
	Refused Kind = iota
	// Dropped says that records are given up.
	Dropped
	// Failed is any other error.
	Failed
)

// Collector is a running collector. It is safe for concurrent use.
type Collector struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed

	mu sync.Mutex
	// mu guards the following.
	log logState
}

// Start starts the collector, in a process group of its own: a terminal's Ctrl-C is
// not meant for it, which has to deliver the program's last words.
func Start(spec Spec) (*Collector, error) {
	defer func() { _ = spec.Stdin.Close() }()
	c := &Collector{done: make(chan struct{})}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// No context: it ends with its stdin, or by Stop and Kill.
	c.cmd = exec.Command(spec.Path, spec.Args...) //nolint:noctx,gosec // see above; the user has chosen the path
	c.cmd.Env = append(os.Environ(), spec.Env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = spec.Stdin, theirs, theirs
	c.cmd.SysProcAttr = attributes()
	err = c.start()
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("start the collector: %w", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read(ours, spec.Tell)
		_ = ours.Close()
	}()
	go func() {
		c.err = c.cmd.Wait()
		// A collector has no children, but one may be what a user gives us in its place.
		_ = ours.SetReadDeadline(time.Now().Add(drainTime))
		<-read
		close(c.done)
	}()
	return c, nil
}

// start starts the collector from a thread that lives as long as it does: the kernel
// sends PDEATHSIG when the thread ends that started it, not the process.
func (c *Collector) start() error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		err := c.cmd.Start()
		result <- err
		if err == nil {
			<-c.done
		}
	}()
	return <-result
}

// drainTime is how long the log is read after the collector has ended.
const drainTime = time.Second

// maxLogLine of the collector's is read; the rest of a longer one is not looked at.
const maxLogLine = 64 << 10

func (c *Collector) read(from io.Reader, tell func(Event)) {
	reader := bufio.NewReaderSize(from, maxLogLine)
	for {
		line, isPrefix, err := reader.ReadLine()
		if err != nil {
			return
		}
		c.mu.Lock()
		event, ok := c.log.add(line)
		c.mu.Unlock()
		if ok && tell != nil {
			tell(event)
		}
		for isPrefix && err == nil {
			_, isPrefix, err = reader.ReadLine()
		}
	}
}

// Done is closed when the collector has ended.
func (c *Collector) Done() <-chan struct{} { return c.done }

// Ready reports whether the collector has begun to work.
func (c *Collector) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.ready
}

// Lost counts the records that the collector has given up, as far as it has said so.
func (c *Collector) Lost() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.lost
}

// Why is the last reason that was told for a refusal or a loss, "" for none.
func (c *Collector) Why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.why
}

// Failure says in the collector's words why it ended; "" when it ended in peace.
// Valid once Done is closed.
func (c *Collector) Failure() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return ""
	}
	text := c.log.lastWords()
	if exit, ok := errors.AsType[*exec.ExitError](c.err); ok && text == "" {
		return exit.Error()
	}
	if text == "" {
		return c.err.Error()
	}
	return text
}

// Stop asks the collector to end. It gives up what it cannot deliver soon.
func (c *Collector) Stop() { _ = c.cmd.Process.Signal(stopSignal) }

// Kill ends the collector.
func (c *Collector) Kill() { _ = c.cmd.Process.Kill() }
