package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

// idleFiles are many files that nobody writes to.
const idleFiles framing = "idle files"

const (
	idleFileLines = 20 // in each file
	// settling is the part of the measured time, one in settling, that passes before
	// it. What a receiver does once after reading a file is over by then.
	settling = 2
)

// idleDir writes the files, once for all rounds.
func idleDir(dir string, files int) (glob string, err error) {
	glob = filepath.Join(dir, idle.name, "*.log")
	if _, err := os.Stat(filepath.Dir(glob)); err == nil {
		return glob, nil
	}
	if err := os.MkdirAll(filepath.Dir(glob), 0o700); err != nil {
		return "", err
	}
	var text []byte
	for file := range files {
		text = text[:0]
		for line := range idleFileLines {
			text = append(idle.appendLine(text, file*idleFileLines+line), '\n')
		}
		path := filepath.Join(filepath.Dir(glob), fmt.Sprintf("app-%04d.log", file))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return "", err
		}
	}
	return glob, nil
}

// everyLine notes which lines have come.
type everyLine struct {
	seen []bool
	left int
}

func newEveryLine(lines int) *everyLine { return &everyLine{seen: make([]bool, lines), left: lines} }

func (s *everyLine) add(logs plog.Logs) error {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				i, err := recordOf(rl.Resource(), r).number()
				switch {
				case err != nil:
					return err
				case i >= len(s.seen) || s.seen[i]:
					return fmt.Errorf("line %d comes twice, or is none of these", i)
				case r.Body().Str() != string(idle.appendLine(nil, i)):
					return fmt.Errorf("line %d has become %q", i, r.Body().AsString())
				}
				s.seen[i] = true
				s.left--
			}
		}
	}
	return nil
}

// measureIdle runs one contender until it has read all files, and then watches it.
func measureIdle(ctx context.Context, c contender, glob string, files int, watch time.Duration, ready io.Writer) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lines := newEveryLine(files * idleFileLines)
	turn := make(chan struct{}, 1)
	failed := make(chan error, 1)
	done := make(chan struct{})
	consume := func(_ context.Context, logs plog.Logs) error {
		turn <- struct{}{}
		defer func() { <-turn }()
		if err := lines.add(logs); err != nil {
			select {
			case failed <- err:
			default:
			}
		}
		if lines.left == 0 {
			lines.left-- // once
			close(done)
		}
		return nil
	}
	r, err := c.create(ctx, glob, consume)
	if err != nil {
		return measurement{}, err
	}
	if err := r.Start(ctx, noHost{}); err != nil {
		return measurement{}, fmt.Errorf("start %s: %w", c.name, err)
	}
	if _, err := fmt.Fprintln(ready, glob); err != nil {
		return measurement{}, err
	}
	m, err := watchIdle(ctx, done, failed, watch)
	err = errors.Join(err, r.Shutdown(context.WithoutCancel(ctx)))
	if err != nil {
		return measurement{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return m, nil
}

func watchIdle(ctx context.Context, done <-chan struct{}, failed <-chan error, watch time.Duration) (measurement, error) {
	select {
	case <-done:
	case err := <-failed:
		return measurement{}, err
	case <-ctx.Done():
		return measurement{}, fmt.Errorf("not all lines came: %w", ctx.Err())
	}
	started, err := read(0)
	if err != nil {
		return measurement{}, err
	}
	if err := pause(ctx, watch/settling); err != nil {
		return measurement{}, err
	}
	begin, err := read(0)
	if err != nil {
		return measurement{}, err
	}
	if err := pause(ctx, watch); err != nil {
		return measurement{}, err
	}
	end, err := read(0)
	if err != nil {
		return measurement{}, err
	}
	m := end.since(begin)
	m.StartCPU = (started.user + started.system).Seconds()
	if m.RSS, err = memory("VmRSS:"); err != nil {
		return measurement{}, err
	}
	m.PeakRSS, err = memory("VmHWM:")
	return m, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
