package archiver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Signal is what a record is. Records of different ones are in different objects.
type Signal uint8

// The signals there are.
const (
	Logs Signal = iota + 1
	Traces
	Metrics
)

// Rule is what a rule of the configuration makes of a record, by value: a record that
// waits in the queue is kept as the configuration was when it came.
type Rule struct {
	// Name is the class.
	Name         string
	Mode         objectstore.Mode
	Period       time.Duration // whole seconds
	StorageClass string
}

// Record is one that is to be archived, encoded. The archiver keeps nothing of it after
// Accept.
type Record struct {
	Rule Rule
	// Hour is that of dt and hour in the key, in UTC; the time within the hour is ignored.
	Hour       time.Time
	Partitions []archive.Partition
	Encoding   string
	Signal     Signal

	// Time is what the record says of itself, Arrival when it came.
	Time, Arrival time.Time
	// Fingerprint is a hash of all that makes a repeat, with the archiver's key. Where
	// HasUID is set, a record with the fingerprint of one that is there is a repeat.
	Fingerprint [16]byte
	HasUID      bool
	// RequestID is as it is, TraceID 16 bytes; both may be empty. They are for search.
	RequestID, TraceID []byte
	// MoreIDs are further ids for search, see AppendID.
	MoreIDs []byte
	// Redactions is the record's redaction.count.
	Redactions int64
	// Line is the encoded record without a line's end. With otlp_proto it is a message
	// of this one record: one behind the other, they are a message of all of them.
	Line []byte
}

// recordVersion is the first byte of a record's form:
//
//	0x01, uvarint length and bytes of the destination, varint Time, varint Arrival (ns
//	since 1970), flags (1: HasUID, 2: there are more ids), 16 bytes fingerprint, uvarint
//	length and bytes of the request id, the same of the trace id, and where there are
//	more ids of these, each with its length; uvarint redactions, the line
//
// The destination says which object a record belongs to, and is compared as it is:
//
//	signal, uvarint length and bytes of encoding, rule name, mode, storage class, uvarint
//	period (s), varint hour (h since 1970), uvarint count of partitions, and for each
//	uvarint length and bytes of name and value
const recordVersion = 1

const flagUID, flagMoreIDs = 1, 2

// AppendID appends an id to those of a Record's MoreIDs.
func AppendID(dst []byte, id string) []byte { return appendText(dst, id) }

var errRecord = errors.New("it is no record of a version that is known")

// noTime stands for the zero time, and all that have no nanoseconds since 1970.
const noTime = -1 << 63

// What 64 bits of nanoseconds hold, in whole years: 1678 to 2261. In seconds since 1970, which
// a time is compared with in less than it takes to have its year.
var firstSecond, endSecond = beginning(1678), beginning(2262)

// What dt=YYYY can say, likewise.
var firstDay, endOfDays = beginning(1), beginning(10000)

func beginning(year int) int64 { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix() }

func nanos(t time.Time) int64 {
	if s := t.Unix(); s < firstSecond || s >= endSecond {
		return noTime
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == noTime {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func appendDestination(dst []byte, r *Record) []byte {
	dst = append(dst, byte(r.Signal))
	dst = appendText(dst, r.Encoding)
	dst = appendText(dst, r.Rule.Name)
	dst = appendText(dst, r.Rule.Mode)
	dst = appendText(dst, r.Rule.StorageClass)
	dst = binary.AppendUvarint(dst, uint64(r.Rule.Period/time.Second))
	dst = binary.AppendVarint(dst, floorDiv(r.Hour.Unix(), 3600))
	dst = binary.AppendUvarint(dst, uint64(len(r.Partitions)))
	for _, p := range r.Partitions {
		dst = appendText(dst, p.Name)
		dst = appendText(dst, p.Value)
	}
	return dst
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendHead appends a record's form but for the line, which stands behind it; scratch is
// for the destination and given back.
func appendHead(dst, scratch []byte, r *Record) (out, scratchOut []byte) {
	scratch = appendDestination(scratch[:0], r)
	dst = append(dst, recordVersion)
	dst = appendText(dst, scratch)
	dst = appendVarint(dst, nanos(r.Time))
	dst = appendVarint(dst, nanos(r.Arrival))
	var flags byte
	if r.HasUID {
		flags |= flagUID
	}
	if len(r.MoreIDs) > 0 {
		flags |= flagMoreIDs
	}
	dst = append(dst, flags)
	dst = append(dst, r.Fingerprint[:]...)
	dst = appendText(dst, r.RequestID)
	dst = appendText(dst, r.TraceID)
	if len(r.MoreIDs) > 0 {
		dst = appendText(dst, r.MoreIDs)
	}
	return binary.AppendUvarint(dst, uint64(r.Redactions)), scratch
}

// stored is a record as it is in the queue; all of it is parts of one payload.
type stored struct {
	destination        []byte
	time, arrival      int64
	hasUID             bool
	fingerprint        [16]byte
	requestID, traceID []byte
	moreIDs            []byte
	redactions         int64
	line               []byte
}

// fields takes a form apart; failed says that it ended too early.
type fields struct {
	rest   []byte
	failed bool
}

func (f *fields) uvarint() uint64 {
	if len(f.rest) > 0 && f.rest[0] < 0x80 { // as most are
		v := f.rest[0]
		f.rest = f.rest[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.failed, f.rest = true, nil
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) varint() int64 {
	if v, ok := longVarint(f.rest); ok {
		f.rest = f.rest[longVarintSize:]
		return v
	}
	v, n := binary.Varint(f.rest)
	if n <= 0 {
		f.failed, f.rest = true, nil
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) bytes(n uint64) []byte {
	if n > uint64(len(f.rest)) {
		f.failed, f.rest = true, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) text() []byte { return f.bytes(f.uvarint()) }

func (f *fields) byte() byte {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// parseRecord reads a record's form.
func parseRecord(payload []byte, s *stored) error {
	f := fields{rest: payload}
	version := f.byte()
	s.destination = f.text()
	s.time, s.arrival = f.varint(), f.varint()
	flags := f.byte()
	s.hasUID = flags&flagUID != 0
	copy(s.fingerprint[:], f.bytes(uint64(len(s.fingerprint))))
	s.requestID, s.traceID = f.text(), f.text()
	s.moreIDs = nil
	if flags&flagMoreIDs != 0 {
		s.moreIDs = f.text()
	}
	redactions := f.uvarint()
	s.redactions, s.line = int64(redactions), f.rest
	if f.failed || version != recordVersion || flags > flagUID|flagMoreIDs || s.redactions < 0 || len(s.destination) == 0 {
		return errRecord
	}
	return nil
}

// fingerprintOf is the fingerprint of a record's form, where it has one.
func fingerprintOf(payload []byte) (fingerprint [16]byte, ok bool) {
	f := fields{rest: payload}
	version := f.byte()
	f.text()
	f.varint()
	f.varint()
	flags := f.byte()
	copy(fingerprint[:], f.bytes(uint64(len(fingerprint))))
	return fingerprint, !f.failed && version == recordVersion && flags&flagUID != 0
}

// destination is what the records of an object have in common.
type destination struct {
	rule       Rule
	hour       time.Time
	partitions []archive.Partition
	encoding   string
	signal     Signal
}

const (
	maxPartitions = 64
	// maxPeriodSeconds is what a time.Duration holds.
	maxPeriodSeconds = uint64(1<<63-1) / uint64(time.Second)
	// maxHour is beyond what dt=YYYY can say.
	maxHour = 9999 * 366 * 24
)

func parseDestination(form []byte) (destination, error) {
	f := fields{rest: form}
	d := destination{signal: Signal(f.byte()), encoding: string(f.text())}
	d.rule.Name = string(f.text())
	d.rule.Mode = objectstore.Mode(f.text())
	d.rule.StorageClass = string(f.text())
	period, hour, count := f.uvarint(), f.varint(), f.uvarint()
	if f.failed || period > maxPeriodSeconds || hour > maxHour || hour < -maxHour || count > maxPartitions {
		return d, errRecord
	}
	d.rule.Period = time.Duration(period) * time.Second
	d.hour = time.Unix(hour*3600, 0).UTC()
	for range count {
		d.partitions = append(d.partitions, archive.Partition{Name: string(f.text()), Value: string(f.text())})
	}
	if f.failed || len(f.rest) > 0 || d.signal < Logs || d.signal > Metrics {
		return d, errRecord
	}
	return d, nil
}

// check says what makes a record one that no object can have.
func (r *Record) check() error {
	switch {
	case archive.HasLines(r.Encoding) && bytes.IndexByte(r.Line, '\n') >= 0:
		return errors.New("a line that has a line's end in it can't be archived")
	case len(r.Line) == 0:
		return errors.New("a record without a line can't be archived")
	case r.Signal < Logs || r.Signal > Metrics:
		return fmt.Errorf("a record has the signal %d: there are %d to %d", r.Signal, Logs, Metrics)
	case r.Redactions < 0:
		return fmt.Errorf("a record has %d redactions", r.Redactions)
	case len(r.Partitions) > maxPartitions:
		return fmt.Errorf("a record has %d partitions, the limit is %d", len(r.Partitions), maxPartitions)
	case len(r.Line) > archive.DefaultMaxLine:
		return fmt.Errorf("%w: a line has %d bytes, the limit is %d", ErrTooLarge, len(r.Line), archive.DefaultMaxLine)
	case r.Hour.Unix() < firstDay || r.Hour.Unix() >= endOfDays:
		return fmt.Errorf("a record's hour is of the year %d, and dt in keys has four digits", r.Hour.UTC().Year())
	case r.Rule.Mode != objectstore.Unlocked && r.Rule.Mode != objectstore.Governance && r.Rule.Mode != objectstore.Compliance:
		return fmt.Errorf("a record has the lock mode %q, which S3 does not know", r.Rule.Mode)
	case r.Rule.Name == "" || r.Rule.Period < 0:
		return fmt.Errorf("a record has the rule %+v", r.Rule)
	}
	return nil
}

// longVarintSize is that of a varint of the nanoseconds of our time.
const longVarintSize = 9

// longVarint reads a varint of nine bytes; its first eight are taken apart at once, each pair,
// then each pair of pairs.
func longVarint(b []byte) (int64, bool) {
	if len(b) < longVarintSize || b[8] >= 0x80 {
		return 0, false
	}
	x := binary.LittleEndian.Uint64(b)
	if x&0x8080808080808080 != 0x8080808080808080 {
		return 0, false
	}
	x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
	x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
	x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
	x |= uint64(b[8]) << 56
	return int64(x>>1) ^ -int64(x&1), true
}

// appendVarint is binary.AppendVarint, with one step for what longVarint reads.
func appendVarint(dst []byte, v int64) []byte {
	x := uint64(v)<<1 ^ uint64(v>>63)
	high := x >> 56
	if high == 0 || high >= 0x80 {
		return binary.AppendUvarint(dst, x)
	}
	x = x&0x000000000fffffff | x&0x00fffffff0000000<<4
	x = x&0x00003fff00003fff | x&0x0fffc0000fffc000<<2
	x = x&0x007f007f007f007f | x&0x3f803f803f803f80<<1
	return append(binary.LittleEndian.AppendUint64(dst, x|0x8080808080808080), byte(high))
}
