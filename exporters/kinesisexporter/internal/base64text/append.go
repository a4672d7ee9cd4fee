// Package base64text writes the base64 of encoding/base64's StdEncoding, with the processor's
// vector instructions where it has them: a call to Kinesis is base64 for the most part.
package base64text

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// Append appends the base64 of src, which must not overlap the room behind dst.
func Append(dst, src []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, base64.StdEncoding.EncodedLen(len(src)))
	dst = dst[:start+base64.StdEncoding.EncodedLen(len(src))]
	done := groups(dst[start:], src) // whole groups of three bytes
	base64.StdEncoding.Encode(dst[start+done/3*4:], src[done:])
	return dst
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// pairs has two letters for twelve bits, the first in the lower byte.
var pairs = func() (t [1 << 12]uint16) {
	for bits := range t {
		t[bits] = uint16(alphabet[bits>>6]) | uint16(alphabet[bits&63])<<8
	}
	return t
}()

// portable writes the base64 of six bytes at a time, and says of how many.
func portable(dst, src []byte) (done int) {
	for len(src)-done >= 8 {
		in := binary.BigEndian.Uint64(src[done:])
		out := uint64(pairs[in>>52]) | uint64(pairs[in>>40&0xfff])<<16 | uint64(pairs[in>>28&0xfff])<<32 | uint64(pairs[in>>16&0xfff])<<48
		binary.LittleEndian.PutUint64(dst[done/3*4:], out)
		done += 6
	}
	return done
}
