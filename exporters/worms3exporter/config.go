package worms3exporter

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/period"
)

// Config is the exporter's part of the configuration. The README has the table of all
// fields.
type Config struct {
	// Bucket must be set. Everything is below Prefix in it.
	Bucket string `mapstructure:"bucket"`
	Prefix string `mapstructure:"prefix"`
	// Region of the bucket; by default the environment's.
	Region string `mapstructure:"region"`
	// Endpoint is the URL of another server than AWS's.
	Endpoint string `mapstructure:"endpoint"`
	// PathStyle has the bucket in the path. Default: true with an endpoint.
	PathStyle *bool `mapstructure:"path_style"`
	// RoleARN is a role to be assumed, with ExternalID where its owner asks for one.
	RoleARN    string `mapstructure:"role_arn"`
	ExternalID string `mapstructure:"external_id"`
	// ExpectedBucketOwner is the id of the account that the bucket must belong to.
	ExpectedBucketOwner string `mapstructure:"expected_bucket_owner"`
	// UserAgent is added to the SDK's. Default heartwood/<version>.
	UserAgent string `mapstructure:"user_agent"`

	// Origin is the archive's name, Writer this writer's in it. Both must be set.
	Origin string `mapstructure:"origin"`
	Writer string `mapstructure:"writer"`
	// SigningKey is the writer's private key; SigningKeyFile is a file that has it. One
	// of the two must be set.
	SigningKey     configopaque.String `mapstructure:"signing_key"`
	SigningKeyFile string              `mapstructure:"signing_key_file"`
	// RootKeyFile has the public half of the archive's root key. With it, no file of writers
	// counts that the key did not sign.
	RootKeyFile string `mapstructure:"root_key_file"`

	// Encoding is "json" (default), "otlp_json", "otlp_proto", or an extension's id.
	Encoding string `mapstructure:"encoding"`
	// Compression is "zstd" (default), "gzip" or "none".
	Compression string          `mapstructure:"compression"`
	Partition   partitionConfig `mapstructure:"partition"`

	// MaxObjectSize of an object as stored. Default 64MiB.
	MaxObjectSize bytesize.Size `mapstructure:"max_object_size"`
	// MaxObjectAge is from an object's first record until it is sealed. Default 5m.
	MaxObjectAge time.Duration `mapstructure:"max_object_age"`
	// MinObjectSize is what smaller objects wait for, up to MaxWait. Default 0: nothing.
	MinObjectSize bytesize.Size `mapstructure:"min_object_size"`
	MaxWait       time.Duration `mapstructure:"max_wait"`
	// MaxUploads are objects on their way at a time. Default 4.
	MaxUploads int `mapstructure:"max_uploads"`

	// Rules say how long log records are kept. The first that fits counts.
	Rules []ruleConfig `mapstructure:"rules"`
	// Traces and Metrics are for those. Default: as the last of Rules.
	Traces  *ruleConfig `mapstructure:"traces"`
	Metrics *ruleConfig `mapstructure:"metrics"`
	// MaxRetention is what no rule and no default of the bucket may be longer than.
	MaxRetention period.Period `mapstructure:"max_retention"`

	// Tags of every object.
	Tags map[string]string `mapstructure:"tags"`
	SSE  sseConfig         `mapstructure:"sse"`

	// CheckpointInterval is how often the log is signed. Default 5m.
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`
	// CheckpointCopies are where checkpoints go besides.
	CheckpointCopies []copyConfig `mapstructure:"checkpoint_copies"`
	// VerifyShare is which part of the objects is asked for after it was written, 0 to 1.
	// Default 1.
	VerifyShare float64 `mapstructure:"verify_share"`
	// OnUnlockedBucket is "fail" (default) or "warn".
	OnUnlockedBucket string `mapstructure:"on_unlocked_bucket"`
	// RepeatWindow is how long a record is known as one that was there. 0: it is not.
	// Default 15m.
	RepeatWindow time.Duration `mapstructure:"repeat_window"`

	// MaxRemembered bounds how many records are known as ones that were there, of each
	// signal, at 40 to 56 bytes of memory each; beyond it the oldest are forgotten before
	// their time.
	MaxRemembered int `mapstructure:"max_remembered"`

	Retry retryConfig `mapstructure:"retry"`
	// Timeout of one call. Default 2m.
	Timeout time.Duration `mapstructure:"timeout"`

	Spool      spoolConfig      `mapstructure:"spool"`
	DeadLetter deadLetterConfig `mapstructure:"dead_letter"`
	// AcceptTimeout is how long a sender waits for room. Default 5s.
	AcceptTimeout time.Duration `mapstructure:"accept_timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

type partitionConfig struct {
	// Time is "event" (default) or "arrival": which one dt and hour are of.
	Time string `mapstructure:"time"`
	// MaxPast and MaxFuture are how far an event's time may be from its arrival to count.
	// Defaults 168h and 1h.
	MaxPast   time.Duration `mapstructure:"max_past"`
	MaxFuture time.Duration `mapstructure:"max_future"`
	// Attributes are further partitions, looked for in the record and then in its
	// resource.
	Attributes []string `mapstructure:"attributes"`
	// MaxOpen objects are written to at a time. Default 64.
	MaxOpen int `mapstructure:"max_open"`
}

type ruleConfig struct {
	// Name is the class, category=<name> in keys.
	Name string `mapstructure:"name"`
	// Condition is an OTTL condition on a log record; Category is the log.category that
	// the rule is for. One of them, or none.
	Condition string `mapstructure:"condition"`
	Category  string `mapstructure:"category"`
	// Mode is "GOVERNANCE" (default) or "COMPLIANCE".
	Mode string `mapstructure:"mode"`
	// Period must be set.
	Period period.Period `mapstructure:"period"`
	// StorageClass is one of S3's. Default STANDARD.
	StorageClass string `mapstructure:"storage_class"`
}

type sseConfig struct {
	// Type is "none" (default), "s3" or "kms".
	Type string `mapstructure:"type"`
	// KMSKeyID is the key; empty is the account's own for S3.
	KMSKeyID string `mapstructure:"kms_key_id"`
	// BucketKey saves calls of KMS.
	BucketKey bool `mapstructure:"bucket_key"`
}

// copyConfig is a file, a place in another bucket, or an OTLP receiver.
type copyConfig struct {
	File       string `mapstructure:"file"`
	Bucket     string `mapstructure:"bucket"`
	Prefix     string `mapstructure:"prefix"`
	Region     string `mapstructure:"region"`
	Endpoint   string `mapstructure:"endpoint"`
	RoleARN    string `mapstructure:"role_arn"`
	ExternalID string `mapstructure:"external_id"`
	// OTLP is a receiver of OTLP over HTTP, without the path /v1/logs.
	OTLP *confighttp.ClientConfig `mapstructure:"otlp"`
}

// Unmarshal gives a client of OTLP its defaults.
func (c *copyConfig) Unmarshal(conf *confmap.Conf) error {
	if conf.IsSet("otlp") {
		client := confighttp.NewDefaultClientConfig()
		c.OTLP = &client
	}
	return conf.Unmarshal(c)
}

type retryConfig struct {
	// InitialInterval and MaxInterval bound the pause before a call is made again.
	// Defaults 100ms and 30s.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	MaxInterval     time.Duration `mapstructure:"max_interval"`
}

type spoolConfig struct {
	// Directory must be set: accepted records and the log's state.
	Directory string `mapstructure:"directory"`
	// MaxSize is where the spool takes no more. Default 4GiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
}

type deadLetterConfig struct {
	// Directory holds what can't be encoded. Default: the spool's folder dead_letter.
	Directory string `mapstructure:"directory"`
}

const (
	timeEvent   = "event"
	timeArrival = "arrival"

	modeGovernance = "GOVERNANCE"
	modeCompliance = "COMPLIANCE"

	standardClass = "STANDARD"

	sseNone = "none"
	sseS3   = "s3"
	sseKMS  = "kms"

	unlockedFail = "fail"
	unlockedWarn = "warn"

	classTraces  = "traces"
	classMetrics = "metrics"
)

func createDefaultConfig() component.Config {
	return &Config{
		Encoding:    archive.EncodingJSON,
		Compression: string(archive.CompressionZstd),
		Partition: partitionConfig{
			Time: timeEvent, MaxPast: 7 * 24 * time.Hour, MaxFuture: time.Hour, MaxOpen: 64,
		},
		MaxObjectSize:      64 * bytesize.MiB,
		MaxObjectAge:       5 * time.Minute,
		MaxWait:            time.Hour,
		MaxUploads:         4,
		SSE:                sseConfig{Type: sseNone},
		CheckpointInterval: 5 * time.Minute,
		VerifyShare:        1,
		OnUnlockedBucket:   unlockedFail,
		RepeatWindow:       15 * time.Minute,
		MaxRemembered:      4 << 20,
		Retry:              retryConfig{InitialInterval: 100 * time.Millisecond, MaxInterval: 30 * time.Second},
		Timeout:            2 * time.Minute,
		Spool:              spoolConfig{MaxSize: 4 * bytesize.GiB},
		AcceptTimeout:      5 * time.Second,
	}
}
