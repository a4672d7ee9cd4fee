package worms3exporter

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

// partitioner says in which partition of the archive a record is. It is for one goroutine
// at a time.
type partitioner struct {
	cfg   *partitionConfig
	names []string // in keys, one for each attribute

	// last are the partitions of the record before: those of one resource are often alike.
	last []archive.Partition
	// lastHour is what hour gave last, in seconds since 1970 hourStart.
	lastHour  time.Time
	hourStart int64
}

func newPartitioner(cfg *partitionConfig) *partitioner {
	p := &partitioner{cfg: cfg}
	for _, attribute := range cfg.Attributes {
		p.names = append(p.names, partitionName(attribute))
	}
	return p
}

// partitionName is what a partition by an attribute is called in keys: what reads them
// takes it for a column's name.
func partitionName(attribute string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, attribute)
}

// timeOf is a time as records have it; zero is none. Beyond what an int64 holds there is
// none either.
func timeOf(at pcommon.Timestamp) time.Time {
	if at == 0 || int64(at) < 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(at)).UTC()
}

// hour is the time that dt and hour are of.
func (p *partitioner) hour(event, arrival time.Time) time.Time {
	at := arrival
	if p.cfg.Time == timeEvent && !event.IsZero() &&
		!event.Before(arrival.Add(-p.cfg.MaxPast)) && !event.After(arrival.Add(p.cfg.MaxFuture)) {
		at = event
	}
	if since := at.Unix() - p.hourStart; since < 0 || since >= 3600 || p.lastHour.IsZero() {
		p.lastHour = at.UTC().Truncate(time.Hour)
		p.hourStart = p.lastHour.Unix()
	}
	return p.lastHour
}

// maxPartitionValue is enough of a value to know it by: what a key has of it is shorter,
// and its hash would be of what is cut off here.
const maxPartitionValue = 64 << 10

// partitions gives those by attributes of the item, or of its resource. They are the
// archiver's to keep.
func (p *partitioner) partitions(resource, item pcommon.Map) []archive.Partition {
	if len(p.names) == 0 {
		return nil
	}
	same := p.last != nil
	for i, attribute := range p.cfg.Attributes {
		if same && p.last[i].Value != partitionValue(resource, item, attribute) {
			same = false
		}
	}
	if same {
		return p.last
	}
	out := make([]archive.Partition, len(p.names))
	for i, attribute := range p.cfg.Attributes {
		// What came in is the caller's memory, and these outlive it.
		out[i] = archive.Partition{Name: p.names[i], Value: strings.Clone(partitionValue(resource, item, attribute))}
	}
	p.last = out
	return out
}

func partitionValue(resource, item pcommon.Map, attribute string) string {
	v, ok := item.Get(attribute)
	if !ok {
		v, ok = resource.Get(attribute)
	}
	if !ok {
		return ""
	}
	text := textOf(v)
	return text[:min(len(text), maxPartitionValue)]
}

func textOf(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return v.AsString()
}
