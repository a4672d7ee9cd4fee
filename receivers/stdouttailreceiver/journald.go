package stdouttailreceiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/journal"
)

const (
	cursorKey = "cursor"
	// maxJournalStreams bounds the streams whose lines may be joined at one time; the
	// one that has been quiet for longest is ended for another.
	maxJournalStreams = 256
)

// journalCapture reads journald.
type journalCapture struct {
	in     *intake
	cfg    *journaldConfig
	reader *journal.Reader
	client storage.Client // nil: none
	cancel context.CancelFunc
	done   chan struct{}
}

func (c *journaldConfig) reader() journal.Config {
	return journal.Config{
		Journalctl: c.Journalctl, Directory: c.Directory, Units: c.Units, Identifiers: c.Identifiers, Matches: c.Matches,
		Priority: c.Priority, FromEnd: c.StartAt == "end",
	}
}

func newJournalCapture(in *intake, cfg *journaldConfig) (*journalCapture, error) {
	set := cfg.reader()
	set.Log = func(message string) { in.set.Logger.Warn(message) }
	reader, err := journal.New(set)
	if err != nil {
		return nil, err
	}
	return &journalCapture{in: in, cfg: cfg, reader: reader, done: make(chan struct{})}, nil
}

//nolint:contextcheck // what is received has a context of its own, which outlives start
func (c *journalCapture) start(ctx context.Context, host component.Host) error {
	if err := c.reader.Check(); err != nil {
		return err
	}
	client, err := c.in.storageClient(ctx, host, "journald")
	if err != nil {
		return err
	}
	c.client = client
	var cursor []byte
	if client == nil {
		c.in.set.Logger.Warn("No storage is configured: after a restart, the journal is begun anew by start_at. Name a storage extension to go on where reading ended.")
	} else if cursor, err = client.Get(ctx, cursorKey); err != nil {
		return errors.Join(fmt.Errorf("read the journal's cursor from storage: %w", err), client.Close(ctx))
	}
	reading, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	w := c.newWriter()
	go func() {
		defer close(c.done)
		taking := make(chan struct{})
		go func() {
			defer close(taking)
			w.run()
		}()
		err := c.reader.Run(reading, string(cursor), w)
		close(w.entries)
		<-taking
		if err != nil && !c.in.isClosing() {
			c.in.set.Logger.Error("Cannot read the journal", zap.Error(err))
			c.in.board.Fail(err)
		}
	}()
	return nil
}

func (c *journalCapture) shutdown(ctx context.Context) error {
	c.cancel()
	<-c.done
	if c.client == nil {
		return nil
	}
	return c.client.Close(ctx)
}

// journalWriter makes records of entries. All but Entry and Begin belongs to run.
type journalWriter struct {
	capture *journalCapture
	entries chan *journal.Entry
	sink    *sink
	mapper  *journal.Mapper
	origin  logrecord.Origin
	streams map[string]*journalStream
	// resources are by the address of what was told.
	resources map[uintptr]mergedResource
	// read counts entries; waiting are those of which something is not accepted yet,
	// in order.
	read    int64
	waiting []waitingEntry
	// lost says that a batch was not accepted: the cursor must not pass it.
	lost bool
}

// mergedResource keeps told, so that no other map gets its address.
type mergedResource struct{ told, both map[string]string }

type waitingEntry struct {
	number int64
	cursor string
}

// journalStream is what one process writes, or one connection of its stdout.
type journalStream struct {
	*logstream.Stream
	used int64
}

func (c *journalCapture) newWriter() *journalWriter {
	return &journalWriter{
		capture: c, entries: make(chan *journal.Entry, 64), sink: c.in.newSink(), mapper: journal.NewMapper(),
		streams: map[string]*journalStream{}, resources: map[uintptr]mergedResource{},
	}
}

// Entry queues an entry, and waits while the queue is full.
func (w *journalWriter) Entry(ctx context.Context, e *journal.Entry) error {
	select {
	case w.entries <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Begin keeps the place where reading begins at the end of the journal.
func (w *journalWriter) Begin(ctx context.Context, cursor string) error { return w.keep(ctx, cursor) }

func (w *journalWriter) keep(ctx context.Context, cursor string) error {
	if w.capture.client == nil {
		return nil
	}
	if err := w.capture.client.Set(ctx, cursorKey, []byte(cursor)); err != nil {
		return fmt.Errorf("keep the journal's cursor: %w", err)
	}
	return nil
}

func (w *journalWriter) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case e, ok := <-w.entries: // without the cost of the timer, while there are any
			if !ok {
				w.end()
				return
			}
			w.add(e)
			continue
		default:
		}
		timer.Reset(w.wait())
		select {
		case e, ok := <-w.entries:
			if !ok {
				w.end()
				return
			}
			w.add(e)
		case <-timer.C:
			w.idle()
		}
	}
}

func (w *journalWriter) add(e *journal.Entry) {
	in := w.capture.in
	now := w.sink.clock()
	w.read++
	w.waiting = append(w.waiting, waitingEntry{w.read, e.Cursor})
	w.mapper.Fill(e, &w.origin)
	w.origin.Resource = w.resource(w.origin.Resource)
	line := logstream.Line{
		Data: e.Message, Offset: w.read, Read: now, Piece: w.origin.Piece, Problem: w.origin.Problem, Origin: &w.origin,
	}
	s := w.stream(e)
	switch {
	case line.Piece.ID == "" && line.Problem == "" && len(bytes.TrimSpace(e.Message)) == 0:
		s.Flush() // it has fields, if no message
		w.sink.batch.AddText("", &logrecord.Text{}, &w.origin)
	case len(e.Message) > int(in.cfg.MaxLineSize):
		w.addPieces(s, &line)
	default:
		s.Add(&line)
	}
	in.tel.ReceiverStdoutTailLinesRead.Add(in.work, 1, in.attrs)
	in.tel.ReceiverStdoutTailBytesRead.Add(in.work, int64(len(e.Message)), in.attrs)
	if w.sink.full() || len(w.waiting) >= maxWaiting {
		for _, s := range w.streams { // idle may not come for long
			s.Expire(now)
			if len(w.waiting) >= maxWaiting {
				s.Flush() // so many entries must not hang on one record
			}
		}
		w.deliver()
	}
}

// maxWaiting bounds the entries that hang on a record that is held back.
const maxWaiting = 4096

// addPieces cuts a message that is too long.
func (w *journalWriter) addPieces(s *journalStream, line *logstream.Line) {
	uid, message := w.origin.UID, line.Data
	if uid == "" {
		uid = newUID(w.sink.uids)
	}
	piece := logrecord.Piece{ID: uid}
	for ; len(message) > 0; piece.Index++ {
		n := min(len(message), int(w.capture.in.cfg.MaxLineSize))
		if n < len(message) {
			n = wholeRunes(message[:n])
		}
		line.Data, message = message[:n], message[n:]
		piece.Last = len(message) == 0
		line.Piece, w.origin.Piece = piece, piece
		w.origin.UID = uid + "." + strconv.Itoa(piece.Index)
		s.Add(line)
	}
}

// resource lays what the configuration says under what the entry does. The mapper
// gives one map for equal resources, and so does this: records are grouped by it.
func (w *journalWriter) resource(told map[string]string) map[string]string {
	configured := w.capture.in.cfg.Resource
	if len(configured) == 0 {
		return told
	}
	key := reflect.ValueOf(told).Pointer()
	if m, ok := w.resources[key]; ok {
		return m.both
	}
	both := maps.Clone(configured)
	maps.Copy(both, told)
	if len(w.resources) >= maxJournalStreams {
		clear(w.resources)
	}
	w.resources[key] = mergedResource{told, both}
	return both
}

// stream is that of an entry's program.
func (w *journalWriter) stream(e *journal.Entry) *journalStream {
	key := e.Get("_STREAM_ID")
	if key == "" {
		key = e.Get("_BOOT_ID") + " " + e.Get("_PID") + " " + e.Get("SYSLOG_IDENTIFIER")
	}
	s := w.streams[key]
	if s == nil {
		if len(w.streams) == maxJournalStreams {
			w.endOne()
		}
		s = &journalStream{Stream: w.sink.stream(w.capture.in.baseSource())}
		w.streams[key] = s
	}
	s.used = w.read
	return s
}

func (w *journalWriter) endOne() {
	var oldest string
	for key, s := range w.streams {
		if oldest == "" || s.used < w.streams[oldest].used {
			oldest = key
		}
	}
	w.streams[oldest].Flush()
	w.sink.joined += w.streams[oldest].TakeJoined()
	delete(w.streams, oldest)
}

func (w *journalWriter) wait() time.Duration {
	in := w.capture.in
	wait := time.Hour
	if w.sink.batch.Len() > 0 {
		wait = in.cfg.Batch.Linger - time.Since(w.sink.since)
	}
	for _, s := range w.streams {
		if _, held := s.Held(); held {
			wait = min(wait, in.cfg.Join.Timeout-time.Since(s.Since()))
		}
	}
	return max(wait, time.Millisecond)
}

func (w *journalWriter) idle() {
	now := w.sink.clock()
	for _, s := range w.streams {
		s.Expire(now)
	}
	if w.sink.batch.Len() > 0 && now.Sub(w.sink.since) >= w.capture.in.cfg.Batch.Linger {
		w.deliver()
	}
}

func (w *journalWriter) end() {
	w.sink.clock()
	for _, s := range w.streams {
		s.Flush()
	}
	w.deliver()
}

// deliver hands over, and then keeps the cursor of the last entry before which
// nothing is held back.
func (w *journalWriter) deliver() {
	for _, s := range w.streams {
		w.sink.joined += s.TakeJoined()
	}
	if err := w.sink.deliver(); err != nil {
		w.waiting, w.lost = nil, true // the receiver shuts down, and the cursor stays
		return
	}
	if w.lost {
		return
	}
	held := w.read + 1
	for _, s := range w.streams {
		if number, ok := s.Held(); ok {
			held = min(held, number)
		}
	}
	cursor := ""
	done := 0
	for done < len(w.waiting) && w.waiting[done].number < held {
		if c := w.waiting[done].cursor; c != "" {
			cursor = c
		}
		done++
	}
	w.waiting = append(w.waiting[:0], w.waiting[done:]...)
	if cursor == "" {
		return
	}
	// Not ended by the shutdown of the receiver: what was accepted is kept.
	ctx, cancel := context.WithTimeout(context.Background(), w.capture.in.cfg.AcceptTimeout)
	defer cancel()
	if err := w.keep(ctx, cursor); err != nil {
		w.capture.in.set.Logger.Error("What has been delivered may be read again", zap.Error(err))
	}
}
