package viewerexporter

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

const (
	defaultEndpoint = "localhost:8840"
	defaultHealth   = "http://localhost:8888/metrics"
	// noHealth is for health_endpoint: the Collector's own metrics are not read.
	noHealth = "none"

	defaultCPUShare = 0.05

	minToken      = 16
	minMaxSize    = 8 * bytesize.MiB
	minMaxWaiting = bytesize.MiB
	minMaxAge     = time.Minute
	minInterval   = time.Second
)

// Config is the exporter's configuration. Its fields are described in the README.
type Config struct {
	confighttp.ServerConfig `mapstructure:",squash"`

	// Token is what a browser must show once. Default: made at each start.
	Token configopaque.String `mapstructure:"token"`

	// AllowedHosts are names under which the page may be asked for, besides localhost, the
	// endpoint's own, and addresses.
	AllowedHosts []string `mapstructure:"allowed_hosts"`

	// Directory of the store. Default: a temporary one, removed at shutdown.
	Directory string `mapstructure:"directory"`

	// MaxSize of records and spans on disk. Default 512MiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`

	// MaxAge of what is kept, by arrival. Default 24h.
	MaxAge time.Duration `mapstructure:"max_age"`

	// MaxMetricsSize of metrics on disk. Default 128MiB.
	MaxMetricsSize bytesize.Size `mapstructure:"max_metrics_size"`

	// MaxWaiting is what may wait in memory for the store. Default 16MiB.
	MaxWaiting bytesize.Size `mapstructure:"max_waiting"`

	// MaxCPUShare is the part of all processors (GOMAXPROCS) that records and spans that come
	// in may take, by the mean of 10 s. Default 0.05.
	MaxCPUShare float64 `mapstructure:"max_cpu_share"`

	// HealthEndpoint is where the Collector's own metrics are read. Default
	// http://localhost:8888/metrics; "none" for none.
	HealthEndpoint string `mapstructure:"health_endpoint"`

	// HealthInterval is how often. Default 5s.
	HealthInterval time.Duration `mapstructure:"health_interval"`

	// Pipelines are those of the configuration, for the picture of them. The distribution
	// fills them in.
	Pipelines map[string]PipelineConfig `mapstructure:"pipelines"`
}

// PipelineConfig is a pipeline as service::pipelines has it.
type PipelineConfig struct {
	Receivers  []string `mapstructure:"receivers"`
	Processors []string `mapstructure:"processors"`
	Exporters  []string `mapstructure:"exporters"`
}

func createDefaultConfig() component.Config {
	web := confighttp.NewDefaultServerConfig()
	web.NetAddr.Endpoint = defaultEndpoint
	web.ReadHeaderTimeout = 10 * time.Second
	web.ReadTimeout = 30 * time.Second
	web.WriteTimeout = 0 // a tail has no end; each other answer has a deadline of its own
	web.IdleTimeout = 2 * time.Minute
	web.MaxRequestBodySize = int64(64 * bytesize.KiB)
	return &Config{
		ServerConfig:   web,
		MaxSize:        512 * bytesize.MiB,
		MaxAge:         24 * time.Hour,
		MaxMetricsSize: 128 * bytesize.MiB,
		MaxWaiting:     16 * bytesize.MiB,
		MaxCPUShare:    defaultCPUShare,
		HealthEndpoint: defaultHealth,
		HealthInterval: 5 * time.Second,
	}
}

// Validate names each field that can't be as it is, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(c.NetAddr.Endpoint); err != nil && c.NetAddr.Transport != "unix" {
		fail("endpoint is %q; write a host and a port, such as %s: %w", c.NetAddr.Endpoint, defaultEndpoint, err)
	}
	if c.CORS.HasValue() {
		fail("cors is set, but no other page may read this one's API; a program asks for it with Authorization: Bearer and the token")
	}
	if c.Token != "" && len(c.Token) < minToken {
		fail("token has %d characters; it must have %d at least (openssl rand -hex 32 makes one), or be left out, and one is made at each start", len(c.Token), minToken)
	}
	if strings.ContainsFunc(string(c.Token), func(r rune) bool { return r <= ' ' || r > '~' }) {
		fail("token has blanks or characters that no header can have; use letters and digits")
	}
	if c.Token != "" && c.Auth.HasValue() {
		fail("token and auth are both set; with auth, the extension decides who may read: leave token out")
	}
	for _, name := range c.AllowedHosts {
		if name == "" || strings.ContainsAny(name, "/:* ") {
			fail("allowed_hosts has %q; write names as browsers ask for them, without scheme, port and wildcards", name)
		}
	}
	for _, size := range []struct {
		name        string
		size, least bytesize.Size
	}{{"max_size", c.MaxSize, minMaxSize}, {"max_metrics_size", c.MaxMetricsSize, minMaxSize}, {"max_waiting", c.MaxWaiting, minMaxWaiting}} {
		if size.size < size.least {
			fail("%s is %s; it must be %s at least", size.name, size.size, size.least)
		}
	}
	if !(c.MaxCPUShare > 0 && c.MaxCPUShare <= 1) {
		fail("max_cpu_share is %v; it must be more than 0, such as %v, and 1 at most, which is all processors", c.MaxCPUShare, defaultCPUShare)
	}
	if c.MaxAge < minMaxAge {
		fail("max_age is %s; it must be %s at least", c.MaxAge, minMaxAge)
	}
	if c.HealthInterval < minInterval {
		fail("health_interval is %s; it must be %s at least", c.HealthInterval, minInterval)
	}
	if u, err := url.Parse(c.HealthEndpoint); c.HealthEndpoint != noHealth && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		fail("health_endpoint is %q; write the URL of the Collector's own metrics, such as %s, or %s", c.HealthEndpoint, defaultHealth, noHealth)
	}
	return errors.Join(errs...)
}
