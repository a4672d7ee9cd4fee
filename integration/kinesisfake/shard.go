package kinesisfake

import (
	"crypto/md5"
	"fmt"
	"math/big"
	"time"
)

// maxHashKey is 2^128 - 1.
var maxHashKey = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))

// hashOf is where a partition key stands in the range of hash keys.
func hashOf(key string) *big.Int {
	sum := md5.Sum([]byte(key))
	return new(big.Int).SetBytes(sum[:])
}

// Stored is a record of a shard, as it was put.
type Stored struct {
	Key      string
	HashKey  string // explicit, or empty
	Data     []byte
	Sequence string
	At       time.Time
	// Order counts the records of the stream in the order in which they were stored.
	Order uint64
	// Call is the number of the call that brought it, from 1.
	Call int
}

// shard is guarded by its stream's lock.
type shard struct {
	id          string
	index       int
	first, last *big.Int
	parents     []string
	opened      uint64 // the stream's order when it was opened
	closed      uint64 // likewise; 0 while it is open
	records     []Stored
	count       int

	// What it takes in this moment, refilled with time.
	bytesLeft, recordsLeft float64
	refilled               time.Time
}

func (s *shard) holds(hash *big.Int) bool { return s.first.Cmp(hash) <= 0 && hash.Cmp(s.last) <= 0 }

// takes says whether the shard's rate lets a record in.
func (s *shard) takes(settings *Settings, size int, now time.Time) bool {
	if settings.ShardBytes == 0 && settings.ShardRecords == 0 {
		return true
	}
	bytesRate, recordsRate := float64(settings.ShardBytes), float64(settings.ShardRecords)
	if s.refilled.IsZero() {
		s.bytesLeft, s.recordsLeft = bytesRate, recordsRate
	} else {
		passed := now.Sub(s.refilled).Seconds()
		s.bytesLeft = min(s.bytesLeft+passed*bytesRate, bytesRate)
		s.recordsLeft = min(s.recordsLeft+passed*recordsRate, recordsRate)
	}
	s.refilled = now
	if settings.ShardBytes > 0 && s.bytesLeft < float64(size) || settings.ShardRecords > 0 && s.recordsLeft < 1 {
		return false
	}
	s.bytesLeft -= float64(size)
	s.recordsLeft--
	return true
}

func shardID(index int) string { return fmt.Sprintf("shardId-%012d", index) }

// sequence is a number of 56 digits, which grows with the order and differs between
// shards.
func sequence(shard int, order uint64) string { return fmt.Sprintf("49%012d%042d", shard, order) }
