package filetail

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// compression is how a file is compressed.
type compression uint8

const (
	plain compression = iota
	gzipped
	zstandard
)

func (c compression) String() string { return [...]string{"", "gzip", "zstd"}[c] }

// compressionOf goes by what the file begins with, and by its name where it is still
// too short for that. RFC 1952, section 2.3.1; RFC 8878, section 3.1.1.
func compressionOf(f *os.File, path string) compression {
	var head [4]byte
	n, _ := f.ReadAt(head[:], 0)
	switch {
	case bytes.HasPrefix(head[:n], []byte{0x1f, 0x8b, 8}):
		return gzipped
	case bytes.HasPrefix(head[:n], []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard
	case n == len(head):
		return plain
	case strings.HasSuffix(path, ".gz"):
		return gzipped
	case strings.HasSuffix(path, ".zst"), strings.HasSuffix(path, ".zstd"):
		return zstandard
	}
	return plain
}

// unpacked is what a compressed file holds. Reading is cheap onwards, and from
// within the last range that was read; otherwise it begins again.
type unpacked struct {
	file   *os.File
	size   int64 // of the file
	comp   compression
	src    io.Reader
	close1 func()
	at     int64  // where src is
	last   []byte // what was read last, up to at
	err    error
}

// maxZstdWindow bounds the memory that a file can ask for.
const maxZstdWindow = 64 << 20 // bytes

func newUnpacked(f *os.File, size int64, comp compression) *unpacked {
	return &unpacked{file: f, size: size, comp: comp}
}

func (u *unpacked) reset() error {
	u.close()
	u.at, u.last, u.err = 0, u.last[:0], nil
	in := io.NewSectionReader(u.file, 0, u.size)
	if u.comp == gzipped {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		u.src, u.close1 = z, func() { _ = z.Close() }
		return nil
	}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return err
	}
	u.src, u.close1 = z, z.Close
	return nil
}

func (u *unpacked) close() {
	if u.close1 != nil {
		u.close1()
	}
	u.src, u.close1 = nil, nil
}

// ReadAt returns io.EOF where the content ends, also where it is broken off or
// damaged: err then says so.
func (u *unpacked) ReadAt(p []byte, at int64) (int, error) {
	if u.src == nil || at < u.at-int64(len(u.last)) {
		if err := u.reset(); err != nil {
			u.err = err
			return 0, io.EOF
		}
	}
	if skip := at - u.at; skip > 0 {
		n, err := io.CopyN(io.Discard, u.src, skip)
		u.at += n
		u.last = u.last[:0]
		if err != nil {
			u.note(err)
			return 0, io.EOF
		}
	}
	n := copy(p, u.last[int64(len(u.last))-(u.at-at):])
	got, err := io.ReadFull(u.src, p[n:])
	u.at += int64(got)
	n += got
	if n == len(p) && got == 0 {
		return n, nil // all of it was there; last stays longer than p
	}
	u.last = append(u.last[:0], p[:n]...)
	if err != nil {
		u.note(err)
		return n, io.EOF
	}
	return n, nil
}

func (u *unpacked) note(err error) {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || u.truncated(err) {
		u.err = err
	}
}

// truncated tells the unexpected end of the compressed form from that of ReadFull.
func (u *unpacked) truncated(err error) bool {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	var one [1]byte
	_, err = u.src.Read(one[:])
	return err != nil && !errors.Is(err, io.EOF)
}

// reach is the size of the content, or limit where that is less.
func (u *unpacked) reach(limit int64) int64 {
	if limit <= 0 {
		return 0
	}
	var one [1]byte
	if n, _ := u.ReadAt(one[:], limit-1); n == 1 {
		return limit
	}
	return u.at
}
