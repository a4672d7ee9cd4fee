package ecs

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// log does all that a record needs. What fills fields comes first, then the names, then
// what to_ecs would derive from what is there by then.
func (u *Unmapper) log(r plog.LogRecord) {
	u.times(r)
	u.level(r)
	u.ids(r)
	if v, ok := u.word(isAction); ok && v.Type() == pcommon.ValueTypeStr && v.Str() != "" {
		switch r.EventName() {
		case "":
			r.SetEventName(v.Str())
			u.drop(isAction)
		case v.Str():
			u.drop(isAction)
		}
	}
	u.body(r)
	u.rename()
	failed := r.SeverityNumber() >= plog.SeverityNumberError
	u.derived(r.EventName() != "", func() string { return u.outcome(failed, failureOfServer) })
}

func (u *Unmapper) span(s ptrace.Span) {
	for _, same := range [...]struct {
		is   word
		when pcommon.Timestamp
	}{{isTimestamp, s.StartTimestamp()}, {isStart, s.StartTimestamp()}, {isEnd, s.EndTimestamp()}} {
		if v, ok := u.word(same.is); ok {
			if t, ok := date(v); ok && t == same.when {
				u.drop(same.is)
			}
		}
	}
	if v, ok := u.word(isDuration); ok && v.Type() == pcommon.ValueTypeInt && v.Int() >= 0 && uint64(v.Int()) == uint64(s.EndTimestamp()-s.StartTimestamp()) {
		u.drop(isDuration)
	}
	trace, id := s.TraceID(), s.SpanID()
	if v, ok := u.word(isTraceID); ok && sameID(v, trace[:]) {
		u.drop(isTraceID)
	}
	if v, ok := u.word(isSpanID); ok && sameID(v, id[:]) {
		u.drop(isSpanID)
	}
	if v, ok := u.word(isErrorMessage); ok && s.Status().Code() == ptrace.StatusCodeError && v.Type() == pcommon.ValueTypeStr && v.Str() == s.Status().Message() {
		u.drop(isErrorMessage)
	}
	u.rename()
	u.derived(false, func() string {
		switch s.Status().Code() {
		case ptrace.StatusCodeError:
			return failure
		case ptrace.StatusCodeOk:
			return success
		}
		from := failureOfServer
		if s.Kind() == ptrace.SpanKindClient {
			from = failureOfClient
		}
		return u.outcome(false, from)
	})
}

// date reads a time of a record: one after 1970, with its zone, and no more digits than
// nanoseconds have.
func date(v pcommon.Value) (t pcommon.Timestamp, fits bool) {
	if v.Type() != pcommon.ValueTypeStr {
		return 0, false
	}
	nanos, ok := parseTime(v.Str())
	return pcommon.Timestamp(nanos), ok && nanos > 0
}

func (u *Unmapper) times(r plog.LogRecord) {
	if v, ok := u.word(isTimestamp); ok {
		switch t, ok := date(v); {
		case !ok:
		case r.Timestamp() == 0 && t != r.ObservedTimestamp(): // that of a record that has no other says the same
			r.SetTimestamp(t)
			u.drop(isTimestamp)
		case r.Timestamp() == 0 || r.Timestamp() == t:
			u.drop(isTimestamp)
		}
	}
	if v, ok := u.word(isCreated); ok && r.Timestamp() != 0 {
		switch t, ok := date(v); {
		case !ok:
		case r.ObservedTimestamp() == 0:
			r.SetObservedTimestamp(t)
			u.drop(isCreated)
		case r.ObservedTimestamp() == t:
			u.drop(isCreated)
		}
	}
}

// level fills the severity. A word that no table knows is the writer's own all the same.
func (u *Unmapper) level(r plog.LogRecord) {
	v, ok := u.word(isLevel)
	if !ok || v.Type() != pcommon.ValueTypeStr || v.Str() == "" {
		return
	}
	number, known := severity.FromText(v.Str())
	switch has := r.SeverityNumber(); {
	case r.SeverityText() == v.Str():
	case r.SeverityText() != "":
		return
	case has == 0:
		r.SetSeverityText(v.Str())
		r.SetSeverityNumber(plog.SeverityNumber(number))
	case v.Str() == severity.Number(has).String():
	case known && has == plog.SeverityNumber(number):
		r.SetSeverityText(v.Str())
	default:
		return
	}
	u.drop(isLevel)
}

func (u *Unmapper) ids(r plog.LogRecord) {
	var trace pcommon.TraceID
	if v, ok := u.word(isTraceID); ok && readID(trace[:], v) {
		if r.TraceID().IsEmpty() {
			r.SetTraceID(trace)
		}
		if r.TraceID() == trace {
			u.drop(isTraceID)
		}
	}
	var span pcommon.SpanID
	if v, ok := u.word(isSpanID); ok && readID(span[:], v) {
		if r.SpanID().IsEmpty() {
			r.SetSpanID(span)
		}
		if r.SpanID() == span {
			u.drop(isSpanID)
		}
	}
}

// readID reads the hex digits of an id, which is not all 0.
func readID(id []byte, v pcommon.Value) bool {
	var digits [32]byte
	if v.Type() != pcommon.ValueTypeStr || len(v.Str()) != 2*len(id) {
		return false
	}
	n := copy(digits[:], v.Str())
	if _, err := hex.Decode(id, digits[:n]); err != nil {
		return false
	}
	for _, b := range id {
		if b != 0 {
			return true
		}
	}
	return false
}

func sameID(v pcommon.Value, id []byte) bool {
	var read [16]byte
	return readID(read[:len(id)], v) && string(read[:len(id)]) == string(id)
}

// body makes the body of what it was when it was said in ECS, or of the message.
func (u *Unmapper) body(r plog.LogRecord) {
	message, has := u.word(isMessage)
	has = has && message.Type() == pcommon.ValueTypeStr
	folded := u.has("fold.id") || u.has(prefixLabels+"fold_id")
	u.structured(r, message, has, folded)
	if !has {
		return
	}
	if r.Body().Type() == pcommon.ValueTypeEmpty {
		r.Body().SetStr(message.Str())
		u.drop(isMessage)
	} else if text, ok := messageOf(r.Body(), folded); ok && text == message.Str() {
		u.drop(isMessage)
	}
}

// structured makes the body a map again, where it is empty or only the message of that.
func (u *Unmapper) structured(r plog.LogRecord, message pcommon.Value, hasMessage, folded bool) {
	of := [...]word{isBody}
	used := of[:]
	body, isMap := u.word(isBody)
	isMap = isMap && body.Type() == pcommon.ValueTypeMap
	if !isMap {
		if used = u.foldedWords(); !folded || used == nil {
			return
		}
	}
	var text string
	var says bool
	if isMap {
		text, says = messageOf(body, folded)
	} else {
		parts, _ := u.word(isParts)
		text, says = lastMessage(parts.Slice())
	}
	switch r.Body().Type() {
	case pcommon.ValueTypeMap:
		if isMap && !equal(body, r.Body()) || !isMap && !u.isFolded(r.Body().Map(), used) {
			return
		}
		for _, is := range used {
			u.drop(is)
		}
		return
	case pcommon.ValueTypeStr:
		if r.Body().Str() != text {
			return
		}
	case pcommon.ValueTypeEmpty:
		if hasMessage && (!says || message.Str() != text) {
			return
		}
	default:
		return
	}
	if isMap {
		body.MoveTo(r.Body())
		u.drop(isBody)
		return
	}
	made := r.Body().SetEmptyMap()
	for _, is := range used {
		v, _ := u.word(is)
		v.MoveTo(made.PutEmpty(foldedMembers[is-isParts]))
		u.drop(is)
	}
}

// foldedWords are those that a folded document is made of, none where its parts are
// missing or one of them is no list.
func (u *Unmapper) foldedWords() (used []word) {
	for is := isParts; is <= isOrigins; is++ {
		v, ok := u.word(is)
		switch {
		case ok && v.Type() == pcommon.ValueTypeSlice:
			used = append(used, is)
		case ok || is == isParts:
			return nil
		}
	}
	return used
}

// isFolded reports whether the body has what the words have, and nothing else.
func (u *Unmapper) isFolded(body pcommon.Map, used []word) bool {
	for _, is := range used {
		v, _ := u.word(is)
		if member, ok := body.Get(foldedMembers[is-isParts]); !ok || !equal(member, v) {
			return false
		}
	}
	return body.Len() == len(used)
}

// messageOf is what to_ecs makes the message of a body, false where it makes none.
func messageOf(body pcommon.Value, folded bool) (string, bool) {
	switch body.Type() {
	case pcommon.ValueTypeEmpty:
		return "", false
	case pcommon.ValueTypeMap:
	default:
		return textOf(body), true
	}
	if parts, ok := body.Map().Get(foldedMembers[0]); folded && ok && parts.Type() == pcommon.ValueTypeSlice {
		return lastMessage(parts.Slice())
	}
	for _, name := range [...]string{"message", "msg"} {
		if v, ok := body.Map().Get(name); ok && v.Type() == pcommon.ValueTypeStr {
			return v.Str(), true
		}
	}
	return textOf(body), true
}

func lastMessage(parts pcommon.Slice) (string, bool) {
	n := parts.Len()
	if n == 0 || parts.At(n-1).Type() != pcommon.ValueTypeMap {
		return "", false
	}
	last, ok := parts.At(n - 1).Map().Get("message")
	if !ok || last.Type() == pcommon.ValueTypeEmpty {
		return "", false
	}
	return textOf(last), true
}

func textOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		return string(AppendJSON(nil, v))
	}
	return scalarText(v)
}

// rename does all names but those that are derived.
func (u *Unmapper) rename() {
	u.errorType()
	u.method()
	u.osType()
	u.protocol()
	u.addresses()
	for i := range u.entries {
		e := &u.entries[i]
		if e.gone || e.stays {
			continue
		}
		if back := reverse[e.name]; back != nil {
			if back.attribute != "" && fits(back.field, e.value) {
				u.move(i, back.attribute)
			}
			continue
		}
		if strings.HasPrefix(e.name, prefixLabels) {
			if name := fromLabel(e.name); name != "" {
				u.move(i, name)
			}
		} else if key, ok := strings.CutPrefix(e.name, prefixContainerLabels); ok && key != "" {
			u.move(i, prefixContainerLabel+key)
		}
	}
}

// fits reports whether to_ecs would find that the value fits the field; where it does
// not, the value is a label, and that says which name it had.
func fits(f *Field, v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return true
	case pcommon.ValueTypeMap:
		return false
	case pcommon.ValueTypeSlice:
		list := v.Slice()
		if !f.List && list.Len() != 1 {
			return false
		}
		for _, element := range list.All() {
			if t := element.Type(); t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice || !fits(f, element) {
				return false
			}
		}
		return true
	}
	var item said
	switch f.Type {
	case Keyword, ConstantKeyword, Wildcard, MatchOnlyText:
		return true
	case Long:
		return fitWhole(&item, v, math.MinInt64, math.MaxInt64)
	case Date:
		_, ok := parseTime(v.Str())
		return v.Type() == pcommon.ValueTypeStr && ok
	default:
		return false // no such field is renamed
	}
}

func (u *Unmapper) errorType() {
	v, ok := u.word(isErrorType)
	if !ok || !fits(reverse["error.type"].field, v) {
		return
	}
	for _, name := range [...]string{"error.message", "error.stack_trace", "exception.message", "exception.stacktrace"} {
		if u.has(name) {
			u.move(u.at[isErrorType], "exception.type")
			return
		}
	}
}

// methods are those that OpenTelemetry knows; all others are _OTHER.
var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"}

const otherMethod = "_OTHER"

func (u *Unmapper) method() {
	v, ok := u.word(isMethod)
	if !ok || v.Type() != pcommon.ValueTypeStr || v.Str() == "" || v.Str() == otherMethod || slices.Contains(methods, v.Str()) {
		return
	}
	const original = "http.request.method_original"
	if u.has(original) {
		return
	}
	name := otherMethod
	for _, m := range methods {
		if strings.EqualFold(m, v.Str()) {
			name = m
		}
	}
	u.move(u.at[isMethod], original)
	u.put("http.request.method", name)
}

func (u *Unmapper) osType() {
	v, ok := u.word(isOSType)
	if !ok || v.Type() != pcommon.ValueTypeStr || u.has("os.type") {
		return
	}
	switch v.Str() {
	case "macos":
		u.drop(isOSType)
		u.put("os.type", "darwin")
	case "unix":
		if word, ok := u.word(isOSTypeLabel); ok && word.Type() == pcommon.ValueTypeStr && unixes[word.Str()] {
			u.drop(isOSType)
			u.move(u.at[isOSTypeLabel], "os.type")
			return
		}
		fallthrough
	case "linux", "windows", "ios", "android":
		u.move(u.at[isOSType], "os.type")
	}
}

// protocol: only of HTTP is there a field for the version.
func (u *Unmapper) protocol() {
	const attribute = "network.protocol.name"
	if v, ok := u.word(isNetworkProtocol); ok && fits(reverse["network.protocol"].field, v) {
		u.move(u.at[isNetworkProtocol], attribute)
	}
	if v, ok := u.word(isHTTPVersion); ok && fits(reverse["http.version"].field, v) {
		name, named := u.get(attribute)
		named = named && fits(reverse["network.protocol"].field, name)
		if named && strings.EqualFold(textOf(single(name)), "http") || !named && (u.fills("http.request.method") || u.hasStatus()) {
			u.move(u.at[isHTTPVersion], "network.protocol.version")
		}
	}
}

// fills reports whether the record has what the field of this name takes, under the same
// name.
func (u *Unmapper) fills(name string) bool {
	v, ok := u.get(name)
	return ok && fits(byName[name], v)
}

func (u *Unmapper) hasStatus() bool {
	v, ok := u.get("http.response.status_code")
	var status said
	return ok && fitWhole(&status, single(v), math.MinInt64, math.MaxInt64)
}

// single is the only element of a list, or the value itself.
func single(v pcommon.Value) pcommon.Value {
	if v.Type() == pcommon.ValueTypeSlice && v.Slice().Len() == 1 {
		return v.Slice().At(0)
	}
	return v
}

// addresses: a domain comes before an IP address, as in OpenTelemetry's conventions.
func (u *Unmapper) addresses() {
	for i, address := range addressNames {
		ip, domain := isEndIP+word(2*i), isEndIP+word(2*i)+1
		if v, ok := u.word(domain); ok && v.Type() == pcommon.ValueTypeStr && isDomain(v.Str()) {
			u.move(u.at[domain], address)
		}
		if v, ok := u.word(ip); ok && v.Type() == pcommon.ValueTypeStr && isIP(v.Str()) {
			u.move(u.at[ip], address)
		}
	}
}

var addressNames = func() (names [len(ends)]string) {
	for i, end := range ends {
		names[i] = end + ".address"
	}
	return names
}()
