package sender

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// minRefresh is between two lists that answers asked for.
const minRefresh = time.Second

// listShards keeps the list of shards.
func (s *Sender) listShards() {
	failed := 0
	for {
		ctx, cancel := context.WithTimeout(s.ctx, s.set.Timeout)
		list, err := s.set.Stream.Shards(ctx)
		cancel()
		if s.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = s.listedShards(list)
		}
		if err != nil {
			failed++
			s.observer.Failed("", codeOf(err), err)
			if !s.pause(backoff(s.set.RetryInitial, s.set.RetryMax, failed, rand.Float64())) { //nolint:gosec // a pause
				return
			}
			continue
		}
		failed = 0
		if !s.pause(min(minRefresh, s.set.Refresh)) {
			return
		}
		timer := time.NewTimer(max(0, s.set.Refresh-minRefresh))
		select {
		case <-timer.C:
		case <-s.wakeList:
		case <-s.ctx.Done():
		}
		timer.Stop()
	}
}

// listedShards takes a list over, and looks at what waited for it.
func (s *Sender) listedShards(list []Shard) error {
	s.mu.Lock()
	before := s.shards
	err := s.reshardLocked(list)
	open, changed := len(s.shards), len(before) != len(s.shards) || len(before) > 0 && &before[0] != &s.shards[0]
	var held []*call
	if err == nil && !s.closing {
		held, s.held = s.held, nil
	}
	s.mu.Unlock()
	for _, c := range held {
		s.settle(c)
	}
	if changed {
		s.observer.Resharded(open)
	}
	wake(s.wakeMain)
	wake(s.wakePass)
	wake(s.wakeCalls)
	return err
}

func codeOf(err error) string {
	var ce *CallError
	switch {
	case errors.As(err, &ce) && ce.Code != "":
		return ce.Code
	case errors.Is(err, errCover):
		return "ShardsIncomplete"
	case errors.Is(err, context.DeadlineExceeded):
		return "Timeout"
	}
	return "Unknown"
}
