package metricstore

import (
	"io/fs"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb"
	"go.uber.org/zap"
)

// The whole directory is bounded: blocks, the newest points in memory as the write-ahead log and mapped chunks have
// them, and what metrics say of themselves. Above half of MaxSize the newest points become a block, which lets their
// log go, and the oldest blocks are removed; the other half is for what comes and what is written meanwhile. Were it
// to be above MaxSize with what has come since it was last measured, new points are left out.
const (
	// sizeInterval is how often it is measured; also after a 32nd of MaxSize has come.
	sizeInterval = 5 * time.Second
	// What is written of a point at most, besides its labels where they are new, and of each bucket.
	pointBytes  = 32
	bucketBytes = 12
	labelsBytes = 64
)

// watch measures until Close.
func (s *Store) watch() {
	defer close(s.watched)
	ticker := time.NewTicker(sizeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.ending:
			return
		case <-ticker.C:
		case <-s.measure:
		}
		s.trim()
	}
}

// trim measures, and makes room.
func (s *Store) trim() {
	s.trimMu.Lock()
	defer s.trimMu.Unlock()
	before := s.written.Load()
	size := s.diskSize()
	if size > s.settings.MaxSize/2 {
		head := s.db.Head()
		if from, to := head.MinTime(), head.MaxTime(); from <= to {
			if err := s.db.CompactHead(tsdb.NewRangeHead(head, from, to)); err != nil {
				s.settings.Logger.Warn("The newest metrics can't be written as a block, to make room", zap.Error(err))
			}
			size = s.diskSize()
		}
	}
	s.size.Store(size)
	s.written.Add(-before)
}

// diskSize is what the directory has.
func (s *Store) diskSize() (size int64) {
	_ = filepath.WalkDir(s.settings.Directory, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

// room takes what a series may need on disk; false: there is none.
func (s *Store) room(ts *prompb.TimeSeries, known bool) bool {
	n := pointBytes * (len(ts.Samples) + len(ts.Exemplars))
	for i := range ts.Histograms {
		h := &ts.Histograms[i]
		n += pointBytes + bucketBytes*(len(h.PositiveDeltas)+len(h.NegativeDeltas)+len(h.PositiveCounts)+len(h.NegativeCounts))
	}
	for i := range ts.Exemplars {
		for _, l := range ts.Exemplars[i].Labels {
			n += len(l.Name) + len(l.Value)
		}
	}
	if !known {
		n += labelsBytes
		for _, l := range ts.Labels {
			n += len(l.Name) + len(l.Value)
		}
	}
	written := s.written.Add(int64(n))
	if written > s.settings.MaxSize/32 {
		select {
		case s.measure <- struct{}{}:
		default:
		}
	}
	if s.size.Load()+written > s.settings.MaxSize {
		s.written.Add(-int64(n))
		return false
	}
	return true
}
