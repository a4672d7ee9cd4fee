package kinesisexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

func TestTheREADMEsConfigurationIsSound(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	cfg := configured(t, `{stream: orders-logs, region: eu-central-1, spool: {directory: /var/lib/otelcol/kinesis}}`)
	require.NoError(t, cfg.Validate())
	assert.Equal(t, "/var/lib/otelcol/kinesis/dead_letter", cfg.deadLetterDirectory())
	require.ErrorContains(t, createDefaultConfig().(*Config).Validate(), "stream is not set; name the stream, or give its ARN")
}

func TestConfigurationsThatAreSound(t *testing.T) {
	for _, text := range []string{
		`{stream: "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"}`,
		`{stream: "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders", region: cn-north-1}`,
		`{role_arn: "arn:aws:iam::123456789012:role/path/writer", external_id: x}`,
		`{encoding: ecs_encoding}`,
		`{encoding: otlp_encoding/mine, compression: zstd, unit: batch}`,
		`{partition_key: []}`,
		`{partition_key_expression: 'attributes["order.id"]'}`,
		`{partition_key_expression: 'metric.name'}`,
		`{max_record_size: 10MiB, batch: {max_size: 10MiB}}`,
		`{batch: {max_age: 0s}}`,
		`{rate: {bytes: 1MB}}`,
		`{on_full: dead_letter, dead_letter: {directory: /d}}`,
		`{endpoint: "http://localhost:4568"}`,
	} {
		cfg := configured(t, text)
		if cfg.Stream == "" {
			cfg.Stream = "orders"
		}
		require.NoError(t, cfg.Validate(), text)
	}
	assert.Equal(t, "eu-west-1", configured(t, `{stream: "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"}`).region())
}

func TestConfigErrorsNameFieldValueAndRemedy(t *testing.T) {
	for text, want := range map[string]string{
		`{stream: "a b"}`: `stream is "a b"; a stream's name has 1 to 128`,
		`{stream: "arn:aws:sqs:eu-west-1:123456789012:x"}`:                                  `stream is "arn:aws:sqs:eu-west-1:123456789012:x"; an ARN must be as arn:aws:kinesis:`,
		`{stream: "arn:aws:kinesis:eu-west-1:123456789012:stream/o", region: eu-central-1}`: `region is "eu-central-1", and the ARN of stream is in "eu-west-1"; leave region out`,
		`{endpoint: localhost:4568}`:                                                        `endpoint is "localhost:4568"; it must be a URL`,
		`{role_arn: writer}`:                                                                `role_arn is "writer"; it must be as arn:aws:iam::`,
		`{external_id: x}`:                                                                  `external_id is set, and role_arn is not`,
		`{unit: line}`:                                                                      `unit is "line"; it must be one of ["record" "batch"]`,
		`{encoding: "x/"}`:                                                                  `encoding is "x/"; it must be one of ["otlp_proto" "otlp_json" "json"], or the id of an encoding extension`,
		`{compression: snappy}`:                                                             `compression is "snappy"; it must be one of ["none" "gzip" "zstd"]`,
		`{partition_key: [a, ""]}`:                                                          `partition_key is ["a" ""]; an attribute's name must not be empty`,
		`{partition_key_expression: 'attributes['}`:                                         `partition_key_expression is "attributes["; it must be an OTTL value expression`,
		`{order: total}`:                                                                    `order is "total"; it must be one of ["per_key" "none"]`,
		`{aggregation: mine}`:                                                               `aggregation is "mine"; it must be one of ["none" "kpl"]`,
		`{max_record_size: 11MiB}`:                                                          `max_record_size is 11MiB; it must be from 1KiB to 10MiB`,
		`{max_record_size: 1B}`:                                                             `max_record_size is 1B; it must be from 1KiB to 10MiB`,
		`{max_record_size: 6MiB}`:                                                           `max_record_size is 6MiB and batch::max_size is 5MiB; a record must fit into a call`,
		`{on_too_large: drop}`:                                                              `on_too_large is "drop"; it must be one of ["dead_letter" "truncate"]`,
		`{batch: {max_records: 501}}`:                                                       `batch::max_records is 501; it must be from 1 to 500`,
		`{batch: {max_size: 11MiB}}`:                                                        `batch::max_size is 11MiB; it must be from 1MiB to 10MiB`,
		`{batch: {max_age: -1s}}`:                                                           `batch::max_age is -1s; it must be 0, which waits for nothing, or more`,
		`{max_in_flight: 0}`:                                                                `max_in_flight is 0; it must be at least 1`,
		`{rate: {bytes: 0}}`:                                                                `rate::bytes is 0B; it must be more than 0`,
		`{rate: {records: 0}}`:                                                              `rate::records is 0; it must be at least 1`,
		`{retry: {initial_interval: 0s}}`:                                                   `retry::initial_interval is 0s; it must be more than 0`,
		`{retry: {max_interval: 1ms}}`:                                                      `retry::max_interval is 1ms and retry::initial_interval is 100ms; the first must not be less`,
		`{timeout: 0s}`:                                                                     `timeout is 0s; it must be more than 0`,
		`{refresh_interval: 0s}`:                                                            `refresh_interval is 0s; it must be more than 0`,
		`{accept_timeout: 0s}`:                                                              `accept_timeout is 0s; it must be more than 0`,
		`{spool: {directory: .}}`:                                                           `spool::directory is ".", where the collector runs; name a folder of its own`,
		`{spool: {max_size: 1MiB}}`:                                                         `spool::max_size is 1MiB; it must be at least 16MiB`,
		`{dead_letter: {directory: ./}}`:                                                    `dead_letter::directory is "./", where the collector runs`,
		`{on_full: drop}`:                                                                   `on_full is "drop"; it must be one of ["block" "dead_letter"]`,
		`{on_full: dead_letter}`:                                                            `on_full is "dead_letter", and dead_letter::directory is not set`,
		`{on_missing_stream: make}`:                                                         `on_missing_stream is "make"; it must be one of ["wait" "fail"]`,
	} {
		cfg := configured(t, text)
		if cfg.Stream == "" {
			cfg.Stream = "orders"
		}
		assert.ErrorContains(t, cfg.Validate(), want, text)
	}
}
