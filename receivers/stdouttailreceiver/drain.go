package stdouttailreceiver

import (
	"fmt"
	"time"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// drain makes records of what a pipe reads, and hands them over. It belongs to one
// goroutine.
type drain struct {
	in    *intake
	pipe  *pipe
	sink  *sink
	feed  *feed
	lines lines
	now   time.Time

	linesRead int64
	// at is how many bytes of lines came before the one at hand.
	at int64
}

// readOnBeforeExpiry is how many bytes are taken, where there are so many, before what is held
// back is given out for the time that it has waited.
const readOnBeforeExpiry = 1 << 20

func (in *intake) newDrain(p *pipe, framing string, from logstream.Source) *drain {
	s := in.newSink()
	return &drain{
		in: in, pipe: p, sink: s, feed: s.newFeed(framing, from),
		lines: lines{max: int(in.cfg.MaxLineSize), uids: s.uids},
	}
}

// run returns when the stream has ended, with its error, and everything it brought
// has been handed over or dropped.
func (d *drain) run() error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		c, ok, err := d.pipe.next()
		switch {
		case ok:
			d.take(c)
			continue
		case err != nil:
			d.end()
			return err
		}
		timer.Reset(d.wait())
		select {
		case <-d.pipe.ready:
		case <-timer.C:
			d.idle()
		}
	}
}

// take makes records of a chunk.
func (d *drain) take(c chunk) {
	d.now = time.Now()
	d.sink.observe(d.now)
	if c.lostBytes > 0 {
		d.tellLoss(c)
	}
	d.lines.add(c.data, d.line)
	d.in.tel.ReceiverStdoutTailLinesRead.Add(d.in.work, d.linesRead, d.in.attrs)
	d.in.tel.ReceiverStdoutTailBytesRead.Add(d.in.work, int64(len(c.data)), d.in.attrs)
	d.linesRead = 0
	d.pipe.done(c)
	if d.now.Sub(d.sink.since) >= d.in.cfg.Batch.Linger {
		d.deliver()
	}
}

func (d *drain) line(data []byte, piece logrecord.Piece) {
	if piece.Index == 0 {
		d.linesRead++
	}
	d.feed.add(data, d.at, piece, "", d.now)
	d.at += int64(len(data))
	if !d.sink.full() {
		return
	}
	d.deliver()
	d.now = time.Now()
	d.sink.observe(d.now)
	// While a next consumer took its time, what belongs to what is held back may have come.
	// A stream beside it that goes on and on does not keep it for ever: idle may not come
	// for long.
	if held, ok := d.feed.held(); ok && d.at-held >= readOnBeforeExpiry {
		d.feed.expire(d.now)
	}
}

// deliver hands over. Its error is that the receiver shuts down, and has been
// counted.
func (d *drain) deliver() { _ = d.sink.deliver() }

// wait is how long there is nothing to do if nothing comes.
func (d *drain) wait() time.Duration {
	wait := time.Hour
	if d.sink.batch.Len() > 0 {
		wait = d.in.cfg.Batch.Linger - time.Since(d.sink.since)
	}
	if since, ok := d.feed.oldest(); ok {
		wait = min(wait, d.in.cfg.Join.Timeout-time.Since(since))
	}
	return max(wait, time.Millisecond)
}

// idle does what is due while nothing comes.
func (d *drain) idle() {
	d.now = time.Now()
	d.sink.observe(d.now)
	d.feed.expire(d.now)
	if d.sink.batch.Len() > 0 && d.now.Sub(d.sink.since) >= d.in.cfg.Batch.Linger {
		d.deliver()
	}
}

func (d *drain) end() {
	d.now = time.Now()
	d.sink.observe(d.now)
	if d.lines.open() {
		d.lines.end(d.line)
	}
	d.feed.end(d.now)
	d.deliver()
}

// tellLoss makes a record of what has been dropped, for whoever reads the others.
func (d *drain) tellLoss(c chunk) {
	if d.lines.open() {
		d.lines.end(d.line)
	}
	d.feed.end(d.now) // nothing is joined over what is missing
	d.in.tel.ReceiverStdoutTailRecordsReceived.Add(d.in.work, c.lostLines, d.in.attrs)
	d.in.drop(bufferFull, c.lostLines, errBufferFull)
	text := fmt.Sprintf("%d lines (%d bytes) dropped here: the next consumer took nothing and the buffer was full", c.lostLines, c.lostBytes)
	d.sink.batch.AddText(text, &logrecord.Text{
		Own: true, Body: text, EventName: eventDropped, Severity: severity.Warn, SeverityText: "WARN",
		Fields: []logrecord.Field{
			{Key: "heartwood.dropped.lines", Kind: logrecord.IntField, Int: c.lostLines},
			{Key: "heartwood.dropped.size", Kind: logrecord.IntField, Int: c.lostBytes},
		},
	}, &d.feed.from.Origin)
}

const eventDropped = "heartwood.dropped"
