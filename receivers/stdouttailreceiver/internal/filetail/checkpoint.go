package filetail

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// ErrDamaged is what Start returns when a checkpoint can't be read.
var ErrDamaged = errors.New("filetail: checkpoint is damaged")

// The store holds one document per file, under filePrefix and the file's ID, and
// the list of the IDs under indexKey. A document is
//
//	1 <CRC-32C of the JSON, 8 hex digits> <JSON>
const (
	indexKey       = "filetail/index"
	filePrefix     = "filetail/file/"
	documentFormat = "1"
)

// record is a file's checkpoint.
type record struct {
	Path     string      `json:"path,omitempty"`
	RawPath  []byte      `json:"raw_path,omitempty"` // where it isn't UTF-8
	Resolved string      `json:"resolved,omitempty"` // where it isn't Path
	Dev      uint64      `json:"dev"`
	Inode    uint64      `json:"ino"`
	Offset   int64       `json:"off"`
	Start    int64       `json:"start,omitempty"` // of the line that Offset is inside of
	Index    int         `json:"index,omitempty"` // of the piece at Offset
	HeadLen  int         `json:"head_len"`
	Head     string      `json:"head"`
	Marks    []savedMark `json:"marks,omitempty"`
	Parked   bool        `json:"parked,omitempty"`
	Size     int64       `json:"size,omitempty"` // of a compressed file, in its form
}

type savedMark struct {
	Offset int64  `json:"off"`
	Hash   string `json:"hash"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeDocument(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode checkpoint: %w", err)
	}
	doc := make([]byte, 0, len(body)+len(documentFormat)+10)
	doc = append(doc, documentFormat...)
	doc = fmt.Appendf(doc, " %08x ", crc32.Checksum(body, castagnoli))
	return append(doc, body...), nil
}

func decodeDocument(key string, doc []byte, v any) error {
	fail := func(why string) error { return fmt.Errorf("%w: %s: %s", ErrDamaged, key, why) }
	head := len(documentFormat) + 10
	if len(doc) < head || doc[head-1] != ' ' {
		return fail("too short")
	}
	if format := string(doc[:len(documentFormat)+1]); format != documentFormat+" " {
		return fail("unknown format " + strconv.Quote(format))
	}
	body := doc[head:]
	sum, err := strconv.ParseUint(string(doc[len(documentFormat)+1:head-1]), 16, 32)
	if err != nil || uint32(sum) != crc32.Checksum(body, castagnoli) {
		return fail("checksum differs")
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fail(err.Error())
	}
	return nil
}

func (r *record) setPath(path, resolved string) {
	if utf8.ValidString(path) {
		r.Path = path
	} else {
		r.RawPath = []byte(path)
	}
	if resolved != path && utf8.ValidString(resolved) {
		r.Resolved = resolved
	}
}

func (r *record) setPrint(p *fingerprint) {
	r.HeadLen = p.headLen
	r.Head = hex.EncodeToString(p.head[:])
	for _, m := range p.marks {
		if m.offset > 0 && m.offset <= r.Offset {
			r.Marks = append(r.Marks, savedMark{m.offset, strconv.FormatUint(m.hash, 16)})
		}
	}
}

// file makes a file of a record, to be found again.
func (r *record) file(id string) (*file, error) {
	fail := func(why string) error {
		return fmt.Errorf("%w: %s%s: %s", ErrDamaged, filePrefix, id, why)
	}
	f := &file{id: id, path: r.Path, resolved: r.Resolved}
	if r.RawPath != nil {
		f.path = string(r.RawPath)
	}
	if f.resolved == "" {
		f.resolved = f.path
	}
	if r.Offset < 0 || r.Start < 0 || r.Start > r.Offset || r.Index < 0 || r.HeadLen < 0 || r.HeadLen > maxHeadLen || len(r.Marks) > maxMarks {
		return nil, fail("numbers out of range")
	}
	f.inode = inode{r.Dev, r.Inode}
	f.pos, f.offset = r.Offset, r.Offset
	f.lineStart, f.index = r.Start, r.Index
	f.parked = r.Parked
	f.packedSize = r.Size
	f.loaded = true
	f.print.headLen = r.HeadLen
	if n, err := hex.Decode(f.print.head[:], []byte(r.Head)); err != nil || n != len(f.print.head) {
		return nil, fail("head is no hash")
	}
	for i, m := range r.Marks {
		hash, err := strconv.ParseUint(m.Hash, 16, 64)
		if err != nil || m.Offset <= 0 || m.Offset > r.Offset {
			return nil, fail("mark is no hash")
		}
		f.print.marks[maxMarks-len(r.Marks)+i] = mark{m.Offset, hash}
	}
	f.stored = *r
	return f, nil
}

const maxHeadLen = 1 << 20 // bytes; nobody would configure more

// load reads what the store holds. known is false where it has never been used.
func load(ctx context.Context, store Store) (files []*file, known bool, err error) {
	doc, err := store.Get(ctx, indexKey)
	if err != nil {
		return nil, false, fmt.Errorf("read checkpoint %s: %w", indexKey, err)
	}
	if doc == nil {
		return nil, false, nil
	}
	var ids []string
	if err := decodeDocument(indexKey, doc, &ids); err != nil {
		return nil, false, err
	}
	for _, id := range ids {
		key := filePrefix + id
		doc, err := store.Get(ctx, key)
		if err != nil {
			return nil, false, fmt.Errorf("read checkpoint %s: %w", key, err)
		}
		if doc == nil {
			return nil, false, fmt.Errorf("%w: %s: missing", ErrDamaged, key)
		}
		var r record
		if err := decodeDocument(key, doc, &r); err != nil {
			return nil, false, err
		}
		f, err := r.file(id)
		if err != nil {
			return nil, false, err
		}
		files = append(files, f)
	}
	return files, true, nil
}

// equal compares without the marks: they say nothing new where all else is equal.
func (r *record) equal(s *record) bool {
	return r.Path == s.Path && slices.Equal(r.RawPath, s.RawPath) && r.Resolved == s.Resolved &&
		r.Dev == s.Dev && r.Inode == s.Inode && r.Offset == s.Offset && r.Start == s.Start && r.Index == s.Index &&
		r.HeadLen == s.HeadLen && r.Head == s.Head && r.Parked == s.Parked && r.Size == s.Size
}

// retry calls do until it returns nil or ctx ends, with pauses that grow.
func retry(ctx context.Context, failed func(error), do func() error) error {
	pause := 100 * time.Millisecond
	for {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}
