package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var cpuSuffix = regexp.MustCompile(`-\d+$`)

// parseBench reads the output of go test -bench: the median of a benchmark's lines, by its
// name without Benchmark and the number of cores, a space, and the unit.
func parseBench(output []byte) (map[string]float64, error) {
	all := make(map[string][]float64)
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := cpuSuffix.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, err
			}
			all[name+" "+fields[i+1]] = append(all[name+" "+fields[i+1]], value)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no benchmark's line in the output")
	}
	values := make(map[string]float64, len(all))
	for name, of := range all {
		values[name] = median(of)
	}
	return values, nil
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// parseReceivers reads the JSON of ./receivers.
func parseReceivers(output []byte) (map[string]float64, error) {
	var in struct {
		Workloads []struct {
			Results []struct {
				Name            string
				LinesPerCPUTime float64 `json:"lines_per_cpu_second"`
			}
		}
	}
	if err := json.Unmarshal(output, &in); err != nil {
		return nil, err
	}
	values := make(map[string]float64)
	for _, w := range in.Workloads {
		for _, r := range w.Results {
			values[r.Name] = r.LinesPerCPUTime
		}
	}
	return values, nil
}

// parseRows reads the JSON of ./kinesis and ./gateway: records per CPU-second by name, and
// by name and " units" PUT payload units per 1,000 records.
func parseRows(output []byte) (map[string]float64, error) {
	var rows []struct {
		Name   string
		Rounds []struct {
			Records int
			CPU     float64 `json:"cpu_seconds"`
			Units   int     `json:"put_payload_units"`
		}
	}
	if err := json.Unmarshal(output, &rows); err != nil {
		return nil, err
	}
	values := make(map[string]float64)
	for _, row := range rows {
		var speed, units []float64
		for _, m := range row.Rounds {
			if m.CPU > 0 && m.Records > 0 {
				speed = append(speed, float64(m.Records)/m.CPU)
				units = append(units, 1000*float64(m.Units)/float64(m.Records))
			}
		}
		values[row.Name], values[row.Name+" units"] = median(speed), median(units)
	}
	return values, nil
}
