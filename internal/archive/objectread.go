package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrMalformed says that an object is not as an [ObjectWriter] writes it. All errors of
// reading an object wrap it but those of what it is read from and of the callee.
var ErrMalformed = errors.New("malformed object")

// ReadSettings are how an object is read.
type ReadSettings struct {
	Compression Compression
	Lines       bool
	// MaxLine is the longest line in bytes; 0 is DefaultMaxLine. Memory is at most three
	// times that, or 4 MiB.
	MaxLine int
	// MaxBytes is the largest size before compression; 0 is no limit. The manifest has
	// it.
	MaxBytes int64
}

// ReadBlocks reads an object and gives its content in blocks, which are whole lines with
// their ends, or pieces of an object without lines. A block is the callee's until it
// returns. What is not exactly as an ObjectWriter writes it is an error; so is whatever
// stands behind the end. An error of the callee ends it and is given back as it is.
func ReadBlocks(r io.Reader, s ReadSettings, block func(block []byte) error) (ObjectInfo, error) {
	if err := s.Compression.Check(); err != nil {
		return ObjectInfo{}, err
	}
	if s.MaxLine <= 0 {
		s.MaxLine = DefaultMaxLine
	}
	source := &summingReader{from: r, sum: sha256.New()}
	o := objectReader{settings: s, source: bufio.NewReaderSize(source, 64<<10), block: block}
	o.maxBlock = blockSize
	if s.Lines {
		o.maxBlock = max(blockSize, s.MaxLine+1)
	}
	var err error
	switch s.Compression {
	case CompressionZstd:
		err = o.frames()
	case CompressionGzip:
		err = o.members()
	case CompressionNone:
		err = o.plain()
	}
	if err == nil && o.info.Leaves == 0 {
		err = o.malformed("it is empty")
	}
	switch {
	case err == nil:
	case o.calleeFailed:
		return ObjectInfo{}, err
	case source.err != nil: // whatever a decoder made of it
		return ObjectInfo{}, fmt.Errorf("reading an object: %w", source.err)
	default:
		return ObjectInfo{}, err
	}
	o.info.Size = source.size
	source.sum.Sum(o.info.SHA256[:0])
	return o.info, nil
}

// ReadLines is ReadBlocks for each line, without its end. The object has lines.
func ReadLines(r io.Reader, s ReadSettings, line func(line []byte) error) (ObjectInfo, error) {
	s.Lines = true
	return ReadBlocks(r, s, func(block []byte) error {
		for len(block) > 0 {
			end := bytes.IndexByte(block, '\n')
			if err := line(block[:end:end]); err != nil {
				return err
			}
			block = block[end+1:]
		}
		return nil
	})
}

// ReadHashes is ReadBlocks for the hashes of its leaves, HashSize bytes each, in pieces of
// any count of them.
func ReadHashes(r io.Reader, s ReadSettings, hashes func(hashes []byte) error) (ObjectInfo, error) {
	if s.Lines {
		var h LeafHasher
		var buf []byte
		return ReadBlocks(r, s, func(block []byte) error {
			buf = h.AppendLines(buf[:0], block)
			return hashes(buf)
		})
	}
	leaf := sha256.New()
	leaf.Write([]byte{leafMark})
	info, err := ReadBlocks(r, s, func(block []byte) error {
		leaf.Write(block)
		return nil
	})
	if err != nil {
		return ObjectInfo{}, err
	}
	if err := hashes(leaf.Sum(nil)); err != nil {
		return ObjectInfo{}, err
	}
	return info, nil
}

// summingReader keeps the size and hash of what was read, and the error that was not its
// end.
type summingReader struct {
	from io.Reader
	sum  hash.Hash
	size int64
	err  error
}

func (r *summingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	r.size += int64(n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

type objectReader struct {
	settings     ReadSettings
	source       *bufio.Reader
	block        func([]byte) error
	maxBlock     int // the largest content of a frame
	info         ObjectInfo
	calleeFailed bool
	piece        int // the frame or member, from 0
}

// malformed is an error of where the object is being read.
func (o *objectReader) malformed(format string, arguments ...any) error {
	where := ""
	switch o.settings.Compression {
	case CompressionNone:
	case CompressionGzip:
		where = fmt.Sprintf("gzip member %d: ", o.piece)
	case CompressionZstd:
		where = fmt.Sprintf("zstd frame %d: ", o.piece)
	}
	if o.settings.Lines {
		where = fmt.Sprintf("behind line %d: %s", o.info.Leaves, where)
	} else {
		where = fmt.Sprintf("behind byte %d: %s", o.info.Bytes, where)
	}
	return fmt.Errorf("%w: %s%w", ErrMalformed, where, fmt.Errorf(format, arguments...))
}

// give checks a block and gives it to the callee.
func (o *objectReader) give(block []byte) error {
	if s := o.settings; s.MaxBytes > 0 && o.info.Bytes+int64(len(block)) > s.MaxBytes {
		return o.malformed("it has more than %d bytes", s.MaxBytes)
	}
	if !o.settings.Lines {
		o.info.Leaves = 1
	} else {
		if err := o.checkLines(block); err != nil {
			return err
		}
		o.info.Leaves += int64(bytes.Count(block, lineEnd))
	}
	o.info.Bytes += int64(len(block))
	if err := o.block(block); err != nil {
		o.calleeFailed = true
		return err
	}
	return nil
}

var lineEnd, twoEnds = []byte{'\n'}, []byte("\n\n")

func (o *objectReader) checkLines(block []byte) error {
	if block[len(block)-1] != '\n' {
		return o.malformed("a line without its end")
	}
	if at := bytes.Index(block, twoEnds); at >= 0 || block[0] == '\n' {
		o.info.Leaves += int64(bytes.Count(block[:at+1], lineEnd))
		return o.malformed("an empty line")
	}
	if len(block) <= o.settings.MaxLine {
		return nil
	}
	for rest := block; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end > o.settings.MaxLine {
			o.info.Leaves += int64(bytes.Count(block[:len(block)-len(rest)], lineEnd))
			return o.malformed("a line of %d bytes, more than %d", end, o.settings.MaxLine)
		}
		rest = rest[end+1:]
	}
	return nil
}

// plain reads an object that is not compressed.
func (o *objectReader) plain() error {
	buf := make([]byte, 0, blockSize)
	for {
		if len(buf) == cap(buf) { // a line that is longer
			if len(buf) > o.maxBlock {
				return o.malformed("a line of more than %d bytes", o.settings.MaxLine)
			}
			buf = slices.Grow(buf, min(len(buf), o.maxBlock+1-len(buf)))
		}
		n, err := io.ReadFull(o.source, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		atEnd := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !atEnd {
			return err
		}
		whole := len(buf)
		if o.settings.Lines && !atEnd {
			whole = bytes.LastIndexByte(buf, '\n') + 1
		}
		if whole > 0 {
			if err := o.give(buf[:whole]); err != nil {
				return err
			}
			buf = append(buf[:0], buf[whole:]...)
		}
		if atEnd {
			return nil
		}
	}
}

// members reads an object of gzip members.
func (o *objectReader) members() error {
	const headerSize = 10
	var z gzip.Reader
	var buf []byte
	for ; ; o.piece++ {
		header, err := o.source.Peek(headerSize)
		if len(header) == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		// As RFC 1952 has it: magic, deflate, no flags, no time. A name or a comment would
		// be text that no reader sees.
		if err != nil || !bytes.Equal(header[:8], []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0}) {
			return o.malformed("no gzip header without options")
		}
		if err := z.Reset(o.source); err != nil {
			return o.malformed("%w", err)
		}
		z.Multistream(false)
		if buf, err = readAtMost(&z, buf[:0], o.maxBlock); err != nil {
			return o.malformed("%w", err)
		}
		if len(buf) == 0 {
			return o.malformed("it is empty")
		}
		if err := o.give(buf); err != nil {
			return err
		}
	}
}

// readAtMost reads all of r into buf, or fails when that is more than limit bytes.
func readAtMost(r io.Reader, buf []byte, limit int) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(max(64<<10, len(buf)), max(1, limit+1-len(buf))))
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return buf, fmt.Errorf("its content is more than %d bytes", limit)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// decoder is shared by all objects: each frame is a call of its own.
var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithDecoderMaxWindow(2*DefaultMaxLine), // a frame's window is its content, see header
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) //nolint:forbidigo // of the options above alone
	}
	return d
})

// frames reads an object of zstd frames (RFC 8878, section 3.1.1). It finds the ends of
// frames itself, so that each is decoded with its own limit and nothing is skipped.
func (o *objectReader) frames() error {
	var frame, buf []byte
	for ; ; o.piece++ {
		if _, err := o.source.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		size := 0
		var err error
		frame, size, err = o.header(frame[:0])
		if err != nil {
			return err
		}
		if frame, err = o.blocks(frame, size); err != nil {
			return err
		}
		if cap(buf) < size {
			buf = make([]byte, 0, min(size+size/8, o.maxBlock)) // frames are nearly of one size
		}
		content, err := decoder().DecodeAll(frame, buf[:0:size]) // the capacity is a limit
		if err != nil {
			return o.malformed("%w", err)
		}
		if len(content) != size {
			return o.malformed("it says that it has %d bytes and has %d", size, len(content))
		}
		if err := o.give(content); err != nil {
			return err
		}
	}
}

// header reads a frame's header into frame and gives the content's size. It is one that an
// ObjectWriter's frame has: a single segment with a size and a checksum, without a
// dictionary.
func (o *objectReader) header(frame []byte) (_ []byte, size int, err error) {
	if frame, err = o.take(frame, 5); err != nil {
		return nil, 0, err
	}
	if binary.LittleEndian.Uint32(frame) != 0xFD2FB528 {
		return nil, 0, o.malformed("no zstd frame")
	}
	const single, checksum = 1 << 5, 1 << 2
	descriptor := frame[4]
	if descriptor&0x3F != single|checksum {
		return nil, 0, o.malformed("its descriptor %#02x is not that of a single segment with a checksum and no dictionary", descriptor)
	}
	sizeBytes := 1 << (descriptor >> 6)
	if frame, err = o.take(frame, sizeBytes); err != nil {
		return nil, 0, err
	}
	var field [8]byte
	copy(field[:], frame[5:])
	n := binary.LittleEndian.Uint64(field[:])
	if sizeBytes == 2 {
		n += 256
	}
	if n == 0 {
		return nil, 0, o.malformed("it is empty")
	}
	if n > uint64(o.maxBlock) {
		return nil, 0, o.malformed("it has a content of %d bytes, more than %d", n, o.maxBlock)
	}
	return frame, int(n), nil
}

// blocks reads a frame's blocks and checksum into frame.
func (o *objectReader) blocks(frame []byte, size int) (_ []byte, err error) {
	// What does not get smaller is stored as it is, in blocks of at most 128 KiB.
	limit := len(frame) + size + size/1024 + 1024
	for last := false; !last; {
		if frame, err = o.take(frame, 3); err != nil {
			return nil, err
		}
		b := frame[len(frame)-3:]
		word := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		last = word&1 != 0
		length := word >> 3
		switch word >> 1 & 3 {
		case 1: // one byte, repeated
			length = 1
		case 3:
			return nil, o.malformed("a block of the reserved type")
		}
		if len(frame)+length > limit {
			return nil, o.malformed("it is larger than its content of %d bytes", size)
		}
		if frame, err = o.take(frame, length); err != nil {
			return nil, err
		}
	}
	return o.take(frame, 4)
}

// take appends the next n bytes to frame.
func (o *objectReader) take(frame []byte, n int) ([]byte, error) {
	at := len(frame)
	frame = slices.Grow(frame, n)[:at+n]
	if _, err := io.ReadFull(o.source, frame[at:]); err != nil {
		return nil, o.malformed("it is cut off: %w", err)
	}
	return frame, nil
}
