package archive

import "io"

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

// Extension is how keys of such objects end, without the first point.
func Extension(encoding string, c Compression) string { return "" }

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

// ObjectWriter writes a data object. It holds one block of about 1 MiB. It is not for
// several goroutines.
type ObjectWriter struct{}

// NewObjectWriter begins an object. It does not close w.
func NewObjectWriter(w io.Writer, s WriteSettings) (*ObjectWriter, error) { return nil, errNotYet }

// Append appends a record: a line without its end, which is not empty and has no line
// feed, or bytes. The record is the caller's again when it returns. An error of the
// record's form leaves the object as it was; after any other the object is broken, and
// each further call gives that error.
func (w *ObjectWriter) Append(record []byte) error { return errNotYet }

// Leaves is how many leaves it has.
func (w *ObjectWriter) Leaves() int64 { return 0 }

// Bytes is the size before compression.
func (w *ObjectWriter) Bytes() int64 { return 0 }

// Size is about what Finish would say of the size as stored: that of what was compressed
// before, and what the block that is open may come to.
func (w *ObjectWriter) Size() int64 { return 0 }

// Finish ends the object. One without records is an error.
func (w *ObjectWriter) Finish() (ObjectInfo, error) { return ObjectInfo{}, errNotYet }

// ReadSettings are how an object is read.
type ReadSettings struct {
	Compression Compression
	Lines       bool
	// MaxLine is the longest line in bytes. Of an object without lines it is the largest
	// piece between two frames. 0 is DefaultMaxLine. Memory is at most a small multiple of it.
	MaxLine int
	// MaxBytes is the largest size before compression; 0 is no limit. Take it from the
	// manifest.
	MaxBytes int64
}

// DefaultMaxLine is the longest line that is read unless another is set.
const DefaultMaxLine = 64 << 20

// ReadBlocks reads an object and gives its content in blocks, which are whole lines with
// their ends, or pieces of an object without lines. A block is the callee's until it
// returns. What is not exactly as an ObjectWriter writes it is an error; so is whatever
// stands behind the end. An error of the callee ends it and is given back as it is.
func ReadBlocks(r io.Reader, s ReadSettings, block func(block []byte) error) (ObjectInfo, error) {
	return ObjectInfo{}, errNotYet
}

// ReadLines is ReadBlocks for each line, without its end. The object has lines.
func ReadLines(r io.Reader, s ReadSettings, line func(line []byte) error) (ObjectInfo, error) {
	return ObjectInfo{}, errNotYet
}

// ReadHashes is ReadBlocks for the hashes of its leaves, HashSize bytes each, in pieces of
// any count of them.
func ReadHashes(r io.Reader, s ReadSettings, hashes func(hashes []byte) error) (ObjectInfo, error) {
	return ObjectInfo{}, errNotYet
}
