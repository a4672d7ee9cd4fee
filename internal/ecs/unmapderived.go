package ecs

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	success = "success"
	failure = "failure"

	// The status from which on a request has failed: for who answered, and for who asked.
	failureOfServer int64 = 500
	failureOfClient int64 = 400
)

// derived leaves out what to_ecs would say by itself.
func (u *Unmapper) derived(hasName bool, outcome func() string) {
	if v, ok := u.word(isVersion); ok && v.Type() == pcommon.ValueTypeStr {
		u.drop(isVersion)
	}
	if v, ok := u.word(isDuration); ok && u.has("fold.id") && !u.has("fold.duration") && v.Type() == pcommon.ValueTypeInt {
		if seconds := pcommon.NewValueDouble(float64(v.Int()) / 1e9); sameDuration(seconds, v.Int()) {
			u.drop(isDuration)
			u.changed = true
			u.add("fold.duration", seconds)
		}
	}
	if v, ok := u.word(isKind); ok && isText(v, "event") && (hasName || u.has("fold.id")) {
		u.drop(isKind)
	}
	u.category()
	if v, ok := u.word(isOutcome); ok && v.Type() == pcommon.ValueTypeStr && v.Str() != "" && v.Str() == outcome() {
		u.drop(isOutcome)
	}
}

func isText(v pcommon.Value, text string) bool {
	return v.Type() == pcommon.ValueTypeStr && v.Str() == text
}

// isOnly reports whether a list, or a text for a list, is this text alone.
func isOnly(v pcommon.Value, text string) bool {
	return isText(single(v), text)
}

// category is log.category again, where it is one of ours or all that to_ecs makes of it
// is there.
func (u *Unmapper) category() {
	v, ok := u.word(isDataset)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return
	}
	name := v.Str()
	category, hasCategory := u.word(isCategory)
	kind, hasKind := u.word(isEventType)
	switch {
	case name == "access":
		if !hasCategory || !hasKind || !isOnly(category, "web") || !isOnly(kind, "access") {
			return
		}
	case slices.Contains(allowed["event.category"], name):
		if !hasCategory || !isOnly(category, name) {
			return
		}
	case name != "application" && name != "audit" && name != "system":
		return
	}
	if !u.move(u.at[isDataset], "log.category") {
		return
	}
	if name == "access" {
		u.drop(isEventType)
	}
	if name == "access" || slices.Contains(allowed["event.category"], name) {
		u.drop(isCategory)
	}
}

// outcome is what to_ecs would derive: failed says that the severity is an error's, from
// which status on a request has failed.
func (u *Unmapper) outcome(failed bool, from int64) string {
	if v, ok := u.get("fold.outcome"); ok && v.Type() == pcommon.ValueTypeStr && slices.Contains(allowed["event.outcome"], v.Str()) {
		return v.Str()
	}
	var status said
	if v, ok := u.get("http.response.status_code"); ok && fitWhole(&status, single(v), math.MinInt64, math.MaxInt64) {
		return outcomeOf(int64(status.bits) >= from)
	}
	if v, ok := u.get("rpc.grpc.status_code"); ok && fitWhole(&status, v, math.MinInt64, math.MaxInt64) {
		return outcomeOf(status.bits != 0)
	}
	for _, name := range [...]string{"exception.type", "exception.message", "exception.stacktrace"} {
		v, ok := u.get(name)
		failed = failed || ok && v.Type() != pcommon.ValueTypeEmpty && fits(byName["error.message"], v)
	}
	if failed {
		return failure
	}
	return ""
}

func outcomeOf(failed bool) string {
	if failed {
		return failure
	}
	return success
}

func sameDuration(seconds pcommon.Value, nanos int64) bool {
	n, ok := nanoseconds(seconds)
	return ok && n == nanos
}
