package stdouttailreceiver

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/heartwood-otel/heartwood/internal/containerlog"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
)

var framings = []string{"auto", "lines", "cri", "docker"}

const (
	attrIOStream = "log.iostream"
	attrCRITags  = "cri.tags"
)

// feed gives the lines of one file or pipe to the streams that are in it: without
// framing that is one, in a container's log there are two. It belongs to one
// goroutine.
type feed struct {
	sink   *sink
	from   logstream.Source
	format containerlog.Format
	// auto says that the format is to be found out; undecided is for how many lines
	// more.
	auto      bool
	undecided int

	streams [3]*logstream.Stream // by containerlog.Stream
	joiner  *containerlog.Joiner
	scratch []byte
	joined  []containerlog.Joined
	line    logstream.Line
	pieces  [3]pieces // by containerlog.Stream
	// partial is when the last piece came of a line that the runtime has not ended.
	partial time.Time
	// flushAfter is how long its rest is waited for.
	flushAfter time.Duration

	// Of Docker's attrs, which are the same on all lines of a file.
	attrs    []byte
	resource map[string]string
}

func (s *sink) newFeed(framing string, from logstream.Source) *feed {
	f := &feed{sink: s, from: from, resource: from.Origin.Resource, flushAfter: pipeFlushAfter}
	switch framing {
	case "auto":
		f.auto, f.undecided = true, detectLines
	case "cri":
		f.format = containerlog.CRI
	case "docker":
		f.format = containerlog.Docker
	}
	return f
}

// detectLines are looked at to tell the framing: the first may be the rest of one.
const detectLines = 16

// pipeFlushAfter is a pipe's files::flush_after.
const pipeFlushAfter = 5 * time.Second

// pieces are those of a stream's line that is too long.
type pieces struct {
	id     string
	offset int64 // where the last one began
	begun  int   // how many began there
}

// add takes the next line. data is valid during the call.
func (f *feed) add(data []byte, offset int64, piece logrecord.Piece, problem string, now time.Time) {
	if f.undecided > 0 && len(data) > 0 {
		f.undecided--
		if f.format = containerlog.Detect(data); f.format != containerlog.None {
			f.undecided = 0
		}
	}
	if f.format != containerlog.None && piece.ID == "" && problem == "" {
		e, ok := f.entry(data)
		if !ok {
			// Docker and kubelet write nothing else, but a file may change hands.
			if found := containerlog.Detect(data); f.auto && found != containerlog.None {
				f.format = found
				e, ok = f.entry(data)
			}
		}
		if ok {
			f.addEntry(&e, offset, now)
			return
		}
	}
	if f.joiner != nil && piece.ID != "" {
		// The reader has cut a line of the runtime's: nothing is joined over that.
		f.joined = f.joiner.End(f.joined[:0])
		f.addJoined(now)
	}
	f.line = logstream.Line{Data: data, Offset: offset, Read: now, Piece: piece, Problem: problem}
	s := f.stream(containerlog.NoStream)
	s.Add(&f.line)
	f.sink.joined += s.TakeJoined()
}

func (f *feed) entry(data []byte) (e containerlog.Entry, ok bool) {
	if f.format == containerlog.CRI {
		return containerlog.ParseCRI(data)
	}
	e, f.scratch, ok = containerlog.ParseDocker(data, f.scratch[:0])
	return e, ok
}

func (f *feed) addEntry(e *containerlog.Entry, offset int64, now time.Time) {
	if f.joiner == nil {
		f.joiner = containerlog.NewJoiner(int(f.sink.in.cfg.MaxLineSize))
	}
	f.joined = f.joiner.Append(f.joined[:0], e, offset)
	if e.Partial {
		f.partial = now
	}
	f.addJoined(now)
}

func (f *feed) addJoined(now time.Time) {
	for i := range f.joined {
		j := &f.joined[i]
		f.line = logstream.Line{
			Data: trimCR(j.Content), Offset: j.Offset, Time: time.Unix(0, int64(j.Time)).UTC(), Read: now,
		}
		if j.Cut {
			p := &f.pieces[j.Stream]
			if j.Index == 0 || f.from.ID != "" {
				p.id = f.pieceID(j.Start)
			}
			if j.Offset != p.offset || j.Index == 0 {
				p.offset, p.begun = j.Offset, 0
			}
			f.line.Piece = logrecord.Piece{ID: p.id, Index: j.Index, Last: j.Last}
			f.line.Nth = p.begun
			p.begun++
		}
		if j.Unended && !j.Cut {
			f.line.Problem = "the log ends before the line does"
		}
		if len(j.Tags) > 0 {
			f.line.Attributes = append(f.line.Attributes, logrecord.Attribute{Key: attrCRITags, Value: string(j.Tags)})
		}
		for _, a := range j.Extra {
			f.addExtra(a)
		}
		if !bytes.Equal(j.Attrs, f.attrs) {
			f.setAttrs(j.Attrs)
		}
		s := f.stream(j.Stream)
		s.Add(&f.line)
		f.sink.joined += s.TakeJoined()
	}
	clear(f.joined)
}

// addExtra adds a key that no runtime writes, under a name that is nobody else's.
func (f *feed) addExtra(a containerlog.Attribute) {
	key := extraPrefix + a.Key
	for _, had := range f.line.Attributes {
		if had.Key == key {
			return // the first counts
		}
	}
	f.line.Attributes = append(f.line.Attributes, logrecord.Attribute{Key: key, Value: a.Value})
}

const extraPrefix = "docker."

// pieceID is common to the pieces of the line that begins at offset.
func (f *feed) pieceID(offset int64) string {
	if f.from.ID == "" {
		return newUID(f.sink.uids)
	}
	return f.from.ID + "-" + strconv.FormatInt(offset, 10)
}

// setAttrs begins the streams anew, with a resource that has these attributes.
func (f *feed) setAttrs(attrs []byte) {
	f.flush()
	f.attrs = append(f.attrs[:0], attrs...)
	resource := maps.Clone(f.resource)
	if resource == nil {
		resource = map[string]string{}
	}
	for _, a := range containerlog.AppendAttributes(nil, attrs) {
		if a.Key == "" {
			a.Key = extraPrefix // OpenTelemetry allows no empty name
		}
		if _, ok := resource[a.Key]; !ok {
			resource[a.Key] = a.Value
		}
	}
	f.from.Origin.Resource = resource
	f.streams = [len(f.streams)]*logstream.Stream{}
}

func (f *feed) stream(of containerlog.Stream) *logstream.Stream {
	if s := f.streams[of]; s != nil {
		return s
	}
	from := f.from
	if name := of.String(); name != "" {
		from.Origin.Attributes = append(slices.Clone(from.Origin.Attributes), logrecord.Attribute{Key: attrIOStream, Value: name})
	}
	f.streams[of] = f.sink.stream(from)
	return f.streams[of]
}

// held is the offset of the first line that is held back.
func (f *feed) held() (offset int64, ok bool) {
	if f.joiner != nil {
		offset, ok = f.joiner.Held()
	}
	for _, s := range f.streams {
		if s == nil {
			continue
		}
		if o, held := s.Held(); held && (!ok || o < offset) {
			offset, ok = o, true
		}
	}
	return offset, ok
}

// expire gives out what has been held back for long enough.
func (f *feed) expire(now time.Time) {
	if f.joiner != nil && f.joiner.Size() > 0 && now.Sub(f.partial) >= f.flushAfter {
		f.joined = f.joiner.Flush(f.joined[:0])
		f.addJoined(now)
	}
	for _, s := range f.streams {
		if s != nil {
			s.Expire(now)
		}
	}
}

// flush gives out what the streams hold back, but not an open line of the runtime's.
func (f *feed) flush() {
	for _, s := range f.streams {
		if s != nil {
			s.Flush()
			f.sink.joined += s.TakeJoined()
		}
	}
}

// end gives out everything: the file or pipe is over.
func (f *feed) end(now time.Time) {
	if f.joiner != nil {
		f.joined = f.joiner.End(f.joined[:0])
		f.addJoined(now)
	}
	f.flush()
}

// oldest is when the last line was read of what has been held back for longest.
func (f *feed) oldest() (since time.Time, ok bool) {
	for _, s := range f.streams {
		if s == nil {
			continue
		}
		if _, held := s.Held(); held && (!ok || s.Since().Before(since)) {
			since, ok = s.Since(), true
		}
	}
	if !ok && f.joiner != nil && f.joiner.Size() > 0 {
		return f.partial, true
	}
	return since, ok
}
