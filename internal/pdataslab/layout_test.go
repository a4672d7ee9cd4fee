package pdataslab

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLayoutIsKnown fails when pdata has changed: records are right even then, but
// cost more, until layout.go is looked at again.
func TestLayoutIsKnown(t *testing.T) {
	assert.True(t, known)
	assert.True(t, layoutIsKnown())
	for _, typ := range []uintptr{stringType, intType, doubleType, boolType, mapType, sliceType} {
		assert.NotZero(t, typ)
	}
}

// TestHasLayout has types that differ from what is expected in one thing each.
func TestHasLayout(t *testing.T) {
	text, number := reflect.TypeFor[string](), reflect.TypeFor[int32]()
	assert.True(t, hasLayout(reflect.TypeFor[struct {
		a string
		b int32
	}](), 24, text))
	for name, x := range map[string]reflect.Type{
		"size": reflect.TypeFor[struct{ a string }](),
		"type": reflect.TypeFor[struct{ a, b, c int64 }](),
		"order": reflect.TypeFor[struct {
			b int32
			a string
		}](),
		"pointer": reflect.TypeFor[struct {
			a string
			b *int32
		}](),
		"interface": reflect.TypeFor[struct {
			a any
			b int64
		}](),
		"no struct": reflect.TypeFor[[3]int64](),
		"string": reflect.TypeFor[struct {
			a [8]byte
			b string
		}](),
	} {
		assert.False(t, hasLayout(x, 24, text), name)
	}
	assert.False(t, hasLayout(reflect.TypeFor[struct{ a string }](), 16, text, number))
	assert.False(t, isWrapper(text))
	assert.False(t, isWrapper(reflect.TypeFor[struct {
		a *int
		b uintptr
	}]()))
	assert.True(t, isWrapper(reflect.TypeFor[struct{ a, b *int }]()))
	slice := reflect.TypeFor[[]string]()
	type values struct{ v []string }
	assert.True(t, isList(reflect.TypeFor[*struct{ v *values }](), slice))
	for name, x := range map[string]reflect.Type{
		"nothing":    nil,
		"no pointer": reflect.TypeFor[struct{ v *values }](),
		"two":        reflect.TypeFor[*struct{ v, w *values }](),
		"inner":      reflect.TypeFor[*struct{ v values }](),
		"inner two":  reflect.TypeFor[*struct{ v *struct{ v, w []string } }](),
		"other":      reflect.TypeFor[*struct{ v *struct{ v []int } }](),
	} {
		assert.False(t, isList(x, slice), name)
	}
}
