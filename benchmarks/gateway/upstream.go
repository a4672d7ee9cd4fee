package main

import (
	"context"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awskinesisexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/pprofextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// patterns are what redaction looks for: the ten of ../redaction.
var patterns = []string{
	`'\b4[0-9]{12}(?:[0-9]{3})?\b'`,
	`'\b5[1-5][0-9]{14}\b'`,
	`'[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}'`,
	`'\b\d{3}-\d{2}-\d{4}\b'`,
	`'\b(?:AKIA|ASIA)[A-Z0-9]{16}\b'`,
	`'eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[\w-]+'`,
	`'gh[pousr]_[A-Za-z0-9]{36}'`,
	`'xox[abprs]-[A-Za-z0-9-]+'`,
	`'-----BEGIN [A-Z ]*PRIVATE KEY-----'`,
	`'\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|\b)){4}'`,
}

// runUpstream is a collector of upstream's components, as its builder makes them.
func runUpstream(ctx context.Context, config string) error {
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol-upstream", Version: "0.158.0"},
		Factories: func() (f otelcol.Factories, err error) {
			f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
			if err != nil {
				return f, err
			}
			f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](
				memorylimiterprocessor.NewFactory(), transformprocessor.NewFactory(), redactionprocessor.NewFactory(),
			)
			if err != nil {
				return f, err
			}
			f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](awskinesisexporter.NewFactory(), fileexporter.NewFactory())
			if err != nil {
				return f, err
			}
			f.Extensions, err = otelcol.MakeFactoryMap[extension.Factory](healthcheckextension.NewFactory(), pprofextension.NewFactory())
			f.Telemetry = otelconftelemetry.NewFactory()
			return f, err
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"file:" + config},
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
		}},
	})
	if err != nil {
		return err
	}
	return collector.Run(ctx)
}
