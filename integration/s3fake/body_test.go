package s3fake_test

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// TestTrailers: over TLS AWS's client sends a body in chunks, with its checksum behind it.
func TestTrailers(t *testing.T) {
	fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
	server := httptest.NewTLSServer(fake)
	defer server.Close()
	content := ""
	fake.OnRequest(func(r s3fake.Request) s3fake.Fault {
		content = r.Header.Get("X-Amz-Content-Sha256")
		return s3fake.Fault{}
	})
	c := s3fake.NewClient(t, server.URL, func(o *s3.Options) { o.HTTPClient = server.Client() })
	for _, algorithm := range []types.ChecksumAlgorithm{
		types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
	} {
		in := locked(string(algorithm), strings.Repeat("one line\n", 50_000))
		in.ChecksumSHA256, in.ChecksumAlgorithm = nil, algorithm
		_, err := c.PutObject(t.Context(), in)
		require.NoError(t, err, "%s", algorithm)
		require.Equal(t, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", content)
		v, _ := fake.Version("archive", string(algorithm), "")
		assert.Equal(t, strings.Repeat("one line\n", 50_000), string(v.Data))
		assert.Equal(t, string(algorithm), v.Algorithm)
		assert.Empty(t, v.ContentEncoding)
		if algorithm == types.ChecksumAlgorithmSha256 {
			assert.Equal(t, s3fake.SHA256Checksum(v.Data), v.Checksum)
		}
	}
}

// send sends a request as it stands, with a signature's form.
func send(t *testing.T, fake *s3fake.Server, method, target, body string, header ...string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	set := map[string]string{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD", "X-Amz-Date": fake.Now().UTC().Format("20060102T150405Z")}
	for i := 0; i < len(header); i += 2 {
		set[header[i]] = header[i+1]
	}
	signed := []string{"host"}
	for name, value := range set {
		r.Header.Set(name, value)
		signed = append(signed, strings.ToLower(name))
	}
	if set["Authorization"] == "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders="+strings.Join(signed, ";")+", Signature="+strings.Repeat("0", 64))
	}
	w := httptest.NewRecorder()
	fake.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestChunkedBodies(t *testing.T) {
	fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"b": {}}})
	sum := s3fake.SHA256Checksum([]byte("hello"))
	good := "3;chunk-signature=" + strings.Repeat("0", 64) + "\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-sha256:" + sum + "\r\n\r\n"
	for _, one := range []struct{ body, length, want string }{
		{good, "5", ""},
		{strings.Replace(good, sum, s3fake.SHA256Checksum(nil), 1), "5", "BadDigest"},
		{strings.Replace(good, sum, "abc", 1), "5", "InvalidRequest"},
		{strings.Replace(good, "x-amz-checksum-sha256", "x-amz-checksum-sha1", 1), "5", "MalformedTrailerError"},
		{good, "6", "IncompleteBody"},
		{good, "", "MissingContentLength"},
		{good[:len(good)/2], "5", "IncompleteBody"},
		{"5\r\nhello", "5", "IncompleteBody"},
		{"zz\r\nhello\r\n0\r\n\r\n", "5", "IncompleteBody"},
		{"-5\r\nhello\r\n0\r\n\r\n", "5", "IncompleteBody"},
		{"5\nhello\r\n0\r\n\r\n", "5", "IncompleteBody"},
		{"2\r\nhello\r\n0\r\n\r\n", "5", "IncompleteBody"},
		{"", "5", "IncompleteBody"},
	} {
		header := []string{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer", "x-amz-checksum-sha256", "Content-Encoding", "aws-chunked,zstd"}
		if one.length != "" {
			header = append(header, "X-Amz-Decoded-Content-Length", one.length)
		}
		status, answer := send(t, fake, http.MethodPut, "http://127.0.0.1/b/k", one.body, header...)
		if one.want == "" {
			require.Equal(t, http.StatusOK, status, answer)
			v, _ := fake.Version("b", "k", "")
			assert.Equal(t, "hello", string(v.Data))
			assert.Equal(t, "zstd", v.ContentEncoding)
			continue
		}
		assert.Contains(t, answer, "<Code>"+one.want+"</Code>", "%q", one.body)
	}
	assert.Len(t, fake.Versions("b"), 1)
}

func TestRequestsThatAreRefused(t *testing.T) {
	fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"b": {Lock: true}}})
	for want, one := range map[string][]string{
		"XAmzContentSHA256Mismatch":    {"PUT", "/b/k", "X-Amz-Content-Sha256", strings.Repeat("0", 64)},
		"InvalidDigest":                {"PUT", "/b/k", "Content-Md5", "abc"},
		"BadDigest":                    {"PUT", "/b/k", "X-Amz-Checksum-Crc32", "AAAAAA=="},
		"InvalidStorageClass":          {"PUT", "/b/k", "X-Amz-Storage-Class", "WOOD"},
		"InvalidTag":                   {"PUT", "/b/k", "X-Amz-Tagging", "a=1&a=2"},
		"MetadataTooLarge":             {"PUT", "/b/k", "X-Amz-Meta-A", strings.Repeat("x", 2050)},
		"InvalidArgument":              {"PUT", "/b/k", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "key"},
		"NotImplemented":               {"PUT", "/b/k?partNumber=1&uploadId=x"},
		"AuthorizationHeaderMalformed": {"PUT", "/b/k", "Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)},
		"AccessDenied":                 {"PUT", "/b/k", "Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)},
		"MalformedXML":                 {"PUT", "/b?object-lock"},
		"InvalidBucketName":            {"PUT", "/B"},
		"KeyTooLongError":              {"PUT", "/b/" + strings.Repeat("k", 1025)},
		"NoSuchVersion":                {"GET", "/b/k?versionId=none"},
	} {
		body := "hello"
		if want == "InvalidBucketName" {
			body = ""
		}
		_, answer := send(t, fake, one[0], "http://127.0.0.1"+one[1], body, one[2:]...)
		assert.Contains(t, answer, "<Code>"+want+"</Code>")
	}
	assert.Empty(t, fake.Versions("b"))
}

// TestVirtualHosts: the bucket is in the host's name, as AWS's client does by itself.
func TestVirtualHosts(t *testing.T) {
	fake, _ := archive(t)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(fake.URL(), "http://"))
	}}
	defer transport.CloseIdleConnections()
	c := s3fake.NewClient(t, "http://s3.us-east-1.test", func(o *s3.Options) {
		o.UsePathStyle, o.HTTPClient = false, &http.Client{Transport: transport}
	})
	host := ""
	fake.OnRequest(func(r s3fake.Request) s3fake.Fault {
		host = r.Bucket + "/" + r.Key
		return s3fake.Fault{}
	})
	_, err := c.PutObject(t.Context(), locked("a=b/c", "one"))
	require.NoError(t, err)
	assert.Equal(t, "archive/a=b/c", host)
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("archive"), Key: aws.String("a=b/c")})
	require.NoError(t, err)
	assert.Equal(t, "one", read(t, got))
}

// TestChecksumOfS3: where the client sends none, S3 makes one. The check value of
// CRC-64/NVME is ae8b14860a799888.
func TestChecksumOfS3(t *testing.T) {
	fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"b": {}}})
	status, answer := send(t, fake, http.MethodPut, "http://127.0.0.1/b/k", "123456789")
	require.Equal(t, http.StatusOK, status, answer)
	v, _ := fake.Version("b", "k", "")
	assert.Equal(t, "CRC64NVME", v.Algorithm)
	assert.Equal(t, "rosUhgp5mIg=", v.Checksum)
	assert.Equal(t, "25f9e794323b453885f5181f1b624d0b", v.ETag, "the MD5")
	assert.Equal(t, "null", v.ID, "a bucket without versions")
	status, _ = send(t, fake, http.MethodPut, "http://127.0.0.1/b/k", "1234")
	require.Equal(t, http.StatusOK, status)
	assert.Len(t, fake.Versions("b"), 1)
}

// TestDiscard: size and sum are all that is left of an object.
func TestDiscard(t *testing.T) {
	for _, trust := range []bool{false, true} {
		fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}, Discard: true, TrustSHA256: trust})
		c := s3fake.NewClient(t, fake.URL())
		in := locked("k", "hello")
		_, err := c.PutObject(t.Context(), in)
		require.NoError(t, err)
		v, _ := fake.Version("archive", "k", "")
		assert.Empty(t, v.Data)
		assert.EqualValues(t, 5, v.Size)
		assert.Equal(t, *in.ChecksumSHA256, v.Checksum)
		assert.Equal(t, "2cf24dba", hex.EncodeToString(v.SHA256[:4]))
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key, ChecksumMode: types.ChecksumModeEnabled})
		require.NoError(t, err)
		assert.Equal(t, *in.ChecksumSHA256, *head.ChecksumSHA256)
		assert.EqualValues(t, 5, *head.ContentLength)
		_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key})
		require.ErrorContains(t, err, "keep no bytes")

		bad := locked("k2", "hello")
		bad.ChecksumSHA256 = aws.String(s3fake.SHA256Checksum(nil))
		_, err = c.PutObject(t.Context(), bad)
		if trust {
			require.NoError(t, err)
		} else {
			assert.Equal(t, "BadDigest", code(err))
		}
	}
}

// BenchmarkPut is what the fake costs a test of speed, without the client: the request
// is made by hand.
func BenchmarkPut(b *testing.B) {
	const size = 8 << 20
	data := strings.Repeat("0123456789abcdef", size/16)
	sum := s3fake.SHA256Checksum([]byte(data))
	for name, settings := range map[string]s3fake.Settings{
		"keep": {}, "discard": {Discard: true}, "discard-trust": {Discard: true, TrustSHA256: true},
	} {
		b.Run("mode="+name+"/size=8MiB", func(b *testing.B) {
			settings.Buckets = map[string]s3fake.Bucket{"b": {}}
			fake := s3fake.New(settings)
			client := fake.HTTPClient()
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPut, "http://fake.test/b/k", strings.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
				r.Header.Set("X-Amz-Checksum-Sha256", sum)
				r.Header.Set("X-Amz-Date", fake.Now().UTC().Format("20060102T150405Z"))
				r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-checksum-sha256;x-amz-date, Signature="+strings.Repeat("0", 64))
				out, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, out.Body)
				_ = out.Body.Close()
				if out.StatusCode != http.StatusOK {
					b.Fatal(out.StatusCode)
				}
			}
			if got := fake.Counts()["PutObject"].BytesIn; got%size != 0 || got == 0 {
				b.Fatalf("%d bytes came", got)
			}
		})
	}
}
