package archiveaudit

import (
	"context"
	"iter"
	"sync"
)

// maxHeld is how much memory manifests that are being worked on may take, in bytes. One that
// takes more is worked on alone.
const maxHeld = 768 << 20

// budget bounds what is held at a time. What is asked for first is given first: whoever asks
// does it in the order in which things are given back.
type budget struct {
	mu sync.Mutex
	// mu guards the following.
	held  int64
	given chan struct{} // closed when something is given back
}

// take waits until there is room for n, or nothing is held. False: the context has ended.
func (b *budget) take(ctx context.Context, n int64) bool {
	for {
		b.mu.Lock()
		if b.held == 0 || b.held+n <= maxHeld {
			b.held += n
			b.mu.Unlock()
			return true
		}
		if b.given == nil {
			b.given = make(chan struct{})
		}
		given := b.given
		b.mu.Unlock()
		select {
		case <-given:
		case <-ctx.Done():
			return false
		}
	}
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if b.given != nil {
		close(b.given)
		b.given = nil
	}
}

// within gives places as there is room for their manifests.
func (b *budget) within(ctx context.Context, places iter.Seq[place]) iter.Seq[place] {
	return func(yield func(place) bool) {
		for p := range places {
			if !b.take(ctx, p.cost()) || !yield(p) {
				return
			}
		}
	}
}
