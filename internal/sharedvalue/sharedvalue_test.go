package sharedvalue

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOneValueForAll(t *testing.T) {
	var values Values[string, *int]
	var opened, ended atomic.Int64
	open := func() (*int, error) { opened.Add(1); return new(int), nil }
	end := func(*int) error { ended.Add(1); return nil }
	first, err := values.Acquire("a", open)
	require.NoError(t, err)
	var work sync.WaitGroup
	for range 50 {
		work.Go(func() {
			v, err := values.Acquire("a", open)
			assert.Same(t, first, v)
			assert.Nil(t, err) //nolint:testifylint // require must not end another goroutine
		})
	}
	work.Wait()
	other, err := values.Acquire("b", open)
	require.NoError(t, err)
	assert.NotSame(t, first, other)
	assert.EqualValues(t, 2, opened.Load())
	assert.Equal(t, 51, values.Users("a"))
	for range 50 {
		require.NoError(t, values.Release("a", end))
	}
	assert.Zero(t, ended.Load())
	require.NoError(t, values.Release("a", end))
	assert.EqualValues(t, 1, ended.Load(), "the last one ends it")
	assert.Equal(t, 1, values.Len())
	require.NoError(t, values.Release("a", end), "nobody has it")
	assert.EqualValues(t, 1, ended.Load())
}

func TestFailures(t *testing.T) {
	var values Values[int, string]
	errWrong := errors.New("wrong")
	_, err := values.Acquire(1, func() (string, error) { return "", errWrong })
	require.ErrorIs(t, err, errWrong)
	assert.Zero(t, values.Len(), "what fails is not kept")
	_, err = values.Acquire(1, func() (string, error) { return "x", nil })
	require.NoError(t, err)
	require.ErrorIs(t, values.Release(1, func(string) error { return errWrong }), errWrong)
	assert.Zero(t, values.Len())
}
