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
	GoVersion string           `json:"go_version"`
	CPUs      int              `json:"cpus"`
	Rounds    int              `json:"rounds"`
	IdleFiles int              `json:"idle_files"`
	Workloads []reportWorkload `json:"workloads"`
}

type reportWorkload struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	LineSize int            `json:"line_size_bytes"`
	Results  []reportResult `json:"results"`
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
	// Of the workload idle: the share of a core, the seconds of processor time
	// until all was read, and the memory after that.
	CoreShare float64 `json:"core_share,omitempty"`
	StartCPU  float64 `json:"start_cpu_seconds,omitempty"`
	RSS       int64   `json:"rss_bytes,omitempty"`
	// Spread is the distance of the slowest and the fastest round, as a share
	// of the median of lines per CPU-second.
	Spread float64 `json:"spread"`
	// Ratio is how many times as many lines per CPU-second the workload's first
	// contender takes; for the workload idle, how many times its share this one has.
	Ratio  float64       `json:"ratio"`
	Rounds []measurement `json:"rounds"`
}

func (m measurement) perCPUSecond() float64 { return float64(m.Lines) / m.CPU }
func (m measurement) coreShare() float64    { return m.CPU / m.Wall }

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

func newReport(chosen []contender, results [][]measurement) report {
	r := report{GoVersion: runtime.Version(), CPUs: runtime.GOMAXPROCS(0)}
	for _, w := range workloads {
		group := reportWorkload{Name: w.name, Title: w.title, LineSize: w.size}
		for i, c := range chosen {
			if c.workload != w {
				continue
			}
			r.Rounds = len(results[i])
			result := newResult(c, results[i])
			first := result
			if len(group.Results) > 0 {
				first = group.Results[0]
			}
			result.Ratio = first.LinesPerCPUSecond / result.LinesPerCPUSecond
			if w == idle {
				result.Ratio = result.CoreShare / first.CoreShare
			}
			group.Results = append(group.Results, result)
		}
		if len(group.Results) > 0 {
			r.Workloads = append(r.Workloads, group)
		}
	}
	return r
}

func newResult(c contender, rounds []measurement) reportResult {
	result := reportResult{
		Name: c.name, Title: c.title, Framing: c.framing, Rounds: rounds,
		PeakRSS: int64(median(sortedBy(rounds, func(m measurement) float64 { return float64(m.PeakRSS) }))),
	}
	speeds := sortedBy(rounds, measurement.perCPUSecond)
	result.LinesPerCPUSecond = median(speeds)
	result.LinesPerSecond = median(sortedBy(rounds, func(m measurement) float64 { return float64(m.Lines) / m.Wall }))
	result.SystemShare = median(sortedBy(rounds, func(m measurement) float64 { return m.System / m.CPU }))
	if c.workload == idle {
		speeds = sortedBy(rounds, measurement.coreShare)
		result.LinesPerCPUSecond, result.LinesPerSecond = 0, 0
		result.CoreShare = median(speeds)
		result.StartCPU = median(sortedBy(rounds, func(m measurement) float64 { return m.StartCPU }))
		result.RSS = int64(median(sortedBy(rounds, func(m measurement) float64 { return float64(m.RSS) })))
	}
	result.Spread = (speeds[len(speeds)-1] - speeds[0]) / median(speeds)
	return result
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

// table prints the figures, and of each workload the first contender's as
// multiples of the others'.
func (r report) table(out io.Writer) error {
	for i, w := range r.Workloads {
		if i > 0 {
			fmt.Fprintln(out)
		}
		what := fmt.Sprintf("%d-byte %s", w.LineSize, w.Title)
		if w.Name == idle.name {
			what = fmt.Sprintf("%d files, nobody writes", r.IdleFiles)
		}
		if _, err := fmt.Fprintf(out, "%s: %s, %s, %d CPUs, median of %d rounds\n\n", w.Name, what, r.GoVersion, r.CPUs, r.Rounds); err != nil {
			return err
		}
		rows := w.rows
		if w.Name == idle.name {
			rows = w.idleRows
		}
		if err := rows(tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)); err != nil {
			return err
		}
	}
	return nil
}

func (w reportWorkload) rows(out *tabwriter.Writer) error {
	fmt.Fprintf(out, "receiver\tlines/CPU-s\t±\tin kernel\tlines/s\tpeak RSS\t%s is\t\n", w.Results[0].Name)
	for i, result := range w.Results {
		ratio := ""
		if i > 0 {
			ratio = fmt.Sprintf("%.1f x", result.Ratio)
		}
		fmt.Fprintf(out, "%s\t%.0f\t%.0f%%\t%.0f%%\t%.0f\t%.0f MiB\t%s\t\n",
			result.Title, result.LinesPerCPUSecond, result.Spread*50, result.SystemShare*100,
			result.LinesPerSecond, mebibytes(result.PeakRSS), ratio)
	}
	return out.Flush()
}

func (w reportWorkload) idleRows(out *tabwriter.Writer) error {
	fmt.Fprint(out, "receiver\tof a core\t±\tCPU-s to read them\tRSS\tpeak RSS\t\n")
	for _, result := range w.Results {
		fmt.Fprintf(out, "%s\t%.2f%%\t%.0f%%\t%.2f\t%.0f MiB\t%.0f MiB\t\n",
			result.Title, result.CoreShare*100, result.Spread*50, result.StartCPU, mebibytes(result.RSS), mebibytes(result.PeakRSS))
	}
	return out.Flush()
}
