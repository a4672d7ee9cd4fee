package nestinglimitconverter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func TestConvert(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"no otlp": {
			"receivers: {logfmt: {tcp: }}",
			"receivers: {logfmt: {tcp: }}",
		},
		"servers with nothing said": {
			"receivers: {otlp: {protocols: {grpc: , http: }}}",
			`
extensions: {nesting_limit: {}}
receivers: {otlp: {protocols: {grpc: {middlewares: [{id: nesting_limit}]}, http: {middlewares: [{id: nesting_limit}]}}}}
service: {extensions: [nesting_limit]}`,
		},
		"beside what there is": {
			`
extensions: {health_check: }
receivers:
  otlp/in: {protocols: {http: {endpoint: 'a:1', middlewares: [{id: other}], logs_url_path: in/logs}}}
service: {extensions: [health_check], pipelines: {logs: {receivers: [otlp/in], exporters: [nop]}}}`,
			`
extensions: {health_check: , nesting_limit: {paths: {/in/logs: logs}}}
receivers:
  otlp/in: {protocols: {http: {endpoint: 'a:1', middlewares: [{id: nesting_limit}, {id: other}], logs_url_path: in/logs}}}
service: {extensions: [health_check, nesting_limit], pipelines: {logs: {receivers: [otlp/in], exporters: [nop]}}}`,
		},
		"one that the user has set": {
			`
extensions: {nesting_limit/low: {max_depth: 5}}
receivers: {otlp: {protocols: {grpc: }}}
service: {extensions: [nesting_limit/low]}`,
			`
extensions: {nesting_limit/low: {max_depth: 5}}
receivers: {otlp: {protocols: {grpc: {middlewares: [{id: nesting_limit/low}]}}}}
service: {extensions: [nesting_limit/low]}`,
		},
		"one that the user has named": {
			`
extensions: {nesting_limit: {max_depth: 5}}
receivers: {otlp: {protocols: {grpc: {middlewares: [{id: nesting_limit}]}}}}
service: {extensions: [nesting_limit]}`,
			`
extensions: {nesting_limit: {max_depth: 5}}
receivers: {otlp: {protocols: {grpc: {middlewares: [{id: nesting_limit}]}}}}
service: {extensions: [nesting_limit]}`,
		},
		"what is wrong stays": {
			"receivers: {otlp: {protocols: [grpc]}, otlp/2: 5, otlp/3: {protocols: {grpc: 7, http: {middlewares: x}}}}",
			"receivers: {otlp: {protocols: [grpc]}, otlp/2: 5, otlp/3: {protocols: {grpc: 7, http: {middlewares: x}}}}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var in, want map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(tc.in), &in))
			require.NoError(t, yaml.Unmarshal([]byte(tc.want), &want))
			conf := confmap.NewFromStringMap(in)
			c := NewFactory().Create(confmap.ConverterSettings{})
			require.NoError(t, c.Convert(t.Context(), conf))
			assert.Equal(t, want, conf.ToStringMap())
			require.NoError(t, c.Convert(t.Context(), conf))
			assert.Equal(t, want, conf.ToStringMap(), "the same a second time")
		})
	}
}
