package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/configlint"
)

var reloadCommand = command{
	name:    "reload",
	summary: "have a running collector take its changed configuration, if that is right",
	usage: `--pid N | --pid-file FILE [--config FILE ...] [flags]

Checks the configuration that the collector was started with, as it is now: with the
collector's own 'validate', in its environment and its directory, and with 'heartwood
lint'. Only then is it sent SIGHUP, on which it ends its service, what is held on disk
stays there, and begins it anew. It is waited for until its health check says that the
new one is ready. While it begins anew, senders can't connect, and have to try again.

--config, where it is given, must name what the collector was started with: it reads
nothing else.

Beyond what can be checked, a start can fail: a port that is taken, a disk that is full.
Then the collector ends, and whoever watches over it starts it again.

The exit status is 0 when the new configuration is in use, 1 when it is not, with the
reason, 2 for a mistake in the command line.`,
	run: runReload,
}

type reload struct {
	*program
	pid     int
	configs listFlag
	allows  allowFlag
	health  string
	strict  bool
	noWait  bool
	timeout time.Duration

	proc    string // the process's folder in /proc
	started string // when it was, so that another process of its number is not taken for it
	args    []string
}

// reloadInterval is between two looks at the health check.
const reloadInterval = 50 * time.Millisecond

func runReload(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	r := &reload{program: p}
	flags.IntVar(&r.pid, "pid", 0, "the collector's process `number`")
	pidFile := flags.String("pid-file", "", "a `file` that has it")
	flags.Var(&r.configs, "config", "the configuration `file` that the collector was started with, may be given more than once")
	flags.Var(&r.allows, "allow", "accept the findings of `rule`, as 'heartwood lint' does; may be given more than once")
	flags.BoolVar(&r.strict, "strict", false, "let warnings of 'heartwood lint' stop it as errors do")
	flags.StringVar(&r.health, "health", "", "the `URL` of the health check (default: by the configuration)")
	flags.BoolVar(&r.noWait, "no-wait", false, "do not wait until the new configuration is in use")
	flags.DurationVar(&r.timeout, "timeout", 2*time.Minute, "how long to wait for that")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	case (r.pid == 0) == (*pidFile == ""):
		return usageError{errors.New("give one of --pid and --pid-file")}
	case r.pid < 0:
		return usageError{fmt.Errorf("--pid is %d, want a process's number", r.pid)}
	}
	if *pidFile != "" {
		text, err := os.ReadFile(*pidFile)
		if err != nil {
			return err
		}
		if r.pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || r.pid <= 0 {
			return fmt.Errorf("%s has %q, want a process's number", *pidFile, strings.TrimSpace(string(text)))
		}
	}
	return r.main(ctx)
}

func (r *reload) main(ctx context.Context) error {
	if err := r.meet(); err != nil {
		return err
	}
	if err := r.adopt(); err != nil {
		return err
	}
	if err := r.validate(ctx); err != nil {
		return err
	}
	conf, err := r.lint(ctx)
	if err != nil {
		return err
	}
	if r.health == "" && !r.noWait {
		if r.health = healthURL(conf); r.health == "" {
			return errors.New("the configuration starts no health_check, by which could be told when it is in use; add one, name one with --health, or give --no-wait. Nothing was done")
		}
	}
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	before := ""
	if !r.noWait {
		before, _ = upSince(ctx, client, r.health)
	}
	if err := r.alive(); err != nil {
		return err
	}
	if err := syscall.Kill(r.pid, syscall.SIGHUP); err != nil {
		return fmt.Errorf("signal process %d: %w", r.pid, err)
	}
	if r.noWait {
		r.say("process %d was told to reload", r.pid)
		return nil
	}
	return r.await(ctx, client, before)
}

func (r *reload) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.stderr, "heartwood reload: "+format+"\n", args...)
}

// meet looks whether the process is a collector of ours, and with which configuration.
func (r *reload) meet() error {
	r.proc = filepath.Join("/proc", strconv.Itoa(r.pid))
	line, err := os.ReadFile(filepath.Join(r.proc, "cmdline"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no process %d", r.pid)
	}
	if err != nil {
		return err
	}
	if r.started, err = startTime(r.proc); err != nil {
		return err
	}
	argv := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	if filepath.Base(argv[0]) != "otelcol-heartwood" {
		return fmt.Errorf("process %d is %s, and no otelcol-heartwood", r.pid, filepath.Base(argv[0]))
	}
	r.args = argv[1:]
	has := configsOf(r.args)
	if len(has) == 0 {
		return fmt.Errorf("process %d was started without --config", r.pid)
	}
	if len(r.configs) == 0 {
		r.configs = has
		return nil
	}
	given := make([]string, len(r.configs))
	for i, c := range r.configs {
		given[i] = absolute(c, "")
	}
	cwd, err := os.Readlink(filepath.Join(r.proc, "cwd"))
	if err != nil {
		return err
	}
	started := make([]string, len(has))
	for i, c := range has {
		started[i] = absolute(c, cwd)
	}
	if !slices.Equal(given, started) {
		return fmt.Errorf("process %d was started with %s, and reads that again; --config names %s. Nothing was done", r.pid, strings.Join(has, ", "), strings.Join(r.configs, ", "))
	}
	r.configs = has
	return nil
}

// absolute is the path of a configuration's file; what is no file is given as it is.
func absolute(location, dir string) string {
	path, hasScheme := strings.CutPrefix(location, "file:")
	if !hasScheme && strings.Contains(location, ":") {
		return location
	}
	if !filepath.IsAbs(path) && dir != "" {
		path = filepath.Join(dir, path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// configsOf are the configurations that a collector's arguments name.
func configsOf(args []string) (configs []string) {
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(strings.TrimPrefix(args[i], "-"), "=")
		if name != "config" && name != "-config" || !strings.HasPrefix(args[i], "-") {
			continue
		}
		if !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		configs = append(configs, value)
	}
	return configs
}

// startTime is when a process was started, in the kernel's words: proc_pid_stat(5), field 22.
func startTime(proc string) (string, error) {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return "", err
	}
	// The second field is a name in parentheses, which may have anything in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const startsAt = 22 - 3
	if len(fields) <= startsAt {
		return "", fmt.Errorf("%s/stat is shorter than it should be", proc)
	}
	if fields[0] == "Z" {
		return "", fs.ErrNotExist
	}
	return fields[startsAt], nil
}

// alive says whether the process is there, and still the same.
func (r *reload) alive() error {
	started, err := startTime(r.proc)
	if err == nil && started == r.started {
		return nil
	}
	return fmt.Errorf("the collector, process %d, has ended", r.pid)
}

// adopt makes the collector's environment and directory our own: ${env:NAME} and paths are to
// mean to us what they mean to it.
func (r *reload) adopt() error {
	text, err := os.ReadFile(filepath.Join(r.proc, "environ"))
	if err != nil {
		return fmt.Errorf("read the collector's environment: %w", err)
	}
	os.Clearenv()
	for variable := range strings.SplitSeq(string(text), "\x00") {
		if name, value, ok := strings.Cut(variable, "="); ok && name != "" {
			if err := os.Setenv(name, value); err != nil {
				return err
			}
		}
	}
	return os.Chdir(filepath.Join(r.proc, "cwd"))
}

// validate asks the collector's own program, which may be an older one than is on disk.
func (r *reload) validate(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(r.proc, "exe"), append([]string{"validate"}, r.args...)...) //nolint:gosec // it is the program that runs
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the configuration is not valid, and the collector goes on with the one that it has:\n%s", strings.TrimRight(string(out), "\n"))
	}
	return nil
}

func (r *reload) lint(ctx context.Context) (*confmap.Conf, error) {
	for _, c := range r.configs {
		if strings.HasPrefix(c, "http:") || strings.HasPrefix(c, "https:") {
			r.say("%s is not a file: heartwood lint has not looked at it", c)
			return nil, nil
		}
	}
	conf, err := configlint.Resolve(ctx, r.configs)
	if err != nil {
		return nil, err
	}
	config, err := configlint.Load(ctx, r.configs)
	if err != nil {
		return nil, err
	}
	report, err := configlint.Check(config, r.allows...)
	if err != nil {
		return nil, err
	}
	if report.Errors > 0 || r.strict && report.Warnings > 0 {
		if err := report.WriteText(r.stderr); err != nil {
			return nil, err
		}
		return nil, errors.New("heartwood lint has found what is above, and the collector goes on with the configuration that it has; --allow accepts a rule's findings")
	}
	return conf, nil
}

// healthURL is that of the first health_check that the service starts; "" is none.
func healthURL(conf *confmap.Conf) string {
	if conf == nil {
		return ""
	}
	extensions, _ := conf.Get("extensions").(map[string]any)
	started, _ := conf.Get("service::extensions").([]any)
	for _, id := range started {
		id, _ := id.(string)
		if name, _, _ := strings.Cut(id, "/"); name != "health_check" {
			continue
		}
		settings, _ := extensions[id].(map[string]any)
		endpoint, path := "localhost:13133", "/"
		if v, ok := settings["endpoint"].(string); ok {
			endpoint = v
		}
		if v, ok := settings["path"].(string); ok {
			path = v
		}
		if server, ok := settings["http"].(map[string]any); ok {
			path = "/status"
			if v, ok := server["endpoint"].(string); ok {
				endpoint = v
			}
			if status, ok := server["status"].(map[string]any); ok {
				if v, ok := status["path"].(string); ok {
					path = v
				}
			}
		}
		host, port, err := net.SplitHostPort(endpoint)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		return "http://" + net.JoinHostPort(host, port) + path
	}
	return ""
}

var errNotReady = errors.New("it is not ready yet")

// upSince asks a health check since when its service runs, in its own words. A service that
// runs, and of which a component has a trouble, is up.
func upSince(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	switch {
	case err != nil:
		return "", err
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusInternalServerError:
		return "", errNotReady
	}
	var answer struct {
		UpSince   string `json:"upSince"`    // without the gate extension.healthcheck.useComponentStatus
		StartTime string `json:"start_time"` // with it
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.UpSince == "" && answer.StartTime == "" {
		return "", fmt.Errorf("%s does not say since when it runs: it must not have a response_body of its own", url)
	}
	return answer.UpSince + answer.StartTime, nil
}

// await waits until another service than the one before is up.
func (r *reload) await(ctx context.Context, client *http.Client, before string) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	tick := time.NewTicker(reloadInterval)
	defer tick.Stop()
	last := errNotReady
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the collector, process %d, was told to reload, and was not ready within %v: %w", r.pid, r.timeout, last)
		case <-tick.C:
		}
		if err := r.alive(); err != nil {
			return fmt.Errorf("%w: what it was told to load is valid, and could not be started; its log says why", err)
		}
		since, err := upSince(ctx, client, r.health)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				last = err
			}
		case since != before:
			r.say("the new configuration is in use by process %d", r.pid)
			return nil
		}
	}
}
