package spool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// DamageError says that a spool's files are not what was written to them.
type DamageError struct {
	File   string // its path
	Offset int64  // in bytes
	Reason error
}

func (e *DamageError) Error() string {
	if errors.Is(e.Reason, errVersion) {
		return fmt.Sprintf("%s: %v; use the release that wrote it, or a later one. If it is damaged, restore it, or move the whole directory aside, which loses the records in it", e.File, e.Reason)
	}
	return fmt.Sprintf("%s is damaged at byte %d: %v; restore it, or move the whole directory aside, which loses the records in it", e.File, e.Offset, e.Reason)
}

func (e *DamageError) Unwrap() error { return e.Reason }

var (
	errMissing   = errors.New("the segment is missing")
	errFollowed  = errors.New("a later segment was written, and is missing")
	errForeign   = errors.New("it is no file of a spool")
	errNotLast   = errors.New("a later part of the file says that this part was on disk")
	errCount     = errors.New("it does not hold the records that it held")
	errOtherName = errors.New("its name is that of another segment")
)

// Open opens the spool in a directory, and makes one where there is none. What a crash
// left unfinished is put right; damage is a *DamageError, and nothing is begun anew
// behind it.
func Open(set Settings) (*Spool, error) {
	if set.FS == nil {
		set.FS = diskfs.OS()
	}
	if set.SegmentSize <= 0 {
		set.SegmentSize = defaultSegmentSize
	}
	if set.MaxSize > 0 {
		// So that there are always some to be removed.
		set.SegmentSize = min(set.SegmentSize, max(set.MaxSize/8, 1))
	}
	if set.AckDelay <= 0 {
		set.AckDelay = defaultAckDelay
	}
	if set.block == 0 {
		set.padFrom, set.block = defaultPadFrom, diskfs.BlockSize
	}
	if set.groupSize == 0 {
		set.groupSize = defaultGroupSize
	}
	s := &Spool{
		set: set, dir: set.Directory, fs: set.FS,
		wake: make(chan struct{}, 1), done: make(chan struct{}), changed: make(chan struct{}),
		nextID: firstID, nextNum: 1,
	}
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return nil, fmt.Errorf("make the spool's directory: %w", err)
	}
	lock, err := s.fs.Lock(s.path(lockName))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", s.dir, err)
	}
	s.lock = lock
	if err := s.recover(); err != nil {
		if s.file != nil {
			_ = s.file.Close()
		}
		return nil, errors.Join(err, lock.Close())
	}
	go s.commit()
	return s, nil
}

// files are those found in the directory.
type files struct {
	segments []uint64 // in order
	done     map[uint64]bool
	halfMade []string
	unneeded []string
}

func (s *Spool) list() (f files, err error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return f, fmt.Errorf("read the spool's directory: %w", err)
	}
	f.done = make(map[uint64]bool)
	for _, name := range names {
		if n, ok := numberOf(name, segmentSuffix); ok {
			f.segments = append(f.segments, n)
		} else if n, ok := numberOf(name, doneSuffix); ok {
			f.done[n] = true
			f.unneeded = append(f.unneeded, name)
			s.nextNum = max(s.nextNum, n+1)
		} else if strings.HasSuffix(name, segmentSuffix+tmpSuffix) {
			f.halfMade = append(f.halfMade, name)
		} else if name != lockName {
			return f, &DamageError{File: s.path(name), Reason: errForeign}
		}
	}
	slices.Sort(f.segments)
	return f, nil
}

func (s *Spool) recover() error {
	found, err := s.list()
	if err != nil {
		return err
	}
	if len(found.segments) > 0 {
		if err := s.load(&found); err != nil {
			return err
		}
	}
	// Their numbers may be used again.
	if err := s.removeAll(found.halfMade); err != nil {
		return err
	}
	for _, seg := range s.segments {
		s.recovered.Records += seg.unacked
	}
	// What was read may not have been synced; the new segment's header says that it is.
	if s.file != nil {
		if err := s.sync(); err != nil {
			return err
		}
	}
	if err := s.rotate(s.nextID); err != nil {
		return err
	}
	s.settled.Store(uint64(s.nextID - 1))
	s.clean()
	// Only now: until there was a header that knows it, a .done file was all that said
	// that its segment is acknowledged.
	return s.removeAll(found.unneeded)
}

func (s *Spool) removeAll(names []string) error {
	for _, name := range names {
		if err := s.fs.Remove(s.path(name)); err != nil {
			return fmt.Errorf("remove what is no longer needed: %w", err)
		}
	}
	return nil
}

// load reads the last segment, and checks the others by what it says.
func (s *Spool) load(found *files) error {
	last := found.segments[len(found.segments)-1]
	path := s.path(segmentName(last))
	data, file, err := s.read(path)
	if err != nil {
		return err
	}
	s.file = file
	m, size, err := readHeader(data)
	if err != nil {
		return &DamageError{File: path, Reason: err}
	}
	if m.number != last {
		return &DamageError{File: path, Reason: errOtherName}
	}
	s.nextID, s.nextNum = max(s.nextID, m.first), max(s.nextNum, last+1)
	if err := s.loadOlder(m, found); err != nil {
		return err
	}
	seg := &segment{number: last, salt: m.salt, first: m.first, head: int64(size), closed: false, since: time.Now()}
	s.segments = append(s.segments, seg)
	end, err := s.loadFrames(path, data, int64(size), seg)
	if err != nil {
		return err
	}
	if cut := int64(len(data)) - end; cut > 0 {
		s.recovered.Cut = cut
		if !s.inspected {
			if err := file.Truncate(end); err != nil {
				return fmt.Errorf("cut off the torn end of %s: %w", path, err)
			}
		}
	}
	seg.length, s.written = end, end
	for _, each := range s.segments {
		s.bytes += each.length
	}
	return nil
}

// loadOlder makes the older segments that the manifest names.
func (s *Spool) loadOlder(m *manifest, found *files) error {
	there := make(map[uint64]bool, len(found.segments))
	for _, n := range found.segments {
		there[n] = true
	}
	needed := map[uint64]bool{m.number: true}
	for i := range m.entries {
		e := &m.entries[i]
		if found.done[e.number] {
			continue // acknowledged, when that could not be written
		}
		seg := &segment{number: e.number, first: e.first, length: e.length, closed: true, since: time.Now()}
		seg.add(e.count)
		for _, r := range e.acked {
			seg.ackRange(idRange{from: uint64(e.first) + r.from, count: r.count})
		}
		s.nextID = max(s.nextID, e.first+ID(e.count))
		needed[e.number] = true
		s.segments = append(s.segments, seg)
		if !there[e.number] {
			// It may have been removed: then the acknowledgements are in the last one.
			seg.head = -1
		}
	}
	for _, n := range found.segments {
		if !needed[n] {
			found.unneeded = append(found.unneeded, segmentName(n))
		}
	}
	return nil
}

// loadFrames reads the frames of the last segment; end is where they end.
func (s *Spool) loadFrames(path string, data []byte, start int64, seg *segment) (end int64, err error) {
	var acks []idRange
	for end = start; end < int64(len(data)); {
		f, size, err := readFrame(data[end:], seg.salt)
		if err != nil {
			if wasDurable(data, seg.salt, end) {
				return 0, &DamageError{File: path, Offset: end, Reason: fmt.Errorf("%w, and %w", err, errNotLast)}
			}
			break
		}
		if f.followed != 0 {
			return 0, &DamageError{File: s.path(segmentName(f.followed)), Reason: errFollowed}
		}
		if len(f.records) > 0 {
			if seg.count == 0 {
				seg.first = f.first
			}
			if f.first != seg.first+ID(seg.count) {
				return 0, &DamageError{File: path, Offset: end, Reason: errCount}
			}
			seg.add(uint64(len(f.records)))
		}
		acks = append(acks, f.acks...)
		s.nextID = max(s.nextID, f.first+ID(len(f.records)))
		end += int64(size)
	}
	for _, r := range acks {
		for _, of := range s.segments {
			of.ackRange(r)
		}
	}
	return end, s.checkOlder()
}

// wasDurable looks behind a place that can't be read for a frame that was written when
// the place was on disk. The salt keeps it from taking a record's content for one, and
// from reading the rest of the file at each of many that it may hold.
func wasDurable(data []byte, salt uint32, place int64) bool {
	for at := place + 1; at < int64(len(data)); at++ {
		if f, _, err := readFrame(data[at:], salt); err == nil && f.durable > place {
			return true
		}
	}
	return false
}

// checkOlder reads older segments that have something left, and lets the others go.
func (s *Spool) checkOlder() error {
	for _, seg := range s.segments[:len(s.segments)-1] {
		if seg.unacked == 0 {
			continue // rotate removes it
		}
		if seg.head < 0 {
			return &DamageError{File: seg.path(s.dir), Reason: errMissing}
		}
		if err := s.check(seg); err != nil {
			return err
		}
	}
	return nil
}

// check reads a whole segment.
func (s *Spool) check(seg *segment) error {
	path := seg.path(s.dir)
	data, file, err := s.read(path)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	m, size, err := readHeader(data)
	if err != nil {
		return &DamageError{File: path, Reason: err}
	}
	if m.number != seg.number {
		return &DamageError{File: path, Reason: errOtherName}
	}
	if int64(len(data)) < seg.length {
		return &DamageError{File: path, Offset: int64(len(data)), Reason: errShort}
	}
	seg.head, seg.salt = int64(size), m.salt
	count := uint64(0)
	at := seg.head
	for at < seg.length {
		f, size, err := readFrame(data[at:seg.length], seg.salt)
		if err != nil {
			return &DamageError{File: path, Offset: at, Reason: err}
		}
		if len(f.records) > 0 && f.first != seg.first+ID(count) {
			return &DamageError{File: path, Offset: at, Reason: errCount}
		}
		count += uint64(len(f.records))
		at += int64(size)
	}
	if count != seg.count || at != seg.length {
		return &DamageError{File: path, Offset: at, Reason: errCount}
	}
	return nil
}

// read reads a whole file, and leaves it open.
func (s *Spool) read(path string) ([]byte, diskfs.File, error) {
	file, err := s.fs.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	size, err := file.Size()
	if err == nil {
		data := make([]byte, size)
		if _, err = file.ReadAt(data, 0); err == nil || size == 0 {
			return data, file, nil
		}
	}
	return nil, nil, errors.Join(fmt.Errorf("read %s: %w", path, err), file.Close())
}
