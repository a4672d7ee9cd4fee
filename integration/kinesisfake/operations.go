package kinesisfake

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

func (s *Server) createStream(body []byte) (any, *apiError) {
	var in struct {
		StreamName         string
		ShardCount         *int
		MaxRecordSizeInKiB int
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.streams[in.StreamName]; ok {
		return nil, refuse(codeInUse, "Stream %s under account %s already exists.", in.StreamName, account)
	}
	shards := 1
	if in.ShardCount != nil {
		shards = *in.ShardCount
	}
	if in.StreamName == "" || shards < 1 {
		return nil, refuse(codeValidation, "a stream needs a name and shards")
	}
	one := newStream(in.StreamName, shards, &s.settings)
	if in.MaxRecordSizeInKiB > 0 {
		one.maxRecord = in.MaxRecordSizeInKiB << 10
	}
	s.streams[in.StreamName] = one
	return nil, nil
}

func (s *Server) deleteStream(body []byte) (any, *apiError) {
	var in streamName
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in)
	if e != nil {
		return nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, one.name)
	return nil, nil
}

func (s *Server) listStreams([]byte) (any, *apiError) {
	return map[string]any{"StreamNames": s.names(), "HasMoreStreams": false}, nil
}

func (s *Server) describeStreamSummary(body []byte) (any, *apiError) {
	var in streamName
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in)
	if e != nil {
		return nil, e
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return map[string]any{"StreamDescriptionSummary": map[string]any{
		"StreamName": one.name, "StreamARN": one.arn, "StreamStatus": one.status,
		"StreamModeDetails":    map[string]string{"StreamMode": "PROVISIONED"},
		"RetentionPeriodHours": 24, "StreamCreationTimestamp": seconds(one.created),
		"EnhancedMonitoring": []any{}, "EncryptionType": "NONE", "ConsumerCount": 0,
		"OpenShardCount": len(one.openShardsLocked()), "MaxRecordSizeInKiB": one.maxRecord >> 10,
	}}, nil
}

func (s *Server) describeStream(body []byte) (any, *apiError) {
	var in streamName
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in)
	if e != nil {
		return nil, e
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	shards := []any{}
	for _, place := range one.shards {
		shards = append(shards, place.description())
	}
	return map[string]any{"StreamDescription": map[string]any{
		"StreamName": one.name, "StreamARN": one.arn, "StreamStatus": one.status, "Shards": shards,
		"HasMoreShards": false, "RetentionPeriodHours": 24, "StreamCreationTimestamp": seconds(one.created),
		"EnhancedMonitoring": []any{}, "EncryptionType": "NONE",
	}}, nil
}

func (s *Server) updateMaxRecordSize(body []byte) (any, *apiError) {
	var in struct {
		streamName
		MaxRecordSizeInKiB int
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in.streamName)
	if e != nil {
		return nil, e
	}
	if size := in.MaxRecordSizeInKiB << 10; size < maxRecord || size > largestSize {
		return nil, refuse(codeValidation, "MaxRecordSizeInKiB %d", in.MaxRecordSizeInKiB)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.maxRecord = in.MaxRecordSizeInKiB << 10
	return nil, nil
}

// listShards gives the shards in pages, open and closed ones, unless the filter wants
// the open ones alone.
func (s *Server) listShards(body []byte) (any, *apiError) {
	var in struct {
		streamName
		NextToken             string
		ExclusiveStartShardId string //nolint:revive // the name on the wire
		MaxResults            int
		ShardFilter           struct{ Type string }
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	after, latest := in.ExclusiveStartShardId, in.ShardFilter.Type == "AT_LATEST"
	if in.NextToken != "" {
		if in.StreamName != "" {
			return nil, refuse(codeInvalid, "NextToken and StreamName cannot be provided together.")
		}
		token, err := base64.StdEncoding.DecodeString(in.NextToken)
		parts := strings.Split(string(token), "|")
		if err != nil || len(parts) != 3 {
			return nil, refuse("ExpiredNextTokenException", "NextToken is invalid")
		}
		in.StreamName, after, latest = parts[0], parts[1], parts[2] == "latest"
	}
	one, e := s.find(in.streamName)
	if e != nil {
		return nil, e
	}
	if in.MaxResults == 0 {
		in.MaxResults = 1000
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	shards := one.shards
	if latest {
		shards = one.openShardsLocked()
	}
	list := []any{}
	out := map[string]any{}
	last := ""
	for _, one2 := range shards {
		if one2.id <= after {
			continue
		}
		if len(list) == in.MaxResults {
			kind := "all"
			if latest {
				kind = "latest"
			}
			out["NextToken"] = base64.StdEncoding.EncodeToString([]byte(one.name + "|" + last + "|" + kind))
			break
		}
		list = append(list, one2.description())
		last = one2.id
	}
	out["Shards"] = list
	return out, nil
}

func (s *shard) description() map[string]any {
	numbers := map[string]string{"StartingSequenceNumber": sequence(s.index, s.opened)}
	if s.closed != 0 {
		numbers["EndingSequenceNumber"] = sequence(s.index, s.closed)
	}
	d := map[string]any{
		"ShardId":             s.id,
		"HashKeyRange":        map[string]string{"StartingHashKey": s.first.String(), "EndingHashKey": s.last.String()},
		"SequenceNumberRange": numbers,
	}
	if len(s.parents) > 0 {
		d["ParentShardId"] = s.parents[0]
	}
	if len(s.parents) > 1 {
		d["AdjacentParentShardId"] = s.parents[1]
	}
	return d
}

func (s *Server) splitShard(body []byte) (any, *apiError) {
	var in struct {
		streamName
		ShardToSplit, NewStartingHashKey string
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in.streamName)
	if e != nil {
		return nil, e
	}
	from, ok := new(big.Int).SetString(in.NewStartingHashKey, 10)
	if !ok {
		return nil, refuse(codeValidation, "NewStartingHashKey %q", in.NewStartingHashKey)
	}
	return nil, one.split(in.ShardToSplit, from)
}

func (s *Server) mergeShards(body []byte) (any, *apiError) {
	var in struct {
		streamName
		ShardToMerge, AdjacentShardToMerge string
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in.streamName)
	if e != nil {
		return nil, e
	}
	return nil, one.merge(in.ShardToMerge, in.AdjacentShardToMerge)
}

// iterator is a place in a shard, as it is handed to a reader.
type iterator struct {
	Stream, Shard string
	After         uint64 // the order of the last record that was read
}

func (i iterator) text() (string, *apiError) {
	b, err := json.Marshal(i)
	if err != nil {
		return "", refuse(codeInternal, "%v", err)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func (s *Server) getShardIterator(body []byte) (any, *apiError) {
	var in struct {
		streamName
		ShardId                string //nolint:revive // the name on the wire
		ShardIteratorType      string
		StartingSequenceNumber string
		Timestamp              float64
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	one, e := s.find(in.streamName)
	if e != nil {
		return nil, e
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	from, e := one.shardLocked(in.ShardId)
	if e != nil {
		return nil, e
	}
	at := iterator{Stream: one.name, Shard: from.id}
	// skip puts the place before the first record that is wanted.
	skip := func(wanted func(Stored) bool) {
		at.After = one.order
		if i := slices.IndexFunc(from.records, wanted); i >= 0 {
			at.After = from.records[i].Order - 1
		}
	}
	switch in.ShardIteratorType {
	case "TRIM_HORIZON":
	case "LATEST":
		at.After = one.order
	case "AT_SEQUENCE_NUMBER":
		skip(func(r Stored) bool { return r.Sequence >= in.StartingSequenceNumber })
	case "AFTER_SEQUENCE_NUMBER":
		skip(func(r Stored) bool { return r.Sequence > in.StartingSequenceNumber })
	case "AT_TIMESTAMP":
		skip(func(r Stored) bool { return seconds(r.At) >= in.Timestamp })
	default:
		return nil, refuse(codeValidation, "ShardIteratorType %q", in.ShardIteratorType)
	}
	text, e := at.text()
	if e != nil {
		return nil, e
	}
	return map[string]string{"ShardIterator": text}, nil
}

// getRecords gives what follows an iterator, at most 10,000 records and 10 MiB.
func (s *Server) getRecords(body []byte) (any, *apiError) {
	var in struct {
		ShardIterator string
		Limit         int
	}
	if e := decode(body, &in); e != nil {
		return nil, e
	}
	var at iterator
	text, err := base64.StdEncoding.DecodeString(in.ShardIterator)
	if err != nil || json.Unmarshal(text, &at) != nil {
		return nil, refuse(codeInvalid, "Invalid ShardIterator.")
	}
	one, e := s.find(streamName{StreamName: at.Stream})
	if e != nil {
		return nil, e
	}
	if in.Limit <= 0 || in.Limit > 10_000 {
		in.Limit = 10_000
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	from, e := one.shardLocked(at.Shard)
	if e != nil {
		return nil, e
	}
	first, _ := slices.BinarySearchFunc(from.records, at.After+1, func(r Stored, order uint64) int {
		return int(int64(r.Order) - int64(order))
	})
	records := []any{}
	size, i := 0, first
	for ; i < len(from.records) && len(records) < in.Limit; i++ {
		r := from.records[i]
		if size += len(r.Data) + len(r.Key); size > maxCall && len(records) > 0 {
			break
		}
		records = append(records, map[string]any{
			"SequenceNumber": r.Sequence, "ApproximateArrivalTimestamp": seconds(r.At),
			"Data": r.Data, "PartitionKey": r.Key, "EncryptionType": "NONE",
		})
		at.After = r.Order
	}
	out := map[string]any{"Records": records, "MillisBehindLatest": 0}
	atEnd := i == len(from.records)
	if !atEnd {
		out["MillisBehindLatest"] = time.Since(from.records[i].At).Milliseconds()
	}
	if atEnd && from.closed != 0 {
		out["ChildShards"] = one.childrenLocked(from.id)
		return out, nil
	}
	next, e := at.text()
	if e != nil {
		return nil, e
	}
	out["NextShardIterator"] = next
	return out, nil
}

func (s *stream) childrenLocked(parent string) []any {
	children := []any{}
	for _, one := range s.shards {
		if slices.Contains(one.parents, parent) {
			children = append(children, map[string]any{
				"ShardId": one.id, "ParentShards": one.parents,
				"HashKeyRange": map[string]string{"StartingHashKey": one.first.String(), "EndingHashKey": one.last.String()},
			})
		}
	}
	return children
}

// seconds is how AWS JSON writes a time.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
