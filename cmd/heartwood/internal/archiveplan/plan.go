package archiveplan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/period"
)

const (
	daysOfYear    = 365
	secondsOfDay  = 24 * 60 * 60
	monthsOfYear  = 12
	hashSize      = 32  // of a leaf in a tile
	tileWidth     = 256 // hashes of a tile
	smallObject   = 2 << 10
	leavesLevels  = 1 + 1.0/tileWidth + 1.0/tileWidth/tileWidth // tiles above tiles
	objectEntry   = 700                                         // bytes of an object in a manifest
	filterPerLine = 10.0 / 8                                    // bytes of a filter for a record, if each has an id of its own
)

// Load is what is to be archived.
type Load struct {
	// Volume is JSON, not compressed, in bytes a day.
	Volume float64
	// Line is the size of a record, in bytes.
	Line float64
	// Ratio is how many times smaller it is when compressed.
	Ratio float64
	// Writers are the exporters among which it is spread evenly.
	Writers int
	// Shares are the parts of it that fall under rules, from 0 to 1. The rest is spread
	// evenly over the rules that are not named.
	Shares map[string]float64
}

// ParseVolume reads "50GB/day", "2GiB/hour", "1MB/s": in bytes a day.
func ParseVolume(text string) (float64, error) {
	size, unit, found := strings.Cut(text, "/")
	perDay, known := map[string]float64{"day": 1, "d": 1, "hour": 24, "h": 24, "minute": 1440, "min": 1440, "s": secondsOfDay, "second": secondsOfDay}[unit]
	if !found || !known {
		return 0, fmt.Errorf("volume %q is not of the form 50GB/day; times are day, hour, minute and s", text)
	}
	n, err := bytesize.Parse(size)
	if err != nil {
		return 0, fmt.Errorf("volume %q: %w", text, err)
	}
	if n <= 0 {
		return 0, fmt.Errorf("volume %q is nothing", text)
	}
	return float64(n) * perDay, nil
}

// ParseShare reads "audit=5%" into the load.
func (l *Load) ParseShare(text string) error {
	name, value, found := strings.Cut(text, "=")
	percent, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
	if !found || name == "" || err != nil || !strings.HasSuffix(value, "%") || !(percent >= 0 && percent <= 100) {
		return fmt.Errorf("share %q is not of the form audit=5%%", text)
	}
	if l.Shares == nil {
		l.Shares = map[string]float64{}
	}
	if _, twice := l.Shares[name]; twice {
		return fmt.Errorf("share %q: %s has one already", text, name)
	}
	l.Shares[name] = percent / 100
	return nil
}

// Row is what comes of a rule, or of what is under _log/.
type Row struct {
	Rule         string    `json:"rule"`
	Mode         string    `json:"mode"`
	Period       string    `json:"period"`
	Days         int       `json:"days"`
	LockedUntil  time.Time `json:"locked_until"`
	StorageClass string    `json:"storage_class"`
	Share        float64   `json:"share,omitempty"`
	// StoredPerDay are bytes, PutsPerDay, ListsPerDay and HeadsPerDay requests.
	StoredPerDay float64 `json:"stored_bytes_per_day"`
	PutsPerDay   float64 `json:"puts_per_day"`
	ListsPerDay  float64 `json:"lists_per_day"`
	HeadsPerDay  float64 `json:"heads_per_day"`
	// FirstYear and SteadyYear are US dollars: in the year in which the archive begins, and
	// in one in which as much leaves it as comes.
	FirstYear  float64 `json:"first_year_usd"`
	SteadyYear float64 `json:"steady_year_usd"`
}

// Plan is what comes of an exporter.
type Plan struct {
	Exporter     string  `json:"exporter"`
	Bucket       string  `json:"bucket"`
	MaxRetention string  `json:"max_retention,omitempty"`
	Rows         []Row   `json:"rows"`
	FirstYear    float64 `json:"first_year_usd"`
	SteadyYear   float64 `json:"steady_year_usd"`
}

// Make makes the plans of exporters, each of which gets all that is to be archived, and
// whose first byte is locked at a time.
func Make(exporters []Exporter, load Load, prices Prices, at time.Time) ([]Plan, error) {
	for name := range load.Shares {
		if !slices.ContainsFunc(exporters, func(e Exporter) bool {
			return slices.ContainsFunc(e.Rules, func(r Rule) bool { return r.Name == name })
		}) {
			return nil, fmt.Errorf("--share %s: there is no such rule", name)
		}
	}
	plans := make([]Plan, 0, len(exporters))
	for i := range exporters {
		plan, err := makeOne(&exporters[i], load, prices, at)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func makeOne(e *Exporter, load Load, prices Prices, at time.Time) (Plan, error) {
	shares, err := load.spread(e.Rules)
	if err != nil {
		return Plan{}, fmt.Errorf("exporters::%s: %w", e.ID, err)
	}
	if !(load.Ratio >= 1) || !(load.Line >= 1) || load.Writers < 1 {
		return Plan{}, errors.New("ratio, line size and writers must be 1 or more")
	}
	ratio := load.Ratio
	if e.Compression == "none" {
		ratio = 1
	}
	plan := Plan{Exporter: e.ID, Bucket: e.Bucket, MaxRetention: e.MaxRetention.String()}
	objects := 0.0
	for i, r := range e.Rules {
		stored := load.Volume * shares[i] / ratio
		n := e.objects(stored, load.Writers)
		objects += n
		row := Row{Rule: r.Name, Mode: r.Mode, StorageClass: r.StorageClass, Share: shares[i], StoredPerDay: stored, PutsPerDay: n, HeadsPerDay: n * e.VerifyShare}
		row.price(prices, r.Period, at, n)
		plan.add(row)
	}
	mode, longest := e.longest()
	intervals := float64(load.Writers) * secondsOfDay / e.CheckpointInterval.Seconds()
	lines := load.Volume / load.Line
	if e.Encoding == "otlp_proto" {
		lines = objects // each is one leaf
	}
	tiles := lines / tileWidth * leavesLevels
	row := Row{
		Rule: "_log/", Mode: mode, StorageClass: "STANDARD",
		PutsPerDay:   intervals*3 + tiles, // manifest, filters, checkpoint
		ListsPerDay:  intervals,           // of the checkpoint's versions
		StoredPerDay: tiles*tileWidth*hashSize + intervals*2*smallObject + objects*objectEntry + load.Volume/load.Line*filterPerLine,
	}
	row.price(prices, longest, at, row.PutsPerDay)
	plan.add(row)
	return plan, nil
}

func (p *Plan) add(r Row) {
	p.Rows = append(p.Rows, r)
	p.FirstYear += r.FirstYear
	p.SteadyYear += r.SteadyYear
}

// spread gives each rule its share.
func (l *Load) spread(rules []Rule) ([]float64, error) {
	shares := make([]float64, len(rules))
	sum, open := 0.0, 0
	named := map[string]bool{}
	for i, r := range rules {
		share, ok := l.Shares[r.Name]
		if !ok {
			open++
			continue
		}
		named[r.Name] = true
		shares[i] = share
		sum += share
	}
	switch {
	case sum > 1+1e-9:
		return nil, fmt.Errorf("the shares are %.4g%% together, which is more than there is", sum*100)
	case open == 0 && sum < 1-1e-9:
		return nil, fmt.Errorf("the shares are %.4g%% together, and every rule has one: they must be 100%%", sum*100)
	}
	for i, r := range rules {
		if !named[r.Name] {
			shares[i] = max(0, 1-sum) / float64(open)
		}
	}
	return shares, nil
}

// objects are how many a class has in a day, of an even stream of stored bytes: each ends
// by size, by age, or with its hour.
func (e *Exporter) objects(stored float64, writers int) float64 {
	rate := stored / float64(writers) / secondsOfDay // of one writer, a second
	if rate <= 0 {
		return 0
	}
	age := e.MaxObjectAge.Seconds()
	if least := float64(e.MinObjectSize) / rate; least > age {
		age = max(age, min(least, e.MaxWait.Seconds()))
	}
	seconds := min(age, float64(e.MaxObjectSize)/rate)
	return float64(writers) * secondsOfDay / seconds
}

// price fills in until when a row's first byte is locked, and what it costs; objects are
// those of a day.
func (r *Row) price(prices Prices, p period.Period, at time.Time, objects float64) {
	r.Period, r.Days, r.LockedUntil = p.String(), p.Days(), p.Until(at)
	c := prices.Classes[r.StorageClass]
	counted := r.StoredPerDay
	if objects > 0 {
		counted = max(counted, objects*float64(c.MinSize))
	}
	days := float64(max(p.Days(), c.MinDays))
	requests := daysOfYear / 1000.0 * ((r.PutsPerDay+r.ListsPerDay)*c.Put + r.HeadsPerDay*c.Get)
	monthly := counted / (1 << 30) * c.Storage // what comes in a day, for a month
	year := monthly * monthsOfYear
	// In the first year, there are d days of it after d days, at most days of them.
	ramp := min(days, daysOfYear)
	first := ramp*ramp/2/daysOfYear + ramp*(daysOfYear-ramp)/daysOfYear
	r.FirstYear = round(requests + year*first)
	r.SteadyYear = round(requests + year*days)
}

// round gives whole cents.
func round(dollars float64) float64 { return math.Round(dollars*100) / 100 }
