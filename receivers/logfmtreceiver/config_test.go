package logfmtreceiver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

func TestDefaultConfig(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	require.ErrorContains(t, confmap.Validate(cfg), "no way in: configure at least one of tcp, udp, unix, http")
}

// One file per shape of configuration.
func TestConfigShapes(t *testing.T) {
	checks := map[string]func(t *testing.T, c *Config){
		"tcp.yaml": func(t *testing.T, c *Config) {
			t.Helper()
			tcp := c.TCP.Get()
			require.NotNil(t, tcp)
			assert.Equal(t, "localhost:5643", tcp.Endpoint)
			assert.Equal(t, streamConfig{MaxConnections: 1024, IdleTimeout: time.Hour, ReadBufferSize: 64 << 10}, tcp.streamConfig)
			assert.False(t, tcp.TLS.HasValue())
			assert.False(t, c.UDP.HasValue() || c.Unix.HasValue() || c.HTTP.HasValue())
			assert.Equal(t, bytesize.MiB, c.MaxLineSize)
			assert.Equal(t, 5*time.Second, c.AcceptTimeout)
			assert.Equal(t, batchConfig{MaxRecords: 1024, MaxSize: bytesize.MiB}, c.Batch)
		},
		"udp.yaml": func(t *testing.T, c *Config) {
			t.Helper()
			assert.Equal(t, &udpConfig{Endpoint: "0.0.0.0:514", MaxQueueSize: 64 << 20, ReceiveBufferSize: 8 << 20}, c.UDP.Get())
		},
		"unix.yaml": func(t *testing.T, c *Config) {
			t.Helper()
			assert.Equal(t, &unixConfig{Path: "/run/heartwood/logfmt.sock", Mode: "0666", streamConfig: streamConfig{MaxConnections: 64, ReadBufferSize: 16 << 10}}, c.Unix.Get())
			mode, err := c.Unix.Get().fileMode()
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o666), mode)
		},
		"http.yaml": func(t *testing.T, c *Config) {
			t.Helper()
			web := c.HTTP.Get()
			assert.Equal(t, "0.0.0.0:5644", web.NetAddr.Endpoint)
			assert.Equal(t, int64(2<<20), web.MaxRequestBodySize, "a size with a unit")
			assert.Equal(t, frameIDConfig{MaxEntries: 1000, TTL: 15 * time.Minute}, web.FrameIDs)
			assert.True(t, web.TLS.HasValue() && web.Auth.HasValue() && web.CORS.HasValue())
			assert.Equal(t, 10*time.Second, web.ReadHeaderTimeout)
			assert.Equal(t, 30*time.Second, web.ReadTimeout)
		},
		"everything.yaml": func(t *testing.T, c *Config) {
			t.Helper()
			assert.Equal(t, "localhost:5643", c.UDP.Get().Endpoint)
			assert.Equal(t, "localhost:5644", c.HTTP.Get().NetAddr.Endpoint)
			assert.Equal(t, "/etc/heartwood/clients.pem", c.TCP.Get().TLS.Get().ClientCAFile)
			assert.Equal(t, map[string][]string{"severity": {"level", "prio"}, "service.name": {"app", "service"}}, c.Fields)
			set, err := c.mapperSettings()
			require.NoError(t, err)
			assert.Equal(t, "Europe/Berlin", set.Timezone.String())
			assert.True(t, set.KeepOriginal)
			assert.Equal(t, batchConfig{MaxRecords: 1000, MaxSize: 512 << 10, Linger: 200 * time.Millisecond}, c.Batch)
		},
		"switched_off.yaml": func(t *testing.T, c *Config) {
			t.Helper()
			assert.False(t, c.TCP.HasValue())
			assert.True(t, c.UDP.HasValue())
		},
	}
	files, err := filepath.Glob("testdata/config/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(checks))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			conf, err := confmaptest.LoadConf(file)
			require.NoError(t, err)
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, conf.Unmarshal(cfg))
			require.NoError(t, confmap.Validate(cfg))
			checks[filepath.Base(file)](t, cfg)
		})
	}
}

// Every message names the field, the value and what would be right.
func TestConfigErrors(t *testing.T) {
	long := "/" + strings.Repeat("x", 100)
	for text, want := range map[string]string{
		"tcp: {endpoint: localhost}":                            `tcp: endpoint is "localhost", but must be host:port, such as localhost:5643`,
		"tcp: {endpoint: 'localhost:99999'}":                    `tcp: endpoint is "localhost:99999", but must be host:port`,
		"tcp: {endpoint: ''}":                                   `tcp: endpoint is "", but must be host:port`,
		"tcp: {max_connections: 0}":                             `tcp: max_connections is 0, but must be at least 1; the default is 1024`,
		"tcp: {idle_timeout: -1s}":                              `tcp: idle_timeout is -1s, but must be 0s (keep idle connections) or more`,
		"tcp: {read_buffer_size: 1B}":                           `tcp: read_buffer_size is 1B, but must be between 1KiB and 16MiB`,
		"tcp: {read_buffer_size: 1M}":                           `size "1M" has the unknown unit "M"; known are B, KiB`,
		"tcp: {tls: {cert_file: x}}":                            `tcp: tls: config: TLS configuration must include both certificate and key`,
		"udp: {endpoint: x}":                                    `udp: endpoint is "x", but must be host:port`,
		"udp: {max_queue_size: 1KiB}":                           `udp: max_queue_size is 1KiB, but must be at least 64KiB`,
		"udp: {receive_buffer_size: -1}":                        `udp: receive_buffer_size is -1B, but must be 0 (the system's own size) or more`,
		"unix:":                                                 `unix: path is empty: name the socket, such as /run/heartwood/logfmt.sock`,
		"unix: {path: /run/}":                                   `unix: path "/run/" is a directory: name a file in it`,
		"unix: {path: " + long + "}":                            `has 101 bytes, but the system allows a socket at most 96`,
		"unix: {path: /s, mode: rw}":                            `unix: mode is "rw", but must be octal permissions in quotes, such as "0660"`,
		"unix: {path: /s, mode: '1777'}":                        `unix: mode is "1777", but must be octal permissions`,
		"unix: {path: /s, mode: '0888'}":                        `unix: mode is "0888", but must be octal permissions`,
		"http: {endpoint: x}":                                   `http: endpoint is "x", but must be host:port, such as localhost:5644`,
		"http: {path: logs}":                                    `http: path is "logs", but must begin with a slash, such as /logs`,
		"http: {max_request_body_size: 10}":                     `http: max_request_body_size is 10B, but must be at least 1KiB; the default is 10MiB`,
		"http: {max_request_body_size: lots}":                   `max_request_body_size: size "lots" has the unknown unit "lots"`,
		"http: {max_request_body_size: 1GiB}":                   `http::max_request_body_size is 1GiB, more than max_buffer_size (128MiB)`,
		"http: {max_connections: 0}":                            `http: max_connections is 0, but must be at least 1`,
		"http: {compression_algorithms: [gzip, br]}":            `http: compression_algorithms holds "br", but may hold only ["" "identity" "gzip" "zstd"`,
		"http: {frame_ids: {max_entries: 0}}":                   `http: frame_ids: max_entries is 0, but must be at least 1; the default is 65536`,
		"http: {frame_ids: {ttl: 0s}}":                          `http: frame_ids: ttl is 0s, but must be more than 0; the default is 1h`,
		"http: {write_timeout: 3s}":                             `http::write_timeout is 3s, but must be longer than accept_timeout (5s), or 0 for no limit`,
		"{tcp: , types: guess}":                                 `types is "guess", but must be infer`,
		"{tcp: , duplicates: all}":                              `duplicates is "all", but must be last, first or list`,
		"{tcp: , timezone: Mars/Olympus}":                       `timezone is "Mars/Olympus", which is no known zone: write an IANA name such as Europe/Berlin`,
		"{tcp: , severity_numbers: log5j}":                      `severity_numbers: "log5j" names no scheme of severity numbers: use one of auto, otel, syslog`,
		"{tcp: , fields: {level: [severity]}}":                  `fields: "level" is no target: did you mean "severity"?`,
		"{tcp: , max_line_size: 10B}":                           `max_line_size is 10B, but must be between 256B and 256MiB`,
		"{tcp: , max_line_size: 10Mb/s}":                        `size "10Mb/s"`,
		"{tcp: , max_buffer_size: 1KiB}":                        `max_buffer_size is 1KiB, but must be at least 1MiB`,
		"{tcp: , accept_timeout: 0s}":                           `accept_timeout is 0s, but must be more than 0; the default is 5s`,
		"{tcp: , batch: {max_records: 0}}":                      `batch: max_records is 0, but must be at least 1; the default is 1024`,
		"{tcp: , batch: {max_size: 1}}":                         `batch: max_size is 1B, but must be at least 1KiB`,
		"{tcp: , batch: {linger: 2m}}":                          `batch: linger is 2m0s, but must be between 0s (hand over at once) and 1m`,
		"{tcp: , max_lines: 3}":                                 `max_lines`,
		"{http: {max_request_body_size: 2KiB, endpint: 'a:1'}}": `endpint`,
	} {
		t.Run(text, func(t *testing.T) {
			var raw map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
			cfg := createDefaultConfig().(*Config)
			err := confmap.NewFromStringMap(raw).Unmarshal(cfg)
			if err == nil {
				err = confmap.Validate(cfg)
			}
			require.ErrorContains(t, err, want)
		})
	}
}

// The defaults bind to this machine only.
func TestDefaultsAreLocal(t *testing.T) {
	cfg := parseConfig(t, "{tcp: , udp: , http: }")
	for _, endpoint := range []string{cfg.TCP.Get().Endpoint, cfg.UDP.Get().Endpoint, cfg.HTTP.Get().NetAddr.Endpoint} {
		assert.True(t, strings.HasPrefix(endpoint, "localhost:"), endpoint)
	}
}
