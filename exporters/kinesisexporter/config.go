package kinesisexporter

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

// Config is the exporter's part of the configuration. The README has the table of all
// fields.
type Config struct {
	// Stream is the stream's name, or its ARN. It must be set.
	Stream string `mapstructure:"stream"`
	// Region of the stream; by default the environment's, or that of the ARN.
	Region string `mapstructure:"region"`
	// Endpoint is the URL of another server than AWS's.
	Endpoint string `mapstructure:"endpoint"`
	// RoleARN is a role to be assumed, with ExternalID where its owner asks for one.
	RoleARN    string `mapstructure:"role_arn"`
	ExternalID string `mapstructure:"external_id"`
	// UserAgent is added to the SDK's. Default heartwood/<version>.
	UserAgent string `mapstructure:"user_agent"`

	// Unit is "record" (default) or "batch": what one user record holds.
	Unit string `mapstructure:"unit"`
	// Encoding is "otlp_proto", "otlp_json" (default), "json", or an extension's id.
	Encoding string `mapstructure:"encoding"`
	// Compression is "none" (default), "gzip" or "zstd", of each user record's data.
	Compression string `mapstructure:"compression"`
	// PartitionKey are attribute names, looked for in the record and then in its
	// resource; the first that is there counts. Default request.id.
	PartitionKey []string `mapstructure:"partition_key"`
	// PartitionKeyExpression is an OTTL value expression instead of PartitionKey.
	PartitionKeyExpression string `mapstructure:"partition_key_expression"`
	// Order is "per_key" (default) or "none".
	Order string `mapstructure:"order"`
	// Aggregation is "none" (default) or "kpl".
	Aggregation string `mapstructure:"aggregation"`

	// MaxRecordSize bounds partition key and data of a record. 0: as the stream does.
	MaxRecordSize bytesize.Size `mapstructure:"max_record_size"`
	// OnTooLarge is "dead_letter" (default) or "truncate".
	OnTooLarge string `mapstructure:"on_too_large"`

	// Batch bounds a call.
	Batch batchConfig `mapstructure:"batch"`
	// MaxInFlight calls may be under way for a shard. Default 4.
	MaxInFlight int `mapstructure:"max_in_flight"`
	// Rate is what a shard takes.
	Rate  rateConfig  `mapstructure:"rate"`
	Retry retryConfig `mapstructure:"retry"`
	// Timeout of one call. Default 30s.
	Timeout time.Duration `mapstructure:"timeout"`

	Spool spoolConfig `mapstructure:"spool"`
	// OnFull is "block" (default) or "dead_letter".
	OnFull     string           `mapstructure:"on_full"`
	DeadLetter deadLetterConfig `mapstructure:"dead_letter"`

	// OnMissingStream is "wait" (default) or "fail".
	OnMissingStream string `mapstructure:"on_missing_stream"`
	// RefreshInterval is how often the list of shards is read. Default 60s.
	RefreshInterval time.Duration `mapstructure:"refresh_interval"`
	// AcceptTimeout is how long a sender waits for room. Default 5s.
	AcceptTimeout time.Duration `mapstructure:"accept_timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

type batchConfig struct {
	// MaxRecords in a call. Default 500, which is Kinesis's limit.
	MaxRecords int `mapstructure:"max_records"`
	// MaxSize of the records in a call. Default 5MiB; Kinesis's limit is 10MiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
	// MaxAge is how long a record waits for others. 0: it does not. Default 200ms.
	MaxAge time.Duration `mapstructure:"max_age"`
}

type rateConfig struct {
	// Bytes a second of a shard. Default 1MB.
	Bytes bytesize.Size `mapstructure:"bytes"`
	// Records a second of a shard. Default 1000.
	Records int `mapstructure:"records"`
}

type retryConfig struct {
	// InitialInterval and MaxInterval bound the pause before what was refused is sent
	// again. Default 100ms and 10s.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	MaxInterval     time.Duration `mapstructure:"max_interval"`
}

type spoolConfig struct {
	// Directory holds what was accepted until the stream has it. Without one, a sender
	// waits until the stream has its records.
	Directory string `mapstructure:"directory"`
	// MaxSize is where the spool takes no more. Default 4GiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
}

type deadLetterConfig struct {
	// Directory holds what can't be delivered. Default: the spool's folder dead_letter.
	Directory string `mapstructure:"directory"`
}

const (
	unitRecord = "record"
	unitBatch  = "batch"

	encodingProto = "otlp_proto"
	encodingOTLP  = "otlp_json"
	encodingFlat  = "json"

	compressionNone = "none"
	compressionGzip = "gzip"
	compressionZstd = "zstd"

	orderPerKey = "per_key"
	orderNone   = "none"

	aggregationNone = "none"
	aggregationKPL  = "kpl"

	toDeadLetter = "dead_letter"
	truncate     = "truncate"
	block        = "block"

	missingWait = "wait"
	missingFail = "fail"
)

// Of Kinesis's quotas:
// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
// and of PutRecords:
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
const (
	maxCallRecords = 500
	maxCallSize    = 10 * bytesize.MiB
	// A stream's records are of 1 MiB unless it is told to take larger ones.
	usualRecordSize = bytesize.MiB
	largestRecord   = 10 * bytesize.MiB
	// Below it, a partition key alone can be too large.
	smallestRecord = bytesize.KiB
)

// A spool smaller than this has no room for what one sender may send in a call.
const minSpool = 16 * bytesize.MiB

var (
	streamName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	streamARN  = regexp.MustCompile(`^arn:aws[a-z-]*:kinesis:([a-z0-9-]+):\d{12}:stream/[a-zA-Z0-9_.-]{1,128}$`)
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
)

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{
		Unit:            unitRecord,
		Encoding:        encodingOTLP,
		Compression:     compressionNone,
		PartitionKey:    []string{"request.id"},
		Order:           orderPerKey,
		Aggregation:     aggregationNone,
		OnTooLarge:      toDeadLetter,
		Batch:           batchConfig{MaxRecords: maxCallRecords, MaxSize: 5 * bytesize.MiB, MaxAge: 200 * time.Millisecond},
		MaxInFlight:     4,
		Rate:            rateConfig{Bytes: 1_000_000, Records: 1000},
		Retry:           retryConfig{InitialInterval: 100 * time.Millisecond, MaxInterval: 10 * time.Second},
		Timeout:         30 * time.Second,
		Spool:           spoolConfig{MaxSize: 4 * bytesize.GiB},
		OnFull:          block,
		OnMissingStream: missingWait,
		RefreshInterval: time.Minute,
		AcceptTimeout:   5 * time.Second,
	}
}

// Validate names the field, its value, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(field, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			fail("%s is %q; it must be one of %q", field, value, allowed)
		}
	}
	c.validateStream(fail)
	oneOf("unit", c.Unit, unitRecord, unitBatch)
	oneOf("compression", c.Compression, compressionNone, compressionGzip, compressionZstd)
	oneOf("order", c.Order, orderPerKey, orderNone)
	oneOf("aggregation", c.Aggregation, aggregationNone, aggregationKPL)
	oneOf("on_too_large", c.OnTooLarge, toDeadLetter, truncate)
	oneOf("on_full", c.OnFull, block, toDeadLetter)
	oneOf("on_missing_stream", c.OnMissingStream, missingWait, missingFail)
	switch c.Encoding {
	case encodingProto, encodingOTLP, encodingFlat:
	default:
		var id component.ID
		if err := id.UnmarshalText([]byte(c.Encoding)); err != nil {
			fail("encoding is %q; it must be one of %q, or the id of an encoding extension: %w", c.Encoding, []string{encodingProto, encodingOTLP, encodingFlat}, err)
		}
	}
	if slices.Contains(c.PartitionKey, "") {
		fail("partition_key is %q; an attribute's name must not be empty", c.PartitionKey)
	}
	if err := c.validateExpression(); err != nil {
		errs = append(errs, err)
	}
	c.validateNumbers(fail)
	c.validateDirectories(fail)
	return errors.Join(errs...)
}

type failFunc = func(format string, args ...any)

func (c *Config) validateStream(fail failFunc) {
	switch {
	case c.Stream == "":
		fail("stream is not set; name the stream, or give its ARN")
	case strings.HasPrefix(c.Stream, "arn:"):
		if arn := streamARN.FindStringSubmatch(c.Stream); arn == nil {
			fail("stream is %q; an ARN must be as arn:aws:kinesis:eu-central-1:123456789012:stream/orders", c.Stream)
		} else if c.Region != "" && c.Region != arn[1] {
			fail("region is %q, and the ARN of stream is in %q; leave region out, or correct one of them", c.Region, arn[1])
		}
	case !streamName.MatchString(c.Stream):
		fail("stream is %q; a stream's name has 1 to 128 letters, digits, underscores, points and hyphens", c.Stream)
	}
	if c.Endpoint != "" {
		if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			fail("endpoint is %q; it must be a URL such as https://kinesis.example:4567", c.Endpoint)
		}
	}
	if c.RoleARN != "" && !roleARN.MatchString(c.RoleARN) {
		fail("role_arn is %q; it must be as arn:aws:iam::123456789012:role/writer", c.RoleARN)
	}
	if c.ExternalID != "" && c.RoleARN == "" {
		fail("external_id is set, and role_arn is not; it counts only when a role is assumed")
	}
}

func (c *Config) validateNumbers(fail failFunc) {
	if c.MaxRecordSize != 0 && (c.MaxRecordSize < smallestRecord || c.MaxRecordSize > largestRecord) {
		fail("max_record_size is %s; it must be from %s to %s, or left out to be the stream's own", c.MaxRecordSize, smallestRecord, largestRecord)
	}
	if c.Batch.MaxRecords < 1 || c.Batch.MaxRecords > maxCallRecords {
		fail("batch::max_records is %d; it must be from 1 to %d", c.Batch.MaxRecords, maxCallRecords)
	}
	if c.Batch.MaxSize < usualRecordSize || c.Batch.MaxSize > maxCallSize {
		fail("batch::max_size is %s; it must be from %s to %s", c.Batch.MaxSize, usualRecordSize, maxCallSize)
	}
	if c.MaxRecordSize > c.Batch.MaxSize {
		fail("max_record_size is %s and batch::max_size is %s; a record must fit into a call, so the first must not be more", c.MaxRecordSize, c.Batch.MaxSize)
	}
	if c.Batch.MaxAge < 0 {
		fail("batch::max_age is %s; it must be 0, which waits for nothing, or more", c.Batch.MaxAge)
	}
	for _, n := range []struct {
		field string
		value int
	}{
		{"max_in_flight", c.MaxInFlight},
		{"rate::records", c.Rate.Records},
	} {
		if n.value < 1 {
			fail("%s is %d; it must be at least 1", n.field, n.value)
		}
	}
	if c.Rate.Bytes < 1 {
		fail("rate::bytes is %s; it must be more than 0", c.Rate.Bytes)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"retry::initial_interval", c.Retry.InitialInterval},
		{"timeout", c.Timeout},
		{"refresh_interval", c.RefreshInterval},
		{"accept_timeout", c.AcceptTimeout},
	} {
		if d.value <= 0 {
			fail("%s is %s; it must be more than 0", d.field, d.value)
		}
	}
	if c.Retry.MaxInterval < c.Retry.InitialInterval {
		fail("retry::max_interval is %s and retry::initial_interval is %s; the first must not be less", c.Retry.MaxInterval, c.Retry.InitialInterval)
	}
}

func (c *Config) validateDirectories(fail failFunc) {
	for _, d := range []struct{ field, value string }{
		{"spool::directory", c.Spool.Directory},
		{"dead_letter::directory", c.DeadLetter.Directory},
	} {
		if d.value != "" && !filepath.IsAbs(d.value) && filepath.Clean(d.value) == "." {
			fail("%s is %q, where the collector runs; name a folder of its own", d.field, d.value)
		}
	}
	if c.Spool.MaxSize < minSpool {
		fail("spool::max_size is %s; it must be at least %s", c.Spool.MaxSize, minSpool)
	}
	if c.OnFull == toDeadLetter && c.DeadLetter.Directory == "" {
		fail("on_full is %q, and dead_letter::directory is not set; name a folder, best on another disk than the spool's", c.OnFull)
	}
}

// deadLetterDirectory is where what can't be delivered is kept; empty: nowhere.
func (c *Config) deadLetterDirectory() string {
	switch {
	case c.DeadLetter.Directory != "":
		return c.DeadLetter.Directory
	case c.Spool.Directory != "":
		return filepath.Join(c.Spool.Directory, "dead_letter")
	}
	return ""
}

// region is what the configuration says of it; empty: nothing.
func (c *Config) region() string {
	if arn := streamARN.FindStringSubmatch(c.Stream); arn != nil {
		return arn[1]
	}
	return c.Region
}
