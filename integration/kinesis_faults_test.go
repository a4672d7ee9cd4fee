package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// everythingAtOnce is a stream on its worst day.
var everythingAtOnce = kinesisfake.Faults{
	Seed:          1,
	RefuseRecords: 0.28, FailRecords: 0.02,
	Throttle: 0.05, Errors: 0.05, Expired: 0.01,
	CutBefore: 0.02, CutAfter: 0.02, Tear: 0.01,
	Slow: 0.05, SlowFor: 300 * time.Millisecond,
	Shuffle: true, Lists: true,
}

// kinesisToFake is a collector that takes OTLP and writes to the stream logs of a fake,
// faster than real shards would take it.
const kinesisToFake = `
	receivers:
	  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
	exporters:
	  kinesis:
	    stream: logs
	    endpoint: {{.url}}
	    encoding: json
	    aggregation: {{.aggregation}}
	    rate: {bytes: 100MB, records: 100000}
	    spool: {directory: {{dir "spool"}}}
	service:
	  pipelines:
	    logs: {receivers: [otlp], exporters: [kinesis]}
`

var kinesisAggregations = []string{"none", "kpl"}

// TestKinesisLosesNothing: 200,000 records go to a stream that does everything wrong at
// once. None is lost, those of a key come in order, and one comes twice only where the
// answer to its call was cut off.
func TestKinesisLosesNothing(t *testing.T) {
	for _, aggregation := range kinesisAggregations {
		t.Run(aggregation, func(t *testing.T) {
			t.Parallel()
			fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 8}})
			faults := everythingAtOnce
			if aggregation == "kpl" {
				faults.CutAfter = 0.1 // of few calls
			}
			fake.Misbehave(faults)
			col := harness.Start(t, kinesisToFake, harness.With("url", fake.URL()), harness.With("aggregation", aggregation), harness.WithEnv(awsEnv...))
			load := newKeyedLoad(t, 8000, 25)
			require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
			require.EqualValues(t, 200_000, load.confirmed.Load())
			load.requireAll(t, fake, "logs")
			col.Stop(t)
			a := load.requireAll(t, fake, "logs") // nothing comes after
			assert.Zero(t, a.strays)

			counts := fake.Counts("logs")
			t.Logf("%d calls, %d Kinesis records, %d repeats, faults %v, refused %v", counts.Calls, counts.Stored, a.repeats, counts.Faults, counts.Refused)
			assert.Positive(t, a.repeats, "calls were cut after storing")
			assert.Zero(t, counts.SameKey, "no call has two records of one key")
			if aggregation == "none" { // otherwise it has too few calls for all of this to be certain
				assert.Greater(t, counts.Refused["ProvisionedThroughputExceededException"], 50_000)
				for _, fault := range []string{"throttle", "error", "unavailable", "expired", "cut before", "cut after", "tear", "slow"} {
					assert.Positive(t, counts.Faults[fault], fault)
				}
			}
		})
	}
}

// kinesisInFlight is how many calls are on their way at a time for each shard, by
// aggregation: the exporter's max_in_flight is not set.
var kinesisInFlight = map[string]int{"none": 4, "kpl": 1}

// requireFewInFlight holds the kills to the calls that may be on their way at a time, and
// what came again because of a kill to what so many calls can bring.
func requireFewInFlight(t *testing.T, a *arrivals, calls []kinesisfake.Call, kills []kill, most int) {
	t.Helper()
	hit := 0
	for i, k := range kills {
		stored, inFlight := 0, 0
		for _, c := range calls {
			if is, _, _ := k.call(c); is {
				inFlight++
				if c.Stored.Before(k.at) {
					stored++
				}
			}
		}
		again := a.killed[i]
		t.Logf("kill %d (answers kept back: %v): of %d calls %d were on their way, and %d of their records came again; %d did that had an answer, up to %v before",
			i, k.held, k.last-k.first+1, inFlight, again.inFlight, again.answered, again.before)
		assert.LessOrEqual(t, stored, most, "calls on their way at kill %d", i)
		if k.held {
			assert.LessOrEqual(t, inFlight, most, "calls without an answer at kill %d", i)
			assert.LessOrEqual(t, again.inFlight, most*a.largest, "records that came again after kill %d", i)
			assert.Zero(t, again.answered, "records that came again after kill %d, of calls that were answered", i)
		}
		hit += again.inFlight
	}
	assert.Positive(t, hit, "records that were on their way came again")
}

// kinesisKills is how often the collector is killed while it delivers.
const kinesisKills = 20

// TestKinesisKilled: the same stream, and the collector is killed again and again, also
// while it recovers. What comes again was in a call that was on its way when it was killed,
// or was answered in the ackWindow before. Before half of the kills the stream keeps its
// answers back for so long that none was: then it is what was on its way and nothing else.
func TestKinesisKilled(t *testing.T) {
	for _, aggregation := range kinesisAggregations {
		t.Run(aggregation, func(t *testing.T) {
			t.Parallel()
			fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 4}})
			fake.Misbehave(everythingAtOnce)
			col := harness.New(t, kinesisToFake, harness.With("url", fake.URL()), harness.With("aggregation", aggregation), harness.WithEnv(awsEnv...))
			load := newKeyedLoad(t, 4000, 0)
			load.batch, load.pause = 250, 20*time.Millisecond // so that what is left in the end is delivered soon
			sent := make(chan error, 1)
			go func() { sent <- load.run(t.Context(), "http://"+col.Addr(t, "in")) }()

			dice := rand.New(rand.NewPCG(3, 5))
			var kills []kill
			for i := range kinesisKills {
				if i%4 == 3 {
					col.Launch(t) // and not waited for: it dies while it recovers
				} else {
					col.Start(t)
				}
				time.Sleep(time.Duration(100+dice.IntN(700)) * time.Millisecond)
				k := kill{first: 1, held: i%2 == 0}
				if n := len(kills); n > 0 {
					k.first = kills[n-1].last + 1
				}
				release := func() {}
				if k.held {
					release = fake.Hold()
					time.Sleep(ackWindow)
				}
				k.at = time.Now()
				col.Kill()
				release()
				fake.AwaitHangUp(t)
				k.last = len(fake.Calls("logs"))
				kills = append(kills, k)
			}
			col.Start(t)
			close(load.stop)
			require.NoError(t, <-sent)
			load.requireAll(t, fake, "logs", kills...)
			col.Stop(t)
			a := load.requireAll(t, fake, "logs", kills...)
			assert.Zero(t, a.strays)
			t.Logf("%d records accepted, %d came, %d of them repeats", load.confirmed.Load(), a.records, a.repeats)
			requireFewInFlight(t, a, fake.Calls("logs"), kills, 4*kinesisInFlight[aggregation])
			assert.Greater(t, load.confirmed.Load(), int64(20_000), "something was to be sent")
			assert.Zero(t, fake.Counts("logs").SameKey)
		})
	}
}

// TestKinesisOutage: the stream can't be reached for a while. Records go into the spool,
// through a restart, and then to the stream, all of them and in order.
func TestKinesisOutage(t *testing.T) {
	t.Parallel()
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 4}})
	col := harness.Start(t, kinesisToFake, harness.With("url", fake.URL()), harness.With("aggregation", "none"), harness.WithEnv(awsEnv...))
	load := newKeyedLoad(t, 500, 10)
	load.batch = 100
	fake.Down()
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	assert.Zero(t, load.refused.Load(), "the spool has room")
	assert.Zero(t, fake.Counts("logs").Stored)
	m := col.WaitMetrics(t, "the spool to have grown", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_kinesis_spool_size") > 500_000
	})
	assert.Positive(t, m.Sum("otelcol_exporter_kinesis_calls_failed"))
	col.Stop(t)
	col.Start(t)
	fake.Up(t)
	load.requireAll(t, fake, "logs")
	col.WaitMetrics(t, "the spool to be empty", func(m harness.Metrics) bool {
		return m.Has("otelcol_exporter_kinesis_spool_size") && m.Sum("otelcol_exporter_kinesis_oldest_record_age") == 0
	})
	col.Stop(t)
}

// TestKinesisFullSpoolBlocks: senders are told to come again, and when they do and the
// stream is back, all is there.
func TestKinesisFullSpoolBlocks(t *testing.T) {
	t.Parallel()
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 4}})
	fake.Down()
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  kinesis:
		    stream: logs
		    endpoint: {{.url}}
		    encoding: json
		    spool: {directory: {{dir "spool"}}, max_size: 16MiB}
		    accept_timeout: 100ms
		service:
		  pipelines:
		    logs: {receivers: [otlp], exporters: [kinesis]}
	`, harness.With("url", fake.URL()), harness.WithEnv(awsEnv...))
	load := newKeyedLoad(t, 1000, 15)
	load.batch, load.body = 100, strings.Repeat("order placed; ", 150)
	sent := make(chan error, 1)
	go func() { sent <- load.run(t.Context(), "http://"+col.Addr(t, "in")) }()
	require.Eventually(t, func() bool { return load.refused.Load() >= 20 }, time.Minute, 10*time.Millisecond, "senders to be told to come again")
	assert.Less(t, load.confirmed.Load(), int64(15_000))
	fake.Up(t)
	require.NoError(t, <-sent)
	load.requireAll(t, fake, "logs")
	col.Stop(t)
}

// deadLetter is a line of a dead-letter file.
type deadLetter struct {
	Time         time.Time `json:"time"`
	Reason       string    `json:"reason"`
	Stream       string    `json:"stream"`
	PartitionKey string    `json:"partition_key"`
	Records      int       `json:"records"`
	Size         int       `json:"size"`
	Data         string    `json:"data"`
}

func readDeadLetters(t *testing.T, dir string) (all []deadLetter) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			var one deadLetter
			require.NoError(t, json.Unmarshal([]byte(line), &one), "%s", line)
			all = append(all, one)
		}
	}
	return all
}

// TestKinesisFullSpoolAndAnArchiveBeside: with `on_full: dead_letter`, what stands beside
// the exporter goes on, without repeats; what found no room is in the dead letters, all
// the rest in the stream.
func TestKinesisFullSpoolAndAnArchiveBeside(t *testing.T) {
	t.Parallel()
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 4}})
	fake.Down()
	sink := harness.NewSink(t)
	col := harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  kinesis:
		    stream: logs
		    endpoint: {{.url}}
		    encoding: json
		    spool: {directory: {{dir "spool"}}, max_size: 16MiB}
		    accept_timeout: 100ms
		    on_full: dead_letter
		    dead_letter: {directory: {{dir "dead"}}}
		  otlp_http: {endpoint: {{.sink.HTTP}}, sending_queue: {enabled: false}}
		service:
		  pipelines:
		    logs: {receivers: [otlp], exporters: [kinesis, otlp_http]}
	`, harness.With("url", fake.URL()), harness.With("sink", sink), harness.WithEnv(awsEnv...))
	const keys, perKey = 1000, 15
	load := newKeyedLoad(t, keys, perKey)
	load.batch, load.body = 100, strings.Repeat("order placed; ", 150)
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	assert.Zero(t, load.refused.Load(), "senders are not held up")

	archived := make(map[string]int)
	for _, r := range sink.Logs() {
		uid, _ := r.Attributes["log.record.uid"].(string)
		archived[uid]++
	}
	require.Len(t, archived, keys*perKey)
	for uid, n := range archived {
		require.Equal(t, 1, n, "%s in the archive", uid)
	}
	dead := make(map[string]bool)
	for _, letter := range readDeadLetters(t, col.Path("dead")) {
		assert.Equal(t, "no_room", letter.Reason)
		assert.Equal(t, "logs", letter.Stream)
		var d struct {
			UID string `json:"log.record.uid"`
			Key string `json:"request.id"`
		}
		require.NoError(t, json.Unmarshal([]byte(letter.Data), &d), "%s", letter.Data)
		assert.Equal(t, d.Key, letter.PartitionKey)
		assert.False(t, dead[d.UID])
		dead[d.UID] = true
	}
	assert.NotEmpty(t, dead)
	assert.InDelta(t, len(dead), col.Metrics(t).Sum("otelcol_exporter_kinesis_dead_letters", "reason=no_room"), 0)

	fake.Up(t)
	require.Eventually(t, func() bool { return fake.Counts("logs").Stored >= keys*perKey-len(dead) }, time.Minute, 20*time.Millisecond)
	col.Stop(t)
	for _, user := range fake.UserRecords(t, "logs") {
		var d struct {
			UID string `json:"log.record.uid"`
		}
		require.NoError(t, json.Unmarshal(user.Data, &d))
		assert.False(t, dead[d.UID], "%s is in the stream and in the dead letters", d.UID)
		delete(archived, d.UID)
	}
	assert.Len(t, archived, len(dead), "in the stream or in the dead letters")
}

// largeAmongSmall is a request with a record of 2 MiB between two small ones.
func largeAmongSmall(t *testing.T) []byte {
	t.Helper()
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for uid, body := range map[string]string{"small-1": "hi", "large": strings.Repeat("x", 2<<20), "small-2": "ho"} {
		r := records.AppendEmpty()
		r.Body().SetStr(body)
		r.Attributes().PutStr("log.record.uid", uid)
		r.Attributes().PutStr("request.id", "r")
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return body
}

// TestKinesisTooLarge: a record that no shard takes goes to the dead letters or is cut;
// its neighbours go through.
func TestKinesisTooLarge(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"dead_letter", "truncate"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2}})
			col := harness.Start(t, `
				receivers:
				  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
				exporters:
				  kinesis:
				    stream: logs
				    endpoint: {{.url}}
				    encoding: json
				    on_too_large: {{.way}}
				    spool: {directory: {{dir "spool"}}}
				    dead_letter: {directory: {{dir "dead"}}}
				service:
				  pipelines:
				    logs: {receivers: [otlp], exporters: [kinesis]}
			`, harness.With("url", fake.URL()), harness.With("way", way), harness.WithEnv(awsEnv...))
			post(t, "http://"+col.Addr(t, "in")+"/v1/logs", largeAmongSmall(t))
			want := map[string]int{"dead_letter": 2, "truncate": 3}[way]
			require.Eventually(t, func() bool { return fake.Counts("logs").Stored >= want }, time.Minute, 10*time.Millisecond)
			if way == "dead_letter" {
				col.WaitMetrics(t, "the dead letter", func(m harness.Metrics) bool {
					return m.Sum("otelcol_exporter_kinesis_dead_letters", "reason=too_large") == 1
				})
			}
			col.Stop(t)
			bodies := make(map[string]map[string]any)
			for _, user := range fake.UserRecords(t, "logs") {
				var d map[string]any
				require.NoError(t, json.Unmarshal(user.Data, &d))
				assert.LessOrEqual(t, len(user.Data)+len(user.Key), 1<<20)
				uid, _ := d["log.record.uid"].(string)
				bodies[uid] = d
			}
			assert.Contains(t, bodies, "small-1")
			assert.Contains(t, bodies, "small-2")
			letters := readDeadLetters(t, col.Path("dead"))
			if way == "truncate" {
				assert.Empty(t, letters)
				require.Contains(t, bodies, "large")
				assert.InDelta(t, 2<<20, bodies["large"]["heartwood.truncated"], 0, "how long it was")
				cut, _ := bodies["large"]["body"].(string)
				assert.Greater(t, len(cut), 1<<19, "no more is cut than has to be")
				return
			}
			assert.Len(t, bodies, 2)
			require.Len(t, letters, 1)
			assert.Equal(t, "too_large", letters[0].Reason)
			assert.Contains(t, letters[0].Data, strings.Repeat("x", 2<<20), "the whole record is there")
		})
	}
}

// TestKinesisReshards: shards are split and merged while records are on their way.
func TestKinesisReshards(t *testing.T) {
	for _, aggregation := range kinesisAggregations {
		t.Run(aggregation, func(t *testing.T) {
			t.Parallel()
			fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2}})
			fake.Misbehave(kinesisfake.Faults{Seed: 2, RefuseRecords: 0.1, Shuffle: true})
			col := harness.Start(t, kinesisToFake, harness.With("url", fake.URL()), harness.With("aggregation", aggregation), harness.WithEnv(awsEnv...))
			load := newKeyedLoad(t, 500, 0)
			load.batch = 50
			sent := make(chan error, 1)
			go func() { sent <- load.run(t.Context(), "http://"+col.Addr(t, "in")) }()

			c := kinesisfake.NewClient(t, fake.URL())
			// Each shard that is open gets records before the next change.
			waitForAll := func() {
				before := fake.Shards("logs")
				require.Eventually(t, func() bool {
					for i, shard := range fake.Shards("logs") {
						if shard.Open && shard.Stored < before[i].Stored+2 {
							return false
						}
					}
					return true
				}, time.Minute, time.Millisecond)
			}
			waitForAll()
			require.NoError(t, split(t, c, "logs", 0))
			waitForAll()
			require.NoError(t, split(t, c, "logs", 1))
			waitForAll()
			_, err := c.MergeShards(t.Context(), &kinesis.MergeShardsInput{
				StreamName: aws.String("logs"), ShardToMerge: aws.String("shardId-000000000003"), AdjacentShardToMerge: aws.String("shardId-000000000004"),
			})
			require.NoError(t, err)
			waitForAll()
			close(load.stop)
			require.NoError(t, <-sent)
			a := load.requireAll(t, fake, "logs")
			col.Stop(t)
			t.Logf("%d records, %d repeats, %d strays", a.records, a.repeats, a.strays)
			for _, shard := range fake.Shards("logs") {
				assert.Positive(t, shard.Stored, shard.ID)
			}
		})
	}
}

// split divides a shard of a stream, by its number, in the middle.
func split(t *testing.T, c *kinesis.Client, stream string, number int) error {
	t.Helper()
	list, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String(stream)})
	require.NoError(t, err)
	for _, shard := range list.Shards {
		if *shard.ShardId != fmt.Sprintf("shardId-%012d", number) {
			continue
		}
		_, err := c.SplitShard(t.Context(), &kinesis.SplitShardInput{
			StreamName: aws.String(stream), ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(middle(t, shard.HashKeyRange)),
		})
		return err
	}
	return errors.New("there's no such shard")
}

func middle(t *testing.T, of *types.HashKeyRange) string {
	t.Helper()
	first, ok := new(big.Int).SetString(*of.StartingHashKey, 10)
	require.True(t, ok)
	last, ok := new(big.Int).SetString(*of.EndingHashKey, 10)
	require.True(t, ok)
	return first.Add(first, last).Rsh(first, 1).String()
}

// TestKinesisReshardsElsewhere: the same with the server of others, read through
// GetRecords, parents before children.
func TestKinesisReshardsElsewhere(t *testing.T) {
	t.Parallel()
	s := startKinesisServer(t, "kinesis-local")
	s.create(t, "logs", 1)
	col := harness.Start(t, kinesisToFake, harness.With("url", s.url), harness.With("aggregation", "none"), harness.WithEnv(awsEnv...))
	load := newKeyedLoad(t, 50, 20)
	load.batch, load.senders = 25, 1
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	require.Eventually(t, func() bool { return len(s.read(t, "logs")) >= 100 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, split(t, s.client, "logs", 0))
	s.waitActive(t, "logs")
	load.first = 20
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	require.Eventually(t, func() bool { return len(s.read(t, "logs")) >= 2000 }, time.Minute, 100*time.Millisecond)
	col.Stop(t)
	next := make(map[int]int)
	inShard := make(map[string]int)
	for _, r := range s.read(t, "logs") {
		var d struct{ K, N int }
		require.NoError(t, json.Unmarshal(r.Kinesis.Data, &d))
		require.Equal(t, next[d.K], d.N, "key %d", d.K)
		next[d.K]++
		shard, _, _ := strings.Cut(r.EventID, ":")
		inShard[shard]++
	}
	assert.Len(t, inShard, 3, "%v", inShard)
}
