package archiveaudit

import (
	"context"
	"iter"
	"sync"
)

// inOrder calls do for each of in, several at a time, and gives the results in the order
// of in. At most parallel results are made, or wait, at a time; in is read by a goroutine
// of its own. When the caller stops early, or ctx ends, what was begun is waited for.
func inOrder[I, O any](ctx context.Context, parallel int, in iter.Seq[I], do func(context.Context, I) O) iter.Seq[O] {
	return func(yield func(O) bool) {
		ctx, cancel := context.WithCancel(ctx)
		// A token is held from the start of a piece of work until its result was used.
		tokens := make(chan struct{}, parallel)
		results := make(chan chan O, parallel)
		var running sync.WaitGroup
		running.Go(func() {
			defer close(results)
			for item := range in {
				select {
				case tokens <- struct{}{}:
				case <-ctx.Done():
					return
				}
				result := make(chan O, 1)
				running.Go(func() { result <- do(ctx, item) })
				results <- result // has room: there are as many places as tokens
			}
		})
		defer running.Wait()
		defer cancel()
		for result := range results {
			ok := yield(<-result)
			<-tokens
			if !ok {
				return
			}
		}
	}
}

// crew does small pieces of work, several at a time, in any order.
type crew struct {
	tokens  chan struct{}
	running sync.WaitGroup
}

func newCrew(parallel int) *crew { return &crew{tokens: make(chan struct{}, parallel)} }

// do starts f when there is room for it.
func (c *crew) do(f func()) {
	c.tokens <- struct{}{}
	c.running.Go(func() {
		defer func() { <-c.tokens }()
		f()
	})
}

func (c *crew) wait() { c.running.Wait() }
