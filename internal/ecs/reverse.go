package ecs

import "strings"

const (
	loggerName        = "log.logger"
	scopeVersionLabel = prefixLabels + "otel_scope_version"
)

// word is a name of ECS that something is done with on the way back. Those that are only
// renamed follow the ones that are here.
type word uint8

const (
	_ word = iota
	isTimestamp
	isCreated
	isStart
	isEnd
	isLevel
	isMessage
	isTraceID
	isSpanID
	isAction
	isParts
	isShared
	isOrigins
	isBody
	isErrorMessage
	isErrorType
	isMethod
	isOSType
	isOSTypeLabel
	isNetworkProtocol
	isHTTPVersion
	isVersion
	isKind
	isOutcome
	isDataset
	isCategory
	isEventType
	isDuration
	isEndIP // of the first of ends; then its domain, then those of the next

	firstRenamed = isEndIP + 2*word(len(ends))
	words        = firstRenamed + 48
)

// backward is what becomes of a name of ECS.
type backward struct {
	attribute string // the name in OpenTelemetry, "" where more than a name changes
	field     *Field
	word      word
}

// reverse is by the name in ECS.
var reverse = makeReverse()

func makeReverse() map[string]*backward {
	table := make(map[string]*backward)
	for name, s := range map[string]word{
		"@timestamp": isTimestamp, "event.created": isCreated, "event.start": isStart, "event.end": isEnd,
		"log.level": isLevel, "message": isMessage, "trace.id": isTraceID, "span.id": isSpanID, "event.action": isAction,
		"heartwood.parts": isParts, "heartwood.shared": isShared, "heartwood.origins": isOrigins, "heartwood.body": isBody,
		"error.type": isErrorType, "http.request.method": isMethod, "host.os.type": isOSType, "labels.os_type": isOSTypeLabel,
		"network.protocol": isNetworkProtocol, "http.version": isHTTPVersion, "ecs.version": isVersion,
		"event.kind": isKind, "event.outcome": isOutcome, "event.dataset": isDataset, "event.category": isCategory,
		"event.type": isEventType, "event.duration": isDuration,
	} {
		table[name] = &backward{word: s, field: byName[name]}
	}
	for i, end := range ends {
		for j, name := range [...]string{end + ".ip", end + ".domain"} {
			table[name] = &backward{word: isEndIP + word(2*i+j), field: byName[name]}
		}
	}
	last := firstRenamed
	next := func() word { last++; return last - 1 }
	for i := range alignments {
		if a := &alignments[i]; a.Relation == Equivalent && table[a.Field.Name] == nil {
			table[a.Field.Name] = &backward{attribute: a.Attribute, field: a.Field, word: next()}
		}
	}
	for attribute, s := range ours {
		if s.rule == ruleField && table[s.to] == nil {
			table[s.to] = &backward{attribute: attribute, field: byName[s.to], word: next()}
		}
	}
	table["error.message"].word = isErrorMessage // renamed, but for a span of this status
	return table
}

// aligned are the names of attributes that the schema has a place for.
var aligned = makeAligned()

func makeAligned() map[string]bool {
	names := make(map[string]bool)
	for i := range alignments {
		names[alignments[i].Attribute] = true
	}
	for attribute := range ours {
		names[attribute] = true
	}
	return names
}

// meansSomething reports whether an attribute of this name would be more than a label.
func meansSomething(name string) bool {
	return byName[name] != nil || objects[name] || takenApart(name) || aligned[name]
}

// unlabelled are the names of labels that get back their points.
var unlabelled = makeUnlabelled()

func makeUnlabelled() map[string]string {
	names := make(map[string]string)
	for _, name := range pointed {
		names[prefixLabels+strings.ReplaceAll(name, ".", "_")] = name
	}
	return names
}

// fromLabel gives the name that a label stands for, "" where it stays one.
func fromLabel(label string) string {
	if name := unlabelled[label]; name != "" {
		return name
	}
	name := label[len(prefixLabels):]
	// With these the label would not be the same again. The scope's version belongs to
	// the scope.
	if name == "" || strings.ContainsAny(name, `.*\`) || label == scopeVersionLabel || meansSomething(name) {
		return ""
	}
	return name
}

// pointed are the names of our own record contract that ECS does not know: what is
// labels.fold_id there is fold.id here.
var pointed = [...]string{
	"fold.complete", "fold.count", "fold.early", "fold.event_names", "fold.id", "fold.outcome",
	"fold.previous", "fold.reason", "fold.span_ids", "fold.trace_ids", "redaction.count",
	"request.macro_id",
}
