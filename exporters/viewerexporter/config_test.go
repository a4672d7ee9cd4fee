package viewerexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestConfigs(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                                    "",
		"{endpoint: 0.0.0.0:80, directory: /x}": "",
		"{health_endpoint: none, max_age: 1m}":  "",
		"{token: 0123456789abcdef}":             "",
		"{endpoint: here}":                      `endpoint is "here"; write a host and a port, such as localhost:8840`,
		"{token: short}":                        "token has 5 characters; it must have 16 at least",
		`{token: "0123456789 abcdef"}`:          "token has blanks",
		"{token: 0123456789abcdef, auth: {authenticator: basicauth}}": "token and auth are both set",
		"{cors: {allowed_origins: ['*']}}":                            "cors is set, but no other page may read",
		"{allowed_hosts: ['https://x']}":                              `allowed_hosts has "https://x"; write names`,
		"{allowed_hosts: ['*.example.com']}":                          `allowed_hosts has "*.example.com"`,
		"{max_size: 1MiB}":                                            "max_size is 1MiB; it must be 8MiB at least",
		"{max_metrics_size: 1MiB}":                                    "max_metrics_size is 1MiB; it must be 8MiB at least",
		"{max_waiting: 1KiB}":                                         "max_waiting is 1KiB; it must be 1MiB at least",
		"{max_cpu_share: 0}":                                          "max_cpu_share is 0; it must be more than 0, such as 0.05, and 1 at most",
		"{max_cpu_share: 5}":                                          "max_cpu_share is 5; it must be more than 0, such as 0.05, and 1 at most",
		"{max_age: 1s}":                                               "max_age is 1s; it must be 1m0s at least",
		"{health_interval: 1ms}":                                      "health_interval is 1ms; it must be 1s at least",
		"{health_endpoint: 'localhost:8888'}":                         `health_endpoint is "localhost:8888"; write the URL`,
	} {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
		require.NoError(t, err)
		conf, err := retrieved.AsConf()
		require.NoError(t, err)
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, conf.Unmarshal(cfg), text)
		err = cfg.Validate()
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		assert.ErrorContains(t, err, want, text)
	}
}
