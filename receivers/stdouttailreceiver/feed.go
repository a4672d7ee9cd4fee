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
	// undecided is set until the first line has told the format.
	undecided bool

	streams [3]*logstream.Stream // by containerlog.Stream
	joiner  *containerlog.Joiner
	scratch []byte
	joined  []containerlog.Joined
	line    logstream.Line

	// Of Docker's attrs, which are the same on all lines of a file.
	attrs    []byte
	resource map[string]string
}

func (s *sink) newFeed(framing string, from logstream.Source) *feed {
	f := &feed{sink: s, from: from, resource: from.Origin.Resource}
	switch framing {
	case "auto":
		f.undecided = true
	case "cri":
		f.format = containerlog.CRI
	case "docker":
		f.format = containerlog.Docker
	}
	return f
}

// add takes the next line. data is valid during the call.
func (f *feed) add(data []byte, offset int64, piece logrecord.Piece, problem string, now time.Time) {
	if f.undecided && len(data) > 0 {
		f.format = containerlog.Detect(data)
		f.undecided = false
	}
	if f.format != containerlog.None && piece.ID == "" && problem == "" {
		e, ok := f.entry(data)
		if !ok {
			// Docker and kubelet write nothing else, but a file may change hands.
			if found := containerlog.Detect(data); found != containerlog.None {
				f.format = found
				e, ok = f.entry(data)
			}
		}
		if ok {
			f.addEntry(&e, offset, now)
			return
		}
	}
	f.line = logstream.Line{Data: data, Offset: offset, Read: now, Piece: piece, Problem: problem}
	f.stream(containerlog.NoStream).Add(&f.line)
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
	f.addJoined(now)
}

func (f *feed) addJoined(now time.Time) {
	for i := range f.joined {
		j := &f.joined[i]
		f.line = logstream.Line{
			Data: trimCR(j.Content), Offset: j.Offset, Time: time.Unix(0, int64(j.Time)).UTC(), Read: now,
		}
		if j.Cut {
			f.line.Piece = logrecord.Piece{ID: f.pieceID(j.Start), Index: j.Index, Last: j.Last}
		}
		if j.Unended && !j.Cut {
			f.line.Problem = "the log ends before the line does"
		}
		if len(j.Tags) > 0 {
			f.line.Attributes = append(f.line.Attributes, logrecord.Attribute{Key: attrCRITags, Value: string(j.Tags)})
		}
		for _, a := range j.Extra {
			f.line.Attributes = append(f.line.Attributes, logrecord.Attribute{Key: a.Key, Value: a.Value})
		}
		if !bytes.Equal(j.Attrs, f.attrs) {
			f.setAttrs(j.Attrs)
		}
		f.stream(j.Stream).Add(&f.line)
	}
	clear(f.joined)
}

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

// oldest is when the last line was read of the record that has been held back for
// longest.
func (f *feed) oldest() (since time.Time, ok bool) {
	for _, s := range f.streams {
		if s == nil {
			continue
		}
		if _, held := s.Held(); held && (!ok || s.Since().Before(since)) {
			since, ok = s.Since(), true
		}
	}
	return since, ok
}
