package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOTLPTarget(t *testing.T) {
	for _, c := range []struct {
		address, protocol string
		exporter          string
		want              map[string]any // of the settings
	}{
		{"http://host:4318", "", otlpHTTP, map[string]any{"endpoint": "http://host:4318"}},
		{"https://host/prefix", "", otlpHTTP, map[string]any{"endpoint": "https://host/prefix"}},
		{"https://host/x/v1/logs", "", otlpHTTP, map[string]any{"logs_endpoint": "https://host/x/v1/logs"}},
		{"host:4318", "", otlpHTTP, map[string]any{"endpoint": "http://host:4318"}},
		{"http://host:4318", "http/json", otlpHTTP, map[string]any{"encoding": "json"}},
		{"http://host:4317/otlp", "", otlpHTTP, map[string]any{"endpoint": "http://host:4317/otlp"}},
		{"http://host:4317", "http/protobuf", otlpHTTP, map[string]any{"endpoint": "http://host:4317"}},
		{"host:4317", "", otlpGRPC, map[string]any{"endpoint": "host:4317", "tls": map[string]any{"insecure": true}}},
		{"host:9000", "", otlpGRPC, map[string]any{"endpoint": "host:9000"}},
		{"[::1]:4317", "", otlpGRPC, map[string]any{"endpoint": "[::1]:4317"}},
		{"grpc://host", "", otlpGRPC, map[string]any{"endpoint": "host:4317", "tls": map[string]any{"insecure": true}}},
		{"grpcs://host:443", "", otlpGRPC, map[string]any{"endpoint": "host:443", "tls": map[string]any{"insecure": false}}},
		{"http://localhost:4317", "", otlpGRPC, map[string]any{"endpoint": "localhost:4317", "tls": map[string]any{"insecure": true}}},
		{"https://host:9000", "grpc", otlpGRPC, map[string]any{"endpoint": "host:9000", "tls": map[string]any{"insecure": false}}},
	} {
		got, err := otlpTarget(c.address, c.protocol, nil)
		require.NoError(t, err, c.address)
		assert.Equal(t, c.exporter, got.exporter, c.address)
		for key, want := range c.want {
			assert.Equal(t, want, got.settings[key], "%s: %s", c.address, key)
		}
		assert.NotContains(t, got.settings, "headers")
	}
	for _, wrong := range []string{"", "host", ":4317x", "ftp://host", "http://", "http://host?x=1", "http://u:p@host:4318", "grpc://host:4317/x", "unix:///x"} {
		_, err := otlpTarget(wrong, "", nil)
		require.Error(t, err, wrong)
	}
	_, err := otlpTarget("http://host", "smoke signals", nil)
	require.ErrorContains(t, err, `"smoke signals"`)
}

func testRunner(environment map[string]string, argv ...string) *runner {
	return &runner{program: &program{getenv: func(name string) string { return environment[name] }}, argv: argv, color: "auto"}
}

func TestTargetOfTheEnvironment(t *testing.T) {
	r := testRunner(map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, X-Team=me",
	}, "app")
	r.headers = headerFlag{"x-team=you"}
	require.NoError(t, r.check())
	assert.Equal(t, "http://all:4318", r.target.settings["endpoint"])
	assert.Equal(t, map[string]string{"api-key": "a b", "x-team": "you"}, r.target.settings["headers"])

	r = testRunner(map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:4318/in",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
	}, "app")
	require.NoError(t, r.check())
	assert.Equal(t, "http://logs:4318/in", r.target.settings["logs_endpoint"])
	assert.NotContains(t, r.target.settings, "endpoint")

	r = testRunner(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318"}, "app")
	r.endpoint = "host:4317"
	require.NoError(t, r.check())
	assert.Equal(t, otlpGRPC, r.target.exporter)

	r = testRunner(nil, "app")
	require.NoError(t, r.check())
	assert.Nil(t, r.target)

	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense", "OTEL_EXPORTER_OTLP_HEADERS": "s3cret", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"} {
		environment := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318"}
		environment[name] = value
		err := testRunner(environment, "app").check()
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestHeaderFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("Bearer $x\n"), 0o600))
	r := testRunner(nil, "app")
	r.endpoint = "http://host:4318"
	r.headers = headerFlag{header("authorization=@" + path)}
	require.NoError(t, r.check())
	assert.Equal(t, map[string]string{"authorization": "Bearer $x"}, r.target.settings["headers"])
	before, _, err := r.target.configs(map[string]string{"service.name": "${env:HOME}"}, 7, time.Second)
	require.NoError(t, err)
	assert.Contains(t, before, `"authorization":"Bearer $$x"`)
	assert.Contains(t, before, `"service.name":"$${env:HOME}"`, "no value is looked into")
	require.True(t, json.Valid([]byte(before)))

	r.headers = headerFlag{header("authorization=@" + path + ".none")}
	require.ErrorContains(t, r.check(), "--header authorization")
}

func TestResource(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		service     string
		argv        string
		want        map[string]string
	}{
		{nil, "", "/usr/bin/python", map[string]string{"service.name": "python", "process.command": "/usr/bin/python"}},
		{nil, "shop", "python", map[string]string{"service.name": "shop", "process.command": "python"}},
		{
			map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.version=1%2C2,"},
			"", "app",
			map[string]string{"service.name": "a", "service.version": "1,2", "process.command": "app"},
		},
		{
			map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"},
			"", "app.exe",
			map[string]string{"service.name": "b", "process.command": "app.exe"},
		},
		{nil, "", "app.exe", map[string]string{"service.name": "app", "process.command": "app.exe"}},
	} {
		r := testRunner(c.environment, c.argv)
		r.service = c.service
		got, err := r.resource()
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	_, err := testRunner(map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "x"}, "app").resource()
	require.ErrorContains(t, err, "OTEL_RESOURCE_ATTRIBUTES")
}

func TestConfigFileMustTakeTheOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	write := func(text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	r := testRunner(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"}, "app")
	r.config = path
	require.ErrorContains(t, r.check(), "no such file")
	write("service: [")
	require.ErrorContains(t, r.check(), "config.yaml")
	write("service: {pipelines: {logs: {receivers: [stdout_tail, otlp]}}}")
	require.ErrorContains(t, r.check(), "no pipeline has the receiver stdout_tail/run")
	write("service: {pipelines: {logs: {receivers: [otlp, stdout_tail/run]}}}")
	require.NoError(t, r.check())
	before, over, err := r.target.configs(map[string]string{}, 7, time.Second)
	require.NoError(t, err)
	assert.NotContains(t, before, "exporters")
	assert.NotContains(t, before, "pipelines")
	assert.Contains(t, over, `"encoding":"json"`)
}

func TestRunUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"run":                                      "it needs a program",
		"run --":                                   "it needs a program",
		"run --edpoint x app":                      "flag provided but not defined: -edpoint; see `heartwood help run`",
		"run --endpoint ftp://x app":               `--endpoint is "ftp://x": want http://host:4318`,
		"run --color sometimes app":                `--color is "sometimes", want auto, always or never`,
		"run --pretty=maybe app":                   "want true or false",
		"run --flush-timeout -1s app":              "--flush-timeout is -1s",
		"run --header x app":                       "want name=value",
		"run --header a=b app":                     "--header goes with --endpoint",
		"run --config /nonexistent app":            "--config: open /nonexistent",
		"run --config x --endpoint y app":          "give one of them",
		"run --config x --header a=b app":          "headers stand in the file",
		"run --endpoint http://u:pw@host:4318 app": "--header authorization=@FILE",
	} {
		status, stdout, stderr := call(t, "", strings.Fields(line)...)
		assert.Equal(t, exitUsage, status, line)
		assert.Empty(t, stdout, line)
		assert.Contains(t, stderr, want, line)
	}
}

func FuzzKeyValues(f *testing.F) {
	f.Add("a=b,c=%20d")
	f.Add("a,=b,%zz")
	f.Fuzz(func(t *testing.T, list string) {
		values, err := keyValues(list)
		if err != nil {
			require.Nil(t, values)
			return
		}
		assert.LessOrEqual(t, len(values), strings.Count(list, "="))
		for key := range values {
			assert.NotEmpty(t, key)
		}
	})
}
