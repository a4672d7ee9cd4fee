package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// patience is how long one round may take.
	patience = 5 * time.Minute
	// quiet is how long nothing comes before nothing more is expected.
	quiet = 30 * time.Second
	// memoryFolder is a tmpfs.
	memoryFolder = "/dev/shm"
)

// settings of a round.
type settings struct {
	binary  string
	size    int
	records int
	senders int
	cores   int
	rate    float64 // records a second; 0: as fast as they are taken
	http    bool
	dir     string // where spools are on disk; empty: the usual folder for temporary files
	profile string // files, without their endings
}

// measurement is one round of one contender.
type measurement struct {
	Records   int     `json:"records"`
	CPU       float64 `json:"cpu_seconds"` // user and system, from ready to the end
	System    float64 `json:"cpu_seconds_system"`
	Wall      float64 `json:"wall_seconds"` // from the first request until all is in the stream
	ReadyMS   float64 `json:"ready_ms"`
	StartCPU  float64 `json:"start_cpu_seconds"`
	RSS       float64 `json:"rss_mib"`      // median while it worked
	PeakRSS   float64 `json:"peak_rss_mib"` // until its end
	Disk      float64 `json:"disk_mib"`     // the most that its folder had
	AnswerP50 float64 `json:"answer_p50_ms"`
	AnswerP99 float64 `json:"answer_p99_ms"`
	StreamP50 float64 `json:"stream_p50_ms"`
	StreamP99 float64 `json:"stream_p99_ms"`
	Looked    int     `json:"looked,omitempty"`   // how often a page asked for what is new
	LeftOut   int64   `json:"left_out,omitempty"` // records that the page did not take
	Refused   int64   `json:"refused"`            // answers that told the sender to come again
	Repeated  int     `json:"repeated"`           // came to the stream again: a call took too long
	Stream    flow    `json:"stream"`
	Archive   flow    `json:"archive"`
	// S3 are requests by operation.
	S3 map[string]int `json:"s3_requests"`
}

// flow is what came out at one end.
type flow struct {
	Records int `json:"records"`
	Bytes   int `json:"bytes"`
	Stored  int `json:"stored_bytes,omitempty"` // compressed
	Calls   int `json:"calls,omitempty"`
	Entries int `json:"kinesis_records,omitempty"`
	Units   int `json:"put_payload_units,omitempty"`
}

func (m measurement) perCPU() float64 { return float64(m.Records) / m.CPU }

// ends are what a collector sends to.
type ends struct {
	stream  *stream
	bucket  *bucket
	metrics *metricSink
	servers []*http.Server
}

func listen(ctx context.Context, upstream bool, p *places) (*ends, error) {
	e := &ends{stream: newStream(upstream), bucket: newBucket(), metrics: newMetricSink()}
	for _, one := range []struct {
		url     *string
		handler http.Handler
	}{{&p.stream, e.stream}, {&p.bucket, e.bucket}, {&p.metrics, e.metrics}} {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return e, err
		}
		*one.url = "http://" + l.Addr().String()
		server := &http.Server{Handler: one.handler, ReadHeaderTimeout: time.Minute}
		e.servers = append(e.servers, server)
		go func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(os.Stderr, "a counting server:", err)
			}
		}()
	}
	return e, nil
}

func (e *ends) close() error {
	var errs []error
	for _, server := range e.servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// measure runs one contender once.
func measure(ctx context.Context, c contender, s settings) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	base := s.dir
	if c.memory {
		base = memoryFolder
	}
	var p places
	if p.dir, err = os.MkdirTemp(base, "gateway-"); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.dir)) }()
	out, err := listen(ctx, c.upstream, &p)
	defer func() { err = errors.Join(err, out.close()) }()
	if err != nil {
		return m, err
	}
	l, err := newLoad(s.size, s.records, s.senders)
	if err != nil {
		return m, err
	}
	l.http = s.http
	if s.rate > 0 {
		l.every = time.Duration(float64(batchRecords) / s.rate * float64(time.Second))
	}
	run, err := c.start(ctx, s.binary, s.cores, &p)
	if err != nil {
		return m, err
	}
	ended := false
	defer func() {
		if !ended {
			err = errors.Join(err, run.end(0))
		}
	}()
	m.Records = l.requests * batchRecords
	watched := watch(ctx, run.cmd.Process.Pid, p.dir)
	profiled := make(chan error, 1)
	if s.profile != "" {
		go func() { profiled <- profile(ctx, p.pprof, 10, s.profile) }()
	} else {
		profiled <- nil
	}
	looking, look := context.WithCancel(ctx)
	defer look()
	looked := make(chan error, 1)
	go func() {
		var err error
		if c.watched {
			m.Looked, err = page(p.page).watch(looking)
		}
		looked <- err
	}()
	begun := time.Now()
	if err := l.send(ctx, p); err != nil {
		watched.stop()
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	if c.has("kinesis") {
		err = out.stream.waitFor(ctx, c.expected(m.Records))
	}
	m.Wall = time.Since(begun).Seconds()
	look()
	err = errors.Join(err, <-profiled, <-looked)
	m.RSS, m.Disk = watched.stop()
	if err != nil {
		return m, err
	}
	if c.viewer {
		if m.LeftOut, err = page(p.page).leftOut(ctx); err != nil {
			return m, err
		}
	}
	ended = true
	if err := run.end(syscall.SIGTERM); err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	usage, isUsage := run.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !isUsage {
		return m, errors.New("the system does not say what a process used")
	}
	m.CPU = (time.Duration(usage.Utime.Nano()+usage.Stime.Nano()) - run.started).Seconds()
	m.System = time.Duration(usage.Stime.Nano()).Seconds()
	m.PeakRSS = float64(usage.Maxrss) / 1024
	m.ReadyMS, m.StartCPU = float64(run.ready)/float64(time.Millisecond), run.started.Seconds()
	m.Refused = l.refused.Load()
	m.times(l, out.stream)
	return m, m.look(c, out, p)
}

// expected are the records that come out for so many that go in.
func (c contender) expected(records int) int {
	if c.fold != "" {
		return records / eventRecords
	}
	return records
}

// waitFor waits until all records have come.
func (s *stream) waitFor(ctx context.Context, records int) error {
	last, since := -1, time.Now()
	for {
		n := s.count()
		if n >= records {
			return nil
		}
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > quiet {
			return fmt.Errorf("%d of %d records are in the stream, and nothing more comes", n, records)
		}
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// times are percentiles of what took how long.
func (m *measurement) times(l *load, s *stream) {
	var answers, arrivals []time.Duration
	for _, took := range l.answers {
		answers = append(answers, took)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, at := range s.seen {
		if sent, ok := l.sent[n]; ok {
			arrivals = append(arrivals, at.Sub(sent))
		}
	}
	m.AnswerP50, m.AnswerP99 = percentile(answers, 50), percentile(answers, 99)
	m.StreamP50, m.StreamP99 = percentile(arrivals, 50), percentile(arrivals, 99)
}

// look holds what came out against what went in.
func (m *measurement) look(c contender, out *ends, p places) error {
	s, b := out.stream, out.bucket
	m.Repeated = s.brought - s.records
	m.Stream = flow{Records: s.records, Bytes: s.bytes, Calls: s.calls, Entries: s.stored, Units: s.units}
	m.Archive = flow{Records: b.records, Bytes: b.plain, Stored: b.stored, Calls: len(b.objects)}
	m.S3 = b.requests()
	measured, metricErr := out.metrics.count()
	errs := []error{s.err, b.err, metricErr}
	want := c.expected(m.Records)
	expect := func(where string, got, want int) {
		if got != want {
			errs = append(errs, fmt.Errorf("%s: %d records of %d came to %s", c.name, got, want, where))
		}
	}
	if c.has("kinesis") {
		expect("the stream", s.records, want)
		expect("the stream with a mark", len(s.seen), m.Records/batchRecords)
	}
	if c.upstream {
		records, size, err := countFile(filepath.Join(p.dir, "logs.jsonl"))
		m.Archive = flow{Records: records, Bytes: size}
		errs = append(errs, err)
		expect("the file", records, want)
		return errors.Join(errs...)
	}
	if c.has("worm_s3") {
		expect("the archive", b.records, want)
	}
	if c.has("measure") {
		expect("the metrics", measured, m.Records)
	}
	return errors.Join(errs...)
}

// watcher looks at a process's memory and folder while it works.
type watcher struct {
	cancel context.CancelFunc
	done   chan struct{}
	rss    []time.Duration // MiB, so that percentile takes it
	disk   int64
}

func watch(ctx context.Context, pid int, dir string) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for sleep(ctx, 100*time.Millisecond) == nil {
			if mib, err := memory(pid, "VmRSS"); err == nil {
				w.rss = append(w.rss, time.Duration(mib*float64(time.Millisecond)))
			}
			w.disk = max(w.disk, folderSize(dir))
		}
	}()
	return w
}

func (w *watcher) stop() (rss, disk float64) {
	w.cancel()
	<-w.done
	return percentile(w.rss, 50), float64(w.disk) / (1 << 20)
}

func folderSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a file that has gone meanwhile
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// countFile counts the records of a file of upstream's.
func countFile(path string) (records, size int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	return strings.Count(string(text), `"log.record.uid"`), len(text), nil
}
