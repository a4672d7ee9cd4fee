package logrecord

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The targets of Settings.Fields that are more than the name of an attribute.
const (
	targetTimestamp   = "timestamp"
	targetSeverity    = "severity"
	targetBody        = "body"
	targetEventName   = "event_name"
	targetTraceID     = "trace_id"
	targetSpanID      = "span_id"
	targetTraceFlags  = "trace_flags"
	targetTraceparent = "traceparent"
	targetLocation    = "code.location"

	resourcePrefix = "resource."
)

// Attributes by their names in the semantic conventions, or in docs/design.md.
const (
	attrServiceName  = "service.name"
	attrHostName     = "host.name"
	attrProcessPID   = "process.pid"
	attrUID          = "log.record.uid"
	attrOriginal     = "log.record.original"
	attrException    = "exception.message"
	attrFunction     = "code.function.name"
	attrFilePath     = "code.file.path"
	attrLineNumber   = "code.line.number"
	attrColumnNumber = "code.column.number"
	attrUserID       = "user.id"
	attrSyslogApp    = "syslog.appname"
	attrSyslogProcID = "syslog.procid"
	attrSyslogMsgID  = "syslog.msg.id"
	reservedPrefix   = "heartwood."
	attrParseError   = "heartwood.parse_error"
	attrTimeGuess    = "heartwood.time_guess"
	attrPieceID      = "heartwood.line.id"
	attrPieceIndex   = "heartwood.line.index"
	attrPieceLast    = "heartwood.line.last"
	displacedPrefix  = "line."
	atKey            = "at"
	maxNameLen       = 256 // of a target or key in Settings.Fields, in bytes
	maxUIDLen        = 256 // of a log.record.uid that a line brings, in bytes
)

// DefaultFields is what Settings.Fields is without settings: for each target the
// keys that may fill it, the most telling first. Targets that are attributes are
// filled by a key of their own name before all of these.
func DefaultFields() map[string][]string {
	return map[string][]string{
		targetTimestamp:   {"ts", "time", "timestamp", "t"},
		targetSeverity:    {"level", "lvl", "severity"},
		targetBody:        {"msg", "message"},
		targetEventName:   {atKey},
		attrServiceName:   {"app"},
		attrFunction:      {"fn"},
		attrException:     {"error", "err"},
		targetLocation:    {"caller", "source"},
		targetTraceID:     {"trace_id", "traceId", "trace.id", "traceID", "traceid", "trace-id", "otelTraceID"},
		targetSpanID:      {"span_id", "spanId", "span.id", "spanID", "spanid", "span-id", "otelSpanID"},
		targetTraceFlags:  {"trace_flags", "traceFlags", "trace.flags", "traceflags"},
		targetTraceparent: {"traceparent"},
		attrProcessPID:    {"pid"},
		attrUserID:        {"user_id"},
		attrUID:           {},
	}
}

// kind is what is done with the value of a key that fills a target.
type kind uint8

const (
	kindTimestamp kind = iota
	kindSeverity
	kindBody
	kindEventName
	kindTraceID
	kindSpanID
	kindTraceFlags
	kindTraceparent
	kindNanos
	kindAttributes
	kindEcho
	kindLocation
	kindException
	kindUID
	kindText     // an attribute that is a string by convention
	kindFile     // an attribute that is the path of a source file
	kindLine     // an attribute that is the number of a line
	kindStack    // an attribute that is a stack trace
	kindPID      // an attribute that is a process id
	kindResource // a resource attribute that is a string
	kindRename   // any attribute, with the type of the value
)

// target is one place in a record that keys can fill.
type target struct {
	name string // of the attribute, for kinds that are one
	kind kind
}

// resourceTargets are the targets that are resource attributes without being
// written resource.<name>: the identity of the record contract. A name that ends
// with a point stands for all names that begin with it.
var resourceTargets = []string{
	attrServiceName, "service.version", "service.namespace", "service.instance.id",
	"deployment.environment.name", "host.", "container.", "k8s.", "cloud.",
}

func newTarget(name string) target {
	switch name {
	case targetTimestamp:
		return target{kind: kindTimestamp}
	case targetSeverity:
		return target{kind: kindSeverity}
	case targetBody:
		return target{kind: kindBody}
	case targetEventName:
		return target{kind: kindEventName}
	case targetTraceID:
		return target{kind: kindTraceID}
	case targetSpanID:
		return target{kind: kindSpanID}
	case targetTraceFlags:
		return target{kind: kindTraceFlags}
	case targetTraceparent:
		return target{kind: kindTraceparent}
	case targetLocation:
		return target{kind: kindLocation}
	case targetNanos:
		return target{kind: kindNanos}
	case targetEcho:
		return target{kind: kindEcho}
	case targetAttributes:
		return target{kind: kindAttributes}
	case attrException:
		return target{name: name, kind: kindException}
	case attrUID:
		return target{name: name, kind: kindUID}
	case attrFunction, attrExceptionType, attrLogger, attrThreadName, "request.id", "log.category":
		return target{name: name, kind: kindText}
	case attrFilePath:
		return target{name: name, kind: kindFile}
	case attrLineNumber:
		return target{name: name, kind: kindLine}
	case attrExceptionStack:
		return target{name: name, kind: kindStack}
	case attrProcessPID:
		return target{name: name, kind: kindPID}
	}
	if rest, ok := strings.CutPrefix(name, resourcePrefix); ok {
		return target{name: rest, kind: kindResource}
	}
	for _, known := range resourceTargets {
		if name == known || strings.HasSuffix(known, ".") && strings.HasPrefix(name, known) {
			return target{name: name, kind: kindResource}
		}
	}
	return target{name: name, kind: kindRename}
}

// keyUse is one key of a field map: the target it may fill, and its place among
// the target's keys.
type keyUse struct {
	key    string
	target int // -1 for none
	rank   int
	own    bool // the key is the name of the target's attribute
	json   *jsonUse
}

// compileFields lays the user's fields, which have been checked, over the defaults:
// a target of the user's replaces the default one, and a key of the user's leaves
// the default target it would have filled.
func compileFields(user, defaults map[string][]string) ([]target, []keyUse) {
	keysOf := map[target][]string{}
	taken := map[string]bool{}
	for name, keys := range user {
		keysOf[newTarget(name)] = keys
		for _, key := range keys {
			taken[key] = true
		}
	}
	for name, keys := range defaults {
		t := newTarget(name)
		if _, ok := keysOf[t]; !ok {
			keysOf[t] = slices.DeleteFunc(keys, func(key string) bool { return taken[key] })
		}
	}
	targets := slices.SortedFunc(maps.Keys(keysOf), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	var uses []keyUse
	for i, t := range targets {
		keys := keysOf[t]
		// A resource attribute without keys is switched off; any other attribute
		// has its own name as its first key.
		if t.name != "" && !taken[t.name] && (len(keys) > 0 || t.kind != kindResource) {
			keys = slices.Insert(slices.Clone(keys), 0, t.name)
		}
		for rank, key := range keys {
			uses = append(uses, keyUse{key: key, target: i, rank: rank, own: key == t.name})
		}
	}
	return targets, uses
}

func checkFields(user, defaults map[string][]string) error {
	var errs []error
	owner := map[string]string{}
	place := map[target]string{}
	for _, name := range slices.Sorted(maps.Keys(user)) {
		if err := checkTarget(name, defaults); err != nil {
			errs = append(errs, err)
			continue
		}
		t := newTarget(name)
		if other, ok := place[t]; ok {
			errs = append(errs, fmt.Errorf("fields: %q and %q are the same target: keep one of them, with the keys of both", other, name))
			continue
		}
		place[t] = name
		for i, key := range user[name] {
			switch other, ok := owner[key]; {
			case key == "":
				errs = append(errs, fmt.Errorf("fields: %q: key %d is empty: name a key of the lines, or remove it", name, i+1))
			case len(key) > maxNameLen:
				errs = append(errs, fmt.Errorf("fields: %q: key %.40q... has %d bytes: use at most %d", name, key, len(key), maxNameLen))
			case !utf8.ValidString(key):
				errs = append(errs, fmt.Errorf("fields: %q: key %q is not valid UTF-8: such a key is in no line that can be parsed, remove it", name, key))
			case ok && other == name:
				errs = append(errs, fmt.Errorf("fields: %q: key %q is listed twice: remove one", name, key))
			case ok:
				errs = append(errs, fmt.Errorf("fields: key %q is listed under %q and under %q: a key fills one target, remove it from the other", key, other, name))
			default:
				owner[key] = name
			}
		}
	}
	return errors.Join(errs...)
}

// misnamed are words for a part of the record that is called otherwise here.
var misnamed = map[string]string{
	"eventname": targetEventName, "event.name": targetEventName,
	"severity_number": targetSeverity, "severity_text": targetSeverity,
	"severitynumber": targetSeverity, "severitytext": targetSeverity,
	"observed_timestamp": targetTimestamp, "flags": targetTraceFlags,
	"service": attrServiceName, "service_name": attrServiceName,
}

func checkTarget(name string, defaults map[string][]string) error {
	bare, isResource := strings.CutPrefix(name, resourcePrefix)
	switch {
	case bare == "":
		return fmt.Errorf("fields: target %q is empty: use one of %s, or the name of an attribute", name, targetNames(defaults))
	case len(name) > maxNameLen:
		return fmt.Errorf("fields: target %.40q... has %d bytes: use at most %d", name, len(name), maxNameLen)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("fields: target %q holds blanks, control characters or invalid UTF-8: use the plain name of an attribute", name)
	case strings.HasPrefix(bare, reservedPrefix) || strings.HasPrefix(bare, displacedPrefix) || bare == attrOriginal:
		return fmt.Errorf("fields: target %q is written by the collector itself: choose another name", name)
	case isResource:
		return nil
	}
	if _, ok := defaults[name]; ok {
		return nil
	}
	lower := strings.ToLower(name)
	if meant, ok := misnamed[lower]; ok {
		return fmt.Errorf("fields: %q is no target: did you mean %q? Targets stand on the left, the keys of the lines on the right", name, meant)
	}
	for _, meant := range slices.Sorted(maps.Keys(defaults)) {
		if lower == meant || slices.Contains(defaults[meant], name) || slices.Contains(defaults[meant], lower) {
			return fmt.Errorf("fields: %q is no target: did you mean %q? Targets stand on the left, the keys of the lines on the right", name, meant)
		}
	}
	return nil
}

func targetNames(defaults map[string][]string) string {
	return strings.Join(slices.Sorted(maps.Keys(defaults)), ", ")
}
