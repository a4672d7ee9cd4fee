package logrecord

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestMapperIsShared has goroutines with batches of one mapper, and counts what
// comes out: each line one record, each record its own uid.
func TestMapperIsShared(t *testing.T) {
	const goroutines, perGoroutine = 8, 2000
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	resource := map[string]string{"peer": "10.0.0.1"}
	taken := make([][]plog.Logs, goroutines)
	var running sync.WaitGroup
	for g := range goroutines {
		running.Go(func() {
			b := m.NewBatch()
			o := &Origin{Resource: resource, ProcID: strconv.Itoa(g + 1)}
			for i := range perGoroutine {
				b.Add(hostile(g, i), o)
				if b.Len() == 17*(g+1) {
					taken[g] = append(taken[g], b.Take())
				}
			}
			taken[g] = append(taken[g], b.Take())
		})
	}
	running.Wait()
	records := 0
	uids := map[string]bool{}
	for _, batches := range taken {
		for _, logs := range batches {
			for _, rl := range logs.ResourceLogs().All() {
				for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
					records++
					uid, ok := r.Attributes().Get(attrUID)
					require.True(t, ok)
					uids[uid.Str()] = true
				}
			}
		}
	}
	assert.Equal(t, goroutines*perGoroutine, records)
	assert.Len(t, uids, goroutines*perGoroutine)
}

// hostile is a line of one of all sorts.
func hostile(g, i int) []byte {
	switch i % 7 {
	case 0:
		return fmt.Appendf(nil, `app=app%d n=%d at=info msg="\"%d\""`, i%3, i, g)
	case 1:
		return fmt.Appendf(nil, "text of %d", i)
	case 2:
		return fmt.Appendf(nil, `app=x n=%d cut="`, i)
	case 3:
		return nil
	case 4:
		return fmt.Appendf(nil, "\xff\x00=%d", i)
	case 5:
		return fmt.Appendf(nil, "a=1 a=2 log.record.uid= %d=%d", g, i)
	}
	return fmt.Appendf(nil, "level=warn caller=a.go:%d error=e%d", i, g)
}

// TestAllocations holds what a record costs: its line, its attributes, itself and
// one for each string in it.
func TestAllocations(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	for line, limit := range map[string]float64{
		"text":               6,
		"level=info msg=hi":  6,
		"a=b c=d e=f":        8,
		"a=1 b=2 c=3 d=true": 9,
	} {
		b := m.NewBatch()
		raw, o := []byte(line), &Origin{Host: "web-1"}
		for range 100 {
			b.Add(raw, o)
		}
		b.Take()
		got := testing.AllocsPerRun(10, func() {
			for range 100 {
				b.Add(raw, o)
			}
			b.Take()
		})
		assert.LessOrEqual(t, got/100, limit, line)
	}
}

// TestMemoryOfHostileLines holds that a line costs memory in proportion to its
// length, whatever is in it.
func TestMemoryOfHostileLines(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	for name, line := range map[string]string{
		"keys":            strings.Repeat("a ", 1<<19) + "b=1",
		"pairs":           strings.Repeat("a= ", 1<<18),
		"quotes":          strings.Repeat(`""`, 1<<19) + "=",
		"quoted":          `a="` + strings.Repeat(`\" `, 1<<18) + `"`,
		"equal signs":     strings.Repeat("=", 1<<20),
		"noise":           strings.Repeat("\x00\xff=\"", 1<<18),
		"own names":       strings.Repeat("heartwood.parse_error=x ", 1<<15),
		"below the limit": strings.Repeat("k ", maxPairs-1) + "b=1",
	} {
		b := m.NewBatch()
		b.Add([]byte("warm=up"), &Origin{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b.Add([]byte(line), &Origin{})
		runtime.ReadMemStats(&after)
		assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(3*len(line)+6<<20), name)
		assert.Equal(t, 2, b.Take().LogRecordCount())
	}
}
