package redactprocessor

import (
	"math"
	"strconv"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

const (
	noteAttribute = "redaction.count"

	// unscanned is what stands for a value that could not be looked through.
	unscanned = "[UNSCANNED]"

	// A number with fewer digits than a card's is a secret only under a name that says so.
	leastCard = 100_000_000_000
	// A double from here on is no int64.
	endOfInts = 1 << 63
)

// reason is why a value could not be looked through; the list is closed.
type reason string

const (
	tooDeep    reason = "depth"
	tooLarge   reason = "size"
	tooMany    reason = "values"
	scanFailed reason = "failure"
)

// pass looks through the values of one batch and changes them. It is for one goroutine.
type pass struct {
	*redactProcessor
	findings []secretscan.Finding
	inner    []secretscan.Finding // in a finding
	text     []byte
	raw      []byte // a number's digits, or a value of bytes
	recent   recentKeys

	// Of the batch.
	found    map[findingKind]int64
	dropped  map[string]int64
	unread   map[reason]int64
	refusing reason

	// Of the item, such as a log record.
	count  int
	drop   *action // not nil: the item is to be dropped
	values int
}

type findingKind struct{ detector, action string }

// item begins a further one.
func (x *pass) item() { x.count, x.drop, x.values = 0, nil, 0 }

// note counts a finding, and says whether its attribute is to be dropped.
func (x *pass) note(a *action) (dropAttribute bool) {
	x.count++
	x.found[findingKind{a.detector, a.Type}]++
	switch a.Type {
	case actionDropRecord:
		x.drop = a
	case actionDropAttribute:
		return true
	}
	return false
}

// attributes looks through a map and all that is in it.
func (x *pass) attributes(m pcommon.Map, depth int) {
	var leaving []int
	renamed := false
	i := -1
	for name, v := range m.All() {
		i++
		k := x.recent.of(x.keys, name)
		renamed = renamed || k.dirty
		if x.member(k, v, depth) {
			leaving = append(leaving, i)
		}
	}
	if len(leaving) > 0 && !x.cfg.DryRun {
		i := -1
		m.RemoveIf(func(string, pcommon.Value) bool {
			i++
			if len(leaving) > 0 && leaving[0] == i {
				leaving = leaving[1:]
				return true
			}
			return false
		})
	}
	if renamed {
		x.rename(m)
	}
}

// member looks through what stands under a name, and says whether it is to be removed.
func (x *pass) member(k *key, v pcommon.Value, depth int) (leaves bool) {
	if !k.secret {
		return x.value(k.scan, v, depth)
	}
	var whole string
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return false
	case pcommon.ValueTypeBool: // such as password: true, which says that there is one
		if !k.unlisted {
			return false
		}
	case pcommon.ValueTypeStr:
		whole = v.Str()
		if k.action.isReplaced(whole) {
			return false
		}
	case pcommon.ValueTypeMap:
		if v.Map().Len() == 0 {
			return false
		}
	case pcommon.ValueTypeSlice:
		if v.Slice().Len() == 0 {
			return false
		}
	}
	leaves = x.note(k.action)
	if x.cfg.DryRun || leaves {
		return leaves
	}
	if k.action.Type == actionTag { // the name counts for nothing more, but what is in the value does
		return x.value(secretscan.Key{}, v, depth)
	}
	if whole == "" && k.action.showsSome() {
		whole = v.AsString()
	}
	x.text = x.appendReplacement(x.text[:0], k.action, whole)
	v.SetStr(string(x.text))
	return false
}

// value looks through a value that stands under a name, and says whether it is to be
// removed.
func (x *pass) value(k secretscan.Key, v pcommon.Value, depth int) (leaves bool) {
	if x.values++; x.values > x.cfg.Limits.MaxValues {
		x.cannot(tooMany, v)
		return false
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text, changed, leaves := x.redacted(k, v.Str())
		if changed {
			v.SetStr(text)
		}
		return leaves
	case pcommon.ValueTypeInt:
		return x.number(k, v, v.Int())
	case pcommon.ValueTypeDouble:
		if d := v.Double(); d == math.Trunc(d) && math.Abs(d) < endOfInts {
			return x.number(k, v, int64(d))
		}
	case pcommon.ValueTypeBytes:
		if v.Bytes().Len() > int(x.cfg.Limits.MaxSize) {
			x.cannot(tooLarge, v)
			return false
		}
		x.raw = x.raw[:0]
		for _, b := range v.Bytes().All() {
			x.raw = append(x.raw, b)
		}
		text, changed, leaves := x.redacted(k, unsafe.String(unsafe.SliceData(x.raw), len(x.raw)))
		if changed {
			v.Bytes().FromRaw([]byte(text))
		}
		return leaves
	case pcommon.ValueTypeMap:
		if depth >= x.cfg.Limits.MaxDepth {
			x.cannot(tooDeep, v)
			return false
		}
		x.attributes(v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		if depth >= x.cfg.Limits.MaxDepth {
			x.cannot(tooDeep, v)
			return false
		}
		for _, e := range v.Slice().All() {
			leaves = x.value(k, e, depth+1) || leaves
		}
		return leaves
	}
	return false
}

// number is value for a number without a fraction. Its sign counts for nothing.
func (x *pass) number(k secretscan.Key, v pcommon.Value, n int64) (leaves bool) {
	size := uint64(n)
	if n < 0 {
		size = -size
	}
	if size < leastCard && !k.ExpectsNumber() && len(x.cfg.Custom) == 0 {
		return false
	}
	x.raw = strconv.AppendUint(x.raw[:0], size, 10)
	text, changed, leaves := x.redacted(k, unsafe.String(unsafe.SliceData(x.raw), len(x.raw)))
	if changed {
		v.SetStr(text)
	}
	return leaves
}

// redacted gives the text as it is to go on: this one, or one of its own. It keeps nothing
// of it.
func (x *pass) redacted(k secretscan.Key, text string) (out string, changed, leaves bool) {
	if len(text) > int(x.cfg.Limits.MaxSize) {
		return x.cannotRead(tooLarge, text)
	}
	var read bool
	if x.findings, read = scan(x.scanner, x.findings[:0], k, text); !read {
		return x.cannotRead(scanFailed, text)
	}
	if len(x.findings) == 0 {
		return text, false, false
	}
	x.text = x.text[:0]
	end := 0
	for _, f := range x.findings {
		a := &x.actions[f.Detector]
		secret := text[f.Start:f.End]
		if a.isReplaced(secret) {
			continue
		}
		leaves = x.note(a) || leaves
		x.text = append(x.text, text[end:f.Start]...)
		from := len(x.text)
		x.text = x.appendReplacement(x.text, a, secret)
		end = f.End
		changed = changed || string(x.text[from:]) != secret
	}
	if !changed || x.cfg.DryRun {
		return text, false, leaves
	}
	x.text = append(x.text, text[end:]...)
	return string(x.text), true, leaves
}

// appendReplacement appends what stands for a secret. Where it holds data of a card of which
// the action would show more than its own action does, that is the action's label.
func (x *pass) appendReplacement(dst []byte, a *action, secret string) []byte {
	if a.wide && a.showsSome() && x.holdsCard(a, secret) {
		return append(dst, a.label...)
	}
	return a.appendReplacement(dst, secret)
}

// holdsCard says whether there is data of a card in the secret that the action a must not
// be used for: PCI DSS 4.0 requirements 3.3, 3.4 and 3.5.1.
func (x *pass) holdsCard(a *action, secret string) bool {
	if len(secret) > int(x.cfg.Limits.MaxSize) {
		return true
	}
	var read bool
	if x.inner, read = scan(x.cards, x.inner[:0], secretscan.Key{}, secret); !read {
		return true
	}
	for _, f := range x.inner {
		if card := &x.actions[f.Detector]; card.forbids(a) {
			return true
		}
	}
	return false
}

// scan appends what a scanner finds. False says that it failed: what it did not read must
// not pass as read.
func scan(s *secretscan.Scanner, dst []secretscan.Finding, k secretscan.Key, text string) (found []secretscan.Finding, ok bool) {
	defer func() {
		if !ok {
			_ = recover() // what it says may be the secret
		}
	}()
	return s.ScanUnder(dst, k, text), true
}

// plain is redacted for a text that stands under no name and can't be removed.
func (x *pass) plain(text string, set func(string)) {
	if text == "" {
		return
	}
	if out, changed, _ := x.redacted(secretscan.Key{}, text); changed {
		set(out)
	}
}

// body looks through a log record's body. What is to be removed leaves a label: a record
// without a body says less than one that says what is missing.
func (x *pass) body(v pcommon.Value) {
	x.joined(v, 0)
	x.value(secretscan.Key{}, v, 0)
}

// cannot masks a value that can't be looked through, or makes the batch be refused.
func (x *pass) cannot(why reason, v pcommon.Value) {
	if _, masked, _ := x.cannotRead(why, ""); masked {
		v.SetStr(unscanned)
	}
}

func (x *pass) cannotRead(why reason, text string) (out string, changed, leaves bool) {
	x.unread[why]++
	if x.cfg.OnUnscannable == onUnscannableRefuse {
		x.refusing = why
		return text, false, false
	}
	x.count++
	return unscanned, !x.cfg.DryRun, false
}

// mark writes the note of the item's findings. One that a stage before has written is
// added to.
func (x *pass) mark(attributes pcommon.Map) {
	if x.count == 0 || !x.cfg.Note {
		return
	}
	count := int64(x.count)
	if v, ok := attributes.Get(noteAttribute); ok && v.Type() == pcommon.ValueTypeInt && v.Int() > 0 && v.Int() < math.MaxInt32 {
		count += v.Int()
	}
	attributes.PutInt(noteAttribute, count)
}
