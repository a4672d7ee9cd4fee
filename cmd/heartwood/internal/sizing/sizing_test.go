package sizing

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table into docs/sizing.md")

const begin, end = "<!-- table: go test ./cmd/heartwood/internal/sizing -update -->\n", "<!-- end of table -->\n"

// TestTheDocumentHasTheFormulasTable.
func TestTheDocumentHasTheFormulasTable(t *testing.T) {
	path := filepath.Join("..", "..", "..", "..", "docs", "sizing.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	written, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want, err := Table(DefaultMeasured, DefaultPrices)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+want+end+after), 0o600))
		return
	}
	assert.Equal(t, want, written, "go test ./cmd/heartwood/internal/sizing -update writes it")
}

func of(t *testing.T, l Load) Needs {
	t.Helper()
	n, err := DefaultMeasured.Of(l, DefaultPrices)
	require.NoError(t, err)
	return n
}

// TestByHand: one load, with a pencil.
func TestByHand(t *testing.T) {
	n := of(t, Load{Rate: 100_000, Size: 300})
	assert.InDelta(t, 2.3, n.Cores, 0.001, "100,000 times 23 µs")
	assert.Equal(t, 2, n.Gateways, "2.3 cores, of which 60 % of two each are used")
	assert.InDelta(t, 2*50_000*606*1.15*3600, n.Disk, 1, "two spools, an hour")
	assert.Equal(t, 125, n.Shards, "1,000 records a second each, used to 80 %")
	assert.Equal(t, 78, n.AggregatedShards, "61.8 MB a second, used to 80 %")
	assert.InDelta(t, 100_000*606*1.02/25600, n.AggregatedUnits, 1)
	assert.InDelta(t, 10*(78*0.015/3600+n.AggregatedUnits/1e6*0.014), n.Kinesis, 1e-6, "ten seconds for a million")
	assert.InDelta(t, n.Kinesis+n.Requests+n.Storage+n.Gateway, n.Dollars(), 1e-12)
	assert.Greater(t, n.Puts, 100_000/256.0, "a tile for each 256 leaves")

	folded := of(t, Load{Rate: 100_000, Size: 300, Fold: FoldMemory})
	assert.Less(t, folded.Puts, n.Puts/5, "an eighth of the leaves")
	assert.Less(t, folded.AggregatedShards, n.AggregatedShards)
	assert.Greater(t, of(t, Load{Rate: 100_000, Size: 300, Fold: FoldJournal}).Disk, folded.Disk/2)
}

func TestPricesAndSizesCount(t *testing.T) {
	l := Load{Rate: 1000, Size: 300}
	p := DefaultPrices
	p.ShardHour *= 10
	dearer, err := DefaultMeasured.Of(l, p)
	require.NoError(t, err)
	assert.Greater(t, dearer.Kinesis, 9*of(t, l).Kinesis)
	p = DefaultPrices
	p.S3 = p.S3.Clone()
	require.NoError(t, p.S3.Set("STANDARD.put=0.05"))
	dearer, err = DefaultMeasured.Of(l, p)
	require.NoError(t, err)
	assert.Greater(t, dearer.Requests, 5*of(t, l).Requests)
	assert.Greater(t, of(t, Load{Rate: 1000, Size: 1000}).Cores, of(t, l).Cores)
	for _, bad := range []Load{{0, 300, Plain}, {math.NaN(), 300, Plain}, {1, 1, Plain}, {1, math.NaN(), Plain}, {1, 300, 3}} {
		_, err := DefaultMeasured.Of(bad, DefaultPrices)
		require.Error(t, err, "%v", bad)
	}
}
