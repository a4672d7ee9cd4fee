package foldtable

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// Key names what an event is made of: a hash of the key's values, too wide for two
// keys to meet.
type Key [16]byte

// Reason says why an event was emitted.
type Reason uint8

// The reasons, in the order of docs/format/folded-event.md.
const (
	Ended Reason = iota
	Idle
	MaxDuration
	MaxRecords
	MaxBytes
	Memory
	Shutdown
	reasons
)

// Reasons is how many there are.
const Reasons = int(reasons)

// Part is one record on its way into an event.
type Part struct {
	// UID is a fingerprint of the record, its log.record.uid among it.
	UID uint64
	// Name is another one, the same in each process, where the part opens an event: its ID
	// is made of it.
	Name uint64
	// Journal is the record's number in the journal, 0 where there is none.
	Journal uint64
	// Origin and Record are copied.
	Origin recordwire.Origin
	Record []byte
	// Ends says that this part is the event's last.
	Ends bool
}

// A part in an event's data: a header of fixed size, then the record.
const (
	offUID     = 0
	offJournal = 8
	offOrigin  = 16
	offSize    = 20
	partHeader = 24
)

// event is an open event. It is kept small: there may be a million of them.
type event struct {
	key        Key
	id         recorduid.UUID
	previous   recorduid.UUID // zero: none
	opened     int64
	touched    int64
	data       []byte // parts, one behind the other
	marks      uint64 // of the parts' fingerprints, by markOf: what has no mark is not there
	generation uint32
	parts      int32
	// The neighbours in the two lists; none is -1. In the order of opening and of the
	// last part, since all events have the same time-outs.
	openedPrev, openedNext   int32
	touchedPrev, touchedNext int32
	started                  bool // the first part satisfied start_when
}

// foldID is the fold.id of the event that begins with the part of this name: the same whenever the event is put together again (RFC 9562 section
// 5.8, a UUIDv8 of a SHA-256).
func foldID(key Key, name uint64, generation uint32) recorduid.UUID {
	var buf [44]byte
	n := copy(buf[:], "heartwood fold 1")
	n += copy(buf[n:], key[:])
	binary.BigEndian.PutUint64(buf[n:], name)
	binary.BigEndian.PutUint32(buf[n+8:], generation)
	sum := sha256.Sum256(buf[:])
	u := recorduid.UUID(sum[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// appendPart appends to an event's data.
func appendPart(dst []byte, p *Part, origin uint32) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, p.UID)
	dst = binary.LittleEndian.AppendUint64(dst, p.Journal)
	dst = binary.LittleEndian.AppendUint32(dst, origin)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p.Record)))
	return append(dst, p.Record...)
}

// storedPart is a part in an event's data; record is a part of it.
type storedPart struct {
	uid     uint64
	journal uint64
	origin  uint32
	record  []byte
}

// eachPart calls visit for the parts in order until it returns false.
func eachPart(data []byte, visit func(p storedPart) bool) {
	for len(data) > 0 {
		size := partHeader + int(binary.LittleEndian.Uint32(data[offSize:]))
		if !visit(storedPart{
			uid:     binary.LittleEndian.Uint64(data[offUID:]),
			journal: binary.LittleEndian.Uint64(data[offJournal:]),
			origin:  binary.LittleEndian.Uint32(data[offOrigin:]),
			record:  data[partHeader:size],
		}) {
			return
		}
		data = data[size:]
	}
}

// markOf is one bit of 64.
func markOf(uid uint64) uint64 { return 1 << (uid & 63) }

// hasUID looks through an event's data.
func hasUID(data []byte, uid uint64) bool {
	for len(data) > 0 {
		if binary.LittleEndian.Uint64(data[offUID:]) == uid {
			return true
		}
		data = data[partHeader+int(binary.LittleEndian.Uint32(data[offSize:])):]
	}
	return false
}
