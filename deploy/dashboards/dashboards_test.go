package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readDashboards reads what is committed, as Grafana does.
func readDashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(output, "*.json"))
	require.NoError(t, err)
	found := map[string]dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(text, &d), file)
		found[filepath.Base(file)] = d
	}
	return found
}

func TestDashboardsAreAsGenerated(t *testing.T) {
	found := readDashboards(t)
	assert.Len(t, found, len(all()), "files in %s", output)
	for _, d := range all() {
		want, err := render(d)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(output, d.UID+".json"))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "run 'make generate'")
	}
}

func TestQueriesUseMetricsThatAreThere(t *testing.T) {
	known, err := knownMetrics(root)
	require.NoError(t, err)
	for _, d := range all() {
		require.NoError(t, check(d, known))
	}
	wrong := build("x", "x", "x", nil, row{"x", []panel{series("x", "x", query(`sum(rate(otelcol_exporter_kinesis_nothing{a="b"}[5m]))`, ""))}})
	require.ErrorContains(t, check(wrong, known), "no metric otelcol_exporter_kinesis_nothing")
}

func TestMetricNames(t *testing.T) {
	for expr, want := range map[string][]string{
		`up == 0 or absent(up{job="x"})`: {"up"},
		`sum by (a, b) (rate(one_total{x=~"a{2}",y="\"z"}[$__rate_interval])) / on (a) group_left (c) two`: {"one_total", "two"},
		`histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m]))) > 1e-3 unless y offset 15m`:            {"x_bucket", "y"},
		`a:b:rate5m > bool 3`: {"a:b:rate5m"},
		`(c or vector(0))`:    {"c"},
	} {
		assert.Equal(t, want, metricNames(expr), expr)
	}
}

// used finds what an expression or a link takes from variables; builtin are Grafana's own.
var (
	used    = regexp.MustCompile(`\$\{?(\w+)`)
	builtin = []string{"__rate_interval", "__range", "__auto", "__interval"}
)

func TestDashboardsAreWhole(t *testing.T) {
	uids := map[string]bool{}
	for file, d := range readDashboards(t) {
		t.Run(file, func(t *testing.T) {
			assert.False(t, uids[d.UID], "uid %s is there twice", d.UID)
			uids[d.UID] = true
			assert.LessOrEqual(t, len(d.UID), 40, "Grafana's limit")
			assert.Equal(t, schemaVersion, d.SchemaVersion)
			assert.Equal(t, file, d.UID+".json")
			assert.NotEmpty(t, d.Description)

			variables, wanted, chosen := map[string]bool{}, map[string]bool{}, map[string]string{}
			for _, v := range d.Templating.List {
				assert.False(t, variables[v.Name], "variable %s is there twice", v.Name)
				variables[v.Name], chosen[v.Name] = true, v.AllValue
				if v.DataSource != nil {
					wanted[used.FindStringSubmatch(v.DataSource.UID)[1]] = true
				}
				if v.Type == "query" {
					assert.NotEmpty(t, v.Definition, v.Name)
				}
			}
			ids := map[int]bool{}
			var grid [][gridWidth]string
			for _, p := range d.Panels {
				assert.NotEmpty(t, p.Title)
				assert.Positive(t, p.ID, p.Title)
				assert.False(t, ids[p.ID], "id %d is there twice", p.ID)
				ids[p.ID] = true
				grid = place(t, grid, p)
				if p.Type == "row" {
					assert.Empty(t, p.Targets)
					continue
				}
				assert.Contains(t, []string{"timeseries", "stat", "table", "logs"}, p.Type, p.Title)
				require.NotEmpty(t, p.Targets, p.Title)
				refs := map[string]bool{}
				for _, q := range p.Targets {
					assert.False(t, refs[q.RefID], "%s: %s is there twice", p.Title, q.RefID)
					refs[q.RefID] = true
					assert.NotEmpty(t, q.Expr, p.Title)
					require.NotNil(t, q.DataSource, p.Title)
					assert.Equal(t, p.DataSource, q.DataSource, p.Title)
					assert.Contains(t, []string{"prometheus", "loki"}, q.DataSource.Type, p.Title)
					assert.NotEqual(t, q.Range, q.Instant, "%s: either", p.Title)
					assert.True(t, balanced(q.Expr), q.Expr)
					for _, m := range used.FindAllStringSubmatch(q.Expr+q.DataSource.UID, -1) {
						if !slices.Contains(builtin, m[1]) {
							wanted[m[1]] = true
						}
					}
					if q.DataSource.Type == "loki" {
						checkLogQL(t, q.Expr, chosen)
					}
				}
				if p.Type == "logs" {
					assert.Equal(t, "loki", p.DataSource.Type)
				}
			}
			assert.Equal(t, wanted, variables, "variables that are used, and that are defined")
		})
	}
}

// place puts a panel on the grid, where nothing may be yet.
func place(t *testing.T, grid [][gridWidth]string, p panel) [][gridWidth]string {
	t.Helper()
	at := p.GridPos
	require.Positive(t, at.W, p.Title)
	require.Positive(t, at.H, p.Title)
	require.GreaterOrEqual(t, at.X, 0, p.Title)
	require.LessOrEqual(t, at.X+at.W, gridWidth, p.Title)
	for y := at.Y; y < at.Y+at.H; y++ {
		for len(grid) <= y {
			grid = append(grid, [gridWidth]string{})
		}
		for x := at.X; x < at.X+at.W; x++ {
			require.Empty(t, grid[y][x], "%s lies upon another panel", p.Title)
			grid[y][x] = p.Title
		}
	}
	return grid
}

// balanced says whether brackets and quotes of a query are closed.
func balanced(expr string) bool {
	expr = quoted.ReplaceAllString(expr, "")
	var open []rune
	closing := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, r := range expr {
		switch r {
		case '"':
			return false
		case '(', '[', '{':
			open = append(open, r)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != closing[r] {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

// logQL is the shape of the queries of lines that are used here: a selector of streams,
// with filters behind it. There is no Loki to ask.
var logQL = regexp.MustCompile(`^\{\w+(=|=~)"[^"]+"(,\w+(=|=~)"[^"]+")*\}( (\| \w+=~?"[^"]*"|\|~ "[^"]*"))*$`)

var counted = regexp.MustCompile(`^sum by \(\w+\) \(count_over_time\((.+) \[\$__auto\]\)\)$`)

var matched = regexp.MustCompile(`=~?"([^"]*)"`)

// checkLogQL wants a selector of which, with all values chosen, some part needs a label.
func checkLogQL(t *testing.T, expr string, chosen map[string]string) {
	t.Helper()
	if m := counted.FindStringSubmatch(expr); m != nil {
		expr = m[1]
	}
	assert.Regexp(t, logQL, expr)
	streams, _, _ := strings.Cut(expr, "}")
	narrow := false
	for _, m := range matched.FindAllStringSubmatch(streams, -1) {
		value := m[1]
		if name, ok := strings.CutPrefix(value, "$"); ok {
			value = chosen[name]
		}
		narrow = narrow || !regexp.MustCompile("^(?:"+value+")$").MatchString("")
	}
	assert.True(t, narrow, "Loki refuses %s: each part of the selector fits what has no labels", expr)
}
