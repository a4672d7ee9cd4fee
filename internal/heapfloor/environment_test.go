package heapfloor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFloorFrom(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		want        uint64
		err         string
	}{
		{nil, 64 << 20, ""},
		{map[string]string{"HEARTWOOD_MIN_HEAP": ""}, 64 << 20, ""},
		{map[string]string{"HEARTWOOD_MIN_HEAP": "16MiB"}, 16 << 20, ""},
		{map[string]string{"HEARTWOOD_MIN_HEAP": "0"}, 0, ""},
		{map[string]string{"GOGC": "100"}, 0, ""},
		{map[string]string{"GOGC": "off"}, 0, ""},
		{map[string]string{"GOGC": "100", "HEARTWOOD_MIN_HEAP": "1GiB"}, 1 << 30, ""},
		{map[string]string{"HEARTWOOD_MIN_HEAP": "much"}, 0, `HEARTWOOD_MIN_HEAP: size "much"`},
		{map[string]string{"HEARTWOOD_MIN_HEAP": "-1MiB"}, 0, `"-1MiB"`},
	} {
		got, err := floorFrom(func(name string) (string, bool) { v, ok := c.environment[name]; return v, ok })
		assert.Equal(t, c.want, got, "%v", c.environment)
		if c.err == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.err)
		}
	}
}
