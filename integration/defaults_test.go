package integration

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// Nothing listens beyond the machine itself unless a user says so.

// defaultsConfig turns on, with no setting, everything in the binary that
// listens by default. What has no default address isn't in it: there, an
// address must be said.
const defaultsConfig = `
receivers:
  otlp: {protocols: {grpc: , http: }}
  logfmt: {tcp: , udp: , http: }
  statsd:
exporters:
  nop:
  viewer:
extensions:
  health_check:
  pprof:
  zpages:
service:
  extensions: [health_check, pprof, zpages]
  pipelines:
    logs: {receivers: [otlp, logfmt], exporters: [nop, viewer]}
    metrics: {receivers: [otlp, statsd], exporters: [nop]}
`

// listenersOfDefaults is how many sockets that makes, one for each of otlp's
// two, logfmt's three, statsd, viewer and the three extensions.
const listenersOfDefaults = 2 + 3 + 1 + 1 + 3

// address is a setting with the address of a listener.
type address struct {
	path []string // keys, from the top of the configuration
	host string
	port int
}

func (a address) String() string {
	return fmt.Sprintf("%s: %s:%d", strings.Join(a.path, "::"), a.host, a.port)
}

// printConfig is the configuration with all defaults filled in.
func printConfig(t *testing.T, path string) map[string]any {
	t.Helper()
	result := harness.Run(t, harness.Binary(t), "print-config", "--config="+path)
	require.Zero(t, result.Code, result.Stderr)
	var config map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(result.Stdout), &config), result.Stdout)
	return config
}

// listenAddresses finds the addresses of listeners: of receivers and
// extensions, of those exporters that serve a page, and of the collector's own
// metrics.
func listenAddresses(t *testing.T, config map[string]any) []address {
	t.Helper()
	var found []address
	add := func(path []string, host string, port any) {
		n, err := strconv.Atoi(fmt.Sprint(port))
		require.NoError(t, err, path)
		found = append(found, address{path: slices.Clone(path), host: host, port: n})
	}
	var walk func(path []string, value any)
	walk = func(path []string, value any) {
		switch value := value.(type) {
		case map[string]any:
			if host, ok := value["host"].(string); ok && value["port"] != nil {
				add(path, host, value["port"])
			}
			for _, key := range slices.Sorted(maps.Keys(value)) {
				walk(append(path, key), value[key])
			}
		case []any:
			for i, item := range value {
				walk(append(path, strconv.Itoa(i)), item)
			}
		case string:
			key := path[len(path)-1]
			if host, port, err := net.SplitHostPort(value); err == nil && (key == "endpoint" || key == "listen_address") {
				add(path, host, port)
			}
		}
	}
	for _, section := range []string{"receivers", "extensions", "service"} {
		walk([]string{section}, config[section])
	}
	exporters, _ := config["exporters"].(map[string]any)
	for name, exporter := range exporters {
		if kind, _, _ := strings.Cut(name, "/"); kind == "prometheus" || kind == "viewer" {
			walk([]string{"exporters", name}, exporter)
		}
	}
	return found
}

func isLocal(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func defaultAddresses(t *testing.T) (path string, addresses []address) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "defaults.yaml")
	require.NoError(t, os.WriteFile(path, []byte(defaultsConfig), 0o600))
	return path, listenAddresses(t, printConfig(t, path))
}

func TestDefaultsListenOnLocalhostOnly(t *testing.T) {
	_, addresses := defaultAddresses(t)
	require.Len(t, addresses, listenersOfDefaults+1, "and the page of the collector's own metrics")
	for _, a := range addresses {
		assert.True(t, isLocal(a.host), "%v", a)
	}
}

func TestShippedConfigsListenOnLocalhostOnly(t *testing.T) {
	t.Setenv("HEARTWOOD_CONFIGS", filepath.Join(harness.Root(t), "configs"))
	configs, err := filepath.Glob(filepath.Join(harness.Root(t), "configs", "*.yaml"))
	require.NoError(t, err)
	for _, path := range configs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			for _, a := range listenAddresses(t, printConfig(t, path)) {
				assert.True(t, isLocal(a.host), "%v", a)
			}
		})
	}
}

func TestListenAddressesAreFound(t *testing.T) {
	var config map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(`
receivers:
  a: {protocols: {grpc: {endpoint: "0.0.0.0:1"}, http: {endpoint: "[::]:2"}}}
  b: {tcp: {listen_address: ":3"}}
  c: {list: [{endpoint: "192.0.2.1:4"}], note: "x:5"}
exporters:
  prometheus/page: {endpoint: "example.org:6"}
  otlp_grpc: {endpoint: "far.example.org:7"}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: "0.0.0.0", port: 8}}}}]}}}
`), &config))
	var found []string
	for _, a := range listenAddresses(t, config) {
		assert.False(t, isLocal(a.host), "%v", a)
		found = append(found, a.String())
	}
	assert.ElementsMatch(t, []string{
		"receivers::a::protocols::grpc::endpoint: 0.0.0.0:1",
		"receivers::a::protocols::http::endpoint: :::2",
		"receivers::b::tcp::listen_address: :3",
		"receivers::c::list::0::endpoint: 192.0.2.1:4",
		"exporters::prometheus/page::endpoint: example.org:6",
		"service::telemetry::metrics::readers::0::pull::exporter::prometheus: 0.0.0.0:8",
	}, found)
}
