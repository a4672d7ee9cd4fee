package filetail

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"go.uber.org/zap"
)

// scanner searches for files and finds out which they are. It belongs to one
// goroutine.
type scanner struct {
	t   *Tailer
	ctx context.Context //nolint:containedctx // of run, for the goroutines that read pipes
	// first is set until the first search is over; skipOld, if what the files hold by
	// then is left out; known, if the store holds an index.
	first, skipOld, known bool
	gen                   uint64
	watch                 *watcher
	ignored               map[inode]stamp
	denied                map[string]bool
	dirs                  map[string][]entry // listed in this search
}

// stamp changes when a file does.
type stamp struct {
	size     int64
	modified time.Time
}

// entry is a file that a search found.
type entry struct {
	path  string
	inode inode
	stamp
	pipe bool
	comp compression
}

// Searching takes one part in so many of the time, however many files there are.
const scanShare = 200

// putOffFor bounds how long a file that keeps changing is put off.
const putOffFor = 30 * time.Second

func (s *scanner) run(ctx context.Context) {
	s.ctx = ctx
	timer := time.NewTimer(0)
	defer timer.Stop()
	var cost time.Duration
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.t.kick:
			// A burst of changes in a large tree must not cost a search each.
			if gap := max(10*time.Millisecond, 20*cost) - time.Since(last); gap > 0 {
				select {
				case <-ctx.Done():
					return
				case <-time.After(gap):
				}
			}
		}
		begin := time.Now()
		again := s.search(ctx)
		last = time.Now()
		cost = last.Sub(begin)
		next := min(max(scanShare*cost, s.t.cfg.PollInterval), s.t.cfg.MaxScanInterval)
		if again {
			next = s.t.cfg.PollInterval
		}
		timer.Reset(next)
	}
}

// search looks for files once. It says whether there should be another soon.
func (s *scanner) search(ctx context.Context) (again bool) {
	t := s.t
	s.gen++
	s.dirs = nil
	found := s.find(ctx)
	if ctx.Err() != nil {
		return false
	}
	var unknown []entry
	ignored := make(map[inode]stamp, len(s.ignored))
	t.mu.Lock()
	if t.lookAgain {
		t.lookAgain = false
		s.ignored = nil
	}
	for i := range found {
		e := &found[i]
		if f := t.byInode[e.inode]; f != nil {
			s.seenLocked(f, e)
			continue
		}
		if sh := t.shadows[e.inode]; sh != nil && sh.size == e.size && sh.modified.Equal(e.modified) {
			sh.place.path, sh.gen = e.path, s.gen
			continue
		}
		if st, ok := s.ignored[e.inode]; ok && st == e.stamp {
			ignored[e.inode] = st
			continue
		}
		if e.size > 0 || e.pipe {
			unknown = append(unknown, *e)
		}
	}
	for in, sh := range t.shadows {
		if sh.gen != s.gen {
			delete(t.shadows, in) // gone, or changed: then it is unknown again
		}
	}
	t.mu.Unlock()
	s.ignored = ignored
	if s.watch != nil {
		s.watch.follow(found)
	}

	again = s.identify(ctx, unknown)
	s.lookAfterOrphans()
	if !s.forget(ctx) {
		again = true
	}
	s.first = false
	return again
}

// find matches the patterns. A file that is found by several paths is there once.
func (s *scanner) find(ctx context.Context) []entry {
	var found []entry
	where := map[inode]int{}
	for _, pattern := range s.t.cfg.Include {
		paths, err := doublestar.FilepathGlob(pattern)
		if err != nil {
			s.t.log.Warn("can't search for files", zap.String("pattern", pattern), zap.Error(err))
			continue
		}
		for _, path := range paths {
			if ctx.Err() != nil {
				return nil
			}
			if s.excluded(path) {
				continue
			}
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			pipe := info.Mode()&fs.ModeNamedPipe != 0
			if !info.Mode().IsRegular() && !pipe {
				continue
			}
			e := entry{path: path, inode: inodeOf(info), stamp: stamp{info.Size(), info.ModTime()}, pipe: pipe}
			if i, ok := where[e.inode]; ok {
				s.t.mu.Lock()
				f := s.t.byInode[e.inode]
				s.t.mu.Unlock()
				if f != nil && f.place().path == path {
					found[i] = e
				}
				continue
			}
			where[e.inode] = len(found)
			found = append(found, e)
		}
	}
	return found
}

func (s *scanner) excluded(path string) bool {
	for _, pattern := range s.t.cfg.Exclude {
		if ok, _ := doublestar.PathMatch(pattern, path); ok {
			return true
		}
	}
	return false
}

// seenLocked notes that f was found where e says.
func (s *scanner) seenLocked(f *file, e *entry) {
	f.gen = s.gen
	f.orphan.Store(false)
	f.missing.Store(false)
	if p := f.place(); p.path != e.path {
		p.path, p.resolved = e.path, resolve(e.path)
		s.t.placeLocked(f, p)
		s.t.stats.rotated.Add(1)
	}
	s.noteLocked(f, e.stamp)
}

// noteLocked gives f a turn if it has changed.
func (s *scanner) noteLocked(f *file, st stamp) {
	failed := f.failed.Swap(false)
	if f.size == st.size && f.modified.Equal(st.modified) && !failed {
		return
	}
	f.size, f.modified = st.size, st.modified
	f.w.enqueue(f)
}

func resolve(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	return path
}

func (e *entry) place() place {
	return place{path: e.path, resolved: resolve(e.path), inode: e.inode, comp: e.comp}
}

func (s *scanner) recent(e *entry) bool { return time.Since(e.modified) < s.t.cfg.settle }

// identify finds out which files the unknown ones are. It says whether some have to
// be looked at again soon.
func (s *scanner) identify(ctx context.Context, unknown []entry) (again bool) {
	t := s.t
	if len(unknown) == 0 && !s.first {
		return false
	}
	t.identity.Lock()
	defer t.identity.Unlock()

	for in, since := range t.waiting {
		if time.Since(since) > 10*putOffFor {
			delete(t.waiting, in) // gone, or renamed
		}
	}
	var left []entry
	lost := s.lostByInode()
	for _, e := range unknown {
		if e.pipe {
			s.startPipe(e)
			continue
		}
		if !s.inspect(&e) {
			continue
		}
		f, wait := s.byInode(&e, lost[e.inode])
		if wait {
			again = true
			continue
		}
		if f != nil {
			s.locate(f, &e)
			continue
		}
		left = append(left, e)
	}
	var newborn []entry
	families := s.families(left)
	for _, e := range left {
		switch f, located, wait := s.byContent(&e, families); {
		case wait:
			again = true
		case f != nil && located:
			t.mu.Lock()
			t.shadows[e.inode] = &shadow{of: f, place: e.place(), gen: s.gen, size: e.size, modified: e.modified}
			t.mu.Unlock()
		case f != nil:
			s.locate(f, &e)
			t.stats.adopted.Add(1)
		case e.comp != plain && t.cfg.Compressed == Skip:
			s.ignored[e.inode] = e.stamp
		default:
			newborn = append(newborn, e)
		}
	}
	newborn, wait := s.withoutCopies(newborn)
	again = again || wait
	if s.first {
		s.findRotated()
	}
	return !s.begin(ctx, newborn) || again
}

// inspect looks at a file that isn't known yet, and says whether it is to be read.
func (s *scanner) inspect(e *entry) bool {
	fd, err := os.OpenFile(e.path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !s.denied[e.path] {
			if s.denied == nil {
				s.denied = map[string]bool{}
			}
			s.denied[e.path] = true
			s.t.stats.openErrors.Add(1)
			s.t.log.Warn("can't open a file; trying again", zap.String("path", e.path), zap.Error(err))
		}
		return false
	}
	defer fd.Close() //nolint:errcheck // was only read
	delete(s.denied, e.path)
	e.comp = compressionOf(fd, e.path)
	return true
}

func (s *scanner) lostByInode() map[inode][]*file {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	m := make(map[inode][]*file, len(s.t.lost))
	for f := range s.t.lost {
		if !f.dead {
			in := f.place().inode
			m[in] = append(m[in], f)
		}
	}
	return m
}

// byInode is the one of the lost files that e still is.
func (s *scanner) byInode(e *entry, lost []*file) (f *file, wait bool) {
	for _, f := range lost {
		s.t.mu.Lock()
		located := f.located
		s.t.mu.Unlock()
		if located {
			continue
		}
		if e.comp != plain && f.packedSize == e.size {
			return f, false
		}
		p, offset := f.seenAs()
		switch compare(e, &p, offset) {
		case equal, alike:
			return f, false
		case unsure:
			return nil, true
		case differs, shorter:
		}
	}
	return nil, false
}

func (s *scanner) locate(f *file, e *entry) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if s.t.byInode[e.inode] != nil {
		return
	}
	s.t.locateLocked(f, e.place(), s.gen)
	f.loaded, f.dead = false, false
	if e.comp == plain && e.size < f.pos {
		f.mu.Lock()
		f.parked = true
		f.mu.Unlock()
	}
	f.size, f.modified = e.size, e.modified
	f.w.enqueue(f)
}
