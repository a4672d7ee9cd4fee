package kplrecord

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heartwood-otel/heartwood/internal/md5sum"
)

var (
	// ErrPlain says that AWS's libraries take it for a plain record. It is one, or a
	// damaged aggregate: then ErrDigest or ErrMessage say so, too.
	ErrPlain = errors.New("it is no aggregate")
	// ErrDigest says that the digest is not that of what is before it.
	ErrDigest = errors.New("its digest is another")
	// ErrMessage says that there is no AggregatedRecord under a right digest.
	ErrMessage = errors.New("its message can't be read")
	// ErrIndex says that a user record names a key that is not in the table: AWS's
	// libraries drop it, and those behind it.
	ErrIndex = errors.New("a user record has a key that is not in the table")
)

// UserRecord of an aggregate. Its bytes are those of the aggregate.
type UserRecord struct {
	Key     []byte
	HashKey []byte // in decimal digits; nil: none
	Data    []byte
}

// Reader takes aggregates apart. The zero value is ready. It keeps its memory through
// Reset, and is for one goroutine.
type Reader struct {
	keys, hashKeys [][]byte
	records        []record
	next           int
}

type record struct {
	key, hashKey  uint64
	data          []byte
	hashed        bool // it has an explicit hash key
	hasKey, whole bool // required fields
}

// Reset reads an aggregate, all of it: an error says that none of it is to be used.
func (r *Reader) Reset(data []byte) error {
	r.keys, r.hashKeys, r.records, r.next = r.keys[:0], r.hashKeys[:0], r.records[:0], 0
	if err := r.read(data); err != nil {
		r.records = r.records[:0]
		return err
	}
	return nil
}

// Len is how many user records are in the aggregate.
func (r *Reader) Len() int { return len(r.records) }

// Next gives the next user record; false: there is none.
func (r *Reader) Next() (UserRecord, bool) {
	if r.next == len(r.records) {
		return UserRecord{}, false
	}
	from := &r.records[r.next]
	r.next++
	u := UserRecord{Key: r.keys[from.key], Data: from.data}
	if from.hashed {
		u.HashKey = r.hashKeys[from.hashKey]
	}
	return u, true
}

func (r *Reader) read(data []byte) error {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return ErrPlain
	}
	if len(data) <= Overhead {
		return fmt.Errorf("%w: it is too short for one: %d bytes", ErrPlain, len(data))
	}
	message, digest := data[len(magic):len(data)-digestSize], data[len(data)-digestSize:]
	if md5sum.Sum(message) != [digestSize]byte(digest) {
		return fmt.Errorf("%w: %w", ErrPlain, ErrDigest)
	}
	for at := 0; at < len(message); {
		number, kind, n := protowire.ConsumeTag(message[at:])
		if n < 0 {
			return messageError(at, n)
		}
		at += n
		value, n, err := consume(message[at:], number, kind)
		if err != nil {
			return fmt.Errorf("%w: %w: at byte %d: %w", ErrPlain, ErrMessage, at, err)
		}
		if kind == protowire.BytesType {
			switch number {
			case fieldKey:
				r.keys = append(r.keys, value)
			case fieldHashKey:
				r.hashKeys = append(r.hashKeys, value)
			case fieldRecord:
				rec, err := readRecord(value)
				if err != nil {
					return fmt.Errorf("%w: %w: user record %d: %w", ErrPlain, ErrMessage, len(r.records), err)
				}
				r.records = append(r.records, rec)
			}
		}
		at += n
	}
	for i := range r.records {
		rec := &r.records[i]
		if rec.key >= uint64(len(r.keys)) || rec.hashed && rec.hashKey >= uint64(len(r.hashKeys)) {
			return fmt.Errorf("%w: number %d of %d", ErrIndex, i, len(r.records))
		}
	}
	return nil
}

func messageError(at, n int) error {
	return fmt.Errorf("%w: %w: at byte %d: %w", ErrPlain, ErrMessage, at, protowire.ParseError(n))
}

// consume reads the value of a field. Its bytes are given where it has some.
func consume(b []byte, number protowire.Number, kind protowire.Type) (value []byte, n int, err error) {
	if kind == protowire.BytesType {
		value, n = protowire.ConsumeBytes(b)
	} else {
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return nil, 0, protowire.ParseError(n)
	}
	return value, n, nil
}

var errMissing = errors.New("a required field is missing")

// readRecord reads a Record. Fields of unknown numbers or other types are passed over,
// and of several of one kind the last counts, as protocol buffers have it.
func readRecord(b []byte) (rec record, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return rec, protowire.ParseError(n)
		}
		b = b[n:]
		value, n, err := consume(b, number, kind)
		if err != nil {
			return rec, err
		}
		switch {
		case kind == protowire.VarintType && number == recordKey:
			rec.key, _ = protowire.ConsumeVarint(b)
			rec.hasKey = true
		case kind == protowire.VarintType && number == recordHashKey:
			rec.hashKey, _ = protowire.ConsumeVarint(b)
			rec.hashed = true
		case kind == protowire.BytesType && number == recordData:
			rec.data, rec.whole = value, true
		}
		b = b[n:]
	}
	if !rec.hasKey || !rec.whole {
		return rec, errMissing
	}
	return rec, nil
}
