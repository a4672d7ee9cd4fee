//go:build screenshots

package integration

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// maxScreenshot keeps the repository small, in bytes.
const maxScreenshot = 150_000

// TestScreenshots makes those of docs/images from Prometheus's own page, under the shop's
// traffic with half a minute in which inventory's queries are slow. `make screenshots`.
func TestScreenshots(t *testing.T) {
	prom := startPrometheus(t, "")
	col := startMetrics(t, harness.NewSink(t), "127.0.0.1:0", prom)
	var shop *harness.Process
	for _, part := range []struct {
		slow string
		last time.Duration
	}{{"0", 80 * time.Second}, {"0.5", 30 * time.Second}, {"0", 60 * time.Second}} {
		if shop != nil {
			shop.Stop(t)
		}
		shop, _ = startShop(t, col, "--fault=all=off", "--fault=inventory.slow="+part.slow)
		time.Sleep(part.last) // what is shown is time
	}
	prom.screenshot(t, "spike.png", "1100,800", url.Values{
		"g0.expr": {`histogram_quantile(0.99, sum by (le, service_name) (rate(elapsed_seconds_bucket[30s])))`},
		"g0.tab":  {"0"}, "g0.range_input": {"3m"}, "g0.step_input": {"1"},
	})
	prom.screenshot(t, "labels.png", "1250,566", url.Values{
		"g0.expr": {`sum by (__name__,service_name,host_name,k8s_pod_name) ({__name__=~"log_records_total|shop_http.*_total"})`},
		"g0.tab":  {"1"},
	})
	shop.Stop(t)
	prom.Stop(t)
	col.Stop(t)
}

func (p *prometheus) screenshot(t *testing.T, name, size string, page url.Values) {
	t.Helper()
	path := filepath.Join(harness.Root(t), "docs", "images", name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	command := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--window-size="+size, "--virtual-time-budget=10000", "--screenshot="+path, p.url+"/classic/graph?"+page.Encode())
	said, err := command.CombinedOutput()
	require.NoError(t, err, "Debian's package chromium has it: %s", said)
	file, err := os.Stat(path)
	require.NoError(t, err)
	assert.Less(t, file.Size(), int64(maxScreenshot), path)
}

// TestViewerScreenshots makes those of the viewer's page, light and dark, under the shop's
// traffic.
func TestViewerScreenshots(t *testing.T) {
	col := startViewer(t)
	shop := startViewedShop(t, col)
	time.Sleep(time.Minute) // what is shown is time
	checkViewerPage(t, col, 0, "screenshots")
	shop.Stop(t)
	col.Stop(t)
	images, err := filepath.Glob(filepath.Join(harness.Root(t), "docs", "images", "viewer-*.png"))
	require.NoError(t, err)
	require.Len(t, images, 8)
	for _, image := range images {
		info, err := os.Stat(image)
		require.NoError(t, err)
		assert.Less(t, info.Size(), int64(maxScreenshot)+50_000, image)
		assert.WithinDuration(t, time.Now(), info.ModTime(), 10*time.Minute, image)
	}
}
