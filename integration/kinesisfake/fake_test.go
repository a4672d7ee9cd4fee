package kinesisfake_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

func entry(key, data string) types.PutRecordsRequestEntry {
	return types.PutRecordsRequestEntry{PartitionKey: aws.String(key), Data: []byte(data)}
}

func entries(n int) (all []types.PutRecordsRequestEntry) {
	for i := range n {
		all = append(all, entry(fmt.Sprintf("key-%d", i), fmt.Sprintf("data %d", i)))
	}
	return all
}

func put(t *testing.T, c *kinesis.Client, records []types.PutRecordsRequestEntry) (*kinesis.PutRecordsOutput, error) {
	t.Helper()
	return c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records})
}

// code is the name that Kinesis gives an error.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// readAll reads a shard from its beginning through GetRecords, a few at a time, until
// its end or until nothing more is there.
func readAll(t *testing.T, c *kinesis.Client, shard string) (data []string, children []types.ChildShard) {
	t.Helper()
	start, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("s"), ShardId: aws.String(shard), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	require.NoError(t, err)
	for at := start.ShardIterator; at != nil; {
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at, Limit: aws.Int32(7)})
		require.NoError(t, err)
		for _, r := range out.Records {
			data = append(data, string(r.Data))
		}
		at, children = out.NextShardIterator, out.ChildShards
		if len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
			break
		}
	}
	return data, children
}

func TestWhatIsPutIsRead(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 4}})
	c := kinesisfake.NewClient(t, fake.URL())
	out, err := put(t, c, entries(300))
	require.NoError(t, err)
	assert.Zero(t, *out.FailedRecordCount)
	require.Len(t, out.Records, 300)
	one, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("key-7"), Data: []byte("the last")})
	require.NoError(t, err)

	list, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	require.NoError(t, err)
	require.Len(t, list.Shards, 4)
	read := make(map[string]string) // data -> shard
	for _, shard := range list.Shards {
		data, children := readAll(t, c, *shard.ShardId)
		assert.Empty(t, children)
		assert.NotEmpty(t, data)
		for _, d := range data {
			read[d] = *shard.ShardId
		}
		if *shard.ShardId == *one.ShardId {
			assert.Equal(t, "the last", data[len(data)-1])
		}
	}
	for i, r := range out.Records {
		assert.Equal(t, *r.ShardId, read[fmt.Sprintf("data %d", i)])
	}
	assert.Equal(t, *out.Records[7].ShardId, *one.ShardId, "a key has one shard")
	assert.Len(t, read, 301)

	users := fake.UserRecords(t, "s")
	require.Len(t, users, 301)
	assert.Equal(t, "the last", string(users[300].Data))
	assert.Equal(t, 2, users[300].Call)
	counts := fake.Counts("s")
	assert.Equal(t, 301, counts.Stored)
	assert.Equal(t, 301, counts.Units)
	assert.Equal(t, 2, counts.Calls)
}

// TestPlaces: the MD5 of "a" begins with 0c, that of "b" with 92, of "c" with 4a.
func TestPlaces(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 2}})
	c := kinesisfake.NewClient(t, fake.URL())
	half := "170141183460469231731687303715884105728" // 2^127
	explicit := entry("a", "4")
	explicit.ExplicitHashKey = aws.String(half)
	out, err := put(t, c, []types.PutRecordsRequestEntry{entry("a", "1"), entry("b", "2"), entry("c", "3"), explicit})
	require.NoError(t, err)
	var places []string
	for _, r := range out.Records {
		places = append(places, *r.ShardId)
	}
	first, second := "shardId-000000000000", "shardId-000000000001"
	assert.Equal(t, []string{first, second, first, second}, places)
}

func TestLimits(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	c := kinesisfake.NewClient(t, fake.URL())
	const mib = 1 << 20
	eleven := make([]types.PutRecordsRequestEntry, 11)
	for i := range eleven {
		eleven[i] = entry("k", strings.Repeat("x", mib-1))
	}
	withHash := func(hash string) []types.PutRecordsRequestEntry {
		e := entry("k", "x")
		e.ExplicitHashKey = aws.String(hash)
		return []types.PutRecordsRequestEntry{e}
	}
	for name, test := range map[string]struct {
		records []types.PutRecordsRequestEntry
		want    string
	}{
		"500 records":                 {entries(500), ""},
		"501 records":                 {entries(501), "ValidationException"},
		"no record":                   {[]types.PutRecordsRequestEntry{}, "ValidationException"},
		"1 MiB with the key":          {[]types.PutRecordsRequestEntry{entry("k", strings.Repeat("x", mib-1))}, ""},
		"1 MiB and the key":           {[]types.PutRecordsRequestEntry{entry("k", strings.Repeat("x", mib))}, "InvalidArgumentException"},
		"10 MiB":                      {eleven[:10], ""},
		"11 MiB":                      {eleven, "InvalidArgumentException"},
		"a key of 256 characters":     {[]types.PutRecordsRequestEntry{entry(strings.Repeat("ü", 256), "x")}, ""},
		"a key of 257 characters":     {[]types.PutRecordsRequestEntry{entry(strings.Repeat("k", 257), "x")}, "ValidationException"},
		"an empty key":                {[]types.PutRecordsRequestEntry{entry("", "x")}, "ValidationException"},
		"no data":                     {[]types.PutRecordsRequestEntry{entry("k", "")}, ""},
		"the largest hash key":        {withHash("340282366920938463463374607431768211455"), ""},
		"a larger hash key":           {withHash("340282366920938463463374607431768211456"), "InvalidArgumentException"},
		"a hash key that's no number": {withHash("0x10"), "InvalidArgumentException"},
	} {
		t.Run(name, func(t *testing.T) {
			before := fake.Counts("s").Stored
			_, err := put(t, c, test.records)
			assert.Equal(t, test.want, code(err), "%v", err)
			if test.want != "" {
				assert.Equal(t, before, fake.Counts("s").Stored, "nothing of a refused call is stored")
			}
		})
	}
	t.Run("a stream's own limit", func(t *testing.T) {
		_, err := c.UpdateMaxRecordSize(t.Context(), &kinesis.UpdateMaxRecordSizeInput{
			StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), MaxRecordSizeInKiB: aws.Int32(2048),
		})
		require.NoError(t, err)
		summary, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
		require.NoError(t, err)
		assert.EqualValues(t, 2048, *summary.StreamDescriptionSummary.MaxRecordSizeInKiB)
		assert.Equal(t, types.StreamStatusActive, summary.StreamDescriptionSummary.StreamStatus)
		_, err = put(t, c, []types.PutRecordsRequestEntry{entry("k", strings.Repeat("x", 2*mib-1))})
		require.NoError(t, err)
	})
}

func TestRefusedRecords(t *testing.T) {
	run := func(t *testing.T) (codes []string) {
		t.Helper()
		fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 4}})
		fake.Misbehave(kinesisfake.Faults{Seed: 3, RefuseRecords: 0.25, FailRecords: 0.05, Shuffle: true})
		c := kinesisfake.NewClient(t, fake.URL())
		stored := make(map[string]bool)
		for range 4 {
			out, err := put(t, c, entries(500))
			require.NoError(t, err)
			failed := 0
			for _, r := range out.Records {
				codes = append(codes, aws.ToString(r.ErrorCode))
				if r.ErrorCode != nil {
					failed++
					assert.Nil(t, r.SequenceNumber)
					continue
				}
				assert.NotContains(t, stored, *r.SequenceNumber)
				stored[*r.SequenceNumber] = true
			}
			assert.EqualValues(t, failed, *out.FailedRecordCount)
		}
		inShards := 0
		for _, shard := range fake.Shards("s") {
			for _, r := range shard.Records {
				assert.Contains(t, stored, r.Sequence)
				inShards++
			}
		}
		assert.Len(t, stored, inShards, "what was refused is not stored")
		counts := fake.Counts("s")
		assert.InDelta(t, 500, counts.Refused["ProvisionedThroughputExceededException"], 80)
		assert.InDelta(t, 100, counts.Refused["InternalFailure"], 40)
		assert.Zero(t, counts.SameKey)
		return codes
	}
	first := run(t)
	assert.Equal(t, first, run(t), "a seed decides")
}

func TestOneShardRefuses(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 2}})
	fake.Misbehave(kinesisfake.Faults{RefuseShards: map[string]float64{"shardId-000000000001": 1}})
	out, err := put(t, kinesisfake.NewClient(t, fake.URL()), entries(100))
	require.NoError(t, err)
	for _, r := range out.Records {
		if r.ErrorCode == nil {
			assert.Equal(t, "shardId-000000000000", *r.ShardId)
		} else {
			assert.Contains(t, *r.ErrorMessage, "shardId-000000000001")
		}
	}
	assert.Zero(t, fake.Shards("s")[1].Stored)
	assert.NotZero(t, fake.Shards("s")[0].Stored)
}

func TestCallsGoWrong(t *testing.T) {
	for name, test := range map[string]struct {
		faults kinesisfake.Faults
		code   string
		stored int
		lost   bool
	}{
		"throttled":  {kinesisfake.Faults{Throttle: 1}, "ProvisionedThroughputExceededException", 0, false},
		"errors":     {kinesisfake.Faults{Errors: 1}, "InternalFailure", 0, false},
		"expired":    {kinesisfake.Faults{Expired: 1}, "ExpiredTokenException", 0, false},
		"cut before": {kinesisfake.Faults{CutBefore: 1}, "", 0, false},
		"cut after":  {kinesisfake.Faults{CutAfter: 1}, "", 1, true},
		"torn":       {kinesisfake.Faults{Tear: 1}, "", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
			fake.Misbehave(test.faults)
			c := kinesisfake.NewClient(t, fake.URL())
			_, err := put(t, c, []types.PutRecordsRequestEntry{entry("k", "x")})
			require.Error(t, err)
			if test.code != "" {
				assert.Equal(t, test.code, code(err), "%v", err)
			}
			assert.Equal(t, test.stored, fake.Counts("s").Stored)
			for _, r := range fake.UserRecords(t, "s") {
				assert.Equal(t, test.lost, r.AnswerLost)
			}
			for _, call := range fake.Calls("s") {
				assert.Equal(t, test.lost, call.Lost)
				assert.NotZero(t, call.Ended)
			}
			_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
			require.NoError(t, err, "faults are of writes")
			_, second := put(t, c, []types.PutRecordsRequestEntry{entry("k", "x")})
			require.Error(t, second)

			fake.Misbehave(kinesisfake.Faults{})
			_, err = put(t, c, []types.PutRecordsRequestEntry{entry("k", "y")})
			require.NoError(t, err)
			users := fake.UserRecords(t, "s")
			assert.False(t, users[len(users)-1].AnswerLost)
			assert.Equal(t, 2*test.stored+1, len(users)) //nolint:testifylint // a number that says something
		})
	}
}

func TestUnavailableIsNoJSON(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	fake.Misbehave(kinesisfake.Faults{Errors: 1, Lists: true})
	c := kinesisfake.NewClient(t, fake.URL())
	_, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	require.ErrorContains(t, err, "500")
	_, err = put(t, c, entries(1))
	require.ErrorContains(t, err, "503")
}

func TestSlowAnswersAreLostToTheImpatient(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	fake.Misbehave(kinesisfake.Faults{Slow: 1, SlowFor: 50 * time.Millisecond})
	_, err := put(t, kinesisfake.NewClient(t, fake.URL()), entries(1))
	require.NoError(t, err)
	fake.Misbehave(kinesisfake.Faults{Slow: 1, SlowFor: time.Hour})
	impatient := kinesisfake.NewClient(t, fake.URL(), func(o *kinesis.Options) {
		o.HTTPClient.(*http.Client).Timeout = 100 * time.Millisecond
	})
	_, err = put(t, impatient, entries(1))
	require.Error(t, err)
	require.Eventually(t, func() bool {
		users := fake.UserRecords(t, "s")
		return len(users) == 2 && !users[0].AnswerLost && users[1].AnswerLost
	}, 10*time.Second, time.Millisecond)
}

// putAside makes a call of one record, and gives what came of it when that is known.
func putAside(ctx context.Context, c *kinesis.Client) <-chan error {
	came := make(chan error, 1)
	go func() {
		_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(1)})
		came <- err
	}()
	return came
}

func TestAnswersAreHeld(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	c := kinesisfake.NewClient(t, fake.URL())
	release := fake.Hold()
	came := putAside(t.Context(), c)
	require.Eventually(t, func() bool { return fake.Counts("s").Stored == 1 }, 10*time.Second, time.Millisecond)
	before := time.Now()
	assert.Zero(t, fake.Calls("s")[0].Ended)
	assert.Empty(t, came)
	release()
	require.NoError(t, <-came)
	require.Len(t, fake.Calls("s"), 1)
	call := fake.Calls("s")[0]
	assert.Equal(t, 1, call.Number)
	assert.False(t, call.Stored.After(before))
	assert.True(t, call.Ended.After(before))
	assert.False(t, call.Lost)
	_, err := put(t, c, entries(1))
	require.NoError(t, err, "it goes on")
	assert.Equal(t, 2, fake.Calls("s")[1].Number)
}

func TestWhoHangsUpIsWaitedFor(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	fake.AwaitHangUp(t)
	defer fake.Hold()()
	transport := &http.Transport{}
	c := kinesisfake.NewClient(t, fake.URL(), func(o *kinesis.Options) { o.HTTPClient = &http.Client{Transport: transport} })
	for n := 1; n <= 20; n++ {
		ctx, hangUp := context.WithCancel(t.Context())
		stored := fake.Counts("s").Stored
		came := putAside(ctx, c)
		if n%2 == 0 {
			require.Eventually(t, func() bool { return fake.Counts("s").Stored > stored }, 10*time.Second, time.Millisecond)
		}
		hangUp()
		require.Error(t, <-came)
		transport.CloseIdleConnections()
		fake.AwaitHangUp(t)
		for _, call := range fake.Calls("s") {
			assert.NotZero(t, call.Ended)
			assert.True(t, call.Lost)
		}
	}
	assert.NotEmpty(t, fake.Calls("s"))
}

func TestRates(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}, ShardBytes: 1_000_000, ShardRecords: 1000})
	c := kinesisfake.NewClient(t, fake.URL())
	started := time.Now()
	accepted := 0
	for range 6 {
		out, err := put(t, c, entries(500))
		require.NoError(t, err)
		accepted += 500 - int(*out.FailedRecordCount)
	}
	assert.LessOrEqual(t, accepted, 1000+int(1000*time.Since(started).Seconds())+1)
	assert.GreaterOrEqual(t, accepted, 1000)
	require.Eventually(t, func() bool {
		out, err := put(t, c, []types.PutRecordsRequestEntry{entry("k", strings.Repeat("x", 900_000))})
		return err == nil && *out.FailedRecordCount == 0
	}, 10*time.Second, 50*time.Millisecond, "what a shard takes grows with time")
	out, err := put(t, c, []types.PutRecordsRequestEntry{entry("k", strings.Repeat("x", 900_000))})
	require.NoError(t, err)
	assert.EqualValues(t, 1, *out.FailedRecordCount, "bytes count, too")
}

func TestSplitAndMerge(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	c := kinesisfake.NewClient(t, fake.URL())
	ids := func(filter *types.ShardFilter) (all []string) {
		for in := (&kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(1), ShardFilter: filter}); in != nil; {
			page, err := c.ListShards(t.Context(), in)
			require.NoError(t, err)
			for _, shard := range page.Shards {
				all = append(all, strings.TrimPrefix(*shard.ShardId, "shardId-00000000000"))
			}
			in = nil
			if page.NextToken != nil {
				in = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(1)}
			}
		}
		return all
	}
	latest := &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}
	_, err := put(t, c, entries(20))
	require.NoError(t, err)
	_, err = c.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: aws.String("shardId-000000000000"),
		NewStartingHashKey: aws.String("170141183460469231731687303715884105728"),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"0", "1", "2"}, ids(nil))
	assert.Equal(t, []string{"1", "2"}, ids(latest))
	out, err := put(t, c, []types.PutRecordsRequestEntry{entry("a", "low"), entry("b", "high")})
	require.NoError(t, err)
	assert.Equal(t, "shardId-000000000001", *out.Records[0].ShardId)
	assert.Equal(t, "shardId-000000000002", *out.Records[1].ShardId)

	_, err = c.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("5"),
	})
	assert.Equal(t, "InvalidArgumentException", code(err))

	data, children := readAll(t, c, "shardId-000000000000")
	assert.Len(t, data, 20)
	require.Len(t, children, 2)
	assert.Equal(t, []string{"shardId-000000000000"}, children[1].ParentShards)

	_, err = c.MergeShards(t.Context(), &kinesis.MergeShardsInput{
		StreamName: aws.String("s"), ShardToMerge: aws.String("shardId-000000000001"), AdjacentShardToMerge: aws.String("shardId-000000000002"),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"3"}, ids(latest))
	_, err = put(t, c, []types.PutRecordsRequestEntry{entry("a", "after")})
	require.NoError(t, err)
	users := fake.UserRecords(t, "s")
	require.Len(t, users, 23)
	assert.Equal(t, "after", string(users[22].Data))
}

func TestStreams(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{})
	c := kinesisfake.NewClient(t, fake.URL())
	_, err := put(t, c, entries(1))
	assert.Equal(t, "ResourceNotFoundException", code(err))
	_, err = c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(2)})
	require.NoError(t, err)
	_, err = c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(2)})
	assert.Equal(t, "ResourceInUseException", code(err))
	fake.SetStatus(t, "s", "CREATING")
	_, err = put(t, c, entries(1))
	assert.Equal(t, "ResourceNotFoundException", code(err))
	fake.SetStatus(t, "s", "ACTIVE")
	_, err = put(t, c, entries(1))
	require.NoError(t, err)
	description, err := c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: aws.String("s")})
	require.NoError(t, err)
	assert.Len(t, description.StreamDescription.Shards, 2)
	_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")})
	require.NoError(t, err)
	list, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	require.NoError(t, err)
	assert.Empty(t, list.StreamNames)
}

func TestAClockThatIsOff(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	fake.SetClock(time.Hour)
	_, err := put(t, kinesisfake.NewClient(t, fake.URL()), entries(1))
	assert.Equal(t, "InvalidSignatureException", code(err))
	fake.SetClock(time.Minute)
	_, err = put(t, kinesisfake.NewClient(t, fake.URL()), entries(1))
	require.NoError(t, err)
}

func TestAnonymousCallersAreRefused(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	c := kinesisfake.NewClient(t, fake.URL(), func(o *kinesis.Options) { o.Credentials = aws.AnonymousCredentials{} })
	_, err := put(t, c, entries(1))
	assert.Equal(t, "MissingAuthenticationTokenException", code(err))
}

func TestDownAndUp(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	c := kinesisfake.NewClient(t, fake.URL())
	_, err := put(t, c, entries(1))
	require.NoError(t, err)
	fake.Down()
	_, err = put(t, c, entries(1))
	require.Error(t, err)
	fake.Up(t)
	_, err = put(t, c, entries(1))
	require.NoError(t, err)
	assert.Equal(t, 2, fake.Counts("s").Stored)
}

func TestOneKeyTwiceInACallIsCounted(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	_, err := put(t, kinesisfake.NewClient(t, fake.URL()), []types.PutRecordsRequestEntry{entry("k", "1"), entry("k", "2")})
	require.NoError(t, err)
	assert.Equal(t, 1, fake.Counts("s").SameKey)
}

func TestCountOnly(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}, CountOnly: true})
	_, err := put(t, kinesisfake.NewClient(t, fake.URL()), []types.PutRecordsRequestEntry{
		entry("k", "x"), entry("l", strings.Repeat("x", 25<<10)), {PartitionKey: aws.String("a"), Data: aggregate},
	})
	require.NoError(t, err)
	counts := fake.Counts("s")
	assert.Equal(t, 3, counts.Stored)
	assert.Equal(t, 5, counts.Parts)
	assert.Equal(t, 4, counts.Units)
	assert.Empty(t, fake.Shards("s")[0].Records)
}
