package main

// job is one command and what reads its output.
type job struct {
	name  string
	args  []string // of go, in the folder benchmarks
	parse func([]byte) (map[string]float64, error)
}

func bench(pattern, times, folder string) []string {
	return []string{"test", "-run", "xxx", "-bench", pattern, "-benchtime", times, "-count", "3", folder}
}

var jobs = []job{
	{"logfmt", bench("Parse", "20ms", "./logfmt"), parseBench},
	{"receivers", []string{"run", "./receivers", "-json", "-count", "1", "-lines", "20000"}, parseReceivers},
	{"spool", []string{"test", "-run", "xxx", "-bench", ".", "-benchtime", "500x", "./spool"}, parseBench},
	{"folding", bench(".", "300x", "./folding"), parseBench},
	{"redaction", bench("Records", "100x", "./redaction"), parseBench},
	{"ecs", bench(".", "100x", "./ecs"), parseBench},
	{"kinesis", []string{"run", "./kinesis", "-json", "-count", "1", "-records", "40000", "-refused-records", "2000"}, parseRows},
	{"gateway", []string{"run", "./gateway", "-json", "-count", "1", "-records", "100000"}, parseRows},
}

// ratio is one of docs/performance.md.
type ratio struct {
	name           string
	job            string
	ours, upstream string // of the job's values
	unit           string
	less           bool    // the less the better
	aim            float64 // 0: none was set
	// section and row are where docs/performance.md has it in a table; empty: in a text.
	section, row string
}

const (
	perCPU   = "records per CPU-second"
	perCall  = "calls per second"
	nsRecord = "ns of CPU time per record"

	socket    = "From socket to record"
	stdout    = "From stdout to record"
	spool     = "The spool"
	redaction = "Redaction"
	ecs       = "ECS"
	kinesis   = "Kinesis"
	gateway   = "The gateway, as a whole"
)

var ratios = []ratio{
	{name: "logfmt parser, strings, to kr/logfmt", job: "logfmt", ours: "Parse/parser=heartwood_strings/input=router ns/op", upstream: "Parse/parser=kr/input=router ns/op", unit: "ns per line", less: true},
	{name: "logfmt parser, types, to go-logfmt", job: "logfmt", ours: "Parse/parser=heartwood_infer/input=router ns/op", upstream: "Parse/parser=go-logfmt/input=router ns/op", unit: "ns per line", less: true},
	{name: "logfmt parser, strings, to kr/logfmt with its pairs kept", job: "logfmt", ours: "Parse/parser=heartwood_strings/input=router ns/op", upstream: "Parse/parser=kr_kept/input=router ns/op", unit: "ns per line", less: true},
	{name: "logfmt parser, types, to key_value_parser", job: "logfmt", ours: "Parse/parser=heartwood_infer/input=router ns/op", upstream: "Parse/parser=key_value_parser/input=router ns/op", unit: "ns per line", less: true},
	{name: "logfmt parser, types, to ParseKeyValue", job: "logfmt", ours: "Parse/parser=heartwood_infer/input=router ns/op", upstream: "Parse/parser=ParseKeyValue/input=router ns/op", unit: "ns per line", less: true},

	{name: "logfmt over tcp to octet-counted frames", job: "receivers", ours: "logfmt", upstream: "logfmt_syslog", unit: perCPU, section: socket, row: "`logfmt`, tcp, octet-counted syslog frames"},
	{name: "logfmt to file_log and key_value_parser", job: "receivers", ours: "logfmt", upstream: "file_log_kv", unit: perCPU, aim: 8, section: socket, row: "`file_log` + `key_value_parser`"},
	{name: "logfmt to syslog and key_value_parser", job: "receivers", ours: "logfmt", upstream: "syslog_kv", unit: perCPU, aim: 8, section: socket, row: "`syslog` + `key_value_parser`, tcp"},
	{name: "logfmt to file_log without parsing", job: "receivers", ours: "logfmt", upstream: "file_log", unit: perCPU, section: socket, row: "`file_log`, no parsing"},

	{name: "stdout_tail to file_log, plain text", job: "receivers", ours: "stdout_tail_plain", upstream: "file_log_plain", unit: perCPU, aim: 1, section: stdout, row: "`file_log`, no parsing"},
	{name: "stdout_tail to file_log with path and offset, plain text", job: "receivers", ours: "stdout_tail_plain", upstream: "file_log_plain_place", unit: perCPU, section: stdout, row: "`file_log`, no parsing, with path and offset, as ours has them"},
	{name: "stdout_tail to file_log and json_parser", job: "receivers", ours: "stdout_tail_json", upstream: "file_log_json", unit: perCPU, aim: 3, section: stdout, row: "`file_log` + `json_parser`"},
	{name: "stdout_tail to file_log, container and json_parser, CRI", job: "receivers", ours: "stdout_tail_cri", upstream: "file_log_cri", unit: perCPU, aim: 8, section: stdout, row: "`file_log` + `container` + `json_parser`"},
	{name: "stdout_tail to the same, told the format", job: "receivers", ours: "stdout_tail_cri", upstream: "file_log_cri_told", unit: perCPU, section: stdout, row: "the same, told `format: containerd`"},
	{name: "stdout_tail to file_log, container and json_parser, Docker", job: "receivers", ours: "stdout_tail_docker", upstream: "file_log_docker", unit: perCPU, aim: 8, section: stdout, row: "`file_log` + `container` + `json_parser`"},

	{name: "spool to sending_queue, default, 64 callers", job: "spool", ours: "Spool/callers=64 calls/s", upstream: "PersistentQueue/default/callers=64 calls/s", unit: perCall, aim: 10, section: spool, row: "64"},
	{name: "spool to sending_queue with batch, 64 callers", job: "spool", ours: "Spool/callers=64 calls/s", upstream: "PersistentQueue/batch/callers=64 calls/s", unit: perCall, section: spool, row: "64"},
	{name: "spool to sending_queue, default, 256 callers", job: "spool", ours: "Spool/callers=256 calls/s", upstream: "PersistentQueue/default/callers=256 calls/s", unit: perCall, aim: 10, section: spool, row: "256"},
	{name: "spool to sending_queue with 64 consumers, 256 callers", job: "spool", ours: "Spool/callers=256 calls/s", upstream: "PersistentQueue/consumers=64/callers=256 calls/s", unit: perCall, section: spool, row: "256"},

	{name: "event_fold in memory to groupbytrace", job: "folding", ours: "Hold/event_fold/style=document/journal=false records/cpu-s", upstream: "Hold/groupbytrace records/cpu-s", unit: perCPU},
	{name: "event_fold with its journal to groupbytrace", job: "folding", ours: "Hold/event_fold/style=document/journal=true records/cpu-s", upstream: "Hold/groupbytrace records/cpu-s", unit: perCPU},

	{name: "redact to redaction, ten patterns, no hits", job: "redaction", ours: "Records/hits=0%/redact " + cpuUnit, upstream: "Records/hits=0%/redaction " + cpuUnit, unit: nsRecord, less: true, aim: 10, section: redaction, row: "0 %"},
	{name: "redact to redaction, ten patterns, 5 % hits", job: "redaction", ours: "Records/hits=5%/redact " + cpuUnit, upstream: "Records/hits=5%/redaction " + cpuUnit, unit: nsRecord, less: true, section: redaction, row: "5 %"},
	{name: "redact to redaction, ten patterns, all hits", job: "redaction", ours: "Records/hits=100%/redact " + cpuUnit, upstream: "Records/hits=100%/redaction " + cpuUnit, unit: nsRecord, less: true, section: redaction, row: "100 %"},

	{name: "ecs to transform, ten renamed", job: "ecs", ours: "Mapping/ecs cpu-ns/record", upstream: "Mapping/transform cpu-ns/record", unit: nsRecord, less: true, section: ecs, row: "`ecs`"},
	{name: "ecs to transform, all", job: "ecs", ours: "Mapping/ecs cpu-ns/record", upstream: "Mapping/transform-all cpu-ns/record", unit: nsRecord, less: true, section: ecs, row: "`ecs`"},
	{name: "ecs_encoding, nested, to plog.JSONMarshaler", job: "ecs", ours: "Encoding/ecs/nesting=nested cpu-ns/record", upstream: "Encoding/otlp_json cpu-ns/record", unit: nsRecord, less: true, section: ecs, row: "`ecs_encoding`, nested, 1020 bytes"},
	{name: "ecs_encoding, with points, to plog.JSONMarshaler", job: "ecs", ours: "Encoding/ecs/nesting=dotted cpu-ns/record", upstream: "Encoding/otlp_json cpu-ns/record", unit: nsRecord, less: true, section: ecs, row: "`ecs_encoding`, with points, 1036 bytes"},

	{name: "kinesis to awskinesis", job: "kinesis", ours: "kinesis", upstream: "awskinesis", unit: perCPU, section: kinesis, row: "`kinesis`"},
	{name: "kinesis with aggregates to awskinesis", job: "kinesis", ours: "kinesis-kpl", upstream: "awskinesis", unit: perCPU, section: kinesis, row: "`kinesis`, `aggregation: kpl`"},
	{name: "kinesis with aggregates and without a spool to awskinesis", job: "kinesis", ours: "kinesis-kpl-memory", upstream: "awskinesis", unit: perCPU, section: kinesis, row: "the same, without a spool"},
	{name: "PUT payload units, aggregates to awskinesis", job: "kinesis", ours: "kinesis-kpl units", upstream: "awskinesis units", unit: "units per 1,000 records", less: true, aim: 10},

	{name: "gateway without folding to upstream's", job: "gateway", ours: "plain", upstream: "upstream", unit: perCPU, section: gateway, row: "without folding"},
	{name: "gateway, spools in memory, to upstream's", job: "gateway", ours: "plain-memory", upstream: "upstream", unit: perCPU, section: gateway, row: "without folding, spools in memory"},
	{name: "gateway, folding in memory, to upstream's", job: "gateway", ours: "fold", upstream: "upstream", unit: perCPU, section: gateway, row: "folding in memory"},
	{name: "gateway, folding with its journal, to upstream's", job: "gateway", ours: "fold-journal", upstream: "upstream", unit: perCPU, section: gateway, row: "folding with its journal"},
}

// cpuUnit is that of the redaction benchmark's own metric.
const cpuUnit = "cpu-ns/record"
