package recordwire

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// Of a LogRecord its time and when it was observed.
const (
	fieldTime     = 1
	fieldObserved = 11
	tagTime       = fieldTime<<3 | byte(protowire.Fixed64Type)
	tagObserved   = fieldObserved<<3 | byte(protowire.Fixed64Type)

	sizeFixed64 = 9 // with its tag
)

// AroundObserved gives what is before and behind the time of a record's observation, which
// differs each time that a sender sends the record. The record has this time, in ns, or
// none, 0. Where there is none, or the record is damaged, all is before.
func AroundObserved(record []byte, observed uint64) (before, behind []byte) {
	if observed == 0 {
		return record, nil
	}
	// pdata writes both times last, this one before the other.
	at := len(record) - sizeFixed64
	if at >= sizeFixed64 && record[at] == tagTime {
		at -= sizeFixed64
	}
	if at >= 0 && record[at] == tagObserved && binary.LittleEndian.Uint64(record[at+1:]) == observed {
		return record[:at], record[at+sizeFixed64:]
	}
	for at := 0; at < len(record); {
		field, _ := nextField(record[at:])
		if field == nil {
			break
		}
		if field[0] == tagObserved {
			return record[:at], record[at+len(field):]
		}
		at += len(field)
	}
	return record, nil
}
