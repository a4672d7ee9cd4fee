package integration

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/integration/s3server"
)

// archiveCore is what holds on every server: records go in, some of them twice, through
// a restart; each is in the archive once, where it belongs, under its class's lock; the
// log is whole, by this test's own reckoning and by `heartwood verify`.
func archiveCore(t *testing.T, b *archiveBed, records int) *archiveContent {
	t.Helper()
	col := b.start(t)
	load := newArchiveLoad(t, "core", records)
	load.again = 3
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	waitArchived(t, col)
	m := col.Metrics(t)
	assert.InDelta(t, float64(records), m.Sum("otelcol_exporter_worm_s3_records_archived"), 0)
	assert.InDelta(t, float64(load.repeated.Load()), m.Sum("otelcol_exporter_worm_s3_records_repeated"), 0)
	assert.Positive(t, load.repeated.Load())
	assert.Zero(t, m.Sum("otelcol_exporter_worm_s3_deviations"))
	b.requireGood(t) // while it runs
	col.Stop(t)

	col.Start(t)
	more := newArchiveLoad(t, "more", records/10)
	require.NoError(t, more.run(t.Context(), "http://"+col.Addr(t, "in")))
	col.Stop(t)

	a := b.read(t)
	of := func(l *archiveLoad) *archiveContent {
		part := *a
		part.records = nil
		for _, r := range a.records {
			if _, ok := l.number(r.UID); ok {
				part.records = append(part.records, r)
			}
		}
		return &part
	}
	load.requireOnce(t, of(load))
	more.requireOnce(t, of(more))
	require.Len(t, a.records, records+records/10, "and nothing else")
	a.requireLog(t, b, archiveWriter)
	manifests := a.manifests[archiveWriter]
	events := make(map[string]int)
	for _, m := range manifests {
		events[m.Event]++
	}
	assert.Equal(t, 2, events["start"], "%v", events)
	assert.Equal(t, 2, events["shutdown"], "%v", events)
	assert.Positive(t, events["interval"])
	totals := manifests[len(manifests)-1].Totals
	assert.Equal(t, len(a.records), totals.Archived)
	assert.Equal(t, int(load.repeated.Load()), totals.Repeated)
	assert.Equal(t, totals.Archived+totals.Repeated, totals.Accepted)
	assert.Zero(t, totals.Waiting)
	b.requireLocks(t, a)
	b.requireGood(t)

	folder := b.download(t, a)
	r := b.verifyWith(t, "verify", folder)
	assert.Equal(t, 2, r.code, "a folder has no locks: %+v", r.Findings)
	assert.Empty(t, r.kinds("tampered"))
	r = b.verifyWith(t, "verify", folder, "--integrity-only")
	assert.Zero(t, r.code, "%+v", r.Findings)
	return a
}

// TestArchive: the same on the servers of others.
func TestArchive(t *testing.T) {
	t.Parallel()
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		s := s3server.StartVersity(t)
		b := newArchiveBed(t, s.URL, s.Client)
		a := archiveCore(t, b, 20_000)
		archiveCannotBeChanged(t, b, a)
	})
	t.Run("fake, without a prefix", func(t *testing.T) {
		t.Parallel()
		fake := s3fake.Start(t, s3fake.Settings{})
		b := newArchiveBedBelow(t, "", fake.URL(), s3fake.NewClient(t, fake.URL()))
		archiveCore(t, b, 20_000)
	})
	t.Run("moto", func(t *testing.T) {
		t.Parallel()
		s := s3server.StartMoto(t)
		b := newArchiveBed(t, s.URL, s.Client)
		archiveCore(t, b, 20_000)
	})
}

// archiveCannotBeChanged: what S3's API offers to somebody with all rights to the bucket
// fails for what is locked under COMPLIANCE; what it can't refuse, which is a newer
// version and a delete marker, leaves what was written, and is found.
func archiveCannotBeChanged(t *testing.T, b *archiveBed, a *archiveContent) {
	t.Helper()
	tried := 0
	for _, o := range a.objects {
		if b.locks[objectClass(o)].mode != "COMPLIANCE" || tried == 3 {
			continue
		}
		tried++
		for _, bypass := range []bool{false, true} {
			_, err := b.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{
				Bucket: &b.Bucket, Key: &o.key, VersionId: &o.version, BypassGovernanceRetention: aws.Bool(bypass),
			})
			require.Error(t, err, "%s is deleted", o.key)
			head, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &o.key})
			require.NoError(t, err)
			for _, mode := range []types.ObjectLockRetentionMode{types.ObjectLockRetentionModeCompliance, types.ObjectLockRetentionModeGovernance} {
				_, err = b.client.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{
					Bucket: &b.Bucket, Key: &o.key, VersionId: &o.version, BypassGovernanceRetention: aws.Bool(bypass),
					Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: aws.Time(head.ObjectLockRetainUntilDate.AddDate(0, 0, -1))},
				})
				require.Error(t, err, "the lock of %s is shortened", o.key)
			}
		}
		_, err := b.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: &o.key, Body: bytes.NewReader([]byte("x")), IfNoneMatch: aws.String("*")})
		require.Error(t, err, "%s is overwritten", o.key)
	}
	require.Positive(t, tried)
	_, err := b.client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &b.Bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	})
	require.Error(t, err, "versioning is turned off")
	b.requireGood(t)

	// What S3 does not refuse.
	first, last := a.objects[0], a.objects[len(a.objects)-1]
	_, err = b.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: &first.key, Body: bytes.NewReader([]byte("x"))})
	require.NoError(t, err)
	_, err = b.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: &last.key})
	require.NoError(t, err)
	for _, o := range []*archiveObject{first, last} {
		out, err := b.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: &o.key, VersionId: &o.version})
		require.NoError(t, err)
		var data bytes.Buffer
		_, err = data.ReadFrom(out.Body)
		require.NoError(t, err)
		require.NoError(t, out.Body.Close())
		require.Equal(t, o.data, data.Bytes(), "what was written is still there")
	}
	r := b.verify(t)
	assert.Equal(t, 1, r.code)
	assert.Subset(t, r.kinds("tampered"), []string{"delete-marker", "newer-version"}, "%+v", r.Findings)
	for _, f := range r.Findings {
		// versitygw 1.8.0 does not show the lock of a version that another lies on, though it
		// keeps to it.
		if f.Severity == "tampered" {
			assert.Contains(t, []string{first.key, last.key}, f.Object, "%+v", f)
		}
	}
}

// objectClass is the name of the rule that an object is kept by.
func objectClass(o *archiveObject) string {
	class, _, _ := strings.Cut(strings.TrimPrefix(o.partition, "category="), "/")
	return class
}
