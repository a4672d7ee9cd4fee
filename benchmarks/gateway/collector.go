package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// readyTimeout is how long a collector may take to be healthy.
const readyTimeout = 30 * time.Second

// process is a collector that runs.
type process struct {
	cmd     *exec.Cmd
	said    bytes.Buffer // to stderr; to be read when it has ended
	ready   time.Duration
	started time.Duration // CPU time until it was ready
}

// freeAddress is one that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start runs a collector and waits until it is healthy.
func (c contender) start(ctx context.Context, binary string, cores int, p *places) (_ *process, err error) {
	for _, address := range []*string{&p.grpc, &p.http, &p.health, &p.pprof, &p.page} {
		if *address, err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	key, _, err := note.GenerateKey(nil, "example.com/logs/bench")
	if err != nil {
		return nil, err
	}
	p.keyFile = filepath.Join(p.dir, "bench.key")
	if err := os.WriteFile(p.keyFile, []byte(key+"\n"), 0o600); err != nil {
		return nil, err
	}
	config := filepath.Join(p.dir, "config.yaml")
	if err := os.WriteFile(config, []byte(c.config(*p)), 0o600); err != nil {
		return nil, err
	}
	args := []string{binary, "--config", config}
	if c.upstream {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args = []string{self, "-upstream", config}
	}
	run := &process{cmd: exec.CommandContext(ctx, args[0], args[1:]...)} //nolint:gosec // what is measured
	run.cmd.Stderr, run.cmd.Stdout = &run.said, &run.said
	run.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(cores),
		"AWS_ACCESS_KEY_ID="+s3fake.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3fake.SecretKey, "AWS_EC2_METADATA_DISABLED=true")
	begun := time.Now()
	if err := run.cmd.Start(); err != nil {
		return nil, err
	}
	for !ok(ctx, "http://"+p.health) {
		if time.Since(begun) > readyTimeout || run.gone() {
			return nil, errors.Join(fmt.Errorf("%s is not ready after %s", c.name, time.Since(begun)), run.end(0))
		}
		time.Sleep(time.Millisecond)
	}
	run.ready = time.Since(begun)
	run.started, err = cpuTime(run.cmd.Process.Pid)
	return run, err
}

func ok(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// gone says whether the process has ended by itself.
func (p *process) gone() bool {
	state, err := procField(p.cmd.Process.Pid, "State")
	return err != nil || strings.HasPrefix(state, "Z")
}

// end sends a signal, 0 is one that can't be refused, and waits.
func (p *process) end(signal syscall.Signal) error {
	var err error
	if signal == 0 {
		err = p.cmd.Process.Kill()
	} else {
		err = p.cmd.Process.Signal(signal)
	}
	if wait := p.cmd.Wait(); wait != nil {
		err = errors.Join(err, fmt.Errorf("%w; it said: %s", wait, lastLines(p.said.String())))
	}
	return err
}

func lastLines(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}

// cpuTime is what all threads of a process have used: fields 14 and 15 of proc(5)'s stat,
// in hundredths of a second.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

func parseStat(text string) (time.Duration, error) {
	rest := text[strings.LastIndexByte(text, ')')+1:] // behind the command's name
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("a process's stat is %q", text)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// procField is a line of proc(5)'s status.
func procField(pid int, name string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("a process's status has no %s", name)
}

// memory gives a field of status that is in kB, in MiB.
func memory(pid int, name string) (float64, error) {
	text, err := procField(pid, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, " kB"))
	return float64(n) / 1024, err
}
