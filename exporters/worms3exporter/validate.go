package worms3exporter

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/period"
)

// Of S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html,
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html, and of a
// single PUT https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html.
const (
	maxTags        = 10
	maxTagKey      = 128 // characters
	maxTagValue    = 256
	largestObject  = 5 * bytesize.GiB
	smallestObject = bytesize.MiB
)

const (
	// A spool smaller than this has no room for what one sender may send in a call.
	minSpool = 16 * bytesize.MiB
	// minInterval between checkpoints: each is several objects that can't be removed.
	minInterval = time.Second

	minRemembered, maxRemembered = 1 << 10, 1 << 30
	// Each further partition multiplies the objects, and a key has room for this many.
	maxPartitions = 3
)

// surePeriod is the longest that anything is kept without max_retention saying so.
var surePeriod = mustDays(30 * period.Year)

func mustDays(n int) period.Period {
	p, _ := period.Days(n) // of a constant that is in its limits
	return p
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
	accountID  = regexp.MustCompile(`^\d{12}$`)
	ruleName   = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
	tagText    = regexp.MustCompile(`^[\p{L}\p{N}\p{Z}_.:/=+@-]*$`)
)

// storageClasses are those that Object Lock and a PUT to a bucket of a region go with:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html
var storageClasses = []string{standardClass, "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}

var _ confmap.Validator = (*Config)(nil)

type failFunc = func(format string, args ...any)

// Validate names the field, its value, and what would be right. It looks at no file:
// that is left to the start.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(field, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			fail("%s is %q; it must be one of %q", field, value, allowed)
		}
	}
	c.validateBucket(fail)
	c.validateIdentity(fail)
	oneOf("compression", c.Compression, string(archive.CompressionZstd), string(archive.CompressionGzip), string(archive.CompressionNone))
	oneOf("partition::time", c.Partition.Time, timeEvent, timeArrival)
	oneOf("sse::type", c.SSE.Type, sseNone, sseS3, sseKMS)
	oneOf("on_unlocked_bucket", c.OnUnlockedBucket, unlockedFail, unlockedWarn)
	switch c.Encoding {
	case archive.EncodingJSON, archive.EncodingOTLPJSON, archive.EncodingOTLPProto:
	default:
		var id component.ID
		if err := id.UnmarshalText([]byte(c.Encoding)); err != nil {
			fail("encoding is %q; it must be one of %q, or the id of an encoding extension: %w", c.Encoding,
				[]string{archive.EncodingJSON, archive.EncodingOTLPJSON, archive.EncodingOTLPProto}, err)
		}
	}
	c.validatePartitions(fail)
	c.validateRules(fail)
	c.validateObjects(fail)
	c.validateCopies(fail)
	c.validateNumbers(fail)
	c.validateDirectories(fail)
	return errors.Join(errs...)
}

func (c *Config) validateBucket(fail failFunc) {
	switch {
	case c.Bucket == "":
		fail("bucket is not set; name the bucket")
	case !isBucket(c.Bucket):
		fail("bucket is %q; a bucket's name has 3 to 63 lower-case letters, digits, points and hyphens, and begins and ends with a letter or digit", c.Bucket)
	}
	validatePrefix(fail, "prefix", c.Prefix)
	validateEndpoint(fail, "endpoint", c.Endpoint)
	validateRole(fail, "", c.RoleARN, c.ExternalID)
	if c.ExpectedBucketOwner != "" && !accountID.MatchString(c.ExpectedBucketOwner) {
		fail("expected_bucket_owner is %q; it must be the 12 digits of an account's id, in quotes", c.ExpectedBucketOwner)
	}
	if strings.ContainsFunc(c.UserAgent, func(r rune) bool { return r <= ' ' || r > '~' }) {
		fail("user_agent is %q; it must be as name/version, of letters, digits and signs of ASCII, without blanks", c.UserAgent)
	}
}

func isBucket(name string) bool { return bucketName.MatchString(name) && !strings.Contains(name, "..") }

func validatePrefix(fail failFunc, field, prefix string) {
	if err := archive.CheckPrefix(folder(prefix)); err != nil {
		fail("%s is %q; it must be names with / between them, as logs/eu: %w", field, prefix, err)
	}
}

// folder is a prefix as keys begin with it.
func folder(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}

func validateEndpoint(fail failFunc, field, endpoint string) {
	if endpoint == "" {
		return
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		fail("%s is %q; it must be a URL such as https://s3.example:9000", field, endpoint)
	}
}

func validateRole(fail failFunc, at, role, externalID string) {
	if role != "" && !roleARN.MatchString(role) {
		fail("%srole_arn is %q; it must be as arn:aws:iam::123456789012:role/archive", at, role)
	}
	if externalID != "" && role == "" {
		fail("%sexternal_id is set, and %srole_arn is not; it counts only when a role is assumed", at, at)
	}
}

func (c *Config) validateIdentity(fail failFunc) {
	if c.Origin == "" {
		fail("origin is not set; give the archive a name of your own, such as example.com/logs")
	} else if err := archive.CheckOrigin(c.Origin); err != nil {
		fail("origin is %q; it must be a name such as example.com/logs: %w", c.Origin, err)
	}
	if c.Writer == "" {
		fail("writer is not set; give this writer a name that no other one has, such as gateway-1")
	} else if err := archive.CheckWriter(c.Writer); err != nil {
		fail("writer is %q; take a name such as gateway-1: %w", c.Writer, err)
	}
	switch {
	case c.SigningKey == "" && c.SigningKeyFile == "":
		fail("neither signing_key nor signing_key_file is set; make a key with heartwood keygen --writer %s, and name its file", archive.WriterOrigin(c.Origin, c.Writer))
	case c.SigningKey != "" && c.SigningKeyFile != "":
		fail("signing_key and signing_key_file are both set; leave one of them out")
	case c.SigningKey != "":
		if _, err := c.parseKey(strings.TrimSpace(string(c.SigningKey))); err != nil {
			fail("signing_key: %w", err)
		}
	}
}

func (c *Config) validatePartitions(fail failFunc) {
	if len(c.Partition.Attributes) > maxPartitions {
		fail("partition::attributes is %q; it may have %d, since each multiplies the objects", c.Partition.Attributes, maxPartitions)
	}
	names := map[string]bool{}
	for _, attribute := range c.Partition.Attributes {
		name := partitionName(attribute)
		if err := archive.CheckPartition(name); err != nil {
			fail("partition::attributes has %q, which is %s in keys; take another attribute: %w", attribute, name, err)
		}
		if names[name] {
			fail("partition::attributes has %q, and another that is %s in keys; leave one out", attribute, name)
		}
		names[name] = true
	}
	if len(names) > 0 && len(names) <= maxPartitions && archive.CheckWriter(c.Writer) == nil {
		layout := archive.Layout{Prefix: folder(c.Prefix)}
		if err := layout.CheckKeyLength(c.Writer, slices.Sorted(maps.Keys(names))); err != nil {
			fail("partition::attributes is %q; leave some out: %w", c.Partition.Attributes, err)
		}
	}
	if c.Partition.MaxOpen < 1 {
		fail("partition::max_open is %d; it must be at least 1", c.Partition.MaxOpen)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"partition::max_past", c.Partition.MaxPast},
		{"partition::max_future", c.Partition.MaxFuture},
	} {
		if d.value < 0 {
			fail("%s is %s; it must be 0 or more", d.field, d.value)
		}
	}
}

func (c *Config) validateRules(fail failFunc) {
	if len(c.Rules) == 0 {
		fail("rules is empty; it needs at least one, such as {name: application, period: 90d}")
	}
	names := map[string]bool{}
	for i := range c.Rules {
		r, at := &c.Rules[i], fmt.Sprintf("rules[%d]", i)
		switch {
		case r.Name == "":
			fail("%s::name is not set; name the class of the records that it is for", at)
		case !ruleName.MatchString(r.Name):
			fail("%s::name is %q; it has 1 to 64 lower-case letters, digits, hyphens and underscores", at, r.Name)
		case r.Name == classTraces || r.Name == classMetrics:
			fail("%s::name is %q; that is the class of other signals, so take another name", at, r.Name)
		case names[r.Name]:
			fail("%s::name is %q, as that of a rule before it; a class has one retention, so take another name", at, r.Name)
		}
		names[r.Name] = true
		last := i == len(c.Rules)-1
		switch {
		case r.Condition != "" && r.Category != "":
			fail("%s has the condition %q and the category %q; a condition can ask for both, so leave the category out", at, r.Condition, r.Category)
		case last && (r.Condition != "" || r.Category != ""):
			fail("%s is the last rule, and has the %s %q; it is for all that no other rule fits, so leave that out, or add a rule behind it", at, conditionField(r), r.Condition+r.Category)
		case !last && r.Condition == "" && r.Category == "":
			fail("%s, %q, has neither condition nor category; those behind it would never count, so move it to the end", at, r.Name)
		}
		c.validateRule(fail, at, r)
	}
	for _, one := range []struct {
		field string
		rule  *ruleConfig
	}{{"traces", c.Traces}, {"metrics", c.Metrics}} {
		if one.rule == nil {
			continue
		}
		if one.rule.Condition != "" || one.rule.Category != "" {
			fail("%s has the %s %q; it is for all %s, so leave that out", one.field, conditionField(one.rule), one.rule.Condition+one.rule.Category, one.field)
		}
		if one.rule.Name != "" && one.rule.Name != one.field {
			fail("%s::name is %q; that class is named %q, so leave the name out", one.field, one.rule.Name, one.field)
		}
		c.validateRule(fail, one.field, one.rule)
	}
	if _, err := c.compileRules(component.TelemetrySettings{Logger: zap.NewNop()}); err != nil {
		fail("%w", err)
	}
}

func conditionField(r *ruleConfig) string {
	if r.Condition != "" {
		return "condition"
	}
	return "category"
}

// validateRule looks at how long and how something is kept.
func (c *Config) validateRule(fail failFunc, at string, r *ruleConfig) {
	if r.Mode != "" && r.Mode != modeGovernance && r.Mode != modeCompliance {
		fail("%s::mode is %q; it must be one of %q", at, r.Mode, []string{modeGovernance, modeCompliance})
	}
	if r.StorageClass != "" && !slices.Contains(storageClasses, r.StorageClass) {
		fail("%s::storage_class is %q; it must be one of %q", at, r.StorageClass, storageClasses)
	}
	limit := c.MaxRetention
	switch {
	case r.Period.IsZero():
		fail("%s::period is not set; say how long its records are kept, such as 90d or 7y", at)
	case limit.IsZero() && r.Mode == modeCompliance:
		fail("%s::mode is %s and max_retention is not set; nobody can remove what is locked so, so say what no rule may be longer than, such as max_retention: %s", at, r.Mode, r.Period)
	case limit.IsZero() && r.Period.Compare(surePeriod) > 0:
		fail("%s::period is %s; what is kept for more than %s needs max_retention, which no rule may be longer than", at, r.Period, surePeriod)
	case !limit.IsZero() && r.Period.Compare(limit) > 0:
		fail("%s::period is %s and max_retention is %s; no rule may be longer than that, so correct one of them", at, r.Period, limit)
	}
}

func (c *Config) validateObjects(fail failFunc) {
	if c.MaxObjectSize < smallestObject || c.MaxObjectSize > largestObject {
		fail("max_object_size is %s; it must be from %s to %s", c.MaxObjectSize, smallestObject, largestObject)
	}
	if c.MinObjectSize < 0 || c.MinObjectSize > c.MaxObjectSize {
		fail("min_object_size is %s and max_object_size is %s; the first must be 0 or more, and not more than the second", c.MinObjectSize, c.MaxObjectSize)
	}
	if c.MaxWait < c.MaxObjectAge {
		fail("max_wait is %s and max_object_age is %s; the first must not be less", c.MaxWait, c.MaxObjectAge)
	}
	if len(c.Tags) > maxTags {
		fail("tags has %d tags; an object may have %d", len(c.Tags), maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Tags)) {
		value := c.Tags[key]
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || !tagText.MatchString(key) || strings.HasPrefix(strings.ToLower(key), "aws:"):
			fail("tags has %q; a tag's name has 1 to %d letters, digits, blanks and _ . : / = + - @, and does not begin with aws:", key, maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue || !tagText.MatchString(value):
			fail("tags has %q for %q; a tag's value has up to %d letters, digits, blanks and _ . : / = + - @", value, key, maxTagValue)
		}
	}
	if c.SSE.Type != sseKMS && (c.SSE.KMSKeyID != "" || c.SSE.BucketKey) {
		fail("sse::type is %q, and sse::kms_key_id or sse::bucket_key is set; these count with %q only, so leave them out, or set the type", c.SSE.Type, sseKMS)
	}
}

func (c *Config) validateCopies(fail failFunc) {
	for i, one := range c.CheckpointCopies {
		at := fmt.Sprintf("checkpoint_copies[%d]", i)
		switch {
		case one.File == "" && one.Bucket == "" && one.OTLP == nil:
			fail("%s has neither file nor bucket nor otlp; name one of them", at)
		case one.OTLP != nil && one != (copyConfig{OTLP: one.OTLP}):
			fail("%s has otlp and more; a receiver has no file, bucket, region, endpoint and role beside it, so make two of it", at)
		case one.OTLP != nil && one.OTLP.Endpoint == "":
			fail("%s::otlp::endpoint is not set; give the receiver's URL, such as https://collector.example.com:4318", at)
		case one.File != "" && one != (copyConfig{File: one.File}):
			fail("%s has the file %q and more; a file has no bucket, region, endpoint and role, so make two of it", at, one.File)
		case one.Bucket != "" && !isBucket(one.Bucket):
			fail("%s::bucket is %q; a bucket's name has 3 to 63 lower-case letters, digits, points and hyphens, and begins and ends with a letter or digit", at, one.Bucket)
		case one.Bucket == c.Bucket && one.Bucket != "" && one.Endpoint == c.Endpoint:
			fail("%s::bucket is %q, which is the archive's own; who can cut that can cut both, so name a bucket that others have rights to", at, one.Bucket)
		}
		validatePrefix(fail, at+"::prefix", one.Prefix)
		validateEndpoint(fail, at+"::endpoint", one.Endpoint)
		validateRole(fail, at+"::", one.RoleARN, one.ExternalID)
		if one.OTLP != nil {
			validateEndpoint(fail, at+"::otlp::endpoint", one.OTLP.Endpoint)
		}
	}
}

func (c *Config) validateNumbers(fail failFunc) {
	if c.MaxUploads < 1 {
		fail("max_uploads is %d; it must be at least 1", c.MaxUploads)
	}
	if !(c.VerifyShare >= 0 && c.VerifyShare <= 1) || math.IsNaN(c.VerifyShare) {
		fail("verify_share is %v; it must be from 0, for no object, to 1, for all", c.VerifyShare)
	}
	if c.CheckpointInterval < minInterval || c.CheckpointInterval > archive.MaxInterval {
		fail("checkpoint_interval is %s; it must be from %s to %s, for an archive that is cut off looks silent for twice as long", c.CheckpointInterval, minInterval, archive.MaxInterval)
	}
	if c.RepeatWindow < 0 {
		fail("repeat_window is %s; it must be 0, for which nothing is a repeat, or more", c.RepeatWindow)
	}
	if c.MaxRemembered < minRemembered || c.MaxRemembered > maxRemembered {
		fail("max_remembered is %d; it must be from %d to %d (repeat_window: 0s remembers nothing)", c.MaxRemembered, minRemembered, maxRemembered)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"max_object_age", c.MaxObjectAge},
		{"retry::initial_interval", c.Retry.InitialInterval},
		{"timeout", c.Timeout},
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
	if c.Spool.Directory == "" {
		fail("spool::directory is not set; name a folder of its own, on a disk that outlives the collector: it holds accepted records, and the state without which the log can't go on")
	}
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
}

// deadLetterDirectory is where what can't be encoded is kept.
func (c *Config) deadLetterDirectory() string {
	if c.DeadLetter.Directory != "" {
		return c.DeadLetter.Directory
	}
	return filepath.Join(c.Spool.Directory, "dead_letter")
}
