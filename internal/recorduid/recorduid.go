// Package recorduid makes the values of log.record.uid, by which a record is
// known again when it is delivered a second time.
//
// Records that nothing identifies get a UUIDv7 from a Source. Records whose
// transport names them get a UUIDv8 that is a function of that name, so that the
// same line sent again has the same uid.
package recorduid

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"
)

// TextLen is the length of a UUID's text, 8-4-4-4-12, in bytes.
const TextLen = 36

// UUID is the 16 bytes of RFC 9562.
type UUID [16]byte

// AppendText appends the TextLen bytes of u's text, in lower case, to dst.
func (u UUID) AppendText(dst []byte) []byte {
	var text [TextLen]byte
	putHex(text[0:8], u[0:4])
	text[8] = '-'
	putHex(text[9:13], u[4:6])
	text[13] = '-'
	putHex(text[14:18], u[6:8])
	text[18] = '-'
	putHex(text[19:23], u[8:10])
	text[23] = '-'
	putHex(text[24:36], u[10:16])
	return append(dst, text[:]...)
}

func putHex(dst, src []byte) {
	for i, b := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], hexPairs[b])
	}
}

// hexPairs holds the two digits of each byte, the first in the low half.
var hexPairs = func() (pairs [256]uint16) {
	const digits = "0123456789abcdef"
	for i := range pairs {
		pairs[i] = uint16(digits[i>>4]) | uint16(digits[i&15])<<8
	}
	return pairs
}()

// String is u's text.
func (u UUID) String() string { return string(u.AppendText(make([]byte, 0, TextLen))) }

// The 74 bits of a UUIDv7 that are neither time, version nor variant: a counter,
// and random bits that keep sources apart.
const (
	counterBits = 30 // 12 of rand_a, the first 18 of rand_b
	randomBits  = 44
	maxCounter  = 1<<counterBits - 1
)

// Source makes UUIDv7s that grow: each is greater than the one before, as bytes
// and as text (RFC 9562 section 6.2, method 1, a counter of 30 bits that begins
// at a random number below 2^29 in each millisecond, with 44 random bits behind
// it). It makes no system call but for the seed. It is for one goroutine at a
// time; two sources share nothing.
type Source struct {
	random  *rand.ChaCha8
	last    int64 // Unix milliseconds
	counter uint32
}

// NewSource makes a source with a seed from the system's random generator.
func NewSource() *Source {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails: crypto/rand ends the program instead
	return &Source{random: rand.NewChaCha8(seed), last: -1}
}

// Next makes the UUID of a record seen at now. Where the clock goes back, or gives
// more than half a thousand million records in a millisecond, the time in the UUID
// runs ahead of it.
func (s *Source) Next(now time.Time) UUID {
	const maxMillis = 1<<48 - 1
	millis := min(max(now.UnixMilli(), 0), maxMillis)
	bits := s.random.Uint64()
	if millis > s.last || s.counter == maxCounter {
		s.last = max(millis, s.last+1)
		s.counter = uint32(s.random.Uint64() >> (64 - counterBits + 1))
	} else {
		s.counter++
	}
	var u UUID
	binary.BigEndian.PutUint64(u[:], uint64(s.last)<<16|0x7000|uint64(s.counter>>18))
	binary.BigEndian.PutUint64(u[8:], 0b10<<62|uint64(s.counter&(1<<18-1))<<randomBits|bits>>(64-randomBits))
	return u
}

// Logplex is the uid of a line of an application/logplex-1 request: a UUIDv8 from
// SHA-256 (RFC 9562 appendix B.2 does the like). drain is Logplex-Drain-Token, ""
// where there is none: it keeps the frames of one drain from naming those of
// another. frame is Logplex-Frame-Id, line the line's place in the frame, from 0.
// Logplex sends a frame again with the same id and lines.
// Source: https://devcenter.heroku.com/articles/log-drains#https-drains
func Logplex(drain, frame string, line int) UUID {
	// Lengths before texts, so that no two triples make the same bytes.
	buf := make([]byte, 0, 128)
	buf = append(buf, "heartwood logplex 1\n"...)
	buf = strconv.AppendInt(buf, int64(len(drain)), 10)
	buf = append(buf, ' ')
	buf = append(buf, drain...)
	buf = strconv.AppendInt(buf, int64(len(frame)), 10)
	buf = append(buf, ' ')
	buf = append(buf, frame...)
	buf = strconv.AppendInt(buf, int64(line), 10)
	return Hashed(buf)
}

// Hashed is the UUIDv8 of what a record says, for records that are the same when they say
// the same: the first 16 bytes of its SHA-256, with version and variant in their places.
func Hashed(content []byte) UUID {
	sum := sha256.Sum256(content)
	u := UUID(sum[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}
