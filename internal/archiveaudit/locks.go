package archiveaudit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// lockPeriods is what is known of how long things are locked under one configuration of a
// writer. What an interval's part of the log was locked with, the next manifest says; of the
// last one nothing does. All of the log is locked with the longest period that any class
// has: longest is what was seen, and what has less of it was shortened.
type lockPeriods struct {
	longest time.Duration
	// low are the shortest of the log's objects, the shortest first.
	low []lowLock
	// locked says that some object has a lock.
	locked bool
}

type lowLock struct {
	key, version string
	period       time.Duration // from the end of its interval; negative without a lock
	lock         objectstore.Lock
}

// maxLow is how many of the shortest are kept.
const maxLow = 64

// noLock is the period of what has no lock.
const noLock = -time.Hour * 24 * 365 * 100

func (w *writerAudit) periods(config archive.Digest) *lockPeriods {
	p := w.locks[config]
	if p == nil {
		p = &lockPeriods{}
		w.locks[config] = p
	}
	return p
}

// sawLock takes a lock of anything into account. Its period is from when it was written.
func (w *writerAudit) sawLock(config archive.Digest, info objectstore.Info) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.periods(config); info.Lock.Mode != objectstore.Unlocked {
		p.locked = true
		p.longest = max(p.longest, info.Lock.RetainUntil.Sub(info.Modified))
	}
}

// locksOf has the locks of the step before looked at, now that it is known what the next
// manifest says of them. nil: there is no next.
func (w *writerAudit) locksOf(ctx context.Context, next *step) {
	before := w.unlocked
	w.unlocked = next
	if before == nil || !w.a.locks {
		return
	}
	var least objectstore.Lock
	if next != nil && next.number == before.number+1 && next.manifest.Previous != nil {
		p := next.manifest.Previous
		least = objectstore.Lock{Mode: objectstore.Mode(p.Mode), RetainUntil: p.RetainUntil}
	}
	w.small.do(func() { w.logLocks(ctx, before, least) })
}

// logLocks asks for the locks of an interval's part of the log, which were at least least.
func (w *writerAudit) logLocks(ctx context.Context, s *step, least objectstore.Lock) {
	if s.checkpoint != nil {
		w.logLock(ctx, s, s.checkpointInfo.Key, s.checkpointInfo.VersionID, least)
	}
	w.logLock(ctx, s, s.manifestInfo.Key, s.manifestInfo.VersionID, least)
	m := s.manifest
	for _, t := range m.Tiles {
		w.logLock(ctx, s, w.tileKey(t.Path), t.VersionID, least)
	}
	if m.Filters != nil {
		s.filters()
		key := w.a.layout.Filters(w.name, m.Number, m.Filters.SHA256)
		if version, err := w.oldest(ctx, key); err == nil { // else it is a finding already
			w.logLock(ctx, s, key, version, least)
		}
	}
}

// logLock asks for the lock of an object of the log.
func (w *writerAudit) logLock(ctx context.Context, s *step, key, version string, least objectstore.Lock) {
	info, err := retry(ctx, func() (objectstore.Info, error) { return w.a.r.Head(ctx, key, version) })
	f := Finding{Writer: w.name, Object: key, Version: version}
	if err != nil {
		if !isNotFound(err) { // its content was asked for, and is a finding already
			w.a.unreadable(f, "the lock", err, time.Time{})
		}
		return
	}
	// What has the interval's end in it was put behind that.
	if own := key == s.checkpointInfo.Key || key == s.manifestInfo.Key; own && info.Modified.Before(s.manifest.To.Add(-clockSlack)) {
		w.a.found.add(f.tampered(KindLate, "the bucket has it from %s, before the end of its interval, %s", date(info.Modified), date(s.manifest.To)))
	}
	w.sawLock(s.manifest.ConfigSHA256, info)
	if wrong := weaker(info.Lock, least, w.a.Now); wrong != "" {
		w.a.found.add(f.tampered(KindLock, "%s, as manifest %d says", wrong, s.number+1))
		return
	}
	low := lowLock{key: key, version: version, period: info.Lock.RetainUntil.Sub(s.manifest.To), lock: info.Lock}
	if info.Lock.Mode == objectstore.Unlocked {
		low.period = noLock
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.periods(s.manifest.ConfigSHA256)
	i, _ := slices.BinarySearchFunc(p.low, low, func(x, y lowLock) int {
		return cmp.Or(cmp.Compare(x.period, y.period), cmp.Compare(x.key, y.key))
	})
	if i < maxLow {
		p.low = slices.Insert(p.low, i, low)
		p.low = p.low[:min(len(p.low), maxLow)]
	}
}

// weaker says what makes a lock weaker than it was; "" when nothing does.
func weaker(is, was objectstore.Lock, now time.Time) string {
	switch {
	case was.Mode == objectstore.Unlocked:
	case is.Mode == objectstore.Unlocked && now.After(was.RetainUntil):
	case is.Mode == objectstore.Unlocked:
		return fmt.Sprintf("it has no lock, and was locked (%s) until %s", was.Mode, date(was.RetainUntil))
	case was.Mode == objectstore.Compliance && is.Mode != objectstore.Compliance:
		return fmt.Sprintf("its lock is %s, and was %s", is.Mode, was.Mode)
	case is.RetainUntil.Before(was.RetainUntil):
		return fmt.Sprintf("it is locked until %s, and was until %s", date(is.RetainUntil), date(was.RetainUntil))
	}
	return ""
}

// lockFindings says which objects of the log have a shorter lock than the others.
func (w *writerAudit) lockFindings() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.locks {
		if !p.locked {
			if len(p.low) > 0 && w.a.locks {
				w.a.found.add(Finding{Writer: w.name}.note(KindUnlocked, "nothing of this writer has a lock: its configuration does not ask for any, or they were taken away"))
			}
			continue
		}
		for _, low := range p.low {
			f := Finding{Writer: w.name, Object: low.key, Version: low.version}
			switch {
			case low.period == noLock:
				w.a.found.add(f.tampered(KindLock, "it has no lock, as all of the log should have"))
			case low.period < p.longest-lockSlack:
				w.a.found.add(f.tampered(KindLock, "it is locked until %s, which is %s shorter than the others of its time are", date(low.lock.RetainUntil), (p.longest - low.period).Round(time.Hour)))
			}
		}
	}
}
