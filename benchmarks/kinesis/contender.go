package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awskinesisexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter"
)

// contender is an exporter with a configuration.
type contender struct {
	name    string
	title   string
	factory func() exporter.Factory
	// config is the configuration, for an endpoint and a folder that it may write to.
	// Everything else has its default.
	config func(endpoint, dir string) map[string]any
	weight int // how many records it gets, as a multiple of -records
}

// upstream has a queue that senders wait for, so that what is lost is not lost there.
func upstream(more map[string]any) func(endpoint, dir string) map[string]any {
	return func(endpoint, _ string) map[string]any {
		config := map[string]any{
			"aws":           map[string]any{"stream_name": streamName, "kinesis_endpoint": endpoint, "region": "us-east-1"},
			"sending_queue": map[string]any{"block_on_overflow": true},
		}
		maps.Copy(config, more)
		return config
	}
}

// ours may go faster than real shards take records.
func ours(spool bool, more map[string]any) func(endpoint, dir string) map[string]any {
	return func(endpoint, dir string) map[string]any {
		config := map[string]any{
			"stream": streamName, "endpoint": endpoint, "region": "us-east-1", "encoding": "otlp_proto",
			"rate": map[string]any{"bytes": "1GB", "records": 1_000_000},
		}
		if spool {
			config["spool"] = map[string]any{"directory": dir}
		}
		maps.Copy(config, more)
		return config
	}
}

var contenders = []contender{
	{name: "awskinesis", title: "`awskinesis`", factory: awskinesisexporter.NewFactory, weight: 1, config: upstream(nil)},
	{name: "kinesis", title: "`kinesis`", factory: kinesisexporter.NewFactory, weight: 1, config: ours(true, nil)},
	{
		name: "kinesis-kpl", title: "`kinesis`, `aggregation: kpl`", factory: kinesisexporter.NewFactory, weight: 4,
		config: ours(true, map[string]any{"aggregation": "kpl"}),
	},
	{
		name: "kinesis-kpl-memory", title: "the same, without a spool", factory: kinesisexporter.NewFactory, weight: 4,
		config: ours(false, map[string]any{"aggregation": "kpl"}),
	},
}

func contenderNamed(name string) (contender, error) {
	for _, c := range contenders {
		if c.name == name {
			return c, nil
		}
	}
	return contender{}, fmt.Errorf("no contender is called %q", name)
}

// create builds the exporter.
func (c contender) create(ctx context.Context, endpoint, dir string) (exporter.Logs, error) {
	factory := c.factory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(c.config(endpoint, dir)).Unmarshal(config); err != nil {
		return nil, fmt.Errorf("configure %s: %w", c.name, err)
	}
	if v, ok := config.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("configure %s: %w", c.name, err)
		}
	}
	e, err := factory.CreateLogs(ctx, exportertest.NewNopSettings(factory.Type()), config)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", c.name, err)
	}
	return e, nil
}

// noHost offers no extensions.
type noHost struct{}

func (noHost) GetExtensions() map[component.ID]component.Component { return nil }
