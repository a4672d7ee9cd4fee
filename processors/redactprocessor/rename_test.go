package redactprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestNamesThatMeet(t *testing.T) {
	got := start(t, "{}").record(t, "", map[string]any{
		"jane@example.com": "name", "joe@example.com": "name", "jill@example.com": "name", "[EMAIL]": "clean", "[EMAIL]_3": "clean",
	}).Attributes().AsRaw()
	assert.Equal(t, map[string]any{
		"[EMAIL]": "clean", "[EMAIL]_2": "name", "[EMAIL]_3": "clean", "[EMAIL]_4": "name", "[EMAIL]_5": "name", "redaction.count": int64(3),
	}, got, "clean names stay, and no value is lost")
}

// A sender must not be able to keep the processor busy with names.
func TestManyNamesTakeLinearTime(t *testing.T) {
	const many = 20_000
	for name, of := range map[string]func(i int) string{
		"all dirty": func(i int) string { return fmt.Sprintf("user%d@example.com", i) },
		"one dirty": func(i int) string {
			if i == 0 {
				return "jane@example.com"
			}
			return fmt.Sprint("name", i)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, "{}")
			attributes := make(map[string]any, many)
			for i := range many {
				attributes[of(i)] = int64(i)
			}
			m := pcommon.NewMap()
			require.NoError(t, m.FromRaw(attributes))
			began := time.Now()
			got := b.record(t, "", attributes).Attributes()
			assert.Less(t, time.Since(began), 2*time.Second) // some hundred times what it takes
			seen := make(map[int64]bool, many)
			for _, v := range got.All() {
				seen[v.Int()] = true
			}
			assert.GreaterOrEqual(t, len(seen), many, "each value is there")
			assert.Equal(t, many+1, got.Len())
		})
	}
}
