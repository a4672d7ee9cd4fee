package worms3exporter

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

func TestTheREADMEsConfigurationIsSound(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	text := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, text)
	var whole struct {
		Exporters map[string]map[string]any `yaml:"exporters"`
	}
	require.NoError(t, yaml.Unmarshal(text[1], &whole))
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(whole.Exporters["worm_s3"]).Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	require.Len(t, cfg.Rules, 3)
	assert.Equal(t, "/var/lib/otelcol/archive/dead_letter", cfg.deadLetterDirectory())
}

// TestTheREADMEHasEachField: what can be set is in its table, and what is there can be set.
func TestTheREADMEHasEachField(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(createDefaultConfig()))
	var fields func(prefix string, values map[string]any) []string
	fields = func(prefix string, values map[string]any) (out []string) {
		for name, value := range values {
			if inner, ok := value.(map[string]any); ok && name != "tags" && name != "max_retention" {
				out = append(out, fields(prefix+name+"::", inner)...)
			} else {
				out = append(out, prefix+name)
			}
		}
		return out
	}
	names := fields("", conf.ToStringMap())
	require.Greater(t, len(names), 40)
	for _, name := range names {
		assert.Contains(t, string(readme), "`"+name+"`", "the table of fields")
	}
}

func TestConfigurationsThatAreSound(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{role_arn: "arn:aws:iam::123456789012:role/path/writer", external_id: x}`,
		`{expected_bucket_owner: "123456789012", prefix: logs/eu, user_agent: mine/1}`,
		`{encoding: ecs_encoding}`,
		`{encoding: otlp_encoding/mine, compression: none}`,
		`{partition: {time: arrival, max_past: 0s, max_future: 0s, attributes: [service.name, tenant], max_open: 1}}`,
		`{rules: [{name: a, condition: 'attributes["x"] == 1', period: 1d}, {name: b, condition: 'log.attributes["x"] == 1', period: 30y}, {name: c, period: 1d}]}`,
		`{rules: [{name: a, mode: COMPLIANCE, period: 7y}], max_retention: 7y}`,
		`{rules: [{name: a, period: 100y}], max_retention: 100y}`,
		`{traces: {period: 30d, storage_class: GLACIER_IR}, metrics: {name: metrics, period: 30d}}`,
		`{sse: {type: kms, bucket_key: true}}`,
		`{sse: {type: kms, kms_key_id: alias/x}}`,
		`{tags: {team: "a b", "cost:place": ""}}`,
		`{checkpoint_copies: [{file: /var/lib/x}, {bucket: another-bucket, prefix: p/, region: eu-west-1, role_arn: "arn:aws:iam::123456789012:role/w"}]}`,
		`{checkpoint_copies: [{bucket: example-archive, endpoint: "https://other.example"}]}`,
		`{checkpoint_copies: [{otlp: {endpoint: "https://collector.example:4318", tls: {ca_file: /x}, headers: {a: b}, compression: gzip}}]}`,
		`{endpoint: "http://localhost:9000", path_style: false}`,
		`{repeat_window: 0s, verify_share: 0}`,
		`{min_object_size: 64MiB, max_wait: 5m}`,
	} {
		require.NoError(t, configured(t, text).Validate(), text)
	}
	assert.True(t, configured(t, `{endpoint: "http://localhost:9000"}`).pathStyle())
	assert.False(t, configured(t, `{endpoint: "http://localhost:9000", path_style: false}`).pathStyle())
	assert.False(t, configured(t, `{}`).pathStyle())
}

func TestConfigErrorsNameFieldValueAndRemedy(t *testing.T) {
	key, _, err := archive.GenerateKey("example.com/logs/gateway-2")
	require.NoError(t, err)
	for text, want := range map[string]string{
		`{bucket: ""}`:                            `bucket is not set; name the bucket`,
		`{bucket: A_b}`:                           `bucket is "A_b"; a bucket's name has 3 to 63`,
		`{bucket: a..b}`:                          `bucket is "a..b"; a bucket's name has`,
		`{prefix: /x}`:                            `prefix is "/x"; it must be names with / between them, as logs/eu`,
		`{prefix: a/../b}`:                        `prefix is "a/../b"; it must be`,
		`{prefix: "a\x01"}`:                       `prefix is "a\x01"; it must be`,
		`{endpoint: localhost:9000}`:              `endpoint is "localhost:9000"; it must be a URL`,
		`{role_arn: writer}`:                      `role_arn is "writer"; it must be as arn:aws:iam::`,
		`{external_id: x}`:                        `external_id is set, and role_arn is not`,
		`{expected_bucket_owner: "12"}`:           `expected_bucket_owner is "12"; it must be the 12 digits`,
		`{user_agent: "a b"}`:                     `user_agent is "a b"; it must be as name/version`,
		`{origin: ""}`:                            `origin is not set; give the archive a name`,
		`{origin: "a b"}`:                         `origin is "a b"; it must be a name such as example.com/logs`,
		`{writer: ""}`:                            `writer is not set; give this writer a name`,
		`{writer: Gateway}`:                       `writer is "Gateway"; take a name such as gateway-1`,
		`{writer: a/b}`:                           `writer is "a/b"; take a name such as gateway-1`,
		`{writer: writers}`:                       `writer is "writers"; take a name`,
		`{signing_key_file: ""}`:                  `neither signing_key nor signing_key_file is set; make a key with heartwood keygen --writer example.com/logs/gateway-1`,
		`{signing_key: x}`:                        `signing_key and signing_key_file are both set; leave one of them out`,
		`{signing_key_file: "", signing_key: x}`:  `signing_key: it is no private key of a writer`,
		`{encoding: "x/"}`:                        `encoding is "x/"; it must be one of ["json" "otlp_json" "otlp_proto"], or the id of an encoding extension`,
		`{compression: snappy}`:                   `compression is "snappy"; it must be one of ["zstd" "gzip" "none"]`,
		`{partition: {time: now}}`:                `partition::time is "now"; it must be one of ["event" "arrival"]`,
		`{partition: {max_past: -1s}}`:            `partition::max_past is -1s; it must be 0 or more`,
		`{partition: {max_future: -1s}}`:          `partition::max_future is -1s; it must be 0 or more`,
		`{partition: {max_open: 0}}`:              `partition::max_open is 0; it must be at least 1`,
		`{partition: {attributes: [""]}}`:         `partition::attributes has "", which is  in keys; take another attribute`,
		`{partition: {attributes: [dt]}}`:         `partition::attributes has "dt", which is dt in keys; take another`,
		`{partition: {attributes: [a.b, a_b]}}`:   `partition::attributes has "a_b", and another that is a_b in keys; leave one out`,
		`{partition: {attributes: [a, b, c, d]}}`: `partition::attributes is ["a" "b" "c" "d"]; it may have 3`,
		`{max_object_size: 1KiB}`:                 `max_object_size is 1KiB; it must be from 1MiB to 5GiB`,
		`{max_object_size: 6GiB}`:                 `max_object_size is 6GiB; it must be from 1MiB to 5GiB`,
		`{max_object_age: 0s}`:                    `max_object_age is 0s; it must be more than 0`,
		`{min_object_size: 65MiB}`:                `min_object_size is 65MiB and max_object_size is 64MiB; the first`,
		`{max_wait: 1m}`:                          `max_wait is 1m0s and max_object_age is 5m0s; the first must not be less`,
		`{max_uploads: 0}`:                        `max_uploads is 0; it must be at least 1`,
		`{rules: []}`:                             `rules is empty; it needs at least one, such as {name: application, period: 90d}`,
		`{rules: [{period: 1d}]}`:                 `rules[0]::name is not set; name the class`,
		`{rules: [{name: A, period: 1d}]}`:        `rules[0]::name is "A"; it has 1 to 64 lower-case`,
		`{rules: [{name: a/b, period: 1d}]}`:      `rules[0]::name is "a/b"; it has 1 to 64 lower-case`,
		`{rules: [{name: traces, period: 1d}]}`:   `rules[0]::name is "traces"; that is the class of other signals`,
		`{rules: [{name: a, category: x, period: 1d}, {name: a, period: 1d}]}`:                          `rules[1]::name is "a", as that of a rule before it`,
		`{rules: [{name: a, category: x, period: 1d}]}`:                                                 `rules[0] is the last rule, and has the category "x"; it is for all that no other rule fits`,
		`{rules: [{name: a, condition: 'true', period: 1d}]}`:                                           `rules[0] is the last rule, and has the condition "true"`,
		`{rules: [{name: a, period: 1d}, {name: b, period: 1d}]}`:                                       `rules[0], "a", has neither condition nor category; those behind it would never count`,
		`{rules: [{name: a, category: x, condition: 'true', period: 1d}, {name: b, period: 1d}]}`:       `rules[0] has the condition "true" and the category "x"; a condition can ask for both`,
		`{rules: [{name: a, condition: 'attributes[', period: 1d}, {name: b, period: 1d}]}`:             `rules[0]::condition is "attributes["; it must be an OTTL condition on a log record`,
		`{rules: [{name: a, condition: 'set(attributes["a"], 1)', period: 1d}, {name: b, period: 1d}]}`: `rules[0]::condition is "set(attributes[\"a\"], 1)"; it must be an OTTL condition`,
		`{rules: [{name: a}]}`:                                                  `rules[0]::period is not set; say how long its records are kept, such as 90d or 7y`,
		`{rules: [{name: a, mode: LEGAL_HOLD, period: 1d}]}`:                    `rules[0]::mode is "LEGAL_HOLD"; it must be one of ["GOVERNANCE" "COMPLIANCE"]`,
		`{rules: [{name: a, mode: COMPLIANCE, period: 7y}]}`:                    `rules[0]::mode is COMPLIANCE and max_retention is not set; nobody can remove what is locked so, so say what no rule may be longer than, such as max_retention: 7y`,
		`{rules: [{name: a, mode: COMPLIANCE, period: 8y}], max_retention: 7y}`: `rules[0]::period is 8y and max_retention is 7y; no rule may be longer than that`,
		`{rules: [{name: a, period: 8y}], max_retention: 7y}`:                   `rules[0]::period is 8y and max_retention is 7y`,
		`{rules: [{name: a, period: 100y}]}`:                                    `rules[0]::period is 100y; what is kept for more than 30y needs max_retention`,
		`{rules: [{name: a, period: 1d, storage_class: COLD}]}`:                 `rules[0]::storage_class is "COLD"; it must be one of ["STANDARD"`,
		`{traces: {mode: COMPLIANCE, period: 1d}}`:                              `traces::mode is COMPLIANCE and max_retention is not set`,
		`{traces: {}}`:                               `traces::period is not set`,
		`{metrics: {name: m, period: 1d}}`:           `metrics::name is "m"; that class is named "metrics", so leave the name out`,
		`{metrics: {category: x, period: 1d}}`:       `metrics has the category "x"; it is for all metrics, so leave that out`,
		`{metrics: {period: 8y}, max_retention: 7y}`: `metrics::period is 8y and max_retention is 7y`,
		`{tags: {"aws:x": y}}`:                       `tags has "aws:x"; a tag's name has 1 to 128`,
		`{tags: {"a\n": y}}`:                         `tags has "a\n"; a tag's name`,
		`{tags: {a: "\x00"}}`:                        `tags has "\x00" for "a"; a tag's value has up to 256`,
		`{tags: {a: a, b: a, c: a, d: a, e: a, f: a, g: a, h: a, i: a, j: a, k: a}}`: `tags has 11 tags; an object may have 10`,
		`{sse: {type: aes}}`:                                               `sse::type is "aes"; it must be one of ["none" "s3" "kms"]`,
		`{sse: {type: s3, kms_key_id: x}}`:                                 `sse::type is "s3", and sse::kms_key_id or sse::bucket_key is set`,
		`{checkpoint_interval: 1ms}`:                                       `checkpoint_interval is 1ms; it must be from 1s to 168h0m0s`,
		`{checkpoint_interval: 169h}`:                                      `checkpoint_interval is 169h0m0s; it must be from 1s to 168h0m0s`,
		`{checkpoint_copies: [{}]}`:                                        `checkpoint_copies[0] has neither file nor bucket nor otlp; name one of them`,
		`{checkpoint_copies: [{file: /x, bucket: abc}]}`:                   `checkpoint_copies[0] has the file "/x" and more`,
		`{checkpoint_copies: [{bucket: example-archive}]}`:                 `checkpoint_copies[0]::bucket is "example-archive", which is the archive's own`,
		`{checkpoint_copies: [{otlp: {}}]}`:                                `checkpoint_copies[0]::otlp::endpoint is not set; give the receiver's URL`,
		`{checkpoint_copies: [{otlp: {endpoint: "a:4318"}}]}`:              `checkpoint_copies[0]::otlp::endpoint is "a:4318"; it must be a URL`,
		`{checkpoint_copies: [{file: /x, otlp: {endpoint: "https://a"}}]}`: `checkpoint_copies[0] has otlp and more`,
		`{checkpoint_copies: [{bucket: A}]}`:                               `checkpoint_copies[0]::bucket is "A"; a bucket's name has`,
		`{checkpoint_copies: [{bucket: other, endpoint: x}]}`:              `checkpoint_copies[0]::endpoint is "x"; it must be a URL`,
		`{verify_share: 1.5}`:                                              `verify_share is 1.5; it must be from 0, for no object, to 1, for all`,
		`{verify_share: .nan}`:                                             `verify_share is NaN; it must be from 0`,
		`{on_unlocked_bucket: ignore}`:                                     `on_unlocked_bucket is "ignore"; it must be one of ["fail" "warn"]`,
		`{max_remembered: 0}`:                                              `max_remembered is 0; it must be from 1024 to 1073741824`,
		`{repeat_window: -1s}`:                                             `repeat_window is -1s; it must be 0`,
		`{retry: {initial_interval: 0s}}`:                                  `retry::initial_interval is 0s; it must be more than 0`,
		`{retry: {initial_interval: 1m}}`:                                  `retry::max_interval is 30s and retry::initial_interval is 1m0s`,
		`{timeout: 0s}`:                                                    `timeout is 0s; it must be more than 0`,
		`{accept_timeout: 0s}`:                                             `accept_timeout is 0s; it must be more than 0`,
		`{spool: {}}`:                                                      `spool::directory is not set; name a folder of its own, on a disk that outlives the collector`,
		`{spool: {directory: .}}`:                                          `spool::directory is ".", where the collector runs`,
		`{spool: {directory: /x, max_size: 1MiB}}`:                         `spool::max_size is 1MiB; it must be at least 16MiB`,
		`{dead_letter: {directory: ./}}`:                                   `dead_letter::directory is "./", where the collector runs`,
		"{signing_key_file: '', signing_key: '" + key + "'}":               `signing_key: it is the key of "example.com/logs/gateway-2", and origin and writer make "example.com/logs/gateway-1"`,
	} {
		err := configured(t, text).Validate()
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
		assert.NotContains(t, err.Error(), key, "a key is never printed")
	}
	require.ErrorContains(t, createDefaultConfig().(*Config).Validate(), "bucket is not set")
}

// TestPeriodsThatAreNone: they are refused when they are read.
func TestPeriodsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		`{rules: [{name: a, period: "90"}]}`: `has no unit`,
		`{rules: [{name: a, period: 90}]}`:   `period`,
		`{rules: [{name: a, period: 12h}]}`:  `period "12h"`,
		`{rules: [{name: a, period: 0d}]}`:   `period "0d" is nothing`,
		`{rules: [{name: a, period: 101y}]}`: `longer than`,
		`{max_retention: 7}`:                 `max_retention`,
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestTheLogIsLockedAsTheLongestRule(t *testing.T) {
	cfg := configured(t, `{rules: [{name: a, category: a, mode: COMPLIANCE, period: 1d}, {name: b, period: 30d}], metrics: {period: 2y}, max_retention: 2y}`)
	assert.Equal(t, archiver.Retention{Mode: objectstore.Compliance, Period: 2 * 365 * 24 * time.Hour}, cfg.logLock())
	cfg = configured(t, `{}`)
	assert.Equal(t, archiver.Retention{Mode: objectstore.Governance, Period: 90 * 24 * time.Hour}, cfg.logLock())
}

func TestTheConfigurationsHashHasNoSecretAndShowsEachChange(t *testing.T) {
	one, err := configured(t, `{signing_key: a}`).sum()
	require.NoError(t, err)
	same, err := configured(t, `{signing_key: b}`).sum()
	require.NoError(t, err)
	assert.Equal(t, one, same)
	for _, text := range []string{
		`{prefix: x}`, `{rules: [{name: application, period: 91d}]}`, `{rules: [{name: application, period: 90d, mode: COMPLIANCE}]}`,
		`{max_retention: 7y}`, `{tags: {a: b}}`, `{max_object_size: 65MiB}`, `{path_style: true}`, `{timeout: 1m}`, `{traces: {period: 90d}}`,
	} {
		other, err := configured(t, text).sum()
		require.NoError(t, err)
		assert.NotEqual(t, one, other, text)
	}
}

func TestAPrefixIsAFolder(t *testing.T) {
	assert.Equal(t, "a/", folder("a"))
	assert.Equal(t, "a/", folder("a/"))
	assert.Empty(t, folder(""))
}
