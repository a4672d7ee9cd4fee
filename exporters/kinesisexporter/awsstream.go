package kinesisexporter

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/internal/awsclient"
)

// awsStream is a stream of Kinesis. It is safe for concurrent use.
type awsStream struct {
	client    *kinesis.Client
	name, arn *string // one of them
	closeIdle func()
}

// Many shards are written to at the same time, all of them at one address.
const maxIdleConnections = 256

// newAWSStream makes a client. It does not call anyone but those that credentials and
// region come from.
func newAWSStream(ctx context.Context, cfg *Config, userAgent string) (*awsStream, error) {
	if cfg.UserAgent != "" {
		userAgent = cfg.UserAgent
	}
	loaded, closeIdle, err := awsclient.Load(ctx, awsclient.Settings{
		Region: cfg.region(), UserAgent: userAgent, MaxIdleConnections: maxIdleConnections,
		RoleARN: cfg.RoleARN, ExternalID: cfg.ExternalID, SessionName: "heartwood-kinesis",
	})
	switch {
	case errors.Is(err, awsclient.ErrNoRegion):
		return nil, fmt.Errorf("%w; name the stream's region, or give its ARN as stream", err)
	case err != nil:
		return nil, err
	}
	s := &awsStream{closeIdle: closeIdle}
	s.client = kinesis.NewFromConfig(loaded, func(o *kinesis.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	}, withOwnSerializer)
	if strings.HasPrefix(cfg.Stream, "arn:") {
		s.arn = aws.String(cfg.Stream)
	} else {
		s.name = aws.String(cfg.Stream)
	}
	return s, nil
}

func (s *awsStream) close() { s.closeIdle() }

// PutRecords implements sender.Stream.
func (s *awsStream) PutRecords(ctx context.Context, entries []sender.Entry) ([]sender.Result, error) {
	input := &kinesis.PutRecordsInput{StreamName: s.name, StreamARN: s.arn, Records: make([]types.PutRecordsRequestEntry, len(entries))}
	for i := range entries {
		e := &entries[i]
		input.Records[i] = types.PutRecordsRequestEntry{Data: e.Data, PartitionKey: aws.String(string(e.Key))}
		if e.Explicit {
			input.Records[i].ExplicitHashKey = aws.String(new(big.Int).SetBytes(e.HashKey[:]).String())
		}
	}
	output, err := s.client.PutRecords(ctx, input)
	if err != nil {
		return nil, callError(err)
	}
	if len(output.Records) != len(entries) {
		return nil, &sender.CallError{Err: fmt.Errorf("the answer to %d records has %d", len(entries), len(output.Records))}
	}
	results := make([]sender.Result, len(entries))
	for i := range output.Records {
		r := &output.Records[i]
		results[i] = sender.Result{
			Code: aws.ToString(r.ErrorCode), Message: aws.ToString(r.ErrorMessage),
			ShardID: aws.ToString(r.ShardId), Sequence: aws.ToString(r.SequenceNumber),
		}
		if results[i].Code == "" && results[i].Sequence == "" {
			// Neither taken nor refused: it is not in the stream, as far as anyone knows.
			results[i].Code = "NoSequenceNumber"
		}
	}
	return results, nil
}

// Shards implements sender.Stream.
func (s *awsStream) Shards(ctx context.Context) ([]sender.Shard, error) {
	var shards []sender.Shard
	input := &kinesis.ListShardsInput{StreamName: s.name, StreamARN: s.arn}
	for {
		output, err := s.client.ListShards(ctx, input)
		if err != nil {
			return nil, callError(err)
		}
		for i := range output.Shards {
			shard, err := shardOf(&output.Shards[i])
			if err != nil {
				return nil, err
			}
			shards = append(shards, shard)
		}
		if aws.ToString(output.NextToken) == "" {
			return shards, nil
		}
		// With a token, the stream must not be named.
		input = &kinesis.ListShardsInput{NextToken: output.NextToken}
	}
}

func shardOf(s *types.Shard) (sender.Shard, error) {
	out := sender.Shard{
		ID: aws.ToString(s.ShardId), Parent: aws.ToString(s.ParentShardId), AdjacentParent: aws.ToString(s.AdjacentParentShardId),
		Closed: s.SequenceNumberRange != nil && s.SequenceNumberRange.EndingSequenceNumber != nil,
	}
	if s.HashKeyRange == nil {
		return out, &sender.CallError{Err: fmt.Errorf("shard %s has no range of hash keys", out.ID)}
	}
	for _, end := range []struct {
		text *string
		to   *[16]byte
	}{{s.HashKeyRange.StartingHashKey, &out.First}, {s.HashKeyRange.EndingHashKey, &out.Last}} {
		n, ok := new(big.Int).SetString(aws.ToString(end.text), 10)
		if !ok || n.Sign() < 0 || n.BitLen() > 128 {
			return out, &sender.CallError{Err: fmt.Errorf("shard %s has the hash key %q, which is no number of 128 bits", out.ID, aws.ToString(end.text))}
		}
		n.FillBytes(end.to[:])
	}
	return out, nil
}

// description is what is to be known of a stream before the first record is sent.
type description struct {
	active        bool
	status        string
	maxRecordSize int // 0: it does not say
}

func (s *awsStream) describe(ctx context.Context) (description, error) {
	output, err := s.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: s.name, StreamARN: s.arn})
	if err != nil {
		return description{}, err
	}
	summary := output.StreamDescriptionSummary
	if summary == nil {
		return description{}, errors.New("the answer does not describe the stream")
	}
	return description{
		// A stream that is being changed takes records.
		active:        summary.StreamStatus == types.StreamStatusActive || summary.StreamStatus == types.StreamStatusUpdating,
		status:        string(summary.StreamStatus),
		maxRecordSize: int(aws.ToInt32(summary.MaxRecordSizeInKiB)) << 10,
	}, nil
}

// jitter is a random part of a pause, so that many who failed together do not come again
// together.
func jitter(pause time.Duration) time.Duration {
	return rand.N(pause) + 1 //nolint:gosec // nothing is secret about it
}
