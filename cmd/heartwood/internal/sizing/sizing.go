// Package sizing says what a gateway needs at a rate of records: cores, memory, disk for an
// outage, shards, requests of S3, and dollars. docs/sizing.md has the formulas, and a table
// that a test holds to this.
package sizing

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/archiveplan"
	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/period"
)

// Load is what comes in.
type Load struct {
	Rate float64 // records a second
	Size float64 // of a record, what it says, in bytes
	Fold Fold
}

// Fold is a setting.
type Fold int

// The settings, as docs/performance.md has measured them.
const (
	Plain Fold = iota
	FoldMemory
	FoldJournal
)

func (f Fold) String() string {
	return [...]string{"without folding", "folding in memory", "folding with its journal"}[f]
}

// Measured is what `go -C benchmarks run ./gateway` found, the medians of
// docs/performance.md.
type Measured struct {
	// Cost is the CPU time of a record of 300 bytes and of one of 1,000, in µs, by setting.
	Cost [3][2]float64
	// Memory is the peak of a gateway that is given all that it can take, in MiB, some
	// seconds after its start.
	Memory [3]float64
	// JSON is what a record has as a document beside what it says, in bytes; Folded is
	// which part of the documents of its records an event has.
	JSON, Folded float64
	// EventRecords are folded into one event.
	EventRecords float64
	// Ratio is how many times smaller the archive's compression makes it.
	Ratio float64
	// Aggregate is what a record takes in an aggregate of Kinesis, as a part of its
	// document.
	Aggregate float64
}

// Prices in US dollars.
type Prices struct {
	ShardHour       float64 // of a provisioned stream
	MillionUnits    float64 // PUT payload units of 25 KB
	S3              archiveplan.Prices
	CoreHour        float64
	GiBMonthOfDisk  float64
	DaysInTheBucket int
}

// DefaultPrices are list prices of us-east-1; the core is half of an m7g.large, the disk gp3.
var DefaultPrices = Prices{
	ShardHour: 0.015, MillionUnits: 0.014, S3: archiveplan.DefaultPrices, CoreHour: 0.0408, GiBMonthOfDisk: 0.08, DaysInTheBucket: 90,
}

const (
	// busy is how much of a core is used: the rest is for what comes at once, and for
	// catching up behind an outage.
	busy = 0.6
	// coresEach are those of one gateway. What was measured had one and two.
	coresEach = 2
	// shardRecords and shardBytes are what a shard takes in a second, shardUse is how much
	// of it is planned for.
	shardRecords = 1000
	shardBytes   = 1e6
	shardUse     = 0.8
	unit         = 25 << 10
	// spoolOverhead is what a spool has beside the documents: frames, ids, keys.
	spoolOverhead = 1.15
	idleTimeout   = 5 // s: event_fold's default
	hoursOfMonth  = 730
	// Of worm_s3: repeat_window in seconds, max_remembered, and what one takes in bytes, and
	// in a table that has a power of two.
	repeatWindow   = 15 * 60
	maxRemembered  = 4 << 20
	rememberedEach = 24
	inTableEach    = 16
)

// Needs are what a load takes.
type Needs struct {
	Cores    float64 // at 100 %, as measured
	Gateways int     // of two cores each, used to 60 %
	Memory   float64 // MiB of each gateway
	Disk     float64 // bytes of each gateway, for an hour in which neither stream nor bucket takes anything
	// Shards without aggregation, and with it. Units are PUT payload units a second.
	Shards, AggregatedShards int
	Units, AggregatedUnits   float64
	Puts                     float64 // requests of S3 in a second
	// Dollars of a million records: Kinesis with aggregates, S3's requests, its storage for
	// the days, the gateways with their disks.
	Kinesis, Requests, Storage, Gateway float64
}

// Dollars are all of them.
func (n *Needs) Dollars() float64 { return n.Kinesis + n.Requests + n.Storage + n.Gateway }

// cost is the CPU time of a record in µs: linear in its size, through the two that were
// measured.
func (m *Measured) cost(l Load) float64 {
	c := m.Cost[l.Fold]
	return c[0] + (c[1]-c[0])*(l.Size-300)/700
}

// remembered is what worm_s3 knows of what it has had, in bytes, for records that come in a
// second.
func remembered(rate float64) float64 {
	known := min(rate*repeatWindow, maxRemembered)
	return rememberedEach*known + inTableEach*math.Pow(2, math.Ceil(math.Log2(max(known, 1))))
}

// Of gives what a load needs.
func (m *Measured) Of(l Load, p Prices) (Needs, error) {
	if !(l.Rate > 0) || !(l.Size >= 100 && l.Size <= 1<<20) || l.Fold < Plain || l.Fold > FoldJournal {
		return Needs{}, errors.New("a rate above 0, a size from 100 bytes to 1 MiB and a setting are needed")
	}
	n := Needs{Cores: l.Rate * m.cost(l) / 1e6}
	n.Gateways = max(1, int(math.Ceil(n.Cores/busy/coresEach)))
	each := l.Rate / float64(n.Gateways)
	document := l.Size + m.JSON
	out, records := document, l.Rate // of a record, and what leaves in a second
	n.Memory = m.Memory[l.Fold]
	if l.Fold != Plain {
		out, records = document*m.Folded, l.Rate/m.EventRecords
	}
	n.Memory += remembered(records/float64(n.Gateways)) / (1 << 20)
	bytes := l.Rate * out // of documents that leave in a second
	// The two spools, and what of the journal waits in an hour is in them.
	n.Disk = 2 * each * out * spoolOverhead * time.Hour.Seconds()
	if l.Fold == FoldJournal {
		n.Disk += each * l.Size * idleTimeout * 2
	}
	perRecord := bytes / records
	n.Shards = max(1, int(math.Ceil(max(records/shardRecords, bytes/shardBytes)/shardUse)))
	n.AggregatedShards = max(1, int(math.Ceil(bytes*m.Aggregate/shardBytes/shardUse)))
	n.Units = records * math.Ceil(perRecord/unit)
	n.AggregatedUnits = max(bytes*m.Aggregate/unit, min(records, float64(n.AggregatedShards))) // a call each second and shard at least, if anything comes
	plans, err := archiveplan.Make([]archiveplan.Exporter{{
		ID: "worm_s3", Encoding: "json", Compression: "zstd", MaxObjectSize: 64 * bytesize.MiB, MaxObjectAge: 5 * time.Minute, MaxWait: time.Hour,
		CheckpointInterval: 5 * time.Minute, VerifyShare: 1,
		Rules: []archiveplan.Rule{{Name: "application", Mode: "GOVERNANCE", StorageClass: "STANDARD", Period: mustDays(p.DaysInTheBucket)}},
	}}, archiveplan.Load{Volume: bytes * 86400, Line: perRecord, Ratio: m.Ratio, Writers: n.Gateways}, p.S3, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return Needs{}, fmt.Errorf("the archive: %w", err)
	}
	class := p.S3.Classes["STANDARD"]
	million := 1e6 / l.Rate // seconds
	var stored, heads float64
	for _, row := range plans[0].Rows {
		n.Puts += (row.PutsPerDay + row.ListsPerDay) / 86400
		heads += row.HeadsPerDay / 86400
		stored += row.StoredPerDay / 86400
	}
	n.Requests = million * (n.Puts*class.Put + heads*class.Get) / 1000
	n.Storage = million * stored / (1 << 30) * class.Storage * float64(p.DaysInTheBucket) / 30
	n.Kinesis = million * (float64(n.AggregatedShards)*p.ShardHour/3600 + n.AggregatedUnits/1e6*p.MillionUnits)
	n.Gateway = million * float64(n.Gateways) * (coresEach*p.CoreHour/3600 + n.Disk/(1<<30)*p.GiBMonthOfDisk/hoursOfMonth/3600)
	return n, nil
}

func mustDays(n int) period.Period {
	p, err := period.Days(n)
	if err != nil {
		return period.Period{}
	}
	return p
}
