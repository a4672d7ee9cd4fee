//go:build aws

package integration

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// The environment variables that name a bucket of AWS's for TestArchiveOnAWS, the account
// that it must belong to, and its region.
const (
	awsBucketEnv  = "HEARTWOOD_AWS_BUCKET"
	awsAccountEnv = "HEARTWOOD_AWS_ACCOUNT"
	awsRegionEnv  = "HEARTWOOD_AWS_REGION"
)

// TestArchiveOnAWS is TestArchive on Amazon S3, with everything locked for a day under
// GOVERNANCE, below a prefix of its own. `make test-aws` runs it, with the credentials
// that the AWS CLI would use. The bucket is made where it isn't there.
func TestArchiveOnAWS(t *testing.T) {
	bucket, account, region := os.Getenv(awsBucketEnv), os.Getenv(awsAccountEnv), os.Getenv(awsRegionEnv)
	require.NotEmpty(t, bucket, "%s must name a bucket", awsBucketEnv)
	require.NotEmpty(t, account, "%s must name the bucket's account", awsAccountEnv)
	require.NotEmpty(t, region, "%s must name the bucket's region", awsRegionEnv)
	loaded, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region))
	require.NoError(t, err)
	b := &archiveBed{
		Region: region, Bucket: bucket, Prefix: "heartwood-test/" + time.Now().UTC().Format("20060102-150405"), Writer: archiveWriter,
		Rules: `[
  {name: audit, category: audit, period: 1d},
  {name: access, condition: 'log.attributes["log.category"] == "access"', period: 1d},
  {name: application, period: 1d}]`,
		Compression: "zstd", Timeout: "30s", AcceptTimeout: "5s", SpoolSize: "64MiB", Exporters: "[worm_s3]", Account: "'" + account + "'",
		client: s3.NewFromConfig(loaded),
		env:    []string{"AWS_REGION=" + region},
		locks:  map[string]archiveLock{"audit": {"GOVERNANCE", 1}, "access": {"GOVERNANCE", 1}, "application": {"GOVERNANCE", 1}, "": {"GOVERNANCE", 1}},
	}
	b.makeKeys(t)
	b.mustRun(t, "bucket", "create", "s3://"+bucket, "--region", region)
	b.enroll(t)
	archiveCore(t, b, 2000)
}
