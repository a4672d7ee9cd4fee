package recordwire

import "google.golang.org/protobuf/encoding/protowire"

// Of a LogRecord when it was observed.
const (
	fieldObserved = 11
	tagObserved   = fieldObserved<<3 | byte(protowire.Fixed64Type)
)

// AroundObserved gives what is before and behind the time of a record's observation, which
// differs each time that a sender sends the record. Where there is none, or the record is
// damaged, all is before.
func AroundObserved(record []byte) (before, behind []byte) {
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
