package configlint

import (
	"path"
	"slices"
	"strings"
	"time"
)

// Defaults of exporterhelper and of the receivers that are built on stanza, at v0.158.0.
const defaultMaxElapsed = 5 * time.Minute

// queue is where an exporter of a type has a queue, and what is so when nothing is said.
type queue struct {
	path    string // of its settings, within the exporter's; empty for the exporter's own
	on      bool
	retries bool
	// maxElapsed is for a retry_on_failure that does not say.
	maxElapsed time.Duration
	// interval is what retry_on_failure needs besides, because 0 is its default: it
	// would retry without a pause.
	interval string
	// once is for exporters that know no retry_on_failure.
	once bool
	// without is the remedy for a queue that can't be on disk.
	without string
}

var helperQueue = queue{on: true, retries: true, maxElapsed: defaultMaxElapsed}

// queues are those of the exporters in this distribution, by type and former type; read
// in their factories at v0.158.0. Types that are not here have none unless it is
// written.
var queues = map[string][]queue{
	"otlp_grpc":  {helperQueue},
	"otlp":       {helperQueue},
	"otlp_http":  {helperQueue},
	"otlphttp":   {helperQueue},
	"kafka":      {helperQueue},
	"debug":      {{once: true}},
	"prometheus": {{once: true}},
	// One before the choice of a destination, with the zero value for retries, and one
	// in each of the otlp exporters behind it, which can't share a file.
	"load_balancing": {{interval: loadBalancingInterval}, {path: "protocol::otlp", on: true, retries: true, maxElapsed: defaultMaxElapsed, without: loadBalancingRemedy}},
	"loadbalancing":  {{interval: loadBalancingInterval}, {path: "protocol::otlp", on: true, retries: true, maxElapsed: defaultMaxElapsed, without: loadBalancingRemedy}},
}

const (
	loadBalancingInterval = "initial_interval: 500ms, "
	loadBalancingRemedy   = "Set {key}::enabled: false, and give load_balancing itself a sending_queue with storage"
)

// stanzaTypes are the receivers that drop what is refused unless they are told to retry.
var stanzaTypes = []string{"file_log", "filelog", "syslog", "journald"}

// spooling are the exporters of ours, which keep a queue of their own on disk.
var spooling = []string{"kinesis", "worm_s3"}

// volatile are folders that a restart of the machine empties on the usual systems, since
// they are in memory: https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch03s15.html
var volatile = []string{"/dev/shm", "/run", "/var/run", "/tmp"}

// holding are the processors that answer and decide later, with what they hold.
var holding = map[string]string{
	"tail_sampling": "the spans of a trace",
	"groupbytrace":  "the spans of a trace",
	"interval":      "the last value of each series",
}

// delivery finds what can lose records that were acknowledged.
func (k *checker) delivery() {
	k.receivers()
	k.processors()
	k.memoryLimiters()
	k.exporters()
	k.storage()
}

func (k *checker) receivers() {
	ids, in := k.users(receiversOf)
	for _, id := range ids {
		receiver, defined := k.settings(kindReceiver, id)
		if !defined {
			continue
		}
		at := place{kindReceiver, id, in[id], receiver.path}
		switch kind := typeOf(id); {
		case kind == "kafka":
			k.kafkaReceiver(receiver, at)
		case slices.Contains(stanzaTypes, kind):
			k.stanzaReceiver(receiver, at)
		case kind == "stdout_tail" && receiver.text("storage") == "":
			for _, input := range []string{"files", "journald"} {
				section, set := receiver.section(input)
				if set && section.text("start_at") != "beginning" {
					k.find(ruleUnstoredPosition, at)
					break
				}
			}
		}
	}
}

// kafkaReceiver looks at when an offset is marked as read. Marked offsets are committed
// by a clock, or without autocommit when all messages of a poll have been handed over.
func (k *checker) kafkaReceiver(receiver settings, at place) {
	marking, _ := receiver.section("message_marking")
	commit, _ := receiver.section("autocommit")
	switch {
	case !marking.boolean("after", false):
		lost := "a message that is refused, or under way in a crash, is not read again"
		if !commit.boolean("enable", true) {
			lost = "a message that is refused is not read again"
		}
		k.find(ruleEarlyOffset, at, "setting", "message_marking::after false",
			"when", "before the pipeline has taken the message", "lost", lost)
	case marking.boolean("on_error", false):
		k.find(ruleEarlyOffset, at, "setting", "message_marking::on_error true",
			"when", "also when the pipeline has refused the message",
			"lost", "a message for which there was no room is not read again")
	default:
		backoff, _ := receiver.section("error_backoff")
		if !backoff.boolean("enabled", false) {
			k.find(rulePausedPartition, at)
		}
	}
}

func (k *checker) stanzaReceiver(receiver settings, at place) {
	retry, _ := receiver.section("retry_on_failure")
	limit := retry.duration("max_elapsed_time", defaultMaxElapsed)
	switch {
	case !retry.boolean("enabled", false):
		k.find(ruleReceiverDrops, at, "setting", "retry_on_failure is off", "when", "")
	case limit > 0:
		k.find(ruleReceiverDrops, at, "setting", "retry_on_failure gives up", "when", " after "+written(limit))
	}
	if typeOf(at.component) != "syslog" && receiver.text("storage") == "" && receiver.text("start_at") != "beginning" {
		k.find(ruleUnstoredPosition, at)
	}
}

func (k *checker) processors() {
	ids, in := k.users(processorsOf)
	for _, id := range ids {
		processor, defined := k.settings(kindProcessor, id)
		if !defined {
			continue
		}
		at := place{kindProcessor, id, in[id], processor.path}
		switch kind := typeOf(id); {
		case kind == "batch":
			k.find(ruleBatch, at)
		case kind == "event_fold" && processor.text("directory") == "":
			k.find(ruleMemoryFold, at)
		case holding[kind] != "":
			k.find(ruleMemoryHold, at, "records", holding[kind])
		}
	}
}

// memoryLimiters must be first where receivers hand over. A pipeline behind a connector
// is part of the call that the limiter before it has let in.
func (k *checker) memoryLimiters() {
	for _, p := range k.pipelines {
		where := slices.IndexFunc(p.processors, func(id string) bool { return typeOf(id) == "memory_limiter" })
		fed := slices.ContainsFunc(p.receivers, func(id string) bool { _, ok := k.components[kindReceiver][id]; return ok })
		key := []string{"service", "pipelines", p.id, "processors"}
		switch {
		case where < 0 && fed:
			k.find(ruleNoMemoryLimiter, place{kindProcessor, "memory_limiter", []string{p.id}, key})
		case where > 0:
			k.find(ruleLateMemoryLimiter, place{kindProcessor, p.processors[where], []string{p.id}, key},
				"before", strings.Join(p.processors[:where], ", "))
		}
	}
}

func (k *checker) exporters() {
	ids, in := k.users(exportersOf)
	for _, id := range ids {
		exporter, defined := k.settings(kindExporter, id)
		if !defined {
			continue
		}
		at := place{kindExporter, id, in[id], exporter.path}
		if kind := typeOf(id); kind == "prometheus_remote_write" || kind == "prometheusremotewrite" {
			k.remoteWrite(exporter, at)
			continue
		}
		if slices.Contains(spooling, typeOf(id)) {
			k.spool(exporter, at)
			continue
		}
		for _, q := range queuesOf(id) {
			k.queue(exporter, at, q)
		}
		if typeOf(id) == "kafka" {
			k.acks(exporter, at)
		}
	}
}

// spool looks at where an exporter of ours keeps what it has accepted.
func (k *checker) spool(exporter settings, at place) {
	spool, _ := exporter.section("spool")
	directory := spool.text("directory")
	if directory == "" {
		if typeOf(at.component) != "worm_s3" { // which does not start without
			k.find(ruleMemorySpool, at)
		}
		return
	}
	for _, folder := range volatile {
		if clean := path.Clean(directory); clean == folder || strings.HasPrefix(clean, folder+"/") {
			at.key = spool.child("directory").path
			k.find(ruleVolatileSpool, at, "directory", directory)
			return
		}
	}
}

// acks looks at how many brokers must have what the kafka exporter has sent.
func (k *checker) acks(exporter settings, at place) {
	producer, _ := exporter.section("producer")
	switch acks := producer.text("required_acks"); acks {
	case "", "1":
		k.find(ruleWeakAcks, at, "acks", "1", "when", "one broker has it in memory")
	case "0":
		k.find(ruleWeakAcks, at, "acks", "0", "when", "it has been sent to one broker")
	}
}

func queuesOf(id string) []queue {
	if slices.Contains(spooling, typeOf(id)) {
		return nil
	}
	if known, ok := queues[typeOf(id)]; ok {
		return known
	}
	return []queue{{retries: true, maxElapsed: defaultMaxElapsed}}
}

// within is the section at path.
func (s settings) within(path string) settings {
	if path == "" {
		return s
	}
	for name := range strings.SplitSeq(path, "::") {
		s, _ = s.section(name)
	}
	return s
}

// queue looks at a sending_queue and the retries behind it. Without a queue, or with one
// that waits, the sender learns of a failure, and nothing is lost.
func (k *checker) queue(exporter settings, at place, q queue) {
	settings := exporter.within(q.path)
	sending, set := settings.section("sending_queue")
	on := q.on
	if set {
		on = sending.boolean("enabled", true)
	}
	if !on || sending.boolean("wait_for_result", false) {
		return
	}
	name := strings.TrimPrefix(sending.key(), exporter.key()+"::")
	at.key = sending.path
	if sending.text("storage") == "" {
		byDefault := ""
		if !set {
			byDefault = ", which is the default"
		}
		remedy := q.without
		if remedy == "" {
			remedy = "Set {key}::storage to a file_storage extension with fsync: true"
		}
		k.find(ruleMemoryQueue, at, "queue", name, "default", byDefault,
			"remedy", strings.ReplaceAll(remedy, "{key}", sending.key()))
		if q.without != "" {
			return // what else is wrong with it goes away with it
		}
	}
	if !sending.boolean("block_on_overflow", false) {
		k.find(ruleQueueOverflow, at, "queue", name)
	}
	if !q.once {
		k.retries(settings, at, q)
	}
}

func (k *checker) retries(settings settings, at place, q queue) {
	retry, _ := settings.section("retry_on_failure")
	at.key = retry.path
	limit := retry.duration("max_elapsed_time", q.maxElapsed)
	switch {
	case !retry.boolean("enabled", q.retries):
		k.find(ruleFiniteRetry, at, "setting", "retry_on_failure is off", "when", "at once", "interval", q.interval)
	case limit > 0:
		k.find(ruleFiniteRetry, at, "setting", "retry_on_failure gives up after "+written(limit), "when", "for that long", "interval", q.interval)
	}
}

// remoteWrite has a queue of its own kind, which is in memory, before its write-ahead
// log.
func (k *checker) remoteWrite(exporter settings, at place) {
	own, _ := exporter.section("remote_write_queue")
	if !own.boolean("enabled", true) {
		return
	}
	byDefault := ""
	if _, said := own.values["enabled"]; !said {
		byDefault = ", which is the default"
	}
	at.key = own.path
	k.find(ruleMemoryQueue, at, "queue", "remote_write_queue", "default", byDefault,
		"remedy", "Set "+own.key()+"::enabled: false, so that whoever hands over waits for the answer")
	k.retries(exporter, at, queue{retries: true, maxElapsed: defaultMaxElapsed})
}

// storageUse is a component that keeps something in a storage extension.
type storageUse struct {
	storage   string
	pipelines []string
	key       []string
}

func (k *checker) storages() []storageUse {
	var uses []storageUse
	add := func(s settings, pipelines []string) {
		if storage := s.text("storage"); storage != "" {
			uses = append(uses, storageUse{storage, pipelines, s.child("storage").path})
		}
	}
	ids, in := k.users(receiversOf)
	for _, id := range ids {
		receiver, _ := k.settings(kindReceiver, id)
		add(receiver, in[id])
	}
	ids, in = k.users(exportersOf)
	for _, id := range ids {
		exporter, _ := k.settings(kindExporter, id)
		for _, q := range queuesOf(id) {
			sending, _ := exporter.within(q.path).section("sending_queue")
			if sending.boolean("enabled", true) {
				add(sending, in[id])
			}
		}
	}
	return uses
}

// storage looks at the extensions in which something is kept.
func (k *checker) storage() {
	uses := k.storages()
	for _, id := range k.extensions {
		extension, defined := k.settings(kindExtension, id)
		if !defined || typeOf(id) != "file_storage" || extension.boolean("fsync", false) {
			continue
		}
		var pipelines []string
		for _, use := range uses {
			for _, p := range use.pipelines {
				if use.storage == id && !slices.Contains(pipelines, p) {
					pipelines = append(pipelines, p)
				}
			}
		}
		slices.Sort(pipelines)
		k.find(ruleUnsyncedStorage, place{kindExtension, id, pipelines, extension.path})
	}
}

// written is a duration as one writes it: 5m, not 5m0s.
func written(d time.Duration) string {
	text := d.String()
	if rest, cut := strings.CutSuffix(text, "m0s"); cut {
		text = rest + "m"
		if hours, cut := strings.CutSuffix(text, "h0m"); cut {
			text = hours + "h"
		}
	}
	return text
}
