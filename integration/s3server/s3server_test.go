package s3server_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3server"
)

func TestServersStart(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *s3server.Server{"versitygw": s3server.StartVersity, "moto": s3server.StartMoto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			server.CreateLocked(t, "archive")
			lock, err := server.Client.GetObjectLockConfiguration(t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: aws.String("archive")})
			require.NoError(t, err)
			assert.EqualValues(t, "Enabled", lock.ObjectLockConfiguration.ObjectLockEnabled)
			versioning, err := server.Client.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: aws.String("archive")})
			require.NoError(t, err)
			assert.EqualValues(t, "Enabled", versioning.Status)
		})
	}
}
