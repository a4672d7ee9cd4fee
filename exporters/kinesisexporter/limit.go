package kinesisexporter

import (
	"context"
	"sync"
	"sync/atomic"
)

// sizeLimit is how large partition key and data of a record may be. Until the stream has
// said it, it is what every stream takes.
type sizeLimit struct {
	bytes atomic.Int64
	known chan struct{}
	once  sync.Once
}

// newSizeLimit has a limit that is known where it is configured, by bytes other than 0.
func newSizeLimit(configured int) *sizeLimit {
	l := &sizeLimit{known: make(chan struct{})}
	if configured != 0 {
		l.set(configured)
	} else {
		l.bytes.Store(int64(usualRecordSize))
	}
	return l
}

// set counts the first time.
func (l *sizeLimit) set(bytes int) {
	l.once.Do(func() {
		l.bytes.Store(int64(bytes))
		close(l.known)
	})
}

func (l *sizeLimit) now() int { return int(l.bytes.Load()) }

func (l *sizeLimit) isKnown() bool {
	select {
	case <-l.known:
		return true
	default:
		return false
	}
}

// wait says whether the limit became known before the context ended.
func (l *sizeLimit) wait(ctx context.Context) bool {
	select {
	case <-l.known:
		return true
	case <-ctx.Done():
		return l.isKnown()
	}
}
