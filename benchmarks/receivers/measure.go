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

	"github.com/heartwood-otel/heartwood/internal/heapfloor"
)

// One in warmUp lines at the beginning isn't measured, and one in coolDown at the
// end: some receivers wait for what may come after the last.
const (
	warmUp   = 10
	coolDown = 20
)

// patience is how long one measurement may take.
const patience = 10 * time.Minute

// measurement is what a child process says about its contender.
type measurement struct {
	Lines   int     `json:"lines"`          // measured, warm-up and cool-down not counted
	CPU     float64 `json:"cpu_seconds"`    // user and system, of all threads
	System  float64 `json:"system_seconds"` // of these, in the kernel
	Wall    float64 `json:"wall_seconds"`
	PeakRSS int64   `json:"peak_rss_bytes"` // from the start until the last line
	// Of the workload idle: what it took to read the files, and the memory after that.
	StartCPU float64 `json:"start_cpu_seconds,omitempty"`
	RSS      int64   `json:"rss_bytes,omitempty"`
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
	if c.listens() {
		addr, err := freeAddr(ctx)
		if err != nil {
			return measurement{}, err
		}
		source = addr
	}

	want := readFrom(source, c.want)
	counter := counter{want: want, vary: c.vary}
	// Receivers call from one goroutine or from several; a channel of one
	// place is a lock that a context can end.
	turn := make(chan struct{}, 1)
	done := make(chan struct{})
	var begin, end reading
	var peak int64
	var clockErr error
	first, last := lines/warmUp, lines-lines/coolDown
	consume := func(ctx context.Context, logs plog.Logs) error {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-turn }()
		before := counter.records
		counter.add(logs)
		crossed := func(n int) bool { return before < n && counter.records >= n }
		var err error
		if crossed(first) {
			begin, err = read(counter.records)
		}
		if crossed(last) {
			end, err = read(counter.records)
		}
		clockErr = errors.Join(clockErr, err)
		if crossed(lines) {
			peak, err = memory("VmHWM:")
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
	m := end.since(begin)
	m.PeakRSS = peak
	if m.Lines == 0 || m.CPU == 0 {
		return measurement{}, fmt.Errorf("%s: %d lines are too few to be measured", c.name, lines)
	}
	return m, nil
}

// since is what has been spent from an earlier reading to this one.
func (r reading) since(begin reading) measurement {
	return measurement{
		Lines:  r.records - begin.records,
		CPU:    (r.user + r.system - begin.user - begin.system).Seconds(),
		System: (r.system - begin.system).Seconds(),
		Wall:   r.wall.Sub(begin.wall).Seconds(),
	}
}

func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// memory is from /proc, where "VmHWM:" is the highest resident set and "VmRSS:"
// that of now, and not from getrusage, whose ru_maxrss a process inherits from the
// one that started it.
func memory(field string) (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", field)
}

// send is the sender's process: it writes all lines to an address.
func send(ctx context.Context, addr string, f framing, lines int) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	appendOne := func(dst []byte, i int) []byte { return append(appendLine(dst, i), '\n') }
	if f == syslogFrames {
		appendOne = appendFrame
	}
	if err := writeLines(conn, appendOne, lines); err != nil {
		return errors.Join(err, conn.Close())
	}
	return conn.Close()
}

func writeLines(w io.Writer, appendOne func(dst []byte, i int) []byte, lines int) error {
	out := bufio.NewWriterSize(w, 256<<10)
	var line []byte
	for i := range lines {
		line = appendOne(line[:0], i)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// runChild is a child process: one measurement, printed as JSON.
func runChild(ctx context.Context, name, minHeap, source string, lines, files int, watch time.Duration, profile string) (err error) {
	c, err := contenderNamed(name)
	if err != nil {
		return err
	}
	if minHeap == heapAll || minHeap == heapOurs && c.ours() {
		stop, err := heapfloor.FromEnvironment(os.LookupEnv)
		if err != nil {
			return err
		}
		defer stop()
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
	var m measurement
	if c.framing == idleFiles {
		m, err = measureIdle(ctx, c, source, files, watch, os.Stdout)
	} else {
		m, err = measure(ctx, c, source, lines, os.Stdout)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}
