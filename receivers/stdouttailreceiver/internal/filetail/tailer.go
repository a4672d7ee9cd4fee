package filetail

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Tailer reads files as they grow.
type Tailer struct {
	cfg     Config
	store   Store
	log     *zap.Logger
	workers []*worker
	seed    maphash.Seed
	stats   counters

	kick     chan struct{} // asks for a search
	cancel   context.CancelFunc
	deliver  context.CancelFunc
	scanning sync.WaitGroup
	working  sync.WaitGroup
	watch    *watcher

	// identity is held while it is found out which file something is: by the search,
	// or by a worker whose file was replaced. It is taken before mu.
	identity sync.Mutex

	// mu guards the following, but waiting, which identity does.
	mu      sync.Mutex
	byInode map[inode]*file
	lost    map[*file]struct{}
	shadows map[inode]*shadow
	byPath  map[string]*file    // of located files, by both paths
	waiting map[inode]time.Time // files put off, and since when
	// lookAgain is set when a compressed file may hold the rest of one that is lost.
	lookAgain bool

	scan scanner // belongs to the goroutine that searches
}

// shadow is a copy of a file that is being read: what rotation by copying makes
// before it cuts the original off. It is not read unless that happens.
type shadow struct {
	of       *file
	place    place
	gen      uint64 // of the last search that found it
	size     int64
	modified time.Time
}

// Stats are counts since the start, but for Files, Lost and Open.
type Stats struct {
	// Files are being read, Lost are not found but remembered, Open have a
	// descriptor.
	Files, Lost, Open int64
	// Lines counts lines and pieces given to streams, Bytes what was read for them.
	Lines, Bytes int64
	// NULs counts bytes left out because a line began with them.
	NULs int64
	// Truncated counts files that began anew without a copy of their old content to be
	// found.
	Truncated int64
	// Rotated counts files found again under another name, Adopted those found again
	// as a copy of themselves.
	Rotated, Adopted int64
	// StoreErrors counts failed writes of checkpoints, which are repeated.
	StoreErrors int64
	// OpenErrors counts files that could not be opened, once for each time it began.
	OpenErrors int64
}

type counters struct {
	open, lines, bytes, nuls, truncated, rotated, adopted, storeErrors, openErrors atomic.Int64
}

// New returns a Tailer that does nothing before Start. newHandler is called once
// for each worker. log may be nil.
func New(cfg Config, store Store, newHandler func(worker int) Handler, log *zap.Logger) (*Tailer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !supported {
		return nil, errUnsupported
	}
	if log == nil {
		log = zap.NewNop()
	}
	t := &Tailer{
		cfg:     cfg.withDefaults(),
		store:   store,
		log:     log,
		seed:    maphash.MakeSeed(),
		kick:    make(chan struct{}, 1),
		byInode: map[inode]*file{},
		lost:    map[*file]struct{}{},
		shadows: map[inode]*shadow{},
		waiting: map[inode]time.Time{},
		byPath:  map[string]*file{},
	}
	for n := range t.cfg.Workers {
		t.workers = append(t.workers, newWorker(t, newHandler(n)))
	}
	return t, nil
}

// Start reads the checkpoints and begins to read files. A checkpoint that can't be
// read is an error, ErrDamaged.
func (t *Tailer) Start(ctx context.Context) error {
	files, known, err := load(ctx, t.store)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, f := range files {
		t.assign(f)
		f.lostAt = now
		t.lost[f] = struct{}{}
	}
	t.scan = scanner{t: t, first: true, skipOld: t.cfg.StartAt == End && !known, known: known}
	if !t.cfg.DisableNotify {
		t.watch, err = newWatcher(t)
		if err != nil {
			t.log.Warn("no notifications from the file system; polling only", zap.Error(err))
		}
	}
	t.scan.watch = t.watch
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	deliver, cancelDeliver := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel, t.deliver = cancel, cancelDeliver
	t.scanning.Go(func() { t.scan.run(run) })
	if t.watch != nil {
		t.scanning.Go(func() { t.watch.run(run) })
	}
	for _, w := range t.workers {
		t.working.Go(func() { w.run(run, deliver) })
	}
	return nil
}

// Shutdown stops reading, tries for a while to deliver what has been read, and
// moves the checkpoints as far as it was. What is not delivered is read again after
// the next start. It may be called when Start was not, or failed.
func (t *Tailer) Shutdown(ctx context.Context) error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	done := make(chan struct{})
	go func() {
		t.scanning.Wait()
		t.working.Wait()
		close(done)
	}()
	defer t.deliver()
	timer := time.NewTimer(t.cfg.ShutdownWait)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	t.deliver()
	<-done
	return nil
}

// Stats may be called at any time.
func (t *Tailer) Stats() Stats {
	t.mu.Lock()
	files, lost := int64(len(t.byInode)), int64(len(t.lost))
	t.mu.Unlock()
	c := &t.stats
	return Stats{
		Files: files, Lost: lost, Open: c.open.Load(),
		Lines: c.lines.Load(), Bytes: c.bytes.Load(), NULs: c.nuls.Load(),
		Truncated: c.truncated.Load(), Rotated: c.rotated.Load(), Adopted: c.adopted.Load(),
		StoreErrors: c.storeErrors.Load(), OpenErrors: c.openErrors.Load(),
	}
}

func (t *Tailer) assign(f *file) {
	f.w = t.workers[maphash.String(t.seed, f.id)%uint64(len(t.workers))]
}

// searchSoon asks for a search for files.
func (t *Tailer) searchSoon() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// save writes to the store until it has worked. It returns an error only when ctx
// has ended.
func (t *Tailer) save(ctx context.Context, ops []Op) error {
	return retry(ctx, func(err error) {
		t.stats.storeErrors.Add(1)
		t.log.Error("can't write checkpoints; trying again", zap.Error(err))
	}, func() error { return t.store.Batch(ctx, ops) })
}

// locateLocked puts f where it was found.
func (t *Tailer) locateLocked(f *file, p place, gen uint64) {
	delete(t.lost, f)
	t.placeLocked(f, p)
	f.located, f.gen = true, gen
	f.failed.Store(false)
	t.byInode[p.inode] = f
	t.log.Debug("file found", zap.String("id", f.id), zap.String("path", p.path), zap.Uint64("inode", p.inode.num))
}

// lose says that f's content isn't to be found any more.
// dead says that neither is it where it was.
func (t *Tailer) lose(f *file, dead bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if in := f.place().inode; t.byInode[in] == f {
		delete(t.byInode, in)
	}
	t.unlistLocked(f)
	for in, s := range t.shadows {
		if s.of == f {
			delete(t.shadows, in) // to be looked at anew
		}
	}
	f.located, f.dead = false, dead
	t.lookAgain = t.lookAgain || !dead
	t.log.Debug("file lost", zap.String("id", f.id), zap.String("path", f.place().path), zap.Bool("gone", dead))
	f.lostAt = time.Now()
	t.lost[f] = struct{}{}
}

// placeLocked moves f, which is or becomes located, to p.
func (t *Tailer) placeLocked(f *file, p place) {
	t.unlistLocked(f)
	if p.resolved == p.path {
		p.resolved = p.path // one string
	}
	f.setPlace(p)
	t.byPath[p.path], t.byPath[p.resolved] = f, f
}

func (t *Tailer) unlistLocked(f *file) {
	p := f.place()
	for _, path := range []string{p.path, p.resolved} {
		if t.byPath[path] == f {
			delete(t.byPath, path)
		}
	}
}

// MemoryStore is a Store that forgets everything with the process.
type MemoryStore struct {
	mu sync.Mutex
	m  map[string][]byte
}

// Get implements Store.
func (s *MemoryStore) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key], nil
}

// Batch implements Store.
func (s *MemoryStore) Batch(_ context.Context, ops []Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string][]byte{}
	}
	for _, op := range ops {
		if op.Key == "" {
			return fmt.Errorf("filetail: %w", errEmptyKey)
		}
		if op.Value == nil {
			delete(s.m, op.Key)
		} else {
			s.m[op.Key] = op.Value
		}
	}
	return nil
}

var (
	errEmptyKey    = errors.New("empty key")
	errUnsupported = errors.New("filetail: this system has no inodes to know files by")
)
