package kinesisfake

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"math/big"

	"google.golang.org/protobuf/encoding/protowire"
)

// aggregateMagic is at the front of a record of the Kinesis Producer Library's form,
// https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
var aggregateMagic = []byte{0xf3, 0x89, 0x9a, 0xc2}

// part is one user record of an aggregate.
type part struct {
	key, hashKey string
	data         []byte
}

func (p part) hash() *big.Int {
	if hash, ok := new(big.Int).SetString(p.hashKey, 10); ok {
		return hash
	}
	return hashOf(p.key)
}

// readAggregate takes an aggregate apart. ok is false where data isn't one. An
// aggregate that is damaged is an error: a consumer would take it for a record that
// it can't read.
func readAggregate(data []byte) (parts []part, ok bool, err error) {
	if !bytes.HasPrefix(data, aggregateMagic) {
		return nil, false, nil
	}
	if len(data) < len(aggregateMagic)+md5.Size {
		return nil, true, errors.New("an aggregate that is too short for its checksum")
	}
	message, sum := data[len(aggregateMagic):len(data)-md5.Size], data[len(data)-md5.Size:]
	if want := md5.Sum(message); !bytes.Equal(sum, want[:]) {
		return nil, true, fmt.Errorf("an aggregate with checksum %x, want %x", sum, want)
	}
	var keys, hashKeys []string
	var records [][]byte
	err = fields(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case 1:
			keys = append(keys, string(value))
		case 2:
			hashKeys = append(hashKeys, string(value))
		case 3:
			records = append(records, value)
		default:
			return fmt.Errorf("field %d of an aggregate", number)
		}
		return nil
	})
	if err != nil {
		return nil, true, err
	}
	for i, record := range records {
		p, err := readPart(record, keys, hashKeys)
		if err != nil {
			return nil, true, fmt.Errorf("record %d of an aggregate: %w", i, err)
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, true, errors.New("an aggregate of no records")
	}
	return parts, true, nil
}

func readPart(record []byte, keys, hashKeys []string) (p part, err error) {
	hasKey, hasData := false, false
	err = fields(record, func(number protowire.Number, value []byte, n uint64) error {
		switch number {
		case 1:
			if n >= uint64(len(keys)) {
				return fmt.Errorf("key %d of %d", n, len(keys))
			}
			p.key, hasKey = keys[n], true
		case 2:
			if n >= uint64(len(hashKeys)) {
				return fmt.Errorf("hash key %d of %d", n, len(hashKeys))
			}
			p.hashKey = hashKeys[n]
		case 3:
			p.data, hasData = value, true
		case 4: // tags
		default:
			return fmt.Errorf("field %d", number)
		}
		return nil
	})
	if err == nil && (!hasKey || !hasData) {
		err = errors.New("no key or no data")
	}
	return p, err
}

// fields calls f with each field of a message that is bytes or a varint.
func fields(message []byte, f func(number protowire.Number, value []byte, n uint64) error) error {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var value []byte
		var n uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(message)
		default:
			return fmt.Errorf("field %d of wire type %d", number, kind)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		if err := f(number, value, n); err != nil {
			return err
		}
	}
	return nil
}
