package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Format is the name of this form of archives.
const Format = "heartwood-archive/1"

// Compression is how data objects are compressed.
type Compression string

// The compressions there are.
const (
	CompressionNone Compression = "none"
	CompressionGzip Compression = "gzip"
	CompressionZstd Compression = "zstd"
)

// Encodings that are not an extension's. All but EncodingOTLPProto have lines.
const (
	EncodingJSON      = "json"
	EncodingOTLPJSON  = "otlp_json"
	EncodingOTLPProto = "otlp_proto"
)

// HasLines says whether objects of an encoding are lines, each a leaf, or one leaf.
func HasLines(encoding string) bool { return encoding != EncodingOTLPProto }

// encodingExtensions are those of encodings; compressionExtensions stand behind them.
var (
	encodingExtensions    = map[string]string{EncodingJSON: "jsonl", EncodingOTLPJSON: "otlp.jsonl", EncodingOTLPProto: "otlp.binpb"}
	compressionExtensions = map[Compression]string{CompressionNone: "", CompressionGzip: ".gz", CompressionZstd: ".zst"}
)

const (
	otherExtension   = "ext.jsonl"      // of encoding extensions
	longestExtension = "otlp.binpb.zst" // that Extension gives
)

// Extension is how keys of such objects end, without the first point. The compression is
// one that there is.
func Extension(encoding string, c Compression) string {
	e, ok := encodingExtensions[encoding]
	if !ok {
		e = otherExtension
	}
	return e + compressionExtensions[c]
}

func isExtension(text string) bool {
	for _, c := range []Compression{CompressionNone, CompressionGzip, CompressionZstd} {
		for _, encoding := range []string{EncodingJSON, EncodingOTLPJSON, EncodingOTLPProto, ""} {
			if text == Extension(encoding, c) {
				return true
			}
		}
	}
	return false
}

// Check says that there is no such compression.
func (c Compression) Check() error {
	if _, ok := compressionExtensions[c]; !ok {
		return fmt.Errorf("there is no compression %q: zstd, gzip and none are the ones there are", string(c))
	}
	return nil
}

// ObjectInfo is what is known of an object when all of it was written or read.
type ObjectInfo struct {
	// Size and SHA256 are of the bytes as stored.
	Size   int64
	SHA256 Digest
	// Bytes is the size before compression.
	Bytes int64
	// Leaves is the count of lines, or 1.
	Leaves int64
}

const (
	// blockSize is how much is compressed at once, in bytes. A zstd frame that is larger
	// is hardly smaller for it, and costs memory in each object that is open.
	blockSize = 1 << 20

	// MaxLeaves is how many leaves an object may have: whoever verifies it holds 32 bytes
	// for each.
	MaxLeaves = 1 << 24

	// DefaultMaxLine is the longest line that is read unless another is set, and the
	// longest that is written, in bytes.
	DefaultMaxLine = 64 << 20
)

// WriteSettings are how an object is written.
type WriteSettings struct {
	Compression Compression
	// Lines says that each record is a line and a leaf. Otherwise what is appended is
	// one after the other, and the object is one leaf.
	Lines bool
	// Hashes takes the leaves' hashes, HashSize bytes each, in pieces of any count of
	// them. It may not keep them. An error of it is the writer's. Nil: nobody asks.
	Hashes func(hashes []byte) error
}

// ObjectWriter writes a data object. It holds one block of about 1 MiB, or one record if
// that is larger. It is not for several goroutines.
type ObjectWriter struct {
	to       io.Writer
	settings WriteSettings
	err      error // for good

	block      []byte // of whole lines, not compressed
	compressed []byte
	hasher     LeafHasher
	hashes     []byte    // of the block's lines
	leaf       hash.Hash // of an object without lines

	info  ObjectInfo // Size and Bytes without the open block's
	sum   hash.Hash
	ended bool
}

// NewObjectWriter begins an object. It does not close w.
func NewObjectWriter(w io.Writer, s WriteSettings) (*ObjectWriter, error) {
	if err := s.Compression.Check(); err != nil {
		return nil, err
	}
	o := &ObjectWriter{to: w, settings: s, sum: sha256.New()}
	if !s.Lines && s.Hashes != nil {
		o.leaf = sha256.New()
		o.leaf.Write([]byte{leafMark})
	}
	return o, nil
}

var (
	errEmptyRecord = errors.New("a record of no bytes can't be archived")
	errLineFeed    = errors.New("a record with a line feed in it can't be archived as a line")
	errEnded       = errors.New("the object is finished")
)

// Append appends a record: a line without its end, which is not empty and has no line
// feed, or bytes. The record is the caller's again when it returns. An error of the
// record's form leaves the object as it was; after any other the object is broken, and
// each further call gives that error.
func (w *ObjectWriter) Append(record []byte) error {
	switch {
	case w.err != nil:
		return w.err
	case w.ended:
		return errEnded
	case len(record) == 0:
		return errEmptyRecord
	case !w.settings.Lines:
		return w.appendBytes(record)
	case len(record) > DefaultMaxLine:
		return fmt.Errorf("a record of %d bytes can't be archived: a line has at most %d", len(record), DefaultMaxLine)
	case bytes.IndexByte(record, '\n') >= 0:
		return errLineFeed
	}
	if len(w.block) > 0 && len(w.block)+len(record) >= blockSize {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.block = append(append(w.block, record...), '\n')
	if w.settings.Hashes != nil {
		w.hashes = w.hasher.begin(w.hashes, record)
	}
	w.info.Leaves++
	return nil
}

func (w *ObjectWriter) appendBytes(record []byte) error {
	w.info.Leaves = 1
	for len(record) > 0 {
		n := min(len(record), blockSize-len(w.block))
		w.block = append(w.block, record[:n]...)
		record = record[n:]
		if len(w.block) == blockSize {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush compresses and writes the open block.
func (w *ObjectWriter) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	if err := w.flushBlock(); err != nil {
		w.err = err
		return err
	}
	w.info.Bytes += int64(len(w.block))
	w.block = w.block[:0]
	if cap(w.block) > 2*blockSize {
		w.block, w.compressed = nil, nil // of one large record
	}
	return nil
}

func (w *ObjectWriter) flushBlock() error {
	switch {
	case w.settings.Hashes == nil:
	case w.leaf != nil:
		w.leaf.Write(w.block)
	default:
		w.hasher.end(w.hashes)
		if err := w.settings.Hashes(w.hashes); err != nil {
			return err
		}
		w.hashes = w.hashes[:0]
	}
	stored := w.block
	switch w.settings.Compression {
	case CompressionZstd:
		w.compressed = allEncoders().append(w.compressed[:0], w.block)
		stored = w.compressed
	case CompressionGzip:
		var err error
		if w.compressed, err = appendGzip(w.compressed[:0], w.block); err != nil {
			return err
		}
		stored = w.compressed
	case CompressionNone:
	}
	w.sum.Write(stored)
	w.info.Size += int64(len(stored))
	_, err := w.to.Write(stored)
	return err
}

// Leaves is how many leaves it has.
func (w *ObjectWriter) Leaves() int64 { return w.info.Leaves }

// Bytes is the size before compression.
func (w *ObjectWriter) Bytes() int64 { return w.info.Bytes + int64(len(w.block)) }

// Size is about what Finish would say of the size as stored: that of what was compressed
// before, and what the block that is open may come to.
func (w *ObjectWriter) Size() int64 {
	open := int64(len(w.block))
	switch {
	case w.settings.Compression == CompressionNone:
	case w.info.Bytes > 0:
		open = int64(float64(open) * float64(w.info.Size) / float64(w.info.Bytes))
	default:
		open /= 4
	}
	return w.info.Size + open
}

// Finish ends the object. One without records is an error.
func (w *ObjectWriter) Finish() (ObjectInfo, error) {
	switch {
	case w.err != nil:
		return ObjectInfo{}, w.err
	case w.ended:
		return ObjectInfo{}, errEnded
	case w.info.Leaves == 0:
		return ObjectInfo{}, errors.New("an object without records can't be archived")
	}
	if err := w.flush(); err != nil {
		return ObjectInfo{}, err
	}
	w.ended = true
	w.block, w.compressed = nil, nil
	if w.leaf != nil {
		if err := w.settings.Hashes(w.leaf.Sum(nil)); err != nil {
			w.err = err
			return ObjectInfo{}, err
		}
	}
	w.sum.Sum(w.info.SHA256[:0])
	return w.info, nil
}

// encoders are shared by all objects: each of their blocks is a call of its own, and as many
// as there are processors run at once, each with its memory. Of those that are free the one
// that was used last is taken, whose memory is still in the processor's cache.
type encoders struct {
	turns chan struct{} // has one for each that is in use
	mu    sync.Mutex
	free  []*zstd.Encoder // guarded by mu
}

var allEncoders = sync.OnceValue(func() *encoders {
	return &encoders{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
})

// append appends a frame with a block.
func (e *encoders) append(dst, block []byte) []byte {
	e.turns <- struct{}{}
	encoder := e.take()
	defer func() {
		e.give(encoder)
		<-e.turns
	}()
	return encoder.EncodeAll(block, dst)
}

func (e *encoders) take() *zstd.Encoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.free); n > 0 {
		encoder := e.free[n-1]
		e.free = e.free[:n-1]
		return encoder
	}
	return newEncoder()
}

func (e *encoders) give(encoder *zstd.Encoder) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.free = append(e.free, encoder)
}

func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithSingleSegment(true), // the frame says its content's size
		zstd.WithEncoderCRC(true))
	if err != nil {
		panic(err) //nolint:forbidigo // of the options above alone
	}
	return e
}

// gzipLevel is measured like the level of zstd.
const gzipLevel = gzip.BestSpeed

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzipLevel)
	if err != nil {
		panic(err) //nolint:forbidigo // of the level above alone
	}
	return w
}}

func appendGzip(dst, block []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(b)
	w.ModTime = time.Unix(0, 0) // no time
	if _, err := w.Write(block); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return b.Bytes(), nil
}
