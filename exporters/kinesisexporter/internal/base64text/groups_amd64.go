//go:build !purego

package base64text

import "github.com/klauspost/cpuid/v2"

// vectors says that the processor has the instructions.
var vectors = cpuid.CPU.Supports(cpuid.AVX2)

// encode writes n times 32 letters for 24 bytes. It reads four bytes more.
//
//go:noescape
func encode(dst, src *byte, n int)

const (
	groupBytes   = 24
	groupLetters = 32
	readBeyond   = 4
)

// groups writes the base64 of the first bytes of src, and says of how many.
func groups(dst, src []byte) (done int) {
	if !vectors {
		return portable(dst, src)
	}
	n := (len(src) - readBeyond) / groupBytes
	if n <= 0 {
		return 0
	}
	_ = dst[n*groupLetters-1]
	encode(&dst[0], &src[0], n)
	return n * groupBytes
}
