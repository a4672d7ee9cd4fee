package main

import "slices"

// schemaVersion is that of Grafana 12.2 and later, which read older ones too.
const schemaVersion = 42

// The uids of the dashboards. Links lead to them.
const (
	uidService  = "heartwood-service"
	uidRequest  = "heartwood-request"
	uidHost     = "heartwood-host"
	uidPipeline = "heartwood-pipeline"
	uidArchive  = "heartwood-archive"
)

// dashboard is Grafana's JSON model of a dashboard
// (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
type dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"` // 1: one crosshair for all panels
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Timezone      string     `json:"timezone"`
	Refresh       string     `json:"refresh"`
	Time          timeRange  `json:"time"`
	Links         []link     `json:"links"`
	Templating    templating `json:"templating"`
	Annotations   listOf     `json:"annotations"`
	Panels        []panel    `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type listOf struct {
	List []any `json:"list"`
}

type link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"` // datasource, query, custom, textbox
	Query      any         `json:"query"`
	Definition string      `json:"definition,omitempty"`
	DataSource *dataSource `json:"datasource,omitempty"`
	Current    current     `json:"current"`
	Options    []option    `json:"options"`
	Multi      bool        `json:"multi,omitempty"`
	IncludeAll bool        `json:"includeAll,omitempty"`
	AllValue   string      `json:"allValue,omitempty"`
	Refresh    int         `json:"refresh,omitempty"` // 2: whenever the time range changes
	Sort       int         `json:"sort,omitempty"`    // 1: by the alphabet
}

type current struct {
	Text     any  `json:"text,omitempty"`
	Value    any  `json:"value,omitempty"`
	Selected bool `json:"selected,omitempty"`
}

type option struct {
	Text     string `json:"text"`
	Value    string `json:"value"`
	Selected bool   `json:"selected"`
}

type dataSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"` // row, timeseries, stat, table, logs
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	GridPos         gridPos          `json:"gridPos"`
	DataSource      *dataSource      `json:"datasource,omitempty"`
	Targets         []target         `json:"targets,omitempty"`
	FieldConfig     *fieldConfig     `json:"fieldConfig,omitempty"`
	Options         map[string]any   `json:"options,omitempty"`
	Transformations []map[string]any `json:"transformations,omitempty"`
	Collapsed       *bool            `json:"collapsed,omitempty"` // of a row
	Panels          []panel          `json:"panels,omitempty"`
}

type target struct {
	RefID        string      `json:"refId"`
	DataSource   *dataSource `json:"datasource"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat,omitempty"`
	EditorMode   string      `json:"editorMode"`
	Range        bool        `json:"range"`
	Instant      bool        `json:"instant"`
	Format       string      `json:"format,omitempty"`
	Exemplar     bool        `json:"exemplar,omitempty"`
	QueryType    string      `json:"queryType,omitempty"` // Loki's
}

type fieldConfig struct {
	Defaults  map[string]any `json:"defaults"`
	Overrides []override     `json:"overrides"`
}

type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// The data sources are variables, so that a dashboard fits any Grafana.
var (
	prometheus = &dataSource{Type: "prometheus", UID: "${prometheus}"}
	loki       = &dataSource{Type: "loki", UID: "${loki}"}
)

func sourceVariable(name, label, kind string) variable {
	return variable{Name: name, Label: label, Type: "datasource", Query: kind, Options: []option{}}
}

// valuesVariable offers the values that a label has in a metric. All of them are .+, since
// Loki takes no selector that something without labels would fit.
func valuesVariable(name, label, metric, key string) variable {
	query := "label_values(" + metric + ", " + key + ")"
	return variable{
		Name: name, Label: label, Type: "query", DataSource: prometheus,
		Query:      map[string]any{"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}, // as Grafana writes it
		Definition: query,
		Current:    current{Text: []string{"All"}, Value: []string{"$__all"}, Selected: true},
		Options:    []option{}, Multi: true, IncludeAll: true, AllValue: ".+", Refresh: 2, Sort: 1,
	}
}

func textVariable(name, label, value string) variable {
	return variable{
		Name: name, Label: label, Type: "textbox", Query: value,
		Current: current{Text: value, Value: value, Selected: true}, Options: []option{{Text: value, Value: value, Selected: true}},
	}
}

// row begins a group of panels.
type row struct {
	title  string
	panels []panel
}

const (
	gridWidth = 24
	rowHeight = 1
)

// build lays the panels out from left to right, below each other where a line is full,
// and numbers them.
func build(uid, title, description string, variables []variable, rows ...row) dashboard {
	d := dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"heartwood"}, Editable: true,
		GraphTooltip: 1, SchemaVersion: schemaVersion, Version: 1, Timezone: "browser", Refresh: "30s",
		Time: timeRange{"now-1h", "now"},
		Links: []link{{
			Title: "Heartwood", Type: "dashboards", Tags: []string{"heartwood"}, AsDropdown: true, IncludeVars: true, KeepTime: true,
		}},
		Templating: templating{variables}, Annotations: listOf{[]any{}},
	}
	id, y := 1, 0
	for _, r := range rows {
		open := false
		d.Panels = append(d.Panels, panel{ID: id, Type: "row", Title: r.title, GridPos: gridPos{rowHeight, gridWidth, 0, y}, Collapsed: &open})
		id, y = id+1, y+rowHeight
		x, height := 0, 0
		for _, p := range r.panels {
			if x+p.GridPos.W > gridWidth {
				x, y, height = 0, y+height, 0
			}
			p.ID, p.GridPos.X, p.GridPos.Y = id, x, y
			for i := range p.Targets {
				p.Targets[i].RefID = string(rune('A' + i))
			}
			d.Panels = append(d.Panels, p)
			id, x, height = id+1, x+p.GridPos.W, max(height, p.GridPos.H)
		}
		y += height
	}
	return d
}

// query is one of a panel's queries of Prometheus.
func query(expr, legend string) target {
	return target{DataSource: prometheus, Expr: expr, LegendFormat: legend, EditorMode: "code", Range: true}
}

// dotted shows exemplars, too.
func (t target) dotted() target {
	t.Exemplar = true
	return t
}

// now asks for the last value only.
func (t target) now() target {
	t.Range, t.Instant = false, true
	return t
}

func (p panel) wide(columns int) panel {
	p.GridPos.W = columns
	return p
}

func (p panel) high(lines int) panel {
	p.GridPos.H = lines
	return p
}

func (p panel) about(text string) panel {
	p.Description = text
	return p
}

// series draws lines over time.
func series(title, unit string, queries ...target) panel {
	return panel{
		Type: "timeseries", Title: title, DataSource: prometheus, Targets: queries, GridPos: gridPos{H: 8, W: 8},
		FieldConfig: &fieldConfig{
			Defaults: map[string]any{
				"unit": unit, "min": 0,
				"color": map[string]any{"mode": "palette-classic"},
				"custom": map[string]any{
					"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false,
					"stacking": map[string]any{"mode": "none", "group": "A"},
				},
			},
			Overrides: []override{},
		},
		Options: map[string]any{
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
	}
}

// bars stacks them, for shares of a whole.
func (p panel) bars() panel {
	custom := p.FieldConfig.Defaults["custom"].(map[string]any)
	custom["drawStyle"], custom["fillOpacity"], custom["lineWidth"] = "bars", 80, 0
	custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	return p
}

// signed has values below 0, too.
func (p panel) signed() panel {
	delete(p.FieldConfig.Defaults, "min")
	return p
}

// colour gives the series of a name a colour.
func (p panel) colour(name, colour string) panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
		matcher{"byName", name}, []property{{"color", map[string]any{"mode": "fixed", "fixedColor": colour}}},
	})
	return p
}

// step is where a value takes a colour; the first has no value.
type step struct {
	Color string `json:"color"`
	Value any    `json:"value"`
}

// noneIsGood are the colours of what should not be there.
var noneIsGood = []step{{"green", nil}, {"red", 1}}

// stat shows one value.
func stat(title, unit string, thresholds []step, q target) panel {
	return panel{
		Type: "stat", Title: title, DataSource: prometheus, Targets: []target{q.now()}, GridPos: gridPos{H: 4, W: 4},
		FieldConfig: &fieldConfig{
			Defaults: map[string]any{
				"unit":  unit,
				"color": map[string]any{"mode": "thresholds"}, "thresholds": map[string]any{"mode": "absolute", "steps": thresholds},
			},
			Overrides: []override{},
		},
		Options: map[string]any{
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
			"colorMode":     "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
		},
	}
}

// column is one of a table, of the query at its place.
type column struct{ title, unit string }

// table shows the last values of several queries beside each other, a row for each set of
// labels, highest first by the first query.
func table(title string, labels []string, columns []column, queries ...target) panel {
	p := panel{
		Type: "table", Title: title, DataSource: prometheus, GridPos: gridPos{H: 8, W: 12},
		FieldConfig: &fieldConfig{Defaults: map[string]any{"custom": map[string]any{"align": "auto"}}, Overrides: []override{}},
		Options:     map[string]any{"showHeader": true, "cellHeight": "sm"},
	}
	rename, order := map[string]any{}, map[string]any{}
	for i, label := range labels {
		order[label] = i
	}
	for i, q := range queries {
		q = q.now()
		q.Format = "table"
		p.Targets = append(p.Targets, q)
		value := "Value #" + string(rune('A'+i))
		rename[value], order[value] = columns[i].title, len(labels)+i
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
			matcher{"byName", columns[i].title}, []property{{"unit", columns[i].unit}},
		})
	}
	if len(queries) == 1 { // Grafana calls the values of a single query so
		delete(rename, "Value #A")
		delete(order, "Value #A")
		rename["Value"], order["Value"] = columns[0].title, len(labels)
	}
	p.Options["sortBy"] = []any{map[string]any{"displayName": columns[0].title, "desc": true}}
	p.Transformations = []map[string]any{
		{"id": "merge", "options": map[string]any{}},
		{"id": "organize", "options": map[string]any{
			"excludeByName": map[string]any{"Time": true}, "indexByName": order, "renameByName": rename,
		}},
	}
	return p
}

// logs shows lines of Loki.
func logs(title, expr string) panel {
	return panel{
		Type: "logs", Title: title, DataSource: loki, GridPos: gridPos{H: 14, W: gridWidth},
		Targets: []target{{DataSource: loki, Expr: expr, EditorMode: "code", Range: true, QueryType: "range"}},
		Options: map[string]any{
			"showTime": true, "wrapLogMessage": true, "enableLogDetails": true, "sortOrder": "Descending",
			"dedupStrategy": "none", "prettifyLogMessage": false, "showCommonLabels": false, "showLabels": false,
		},
	}
}

// lokiSeries draws counts of lines over time.
func lokiSeries(title, unit, expr, legend string) panel {
	p := series(title, unit, target{DataSource: loki, Expr: expr, LegendFormat: legend, EditorMode: "code", Range: true, QueryType: "range"})
	p.DataSource = loki
	return p
}

// both are the variables of all dashboards, before others.
func both(others ...variable) []variable {
	return slices.Concat([]variable{
		sourceVariable("prometheus", "Prometheus", "prometheus"),
		sourceVariable("loki", "Loki", "loki"),
	}, others)
}

// metricsOnly are the variables of a dashboard without lines.
func metricsOnly(others ...variable) []variable {
	return slices.Concat([]variable{sourceVariable("prometheus", "Prometheus", "prometheus")}, others)
}
