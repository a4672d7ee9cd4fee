package secretscan

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestConcurrent scans texts that need the pool's buffers from several goroutines at once: no
// scan may see what another wrote there.
func TestConcurrent(t *testing.T) {
	s := newScanner(t, Settings{Custom: []CustomDetector{{Name: "customer", Pattern: `C-\d+`}}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				want := fmt.Sprintf("«email|user%d%%40example.com» %%41 «customer|C-%d» password=«secret_assignment|g%dx%d»", i, i, g, i)
				text := plain(want)
				if got := marked(s, text, s.Scan(nil, text)); got != want {
					assert.Equal(t, want, got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestFold(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var x folding
		x.fold(in)
		assert.Equal(t, want, string(x.text), in)
		for i := range x.text {
			assert.True(t, x.from[i] < x.to[i] && int(x.to[i]) <= len(in) && (i == 0 || x.from[i] >= x.to[i-1]), in)
		}
	}
	f("plain", "plain")
	f("a%40b%4", "a@b%4")
	f("%zz%00%e9", "%zz%00%e9")
	f(`\u0040\x41\u00e9\x`, `@A\u00e9\x`)
	f("1\u200b2\u00ad3\ufeff", "123")
	f("４１\u00a0–", "41 -")
	f("а\u0301", "a\u0301")
	f("&quot;&#64;&#x40;&#999;&nbsp;&", "\"@@&#999;&nbsp;&")
	f("\xff\xc2", "\xff\xc2")
	f("a\x00b", "a\x00b")
}
