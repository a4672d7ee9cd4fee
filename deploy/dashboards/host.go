package main

// host shows what the host_metrics receiver says of machines.
func host() dashboard {
	const of = `host_name=~"$host"`
	return build(uidHost, "Heartwood: host", "CPU, memory, disks, network and file systems of the machines that collectors run on.",
		metricsOnly(valuesVariable("host", "Host", "system_cpu_time_seconds_total", "host_name")),
		row{"CPU and memory", []panel{
			series("CPU by state", "percentunit",
				query(`sum by (host_name, state) (rate(system_cpu_time_seconds_total{`+of+`,state!="idle"}[$__rate_interval])) / on (host_name) group_left () sum by (host_name) (rate(system_cpu_time_seconds_total{`+of+`}[$__rate_interval]))`,
					"{{host_name}} {{state}}")).bars(),
			series("Load", "short",
				query(`system_cpu_load_average_1m{`+of+`}`, "{{host_name}} 1 min"),
				query(`system_cpu_load_average_15m{`+of+`}`, "{{host_name}} 15 min"),
				query(`system_cpu_logical_count{`+of+`}`, "{{host_name}} CPUs")),
			series("Memory by state", "bytes",
				query(`sum by (host_name, state) (system_memory_usage_bytes{`+of+`})`, "{{host_name}} {{state}}")).bars(),
			series("Page faults and paging", "ops",
				query(`sum by (host_name, type) (rate(system_paging_faults_total{`+of+`}[$__rate_interval]))`, "{{host_name}} faults {{type}}"),
				query(`sum by (host_name, direction) (rate(system_paging_operations_total{`+of+`}[$__rate_interval]))`, "{{host_name}} {{direction}}")).wide(24).high(6),
		}},
		row{"Disks and file systems", []panel{
			series("Disk traffic", "Bps",
				query(`sum by (host_name, device, direction) (rate(system_disk_io_bytes_total{`+of+`}[$__rate_interval]))`, "{{host_name}} {{device}} {{direction}}")),
			series("Disk busy", "percentunit",
				query(`sum by (host_name, device) (rate(system_disk_io_time_seconds_total{`+of+`}[$__rate_interval]))`, "{{host_name}} {{device}}")),
			series("Disk operations waiting", "short",
				query(`sum by (host_name, device) (system_disk_pending_operations{`+of+`})`, "{{host_name}} {{device}}")),
			series("File systems in use", "percentunit",
				query(`sum by (host_name, mountpoint) (system_filesystem_usage_bytes{`+of+`,state="used"}) / sum by (host_name, mountpoint) (system_filesystem_usage_bytes{`+of+`})`,
					"{{host_name}} {{mountpoint}}")).wide(12),
			table("File systems", []string{"host_name", "mountpoint", "device"}, []column{{"Free", "bytes"}, {"Free inodes", "short"}},
				query(`sum by (host_name, mountpoint, device) (system_filesystem_usage_bytes{`+of+`,state="free"})`, ""),
				query(`sum by (host_name, mountpoint, device) (system_filesystem_inodes_usage{`+of+`,state="free"})`, "")).wide(12),
		}},
		row{"Network", []panel{
			series("Traffic", "Bps",
				query(`sum by (host_name, device, direction) (rate(system_network_io_bytes_total{`+of+`}[$__rate_interval]))`, "{{host_name}} {{device}} {{direction}}")),
			series("Errors and drops", "pps",
				query(`sum by (host_name, device, direction) (rate(system_network_errors_total{`+of+`}[$__rate_interval]))`, "{{host_name}} {{device}} {{direction}} errors"),
				query(`sum by (host_name, device, direction) (rate(system_network_dropped_total{`+of+`}[$__rate_interval]))`, "{{host_name}} {{device}} {{direction}} dropped")),
			series("Connections", "short",
				query(`sum by (host_name, protocol, state) (system_network_connections{`+of+`}) > 0`, "{{host_name}} {{protocol}} {{state}}")),
		}},
	)
}
