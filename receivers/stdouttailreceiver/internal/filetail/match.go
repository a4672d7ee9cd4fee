package filetail

import (
	"bytes"
	"os"
	"slices"
	"time"
)

// compare opens e and compares it with what p is of.
func compare(e *entry, p *fingerprint, offset int64) verdict {
	fd, err := os.OpenFile(e.path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return unsure
	}
	defer fd.Close() //nolint:errcheck // was only read
	info, err := fd.Stat()
	if err != nil || inodeOf(info) != e.inode {
		return unsure
	}
	if e.comp == plain {
		return p.match(fd, info.Size(), offset)
	}
	u := newUnpacked(fd, info.Size(), e.comp)
	defer u.close()
	return p.match(u, u.reach(max(offset, int64(p.headLen))), offset)
}

// families has the files that share a family with one of the entries.
func (s *scanner) families(entries []entry) map[string][]*file {
	m := make(map[string][]*file, len(entries))
	for _, e := range entries {
		m[family(e.path)] = nil
	}
	if len(m) == 0 {
		return m
	}
	add := func(f *file) {
		name := family(f.place().path)
		if list, ok := m[name]; ok {
			m[name] = append(list, f)
		}
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	for _, f := range s.t.byInode {
		add(f)
	}
	for f := range s.t.lost {
		add(f)
	}
	return m
}

// byContent finds the file that e is a copy of. wait says that it can't be told yet.
func (s *scanner) byContent(e *entry, families map[string][]*file) (best *file, bestLocated, wait bool) {
	t := s.t
	var furthest int64 = -1
	name := family(e.path)
	for _, f := range families[name] {
		t.mu.Lock()
		located, loaded, dead := f.located, f.loaded, f.dead
		t.mu.Unlock()
		if e.comp != plain && t.cfg.Compressed == Skip && (located || dead) {
			continue // has been read, or can be, without this copy
		}
		p, offset := f.seenAs()
		switch path := f.place().path; {
		case p.headLen == 0:
			continue
		case mayBeCopyIn(name, path, e.path):
		case path == e.path && !located && loaded && offset >= int64(t.cfg.FingerprintSize):
			// The same place, after the file system was mounted anew or restored.
		case areRotated(name, path, e.path) && (!located || !intact(f)):
		default:
			continue
		}
		if e.comp != plain && s.recent(e) && s.putOff(e) {
			return nil, false, true // unpacking it with every search would be much work
		}
		v := compare(e, &p, offset)
		if v == unsure {
			return nil, false, true
		}
		if s.recent(e) && v != equal && (v == shorter || e.size < int64(p.headLen)) && s.putOff(e) {
			return nil, false, true
		}
		if v == alike && located {
			if (s.recent(e) || e.comp != plain) && s.putOff(e) {
				return nil, false, true
			}
			if begins(f.place(), e) {
				v = equal
			} else if !intact(f) && s.putOff(e) {
				return nil, false, true // its worker will see that, and look for a copy
			}
		}
		if v == equal || v == shorter && located || v == alike && !located {
			if offset > furthest {
				best, bestLocated, furthest = f, located, offset
			}
		}
	}
	delete(t.waiting, e.inode)
	return best, bestLocated, false
}

// begins says whether the file at p begins with all that e holds.
func begins(p place, e *entry) bool {
	if p.comp != plain || e.comp != plain {
		return false
	}
	a, err := os.OpenFile(p.path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return false
	}
	defer a.Close() //nolint:errcheck // was only read
	info, err := a.Stat()
	if err != nil || inodeOf(info) != p.inode || info.Size() < e.size {
		return false
	}
	b, err := os.OpenFile(e.path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return false
	}
	defer b.Close() //nolint:errcheck // was only read
	const chunk = 64 << 10
	x, y := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); at < e.size; at += chunk {
		n := min(chunk, e.size-at)
		k, _ := a.ReadAt(x[:n], at)
		l, _ := b.ReadAt(y[:n], at)
		if int64(k) < n || int64(l) < n || !bytes.Equal(x[:n], y[:n]) {
			return false
		}
	}
	return true
}

// intact says whether f still is where it is thought to be.
func intact(f *file) bool {
	p := f.place()
	pr, offset := f.seenAs()
	v := compare(&entry{path: p.path, inode: p.inode, comp: p.comp}, &pr, offset)
	return v == equal || v == alike
}

// withoutCopies leaves out the new files that are copies of others of them: a file
// was found and its copy too. Once the other is known, they are looked at again.
func (s *scanner) withoutCopies(newborn []entry) (kept []entry, again bool) {
	// Of a family only the log itself may have a copy that is not compressed, so that
	// thousands of files with numbered names are not compared with one another.
	type relatives struct{ all, originals []int }
	families := map[string]*relatives{}
	nameOf := make([]string, len(newborn))
	for i := range newborn {
		path := newborn[i].path
		nameOf[i] = family(path)
		r := families[nameOf[i]]
		if r == nil {
			r = &relatives{}
			families[nameOf[i]] = r
		}
		r.all = append(r.all, i)
		if plainName(path) == nameOf[i] {
			r.originals = append(r.originals, i)
		}
	}
	for i := range newborn {
		e := &newborn[i]
		r := families[nameOf[i]]
		others := r.originals
		if plainName(e.path) != e.path {
			others = r.all
		}
		if slices.ContainsFunc(others, func(j int) bool { return j != i && begins(newborn[j].place(), e) }) {
			again = true
			continue
		}
		kept = append(kept, *e)
	}
	return kept, again
}

// putOff says that e may be waited for still.
func (s *scanner) putOff(e *entry) bool {
	since, ok := s.t.waiting[e.inode]
	if !ok {
		s.t.waiting[e.inode] = time.Now()
		return true
	}
	return time.Since(since) < putOffFor
}
