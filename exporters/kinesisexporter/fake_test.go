package kinesisexporter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/kplrecord"
)

// fake is a server that speaks as much of Kinesis as the exporter does. One that
// misbehaves in all ways is in integration/.
type fake struct {
	*httptest.Server

	// Set before the exporter starts.
	shards int
	// maxRecordKiB is what DescribeStreamSummary says; 0: nothing.
	maxRecordKiB int
	// before may answer a call itself: with a status other than 0.
	before func(operation string, call int) (status int, code, message string)
	// refuse may refuse a record.
	refuse func(r fakeRecord) (code string)

	mu      sync.Mutex
	calls   map[string]int
	status  string
	records []fakeRecord
	agents  map[string]bool
	signers map[string]bool
	tokens  []string
	names   map[string]bool // of the stream, as it was called
}

type fakeRecord struct {
	Data            []byte
	PartitionKey    string
	ExplicitHashKey string
}

func newFake(tb testing.TB) *fake {
	tb.Helper()
	f := &fake{shards: 2, status: "ACTIVE", calls: map[string]int{}, agents: map[string]bool{}, signers: map[string]bool{}, names: map[string]bool{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	tb.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "Kinesis_20131202.")
	var in struct {
		StreamName, StreamARN, NextToken string
		Records                          []fakeRecord
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail(w, 400, "SerializationException", err.Error())
		return
	}
	f.mu.Lock()
	f.calls[operation]++
	call := f.calls[operation]
	f.agents[r.Header.Get("User-Agent")] = true
	f.signers[r.Header.Get("Authorization")] = true
	if in.StreamName+in.StreamARN != "" {
		f.names[in.StreamName+in.StreamARN] = true
	}
	status := f.status
	f.mu.Unlock()
	if f.before != nil {
		if status, code, message := f.before(operation, call); status != 0 {
			fail(w, status, code, message)
			return
		}
	}
	switch operation {
	case "DescribeStreamSummary":
		summary := map[string]any{"StreamStatus": status, "StreamName": in.StreamName, "OpenShardCount": f.shards}
		if f.maxRecordKiB > 0 {
			summary["MaxRecordSizeInKiB"] = f.maxRecordKiB
		}
		answer(w, map[string]any{"StreamDescriptionSummary": summary})
	case "ListShards":
		f.listShards(w, in.NextToken)
	case "PutRecords":
		f.putRecords(w, in.Records)
	default:
		fail(w, 400, "UnknownOperationException", operation)
	}
}

// listShards gives one shard a page.
func (f *fake) listShards(w http.ResponseWriter, token string) {
	page := 0
	if token != "" {
		_, _ = fmt.Sscan(token, &page)
	}
	f.mu.Lock()
	f.tokens = append(f.tokens, token)
	f.mu.Unlock()
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	edge := func(n int) *big.Int {
		e := new(big.Int).Mul(all, big.NewInt(int64(n)))
		return e.Div(e, big.NewInt(int64(f.shards)))
	}
	out := map[string]any{"Shards": []any{map[string]any{
		"ShardId": fmt.Sprintf("shardId-%012d", page),
		"HashKeyRange": map[string]string{
			"StartingHashKey": edge(page).String(),
			"EndingHashKey":   new(big.Int).Sub(edge(page+1), big.NewInt(1)).String(),
		},
		"SequenceNumberRange": map[string]string{"StartingSequenceNumber": "1"},
	}}}
	if page+1 < f.shards {
		out["NextToken"] = strconv.Itoa(page + 1)
	}
	answer(w, out)
}

func (f *fake) putRecords(w http.ResponseWriter, records []fakeRecord) {
	type result struct {
		ErrorCode, ErrorMessage, SequenceNumber, ShardId string `json:",omitempty"` //nolint:revive // Kinesis's name
	}
	var results []result
	failed := 0
	f.mu.Lock()
	for _, r := range records {
		if f.refuse != nil {
			if code := f.refuse(r); code != "" {
				failed++
				results = append(results, result{ErrorCode: code, ErrorMessage: "refused by the test"})
				continue
			}
		}
		f.records = append(f.records, r)
		results = append(results, result{SequenceNumber: strconv.Itoa(len(f.records)), ShardId: f.shardOf(r)})
	}
	f.mu.Unlock()
	answer(w, map[string]any{"FailedRecordCount": failed, "Records": results})
}

func (f *fake) shardOf(r fakeRecord) string {
	hash := hashOf(r.PartitionKey)
	n := new(big.Int).SetBytes(hash[:])
	if r.ExplicitHashKey != "" {
		n.SetString(r.ExplicitHashKey, 10)
	}
	n.Mul(n, big.NewInt(int64(f.shards)))
	return fmt.Sprintf("shardId-%012d", n.Rsh(n, 128).Int64())
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

func (f *fake) count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[operation]
}

func (f *fake) setStatus(status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

// users are the user records in the stream, aggregates taken apart.
func (f *fake) users(tb testing.TB) []fakeRecord {
	tb.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var users []fakeRecord
	for _, r := range f.records {
		var aggregate kplrecord.Reader
		if aggregate.Reset(r.Data) != nil {
			users = append(users, r)
			continue
		}
		for u, ok := aggregate.Next(); ok; u, ok = aggregate.Next() {
			assert.Equal(tb, f.shardOf(r), f.shardOf(fakeRecord{PartitionKey: string(u.Key)}), "AWS's libraries drop what is of another shard")
			users = append(users, fakeRecord{PartitionKey: string(u.Key), Data: bytes.Clone(u.Data)})
		}
	}
	return users
}

// byKey are the data of the user records of each key, in their order.
func (f *fake) byKey(tb testing.TB) map[string][]string {
	tb.Helper()
	keys := map[string][]string{}
	for _, u := range f.users(tb) {
		keys[u.PartitionKey] = append(keys[u.PartitionKey], string(u.Data))
	}
	return keys
}

func (f *fake) await(tb testing.TB, users int) {
	tb.Helper()
	require.Eventually(tb, func() bool { return len(f.users(tb)) >= users }, 20*time.Second, time.Millisecond)
	assert.Len(tb, f.users(tb), users)
}
