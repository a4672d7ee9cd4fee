// Package foldjournal is the form in which event_fold keeps parts and ended events in
// its journal: docs/format/event-fold-journal.md.
package foldjournal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// Kind is what an entry holds.
type Kind byte

// The kinds, with the version of their form.
const (
	KindPart  Kind = 0x11
	KindEnded Kind = 0x12
)

// Of a part's flags.
const (
	flagOpens = 1 << iota
	flagStarts
	flagEnds
	flagPrevious
	knownFlags = flagOpens | flagStarts | flagEnds | flagPrevious
)

const (
	partHead  = 1 + 1 + 16 + 8 + 4 + 8
	endedHead = 1 + 1 + 16 + 16 + 4 + 8
	uidSize   = 8
)

var (
	errShort = errors.New("the entry is shorter than its form")
	errKind  = errors.New("the entry is of a kind that this version does not know")
	errFlags = errors.New("the entry has flags that this version does not know")

	errPrevious = errors.New("the entry names an event before where there can be none")
)

// Part is one record of an event.
type Part struct {
	Key        [16]byte
	UID        uint64 // a fingerprint of the record
	Generation uint32
	Arrived    int64 // Unix time in ns
	Opens      bool
	Starts     bool
	Ends       bool
	// Previous and PreviousReason are of the event of this key before; they are kept
	// with the part that opens an event.
	Previous       recorduid.UUID
	PreviousReason byte
	Origin         recordwire.Origin
	Record         []byte
}

// Ended is an event that was delivered.
type Ended struct {
	Key        [16]byte
	ID         recorduid.UUID
	Generation uint32
	Reason     byte
	Ended      int64  // Unix time in ns
	UIDs       []byte // fingerprints, 8 bytes each, little-endian
}

// AppendPart appends an entry to dst.
func AppendPart(dst []byte, p *Part) []byte {
	var flags byte
	hasPrevious := p.Opens && p.Previous != recorduid.UUID{}
	for _, f := range [...]struct {
		set  bool
		flag byte
	}{{p.Opens, flagOpens}, {p.Starts, flagStarts}, {p.Ends, flagEnds}, {hasPrevious, flagPrevious}} {
		if f.set {
			flags |= f.flag
		}
	}
	dst = append(dst, byte(KindPart), flags)
	dst = append(dst, p.Key[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, p.UID)
	dst = binary.LittleEndian.AppendUint32(dst, p.Generation)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.Arrived))
	if hasPrevious {
		dst = append(dst, p.Previous[:]...)
		dst = append(dst, p.PreviousReason)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Origin)))
	dst = append(dst, p.Origin...)
	return append(dst, p.Record...)
}

// AppendEnded appends an entry to dst.
func AppendEnded(dst []byte, e *Ended) []byte {
	dst = append(dst, byte(KindEnded), e.Reason)
	dst = append(dst, e.Key[:]...)
	dst = append(dst, e.ID[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, e.Generation)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Ended))
	return append(dst, e.UIDs...)
}

// Decode reads an entry: either part or ended is not nil. Both share the bytes of the
// entry.
func Decode(entry []byte) (part *Part, ended *Ended, err error) {
	if len(entry) == 0 {
		return nil, nil, errShort
	}
	switch Kind(entry[0]) {
	case KindPart:
		part, err = decodePart(entry)
	case KindEnded:
		ended, err = decodeEnded(entry)
	default:
		err = fmt.Errorf("%w: 0x%02x", errKind, entry[0])
	}
	return part, ended, err
}

func decodePart(b []byte) (*Part, error) {
	if len(b) < partHead {
		return nil, errShort
	}
	flags := b[1]
	if flags&^knownFlags != 0 {
		return nil, fmt.Errorf("%w: 0x%02x", errFlags, flags)
	}
	p := &Part{
		Key:        [16]byte(b[2:18]),
		UID:        binary.LittleEndian.Uint64(b[18:]),
		Generation: binary.LittleEndian.Uint32(b[26:]),
		Arrived:    int64(binary.LittleEndian.Uint64(b[30:])),
		Opens:      flags&flagOpens != 0,
		Starts:     flags&flagStarts != 0,
		Ends:       flags&flagEnds != 0,
	}
	b = b[partHead:]
	if flags&flagPrevious != 0 {
		if len(b) < len(p.Previous)+1 {
			return nil, errShort
		}
		p.Previous, p.PreviousReason = recorduid.UUID(b[:16]), b[16]
		if !p.Opens || p.Previous == (recorduid.UUID{}) {
			return nil, errPrevious
		}
		b = b[17:]
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, errShort
	}
	b = b[n:]
	p.Origin, p.Record = recordwire.Origin(b[:size]), b[size:]
	return p, nil
}

func decodeEnded(b []byte) (*Ended, error) {
	if len(b) < endedHead || (len(b)-endedHead)%uidSize != 0 {
		return nil, errShort
	}
	return &Ended{
		Reason:     b[1],
		Key:        [16]byte(b[2:18]),
		ID:         recorduid.UUID(b[18:34]),
		Generation: binary.LittleEndian.Uint32(b[34:]),
		Ended:      int64(binary.LittleEndian.Uint64(b[38:])),
		UIDs:       b[endedHead:],
	}, nil
}

// MaxHead is the most bytes that a part's entry has beside its origin and record.
const MaxHead = partHead + 16 + 1 + binary.MaxVarintLen64
