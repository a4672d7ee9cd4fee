package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
)

// report is what a run has found out.
type report struct {
	GoVersion string         `json:"go_version"`
	CPUs      int            `json:"cpus"`
	LineSize  int            `json:"line_size_bytes"`
	Rounds    int            `json:"rounds"`
	Results   []reportResult `json:"results"`
}

type reportResult struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	Framing framing `json:"framing"`
	// Medians of the rounds.
	LinesPerCPUSecond float64 `json:"lines_per_cpu_second"`
	SystemShare       float64 `json:"system_share"`
	LinesPerSecond    float64 `json:"lines_per_second"`
	PeakRSS           int64   `json:"peak_rss_bytes"`
	// Spread is the distance of the slowest and the fastest round, as a share
	// of the median of lines per CPU-second.
	Spread float64       `json:"spread"`
	Rounds []measurement `json:"rounds"`
}

func (m measurement) perCPUSecond() float64 { return float64(m.Lines) / m.CPU }

func newReport(chosen []contender, results [][]measurement) report {
	r := report{GoVersion: runtime.Version(), CPUs: runtime.GOMAXPROCS(0), LineSize: lineSize}
	for i, c := range chosen {
		rounds := results[i]
		r.Rounds = len(rounds)
		speeds := sortedBy(rounds, measurement.perCPUSecond)
		r.Results = append(r.Results, reportResult{
			Name: c.name, Title: c.title, Framing: c.framing,
			LinesPerCPUSecond: median(speeds),
			SystemShare:       median(sortedBy(rounds, func(m measurement) float64 { return m.System / m.CPU })),
			LinesPerSecond:    median(sortedBy(rounds, func(m measurement) float64 { return float64(m.Lines) / m.Wall })),
			PeakRSS:           int64(median(sortedBy(rounds, func(m measurement) float64 { return float64(m.PeakRSS) }))),
			Spread:            (speeds[len(speeds)-1] - speeds[0]) / median(speeds),
			Rounds:            rounds,
		})
	}
	return r
}

func sortedBy(rounds []measurement, value func(measurement) float64) []float64 {
	values := make([]float64, 0, len(rounds))
	for _, m := range rounds {
		values = append(values, value(m))
	}
	slices.Sort(values)
	return values
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// table prints the figures, and the first contender's as multiples of the others'.
func (r report) table(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "%d-byte lines of 14 pairs, %s, %d CPUs, median of %d rounds\n\n",
		r.LineSize, r.GoVersion, r.CPUs, r.Rounds); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "receiver\tlines/CPU-s\t±\tin kernel\tlines/s\tpeak RSS\t")
	fmt.Fprintf(w, "%s is\t\n", r.Results[0].Name)
	for i, result := range r.Results {
		ratio := ""
		if i > 0 {
			ratio = fmt.Sprintf("%.1f x", r.Results[0].LinesPerCPUSecond/result.LinesPerCPUSecond)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f%%\t%.0f%%\t%.0f\t%.0f MiB\t%s\t\n",
			result.Title, result.LinesPerCPUSecond, result.Spread*50, result.SystemShare*100,
			result.LinesPerSecond, float64(result.PeakRSS)/(1<<20), ratio)
	}
	return w.Flush()
}
