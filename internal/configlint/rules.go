package configlint

import (
	"fmt"
	"slices"
	"strings"
)

// Level is how much a finding matters.
type Level string

const (
	// Error is for what must not go into production: a secret is kept or sent, or the
	// collector does not start.
	Error Level = "error"
	// Warning is for what loses records when something else goes wrong.
	Warning Level = "warning"
)

// Rule is one thing that can stand in the wrong place. In Lost and Remedy, words in
// braces stand for what a finding has at hand.
type Rule struct {
	ID     string
	Level  Level // of the finding; the redaction rules have Warning for metrics and profiles
	Lost   string
	Remedy string
}

// Of the rules that code refers to.
const (
	ruleUndefined         = "undefined-component"
	ruleEarlyECS          = "early-ecs"
	ruleExporter          = "unredacted-exporter"
	rulePage              = "unredacted-page"
	ruleConnector         = "unredacted-connector"
	ruleJournal           = "unredacted-journal"
	ruleMemorySpool       = "memory-spool"
	ruleVolatileSpool     = "volatile-spool"
	ruleMemoryQueue       = "memory-queue"
	ruleQueueOverflow     = "queue-overflow"
	ruleFiniteRetry       = "finite-retry"
	ruleWeakAcks          = "weak-acks"
	ruleUnsyncedStorage   = "unsynced-storage"
	ruleBatch             = "batch-processor"
	ruleMemoryFold        = "memory-fold"
	ruleMemoryHold        = "memory-hold"
	ruleEarlyOffset       = "early-offset"
	rulePausedPartition   = "paused-partition"
	ruleReceiverDrops     = "receiver-drops"
	ruleUnstoredPosition  = "unstored-position"
	ruleNoMemoryLimiter   = "memory-limiter-missing"
	ruleLateMemoryLimiter = "memory-limiter-late"
	rulePasswordInURL     = "password-in-url"
	rulePlainListener     = "plain-listener"
	ruleOpenListener      = "open-listener"
	ruleOpenPage          = "open-page"
)

// Rules is the closed list, in the order in which findings at one place are told.
var Rules = []Rule{
	{
		ID: ruleUndefined, Level: Error,
		Lost:   "{key} names the {kind} {component}, which {problem}: the collector does not start, and nothing is delivered.",
		Remedy: "{remedy}.",
	},
	{
		ID: ruleEarlyECS, Level: Warning,
		Lost:   "{ecs} has given records ECS's names before {component} sees them: it {effect}.",
		Remedy: "{remedy}.",
	},
	{
		ID: ruleJournal, Level: Error,
		Lost:   "Its journal in {directory} holds records as they came ({way}): a secret in one of them is written to disk.",
		Remedy: "In service::pipelines::{where}::processors, put redact before all that keeps or hands on records.",
	},
	{
		ID: ruleConnector, Level: Error,
		Lost:   "It makes labels and exemplars from records as they came ({way}): a secret in one of them becomes part of a metric.",
		Remedy: "In service::pipelines::{where}::processors, put redact before all that keeps or hands on records.",
	},
	{
		ID: rulePage, Level: Error,
		Lost:   "It {shows} as they came ({way}), a secret in one of them included.",
		Remedy: "In service::pipelines::{where}::processors, put redact before all that keeps or hands on records.",
	},
	{
		ID: ruleExporter, Level: Error,
		Lost:   "It is given {records} as they came ({way}): a secret in one of them leaves this collector and can't be taken back.",
		Remedy: "In service::pipelines::{where}::processors, put redact before all that keeps or hands on records.",
	},
	{
		ID: rulePasswordInURL, Level: Error,
		Lost:   "{key} has a password in its URL: components print the addresses that they can't reach, and print-config shows them, with the password.",
		Remedy: "Take the password out of the URL, and give it by auth (basicauth with client_auth) or in headers: what stands there is not printed.",
	},
	{
		ID: rulePlainListener, Level: Warning,
		Lost:   "{key} listens beyond this machine, without TLS: who is on the way reads what is sent, credentials included, and can change it.",
		Remedy: "Set {key}::tls: {cert_file: ..., key_file: ...}, or listen on localhost.",
	},
	{
		ID: ruleOpenListener, Level: Warning,
		Lost:   "{key} listens beyond this machine and takes records from anybody: what a stranger sends stands beside what is true.",
		Remedy: "{remedy}, or listen on localhost.",
	},
	{
		ID: ruleOpenPage, Level: Warning,
		Lost:   "{key} listens beyond this machine: it shows what this process does, and costs its time, to anybody who asks.",
		Remedy: "Set {key} to an address of localhost.",
	},
	{
		ID: ruleEarlyOffset, Level: Warning,
		Lost:   "With {setting}, an offset counts as read {when}: {lost}.",
		Remedy: "Set {key}::message_marking: {after: true, on_error: false}, and error_backoff: {enabled: true, initial_interval: 200ms, max_interval: 10s, max_elapsed_time: 0}.",
	},
	{
		ID: rulePausedPartition, Level: Warning,
		Lost:   "Without error_backoff, the first message that the pipeline refuses, be it for a full queue, stops its partition until partitions are divided anew: nothing that follows is delivered.",
		Remedy: "Set {key}::error_backoff: {enabled: true, initial_interval: 200ms, max_interval: 10s, max_elapsed_time: 0}.",
	},
	{
		ID: ruleReceiverDrops, Level: Warning,
		Lost:   "{setting}: what the pipeline refuses, because a queue is full or memory short, is dropped{when}.",
		Remedy: "Set {key}::retry_on_failure: {enabled: true, max_elapsed_time: 0}.",
	},
	{
		ID: ruleUnstoredPosition, Level: Warning,
		Lost:   "It forgets its place when the collector ends and goes on at the end: what was written while the collector was away is never read.",
		Remedy: "Set {key}::storage to a file_storage extension, or start_at: beginning where reading all of it again does no harm.",
	},
	{
		ID: ruleNoMemoryLimiter, Level: Warning,
		Lost:   "Nothing makes senders wait when memory runs short: the system ends the collector, and what it holds in memory is lost.",
		Remedy: "Put memory_limiter first in service::pipelines::{pipeline}::processors.",
	},
	{
		ID: ruleLateMemoryLimiter, Level: Warning,
		Lost:   "What stands before it ({before}) goes on taking records when memory is short, and may have answered for those that {component} then refuses.",
		Remedy: "Put {component} first in service::pipelines::{pipeline}::processors.",
	},
	{
		ID: ruleBatch, Level: Warning,
		Lost:   "It answers the sender and keeps the records in memory: a crash loses them, and so does a refusal by what comes next.",
		Remedy: "Leave it out, and let the exporter make batches: sending_queue::batch works on a queue that is on disk.",
	},
	{
		ID: ruleMemoryFold, Level: Warning,
		Lost:   "Without a directory, open events are in memory only, though their senders had an answer: a crash loses them.",
		Remedy: "Set {key}::directory.",
	},
	{
		ID: ruleMemoryHold, Level: Warning,
		Lost:   "It answers the sender and keeps {records} in memory until it has decided: a crash loses them.",
		Remedy: "Leave it out where all of them count.",
	},
	{
		ID: ruleMemorySpool, Level: Warning,
		Lost:   "Without a spool nothing is kept on disk: while its destination can't be reached, senders wait and are told to come again, and a receiver that has nobody to tell drops the records.",
		Remedy: "Set {key}::spool::directory.",
	},
	{
		ID: ruleVolatileSpool, Level: Warning,
		Lost:   "{directory} is in memory on most systems, or is emptied at their start: what was accepted and not delivered is lost with the machine, though its senders had an answer.",
		Remedy: "Set {key} to a folder on a disk, such as one below /var/lib.",
	},
	{
		ID: ruleMemoryQueue, Level: Warning,
		Lost:   "{queue} is in memory{default}: senders have their answer when a batch is in there, and a crash loses it.",
		Remedy: "{remedy}.",
	},
	{
		ID: ruleQueueOverflow, Level: Warning,
		Lost:   "{queue} does not block when it is full, but refuses: a sender over OTLP sees Unavailable (HTTP 503) and must send again, a receiver that has nobody to tell drops the records, and the pipeline's other exporters may get them twice.",
		Remedy: "Set {key}::block_on_overflow: true.",
	},
	{
		ID: ruleFiniteRetry, Level: Warning,
		Lost:   "{setting}: a batch that its destination does not take {when} is dropped, though its sender had an answer.",
		Remedy: "Set {key}: {enabled: true, {interval}max_elapsed_time: 0}.",
	},
	{
		ID: ruleWeakAcks, Level: Warning,
		Lost:   "producer::required_acks is {acks}: a batch counts as delivered when {when}, which a failure of that one broker loses.",
		Remedy: "Set {key}::producer::required_acks: -1, and min.insync.replicas of the topic to 2 or more.",
	},
	{
		ID: ruleUnsyncedStorage, Level: Warning,
		Lost:   "What is written there is not synced: a power loss takes what was queued last, and can damage the file.",
		Remedy: "Set {key}::fsync: true.",
	},
}

func ruleOf(id string) Rule {
	return Rules[slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == id })]
}

// Allow accepts the findings of a rule, at one place or at all.
type Allow struct {
	Rule string
	// Place is a component or a pipeline; empty for all.
	Place string
}

// ParseAllow reads rule or rule=place.
func ParseAllow(text string) (Allow, error) {
	rule, place, at := strings.Cut(text, "=")
	if !slices.ContainsFunc(Rules, func(r Rule) bool { return r.ID == rule }) {
		return Allow{}, fmt.Errorf("there is no rule %q; the rules are %s", rule, strings.Join(ruleIDs(), ", "))
	}
	if at && place == "" {
		return Allow{}, fmt.Errorf("%q names no component after =", text)
	}
	return Allow{Rule: rule, Place: place}, nil
}

func (a Allow) String() string {
	if a.Place == "" {
		return a.Rule
	}
	return a.Rule + "=" + a.Place
}

func (a Allow) accepts(f Finding) bool {
	return a.Rule == f.Rule && (a.Place == "" || a.Place == f.Component || slices.Contains(f.Pipelines, a.Place))
}

func ruleIDs() []string {
	ids := make([]string, len(Rules))
	for i, r := range Rules {
		ids[i] = r.ID
	}
	return ids
}
