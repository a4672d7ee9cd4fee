// Package spoolrecord is the form in which the kinesis exporter keeps user records in its
// spool: docs/format/kinesis.md.
package spoolrecord

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// version is the first byte.
const version = 0x01

// MaxHead is the most bytes that a record has beside its key and data.
const MaxHead = 1 + 16 + 2*binary.MaxVarintLen64

// maxCount keeps what is damaged from becoming a number of records that is none: no call
// has so many.
const maxCount = 1 << 31

var (
	errShort   = errors.New("the record is shorter than its form")
	errVersion = errors.New("the record is of a version that this program does not know")
	errVarint  = errors.New("the record has a number that is not written in its shortest form")
	errCount   = errors.New("the record says that it holds more records than a call can have")
)

// Record is a user record.
type Record struct {
	// Hash is the MD5 of Key: what its shard is told by.
	Hash [16]byte
	// Key is the partition key.
	Key []byte
	// Count is how many log records, spans or data points are in Data.
	Count int
	Data  []byte
}

// AppendHead appends what stands before the data.
func AppendHead(dst []byte, hash [16]byte, key string, count int) []byte {
	dst = append(dst, version)
	dst = append(dst, hash[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	return binary.AppendUvarint(dst, uint64(count))
}

// Decode reads a record. Key and Data are parts of payload.
func Decode(payload []byte) (Record, error) {
	if len(payload) == 0 {
		return Record{}, errShort
	}
	if payload[0] != version {
		return Record{}, fmt.Errorf("%w: 0x%02x", errVersion, payload[0])
	}
	rest := payload[1:]
	if len(rest) < 16 {
		return Record{}, errShort
	}
	r := Record{Hash: [16]byte(rest)}
	size, rest, err := uvarint(rest[16:])
	if err != nil {
		return Record{}, err
	}
	if size > uint64(len(rest)) {
		return Record{}, errShort
	}
	r.Key = rest[:size]
	count, rest, err := uvarint(rest[size:])
	if err != nil {
		return Record{}, err
	}
	if count > maxCount {
		return Record{}, fmt.Errorf("%w: %d", errCount, count)
	}
	r.Count, r.Data = int(count), rest
	return r, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	switch {
	case n <= 0:
		return 0, nil, errShort
	case n > 1 && b[n-1] == 0:
		return 0, nil, errVarint
	}
	return v, b[n:], nil
}
