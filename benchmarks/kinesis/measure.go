package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sync/errgroup"

	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// patience is how long one measurement may take.
const patience = 5 * time.Minute

// measurement is what one exporter did in one round.
type measurement struct {
	Records  int     `json:"records"`
	CPU      float64 `json:"cpu_seconds"` // user and system, of all threads
	Wall     float64 `json:"wall_seconds"`
	Calls    int     `json:"calls"`
	Stored   int     `json:"stored"` // Kinesis records
	Units    int     `json:"put_payload_units"`
	Attempts int     `json:"attempts"`
	Lost     int     `json:"lost"`
	Repeated int     `json:"repeated"`
}

// fake is the stream, listening.
type fake struct {
	*kinesisfake.Server
	url    string
	server *http.Server
}

func startFake(ctx context.Context, settings kinesisfake.Settings) (*fake, error) {
	settings.Streams = map[string]int{streamName: shards}
	f := &fake{Server: kinesisfake.New(settings)}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f.url = "http://" + l.Addr().String()
	f.server = &http.Server{Handler: f.Server, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := f.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "the fake:", err)
		}
	}()
	return f, nil
}

// measure runs one exporter in a process of its own until its records are in the
// stream. refused is the share of records that are refused.
func measure(ctx context.Context, c contender, records int, refused float64, profile string) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "kinesis-")
	if err != nil {
		return measurement{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stream, err := startFake(ctx, kinesisfake.Settings{CountOnly: refused == 0})
	if err != nil {
		return measurement{}, err
	}
	defer func() { err = errors.Join(err, stream.server.Close()) }()
	stream.Misbehave(kinesisfake.Faults{Seed: 1, RefuseRecords: refused})

	self, err := os.Executable()
	if err != nil {
		return measurement{}, err
	}
	child := exec.CommandContext(ctx, self, "-child", c.name, "-endpoint", stream.url, "-dir", dir, "-records", strconv.Itoa(records), "-profile", profile) //nolint:gosec // this program itself
	child.Stderr = os.Stderr
	child.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_EC2_METADATA_DISABLED=true")
	stdin, err := child.StdinPipe()
	if err != nil {
		return measurement{}, err
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		return measurement{}, err
	}
	if err := child.Start(); err != nil {
		return measurement{}, err
	}
	said := bufio.NewScanner(stdout)
	if said.Scan() { // all is exported
		if err = stream.waitFor(ctx, records); err == nil {
			_, err = fmt.Fprintln(stdin, "that's all")
		}
	}
	if said.Scan() {
		err = errors.Join(err, json.Unmarshal(said.Bytes(), &m))
	} else {
		err = errors.Join(err, errors.New("ended without a result"))
	}
	if err := errors.Join(err, child.Wait()); err != nil {
		return measurement{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return m, m.look(stream, refused > 0)
}

// quiet is how long nothing comes before nothing more is expected. Upstream's pause
// before it tries again is 5 s at first.
const quiet = 8 * time.Second

// waitFor waits until all records are there, or nothing more comes.
func (f *fake) waitFor(ctx context.Context, records int) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	last, since := -1, time.Now()
	for {
		counts := f.Counts(streamName)
		if counts.Parts >= records {
			return nil
		}
		if counts.Attempts != last {
			last, since = counts.Attempts, time.Now()
		}
		if time.Since(since) > quiet {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look adds what has come to the stream.
func (m *measurement) look(stream *fake, kept bool) error {
	counts := stream.Counts(streamName)
	m.Calls, m.Stored, m.Units, m.Attempts = counts.Calls, counts.Stored, counts.Units, counts.Attempts
	if !kept {
		m.Lost = m.Records - counts.Parts
		if m.Lost != 0 {
			return fmt.Errorf("%d records went in, %d came out", m.Records, counts.Parts)
		}
		return nil
	}
	users, err := stream.Read(streamName)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(users))
	unmarshal := plog.ProtoUnmarshaler{}
	for _, user := range users {
		logs, err := unmarshal.UnmarshalLogs(user.Data)
		if err != nil {
			return fmt.Errorf("a record of the stream: %w", err)
		}
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					id, _ := r.Attributes().Get(uidKey)
					if seen[id.Str()] {
						m.Repeated++
					}
					seen[id.Str()] = true
				}
			}
		}
	}
	m.Lost = m.Records - len(seen)
	return nil
}

// clocks are the process's CPU time and the time.
type clocks struct {
	cpu  time.Duration
	wall time.Time
}

func look() (clocks, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return clocks{}, fmt.Errorf("getrusage: %w", err)
	}
	return clocks{time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), time.Now()}, nil
}

// runChild is an exporter's process: it exports records and prints what that took.
func runChild(ctx context.Context, name, endpoint, dir string, records int, profile string, out io.Writer) (err error) {
	c, err := contenderNamed(name)
	if err != nil {
		return err
	}
	// Made before the clocks are read; each is exported once.
	var batches []plog.Logs
	for first := 0; first < records; first += batchRecords {
		batches = append(batches, batch(first, min(batchRecords, records-first)))
	}
	e, err := c.create(ctx, endpoint, filepath.Join(dir, "spool"))
	if err != nil {
		return err
	}
	if err := e.Start(ctx, noHost{}); err != nil {
		return err
	}
	if profile != "" {
		file, err := os.Create(filepath.Join(profile, name+".pprof"))
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
	begin, err := look()
	if err != nil {
		return err
	}
	m := measurement{Records: records}
	if err := export(ctx, e, batches); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "exported"); err != nil {
		return err
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	end, err := look()
	if err != nil {
		return err
	}
	m.CPU, m.Wall = (end.cpu - begin.cpu).Seconds(), end.wall.Sub(begin.wall).Seconds()
	if err := e.Shutdown(ctx); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(m)
}

// senders call the exporter at a time, as a collector's receivers do.
const senders = 8

// export brings the batches to the exporter. One that it does not take ends it all.
func export(ctx context.Context, e consumer.Logs, batches []plog.Logs) error {
	var next atomic.Int64
	var group errgroup.Group
	for range senders {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(batches) {
					return nil
				}
				if err := e.ConsumeLogs(ctx, batches[i]); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}
