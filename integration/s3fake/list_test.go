package s3fake_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// TestListsByPage: whatever the size of a page, the pages together say the same, and it
// is what is stored.
func TestListsByPage(t *testing.T) {
	fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"b": {Versioned: true}}})
	c := s3fake.NewClient(t, "http://fake.test", func(o *s3.Options) { o.HTTPClient = fake.HTTPClient() })
	random := rand.New(rand.NewPCG(1, 1))
	for range 120 {
		key := fmt.Sprintf("%c/%c%d", 'a'+random.IntN(3), 'x'+random.IntN(2), random.IntN(10))
		if random.IntN(4) == 0 {
			key = fmt.Sprintf("top \x01%d", random.IntN(5))
		}
		_, err := fake.Insert("b", s3fake.Version{Key: key, Data: []byte(key), DeleteMarker: random.IntN(5) == 0})
		require.NoError(t, err)
	}
	for _, prefix := range []string{"", "a/", "b/x", "nothing"} {
		for _, delimiter := range []string{"", "/", "x"} {
			var versions, objects []string
			add := func(list []string, rest, entry string) []string {
				if head, _, ok := strings.Cut(rest, delimiter); ok && delimiter != "" {
					entry = prefix + head + delimiter
				}
				if slices.Contains(list, entry) {
					return list
				}
				return append(list, entry)
			}
			for _, v := range fake.Versions("b") {
				if rest, ok := strings.CutPrefix(v.Key, prefix); ok {
					versions = add(versions, rest, v.Key+" "+v.ID)
					if v.Latest && !v.DeleteMarker {
						objects = add(objects, rest, v.Key)
					}
				}
			}
			for _, size := range []int32{1, 2, 3, 7, 1000} {
				t.Run(fmt.Sprintf("prefix=%s/delimiter=%s/size=%d", prefix, delimiter, size), func(t *testing.T) {
					assert.ElementsMatch(t, versions, pagesOfVersions(t, c, prefix, delimiter, size))
					assert.ElementsMatch(t, objects, pagesOfObjects(t, c, prefix, delimiter, size))
				})
			}
		}
	}
}

func plain(t *testing.T, encoded *string) string {
	t.Helper()
	key, err := url.QueryUnescape(*encoded)
	require.NoError(t, err)
	return key
}

func pagesOfVersions(t *testing.T, c *s3.Client, prefix, delimiter string, size int32) (all []string) {
	t.Helper()
	in := &s3.ListObjectVersionsInput{
		Bucket: aws.String("b"), Prefix: aws.String(prefix), Delimiter: aws.String(delimiter), MaxKeys: aws.Int32(size), EncodingType: types.EncodingTypeUrl,
	}
	for more := true; more; { // AWS's pager would send markers back as they came, encoded
		out, err := c.ListObjectVersions(t.Context(), in)
		require.NoError(t, err)
		require.LessOrEqual(t, len(out.Versions)+len(out.DeleteMarkers)+len(out.CommonPrefixes), int(size))
		if more = *out.IsTruncated; more {
			in.KeyMarker, in.VersionIdMarker = aws.String(plain(t, out.NextKeyMarker)), out.NextVersionIdMarker
		}
		for _, v := range out.Versions {
			all = append(all, plain(t, v.Key)+" "+*v.VersionId)
		}
		for _, v := range out.DeleteMarkers {
			all = append(all, plain(t, v.Key)+" "+*v.VersionId)
		}
		for _, p := range out.CommonPrefixes {
			all = append(all, plain(t, p.Prefix))
		}
	}
	return all
}

func pagesOfObjects(t *testing.T, c *s3.Client, prefix, delimiter string, size int32) (all []string) {
	t.Helper()
	pager := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{
		Bucket: aws.String("b"), Prefix: aws.String(prefix), Delimiter: aws.String(delimiter), MaxKeys: aws.Int32(size), EncodingType: types.EncodingTypeUrl,
	})
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		require.Len(t, out.Contents, int(*out.KeyCount)-len(out.CommonPrefixes))
		require.LessOrEqual(t, *out.KeyCount, size)
		for _, v := range out.Contents {
			all = append(all, plain(t, v.Key))
		}
		for _, p := range out.CommonPrefixes {
			all = append(all, plain(t, p.Prefix))
		}
	}
	return all
}
