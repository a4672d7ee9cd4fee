package command

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fake is a run that lasts and ends as the test says.
type fake struct {
	lasts time.Duration
	exit  Exit
	asked chan struct{}
	dead  chan struct{}
	deaf  bool // to SIGTERM
}

func (f *fake) wait() Exit {
	begin := time.Now()
	exit := f.exit
	asked := f.asked
	if f.deaf {
		asked = nil
	}
	select {
	case <-time.After(f.lasts):
	case <-asked:
	case <-f.dead:
		exit = Exit{Code: -1, Signal: "SIGKILL"}
	}
	exit.Started, exit.Duration = begin, time.Since(begin)
	return exit
}

func (f *fake) terminate()             { close(f.asked) }
func (f *fake) kill()                  { close(f.dead) }
func (f *fake) abandon()               {}
func (f *fake) signal(os.Signal) error { return nil }

type exits []Exit

func (*exits) Stream(string, io.Reader) {}
func (e *exits) Exited(x Exit)          { *e = append(*e, x) }

// play runs a Program whose runs are given by runs; nil is one that can't be
// started.
func play(t *testing.T, cfg Config, runs ...*fake) (*Program, *exits) {
	t.Helper()
	cfg.Argv = []string{"fake"}
	p, err := New(cfg)
	require.NoError(t, err)
	n := 0
	p.start = func() (runner, error) {
		f := runs[min(n, len(runs)-1)]
		n++
		if f == nil {
			return nil, errors.New("no such program")
		}
		again := *f
		again.asked, again.dead = make(chan struct{}), make(chan struct{})
		return &again, nil
	}
	var got exits
	require.NoError(t, p.Start(&got))
	return p, &got
}

func TestPolicies(t *testing.T) {
	good, bad := &fake{}, &fake{exit: Exit{Code: 1}}
	f := func(policy Policy, limit, want int, runs ...*fake) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p, got := play(t, Config{Restart: Restart{Policy: policy, Limit: limit}}, runs...)
			<-p.Done()
			assert.Len(t, *got, want, "%s %d", policy, limit)
			for i, e := range *got {
				assert.Equal(t, i < want-1, e.Restart)
				assert.Equal(t, e.Restart, e.Next > 0)
			}
		})
	}
	f("", 0, 1, bad)
	f(Never, 0, 1, bad)
	f(OnFailure, 0, 1, good)
	f(OnFailure, 0, 4, bad, &fake{exit: Exit{Code: -1, Signal: "SIGSEGV"}}, bad, good)
	f(OnFailure, 3, 4, bad)
	f(Always, 5, 6, good)
	f(OnFailure, 0, 4, bad, nil, nil, good) // it could not be started in between
	f(Always, 2, 3, good, nil)
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short, long := &fake{lasts: time.Second}, &fake{lasts: time.Minute}
		set := Restart{Policy: Always, Initial: time.Second, Max: 5 * time.Second, ResetAfter: time.Minute, Limit: 6}
		begin := time.Now()
		p, got := play(t, Config{Restart: set}, short, short, short, short, long, short)
		<-p.Done()
		require.Len(t, *got, 7)
		took := time.Duration(0)
		for i, full := range []time.Duration{1, 2, 4, 5, 1, 2, 0} {
			e := (*got)[i]
			assert.GreaterOrEqual(t, e.Next, full*time.Second/2, i)
			assert.LessOrEqual(t, e.Next, full*time.Second, i)
			took += e.Duration + e.Next
		}
		assert.Equal(t, took, time.Since(begin), "it waits as long as it says")
	})
}

func TestBackoffIsSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		b := backoff{set: Restart{Policy: Always, Initial: time.Second, Max: time.Minute}}
		wait, _ := b.after(true, 0)
		seen[wait] = true
	}
	assert.Greater(t, len(seen), 10)
}

func TestStopDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := play(t, Config{Restart: Restart{Policy: Always, Initial: time.Hour, Max: time.Hour}}, &fake{})
		synctest.Wait()
		require.Len(t, *got, 1)
		begin := time.Now()
		require.NoError(t, p.Stop(t.Context()))
		assert.Zero(t, time.Since(begin))
		<-p.Done()
		require.NoError(t, p.Stop(t.Context()), "again")
		assert.Len(t, *got, 1)
	})
}

func TestStopTakesItsTime(t *testing.T) {
	f := func(deaf bool, limit, want time.Duration, signal string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p, got := play(t, Config{Grace: 7 * time.Second, Restart: Restart{Policy: Always}}, &fake{lasts: time.Hour, deaf: deaf})
			synctest.Wait()
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_ = p.Stop(ctx)
			<-p.Done()
			assert.Equal(t, want, time.Since(begin))
			require.Len(t, *got, 1)
			assert.Equal(t, signal, (*got)[0].Signal)
			assert.True(t, (*got)[0].Stopped)
			assert.False(t, (*got)[0].Restart)
		})
	}
	f(false, time.Minute, 0, "")
	f(true, time.Minute, 7*time.Second, "SIGKILL")
	f(true, 2*time.Second, 2*time.Second, "SIGKILL")
}

func TestStopWithoutStart(t *testing.T) {
	p, err := New(Config{Argv: []string{"x"}})
	require.NoError(t, err)
	require.NoError(t, p.Stop(t.Context()))
	require.Error(t, p.Start(&exits{}))
}

func TestValidate(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		_, err := New(cfg)
		if len(want) == 0 {
			require.NoError(t, err)
		}
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
	}
	ok := []string{"x"}
	f(Config{Argv: ok})
	f(Config{}, "argv")
	f(Config{Argv: []string{""}}, "argv")
	f(Config{Argv: []string{"x", "a\x00b"}}, "argv[1]")
	f(Config{Argv: ok, Env: map[string]string{"A=B": "c"}}, "env", "A=B")
	f(Config{Argv: ok, Env: map[string]string{"A": "\x00"}}, "env")
	f(Config{Argv: ok, Grace: -1, Restart: Restart{Policy: "sometimes", Initial: -1, Limit: -1}}, "grace", "sometimes", "restart.initial", "restart.limit")
	f(Config{Argv: ok, Restart: Restart{Initial: 2, Max: 1}}, "restart.max")
	f(Config{Argv: ok, Restart: Restart{Initial: time.Hour}})
}
