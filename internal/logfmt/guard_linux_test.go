package logfmt

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A line between two pages that may not be read, so that a byte read before or
// after it ends the test: the parser reads eight bytes at a time without the
// compiler's checks.
func TestNothingReadBesideTheLine(t *testing.T) {
	page := syscall.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Munmap(mem)) }()
	require.NoError(t, syscall.Mprotect(mem[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(mem[2*page:], syscall.PROT_NONE))
	inside := mem[page : 2*page]

	p := NewParser(Options{})
	var pairs []Pair
	try := func(line string) {
		for _, b := range [][]byte{inside[len(inside)-len(line):], inside[:len(line)]} {
			copy(b, line)
			pairs, err = p.AppendPairs(pairs[:0], unsafe.String(unsafe.SliceData(b), len(line)))
			if err == nil && len(line) > 2 && strings.Trim(line, " \t\n") != "" {
				require.NotEmpty(t, pairs)
			}
		}
	}
	for _, s := range seeds() {
		if len(s) <= page {
			for i := range min(len(s), 64) {
				try(s[i:])
				try(s[:len(s)-i])
			}
		}
	}
	many := strings.Repeat("k=v ", 2*maxSmall)
	for i := range 20 {
		try(many + "key=0123456789abcdef"[:i])
	}
	r := rand.New(rand.NewPCG(11, 12))
	for range 20_000 {
		b := make([]byte, r.IntN(30))
		for i := range b {
			b[i] = "=\" \\abc15.!"[r.IntN(11)]
		}
		try(string(b))
	}
	clear(pairs[:cap(pairs)]) // nothing may point there when it is unmapped
}
