package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	pumpRetry = 250 * time.Millisecond
	// pumpMaxLine bounds what is held of a line whose end has not come. Longer
	// ones are sent as they are read.
	pumpMaxLine = 1 << 20
	pumpTimeout = 10 * time.Second
)

// pump is an io.Writer that brings the lines written to it to a TCP address. It
// connects when there is something to send and again when the connection was
// lost, for as long as that takes: its writer waits, as at a full pipe. Lines
// that were under way when a connection broke are sent again.
type pump struct {
	ctx     context.Context //nolint:containedctx // Write has no parameter for it
	address string
	notes   io.Writer // what goes wrong, once each time

	mu sync.Mutex
	// mu guards the following.
	connection net.Conn
	lost       chan struct{} // closed when the peer has closed connection
	held       []byte        // the beginning of a line
}

// newPump makes a pump that gives up when ctx ends.
func newPump(ctx context.Context, address string, notes io.Writer) *pump {
	return &pump{ctx: ctx, address: address, notes: notes}
}

// Write implements io.Writer.
func (p *pump) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	written := len(b)
	end := bytes.LastIndexByte(b, '\n') + 1
	if end == 0 && len(p.held)+len(b) < pumpMaxLine {
		p.held = append(p.held, b...)
		return written, nil
	}
	if end == 0 {
		end = len(b)
	}
	lines := slices.Concat(p.held, b[:end])
	p.held = append(p.held[:0], b[end:]...)
	if err := p.deliverLocked(lines); err != nil {
		return 0, err
	}
	return written, nil
}

func (p *pump) deliverLocked(lines []byte) error {
	told := false
	for {
		err := p.tryLocked(lines)
		if err == nil {
			return nil
		}
		p.dropLocked()
		if p.ctx.Err() != nil {
			return errors.Join(err, context.Cause(p.ctx))
		}
		if !told {
			_, _ = fmt.Fprintf(p.notes, "Sending inventory's lines to %s: %v; trying again.\n", p.address, err)
			told = true
		}
		timer := time.NewTimer(pumpRetry)
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			timer.Stop()
		}
	}
}

func (p *pump) tryLocked(lines []byte) error {
	if p.connection != nil {
		select {
		case <-p.lost:
			p.dropLocked()
		default:
		}
	}
	if p.connection == nil {
		dialer := net.Dialer{Timeout: pumpTimeout}
		connection, err := dialer.DialContext(p.ctx, "tcp", p.address)
		if err != nil {
			return err
		}
		lost := make(chan struct{})
		go func() {
			// The receiver says nothing; the end of its silence is the end of the
			// connection, which a write would notice one write too late.
			_, _ = io.Copy(io.Discard, connection)
			close(lost)
		}()
		p.connection, p.lost = connection, lost
	}
	connection := p.connection // which may be dropped while the function still runs
	stop := context.AfterFunc(p.ctx, func() { _ = connection.SetWriteDeadline(time.Now()) })
	defer stop()
	_, err := connection.Write(lines)
	return err
}

func (p *pump) dropLocked() {
	if p.connection != nil {
		_ = p.connection.Close()
		<-p.lost
		p.connection = nil
	}
}

// Close ends the connection. What stands without the end of its line is sent.
func (p *pump) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if len(p.held) > 0 && p.ctx.Err() == nil {
		err = p.tryLocked(append(p.held, '\n'))
	}
	p.dropLocked()
	return err
}
