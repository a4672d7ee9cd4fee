package logfmtreceiver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

// 5643 spells LOGF on a telephone's keys. It and 5644 are far from the ports that a
// Collector opens by itself (4317, 4318, 8888, 13133, 55679) and from syslog's (514,
// 601, 6514). TCP and UDP share the number, as syslog does.
const (
	defaultLineEndpoint = "localhost:5643"
	defaultHTTPEndpoint = "localhost:5644"
)

const (
	minLineSize  = 256 * bytesize.Byte
	maxLineSize  = 256 * bytesize.MiB
	minReadSize  = bytesize.KiB
	maxReadSize  = 16 * bytesize.MiB
	minQueueSize = 64 * bytesize.KiB
	// maxSocketPath: sockaddr_un holds 104 to 108 bytes, by system, and the socket is
	// made under a slightly longer name first.
	maxSocketPath = 96
)

// Config is the receiver's part of the configuration. The README has the table of
// all fields.
type Config struct {
	// TCP, UDP, Unix and HTTP are the ways in; at least one must be there.
	TCP  configoptional.Optional[tcpConfig]  `mapstructure:"tcp"`
	UDP  configoptional.Optional[udpConfig]  `mapstructure:"udp"`
	Unix configoptional.Optional[unixConfig] `mapstructure:"unix"`
	HTTP configoptional.Optional[httpConfig] `mapstructure:"http"`

	// Fields maps a target of the record contract to the keys that fill it, in order
	// of preference. A target that is not named keeps its default keys; an empty list
	// turns it off.
	Fields map[string][]string `mapstructure:"fields"`
	// Types is "infer" (default) or "string".
	Types string `mapstructure:"types"`
	// Duplicates is "last" (default), "first" or "list".
	Duplicates string `mapstructure:"duplicates"`
	// Timezone is an IANA name, for times that name no zone. Default UTC.
	Timezone string `mapstructure:"timezone"`
	// SeverityNumbers says whose numbers a numeric level is in. Default auto.
	SeverityNumbers string `mapstructure:"severity_numbers"`
	// KeepOriginal keeps each line as log.record.original.
	KeepOriginal bool `mapstructure:"keep_original"`

	// MaxLineSize is the longest line that comes as one record. Longer ones come in
	// pieces. Default 1MiB.
	MaxLineSize bytesize.Size `mapstructure:"max_line_size"`
	// MaxBufferSize bounds what unfinished long lines and HTTP bodies hold together.
	// Default 128MiB.
	MaxBufferSize bytesize.Size `mapstructure:"max_buffer_size"`
	// AcceptTimeout is how long one call of the next consumer may take. Default 5s.
	AcceptTimeout time.Duration `mapstructure:"accept_timeout"`
	// Batch bounds what tcp, udp and unix hand over at once.
	Batch batchConfig `mapstructure:"batch"`

	// prevent unkeyed literal initialization
	_ struct{}
}

type batchConfig struct {
	// MaxRecords in one call. Default 1024.
	MaxRecords int `mapstructure:"max_records"`
	// MaxSize of the lines in one call. Default 1MiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
	// Linger is how long a batch waits for more once the socket has run dry. 0, the
	// default, hands over at once.
	Linger time.Duration `mapstructure:"linger"`
}

// streamConfig is what tcp and unix have in common.
type streamConfig struct {
	// MaxConnections at one time; more are reset. Default 1024.
	MaxConnections int `mapstructure:"max_connections"`
	// IdleTimeout closes a connection that sends nothing. 0 keeps it. Default 1h.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// ReadBufferSize is how much one read asks for. Default 64KiB.
	ReadBufferSize bytesize.Size `mapstructure:"read_buffer_size"`
}

type tcpConfig struct {
	confignet.TCPAddrConfig `mapstructure:",squash"`
	streamConfig            `mapstructure:",squash"`

	TLS configoptional.Optional[configtls.ServerConfig] `mapstructure:"tls"`
}

type unixConfig struct {
	streamConfig `mapstructure:",squash"`

	// Path of the socket.
	Path string `mapstructure:"path"`
	// Mode of the socket, octal. Default "0660".
	Mode string `mapstructure:"mode"`
}

type udpConfig struct {
	// Endpoint is host:port. Default localhost:5643.
	Endpoint string `mapstructure:"endpoint"`
	// MaxQueueSize is what is held while the next consumer is busy. Default 16MiB.
	MaxQueueSize bytesize.Size `mapstructure:"max_queue_size"`
	// ReceiveBufferSize is asked of the kernel, which may grant less. Default 4MiB.
	ReceiveBufferSize bytesize.Size `mapstructure:"receive_buffer_size"`
}

type httpConfig struct {
	confighttp.ServerConfig `mapstructure:",squash"`

	// Path that is served; empty, the default, serves any.
	Path string `mapstructure:"path"`
	// MaxConnections at one time; more are answered 503. Default 1024.
	MaxConnections int `mapstructure:"max_connections"`
	// FrameIDs is the memory for Logplex-Frame-Id.
	FrameIDs frameIDConfig `mapstructure:"frame_ids"`
}

// knownCodings are those that the Collector has decoders for, and identity.
var knownCodings = []string{"", "identity", "gzip", "zstd", "zlib", "deflate", "snappy", "x-snappy-framed", "lz4"}

type frameIDConfig struct {
	// MaxEntries that are remembered. Default 65536.
	MaxEntries int `mapstructure:"max_entries"`
	// TTL of an entry. Default 1h.
	TTL time.Duration `mapstructure:"ttl"`
}

var (
	_ confmap.Unmarshaler = (*httpConfig)(nil)
	_ confmap.Validator   = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	stream := streamConfig{
		MaxConnections: 1024,
		IdleTimeout:    time.Hour,
		ReadBufferSize: 64 * bytesize.KiB,
	}
	tcp := tcpConfig{TCPAddrConfig: confignet.NewDefaultTCPAddrConfig(), streamConfig: stream}
	tcp.Endpoint = defaultLineEndpoint

	web := confighttp.NewDefaultServerConfig()
	web.NetAddr.Endpoint = defaultHTTPEndpoint
	web.MaxRequestBodySize = int64(10 * bytesize.MiB)
	// Slow headers and bodies end here; WriteTimeout is counted from the end of the
	// body and leaves room for accept_timeout.
	web.ReadHeaderTimeout = 10 * time.Second
	web.ReadTimeout = 30 * time.Second
	web.WriteTimeout = 30 * time.Second
	web.IdleTimeout = time.Minute
	// What logs are sent with. Each further decoder is one more thing to attack.
	web.CompressionAlgorithms = []string{"", "identity", "gzip", "zstd"}

	return &Config{
		TCP: configoptional.Default(tcp),
		UDP: configoptional.Default(udpConfig{
			Endpoint:          defaultLineEndpoint,
			MaxQueueSize:      16 * bytesize.MiB,
			ReceiveBufferSize: 4 * bytesize.MiB,
		}),
		Unix: configoptional.Default(unixConfig{streamConfig: stream, Mode: "0660"}),
		HTTP: configoptional.Default(httpConfig{
			ServerConfig:   web,
			MaxConnections: 1024,
			FrameIDs:       frameIDConfig{MaxEntries: 65536, TTL: time.Hour},
		}),
		Types:           "infer",
		Duplicates:      "last",
		Timezone:        "UTC",
		SeverityNumbers: "auto",
		MaxLineSize:     bytesize.MiB,
		MaxBufferSize:   128 * bytesize.MiB,
		AcceptTimeout:   5 * time.Second,
		Batch:           batchConfig{MaxRecords: 1024, MaxSize: bytesize.MiB},
	}
}

// Unmarshal lets max_request_body_size, which the Collector has as a number of
// bytes, be written as every other size here.
func (c *httpConfig) Unmarshal(conf *confmap.Conf) error {
	const key = "max_request_body_size"
	if text, ok := conf.Get(key).(string); ok {
		size, err := bytesize.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := conf.Merge(confmap.NewFromStringMap(map[string]any{key: int64(size)})); err != nil {
			return err
		}
	}
	return conf.Unmarshal(c)
}

// Validate names the field, the value and what would be right. Nested fields are
// checked by their own Validate.
func (c *Config) Validate() error {
	var errs []error
	if !c.TCP.HasValue() && !c.UDP.HasValue() && !c.Unix.HasValue() && !c.HTTP.HasValue() {
		errs = append(errs, errors.New("no way in: configure at least one of tcp, udp, unix, http (an empty section takes the defaults)"))
	}
	if _, err := c.mapperSettings(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs,
		between("max_line_size", c.MaxLineSize, minLineSize, maxLineSize),
		atLeast("max_buffer_size", c.MaxBufferSize, bytesize.MiB),
		positive("accept_timeout", c.AcceptTimeout, "5s"),
	)
	if web := c.HTTP.Get(); web != nil {
		if web.WriteTimeout > 0 && web.WriteTimeout <= c.AcceptTimeout {
			errs = append(errs, fmt.Errorf("http::write_timeout is %s, but must be longer than accept_timeout (%s), or 0 for no limit: otherwise the answer could not be written any more, and the sender would send again what has been taken", web.WriteTimeout, c.AcceptTimeout))
		}
		if bytesize.Size(web.MaxRequestBodySize) > c.MaxBufferSize {
			errs = append(errs, fmt.Errorf("http::max_request_body_size is %s, more than max_buffer_size (%s), which holds the bodies: lower the one or raise the other", bytesize.Size(web.MaxRequestBodySize), c.MaxBufferSize))
		}
	}
	return errors.Join(errs...)
}

// Validate checks the limits of a batch.
func (c *batchConfig) Validate() error {
	var errs []error
	if c.MaxRecords < 1 {
		errs = append(errs, fmt.Errorf("max_records is %d, but must be at least 1; the default is 1024", c.MaxRecords))
	}
	errs = append(errs, atLeast("max_size", c.MaxSize, bytesize.KiB))
	if c.Linger < 0 || c.Linger > time.Minute {
		errs = append(errs, fmt.Errorf("linger is %s, but must be between 0s (hand over at once) and 1m", c.Linger))
	}
	return errors.Join(errs...)
}

func (c *streamConfig) validate() error {
	var errs []error
	if c.MaxConnections < 1 {
		errs = append(errs, fmt.Errorf("max_connections is %d, but must be at least 1; the default is 1024", c.MaxConnections))
	}
	if c.IdleTimeout < 0 {
		errs = append(errs, fmt.Errorf("idle_timeout is %s, but must be 0s (keep idle connections) or more; the default is 1h", c.IdleTimeout))
	}
	errs = append(errs, between("read_buffer_size", c.ReadBufferSize, minReadSize, maxReadSize))
	return errors.Join(errs...)
}

// Validate checks the address and the limits.
func (c *tcpConfig) Validate() error {
	return errors.Join(validateEndpoint(c.Endpoint, defaultLineEndpoint), c.validate())
}

// Validate checks the address and the sizes.
func (c *udpConfig) Validate() error {
	errs := []error{
		validateEndpoint(c.Endpoint, defaultLineEndpoint),
		atLeast("max_queue_size", c.MaxQueueSize, minQueueSize),
	}
	if c.ReceiveBufferSize < 0 {
		errs = append(errs, fmt.Errorf("receive_buffer_size is %s, but must be 0 (the system's own size) or more", c.ReceiveBufferSize))
	}
	return errors.Join(errs...)
}

// Validate checks path, mode and the limits.
func (c *unixConfig) Validate() error {
	var errs []error
	switch {
	case c.Path == "":
		errs = append(errs, errors.New("path is empty: name the socket, such as /run/heartwood/logfmt.sock"))
	case len(c.Path) > maxSocketPath:
		errs = append(errs, fmt.Errorf("path %q has %d bytes, but the system allows a socket at most %d", c.Path, len(c.Path), maxSocketPath))
	case strings.HasSuffix(c.Path, "/"):
		errs = append(errs, fmt.Errorf("path %q is a directory: name a file in it", c.Path))
	}
	if _, err := c.fileMode(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.validate())
	return errors.Join(errs...)
}

func (c *unixConfig) fileMode() (os.FileMode, error) {
	n, err := strconv.ParseUint(c.Mode, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("mode is %q, but must be octal permissions in quotes, such as \"0660\" (owner and group) or \"0666\" (everyone)", c.Mode)
	}
	return os.FileMode(n), nil
}

// Validate checks what is ours; the Collector checks the rest.
func (c *httpConfig) Validate() error {
	var errs []error
	if !strings.HasPrefix(string(c.NetAddr.Transport), "unix") && c.NetAddr.Transport != confignet.TransportTypeNpipe {
		errs = append(errs, validateEndpoint(c.NetAddr.Endpoint, defaultHTTPEndpoint))
	}
	if c.Path != "" && !strings.HasPrefix(c.Path, "/") {
		errs = append(errs, fmt.Errorf("path is %q, but must begin with a slash, such as /logs, or be empty to serve any path", c.Path))
	}
	for _, name := range c.CompressionAlgorithms {
		if !slices.Contains(knownCodings, name) {
			errs = append(errs, fmt.Errorf("compression_algorithms holds %q, but may hold only %q", name, knownCodings))
		}
	}
	if c.MaxRequestBodySize < int64(bytesize.KiB) {
		errs = append(errs, fmt.Errorf("max_request_body_size is %s, but must be at least 1KiB; the default is 10MiB", bytesize.Size(c.MaxRequestBodySize)))
	}
	if c.MaxConnections < 1 {
		errs = append(errs, fmt.Errorf("max_connections is %d, but must be at least 1; the default is 1024", c.MaxConnections))
	}
	return errors.Join(errs...)
}

// Validate checks the bounds of the memory for frame ids.
func (c *frameIDConfig) Validate() error {
	var errs []error
	if c.MaxEntries < 1 {
		errs = append(errs, fmt.Errorf("max_entries is %d, but must be at least 1; the default is 65536", c.MaxEntries))
	}
	errs = append(errs, positive("ttl", c.TTL, "1h"))
	return errors.Join(errs...)
}

func validateEndpoint(endpoint, example string) error {
	if _, port, err := net.SplitHostPort(endpoint); err == nil && isPort(port) {
		return nil
	}
	return fmt.Errorf("endpoint is %q, but must be host:port, such as %s, or 0.0.0.0:5643 for all interfaces", endpoint, example)
}

// isPort takes a number, or the name of a service.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 64)
	if err != nil {
		return port != "" && strings.Trim(port, "-0123456789") != ""
	}
	return n <= 65535
}

func atLeast(field string, size, least bytesize.Size) error {
	if size < least {
		return fmt.Errorf("%s is %s, but must be at least %s", field, size, least)
	}
	return nil
}

func between(field string, size, least, most bytesize.Size) error {
	if size < least || size > most {
		return fmt.Errorf("%s is %s, but must be between %s and %s", field, size, least, most)
	}
	return nil
}

func positive(field string, d time.Duration, example string) error {
	if d <= 0 {
		return fmt.Errorf("%s is %s, but must be more than 0; the default is %s", field, d, example)
	}
	return nil
}
