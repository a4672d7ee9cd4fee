package filetail

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// inode is a file's place in its file system.
type inode struct{ dev, num uint64 }

// newID names a file. It is random: something derived of the path, inode and
// content would name two files the same that begin alike, such as a log that is
// truncated and begins again with its banner, and what follows would be taken for
// repeats.
func newID() string {
	var b [13]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:idLen]
}

const idLen = 21

// fingerprint is what a file is recognised by: a hash of its beginning, as far as it has
// been read, up to Config.FingerprintSize, and hashes of some bytes before places
// that reading has come to. The beginning alone is not enough, for many logs begin
// with the same banner. Hashes, not bytes, because checkpoints hold no content.
type fingerprint struct {
	headLen int
	head    [16]byte
	marks   [maxMarks]mark // the newest last; zero where there is none
	spaced  time.Time      // when the newest but one was the newest
}

// mark is a hash of the markLen bytes before offset, or as many as there are.
type mark struct {
	offset int64
	hash   uint64
}

// A copy that log rotation makes may end before the place that reading had come to
// when the original was cut off, so some seconds of marks are kept.
const (
	maxMarks    = 4
	markLen     = 64
	markSpacing = time.Second
)

func headHash(b []byte) (h [16]byte) {
	sum := sha256.Sum256(b)
	copy(h[:], sum[:])
	return h
}

func markHash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// addMark takes what stands before offset, which is not before that of any mark.
func (p *fingerprint) addMark(offset int64, before []byte, now time.Time) {
	last := &p.marks[maxMarks-1]
	if last.offset > 0 && last.offset < offset && now.Sub(p.spaced) >= markSpacing {
		copy(p.marks[:], p.marks[1:])
		p.spaced = now
	}
	*last = mark{offset: offset, hash: markHash(before)}
}

// markAt is the last mark at or before offset.
func (p *fingerprint) markAt(offset int64) (mark, bool) {
	for i := maxMarks - 1; i >= 0; i-- {
		if m := p.marks[i]; m.offset > 0 && m.offset <= offset {
			return m, true
		}
	}
	return mark{}, false
}

// content is what can be read at any place: a file, or what a compressed one holds.
type content interface {
	io.ReaderAt
}

// verdict is what comparing a file with a print shows.
type verdict uint8

const (
	differs verdict = iota
	// equal: the beginning is equal, and so is what stands before the last place that
	// both have come to.
	equal
	// unsure: the file has been moved since it was found.
	unsure
	// alike: the beginning is equal, and no more has been read. It may be a banner.
	alike
	// shorter: the beginning is equal, but the file ends before any mark.
	shorter
)

// match compares. size is the file's, and offset how far p's own has been read.
func (p *fingerprint) match(c content, size, offset int64) verdict {
	if p.headLen == 0 {
		if offset == 0 {
			return alike
		}
		return differs
	}
	if size < int64(p.headLen) {
		return differs
	}
	buf := make([]byte, p.headLen)
	if n, _ := c.ReadAt(buf, 0); n < p.headLen || headHash(buf) != p.head {
		return differs
	}
	m, ok := p.markAt(min(size, offset))
	if !ok {
		if size < offset {
			return shorter
		}
		return alike
	}
	n := min(markLen, m.offset)
	before := make([]byte, n)
	if got, _ := c.ReadAt(before, m.offset-n); int64(got) < n || markHash(before) != m.hash {
		return differs
	}
	if m.offset <= int64(p.headLen) {
		return alike
	}
	return equal
}

var (
	rotatedEnd    = regexp.MustCompile(`([.\-_][0-9][0-9T:Z+.\-_]*|\.(old|bak|orig))+$`)
	rotatedMiddle = regexp.MustCompile(`[.\-_][0-9][0-9T:Z+.\-_]*(\.[A-Za-z]+)$`)
)

// family is common to the path of a log and those of its rotated copies: the name
// without what log rotation puts behind it (x.log.1, x.log-20260101.gz) or before its
// extension (x-20260101.log).
func family(path string) string {
	dir, name := filepath.Split(path)
	name = plainName(name)
	if short := rotatedEnd.ReplaceAllString(name, ""); short != "" {
		name = short
	}
	if short := rotatedMiddle.ReplaceAllString(name, "$1"); !strings.HasPrefix(short, ".") {
		name = short
	}
	return dir + name
}

// mayBeCopy says whether a file at path may be a copy that rotation made of the
// file that was at original: that one's name with something added, or compressed.
func mayBeCopy(original, path string) bool {
	name := family(path)
	return family(original) == name && mayBeCopyIn(name, original, path)
}

// mayBeCopyIn is mayBeCopy for two files of the family name.
func mayBeCopyIn(name, original, path string) bool {
	return plainName(path) != path || path != original && plainName(original) == name
}

// plainName is a path without the ending that compression adds.
func plainName(path string) string {
	for _, ending := range []string{".gz", ".zst", ".zstd"} {
		if plain, ok := strings.CutSuffix(path, ending); ok {
			return plain
		}
	}
	return path
}

// sameRotation says whether both are paths of rotated copies of one log. The one at
// original has then been the log itself, and was moved since.
func sameRotation(original, path string) bool {
	name := family(path)
	return areRotated(name, original, path) && family(original) == name
}

// areRotated is sameRotation for two files of the family name.
func areRotated(name, original, path string) bool {
	return path != original && path != name && original != name
}
