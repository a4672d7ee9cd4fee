package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/internal/freeport"
)

const (
	// startTimeout is how long the collector may take to become healthy. It
	// needs about a second; the rest is for a machine with much else to do.
	startTimeout = 60 * time.Second
	// requestTimeout bounds one request to the collector's own pages.
	requestTimeout = 10 * time.Second
	// pollInterval is how often pages that can't be waited for are asked.
	pollInterval = 20 * time.Millisecond
)

// healthExtension is the health check that the harness adds.
const healthExtension = "health_check/harness"

// The names of the harness's own addresses. A configuration may use them too.
const (
	healthName  = "harness health"
	metricsName = "harness metrics"
)

// Collector is one collector under test: its configuration, addresses and
// folders, which stay the same over restarts, and the process that runs now.
type Collector struct {
	// Process is the running process, or the last one. Stop, Kill, Pause and
	// the rest are its methods.
	*Process

	name    string
	binary  string
	args    []string
	env     []string
	dir     string
	configs []string
	ports   map[string]int // by name, those of the harness among them
}

// Option changes how a collector is run.
type Option func(*settings)

type settings struct {
	values map[string]any
	args   []string
	env    []string
	files  []string
	binary string
	name   string
}

// With makes a value known to the configuration's template as {{.name}}.
func With(name string, value any) Option {
	return func(s *settings) { s.values[name] = value }
}

// WithArgs adds arguments to the command line, such as --feature-gates=...
func WithArgs(args ...string) Option {
	return func(s *settings) { s.args = append(s.args, args...) }
}

// WithEnv sets environment variables, each as KEY=value, which is a template
// as the configuration is.
func WithEnv(env ...string) Option {
	return func(s *settings) { s.env = append(s.env, env...) }
}

// WithFile puts a configuration file, taken as it is, before the test's own
// text, which is then merged over it: mappings key by key, lists as a whole. A
// relative path is one from the repository's root.
func WithFile(path string) Option {
	return func(s *settings) { s.files = append(s.files, path) }
}

// WithBinary runs another collector than the one under test, such as an older
// release whose files the new one must be able to read.
func WithBinary(path string) Option {
	return func(s *settings) { s.binary = path }
}

// WithName tells collectors of one test apart in messages.
func WithName(name string) Option {
	return func(s *settings) { s.name = name }
}

// Start runs a collector with a configuration and waits until it's healthy.
//
// The configuration is a text/template with these functions:
//
//	{{addr "x"}}  127.0.0.1 and a free port, the same wherever x stands; Addr("x") in the test
//	{{port "x"}}  the port alone
//	{{dir "x"}}   a folder that stays over restarts; Path("x") in the test
//	{{file "x"}}  the path of a file in such a place, which isn't created; Path("x") in the test
//	{{.x}}        what With("x", ...) says
//
// A health check, the page of its own metrics, and a log of which nothing is
// left out are added to it.
func Start(tb testing.TB, config string, options ...Option) *Collector {
	tb.Helper()
	c := New(tb, config, options...)
	c.Start(tb)
	return c
}

// New prepares a collector without starting it.
func New(tb testing.TB, config string, options ...Option) *Collector {
	tb.Helper()
	s := settings{values: make(map[string]any), name: "otelcol-heartwood"}
	for _, option := range options {
		option(&s)
	}
	if s.binary == "" {
		s.binary = Binary(tb)
	}
	dir, err := os.MkdirTemp("", "heartwood-") //nolint:usetesting // TempDir's long names leave no room for the path of a socket, which has at most about 100 bytes
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove the collector's folder: %v", err)
		}
	})
	c := &Collector{
		name:   s.name,
		binary: s.binary,
		args:   s.args,
		dir:    dir,
		ports:  make(map[string]int),
	}
	for _, variable := range s.env {
		c.env = append(c.env, c.render(tb, variable, s.values))
	}
	for _, file := range s.files {
		if !filepath.IsAbs(file) {
			file = filepath.Join(Root(tb), file)
		}
		c.configs = append(c.configs, file)
	}
	c.writeConfig(tb, "config.yaml", c.render(tb, config, s.values))
	c.writeConfig(tb, "harness.yaml", c.ownConfig(tb))
	return c
}

// Addr is the address, host and port, that the configuration calls {{addr "name"}}.
func (c *Collector) Addr(tb testing.TB, name string) string {
	tb.Helper()
	return fmt.Sprintf("127.0.0.1:%d", c.Port(tb, name))
}

// Port is the port that the configuration calls {{port "name"}}.
func (c *Collector) Port(tb testing.TB, name string) int {
	tb.Helper()
	port, ok := c.ports[name]
	if !ok {
		port = freeport.Take(tb)
		c.ports[name] = port
	}
	return port
}

// Path is the folder or file that the configuration calls {{dir "name"}} or {{file "name"}}.
func (c *Collector) Path(name string) string {
	return filepath.Join(c.dir, "data", name)
}

func (c *Collector) render(tb testing.TB, config string, values map[string]any) string {
	tb.Helper()
	functions := template.FuncMap{
		"addr": func(name string) string { return c.Addr(tb, name) },
		"port": func(name string) int { return c.Port(tb, name) },
		"dir": func(name string) (string, error) {
			return c.Path(name), os.MkdirAll(c.Path(name), 0o700)
		},
		"file": func(name string) (string, error) {
			return c.Path(name), os.MkdirAll(filepath.Dir(c.Path(name)), 0o700)
		},
	}
	t, err := template.New("config").Option("missingkey=error").Funcs(functions).Parse(dedent(config))
	if err != nil {
		tb.Fatalf("a template of the configuration: %v", err)
	}
	var text strings.Builder
	if err := t.Execute(&text, values); err != nil {
		tb.Fatalf("a template of the configuration: %v", err)
	}
	return text.String()
}

// dedent takes one indentation, of tabs, from all lines, so that a
// configuration may be indented with the Go code around it.
func dedent(text string) string {
	indent := -1
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		tabs := len(line) - len(strings.TrimLeft(line, "\t"))
		if indent < 0 || tabs < indent {
			indent = tabs
		}
	}
	if indent <= 0 {
		return text
	}
	prefix := strings.Repeat("\t", indent)
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			line = strings.TrimLeft(line, "\t")
		}
		out.WriteString(strings.TrimPrefix(line, prefix))
	}
	return out.String()
}

// ownConfig is what the harness adds. The collector merges mappings of several
// files but takes lists from the last, so that the list of extensions has to be
// said again.
func (c *Collector) ownConfig(tb testing.TB) string {
	tb.Helper()
	extensions := append(c.configuredExtensions(tb), healthExtension)
	own := map[string]any{
		"extensions": map[string]any{
			healthExtension: map[string]any{"endpoint": c.Addr(tb, healthName)},
		},
		"service": map[string]any{
			"extensions": extensions,
			"telemetry": map[string]any{
				"logs": map[string]any{"sampling": map[string]any{"enabled": false}},
				"metrics": map[string]any{"readers": []any{map[string]any{
					"pull": map[string]any{"exporter": map[string]any{"prometheus": map[string]any{
						"host": "127.0.0.1", "port": c.Port(tb, metricsName),
					}}},
				}}},
			},
		},
	}
	text, err := yaml.Marshal(own)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func (c *Collector) configuredExtensions(tb testing.TB) []string {
	tb.Helper()
	var extensions []string
	for _, path := range c.configs {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		var config struct {
			Service struct {
				Extensions []string
			}
		}
		if err := yaml.Unmarshal(text, &config); err != nil {
			tb.Fatalf("%s: %v\n%s", path, err, numbered(string(text)))
		}
		if config.Service.Extensions != nil {
			extensions = config.Service.Extensions
		}
	}
	return extensions
}

func numbered(text string) string {
	var out strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		n++
		fmt.Fprintf(&out, "%4d  %s", n, line)
	}
	return out.String()
}

func (c *Collector) writeConfig(tb testing.TB, name, text string) {
	tb.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	c.configs = append(c.configs, path)
}

// ConfigArgs are the arguments that give the binary this configuration, for
// `validate` and `print-config`.
func (c *Collector) ConfigArgs() []string {
	var args []string
	for _, path := range c.configs {
		args = append(args, "--config="+path)
	}
	return append(args, c.args...)
}

// Start starts the collector and waits until it's healthy: after Stop or Kill
// with the same configuration, addresses and folders as before.
func (c *Collector) Start(tb testing.TB) {
	tb.Helper()
	c.Launch(tb)
	c.WaitHealthy(tb)
}

// FailToStart starts the collector, expects it to end by itself with an error,
// and gives what it printed.
func (c *Collector) FailToStart(tb testing.TB) string {
	tb.Helper()
	c.Launch(tb)
	if code := c.Wait(tb, startTimeout); code == 0 {
		tb.Errorf("%s ended with exit status 0, want it to refuse its configuration", c.name)
	}
	return c.Output()
}

// Launch starts the collector as Start does, and does not wait.
func (c *Collector) Launch(tb testing.TB) {
	tb.Helper()
	if c.Process != nil {
		select {
		case <-c.Done():
		default:
			tb.Fatalf("%s is still running: stop it before it is started again", c.name)
		}
	}
	c.Process = StartProcess(tb, Command{
		Name: c.name,
		Path: c.binary,
		Args: c.ConfigArgs(),
		Env:  c.env,
		Dir:  c.dir,
	})
}

// WaitHealthy waits until the collector says that all its pipelines are ready.
func (c *Collector) WaitHealthy(tb testing.TB) {
	tb.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		status, body, err := fetch(tb.Context(), "http://"+c.Addr(tb, healthName))
		if err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-c.Done():
			c.expectEnd()
			tb.Fatalf("%s ended before it was healthy: %v", c.name, c.exec.ProcessState)
		case <-time.After(pollInterval):
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s isn't healthy after %v: status %d %s %v", c.name, startTimeout, status, body, err)
		}
	}
}

// Metrics reads the collector's metrics about itself.
func (c *Collector) Metrics(tb testing.TB) Metrics {
	tb.Helper()
	return FetchMetrics(tb, "http://"+c.Addr(tb, metricsName)+"/metrics")
}

// TryMetrics is Metrics of a collector that may not answer.
func (c *Collector) TryMetrics(tb testing.TB) (Metrics, error) {
	tb.Helper()
	return tryMetrics(tb.Context(), "http://"+c.Addr(tb, metricsName)+"/metrics")
}

// WaitMetrics waits until the collector's metrics satisfy a condition, which
// what puts in words, and gives them.
func (c *Collector) WaitMetrics(tb testing.TB, what string, condition func(Metrics) bool) Metrics {
	tb.Helper()
	return WaitMetrics(tb, "http://"+c.Addr(tb, metricsName)+"/metrics", what, condition)
}

// fetch reads a page over a connection of its own, so that nothing of it is
// left when it returns.
func fetch(ctx context.Context, url string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}
