package main

import "strings"

// ofCollector selects the collectors by the page that Prometheus has fetched.
const ofCollector = `instance=~"$instance"`

// self is a metric of the chosen collectors' own.
func self(name string) string { return name + `{` + ofCollector + `}` }

func rateBy(by, name string) string {
	return `sum by (` + by + `) (rate(` + self(name) + `[$__rate_interval]))`
}

// grownBy is for counters that count from their first event on, and aren't there before.
func grownBy(by, name string) string {
	return `sum by (` + by + `) (increase(` + self(name) + `[$__rate_interval]))`
}

// everIn is how much a counter has grown in the time that is shown; 0 where it is not there.
func everIn(names ...string) string {
	sums := make([]string, len(names))
	for i, name := range names {
		sums[i] = `(sum(increase(` + self(name) + `[$__range])) or vector(0))`
	}
	return strings.Join(sums, " + ")
}

var collectors = valuesVariable("instance", "Collector", "otelcol_process_uptime", "instance")

// pipeline shows how records come in, wait and go out.
func pipeline() dashboard {
	const (
		kinesisFill = `max by (instance) (otelcol_exporter_kinesis_spool_size{` + ofCollector + `} / (otelcol_exporter_kinesis_spool_limit{` + ofCollector + `} > 0))`
		wormFill    = `max by (instance) (otelcol_exporter_worm_s3_spool_size{` + ofCollector + `} / (otelcol_exporter_worm_s3_spool_limit{` + ofCollector + `} > 0))`
		journalFill = `max by (instance) (otelcol_processor_event_fold_journal_size{` + ofCollector + `} / (otelcol_processor_event_fold_journal_limit{` + ofCollector + `} > 0))`
		queueFill   = `max by (instance, exporter) (otelcol_exporter_queue_size{` + ofCollector + `} / otelcol_exporter_queue_capacity{` + ofCollector + `})`
	)
	return build(uidPipeline, "Heartwood: pipeline", "What collectors take, hold, redact, fold and deliver; what waits, and what could not be delivered.",
		metricsOnly(collectors),
		row{"At a glance", []panel{
			stat("Collectors up", "short", []step{{"red", nil}, {"green", 1}}, query(`sum(up{job="otelcol-heartwood",`+ofCollector+`})`, "")),
			stat("Records in", "cps", []step{{"blue", nil}}, query(`sum(`+rateBy("instance", "otelcol_receiver_accepted_log_records")+`)`, "")),
			stat("Refused", "short", noneIsGood, query(everIn("otelcol_receiver_refused_log_records", "otelcol_receiver_failed_log_records"), "")).
				about("Senders were told to come again. In the time that is shown."),
			stat("Dead letters", "short", noneIsGood, query(everIn("otelcol_exporter_kinesis_dead_letters", "otelcol_exporter_worm_s3_dead_letters"), "")).
				about("In the time that is shown."),
			stat("Lost", "short", noneIsGood, query(everIn("otelcol_receiver_logfmt_records_dropped", "otelcol_receiver_stdout_tail_records_dropped", "otelcol_processor_event_fold_records_dropped"), "")).
				about("Records that were read and are lost. In the time that is shown."),
			stat("Oldest waiting", "s", []step{{"green", nil}, {"orange", 600}, {"red", 900}},
				query(`max(`+self("otelcol_exporter_kinesis_oldest_record_age")+` or `+self("otelcol_exporter_worm_s3_oldest_record_age")+`)`, "")),
		}},
		row{"In", []panel{
			series("Accepted", "cps", query(rateBy("receiver, transport", "otelcol_receiver_accepted_log_records"), "{{receiver}} {{transport}}")),
			series("Refused", "cps",
				query(rateBy("receiver", "otelcol_receiver_refused_log_records"), "{{receiver}} refused"),
				query(rateBy("receiver", "otelcol_receiver_failed_log_records"), "{{receiver}} failed")),
			series("Lines that could not be parsed", "short",
				query(grownBy("instance", "otelcol_receiver_logfmt_parse_errors"), "{{instance}} logfmt"),
				query(grownBy("instance", "otelcol_receiver_stdout_tail_parse_errors"), "{{instance}} stdout_tail")).bars().
				about("They are delivered all the same, as they are."),
		}},
		row{"Processing", []panel{
			series("Where requests' ids come from", "cps", query(rateBy("how", "otelcol_processor_request_id_items"), "{{how}}")).bars(),
			series("Secrets found", "short", query(grownBy("detector, action", "otelcol_processor_redact_findings"), "{{detector}} {{action}}")).bars(),
			series("Values that redact could not look through", "short", query(grownBy("reason", "otelcol_processor_redact_unscanned"), "{{reason}}")).bars().
				about("They are masked whole."),
			series("Records counted by measure", "cps",
				query(rateBy("instance", "otelcol_connector_measure_records"), "{{instance}} counted"),
				query(rateBy("instance", "otelcol_connector_measure_repeats"), "{{instance}} came again")),
			series("Series of measure", "short", query(`sum by (instance) (`+self("otelcol_connector_measure_series")+`)`, "{{instance}}")),
			series("Values that made no point", "short", query(grownBy("reason", "otelcol_connector_measure_values_refused"), "{{reason}}")).bars(),
		}},
		row{"Folding", []panel{
			series("Events emitted", "cps", query(rateBy("reason", "otelcol_processor_event_fold_events_emitted"), "{{reason}}")).bars(),
			series("Records", "cps",
				query(rateBy("instance", "otelcol_processor_event_fold_records_merged"), "{{instance}} merged"),
				query(`sum by (instance, reason) (rate(`+self("otelcol_processor_event_fold_records_passed")+`[$__rate_interval]))`, "{{instance}} passed: {{reason}}"),
				query(rateBy("instance", "otelcol_processor_event_fold_records_repeated"), "{{instance}} repeated")),
			series("Held", "short",
				query(`sum by (instance) (`+self("otelcol_processor_event_fold_records_held")+`)`, "{{instance}} records"),
				query(`sum by (instance) (`+self("otelcol_processor_event_fold_events_open")+`)`, "{{instance}} events open")),
			series("How long an event took", "s",
				query(`histogram_quantile(0.5, sum by (le) (rate(fold_duration_seconds_bucket[$__rate_interval])))`, "half of them within"),
				query(`histogram_quantile(0.95, sum by (le) (rate(fold_duration_seconds_bucket[$__rate_interval])))`, "95 % within").dotted()),
			series("Oldest open event", "s", query(`max by (instance) (`+self("otelcol_processor_event_fold_oldest_event_age")+`)`, "{{instance}}")),
			series("Memory of events", "bytes", query(`sum by (instance) (`+self("otelcol_processor_event_fold_state_size")+`)`, "{{instance}}")),
		}},
		row{"Waiting", []panel{
			series("Queues, spools and journals in use", "percentunit",
				query(queueFill, "{{instance}} {{exporter}}"), query(kinesisFill, "{{instance}} kinesis"),
				query(wormFill, "{{instance}} worm_s3"), query(journalFill, "{{instance}} event_fold")).
				about("At 100 % senders are told to come again."),
			series("On disk", "bytes",
				query(`sum by (instance) (`+self("otelcol_exporter_kinesis_spool_size")+`)`, "{{instance}} kinesis"),
				query(`sum by (instance) (`+self("otelcol_exporter_worm_s3_spool_size")+`)`, "{{instance}} worm_s3"),
				query(`sum by (instance) (`+self("otelcol_processor_event_fold_journal_size")+`)`, "{{instance}} event_fold")),
			series("Oldest record that waits", "s",
				query(`max by (instance) (`+self("otelcol_exporter_kinesis_oldest_record_age")+`)`, "{{instance}} kinesis"),
				query(`max by (instance) (`+self("otelcol_exporter_worm_s3_oldest_record_age")+`)`, "{{instance}} worm_s3")),
		}},
		row{"Out", []panel{
			series("Sent", "cps", query(rateBy("exporter", "otelcol_exporter_sent_log_records"), "{{exporter}}")).
				about("kinesis and worm_s3 count here when records are in their spool."),
			series("Failed", "cps", query(rateBy("exporter", "otelcol_exporter_send_failed_log_records"), "{{exporter}}")),
			series("Dead letters", "short",
				query(grownBy("reason", "otelcol_exporter_kinesis_dead_letters"), "kinesis {{reason}}"),
				query(grownBy("reason", "otelcol_exporter_worm_s3_dead_letters"), "worm_s3 {{reason}}")).bars(),
		}},
		row{"Kinesis", []panel{
			series("Records", "cps",
				query(rateBy("instance", "otelcol_exporter_kinesis_records_accepted"), "{{instance}} accepted"),
				query(rateBy("instance", "otelcol_exporter_kinesis_records_delivered"), "{{instance}} delivered"),
				query(rateBy("instance", "otelcol_exporter_kinesis_records_retried"), "{{instance}} sent again")),
			series("Throttled", "percentunit", query(rateBy("shard", "otelcol_exporter_kinesis_throttled_time"), "{{shard}}")).
				about("Share of the time in which nothing was sent to a shard because it takes no more."),
			series("Records refused one by one", "cps", query(rateBy("code", "otelcol_exporter_kinesis_records_refused"), "{{code}}")),
			series("Calls", "cps",
				query(rateBy("instance", "otelcol_exporter_kinesis_calls"), "{{instance}}"),
				query(rateBy("error", "otelcol_exporter_kinesis_calls_failed"), "failed: {{error}}")),
			series("Bytes", "Bps", query(rateBy("instance", "otelcol_exporter_kinesis_bytes_delivered"), "{{instance}}")),
			series("Shards and calls in flight", "short",
				query(`max by (instance) (`+self("otelcol_exporter_kinesis_shards")+`)`, "{{instance}} shards"),
				query(`sum by (instance) (`+self("otelcol_exporter_kinesis_calls_in_flight")+`)`, "{{instance}} in flight")),
		}},
		row{"The collectors themselves", []panel{
			series("CPU", "percentunit", query(rateBy("instance", "otelcol_process_cpu_seconds"), "{{instance}}")).wide(12),
			series("Memory", "bytes", query(`sum by (instance) (`+self("otelcol_process_memory_rss")+`)`, "{{instance}}")).wide(12),
		}},
	)
}
