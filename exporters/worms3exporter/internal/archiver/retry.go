package archiver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// permanentError is one that trying again does not help.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func permanent(err error) error { return permanentError{err} }

// retrier makes calls until they succeed. It is safe for concurrent use.
type retrier struct {
	initial, most time.Duration
	directory     string // of the state
	observer      Observer
	logger        *zap.Logger
}

// do calls until it succeeds, the error is a permanentError, or the context ends; then it
// gives the last error with the context's.
func (r *retrier) do(ctx context.Context, what string, call func(context.Context) error) error {
	limit := r.initial
	for n := 1; ; n++ {
		err := call(ctx)
		var final permanentError
		switch {
		case err == nil:
			if n > 1 {
				r.observer.Recovered(what)
			}
			return nil
		case errors.As(err, &final):
			return fmt.Errorf("%s: %w", what, final.error)
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, errors.Join(context.Cause(ctx), err))
		}
		r.observer.Retry(what, err)
		if n&(n-1) == 0 { // the 1st, 2nd, 4th, ...
			r.logger.Warn("It will be tried again", zap.String("what", what), zap.Int("attempt", n), zap.Error(diskfs.Advise(err, "spool::directory", r.directory)))
		}
		// Full jitter: many that failed together don't come again together.
		if !sleep(ctx, time.Duration(rand.Int64N(int64(limit)+1))) { //nolint:gosec // it only spreads calls
			return fmt.Errorf("%s: %w", what, errors.Join(context.Cause(ctx), err))
		}
		limit = min(2*limit, r.most)
	}
}

// sleep waits; false says that the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
