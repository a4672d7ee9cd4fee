package sizing

import (
	"fmt"
	"strconv"
	"strings"
)

// DefaultMeasured are the figures of docs/performance.md, "The gateway, as a whole".
var DefaultMeasured = Measured{
	Cost:         [3][2]float64{{23.0, 38.2}, {22.7, 34.6}, {24.3, 38.7}},
	Memory:       [3]float64{450, 540, 550},
	JSON:         306,
	Folded:       0.84,
	EventRecords: 8,
	Ratio:        8, // as heartwood plan takes it; the benchmark's records, which repeat, give 13
	Aggregate:    1.02,
}

// Rates and Sizes are those of docs/sizing.md.
var (
	Rates = []float64{10, 1000, 100_000}
	Sizes = []float64{300, 1000}
)

// Table is that of docs/sizing.md, in Markdown.
func Table(m Measured, p Prices) (string, error) {
	var b strings.Builder
	b.WriteString("| records/s | size | setting | cores | gateways | memory, each | disk for an hour, each | shards: without, with aggregates | S3 requests/s | Kinesis | S3 requests | S3 for " +
		strconv.Itoa(p.DaysInTheBucket) + " days | gateways | $ per million records |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, rate := range Rates {
		for _, size := range Sizes {
			for fold := Plain; fold <= FoldJournal; fold++ {
				n, err := m.Of(Load{Rate: rate, Size: size, Fold: fold}, p)
				if err != nil {
					return "", err
				}
				fmt.Fprintf(&b, "| %.0f | %.0f B | %s | %s | %d | %.0f MiB | %s | %d, %d | %s | %s | %s | %s | %s | %s |\n",
					rate, size, fold, number(n.Cores), n.Gateways, n.Memory, amount(n.Disk), n.Shards, n.AggregatedShards, number(n.Puts),
					number(n.Kinesis), number(n.Requests), number(n.Storage), number(n.Gateway), number(n.Dollars()))
			}
		}
	}
	return b.String(), nil
}

// number has two digits that count.
func number(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	case n >= 0.1:
		return fmt.Sprintf("%.2f", n)
	}
	return fmt.Sprintf("%.2g", n)
}

func amount(bytes float64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.3g GB", bytes/1e9)
	}
	return fmt.Sprintf("%.3g MB", bytes/1e6)
}
