package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/internal/kplrecord"
)

// putRecords calls the stream as AWS's client does.
func putRecords(t *testing.T, s *stream, data ...[]byte) *httptest.ResponseRecorder {
	t.Helper()
	var records []string
	for i, d := range data {
		records = append(records, fmt.Sprintf(`{"Data":%q,"PartitionKey":"k%d"}`, base64.StdEncoding.EncodeToString(d), i))
	}
	body := `{"Records":[` + strings.Join(records, ",") + `],"StreamName":"bench"}`
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestStreamCounts(t *testing.T) {
	s := newStream(false)
	w := putRecords(t, s, []byte(`{"message":"one mark=000000000007"}`), []byte(`{"message":"two"}`))
	require.Equal(t, http.StatusOK, w.Code)
	var answer struct {
		FailedRecordCount int
		Records           []struct{ SequenceNumber, ShardID string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	assert.Len(t, answer.Records, 2)
	assert.Zero(t, answer.FailedRecordCount)
	assert.Equal(t, 2, s.count())
	assert.Contains(t, s.seen, 7)
	assert.Equal(t, 2, s.units)

	var kpl kplrecord.Writer
	for i := range 5 {
		kpl.Add([]byte("key"), nil, fmt.Appendf(nil, "record %d mark=%012d", i, 10+i))
	}
	require.Equal(t, http.StatusOK, putRecords(t, s, kpl.AppendTo(nil)).Code)
	assert.Equal(t, 7, s.count())
	assert.Len(t, s.seen, 6)
	require.Equal(t, http.StatusOK, putRecords(t, s, kpl.AppendTo(nil)).Code)
	assert.Equal(t, 7, s.count(), "what comes again counts once")
	assert.Equal(t, 12, s.brought)
	require.NoError(t, s.err)
	assert.Equal(t, http.StatusBadRequest, putRecords(t, s, []byte("mark=12")).Code)
	require.Error(t, s.err, "a mark that is cut off")
}

// TestStreamCountsOTLP: of upstream's requests each log record counts.
func TestStreamCountsOTLP(t *testing.T) {
	s := newStream(true)
	tmpl, err := newTemplate(0, 300, time.Now())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, putRecords(t, s, tmpl.appendRequest(nil, 3), tmpl.appendRequest(nil, 4)).Code)
	assert.Equal(t, 2*batchRecords, s.count())
	assert.Contains(t, s.seen, 3)
	assert.Contains(t, s.seen, 4)
}

// TestShards: a record is placed as by the fake of Kinesis.
func TestShards(t *testing.T) {
	fake := kinesisfake.New(kinesisfake.Settings{Streams: map[string]int{streamName: shards}})
	explicit := new(big.Int).Lsh(big.NewInt(11), 124).String()
	for key, hash := range map[string]string{"a": "", "b": "", "c": explicit} {
		record := fmt.Sprintf(`{"Data":"AAAA","PartitionKey":%q}`, key)
		if hash != "" {
			record = fmt.Sprintf(`{"Data":"AAAA","PartitionKey":%q,"ExplicitHashKey":%q}`, key, hash)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"Records":[`+record+`],"StreamName":"bench"}`))
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
		r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		assert.Contains(t, w.Body.String(), fmt.Sprintf("shardId-%012d", shardOf(key, hash)), "%s", key)
	}
	assert.Equal(t, 11, shardOf("c", explicit))
}

func TestBucketCounts(t *testing.T) {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	object := w.EncodeAll([]byte("one\ntwo\nand\n"), nil)
	object = w.EncodeAll([]byte("three\n"), object)
	lines, size, err := countLines(object)
	require.NoError(t, err)
	assert.Equal(t, 4, lines)
	assert.Equal(t, 18, size)
	_, _, err = countLines(object[:len(object)-1])
	require.Error(t, err)
}

func TestMetricsCount(t *testing.T) {
	s := newMetricSink()
	for _, total := range []int64{3, 8} { // cumulative: the last one counts
		metrics := pmetric.NewMetrics()
		m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(countedMetric)
		points := m.SetEmptySum().DataPoints()
		points.AppendEmpty().SetIntValue(total)
		other := points.AppendEmpty()
		other.SetDoubleValue(2)
		other.Attributes().PutStr("log.severity", "ERROR")
		body, err := pmetricotlp.NewExportRequestFromMetrics(metrics).MarshalProto()
		require.NoError(t, err)
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/metrics", bytes.NewReader(body)))
	}
	n, err := s.count()
	require.NoError(t, err)
	assert.Equal(t, 10, n)
}

func TestProc(t *testing.T) {
	took, err := parseStat("12 (a ) b) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 200 300")
	require.NoError(t, err)
	assert.Equal(t, 3*time.Second, took)
	_, err = parseStat("12 (a) S 1")
	require.Error(t, err)
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i)*time.Millisecond)
	}
	assert.InDelta(t, 51, percentile(all, 50), 0.01)
	assert.InDelta(t, 100, percentile(all, 99), 0.01)
	assert.Zero(t, percentile(nil, 50))
}
