// Dashboards writes the Grafana dashboards of deploy/grafana/dashboards, so that they
// keep in step with the metrics of the components: each name that a query uses has to be
// one of a component's metadata.yaml, or of the tables in names.go, which an integration
// test holds against what a collector says.
package main

//go:generate go run .

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The repository's folders, from this one.
const (
	root   = "../.."
	output = "../grafana/dashboards"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func all() []dashboard {
	return []dashboard{service(), request(), host(), pipeline(), archive()}
}

func run() error {
	known, err := knownMetrics(root)
	if err != nil {
		return err
	}
	for _, d := range all() {
		if err := check(d, known); err != nil {
			return err
		}
		text, err := render(d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(output, d.UID+".json"), text, 0o644); err != nil { //nolint:gosec // Grafana reads it as another user
			return err
		}
	}
	return nil
}

// render gives the same text for the same dashboard.
func render(d dashboard) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(d)
	return out.Bytes(), err
}

// check says which names of the dashboard's queries no component has.
func check(d dashboard, known map[string]bool) error {
	var errs []error
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			if t.DataSource != prometheus {
				continue
			}
			for _, name := range metricNames(t.Expr) {
				if !known[name] {
					errs = append(errs, fmt.Errorf("dashboard %s, panel %q: there is no metric %s", d.UID, p.Title, name))
				}
			}
		}
	}
	return errors.Join(errs...)
}
