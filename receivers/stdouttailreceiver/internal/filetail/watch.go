package filetail

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// watcher is told by the file system of changes in the directories where files are,
// so that there is no need to wait for the next look at them.
type watcher struct {
	t     *Tailer
	fs    *fsnotify.Watcher
	bases []string // directories below which files are searched for

	// mu guards the following.
	mu   sync.Mutex
	dirs map[string]bool
	full bool // that there can't be more was said
}

const (
	// watchBuffer is how many events wait, at most.
	watchBuffer = 4096
	// watchPause lies between two looks at the events: the kernel merges equal ones
	// that come one after the other, so a busy writer costs a hundred events a second
	// and no more.
	watchPause = 10 * time.Millisecond
)

func newWatcher(t *Tailer) (*watcher, error) {
	fs, err := fsnotify.NewBufferedWatcher(watchBuffer)
	if err != nil {
		return nil, err
	}
	w := &watcher{t: t, fs: fs, dirs: map[string]bool{}}
	for _, pattern := range t.cfg.Include {
		base, _ := doublestar.SplitPattern(filepath.ToSlash(pattern))
		w.bases = append(w.bases, filepath.FromSlash(base))
	}
	for _, base := range w.bases {
		w.add(base)
	}
	return w, nil
}

// follow watches the directories of what a search has found.
func (w *watcher) follow(found []entry) {
	for i := range found {
		w.addUp(filepath.Dir(found[i].path))
	}
	for _, base := range w.bases {
		w.add(base) // it may not have been there before
	}
}

// addUp watches dir and those above it, up to where the search begins.
func (w *watcher) addUp(dir string) {
	for w.add(dir) {
		parent := filepath.Dir(dir)
		if parent == dir || !w.below(parent) {
			return
		}
		dir = parent
	}
}

func (w *watcher) below(dir string) bool {
	for _, base := range w.bases {
		if dir == base || strings.HasPrefix(dir, base+string(filepath.Separator)) || base == "." {
			return true
		}
	}
	return false
}

// add watches dir, and says whether that is new.
func (w *watcher) add(dir string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dirs[dir] {
		return false
	}
	if err := w.fs.Add(dir); err != nil {
		if !w.full && !os.IsNotExist(err) {
			w.full = true
			w.t.log.Warn("can't watch a directory; polling only", zap.String("path", dir), zap.Error(err))
		}
		return false
	}
	w.dirs[dir] = true
	return true
}

func (w *watcher) forget(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.dirs, dir)
}

func (w *watcher) run(ctx context.Context) {
	defer w.fs.Close() //nolint:errcheck // nothing is lost
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			w.handle(e)
			w.drain()
		case _, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.t.searchSoon() // some events were lost
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchPause):
		}
	}
}

func (w *watcher) drain() {
	for range watchBuffer {
		select {
		case e := <-w.fs.Events:
			w.handle(e)
		default:
			return
		}
	}
}

func (w *watcher) handle(e fsnotify.Event) {
	t := w.t
	t.mu.Lock()
	f := t.byPath[e.Name]
	t.mu.Unlock()
	if e.Op.Has(fsnotify.Write) && f != nil {
		f.w.enqueue(f)
		return
	}
	if e.Op.Has(fsnotify.Create) {
		if info, err := os.Stat(e.Name); err == nil && info.IsDir() {
			w.add(e.Name)
			t.searchSoon()
			return
		}
	}
	if e.Op.Has(fsnotify.Remove) || e.Op.Has(fsnotify.Rename) {
		w.forget(e.Name) // if it was a directory
	}
	if f != nil || w.matches(e.Name) {
		t.searchSoon()
	}
}

func (w *watcher) matches(path string) bool {
	for _, pattern := range w.t.cfg.Include {
		if ok, _ := doublestar.PathMatch(pattern, path); ok {
			return true
		}
	}
	return false
}
