// Package store keeps the latest records and spans of the viewer on disk, bounded in bytes and age,
// and finds them again by time, service, severity, ids, fields and words.
//
// A record comes in through Add, which never waits: a queue bounded in bytes leads to the one
// goroutine that writes. From there on queries see it, first in the head, the newest records in
// memory, then in a block: some thousand records that arrived one after the other, by columns.
// Blocks are appended to segments, files that are removed whole when the oldest must go. What is in
// the head is also in the journal, once a second.
//
//	Add -> queue -> head (+ journal) -> block -> segment -> removed, counted
//
// A process that dies loses what came since the last flush, about a second. Nothing is synced: when the
// machine dies, what the kernel had not yet written is lost, too, some half a minute. What is damaged
// is found by its checksums, left out, and named in Stats.
//
// A query reads block by block, on as many goroutines as half the processors, one at least; these are for
// all queries together, in turns of a block. After QueryTime a call gives what it has, and a cursor to go
// on from.
//
// What a query gives may be shared with the store and with other queries: it must not be changed.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

var (
	// ErrNotFound says that there is no such record, or no longer.
	ErrNotFound = errors.New("there is no such record, or no longer")
	// ErrCursor says that a cursor is none of this store's.
	ErrCursor = errors.New("this is no cursor of the store")
	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("the store is closed")
)

// Settings of a store. Zero values are the defaults.
type Settings struct {
	// Directory is made where it is not there. It must be the store's own.
	Directory string
	// MaxSize is how many bytes of records may be on disk: 512 MiB, and MinSize at least.
	MaxSize int64
	// MaxAge is how long records are kept, since they arrived: 24 h.
	MaxAge time.Duration
	// MaxWaiting is how many bytes of records may wait to be written, in memory: 16 MiB.
	MaxWaiting int64
	// QueryTime is after how long a call gives what it has so far: 1 s.
	QueryTime time.Duration
	// FlushInterval is how much of the newest a crash may take: 1 s.
	FlushInterval time.Duration
	// Spent is told the processor time that went into writing records. It may be nil.
	Spent func(time.Duration)
	// Now is the clock.
	Now    func() time.Time
	Logger *zap.Logger

	// In tests others than the operating system's, and maxBlockRecords.
	fs           diskfs.FS
	blockRecords int
}

func (s *Settings) defaults() {
	setDefault(&s.MaxSize, 512<<20)
	s.MaxSize = max(s.MaxSize, MinSize)
	setDefault(&s.MaxAge, 24*time.Hour)
	setDefault(&s.MaxWaiting, 16<<20)
	setDefault(&s.QueryTime, time.Second)
	setDefault(&s.FlushInterval, time.Second)
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Spent == nil {
		s.Spent = func(time.Duration) {}
	}
	if s.Logger == nil {
		s.Logger = zap.NewNop()
	}
	if s.blockRecords == 0 {
		s.blockRecords = maxBlockRecords
	}
	if s.fs == nil {
		s.fs = diskfs.OS()
	}
}

func setDefault[T int64 | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

// Store is safe for concurrent use.
type Store struct {
	settings Settings
	lock     io.Closer
	started  int64         // Unix nanoseconds
	scanners chan struct{} // one for each goroutine that may scan

	wake    chan struct{} // has one when the queue has something new
	flushes chan chan error
	stop    chan struct{}
	stopped chan struct{}

	// queueMu guards the following.
	queueMu  sync.Mutex
	queue    []batch
	waiting  int64 // bytes in the queue, and of what the writer has taken
	closed   bool
	received int64
	leftOut  leftOut

	decoder  *zstd.Decoder
	answers  answerCache
	pendings pendings
	memory   sync.Pool // of *buffers

	// of the writer's goroutine
	builder              *blockBuilder
	journal              *journal
	headBytes, journaled int      // of the head: its size in memory, and how many the journal has
	writing              *segment // is appended to; nil: the next block begins one
	block                []byte
	complaint            time.Time // when it was last logged that the disk does not take more

	// mu guards what queries see. Only the writer's goroutine changes it.
	mu       sync.RWMutex
	chunks   []chunk         // of the head
	made     int             // how many of them are in head, too
	head     []record.Record // appended to, never changed; by whom it is asked for
	count    int             // of the head's records
	newest   uint64          // the id of the last of them
	blocks   []*block        // by id; a new slice when some go at its front
	segments []*segment      // by id
	lastID   uint64
	bytes    int64         // on disk
	news     chan struct{} // closed when there are new records
	gone     int64

	// damageMu guards the following.
	damageMu sync.Mutex
	damaged  []string
}

// maxDamaged places are named.
const maxDamaged = 100

// idGap is what ids skip at least when a store is opened: those of the last second before a crash were
// given, and are not given to others.
const idGap = 1 << 24

// maxRecordPart: a record that takes more than this part of MaxSize is left out, as it would be nearly all that
// there is.
const maxRecordPart = 8

// MinSize is the least that MaxSize may be.
const MinSize = 1 << 20

// Stats are a store's figures.
type Stats struct {
	Records, Spans  int64 // that are there
	Bytes, MaxBytes int64 // on disk
	Received        int64 // records and spans since Open
	LeftOut         int64 // of them
	Gone            int64 // since Open, for their age or since newer ones needed the room
	Oldest, Newest  time.Time
	Damaged         []string // what could not be read, by file and place
}

// Open opens the store in a directory, or makes one. A directory that another process has is an error
// that is diskfs.ErrInUse.
func Open(settings Settings) (*Store, error) {
	settings.defaults()
	if settings.Directory == "" {
		return nil, errors.New("the store needs a directory")
	}
	if err := settings.fs.MkdirAll(settings.Directory); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	lock, err := settings.fs.Lock(filepath.Join(settings.Directory, "lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the store in %s: %w", settings.Directory, err)
	}
	s := &Store{
		settings: settings,
		lock:     lock,
		scanners: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		wake:     make(chan struct{}, 1),
		flushes:  make(chan chan error),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
		news:     make(chan struct{}),
		started:  settings.Now().UnixNano(),
	}
	if err := s.load(); err != nil {
		s.unload()
		return nil, errors.Join(fmt.Errorf("open the store in %s: %w", settings.Directory, err), lock.Close())
	}
	go s.write()
	return s, nil
}

// load reads what is there.
func (s *Store) load() (err error) {
	if s.builder, err = newBlockBuilder(); err != nil {
		return err
	}
	s.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(cap(s.scanners)+1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxColumnSize))
	if err != nil {
		return err
	}
	fs, dir := s.settings.fs, s.settings.Directory
	paths, err := segmentPaths(fs, dir)
	if err != nil {
		return err
	}
	for i, path := range paths {
		damaged := false
		segment, blocks, whole, err := openSegment(fs, path, s.decoder, func(place, why string) {
			damaged = true
			s.addDamage(place, why)
		})
		if err != nil {
			// One file that can't be opened is no reason to have nothing.
			s.addDamage(filepath.Base(path), err.Error())
			continue
		}
		if damaged {
			// How old the rest is nobody knows: it stays, for who wants to see to it, as if it were new.
			segment.maxArrived = s.started
		}
		s.segments = append(s.segments, segment)
		s.blocks = append(s.blocks, blocks...)
		s.bytes += segment.size
		if i == len(paths)-1 && whole && len(blocks) > 0 {
			s.writing = segment
		}
	}
	slices.SortStableFunc(s.blocks, func(a, b *block) int { return cmp.Compare(a.ids.first, b.ids.first) })
	s.blocks = slices.DeleteFunc(s.blocks, func(k *block) bool {
		if k.ids.first <= s.lastID {
			s.addDamage(fmt.Sprintf("%s, bytes %d to %d", k.segment.name(), k.offset, k.offset+int64(k.size)), "another block has the same ids")
			return true
		}
		s.lastID = k.ids.last()
		return false
	})
	var kept []record.Record
	damagedBefore := len(s.damaged)
	journal, records, err := openJournal(fs, dir, s.decoder, s.addDamage)
	if err != nil {
		return err
	}
	s.journal = journal
	for i := range records {
		if records[i].ID > s.lastID {
			kept = append(kept, records[i])
			s.headBytes += int(sizeOf(&records[i]))
			s.lastID = records[i].ID
		}
	}
	if len(kept) > 0 {
		s.chunks, s.made, s.head = []chunk{{records: kept, n: len(kept)}}, 1, kept
		s.count, s.newest = len(kept), s.lastID
	}
	s.journaled = len(kept)
	if len(s.damaged) > damagedBefore || len(kept) != len(records) {
		// What can be read of it is written anew.
		if err := s.journal.empty(); err != nil {
			return err
		}
		s.journaled = 0
	}
	s.bytes += s.journal.size
	if len(paths) > 0 {
		// A segment may be there of which no block can be read.
		number, _, _ := strings.Cut(filepath.Base(paths[len(paths)-1]), ".")
		if first, err := strconv.ParseUint(number, 10, 64); err == nil {
			s.lastID = max(s.lastID, first)
		}
	}
	// Ids also count up where all has been removed: a cursor of before is not one into other records.
	s.lastID = max(s.lastID+idGap, uint64(max(0, s.started/int64(time.Millisecond)))<<20)
	if s.journaled < s.count {
		_ = s.flush()
	}
	s.expire()
	return nil
}

// unload closes the files.
func (s *Store) unload() {
	for _, segment := range s.segments {
		segment.kept.Store(true)
		segment.release()
	}
	if s.journal != nil {
		_ = s.journal.file.Close()
	}
	if s.decoder != nil {
		s.decoder.Close()
	}
}

// addDamage makes a note of what can't be read.
func (s *Store) addDamage(place, why string) {
	s.settings.Logger.Error("A part of the viewer's store can't be read and is left out", zap.String("place", place), zap.String("reason", why))
	s.damageMu.Lock()
	defer s.damageMu.Unlock()
	if len(s.damaged) < maxDamaged {
		s.damaged = append(s.damaged, place+": "+why)
	}
}

// noteDamage leaves a block out from now on.
func (s *Store) noteDamage(damaged *damagedError) {
	if !damaged.block.damaged.Swap(true) {
		k := damaged.block
		s.addDamage(fmt.Sprintf("%s, bytes %d to %d", k.segment.name(), k.offset, k.offset+int64(k.size)), damaged.err.Error())
	}
}

// Close writes what waits, and ends the store.
func (s *Store) Close() error {
	s.queueMu.Lock()
	closed := s.closed
	s.closed = true
	s.queueMu.Unlock()
	if closed {
		return nil
	}
	close(s.stop)
	<-s.stopped
	s.unload()
	return s.lock.Close()
}

// Add takes records without waiting; what has no room is left out and counted. It gives the number
// left out. The slice is the store's from now on, and what the records refer to must not be changed.
func (s *Store) Add(records []record.Record) (leftOut int) {
	if len(records) == 0 {
		return 0
	}
	sizes := make([]uint32, len(records))
	for i := range records {
		sizes[i] = uint32(min(sizeOf(&records[i]), math.MaxUint32))
	}
	now := s.settings.Now()
	for i := range records {
		if records[i].Arrived.IsZero() {
			records[i].Arrived = now
		}
	}
	return s.add(batch{records: records, sizes: sizes, arrived: now})
}

// AddSource is Add for records in the form in which they came.
func (s *Store) AddSource(source Source) (leftOut int) {
	sizes := make([]uint32, source.Len())
	if len(sizes) == 0 {
		return 0
	}
	for i := range sizes {
		sizes[i] = uint32(min(source.Size(i), math.MaxUint32))
	}
	return s.add(batch{source: source, sizes: sizes, arrived: time.Unix(0, nanos(s.settings.Now())).UTC()})
}

func (s *Store) add(b batch) (leftOut int) {
	all := len(b.sizes)
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	taken, sum := 0, int64(0)
	for i, size := range b.sizes {
		if s.closed || s.waiting+sum+int64(size) > s.settings.MaxWaiting || int64(size) > s.settings.MaxSize/maxRecordPart {
			continue
		}
		sum += int64(size)
		if taken < i {
			b.move(taken, i)
		}
		taken++
	}
	s.received += int64(all)
	leftOut = all - taken
	s.leftOut.add(b.arrived, leftOut)
	if taken > 0 {
		if leftOut > 0 {
			b.cut(taken)
		}
		s.queue = append(s.queue, b)
		s.waiting += sum
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return leftOut
}

// LeaveOut counts records that their sender left out, as Add would.
func (s *Store) LeaveOut(count int) {
	now := s.settings.Now()
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	s.received += int64(count)
	s.leftOut.add(now, count)
}

// Flush waits until what was added before is on disk, as far as that is to be had, and can be queried.
func (s *Store) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case s.flushes <- done:
	case <-s.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats gives the store's figures.
func (s *Store) Stats() Stats {
	s.queueMu.Lock()
	out := Stats{Received: s.received, LeftOut: s.leftOut.total, MaxBytes: s.settings.MaxSize}
	s.queueMu.Unlock()
	s.damageMu.Lock()
	out.Damaged = slices.Clone(s.damaged)
	s.damageMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeHeadLocked()
	out.Bytes, out.Gone = s.bytes, s.gone
	oldest, newest := int64(math.MaxInt64), int64(math.MinInt64)
	for _, k := range s.blocks {
		if !k.damaged.Load() {
			out.Spans += int64(k.spans)
			out.Records += int64(k.ids.count - k.spans)
			oldest, newest = min(oldest, k.minTime), max(newest, k.maxTime)
		}
	}
	for i := range s.head {
		if s.head[i].Kind == record.Span {
			out.Spans++
		} else {
			out.Records++
		}
		at := s.head[i].Time.UnixNano()
		oldest, newest = min(oldest, at), max(newest, at)
	}
	if out.Records+out.Spans > 0 {
		out.Oldest, out.Newest = time.Unix(0, oldest).UTC(), time.Unix(0, newest).UTC()
	}
	return out
}

// What a record takes in memory, and each of its attributes, besides texts; an estimate.
const (
	RecordSize = 256
	FieldSize  = 32
)

// sizeOf estimates what a record takes in memory.
func sizeOf(r *record.Record) int64 {
	n := RecordSize + len(r.SeverityText) + len(r.Service) + len(r.Event) + len(r.Request) + len(r.Macro) +
		len(r.Trace) + len(r.Span) + len(r.Parent) + len(r.UID) + valueSize(r.Body)
	for i := range r.Attributes {
		n += FieldSize + len(r.Attributes[i].Name) + valueSize(r.Attributes[i].Value)
	}
	return int64(n) + SizeOfResource(r.Resource)
}

// SizeOfResource estimates what a resource adds to each of its records: it is shared between many, most of the
// time, but its large values count.
func SizeOfResource(fields []record.Field) int64 {
	n := FieldSize * len(fields)
	for i := range fields {
		if size := valueSize(fields[i].Value); size > 256 {
			n += size
		}
	}
	return int64(n)
}

func valueSize(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []any:
		n := 24
		for _, element := range v {
			n += 16 + valueSize(element)
		}
		return n
	case map[string]any:
		n := 48
		for name, element := range v {
			n += 48 + len(name) + valueSize(element)
		}
		return n
	default:
		return 8
	}
}
