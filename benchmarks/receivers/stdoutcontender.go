package main

import (
	"maps"
	"path"
	"strconv"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver"
)

// Both contenders of a workload read the same file, so they have one weight.
var stdoutContenders = []contender{
	{
		name: "stdout_tail_plain", title: "stdout_tail", workload: plainText, factory: stdouttailreceiver.NewFactory, framing: fromFile, weight: 4,
		config: tailFiles, want: wantTailed(plainText, wantPlain), vary: varyTailed(plainText, varyNothing),
	},
	{
		name: "file_log_plain", title: "file_log, no parsing", workload: plainText, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 4,
		config: readFiles(nil), want: wantFromFile(wantPlain), vary: varyNothing,
	},
	{
		// With as much of a line's place as stdout_tail's records have.
		name: "file_log_plain_place", title: "the same, with path and offset", workload: plainText, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 4,
		config: readFiles(withPlace), want: wantPlace(plainText, wantPlain), vary: varyPlace(plainText, varyNothing),
	},
	{
		name: "stdout_tail_json", title: "stdout_tail", workload: jsonLines, factory: stdouttailreceiver.NewFactory, framing: fromFile, weight: 2,
		config: tailFiles, want: wantTailed(jsonLines, wantJSON), vary: varyTailed(jsonLines, varyJSON),
	},
	{
		name: "file_log_json", title: "file_log + json_parser", workload: jsonLines, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 2,
		config: readFiles(nil, jsonParser()), want: wantFromFile(wantParsedJSON), vary: varyParsedJSON,
	},
	{
		name: "stdout_tail_cri", title: "stdout_tail", workload: criLines, factory: stdouttailreceiver.NewFactory, framing: fromFile, weight: 1,
		config: tailFiles, want: wantTailed(criLines, inPod(wantJSON)), vary: varyTailed(criLines, varyJSON),
	},
	{
		name: "file_log_cri", title: "file_log + container + json_parser", workload: criLines, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 1,
		config: readFiles(withPath, containerParser(""), jsonParser()), want: wantFromPod, vary: varyParsedJSON,
	},
	{
		// Told what it would find out by itself, which saves it regular expressions.
		name: "file_log_cri_told", title: "the same, format: containerd", workload: criLines, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 1,
		config: readFiles(withPath, containerParser("containerd"), jsonParser()), want: wantFromPod, vary: varyParsedJSON,
	},
	{
		name: "stdout_tail_docker", title: "stdout_tail", workload: dockerLines, factory: stdouttailreceiver.NewFactory, framing: fromFile, weight: 1,
		config: tailFiles, want: wantTailed(dockerLines, inContainer(wantJSON)), vary: varyTailed(dockerLines, varyJSON),
	},
	{
		name: "file_log_docker", title: "file_log + container + json_parser", workload: dockerLines, factory: filelogreceiver.NewFactory, framing: fromFile, weight: 1,
		config: readFiles(nil, dockerParser(), jsonParser()), want: wantFromDocker, vary: varyParsedJSON,
	},
	{
		name: "stdout_tail_idle", title: "stdout_tail", workload: idle, factory: stdouttailreceiver.NewFactory, framing: idleFiles,
		config: tailFiles,
	},
	{
		name: "file_log_idle", title: "file_log, no parsing", workload: idle, factory: filelogreceiver.NewFactory, framing: idleFiles,
		config: readFiles(nil),
	},
}

// tailFiles leaves everything to be found out.
func tailFiles(glob string) map[string]any {
	return map[string]any{"files": map[string]any{"include": []any{glob}, "start_at": "beginning"}}
}

// withPath is what the container operator asks for.
var withPath = map[string]any{"include_file_path": true}

var withPlace = map[string]any{"include_file_path": true, "include_file_record_offset": true}

func readFiles(more map[string]any, operators ...any) func(glob string) map[string]any {
	return func(glob string) map[string]any {
		config := map[string]any{"include": []any{glob}, "start_at": "beginning", "operators": operators}
		maps.Copy(config, more)
		return config
	}
}

// jsonParser leaves all numbers floating-point, which is the default and costs
// it less than telling integers from others.
func jsonParser() map[string]any {
	return map[string]any{
		"type": "json_parser", "parse_from": "body", "parse_to": "attributes",
		"timestamp": map[string]any{"parse_from": "attributes.time", "layout_type": "gotime", "layout": timeLayout},
		"severity":  map[string]any{"parse_from": "attributes.level"},
	}
}

func containerParser(format string) map[string]any {
	config := map[string]any{"type": "container"}
	if format != "" {
		config["format"] = format
	}
	return config
}

// dockerParser takes nothing from the path, since that is no pod's.
func dockerParser() map[string]any {
	config := containerParser("docker")
	config["add_metadata_from_filepath"] = false
	return config
}

// What the contenders must make of a line.

func wantPlain(i int) record {
	return record{body: string(appendPlain(nil, i)), attributes: map[string]any{}}
}

func wantJSON(i int) record {
	e := eventOf(i)
	return record{
		time: e.time, severity: plog.SeverityNumberInfo, severityText: eventLevel, body: jsonMessage,
		attributes: map[string]any{
			"log.logger": jsonLogger, "request_id": e.requestID, "n": e.n, "elapsed": e.elapsedMillis(),
			"cached": e.cached, "bytes": e.bytes, "path": jsonPath,
		},
	}
}

func varyJSON(e event) uint64 {
	return sumOf("n", pcommon.ValueTypeInt, uint64(e.n)) +
		sumOf("elapsed", pcommon.ValueTypeDouble, uint64(e.elapsedMillis()*1000+0.5)) +
		sumOf("cached", pcommon.ValueTypeBool, boolNumber(e.cached)) +
		sumOf("bytes", pcommon.ValueTypeInt, uint64(e.bytes))
}

// wantPlace adds a line's place in its file.
func wantPlace(w *workload, want func(i int) record) func(i int) record {
	return func(i int) record {
		r := want(i)
		r.attributes["log.file.name"] = path.Base(w.file)
		r.attributes["log.file.path"] = anyPath
		r.attributes["log.file.record_offset"] = w.offset(i)
		return r
	}
}

func varyPlace(w *workload, vary func(e event) uint64) func(e event) uint64 {
	return func(e event) uint64 {
		return vary(e) + sumOf("log.file.record_offset", pcommon.ValueTypeInt, uint64(w.offset(int(e.n-firstNumber))))
	}
}

// wantTailed adds a line's place and the identity that stdout_tail makes of it.
func wantTailed(w *workload, want func(i int) record) func(i int) record {
	return func(i int) record {
		r := wantPlace(w, want)(i)
		r.attributes["log.record.uid"] = anyFile + "-" + decimal(w.offset(i))
		return r
	}
}

func varyTailed(w *workload, vary func(e event) uint64) func(e event) uint64 {
	return func(e event) uint64 {
		offset := w.offset(int(e.n - firstNumber))
		var digits [20]byte
		uid := len(anyFile) + len("-") + len(strconv.AppendInt(digits[:0], offset, 10))
		return varyPlace(w, vary)(e) + sumOf("log.record.uid", pcommon.ValueTypeStr, uint64(uid))
	}
}

func podResource(restarts any) map[string]any {
	return map[string]any{
		"k8s.namespace.name": "shop", "k8s.pod.name": "purchasing-5d8f9c7b6-x2x7q",
		"k8s.pod.uid": "0c1f0a52-6a1c-4f0e-8c8e-2f6c1a9d7e31", "k8s.container.name": "purchasing", "k8s.container.restart_count": restarts,
	}
}

func inPod(want func(i int) record) func(i int) record {
	return func(i int) record {
		r := want(i)
		r.resource = podResource("0")
		r.attributes["log.iostream"] = "stdout"
		return r
	}
}

func inContainer(want func(i int) record) func(i int) record {
	return func(i int) record {
		r := want(i)
		r.resource = map[string]any{"container.id": dockerID, "container.runtime.name": "docker"}
		r.attributes["log.iostream"] = "stdout"
		return r
	}
}

func wantParsedJSON(i int) record {
	e := eventOf(i)
	return record{
		time: e.time, severity: plog.SeverityNumberInfo, severityText: eventLevel, body: string(appendJSON(nil, i)),
		attributes: map[string]any{
			"time": e.time.Format(timeLayout), "level": eventLevel, "logger": jsonLogger, "message": jsonMessage,
			"request_id": e.requestID, "n": float64(e.n), "elapsed": e.elapsedMillis(), "cached": e.cached,
			"bytes": float64(e.bytes), "path": jsonPath,
		},
	}
}

func varyParsedJSON(e event) uint64 {
	return sumOf("n", pcommon.ValueTypeDouble, uint64(float64(e.n)*1000+0.5)) +
		sumOf("elapsed", pcommon.ValueTypeDouble, uint64(e.elapsedMillis()*1000+0.5)) +
		sumOf("cached", pcommon.ValueTypeBool, boolNumber(e.cached)) +
		sumOf("bytes", pcommon.ValueTypeDouble, uint64(float64(e.bytes)*1000+0.5))
}

func wantFromPod(i int) record {
	r := inPod(wantParsedJSON)(i)
	r.attributes["logtag"] = "F"
	r.attributes["log.file.name"] = path.Base(podFile)
	r.attributes["log.file.path"] = anyPath
	return r
}

func wantFromDocker(i int) record {
	r := wantParsedJSON(i)
	r.body += "\n"
	r.attributes["log.iostream"] = "stdout"
	r.attributes["log.file.name"] = path.Base(dockerFile)
	return r
}
