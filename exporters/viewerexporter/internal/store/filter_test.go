package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The filter has the same keys of a column of ids as of each id alone.
func TestFilterOfIDs(t *testing.T) {
	keysOf := func(f *filterBuilder) (keys []uint64) {
		for _, set := range []*keySet{&f.letters, &f.others} {
			for _, key := range set.slots {
				if key != 0 {
					keys = append(keys, key)
				}
			}
		}
		slices.Sort(keys)
		return keys
	}
	for form, id := range map[byte]func(i int) string{
		formUUID: func(i int) string { return fmt.Sprintf("0197f3a0-4c6e-7000-8000-%012x", i*7919) },
		formHex:  func(i int) string { return fmt.Sprintf("%032x", uint64(i)*0x9e3779b97f4a7c15) },
	} {
		b, err := newBlockBuilder()
		require.NoError(t, err)
		b.reset(300)
		var c cells
		c.reset(300)
		var one filterBuilder
		for row := range c.kinds {
			if row%3 > 0 {
				text := id(min(row, row/10*10+8)) // some are the same as the ones before
				c.text(row, text)
				one.add(text)
				one.addField(nameKey("request.id"), text)
			}
		}
		column := b.column(nil, 0, columnPlace{}, &c, true, "request.id")
		require.NotEmpty(t, column)
		require.Equal(t, form, b.places[0].form)
		assert.Equal(t, keysOf(&one), keysOf(&b.filter))
		assert.NotEmpty(t, keysOf(&one))
		assert.Equal(t, one.longest, b.filter.longest)
	}
}

// Digits are written as they were, so capital letters are no digits.
func TestFormsOfTexts(t *testing.T) {
	for text, want := range map[string]byte{
		"0197f3a0-4c6e-7000-8000-%012x": formUUID, "0197F3A0-4c6e-7000-8000-%012x": formText, "0197f3a0-4c6e-7000-80-00%012x": formText,
		"feed%012x": formHex, "FEED%012x": formText, "fee %012x": formText, "fee%012x": formText, "%0130x": formText,
	} {
		var c cells
		c.reset(300)
		for row := range c.kinds {
			if row != 1 {
				c.text(row, fmt.Sprintf(text, row))
			}
		}
		var e columnEncoder
		column, _ := e.append(nil, &c)
		require.Equal(t, want, column[0], text)
		read, err := readColumn(string(column), 300)
		require.NoError(t, err)
		for row := range c.kinds {
			got, ok := read.at(row)
			require.Equal(t, row != 1, ok)
			if ok {
				require.Equal(t, fmt.Sprintf(text, row), got)
			}
		}
		c.text(7, c.texts[7]+"G")
		column, _ = e.append(nil, &c)
		require.EqualValues(t, formText, column[0], "one that is none is enough")
	}
}
