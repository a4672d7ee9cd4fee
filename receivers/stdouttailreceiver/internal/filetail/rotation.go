package filetail

import (
	"os"
	"path/filepath"
)

// list is what the directory holds, without what is in directories below it. It is
// read once in each search.
func (s *scanner) list(dir string) []entry {
	if entries, ok := s.dirs[dir]; ok {
		return entries
	}
	if s.dirs == nil {
		s.dirs = map[string][]entry{}
	}
	s.dirs[dir] = listDir(dir)
	return s.dirs[dir]
}

func listDir(dir string) []entry {
	names, _ := os.ReadDir(dir)
	var entries []entry
	for _, d := range names {
		if !d.Type().IsRegular() {
			continue
		}
		info, err := d.Info()
		if err != nil {
			continue
		}
		entries = append(entries, entry{
			path: filepath.Join(dir, d.Name()), inode: inodeOf(info), stamp: stamp{info.Size(), info.ModTime()},
		})
	}
	return entries
}

// dirsOf are the directories where rotation may have put what was at p.
func dirsOf(p place) []string {
	a, b := filepath.Dir(p.resolved), filepath.Dir(p.path)
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// lookAfterOrphans finds the files again that no pattern matches any more.
func (s *scanner) lookAfterOrphans() {
	t := s.t
	t.mu.Lock()
	var orphans []*file
	for _, f := range t.byInode {
		if f.gen != s.gen {
			orphans = append(orphans, f)
		}
	}
	t.mu.Unlock()
	for _, f := range orphans {
		p := f.place()
		st, ok := s.whereabouts(&p)
		t.mu.Lock()
		if f.located && f.place().inode == p.inode {
			f.orphan.Store(true)
			if ok {
				f.missing.Store(false)
				if f.place().path != p.path {
					t.placeLocked(f, p)
					t.stats.rotated.Add(1)
					f.w.enqueue(f)
				}
				s.noteLocked(f, st)
			} else if !f.missing.Swap(true) {
				f.w.enqueue(f)
			}
		}
		t.mu.Unlock()
	}
}

// whereabouts sets p's path to where its inode is now.
func (s *scanner) whereabouts(p *place) (stamp, bool) {
	if info, err := os.Stat(p.path); err == nil && inodeOf(info) == p.inode {
		return stamp{info.Size(), info.ModTime()}, true
	}
	for _, dir := range dirsOf(*p) {
		for _, e := range s.list(dir) {
			if e.inode == p.inode {
				p.path, p.resolved = e.path, e.path
				return e.stamp, true
			}
		}
	}
	return stamp{}, false
}

// findRotated looks beside their old places for files that checkpoints are known of
// and that no pattern matches.
func (s *scanner) findRotated() {
	t := s.t
	t.mu.Lock()
	var lost []*file
	for f := range t.lost {
		lost = append(lost, f)
	}
	t.mu.Unlock()
	for _, f := range lost {
		p := f.place()
		if e := s.besides(f, p, s.list); e != nil {
			s.locate(f, e)
			f.orphan.Store(true)
			t.stats.rotated.Add(1)
		}
	}
}

// besides is the file beside p that holds what f does.
func (s *scanner) besides(f *file, p place, list func(string) []entry) *entry {
	t := s.t
	pr, offset := f.seenAs()
	for _, byInode := range []bool{true, false} {
		for _, dir := range dirsOf(p) {
			for _, e := range list(dir) {
				if byInode != (e.inode == p.inode) || !byInode && (!mayBeCopy(p.path, e.path) && !sameRotation(p.path, e.path) || pr.headLen == 0) {
					continue
				}
				t.mu.Lock()
				taken := t.byInode[e.inode] != nil
				t.mu.Unlock()
				if taken || !s.inspect(&e) {
					continue
				}
				if v := compare(&e, &pr, offset); v == equal || v == alike {
					return &e
				}
			}
		}
	}
	return nil
}

// adoptCopy is called by f's worker when f's place holds something else now. It says
// whether a copy was found to go on with.
func (t *Tailer) adoptCopy(f *file) bool {
	t.identity.Lock()
	defer t.identity.Unlock()
	was := f.place()
	e := t.shadowOf(f)
	if e == nil {
		s := scanner{t: t, ignored: map[inode]stamp{}}
		e = s.besides(f, was, listDir)
	}
	if e == nil || e.inode == was.inode {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byInode[e.inode] != nil {
		return false
	}
	if t.byInode[was.inode] == f {
		delete(t.byInode, was.inode)
	}
	delete(t.shadows, e.inode)
	for in, sh := range t.shadows {
		if sh.of == f {
			delete(t.shadows, in)
		}
	}
	t.locateLocked(f, e.place(), f.gen)
	f.size, f.modified = e.size, e.modified
	if e.comp == plain && e.size < f.pos {
		f.mu.Lock()
		f.parked = true
		f.mu.Unlock()
	}
	t.stats.adopted.Add(1)
	return true
}

func (t *Tailer) shadowOf(f *file) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	for in, sh := range t.shadows {
		if sh.of != f {
			continue
		}
		info, err := os.Stat(sh.place.path)
		if err != nil || inodeOf(info) != in {
			continue
		}
		return &entry{path: sh.place.path, inode: in, stamp: stamp{info.Size(), info.ModTime()}, comp: sh.place.comp}
	}
	return nil
}
