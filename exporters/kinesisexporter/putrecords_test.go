package kinesisexporter

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPutRecordsIsWrittenAsTheSDKWritesIt: with the same header, and the same in its body.
func TestPutRecordsIsWrittenAsTheSDKWritesIt(t *testing.T) {
	type sent struct {
		path, body string
		header     http.Header
	}
	var got []sent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		header := r.Header.Clone()
		for _, name := range []string{"Authorization", "X-Amz-Date", "Amz-Sdk-Invocation-Id", "Content-Length"} {
			assert.True(t, header.Get(name) != "" || name == "Content-Length", name)
			header.Del(name)
		}
		got = append(got, sent{r.URL.Path, string(body), header})
		_, _ = io.WriteString(w, `{"FailedRecordCount":0,"Records":[]}`)
	}))
	defer server.Close()
	for name, input := range map[string]*kinesis.PutRecordsInput{
		"by name": {StreamName: aws.String("orders"), Records: []types.PutRecordsRequestEntry{
			{Data: []byte("one"), PartitionKey: aws.String("a")},
			{Data: []byte{}, PartitionKey: aws.String("b"), ExplicitHashKey: aws.String("340282366920938463463374607431768211455")},
		}},
		"by ARN": {StreamARN: aws.String("arn:aws:kinesis:eu-central-1:123456789012:stream/orders"), Records: []types.PutRecordsRequestEntry{
			{Data: bytes.Repeat([]byte{0xff, 0, 0x3e}, 100_000), PartitionKey: aws.String(strings.Repeat("k", 256))},
		}},
		"keys": {StreamName: aws.String("orders"), StreamId: aws.String("x"), Records: []types.PutRecordsRequestEntry{
			{Data: []byte("1"), PartitionKey: aws.String("\"quoted\" \\ / <b>&\u2028")},
			{Data: []byte("2"), PartitionKey: aws.String("\x00\x1f\x7f\n\t")},
			{Data: []byte("3"), PartitionKey: aws.String("Grüße, 世界 \U0001f980")},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got = nil
			for _, own := range []bool{false, true} {
				client := kinesis.New(kinesis.Options{
					Region: "eu-central-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
				}, func(o *kinesis.Options) {
					if own {
						withOwnSerializer(o)
					}
				})
				_, err := client.PutRecords(t.Context(), input)
				require.NoError(t, err)
			}
			require.Len(t, got, 2)
			assert.Equal(t, got[0].path, got[1].path)
			assert.Equal(t, got[0].header, got[1].header)
			assert.JSONEq(t, got[0].body, got[1].body)
			assert.Len(t, input.Records, strings.Count(got[1].body, `"PartitionKey":`))
			written, err := appendPutRecords(nil, input)
			require.NoError(t, err)
			assert.Equal(t, got[1].body, string(written))
		})
	}
}

// keepsBody is a transport that answers at once, and reads the body when it likes.
type keepsBody struct{ body io.ReadCloser }

func (k *keepsBody) Do(r *http.Request) (*http.Response, error) {
	k.body = r.Body
	first := make([]byte, 10)
	if _, err := io.ReadFull(k.body, first); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": []string{"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(`{"FailedRecordCount":0,"Records":[]}`)),
	}, nil
}

// TestNothingIsReadOfACallThatIsOver: its buffer is used again.
func TestNothingIsReadOfACallThatIsOver(t *testing.T) {
	transport := &keepsBody{}
	client := kinesis.New(kinesis.Options{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), HTTPClient: transport,
	}, withOwnSerializer)
	_, err := client.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: []types.PutRecordsRequestEntry{
		{Data: make([]byte, 1000), PartitionKey: aws.String("k")},
	}})
	require.NoError(t, err)
	rest, _ := io.ReadAll(transport.body)
	assert.Empty(t, rest)
}

// TestPutRecordsTakesOneBuffer, whose size is known before.
func TestPutRecordsTakesOneBuffer(t *testing.T) {
	input := &kinesis.PutRecordsInput{StreamName: aws.String("orders")}
	for range 500 {
		input.Records = append(input.Records, types.PutRecordsRequestEntry{
			Data: make([]byte, 1000), PartitionKey: aws.String("8601b555-6a83-4c12-8269-0b850a1fb7ae"), ExplicitHashKey: aws.String("340282366920938463463374607431768211455"),
		})
	}
	assert.InDelta(t, 1, testing.AllocsPerRun(20, func() { _, _ = appendPutRecords(nil, input) }), 0.01)
	again, err := appendPutRecords(nil, input)
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(20, func() { _, _ = appendPutRecords(again[:0], input) }), "or none")
}
