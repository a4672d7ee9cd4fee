package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

// warmUp is the share of the lines, one in warmUp, that isn't measured.
const warmUp = 10

// patience is how long one measurement may take.
const patience = 10 * time.Minute

// measurement is what a child process says about its contender.
type measurement struct {
	Lines   int     `json:"lines"`          // measured, the warm-up not counted
	CPU     float64 `json:"cpu_seconds"`    // user and system, of all threads
	System  float64 `json:"system_seconds"` // of these, in the kernel
	Wall    float64 `json:"wall_seconds"`
	PeakRSS int64   `json:"peak_rss_bytes"` // of the whole life of the process
}

// reading is a look at the clocks.
type reading struct {
	records      int
	user, system time.Duration
	wall         time.Time
}

func read(records int) (reading, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return reading{}, fmt.Errorf("getrusage: %w", err)
	}
	return reading{
		records: records,
		user:    time.Duration(usage.Utime.Nano()),
		system:  time.Duration(usage.Stime.Nano()),
		wall:    time.Now(),
	}, nil
}

// measure runs one contender until all lines have come out of it. It says on
// ready where it listens, or which file it reads, once it does.
func measure(ctx context.Context, c contender, source string, lines int, ready io.Writer) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if c.framing != fromFile {
		addr, err := freeAddr(ctx)
		if err != nil {
			return measurement{}, err
		}
		source = addr
	}

	counter := counter{want: c.want, vary: c.vary}
	// Receivers call from one goroutine or from several; a channel of one
	// place is a lock that a context can end.
	turn := make(chan struct{}, 1)
	done := make(chan struct{})
	var begin, end reading
	var clockErr error
	consume := func(ctx context.Context, logs plog.Logs) error {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-turn }()
		before := counter.records
		counter.add(logs)
		if before < lines/warmUp && counter.records >= lines/warmUp {
			begin, clockErr = read(counter.records)
		}
		if before < lines && counter.records >= lines {
			var err error
			end, err = read(counter.records)
			clockErr = errors.Join(clockErr, err)
			close(done)
		}
		return nil
	}
	r, err := c.create(ctx, source, consume)
	if err != nil {
		return measurement{}, err
	}
	if err := r.Start(ctx, noHost{}); err != nil {
		return measurement{}, fmt.Errorf("start %s: %w", c.name, err)
	}
	if _, err := fmt.Fprintln(ready, source); err != nil {
		return measurement{}, err
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	// Whatever comes twice is counted until here.
	if err := r.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return measurement{}, fmt.Errorf("stop %s: %w", c.name, err)
	}
	if counter.records < lines {
		return measurement{}, fmt.Errorf("%s: %d of %d lines came: %w", c.name, counter.records, lines, ctx.Err())
	}
	if err := errors.Join(clockErr, counter.result(lines)); err != nil {
		return measurement{}, fmt.Errorf("%s: %w", c.name, err)
	}
	peak, err := peakRSS()
	if err != nil {
		return measurement{}, err
	}
	return measurement{
		Lines:   end.records - begin.records,
		CPU:     (end.user + end.system - begin.user - begin.system).Seconds(),
		System:  (end.system - begin.system).Seconds(),
		Wall:    end.wall.Sub(begin.wall).Seconds(),
		PeakRSS: peak,
	}, nil
}

func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// peakRSS is from /proc and not from getrusage, whose ru_maxrss a process
// inherits from the one that started it.
func peakRSS() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}

// send is the sender's process: it writes all lines to an address.
func send(ctx context.Context, addr string, f framing, lines int) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	if err := writeLines(conn, f, lines); err != nil {
		return errors.Join(err, conn.Close())
	}
	return conn.Close()
}

func writeLines(w io.Writer, f framing, lines int) error {
	out := bufio.NewWriterSize(w, 256<<10)
	var line []byte
	for i := range lines {
		if f == syslogFrames {
			line = appendFrame(line[:0], i)
		} else {
			line = append(appendLine(line[:0], i), '\n')
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// runChild is a child process: one measurement, printed as JSON.
func runChild(ctx context.Context, name, source string, lines int, profile string) (err error) {
	c, err := contenderNamed(name)
	if err != nil {
		return err
	}
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return errors.Join(err, file.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, file.Close())
		}()
	}
	m, err := measure(ctx, c, source, lines, os.Stdout)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}
