package kinesisfake_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// aggregate was made by AWS's aws-kinesis-agg 1.2.3 for Python: order-1 with {"n":1},
// order-2 with {"n":2} and the hash key 2^127, order-1 with grüße.
var aggregate, _ = hex.DecodeString("f3899ac20a076f726465722d310a076f726465722d3212273137303134313138333436303436393233313733313638373330333731353838343130353732381a0b08001a077b226e223a317d1a0d080110001a077b226e223a327d1a0b08001a076772c3bcc39f6573082ddcfe3e864b9304901a33247088")

func TestAggregatesAreTakenApart(t *testing.T) {
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
	_, err := put(t, kinesisfake.NewClient(t, fake.URL()), []types.PutRecordsRequestEntry{
		entry("k", "before"), {PartitionKey: aws.String("order-1"), Data: aggregate}, entry("k", "\xf3\x89"),
	})
	require.NoError(t, err)
	users := fake.UserRecords(t, "s")
	require.Len(t, users, 5)
	for i, want := range []kinesisfake.UserRecord{
		{Key: "k", Data: []byte("before")},
		{Key: "order-1", Data: []byte(`{"n":1}`), Aggregated: true},
		{Key: "order-2", HashKey: "170141183460469231731687303715884105728", Data: []byte(`{"n":2}`), Aggregated: true},
		{Key: "order-1", Data: []byte("grüße"), Aggregated: true},
		{Key: "k", Data: []byte("\xf3\x89")},
	} {
		want.Shard, want.Call, want.Order, want.At = "shardId-000000000000", 1, users[i].Order, users[i].At
		assert.Equal(t, want, users[i])
	}
	assert.Equal(t, 3, fake.Counts("s").Stored)
}

// failing is a test that is expected to fail.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Fatalf(string, ...any) { f.failed = true; panic(f) }

func fails(t *testing.T, fake *kinesisfake.Running) (failed bool) {
	t.Helper()
	tb := &failing{TB: t}
	defer func() {
		if recover() != nil {
			failed = tb.failed
		}
	}()
	fake.UserRecords(tb, "s")
	return false
}

func TestDamagedAggregatesFailTheTest(t *testing.T) {
	flipped := bytes.Clone(aggregate)
	flipped[20] ^= 1
	for name, data := range map[string][]byte{
		"checksum": flipped, "cut off": aggregate[:len(aggregate)-1], "magic alone": aggregate[:4],
	} {
		fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 1}})
		_, err := put(t, kinesisfake.NewClient(t, fake.URL()), []types.PutRecordsRequestEntry{{PartitionKey: aws.String("k"), Data: data}})
		require.NoError(t, err)
		assert.True(t, fails(t, fake), name)
	}
}

// TestStrayUserRecordsFailTheTest: of an aggregate's records, one belongs to the second
// shard, the others to the first, so that it is wrong in either.
func TestStrayUserRecordsFailTheTest(t *testing.T) {
	for _, hash := range []string{"0", "170141183460469231731687303715884105728"} {
		fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"s": 2}})
		_, err := put(t, kinesisfake.NewClient(t, fake.URL()), []types.PutRecordsRequestEntry{
			{PartitionKey: aws.String("order-1"), Data: aggregate, ExplicitHashKey: aws.String(hash)},
		})
		require.NoError(t, err)
		assert.True(t, fails(t, fake))
		users, err := fake.Read("s")
		require.NoError(t, err)
		strays := 0
		for _, user := range users {
			if user.Stray {
				strays++
			}
		}
		assert.Equal(t, 3, strays)
	}
}
