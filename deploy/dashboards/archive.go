package main

// archive shows what the worm_s3 exporter knows of its archive, and what the last
// verification has found.
func archive() dashboard {
	return build(uidArchive, "Heartwood: archive", "The archive on S3: what is written, how old the last signature is, what was found not to be as it was put there, and what the last `heartwood verify` said.",
		metricsOnly(collectors),
		row{"At a glance", []panel{
			stat("Writing", "short", noneIsGood, query(`max(`+self("otelcol_exporter_worm_s3_failed")+`)`, "")).
				about("1: nothing more is accepted and written, until someone looks into it."),
			stat("Last checkpoint", "s", []step{{"green", nil}, {"orange", 600}, {"red", 900}}, query(`max(`+self("otelcol_exporter_worm_s3_checkpoint_age")+`)`, "")),
			stat("Deviations", "short", noneIsGood, query(`sum(`+self("otelcol_exporter_worm_s3_deviations")+`) or vector(0)`, "")).
				about("Objects that are not in the bucket as they were put there, since the collectors' start."),
			stat("Last verification", "short", noneIsGood, query(`max(last_over_time(archive_verify_status[7d]))`, "")).
				about("Exit status of heartwood verify, by deploy/archive-verify.sh: 0 good, 1 tampered with, 2 could not be checked."),
			stat("Verified", "s", []step{{"green", nil}, {"orange", 2 * 86400}, {"red", 7 * 86400}}, query(`time() - max(last_over_time(archive_verify_time[7d]))`, "")).
				about("How long ago that was."),
			stat("Clock", "s", []step{{"red", nil}, {"green", -60}, {"red", 60}}, query(`max(`+self("otelcol_exporter_worm_s3_clock_offset")+`)`, "")).
				about("How far this machine's clock is before the bucket's."),
		}},
		row{"Written", []panel{
			series("Objects", "cps", query(rateBy("class", "otelcol_exporter_worm_s3_objects_written"), "{{class}}")),
			series("Bytes", "Bps", query(rateBy("class", "otelcol_exporter_worm_s3_bytes_written"), "{{class}}")),
			series("Records", "cps",
				query(rateBy("instance", "otelcol_exporter_worm_s3_records_accepted"), "{{instance}} accepted"),
				query(rateBy("class", "otelcol_exporter_worm_s3_records_archived"), "archived: {{class}}")),
			table("By class, in the time that is shown", []string{"class"}, []column{{"Records", "short"}, {"Objects", "short"}, {"Bytes", "bytes"}},
				query(`sum by (class) (increase(`+self("otelcol_exporter_worm_s3_records_archived")+`[$__range]))`, ""),
				query(`sum by (class) (increase(`+self("otelcol_exporter_worm_s3_objects_written")+`[$__range]))`, ""),
				query(`sum by (class) (increase(`+self("otelcol_exporter_worm_s3_bytes_written")+`[$__range]))`, "")).wide(12),
			series("Came again, redacted", "cps",
				query(rateBy("instance", "otelcol_exporter_worm_s3_records_repeated"), "{{instance}} came again"),
				query(rateBy("instance", "otelcol_exporter_worm_s3_redactions"), "{{instance}} redactions")).wide(12),
		}},
		row{"Signed", []panel{
			series("Age of the last checkpoint", "s",
				query(`max by (instance) (`+self("otelcol_exporter_worm_s3_checkpoint_age")+`)`, "{{instance}}"),
				query(`max by (instance) (`+self("otelcol_exporter_worm_s3_checkpoint_interval")+`)`, "{{instance}} interval")).signed(),
			series("Checkpoints", "short", query(`max by (instance) (`+self("otelcol_exporter_worm_s3_checkpoint_number")+`)`, "{{instance}}")).signed(),
			series("Checkpoints that could not be put", "short", query(grownBy("place", "otelcol_exporter_worm_s3_checkpoint_failures"), "{{place}}")).bars(),
		}},
		row{"Waiting", []panel{
			series("Oldest record in no complete object", "s", query(`max by (instance) (`+self("otelcol_exporter_worm_s3_oldest_record_age")+`)`, "{{instance}}")),
			series("Spool", "bytes",
				query(`sum by (instance) (`+self("otelcol_exporter_worm_s3_spool_size")+`)`, "{{instance}}"),
				query(`sum by (instance) (`+self("otelcol_exporter_worm_s3_spool_limit")+`)`, "{{instance}} limit")),
			series("Objects", "short",
				query(`sum by (instance) (`+self("otelcol_exporter_worm_s3_objects_open")+`)`, "{{instance}} being filled"),
				query(`sum by (instance) (`+self("otelcol_exporter_worm_s3_objects_waiting")+`)`, "{{instance}} not signed"),
				query(`sum by (instance) (`+self("otelcol_exporter_worm_s3_uploads_in_flight")+`)`, "{{instance}} on their way")),
		}},
		row{"What goes wrong", []panel{
			series("Tried again", "cps", query(rateBy("error", "otelcol_exporter_worm_s3_retries"), "{{error}}")),
			series("Deviations and dead letters", "short",
				query(grownBy("instance", "otelcol_exporter_worm_s3_deviations"), "{{instance}} deviations"),
				query(grownBy("reason", "otelcol_exporter_worm_s3_dead_letters"), "dead letters: {{reason}}")).bars(),
			series("Clock before the bucket's", "s", query(`max by (instance) (`+self("otelcol_exporter_worm_s3_clock_offset")+`)`, "{{instance}}")).signed(),
		}},
	)
}
