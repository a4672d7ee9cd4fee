package pdataslab

import (
	"reflect"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// known says that the mirrors below are as pdata's types.
var known = layoutIsKnown()

// keyValue mirrors pdata's internal.KeyValue. The first word of its interface
// points to a type that the linker laid out, which the garbage collector need not
// see.
type keyValue struct {
	typ  uintptr
	data unsafe.Pointer
	key  string
	// keyIndex is of profiles.
	keyIndex int32
}

// logRecord mirrors pdata's internal.LogRecord: what holds pointers, and the rest.
type logRecord struct {
	bodyType            uintptr
	bodyData            unsafe.Pointer
	severityText, event string
	attributes          []keyValue
	_                   [2]uint64 // times
	_                   [3]uint32 // severity number, dropped attributes, flags
	_                   [16]byte  // trace id
	_                   [8]byte   // span id
}

// How many fields the two have in pdata: an Encoder would leave out further ones.
const (
	pairFields   = 3
	recordFields = 11
)

// list mirrors a value of pdata's that is a map or a slice, AnyValue_KvlistValue or
// AnyValue_ArrayValue: a pointer to a struct that is a slice. It stands behind it, so
// that both are one element of a slab.
type list[T any] struct {
	values *[]T
	own    []T
}

// wrapper mirrors pcommon.Value, pcommon.Map, plog.LogRecord, plog.LogRecordSlice and
// plog.Logs: a pointer to what they wrap, and one to a state.
type wrapper struct{ orig, state unsafe.Pointer }

func wrapperOf[T pcommon.Value | pcommon.Map | plog.LogRecord | plog.LogRecordSlice | plog.Logs](v *T) *wrapper {
	return (*wrapper)(unsafe.Pointer(v))
}

// iface mirrors an interface without methods.
type iface struct {
	typ  uintptr
	data unsafe.Pointer
}

// The types of values in a pdata AnyValue, and the state of a value that may be
// changed; set by layoutIsKnown.
var (
	stringType, intType, doubleType, boolType, mapType, sliceType uintptr

	mutable unsafe.Pointer

	// requestType is a pointer to pdata's internal.ExportLogsServiceRequest, which plog.Logs
	// wraps.
	requestType reflect.Type
)

// layoutIsKnown compares the mirrors with pdata's types, and learns the types of
// values.
func layoutIsKnown() bool {
	value, attributes := reflect.TypeFor[pcommon.Value](), reflect.TypeFor[pcommon.Map]()
	record, records := reflect.TypeFor[plog.LogRecord](), reflect.TypeFor[plog.LogRecordSlice]()
	logs := reflect.TypeFor[plog.Logs]()
	if !isWrapper(value) || !isWrapper(attributes) || !isWrapper(record) || !isWrapper(records) || !isWrapper(logs) {
		return false
	}
	if record.Field(1).Type != value.Field(1).Type || logs.Field(1).Type != value.Field(1).Type {
		return false
	}
	requestType = logs.Field(0).Type
	wrapped := func(t reflect.Type) reflect.Type { return t.Field(0).Type.Elem() }

	anyValue := wrapped(value)
	if anyValue.Kind() != reflect.Struct || anyValue.NumField() != 1 || anyValue.Field(0).Type != reflect.TypeFor[any]() {
		return false
	}
	if wrapped(attributes).Kind() != reflect.Slice {
		return false
	}
	pair := wrapped(attributes).Elem()
	text := reflect.TypeFor[string]()
	if !hasLayout(pair, reflect.TypeFor[keyValue]().Size(), anyValue, text) {
		return false
	}
	if !hasLayout(wrapped(record), reflect.TypeFor[logRecord]().Size(), anyValue, text, text, wrapped(attributes)) {
		return false
	}
	if pair.NumField() != pairFields || wrapped(record).NumField() != recordFields {
		return false
	}
	if wrapped(records) != reflect.SliceOf(reflect.PointerTo(wrapped(record))) {
		return false
	}

	for _, x := range []struct {
		value pcommon.Value
		holds reflect.Kind
		typ   *uintptr
	}{
		{pcommon.NewValueStr("x"), reflect.String, &stringType},
		{pcommon.NewValueInt(1), reflect.Int64, &intType},
		{pcommon.NewValueDouble(1), reflect.Float64, &doubleType},
		{pcommon.NewValueBool(true), reflect.Bool, &boolType},
	} {
		w := wrapperOf(&x.value)
		t := reflect.TypeOf(*(*any)(w.orig))
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct ||
			t.Elem().NumField() != 1 || t.Elem().Field(0).Type.Kind() != x.holds {
			return false
		}
		*x.typ = (*iface)(w.orig).typ
		mutable = w.state
	}
	for _, x := range []struct {
		value pcommon.Value
		holds reflect.Type
		typ   *uintptr
	}{
		{pcommon.NewValueMap(), reflect.SliceOf(pair), &mapType},
		{pcommon.NewValueSlice(), reflect.SliceOf(anyValue), &sliceType},
	} {
		w := wrapperOf(&x.value)
		if !isList(reflect.TypeOf(*(*any)(w.orig)), x.holds) {
			return false
		}
		*x.typ = (*iface)(w.orig).typ
	}
	return true
}

// isList reports whether t is a pointer to a struct of one field, which is a pointer
// to a struct of one field, which is of type slice.
func isList(t, slice reflect.Type) bool {
	for range 2 {
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || t.Elem().NumField() != 1 {
			return false
		}
		t = t.Elem().Field(0).Type
	}
	return t == slice
}

func isWrapper(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 2 && t.Size() == unsafe.Sizeof(wrapper{}) &&
		t.Field(0).Type.Kind() == reflect.Pointer && t.Field(1).Type.Kind() == reflect.Pointer
}

// hasLayout reports whether t is a struct of this size that begins with fields of
// these types, and has no pointers behind them.
func hasLayout(t reflect.Type, size uintptr, first ...reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.Size() != size || t.NumField() < len(first) {
		return false
	}
	var offset uintptr
	for i := range t.NumField() {
		field := t.Field(i)
		switch {
		case i < len(first) && (field.Type != first[i] || field.Offset != offset):
			return false
		case i >= len(first) && !isPlain(field.Type):
			return false
		}
		offset = field.Offset + field.Type.Size()
	}
	return true
}

func isPlain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int32, reflect.Uint32, reflect.Uint64, reflect.Int64:
		return true
	case reflect.Array:
		return t.Elem().Kind() == reflect.Uint8
	}
	return false
}

// logsOf wraps a request of pdata's. False says that it is none.
func logsOf(request any) (logs plog.Logs, ok bool) {
	if !known || reflect.TypeOf(request) != requestType {
		return logs, false
	}
	*wrapperOf(&logs) = wrapper{orig: (*iface)(unsafe.Pointer(&request)).data, state: mutable}
	return logs, true
}

// slotOf is where v has its type and data.
func slotOf(v pcommon.Value) *iface { return (*iface)(wrapperOf(&v).orig) }

// valueSlot is where the value of p is.
func (p *keyValue) valueSlot() *iface { return (*iface)(unsafe.Pointer(p)) }

// valueAt is the value that is at the slot.
func valueAt(slot *iface) (v pcommon.Value) {
	*wrapperOf(&v) = wrapper{orig: unsafe.Pointer(slot), state: mutable}
	return v
}
