package main

// ofService is what the metrics and the lines of a service have in common.
const ofService = `service_name=~"$service"`

// service shows requests, errors and durations from what services log, and below them the
// lines of that time.
func service() dashboard {
	const (
		rate  = `http_server_request_duration_seconds_count{` + ofService + `}[$__rate_interval]`
		bad   = `http_server_request_duration_seconds_count{` + ofService + `,http_response_status_code=~"5.."}[$__rate_interval]`
		took  = `http_server_request_duration_seconds_bucket{` + ofService + `}[$__rate_interval]`
		lines = `{` + ofService + `} | detected_level=~"$level" |~ "(?i)$search"`
	)
	levels := variable{
		Name: "level", Label: "Level", Type: "custom", Query: "trace,debug,info,warn,error,fatal,unknown",
		Current: current{Text: []string{"All"}, Value: []string{"$__all"}, Selected: true},
		Multi:   true, IncludeAll: true, AllValue: ".*",
		Options: []option{
			{"All", "$__all", true},
			{"trace", "trace", false},
			{"debug", "debug", false},
			{"info", "info", false},
			{"warn", "warn", false},
			{"error", "error", false},
			{"fatal", "fatal", false},
			{"unknown", "unknown", false},
		},
	}
	return build(uidService, "Heartwood: service",
		"Requests, errors and durations as the services' own logs tell them, and the lines of the same time and the same labels. A dot is a request: its link opens all its lines.",
		both(valuesVariable("service", "Service", "log_records_total", "service_name"), levels, textVariable("search", "Search", "")),
		row{"Requests, from access logs", []panel{
			series("Requests", "reqps", query(`sum by (service_name) (rate(`+rate+`))`, "{{service_name}}")),
			series("Failed requests", "percentunit",
				query(`(sum by (service_name) (rate(`+bad+`)) or 0 * sum by (service_name) (rate(`+rate+`))) / sum by (service_name) (rate(`+rate+`))`, "{{service_name}}")).
				about("Share of the requests that were answered with 500 or above."),
			series("Duration", "s",
				query(`histogram_quantile(0.5, sum by (le) (rate(`+took+`)))`, "half of them within"),
				query(`histogram_quantile(0.95, sum by (le) (rate(`+took+`)))`, "95 % within"),
				query(`histogram_quantile(0.99, sum by (le) (rate(`+took+`)))`, "99 % within").dotted()).
				about("Each dot is a request. Its link opens the request's lines, of all services."),
			table("Routes", []string{"service_name", "http_request_method", "http_route"},
				[]column{{"95 % within", "s"}, {"Requests", "reqps"}},
				query(`histogram_quantile(0.95, sum by (service_name, http_request_method, http_route, le) (rate(http_server_request_duration_seconds_bucket{`+ofService+`}[$__range])))`, ""),
				query(`sum by (service_name, http_request_method, http_route) (rate(http_server_request_duration_seconds_count{`+ofService+`}[$__range]))`, "")),
			series("Answers", "Bps",
				query(`sum by (service_name) (rate(http_server_response_body_size_bytes_sum{`+ofService+`}[$__rate_interval]))`, "{{service_name}}")).wide(12),
		}},
		row{"Records", []panel{
			series("Records by severity", "cps",
				query(`sum by (log_severity) (rate(log_records_total{`+ofService+`}[$__rate_interval]))`, "{{log_severity}}")).bars().
				colour("FATAL", "dark-red").colour("ERROR", "red").colour("WARN", "orange").colour("INFO", "green").colour("DEBUG", "blue").
				colour("TRACE", "light-blue").colour("UNSPECIFIED", "text"),
			series("Exceptions by type", "cps",
				query(`sum by (exception_type) (rate(log_exceptions_total{`+ofService+`}[$__rate_interval]))`, "{{exception_type}}").dotted()).bars(),
			table("Exceptions", []string{"service_name", "exception_type"}, []column{{"Count", "short"}},
				query(`sum by (service_name, exception_type) (increase(log_exceptions_total{`+ofService+`}[$__range]))`, "")).wide(8),
		}},
		row{"Lines of this time", []panel{
			lokiSeries("Lines by level", "short", `sum by (detected_level) (count_over_time(`+lines+` [$__auto]))`, "{{detected_level}}").bars().wide(gridWidth).high(6),
			logs("Errors", `{`+ofService+`} | detected_level=~"error|fatal|critical" |~ "(?i)$search"`).high(10),
			logs("Lines", lines),
		}},
	)
}

// request shows all that was logged about one request, by whichever service.
func request() dashboard {
	const lines = `{service_name=~".+"} | trace_id=~"$trace" | request_id=~"$request"`
	d := build(uidRequest, "Heartwood: request",
		"All lines of one request, of all services, in their order. Dots of durations and links in lines lead here, with the trace; a request's id can be given by hand.",
		[]variable{
			sourceVariable("loki", "Loki", "loki"),
			textVariable("trace", "Trace", ".*"),
			textVariable("request", "Request", ".*"),
		},
		row{"The request", []panel{
			lokiSeries("Lines by service", "short", `sum by (service_name) (count_over_time(`+lines+` [$__auto]))`, "{{service_name}}").bars().wide(gridWidth).high(5),
			logs("Lines", lines).high(22),
		}},
	)
	for i := range d.Panels {
		if d.Panels[i].Type == "logs" {
			d.Panels[i].Options["sortOrder"] = "Ascending"
		}
	}
	return d
}
