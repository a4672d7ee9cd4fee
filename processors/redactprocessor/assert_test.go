package redactprocessor

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
)

var metricdatatestIgnore = []metricdatatest.Option{metricdatatest.IgnoreTimestamp()}

func attributesOf(pairs ...string) attribute.Set {
	var all []attribute.KeyValue
	for ; len(pairs) > 1; pairs = pairs[2:] {
		all = append(all, attribute.String(pairs[0], pairs[1]))
	}
	return attribute.NewSet(all...)
}
