package s3server_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/integration/s3server"
)

// scene is a server with a bucket of its own for one scenario.
type scene struct {
	t      *testing.T
	c      *s3.Client
	bucket *string
	until  time.Time
}

// said is how an answer is compared: "ok", or the status and, where there is a body
// to say it, S3's name of the error.
func said(err error) string {
	if err == nil {
		return "ok"
	}
	status := 0
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = answer.HTTPStatusCode()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return strconv.Itoa(status) + " " + api.ErrorCode()
	}
	return err.Error()
}

func and(parts ...string) string { return strings.Join(parts, ", ") }

// in is a PutObject with all that an archive sends.
func (s *scene) in(key, data string, change ...func(*s3.PutObjectInput)) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket: s.bucket, Key: aws.String(key), Body: strings.NewReader(data), IfNoneMatch: aws.String("*"),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumSHA256: aws.String(s3fake.SHA256Checksum([]byte(data))),
		ObjectLockMode: types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: aws.Time(s.until),
	}
	for _, one := range change {
		one(in)
	}
	return in
}

func (s *scene) put(key, data string, change ...func(*s3.PutObjectInput)) string {
	_, err := s.c.PutObject(s.t.Context(), s.in(key, data, change...))
	return said(err)
}

// stored puts an object that is to be there.
func (s *scene) stored(key, data string, change ...func(*s3.PutObjectInput)) *s3.PutObjectOutput {
	s.t.Helper()
	out, err := s.c.PutObject(s.t.Context(), s.in(key, data, change...))
	require.NoError(s.t, err)
	return out
}

func governed(in *s3.PutObjectInput)    { in.ObjectLockMode = types.ObjectLockModeGovernance }
func unlocked(in *s3.PutObjectInput)    { in.ObjectLockMode, in.ObjectLockRetainUntilDate = "", nil }
func overwriting(in *s3.PutObjectInput) { in.IfNoneMatch = nil }

func (s *scene) remove(key string, version *string, bypass bool) string {
	in := &s3.DeleteObjectInput{Bucket: s.bucket, Key: aws.String(key), VersionId: version}
	if bypass {
		in.BypassGovernanceRetention = aws.Bool(true)
	}
	_, err := s.c.DeleteObject(s.t.Context(), in)
	return said(err)
}

func (s *scene) retain(key string, mode types.ObjectLockRetentionMode, until time.Time, bypass bool) string {
	in := &s3.PutObjectRetentionInput{
		Bucket: s.bucket, Key: aws.String(key),
		Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: aws.Time(until)},
	}
	if bypass {
		in.BypassGovernanceRetention = aws.Bool(true)
	}
	_, err := s.c.PutObjectRetention(s.t.Context(), in)
	return said(err)
}

func (s *scene) head(key string, change ...func(*s3.HeadObjectInput)) (*s3.HeadObjectOutput, error) {
	in := &s3.HeadObjectInput{Bucket: s.bucket, Key: aws.String(key)}
	for _, one := range change {
		one(in)
	}
	return s.c.HeadObject(s.t.Context(), in)
}

func (s *scene) get(key, byteRange string) string {
	in := &s3.GetObjectInput{Bucket: s.bucket, Key: aws.String(key)}
	if byteRange != "" {
		in.Range = aws.String(byteRange)
	}
	out, err := s.c.GetObject(s.t.Context(), in)
	if err != nil {
		return said(err)
	}
	data, err := io.ReadAll(out.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, out.Body.Close())
	return strings.TrimSpace(string(data) + " " + aws.ToString(out.ContentRange))
}

// noChecksum has the client send none that it isn't told to.
func noChecksum(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
}

// raw gives the header of an answer to a HEAD.
func (s *scene) raw(key string) http.Header {
	out, err := s.head(key, func(in *s3.HeadObjectInput) { in.ChecksumMode = types.ChecksumModeEnabled })
	require.NoError(s.t, err)
	answer, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response)
	require.True(s.t, ok)
	return answer.Header
}

// scenarios are what a server is asked, and what S3 says by its documentation.
var scenarios = []struct {
	name, want string
	do         func(*scene) string
}{
	{"a locked write, twice", "ok, 412 PreconditionFailed", func(s *scene) string { return and(s.put("k", "one"), s.put("k", "one")) }},
	{"a conditional write above a delete marker", "ok, ok, ok", func(s *scene) string {
		return and(s.put("k", "one"), s.remove("k", nil, false), s.put("k", "two"))
	}},
	{"an unconditional write makes a newer version", "2 versions", func(s *scene) string {
		s.stored("k", "one")
		s.stored("k", "two", overwriting)
		out, err := s.c.ListObjectVersions(s.t.Context(), &s3.ListObjectVersionsInput{Bucket: s.bucket})
		require.NoError(s.t, err)
		return fmt.Sprintf("%d versions", len(out.Versions))
	}},
	{"a locked write without a checksum", "400 InvalidRequest", func(s *scene) string {
		_, err := s.c.PutObject(s.t.Context(), s.in("k", "one", func(in *s3.PutObjectInput) { in.ChecksumAlgorithm, in.ChecksumSHA256 = "", nil }), noChecksum)
		return said(err)
	}},
	{"a locked write with x-amz-checksum-sha256, and no x-amz-sdk-checksum-algorithm", "ok", func(s *scene) string {
		return s.put("k", "one", func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = "" })
	}},
	{"a locked write with Content-MD5 alone", "ok", func(s *scene) string {
		_, err := s.c.PutObject(s.t.Context(), s.in("k", "hello", func(in *s3.PutObjectInput) {
			in.ChecksumAlgorithm, in.ChecksumSHA256, in.ContentMD5 = "", nil, aws.String("XUFAKrxLKna5cZ2REBfFkg==")
		}), noChecksum)
		return said(err)
	}},
	{"a wrong SHA-256", "400 BadDigest, 404 NotFound", func(s *scene) string {
		wrong := s.put("k", "one", func(in *s3.PutObjectInput) { in.ChecksumSHA256 = aws.String(s3fake.SHA256Checksum([]byte("two"))) })
		_, err := s.head("k")
		return and(wrong, said(err))
	}},
	{"a wrong Content-MD5", "400 BadDigest", func(s *scene) string {
		return s.put("k", "one", func(in *s3.PutObjectInput) { in.ContentMD5 = aws.String("XUFAKrxLKna5cZ2REBfFkg==") })
	}},
	{"a SHA-256 that is none", "400 InvalidRequest", func(s *scene) string {
		return s.put("k", "one", func(in *s3.PutObjectInput) { in.ChecksumSHA256 = aws.String("abc") })
	}},
	{"what a write answers", "version, sha256, AES256", func(s *scene) string {
		out := s.stored("k", "one")
		var got []string
		if aws.ToString(out.VersionId) != "" {
			got = append(got, "version")
		}
		if aws.ToString(out.ChecksumSHA256) == s3fake.SHA256Checksum([]byte("one")) {
			got = append(got, "sha256")
		}
		return and(append(got, string(out.ServerSideEncryption))...)
	}},
	{"HEAD shows the lock and, when asked, the checksum", "COMPLIANCE, the date, sha256 true, without asking false, type FULL_OBJECT, 3", func(s *scene) string {
		s.stored("k", "one")
		plain, err := s.head("k")
		require.NoError(s.t, err)
		asked, err := s.head("k", func(in *s3.HeadObjectInput) { in.ChecksumMode = types.ChecksumModeEnabled })
		require.NoError(s.t, err)
		date := "another date"
		if at := aws.ToTime(asked.ObjectLockRetainUntilDate); at.Equal(s.until) {
			date = "the date"
		}
		sum := s3fake.SHA256Checksum([]byte("one"))
		return and(string(asked.ObjectLockMode), date, fmt.Sprint("sha256 ", aws.ToString(asked.ChecksumSHA256) == sum),
			fmt.Sprint("without asking ", plain.ChecksumSHA256 != nil), "type "+string(asked.ChecksumType), strconv.FormatInt(aws.ToInt64(asked.ContentLength), 10))
	}},
	{"Date is there, and near", "true", func(s *scene) string {
		s.stored("k", "one")
		at, err := http.ParseTime(s.raw("k").Get("Date"))
		return strconv.FormatBool(err == nil && time.Since(at).Abs() < time.Minute)
	}},
	{"tags, storage class and metadata come back", "2, GLACIER_IR, map[writer:w1]", func(s *scene) string {
		s.stored("k", "one", func(in *s3.PutObjectInput) {
			in.Tagging, in.StorageClass, in.Metadata = aws.String("a=1&b=2"), types.StorageClassGlacierIr, map[string]string{"writer": "w1"}
		})
		out, err := s.head("k")
		require.NoError(s.t, err)
		tags, err := s.c.GetObjectTagging(s.t.Context(), &s3.GetObjectTaggingInput{Bucket: s.bucket, Key: aws.String("k")})
		require.NoError(s.t, err)
		return and(strconv.Itoa(len(tags.TagSet)), string(out.StorageClass), fmt.Sprint(out.Metadata))
	}},
	{"SSE-KMS with a key and a bucket key", "ok, aws:kms, key-1, true", func(s *scene) string {
		_, err := s.c.PutObject(s.t.Context(), s.in("k", "one", func(in *s3.PutObjectInput) {
			in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, aws.String("key-1"), aws.Bool(true)
		}))
		if err != nil {
			return said(err)
		}
		head, err := s.head("k")
		require.NoError(s.t, err)
		return and("ok", string(head.ServerSideEncryption), aws.ToString(head.SSEKMSKeyId), strconv.FormatBool(aws.ToBool(head.BucketKeyEnabled)))
	}},
	{"deleting a version under COMPLIANCE, bypassing too", "403 AccessDenied, 403 AccessDenied, one", func(s *scene) string {
		v := s.stored("k", "one").VersionId
		return and(s.remove("k", v, false), s.remove("k", v, true), s.get("k", ""))
	}},
	{"deleting a version under GOVERNANCE, then bypassing", "403 AccessDenied, ok, 404 NoSuchKey", func(s *scene) string {
		v := s.stored("k", "one", governed).VersionId
		return and(s.remove("k", v, false), s.remove("k", v, true), s.get("k", ""))
	}},
	{"deleting without a version places a marker", "ok, 404 NoSuchKey, 1 versions, 1 markers", func(s *scene) string {
		s.stored("k", "one")
		gone := s.remove("k", nil, false)
		out, err := s.c.ListObjectVersions(s.t.Context(), &s3.ListObjectVersionsInput{Bucket: s.bucket})
		require.NoError(s.t, err)
		return and(gone, s.get("k", ""), fmt.Sprintf("%d versions, %d markers", len(out.Versions), len(out.DeleteMarkers)))
	}},
	{"shortening COMPLIANCE, bypassing, and lengthening it", "403 AccessDenied, 403 AccessDenied, ok", func(s *scene) string {
		s.stored("k", "one")
		mode := types.ObjectLockRetentionModeCompliance
		return and(s.retain("k", mode, s.until.Add(-time.Minute), false), s.retain("k", mode, s.until.Add(-time.Minute), true), s.retain("k", mode, s.until.Add(time.Minute), false))
	}},
	{"COMPLIANCE to GOVERNANCE", "403 AccessDenied", func(s *scene) string {
		s.stored("k", "one")
		return s.retain("k", types.ObjectLockRetentionModeGovernance, s.until.Add(time.Minute), true)
	}},
	{"shortening GOVERNANCE, then bypassing", "403 AccessDenied, ok", func(s *scene) string {
		s.stored("k", "one", governed)
		mode := types.ObjectLockRetentionModeGovernance
		return and(s.retain("k", mode, s.until.Add(-time.Minute), false), s.retain("k", mode, s.until.Add(-time.Minute), true))
	}},
	{"a lock that ends in the past", "400 InvalidArgument", func(s *scene) string {
		return s.put("k", "one", func(in *s3.PutObjectInput) { in.ObjectLockRetainUntilDate = aws.Time(time.Now().Add(-time.Hour)) })
	}},
	{"a lock without a date", "400 InvalidArgument", func(s *scene) string {
		return s.put("k", "one", func(in *s3.PutObjectInput) { in.ObjectLockRetainUntilDate = nil })
	}},
	{"a lock in a bucket without Object Lock", "400 InvalidRequest", func(s *scene) string {
		s.bucket = aws.String(*s.bucket + "-plain")
		_, err := s.c.CreateBucket(s.t.Context(), &s3.CreateBucketInput{Bucket: s.bucket})
		require.NoError(s.t, err)
		return s.put("k", "one")
	}},
	{"a bucket without Object Lock says so", "404 ObjectLockConfigurationNotFoundError, versioning ", func(s *scene) string {
		s.bucket = aws.String(*s.bucket + "-plain")
		_, err := s.c.CreateBucket(s.t.Context(), &s3.CreateBucketInput{Bucket: s.bucket})
		require.NoError(s.t, err)
		_, err = s.c.GetObjectLockConfiguration(s.t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: s.bucket})
		versioning, e := s.c.GetBucketVersioning(s.t.Context(), &s3.GetBucketVersioningInput{Bucket: s.bucket})
		require.NoError(s.t, e)
		return and(said(err), "versioning "+string(versioning.Status))
	}},
	{"a default retention counts for a write without one", "ok, GOVERNANCE 3, GOVERNANCE true", func(s *scene) string {
		_, err := s.c.PutObjectLockConfiguration(s.t.Context(), &s3.PutObjectLockConfigurationInput{
			Bucket: s.bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
				ObjectLockEnabled: types.ObjectLockEnabledEnabled,
				Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(3)}},
			},
		})
		config, e := s.c.GetObjectLockConfiguration(s.t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: s.bucket})
		require.NoError(s.t, e)
		rule := "no rule"
		if r := config.ObjectLockConfiguration.Rule; r != nil {
			rule = fmt.Sprint(r.DefaultRetention.Mode, " ", aws.ToInt32(r.DefaultRetention.Days))
		}
		s.stored("k", "one", unlocked)
		head, e := s.head("k")
		require.NoError(s.t, e)
		off := time.Until(aws.ToTime(head.ObjectLockRetainUntilDate)) - 72*time.Hour
		return and(said(err), rule, fmt.Sprint(head.ObjectLockMode, " ", off.Abs() < time.Minute))
	}},
	{"suspending versioning under Object Lock", "409 InvalidBucketState", func(s *scene) string {
		_, err := s.c.PutBucketVersioning(s.t.Context(), &s3.PutBucketVersioningInput{
			Bucket: s.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
		})
		return said(err)
	}},
	{"retention of an object that has none", "404 NoSuchObjectLockConfiguration", func(s *scene) string {
		s.stored("k", "one", unlocked)
		_, err := s.c.GetObjectRetention(s.t.Context(), &s3.GetObjectRetentionInput{Bucket: s.bucket, Key: aws.String("k")})
		return said(err)
	}},
	{"ranges", "ell bytes 1-3/5; lo bytes 3-4/5; o bytes 4-4/5; 416 InvalidRange", func(s *scene) string {
		s.stored("k", "hello")
		return strings.Join([]string{s.get("k", "bytes=1-3"), s.get("k", "bytes=-2"), s.get("k", "bytes=4-100"), s.get("k", "bytes=5-9")}, "; ")
	}},
	{"what isn't there", "404 NotFound, 404 NoSuchKey, 404 NoSuchBucket, 404 NotFound", func(s *scene) string {
		_, head := s.head("k")
		none := s.get("k", "")
		_, bucket := s.c.HeadBucket(s.t.Context(), &s3.HeadBucketInput{Bucket: aws.String("nowhere-at-all")})
		s.bucket = aws.String("nowhere-at-all")
		return and(said(head), none, s.put("k", "one"), said(bucket))
	}},
	{"another owner is expected", "403 AccessDenied", func(s *scene) string {
		return s.put("k", "one", func(in *s3.PutObjectInput) { in.ExpectedBucketOwner = aws.String("999999999999") })
	}},
	{"a list of keys, by page and by folder", "a/1 a/2 | a/3 b/1 | c; a/ b/ c", func(s *scene) string {
		for _, key := range []string{"a/1", "a/2", "a/3", "b/1", "c"} {
			s.stored(key, "one")
		}
		var pages []string
		pager := s3.NewListObjectsV2Paginator(s.c, &s3.ListObjectsV2Input{Bucket: s.bucket, MaxKeys: aws.Int32(2)})
		for pager.HasMorePages() && len(pages) < 9 {
			out, err := pager.NextPage(s.t.Context())
			require.NoError(s.t, err)
			var keys []string
			for _, one := range out.Contents {
				keys = append(keys, *one.Key)
			}
			pages = append(pages, strings.Join(keys, " "))
		}
		out, err := s.c.ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: s.bucket, Delimiter: aws.String("/")})
		require.NoError(s.t, err)
		var folders []string
		for _, one := range out.CommonPrefixes {
			folders = append(folders, *one.Prefix)
		}
		for _, one := range out.Contents {
			folders = append(folders, *one.Key)
		}
		return strings.Join(pages, " | ") + "; " + strings.Join(folders, " ")
	}},
	{"folders, by page", "a/ | b/ | c", func(s *scene) string {
		for _, key := range []string{"a/1", "a/2", "b/1", "c"} {
			s.stored(key, "one")
		}
		var pages []string
		pager := s3.NewListObjectsV2Paginator(s.c, &s3.ListObjectsV2Input{Bucket: s.bucket, MaxKeys: aws.Int32(1), Delimiter: aws.String("/")})
		for pager.HasMorePages() && len(pages) < 9 {
			out, err := pager.NextPage(s.t.Context())
			require.NoError(s.t, err)
			for _, one := range out.CommonPrefixes {
				pages = append(pages, *one.Prefix)
			}
			for _, one := range out.Contents {
				pages = append(pages, *one.Key)
			}
		}
		return strings.Join(pages, " | ")
	}},
	{"a list of versions, by page", "a one, a two latest | b marker latest, b one", func(s *scene) string {
		ids := map[string]string{}
		ids[*s.stored("a", "one").VersionId] = "a one"
		ids[*s.stored("a", "two", overwriting).VersionId] = "a two"
		ids[*s.stored("b", "one").VersionId] = "b one"
		require.Equal(s.t, "ok", s.remove("b", nil, false))
		return listVersions(s, ids, 2)
	}},
	{"keys as an archive has them", "category=access/dt=2026-02-03/hour=04/w 1+2%/ü-0.json.zst", func(s *scene) string {
		s.stored("category=access/dt=2026-02-03/hour=04/w 1+2%/ü-0.json.zst", "one")
		out, err := s.c.ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: aws.String("category=access/")})
		require.NoError(s.t, err)
		require.Len(s.t, out.Contents, 1)
		require.Equal(s.t, "one", s.get(*out.Contents[0].Key, ""))
		return *out.Contents[0].Key
	}},
	{"a key and a key below it", "ok, ok", func(s *scene) string { return and(s.put("a", "one"), s.put("a/b", "one")) }},
	{"a key of 1,025 bytes", "400 KeyTooLongError", func(s *scene) string { return s.put(strings.Repeat("k", 1025), "one") }},
	{"an empty object", "ok, 0", func(s *scene) string {
		ok := s.put("k", "")
		head, err := s.head("k")
		if err != nil {
			return and(ok, said(err))
		}
		return and(ok, strconv.FormatInt(aws.ToInt64(head.ContentLength), 10))
	}},
}

// listVersions names what a list has on each page, in the order of the names.
func listVersions(s *scene, names map[string]string, size int32) string {
	var pages []string
	pager := s3.NewListObjectVersionsPaginator(s.c, &s3.ListObjectVersionsInput{Bucket: s.bucket, MaxKeys: aws.Int32(size)})
	for pager.HasMorePages() && len(pages) < 9 {
		out, err := pager.NextPage(s.t.Context())
		require.NoError(s.t, err)
		var entries []string
		for _, one := range out.Versions {
			name := names[*one.VersionId]
			if aws.ToBool(one.IsLatest) {
				name += " latest"
			}
			entries = append(entries, name)
		}
		for _, one := range out.DeleteMarkers {
			name := *one.Key + " marker"
			if aws.ToBool(one.IsLatest) {
				name += " latest"
			}
			entries = append(entries, name)
		}
		sort.Strings(entries)
		pages = append(pages, strings.Join(entries, ", "))
	}
	return strings.Join(pages, " | ")
}

// differences are where another's server is known not to do as S3, by server and scenario.
var differences = map[string]map[string]string{
	"versitygw": { // v1.8.0
		"a conditional write above a delete marker": "ok, ok, 412 PreconditionFailed",
		"a locked write without a checksum":         "ok",
		// It encrypts nothing, and says so by its silence.
		"what a write answers":                       "version, sha256, ",
		"SSE-KMS with a key and a bucket key":        "ok, , , false",
		"tags, storage class and metadata come back": "2, STANDARD, map[writer:w1]",
		// It keeps the default with the bucket, and counts it from the day it was set.
		"a default retention counts for a write without one": "ok, GOVERNANCE 3,  false",
		"suspending versioning under Object Lock":            "400 InvalidBucketState",
		"retention of an object that has none":               "400 NoSuchObjectLockConfiguration",
		"a list of versions, by page":                        "a one, a two latest | b marker latest, b one | ",
		// Keys are the names of files.
		"a key and a key below it": "ok, 409 ObjectParentIsFile",
	},
	"moto": { // 5.2.5
		"a locked write without a checksum":                                              "400 MissingUploadObjectWithObjectLockHeaders",
		"a locked write with x-amz-checksum-sha256, and no x-amz-sdk-checksum-algorithm": "400 MissingUploadObjectWithObjectLockHeaders",
		// It believes what it is told.
		"a wrong SHA-256":                                   "ok, ok",
		"a wrong Content-MD5":                               "ok",
		"a SHA-256 that is none":                            "ok",
		"what a write answers":                              "version, sha256, ",
		"HEAD shows the lock and, when asked, the checksum": "COMPLIANCE, the date, sha256 true, without asking false, type , 3",
		// It keeps versions from being deleted, and nothing else.
		"shortening COMPLIANCE, bypassing, and lengthening it": "ok, ok, ok",
		"COMPLIANCE to GOVERNANCE":                             "ok",
		"shortening GOVERNANCE, then bypassing":                "ok, ok",
		"a lock that ends in the past":                         "ok",
		"a lock without a date":                                "ok",
		"suspending versioning under Object Lock":              "ok",
		"retention of an object that has none":                 "ok",
		"another owner is expected":                            "ok",
		"a key of 1,025 bytes":                                 "ok",
	},
}

func TestServersAgree(t *testing.T) {
	starts := map[string]func(*testing.T) *s3.Client{
		"versitygw": func(t *testing.T) *s3.Client { t.Helper(); return s3server.StartVersity(t).Client },
		"moto":      func(t *testing.T) *s3.Client { t.Helper(); return s3server.StartMoto(t).Client },
		"fake": func(t *testing.T) *s3.Client {
			t.Helper()
			return s3fake.NewClient(t, s3fake.Start(t, s3fake.Settings{}).URL())
		},
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			names := make([]string, 0, len(scenarios))
			for _, one := range scenarios {
				names = append(names, one.name)
			}
			for of := range differences[name] {
				assert.Contains(t, names, of, "a difference in no scenario")
			}
			for i, one := range scenarios {
				t.Run(one.name, func(t *testing.T) {
					s := &scene{t: t, c: c, bucket: aws.String(fmt.Sprintf("scene-%d", i)), until: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
					s3fake.CreateLocked(t, c, *s.bucket)
					want, differs := differences[name][one.name]
					if !differs {
						want = one.want
					}
					require.False(t, differs && want == one.want, "a difference that is none")
					assert.Equal(t, want, one.do(s))
				})
			}
		})
	}
}
