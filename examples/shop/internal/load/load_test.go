package load

import (
	"bytes"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/purchasing"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/webtest"
)

func script(seed uint64, n int) []Action {
	s := NewScript(4, seed)
	actions := make([]Action, n)
	for i := range actions {
		actions[i] = s.Next()
	}
	return actions
}

func TestScriptIsDecidedByItsSeed(t *testing.T) {
	first, again := script(1, 200), script(1, 200)
	assert.Equal(t, first, again)
	assert.NotEqual(t, script(1, 200), script(2, 200))
}

func TestScriptKeepsItsRateAndItsMix(t *testing.T) {
	const n = 4000
	var total time.Duration
	kinds := map[Kind]int{}
	for _, a := range script(1, n) {
		total += a.Wait
		kinds[a.Kind]++
		assert.InDelta(t, 0.25, a.Wait.Seconds(), 0.1251)
	}
	assert.InDelta(t, n/4.0, total.Seconds(), n/4.0*0.02)
	assert.InDelta(t, 0.45*n, kinds[Buy], 0.03*n)
	assert.InDelta(t, 0.30*n, kinds[Browse], 0.03*n)
	assert.InDelta(t, 0.25*n, kinds[Ask], 0.03*n)
}

func newLoad(network http.RoundTripper, out *bytes.Buffer, actions int) *Load {
	return New(Settings{
		PurchasingURL: "http://purchasing", Rate: 10, Seed: 1, Actions: actions, Out: out,
		Client:  &http.Client{Transport: web.Transport{Base: network}},
		Summary: 10 * time.Second, Patience: 5 * time.Second,
	})
}

func TestLoadPlaysTheScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network webtest.Network
		var out bytes.Buffer
		network.Add("purchasing", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method + " " + r.URL.Path {
			case "POST /orders":
				web.WriteJSON(w, http.StatusAccepted, purchasing.Order{ID: "o1"})
			case "GET /orders/o1":
				web.WriteError(w, http.StatusBadGateway, "down")
			}
		}))
		l := newLoad(&network, &out, 100)
		require.NoError(t, l.Run(t.Context()))
		counts := l.Counts()
		assert.Equal(t, 100, counts["buy"]+counts["browse"]+counts["status 502"], counts)
		ids := map[string]bool{}
		for _, r := range network.Seen()[1:] {
			ids[r.Header.Get("X-Request-ID")] = true
		}
		assert.Len(t, ids, 100)
		assert.Contains(t, out.String(), "load: 10 actions a second, seed 1\n")
		assert.Contains(t, out.String(), "status 502")
	})
}

func TestLoadTurnsBuyersAwayWhenTheShopIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network webtest.Network
		var out bytes.Buffer
		network.Add("purchasing", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				time.Sleep(time.Hour)
			}
		}))
		l := newLoad(&network, &out, 200)
		require.NoError(t, l.Run(t.Context()))
		assert.Equal(t, 200-maxInFlight, l.Counts()["turned away"])
	})
}

func TestLoadTellsThatNobodyIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		start := time.Now()
		err := newLoad(&webtest.Network{}, &out, 0).Run(t.Context())
		require.ErrorContains(t, err, "purchasing at http://purchasing: no answer within 5s")
		require.ErrorContains(t, err, "connection refused")
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}
