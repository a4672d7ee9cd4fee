package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

const (
	segmentSuffix = ".blocks"
	// segmentsPerStore is into how many segments MaxSize is divided: each time, the oldest of so many
	// parts goes.
	segmentsPerStore = 32
	maxSegmentSize   = 16 << 20
	minSegmentSize   = 64 << 10
)

// segment is a file of blocks. Only the writer changes it.
type segment struct {
	fs   diskfs.FS
	path string
	file diskfs.File
	size int64 // guarded by Store.mu
	// maxArrived is that of its newest block, and opened when its first one arrived.
	maxArrived, opened int64
	// refs counts the views that may read it, and the store as long as it has it; the last one closes and
	// removes the file.
	refs atomic.Int32
	// kept says that the file stays when it is closed.
	kept atomic.Bool
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

func (s *segment) name() string { return filepath.Base(s.path) }

func (s *segment) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	_ = s.file.Close()
	if !s.kept.Load() {
		_ = s.fs.Remove(s.path)
	}
}

// createSegment makes a new one. The file is opened again, since one that diskfs made may be written past the
// kernel's cache, and then can't be read at any place.
func createSegment(fs diskfs.FS, dir string, first uint64) (*segment, error) {
	path := filepath.Join(dir, segmentName(first))
	made, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	if err := made.Close(); err != nil {
		return nil, err
	}
	file, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	s := &segment{fs: fs, path: path, file: file}
	s.refs.Store(1)
	return s, nil
}

// openSegment opens one that is there and reads its blocks' footers. What can't be read is left out
// and told to damage. whole says that another block can be appended.
func openSegment(fs diskfs.FS, path string, decoder *zstd.Decoder, damage func(place, why string)) (s *segment, blocks []*block, whole bool, err error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, nil, false, err
	}
	size, err := file.Size()
	if err != nil {
		_ = file.Close()
		return nil, nil, false, err
	}
	s = &segment{fs: fs, path: path, file: file, size: size}
	s.refs.Store(1)
	whole = true
	var memory buffers
	for at := int64(0); at < size; {
		k, err := s.readBlock(at, decoder, &memory)
		if err == nil {
			blocks = append(blocks, k)
			if s.opened == 0 {
				s.opened = k.minArrived
			}
			s.maxArrived = max(s.maxArrived, k.maxArrived)
			at += int64(k.size)
			continue
		}
		next := size
		if k != nil {
			// The head is right, so the next block is known to be behind this one.
			next = at + int64(k.size)
		} else if next, err = s.nextHead(at+1, err); next < 0 {
			next = size
		}
		if next >= size {
			whole = false
		}
		damage(fmt.Sprintf("%s, bytes %d to %d", s.name(), at, min(next, size)), err.Error())
		at = next
	}
	return s, blocks, whole, nil
}

// readBlock reads what is to be known of the block at a place. With an error the block is given if
// its head is right and it is all there.
func (s *segment) readBlock(at int64, decoder *zstd.Decoder, memory *buffers) (*block, error) {
	if s.size-at < blockHeadSize {
		return nil, errors.New("the block is cut off")
	}
	head := make([]byte, blockHeadSize)
	if _, err := s.file.ReadAt(head, at); err != nil {
		return nil, err
	}
	k := &block{segment: s, offset: at}
	if err := k.readHead(head); err != nil {
		return nil, err
	}
	if int64(k.size) > s.size-at {
		return nil, errors.New("the block is cut off")
	}
	footer, err := k.footer(decoder, memory)
	if err != nil {
		return k, err
	}
	if _, err := k.readFooter(footer); err != nil {
		return k, err
	}
	return k, nil
}

// footer reads a block's footer.
func (k *block) footer(decoder *zstd.Decoder, memory *buffers) (string, error) {
	memory.stored = slices.Grow(memory.stored[:0], int(k.footerSize))
	stored := memory.stored[:k.footerSize]
	if _, err := k.segment.file.ReadAt(stored, k.offset+int64(k.footerOffset)); err != nil {
		return "", err
	}
	if crc32.Checksum(stored, castagnoli) != k.footerCRC {
		return "", errChecksum
	}
	raw, err := decoder.DecodeAll(stored, memory.raw[:0])
	memory.raw = raw[:0]
	return string(raw), err
}

var errChecksum = errors.New("the checksum is wrong")

// nextHead looks for the next block behind a place; without one it is -1. why is given back, or what
// went wrong with reading.
func (s *segment) nextHead(from int64, why error) (int64, error) {
	const step = 1 << 16
	window := make([]byte, step+blockHeadSize)
	for at := from; at+blockHeadSize <= s.size; at += step {
		part := window[:min(int64(len(window)), s.size-at)]
		if _, err := s.file.ReadAt(part, at); err != nil {
			return -1, err
		}
		for i := 0; ; i++ {
			found := strings.Index(string(part[i:]), blockMagic)
			if found < 0 {
				break
			}
			if i += found; i+blockHeadSize > len(part) {
				break
			}
			var k block
			if k.readHead(part[i:]) == nil {
				return at + int64(i), why
			}
		}
	}
	return -1, why
}

// segmentPaths gives a directory's segments, the oldest first.
func segmentPaths(fs diskfs.FS, dir string) (paths []string, err error) {
	names, err := fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		number, ok := strings.CutSuffix(name, segmentSuffix)
		if _, err := strconv.ParseUint(number, 10, 64); ok && err == nil {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths, nil
}
