package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// target is where records go.
type target struct {
	shown string // for a person
	// Of OTLP: the exporter's type and its settings. Empty with file.
	exporter string
	settings map[string]any
	// file is a configuration of the user's.
	file string
	// view is the page that shows the records; nil: none.
	view *pageView
}

// pageView is a page on this machine.
type pageView struct {
	port  int
	token string
}

// viewPort is the usual one.
const viewPort = 8840

// showPage finds a port for a page, and has the records go there too.
func (r *runner) showPage(ctx context.Context) error {
	port := viewPort
	if listenable(ctx, port) != nil {
		var err error
		if port, err = freePort(ctx, port, nil); err != nil {
			return fmt.Errorf("--view: no port is to be had: %w", err)
		}
	}
	if r.target == nil {
		r.target = &target{shown: "the page"}
	}
	r.target.view = &pageView{port, rand.Text()}
	return nil
}

func (v *pageView) url() string { return pageURL(v.port, v.token) }

// runReceiver is what the program's output comes from. It is written in people's
// configurations.
const runReceiver = "stdout_tail/run"

// findTarget says where records go by the command line and the environment; nil:
// nowhere.
func (r *runner) findTarget() (*target, error) {
	if r.config != "" {
		return fileTarget(r.config)
	}
	name, endpoint := "--endpoint", r.endpoint
	protocol, whole := "", false
	if endpoint == "" {
		protocol = r.environ("PROTOCOL")
		name = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
		endpoint = strings.TrimSpace(r.getenv(name))
		whole = endpoint != ""
	}
	if endpoint == "" {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
		endpoint = strings.TrimSpace(r.getenv(name))
	}
	if endpoint == "" {
		if len(r.headers) > 0 {
			return nil, errors.New("--header goes with --endpoint, or OTEL_EXPORTER_OTLP_ENDPOINT")
		}
		return nil, nil //nolint:nilnil // nowhere is an answer
	}
	headers, err := r.allHeaders()
	if err != nil {
		return nil, err
	}
	t, err := otlpTarget(endpoint, protocol, headers)
	if err != nil {
		return nil, fmt.Errorf("%s is %q: %w", name, endpoint, err)
	}
	if whole && t.exporter == otlpHTTP {
		delete(t.settings, "endpoint")
		t.settings["logs_endpoint"] = endpoint
	}
	return t, nil
}

// allHeaders are those of the environment and, over them, of the command line.
func (r *runner) allHeaders() (map[string]string, error) {
	headers, err := keyValues(r.environ("HEADERS"))
	if err != nil {
		// Without the value, which may be a secret.
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: %w, want name=value,name=value", err)
	}
	for _, h := range r.headers {
		name, value, err := h.read()
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(headers, func(have, _ string) bool { return strings.EqualFold(have, name) })
		headers[name] = value
	}
	return headers, nil
}

// environ is the value of a variable of OpenTelemetry's exporters, that for logs
// first.
// Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
func (r *runner) environ(name string) string {
	if value := r.getenv("OTEL_EXPORTER_OTLP_LOGS_" + name); value != "" {
		return value
	}
	return r.getenv("OTEL_EXPORTER_OTLP_" + name)
}

// keyValues reads a list of key=value with commas between, the values percent-encoded,
// as OpenTelemetry's environment variables have it.
func keyValues(list string) (map[string]string, error) {
	values := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, errors.New("a part is without its = or its name")
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("the value of %s is not percent-encoded as it should be", key)
		}
		values[key] = value
	}
	return values, nil
}

const (
	otlpHTTP = "otlp_http"
	otlpGRPC = "otlp_grpc"
	logsPath = "/v1/logs"
)

var errEndpoint = errors.New("want http://host:4318, https://host, or for gRPC host:4317, grpc://host:4317, grpcs://host:4317")

// otlpTarget reads an address. protocol is grpc, http/protobuf, http/json, or "" where
// the address says it all.
func otlpTarget(address, protocol string, headers map[string]string) (*target, error) {
	if !strings.Contains(address, "://") {
		_, port, err := net.SplitHostPort(address)
		if err != nil || port == "" {
			return nil, errEndpoint
		}
		scheme := "grpc://"
		if port == "4318" || strings.HasPrefix(protocol, "http/") {
			scheme = "http://"
		}
		address = scheme + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errEndpoint
	}
	if u.User != nil {
		return nil, errors.New("a user and a password belong into --header authorization=@FILE, not into the address")
	}
	bare := u.Path == "" || u.Path == "/"
	grpc, secure := false, false
	switch u.Scheme {
	case "grpc", "grpcs":
		grpc, secure = true, u.Scheme == "grpcs"
	case "http", "https":
		grpc = protocol == "grpc" || protocol == "" && u.Port() == "4317" && bare
		secure = u.Scheme == "https"
	default:
		return nil, errEndpoint
	}
	switch protocol {
	case "", "grpc", "http/protobuf", "http/json":
	default:
		return nil, fmt.Errorf("with the protocol %q, want grpc, http/protobuf or http/json", protocol)
	}
	settings := map[string]any{
		// Each try is the receiver's, which has the records until they are taken:
		// there is one place where they wait and are counted.
		"sending_queue":    map[string]any{"enabled": false},
		"retry_on_failure": map[string]any{"enabled": false},
	}
	if len(headers) > 0 {
		settings["headers"] = headers
	}
	t := &target{shown: address, settings: settings}
	if grpc {
		if !bare {
			return nil, fmt.Errorf("gRPC has no path %s", u.Path)
		}
		port := u.Port()
		if port == "" {
			port = "4317"
		}
		t.exporter = otlpGRPC
		settings["endpoint"] = net.JoinHostPort(u.Hostname(), port)
		settings["tls"] = map[string]any{"insecure": !secure}
		return t, nil
	}
	t.exporter = otlpHTTP
	if strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), logsPath) {
		settings["logs_endpoint"] = address
	} else {
		settings["endpoint"] = address
	}
	if protocol == "http/json" {
		settings["encoding"] = "json"
	}
	return t, nil
}

// fileTarget looks whether a configuration takes what the program says: one that does
// not would leave it unread.
func fileTarget(path string) (*target, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	var config struct {
		Service struct {
			Pipelines map[string]struct {
				Receivers []string `yaml:"receivers"`
			} `yaml:"pipelines"`
		} `yaml:"service"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return nil, fmt.Errorf("--config %s: %w", path, err)
	}
	for _, pipeline := range config.Service.Pipelines {
		if slices.Contains(pipeline.Receivers, runReceiver) {
			absolute, err := filepath.Abs(path)
			return &target{shown: path, file: absolute}, err
		}
	}
	return nil, fmt.Errorf("--config %s: no pipeline has the receiver %s, from which the program's output comes; write `receivers: [%s]` into one", path, runReceiver, runReceiver)
}

// headerFlag collects --header.
type headerFlag []header

type header string

func (h *headerFlag) String() string { return "" }

func (h *headerFlag) Set(s string) error {
	if name, _, ok := strings.Cut(s, "="); !ok || strings.TrimSpace(name) == "" {
		return errors.New("want name=value")
	}
	*h = append(*h, header(s))
	return nil
}

// read gives name and value, which may stand in a file.
func (h header) read() (name, value string, err error) {
	name, value, _ = strings.Cut(string(h), "=")
	name = strings.TrimSpace(name)
	if path, ok := strings.CutPrefix(value, "@"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", "", fmt.Errorf("--header %s: %w", name, err)
		}
		value = strings.TrimRight(string(content), "\r\n")
	}
	return name, value, nil
}

// resource is what all records have in common, but for process.pid.
func (r *runner) resource() (map[string]string, error) {
	resource, err := keyValues(r.getenv("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w, want name=value,name=value", err)
	}
	if _, ok := resource["process.command"]; !ok {
		resource["process.command"] = r.argv[0]
	}
	switch name := r.getenv("OTEL_SERVICE_NAME"); {
	case r.service != "":
		resource["service.name"] = r.service
	case name != "":
		resource["service.name"] = name
	case resource["service.name"] == "":
		resource["service.name"] = strings.TrimSuffix(filepath.Base(r.argv[0]), ".exe")
	}
	return resource, nil
}

const (
	// runBatch of records go in one request: with more of them waiting than the
	// receiver's own default, a place that is far away is not slow.
	runBatchRecords = 4096
	runBatchSize    = "2MiB"
)

// configs gives the collector's configuration as JSON, which YAML includes: what
// stands before the user's file, if there is one, and what stands over it.
func (t *target) configs(resource map[string]string, pid int, accept time.Duration) (before, over string, err error) {
	type object = map[string]any
	receiver := object{
		"stdin":    object{"framing": "cri", "on_eof": "shutdown"},
		"resource": resource,
		"batch":    object{"max_records": runBatchRecords, "max_size": runBatchSize},

		"accept_timeout": accept.String(),
	}
	base := object{
		"receivers": object{runReceiver: receiver},
		// No port of its own: another collector may have it.
		"service": object{"telemetry": object{"metrics": object{"level": "none"}}},
	}
	if t.file == "" {
		const pidProcessor = "resource/run" // the receiver's own resource attributes are strings
		processors := object{pidProcessor: object{"attributes": []object{{"key": "process.pid", "value": pid, "action": "insert"}}}}
		exporters, pipelines := object{}, object{}
		if t.exporter != "" {
			exporters[t.exporter] = t.settings
			pipelines["logs"] = object{
				"receivers": []string{runReceiver}, "processors": []string{pidProcessor}, "exporters": []string{t.exporter},
			}
		}
		if t.view != nil {
			processors["request_id"], processors["redact"] = object{"generate": "none"}, object{}
			exporters["viewer"] = object{"endpoint": localhost(t.view.port), "token": t.view.token, "health_endpoint": "none", "max_cpu_share": 1}
			pipelines["logs/view"] = object{
				"receivers": []string{runReceiver}, "processors": []string{pidProcessor, "request_id", "redact"}, "exporters": []string{"viewer"},
			}
		}
		base["processors"], base["exporters"], base["service"].(object)["pipelines"] = processors, exporters, pipelines
	}
	logs := object{"service": object{"telemetry": object{"logs": object{
		"encoding": "json", "level": "info", "output_paths": []string{"stderr"}, "sampling": object{"enabled": false},
	}}}}
	if before, err = configText(base); err != nil {
		return "", "", err
	}
	over, err = configText(logs)
	return before, over, err
}

// configText writes a configuration in which no $ has a meaning.
func configText(config map[string]any) (string, error) {
	text, err := json.Marshal(config)
	return strings.ReplaceAll(string(text), "$", "$$"), err
}
