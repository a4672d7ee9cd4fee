package logfmtreceiver

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/syslogheader"
)

// Attributes of a record that come from its way here.
const (
	attrSyslogFacility = "syslog.facility.code"
	attrSyslogData     = "syslog.structured_data"
	attrSenderDropped  = "heartwood.sender_dropped"
	attrDrainToken     = "heroku.drain.token" //nolint:gosec // the name of an attribute
)

// logplexHost is what Logplex writes for every host.
const logplexHost = "host"

// syslogSeverities are the words for the severities of RFC 5424, table 2.
var syslogSeverities = [8]string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}

// assembly turns frames into a batch of records. It belongs to one goroutine: a
// connection, the udp worker, or a request.
type assembly struct {
	in    *intake
	batch *logrecord.Batch
	uids  *recorduid.Source

	// header says how syslog headers are read, resource what all records share, and
	// uid, where it is set, names the record of the line with the given place.
	header   syslogheader.Settings
	resource map[string]string
	uid      func(line int) string
	lines    int

	// cutOff, if not "", says why the stream did not end by its sender's will, so
	// that what it ends with is no whole line.
	cutOff string

	origin logrecord.Origin
	// blank says that origin holds the resource and nothing else. Clearing it for
	// each line costs 3 % of the way from socket to record.
	blank bool
	extra [4]logrecord.Attribute
	open  *openLine

	// since the last take
	bytes, cut int
	notices    []dropNotice

	// keeps says that a refused batch has to be made again, since the consumers
	// change what they are given; redo and redoText are what is needed for it.
	keeps    bool
	redo     []redoEntry
	redoText []byte
}

// openLine is what the pieces of one line share.
type openLine struct {
	id     string
	origin logrecord.Origin
}

// redoEntry is a frame whose text is redoText up to end.
type redoEntry struct {
	frame lineframe.Frame
	end   int
	uid   string
	open  *openLine
}

// newAssembly returns an empty assembly. insists says that the intake's deliver will
// hand its batches over, again and again if need be.
func newAssembly(in *intake, insists bool) *assembly {
	return &assembly{
		keeps:  insists && in.mutates,
		in:     in,
		batch:  in.mapper.NewBatch(),
		uids:   recorduid.NewSource(),
		header: syslogheader.Settings{Location: in.location},
	}
}

// full says that the batch is to be handed over before more is added.
func (a *assembly) full() bool {
	return a.batch.Len() >= a.in.cfg.Batch.MaxRecords || a.batch.Size() >= int(a.in.cfg.Batch.MaxSize)
}

// add makes a record of f. It keeps no part of f.Data.
func (a *assembly) add(f *lineframe.Frame) {
	uid := ""
	switch {
	case a.uid != nil:
		uid = a.uid(a.lines)
	case a.keeps:
		uid = a.uids.Next(time.Now()).String()
	}
	a.lines++
	a.bytes += len(f.Data)
	if f.Cut && f.Index == 0 {
		a.open = &openLine{id: a.uids.Next(time.Now()).String()}
		a.cut++
	}
	if a.keeps {
		a.redoText = append(a.redoText, f.Data...)
		entry := redoEntry{frame: *f, end: len(a.redoText), uid: uid}
		entry.frame.Data = nil
		if f.Cut {
			entry.open = a.open
		}
		a.redo = append(a.redo, entry)
	}
	if notice, ok := a.record(f, uid, a.open); ok {
		a.notices = append(a.notices, notice)
	}
}

// record adds f to the batch, and says whether it is a sender's notice of drops.
func (a *assembly) record(f *lineframe.Frame, uid string, open *openLine) (notice dropNotice, isNotice bool) {
	o := &a.origin
	line := f.Data
	if f.Cut && f.Index > 0 {
		*o = open.origin // the header stood in the first piece
	} else {
		line = a.readHeader(o, line)
		if f.Cut {
			open.origin = *o
			open.origin.Attributes = append([]logrecord.Attribute(nil), o.Attributes...)
		}
	}
	if uid != "" {
		a.blank = false
		o.UID = uid
	}
	if f.Cut {
		a.blank = false
		o.Piece = logrecord.Piece{ID: open.id, Index: f.Index, Last: f.Last}
	}
	switch {
	case f.Missing > 0:
		a.blank = false
		o.Problem = fmt.Sprintf("octet-counted frame broken off: %d bytes are missing", f.Missing)
	case f.Unended && a.cutOff != "":
		a.blank = false
		o.Problem = "line broken off: " + a.cutOff
	}
	if !f.Cut {
		if notice, isNotice = parseDropNotice(line); isNotice {
			a.blank = false
			o.Attributes = append(o.Attributes, logrecord.Attribute{Key: attrSenderDropped, Int: notice.count, IsInt: true})
		}
	}
	a.batch.Add(line, o)
	return notice, isNotice
}

// readHeader fills o from the syslog header of line, if there is one, and returns
// what follows it.
func (a *assembly) readHeader(o *logrecord.Origin, line []byte) []byte {
	h, message, ok := syslogheader.Header{}, line, false
	if len(line) > 0 && line[0] == '<' {
		h, message, ok = syslogheader.Parse(line, a.header)
	}
	if !ok {
		if !a.blank {
			*o = logrecord.Origin{Resource: a.resource}
			a.blank = true
		}
		return line
	}
	host, app, procID, msgID := o.Host, o.App, o.ProcID, o.MsgID
	*o = logrecord.Origin{Resource: a.resource}
	a.blank = false
	if a.in.cfg.KeepOriginal {
		o.Original = string(line)
	}
	o.Severity, _ = severity.FromNumber(int64(h.Severity), severity.Syslog)
	o.SeverityText = syslogSeverities[h.Severity]
	o.Time, o.TimeGuess = h.Time, h.TimeGuess
	if a.header.Dialect == syslogheader.Logplex && string(h.Host) == logplexHost {
		h.Host = nil
	}
	// Most lines of a connection come from one place: the strings of the line before
	// are used again.
	o.Host, o.App, o.ProcID, o.MsgID = same(host, h.Host), same(app, h.App), same(procID, h.ProcID), same(msgID, h.MsgID)
	o.Attributes = append(a.extra[:0], logrecord.Attribute{Key: attrSyslogFacility, Int: int64(h.Facility), IsInt: true})
	if len(h.StructuredData) > 0 {
		o.Attributes = append(o.Attributes, logrecord.Attribute{Key: attrSyslogData, Value: string(h.StructuredData)})
	}
	return message
}

func same(before string, now []byte) string {
	if before == string(now) {
		return before
	}
	return string(now)
}

// rebuild makes the batch that was taken last a second time, with the same uids.
func (a *assembly) rebuild() plog.Logs {
	from := 0
	for i := range a.redo {
		e := &a.redo[i]
		f := e.frame
		f.Data = a.redoText[from:e.end]
		from = e.end
		a.record(&f, e.uid, e.open)
	}
	return a.batch.Take()
}

// forget drops what rebuild would need.
func (a *assembly) forget() {
	if cap(a.redoText) > 4*int(a.in.cfg.Batch.MaxSize) {
		a.redoText = nil // a long line went by
	}
	clear(a.redo)
	a.redo = a.redo[:0]
	a.redoText = a.redoText[:0]
}

// take ends the batch and counts its records as received, with what was seen in
// their lines.
func (a *assembly) take() (logs plog.Logs, records int) {
	records = a.batch.Len()
	problems := a.batch.Problems()
	logs = a.batch.Take()
	ctx := a.in.work
	tel := a.in.tel
	tel.ReceiverLogfmtRecordsReceived.Add(ctx, int64(records), a.in.attrs)
	tel.ReceiverLogfmtBytesReceived.Add(ctx, int64(a.bytes), a.in.attrs)
	if problems > 0 {
		tel.ReceiverLogfmtParseErrors.Add(ctx, int64(problems), a.in.attrs)
	}
	if a.cut > 0 {
		tel.ReceiverLogfmtLinesCut.Add(ctx, int64(a.cut), a.in.attrs)
	}
	for _, n := range a.notices {
		tel.ReceiverLogfmtSenderDropped.Add(ctx, n.count, metric.WithAttributeSet(attribute.NewSet(attribute.String("notice", n.code))))
	}
	a.bytes, a.cut, a.notices = 0, 0, a.notices[:0]
	return logs, records
}
