package kinesisexporter

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/base64text"
)

// putRecordsSerializer writes a PutRecords as the SDK's own serializer does, into a buffer
// that has room for all of it from the start: the SDK's grows, and is copied and cleared,
// several times for a call of some megabytes.
type putRecordsSerializer struct{}

// serializerID is what the SDK calls the serializer of each operation.
const serializerID = "OperationSerializer"

// withOwnSerializer has PutRecords written by ours.
func withOwnSerializer(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if stack.ID() != "PutRecords" {
			return nil
		}
		_, err := stack.Serialize.Swap(serializerID, putRecordsSerializer{})
		return err
	})
}

func (putRecordsSerializer) ID() string { return serializerID }

// HandleSerialize implements middleware.SerializeMiddleware.
func (putRecordsSerializer) HandleSerialize(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (out middleware.SerializeOutput, metadata middleware.Metadata, err error) {
	request, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return out, metadata, &smithy.SerializationError{Err: fmt.Errorf("unknown transport type %T", in.Request)}
	}
	input, ok := in.Parameters.(*kinesis.PutRecordsInput)
	if !ok {
		return out, metadata, &smithy.SerializationError{Err: fmt.Errorf("unknown input parameters type %T", in.Parameters)}
	}
	buf, _ := bodies.Get().(*[]byte)
	if *buf, err = appendPutRecords((*buf)[:0], input); err != nil {
		return out, metadata, &smithy.SerializationError{Err: err}
	}
	// When the call is over nobody reads of it: net/http might, where it was answered before
	// all was read, or given up, but the SDK takes the stream away when an attempt ends.
	defer func() {
		if cap(*buf) <= maxKeptBody {
			bodies.Put(buf)
		}
	}()
	request.Method = http.MethodPost
	if request.URL.Path == "" {
		request.URL.Path = "/"
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
	if request, err = request.SetStream(bytes.NewReader(*buf)); err != nil {
		return out, metadata, &smithy.SerializationError{Err: err}
	}
	in.Request = request
	return next.HandleSerialize(ctx, in)
}

// bodies are buffers that are used again.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxKeptBody is the largest that is: of a call of records of 5 MiB, which is all that the
// stream takes at once.
const maxKeptBody = 8 << 20

// entryOverhead is what an entry has beside its texts: names, quotes, the comma.
const entryOverhead = len(`{"Data":"","ExplicitHashKey":"","PartitionKey":""},`)

func appendPutRecords(dst []byte, input *kinesis.PutRecordsInput) ([]byte, error) {
	size := 1024 // for the stream's name
	for i := range input.Records {
		r := &input.Records[i]
		size += entryOverhead + base64.StdEncoding.EncodedLen(len(r.Data))
		for _, text := range []*string{r.ExplicitHashKey, r.PartitionKey} {
			if text != nil {
				size += len(*text)
			}
		}
	}
	if cap(dst)-len(dst) < size {
		dst = append(make([]byte, 0, len(dst)+size), dst...)
	}
	b := putRecordsBody{dst: dst}
	b.dst = append(b.dst, `{"Records":[`...)
	for i := range input.Records {
		r := &input.Records[i]
		if i > 0 {
			b.dst = append(b.dst, ',')
		}
		b.dst = append(b.dst, `{"Data":"`...)
		b.dst = append(base64text.Append(b.dst, r.Data), '"')
		b.text("ExplicitHashKey", r.ExplicitHashKey)
		b.text("PartitionKey", r.PartitionKey)
		b.dst = append(b.dst, '}')
	}
	b.dst = append(b.dst, ']')
	b.text("StreamARN", input.StreamARN)
	b.text("StreamId", input.StreamId)
	b.text("StreamName", input.StreamName)
	return append(b.dst, '}'), b.err
}

type putRecordsBody struct {
	dst []byte
	err error
}

// text appends a member of an object that has one already. Nil: none.
func (b *putRecordsBody) text(name string, value *string) {
	if value == nil {
		return
	}
	b.dst = append(b.dst, ',', '"')
	b.dst = append(b.dst, name...)
	b.dst = append(b.dst, '"', ':')
	for i := range len(*value) {
		if c := (*value)[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			encoded, err := json.Marshal(*value)
			b.dst = append(b.dst, encoded...)
			if err != nil {
				b.err = err
			}
			return
		}
	}
	b.dst = append(b.dst, '"')
	b.dst = append(b.dst, *value...)
	b.dst = append(b.dst, '"')
}
