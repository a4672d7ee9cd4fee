package worms3exporter

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

var noon = time.Date(2026, 2, 3, 12, 34, 56, 7, time.UTC)

func TestTheHourIsThatOfTheEventOrOfItsArrival(t *testing.T) {
	at := func(text string) time.Time {
		out, err := time.Parse("2006-01-02 15", text)
		require.NoError(t, err)
		return out
	}
	event := newPartitioner(&configured(t, `{partition: {max_past: 48h, max_future: 1h}}`).Partition)
	arrival := newPartitioner(&configured(t, `{partition: {time: arrival}}`).Partition)
	for _, one := range []struct {
		event time.Time
		want  string
	}{
		{noon.Add(-3 * time.Hour), "2026-02-03 09"},
		{noon.In(time.FixedZone("", 3600)), "2026-02-03 12"},
		{time.Time{}, "2026-02-03 12"},
		{noon.Add(-48 * time.Hour), "2026-02-01 12"},
		{noon.Add(-48*time.Hour - 1), "2026-02-03 12"},
		{noon.Add(time.Hour), "2026-02-03 13"},
		{noon.Add(time.Hour + 1), "2026-02-03 12"},
		{time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), "2026-02-03 12"},
		{time.Unix(0, 1), "2026-02-03 12"},
	} {
		assert.Equal(t, at(one.want), event.hour(one.event, noon), one.event)
		assert.Equal(t, at("2026-02-03 12"), arrival.hour(one.event, noon), one.event)
	}
	assert.True(t, timeOf(0).IsZero())
	assert.True(t, timeOf(1<<63).IsZero(), "beyond the year 2262 there is no time")
	assert.Equal(t, noon, timeOf(pcommon.NewTimestampFromTime(noon)))
}

// TestHoursAreThoseOfTheirTimes: whatever hour was asked for before.
func TestHoursAreThoseOfTheirTimes(t *testing.T) {
	cfg := &partitionConfig{Time: timeEvent, MaxPast: 1 << 62, MaxFuture: 1 << 62}
	assert.Equal(t, time.Unix(0, 0).UTC(), newPartitioner(cfg).hour(time.Unix(5, 0), noon), "the first that is asked for")
	p := newPartitioner(cfg)
	for _, from := range []time.Time{noon, time.Unix(0, 0).UTC(), noon.Add(-24 * time.Hour), time.Unix(-10_000, 5)} {
		for _, step := range []time.Duration{0, 1, time.Minute, -time.Minute, time.Hour - 1, time.Hour, -time.Hour, -time.Hour - 1, 59 * time.Minute, time.Second} {
			from = from.Add(step)
			hour := p.hour(from, noon)
			assert.Equal(t, from.UTC().Truncate(time.Hour), hour, from)
			assert.Equal(t, time.UTC, hour.Location())
		}
	}
}

// TestWhatSendersWriteCannotLeaveItsPlace: whatever an attribute has, it is one part of a
// key.
func TestWhatSendersWriteCannotLeaveItsPlace(t *testing.T) {
	cfg := configured(t, `{partition: {attributes: [Tenant.Name, host.name]}}`)
	require.NoError(t, cfg.Validate())
	p := newPartitioner(&cfg.Partition)
	layout := archive.Layout{Prefix: "logs/"}
	seen := map[string]string{}
	for _, value := range []string{
		"", ".", "..", "../../_log/writers/0", "a/b", "a\\b", "a=b", "\x00\x1f\x7f", "\xff\xfe", "ü\u202e", "%2E", " ",
		strings.Repeat("x", 10_000), strings.Repeat("x", 10_001), strings.Repeat("é", 5_000), strings.Repeat("x", maxPartitionValue+10),
	} {
		resource, item := pcommon.NewMap(), pcommon.NewMap()
		resource.PutStr("Tenant.Name", "not this one")
		item.PutStr("Tenant.Name", value)
		resource.PutInt("host.name", 7)
		got := p.partitions(resource, item)
		require.Len(t, got, 2)
		assert.Equal(t, "tenant_name", got[0].Name)
		assert.Equal(t, archive.Partition{Name: "host_name", Value: "7"}, got[1])
		key := layout.Data(archive.DataKey{Class: "all", Hour: noon, Partitions: got, Writer: "w", Extension: "jsonl"})
		require.LessOrEqual(t, len(key), 1024)
		parts := strings.Split(key, "/")
		require.Len(t, parts, 8, key)
		require.Regexp(t, `^tenant_name=[A-Za-z0-9._%~-]+$`, parts[4])
		require.NotContains(t, parts, "..")
		other, twice := seen[parts[4]]
		assert.False(t, twice, "%.20q and %.20q have one place", value, other)
		seen[parts[4]] = value
		parsed, err := layout.ParseData(key)
		require.NoError(t, err)
		assert.Equal(t, "tenant_name", parsed.Partitions[0].Name)
	}
	nothing := p.partitions(pcommon.NewMap(), pcommon.NewMap())
	assert.Empty(t, nothing[0].Value)
}

func TestPartitionsOfOneKindAreMadeOnce(t *testing.T) {
	p := newPartitioner(&configured(t, `{partition: {attributes: [a]}}`).Partition)
	one, other := pcommon.NewMap(), pcommon.NewMap()
	one.PutStr("a", "1")
	other.PutStr("a", "2")
	got := p.partitions(one, pcommon.NewMap())
	assert.Same(t, &got[0], &p.partitions(one, pcommon.NewMap())[0])
	assert.Equal(t, "2", p.partitions(other, pcommon.NewMap())[0].Value)
	assert.Equal(t, "1", got[0].Value, "what was given stays")
	assert.Nil(t, newPartitioner(&configured(t, `{}`).Partition).partitions(one, other))
}
