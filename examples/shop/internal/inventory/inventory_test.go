package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

type bench struct {
	service *Service
	handler http.Handler
	out     bytes.Buffer
}

func newBench(t *testing.T, faults ...string) *bench {
	t.Helper()
	plan, err := fault.NewPlan(1, append([]string{"all=off"}, faults...))
	require.NoError(t, err)
	b := &bench{}
	b.service = New(Settings{IDs: web.NewIDs(1), Faults: plan, Out: &b.out, Restock: time.Minute})
	b.handler = b.service.Handler()
	return b
}

func (b *bench) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Request-ID", "r1")
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	recorder := httptest.NewRecorder()
	b.handler.ServeHTTP(recorder, r)
	return recorder
}

const order = `{"order_id":"o1","sku":"ash-handle","quantity":2,"email":"jane@example.com"}`

func TestLinesAreHerokus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		require.Equal(t, http.StatusCreated, b.do(http.MethodPost, "/reservations", order).Code)
		lines := strings.Split(strings.TrimSpace(b.out.String()), "\n")
		require.Len(t, lines, 3)
		const tail = ` request_id=r1 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=[0-9a-f]{16}$`
		const head = `^ts=2000-01-01T00:00:00\.\d{3}Z app=inventory `
		assert.Regexp(t, head+`at=start fn=reserve order=o1 sku=ash-handle quantity=2`+tail, lines[0])
		assert.Regexp(t, head+`at=finish fn=reserve order=o1 reservation=[0-9a-f]{8} count#reserved=2 measure.elapsed=\d+ reserved`+tail, lines[1])
		assert.Regexp(t, head+`at=info method=POST path=/reservations status=201 bytes=\d+ service=\d+ms`+tail, lines[2])
	})
}

func TestValuesAreQuotedWhereTheyMustBe(t *testing.T) {
	for value, want := range map[string]string{
		"plain":        " k=plain",
		"":             " k=",
		"two words":    ` k="two words"`,
		`say "hi"`:     ` k="say \"hi\""`,
		"a=b":          ` k="a=b"`,
		"line\nbreak":  ` k="line\nbreak"`,
		`back\slash`:   ` k="back\\slash"`,
		"don't, naïve": ` k="don't, naïve"`,
	} {
		assert.Equal(t, want, string(appendPair(nil, str("k", value))))
	}
	assert.Equal(t, " cache_hit", string(appendPair(nil, tag("cache_hit"))))
}

func TestReservationsConserveTheStock(t *testing.T) {
	b := newBench(t)
	left := func() int {
		var item Item
		require.NoError(t, json.Unmarshal(b.do(http.MethodGet, "/stock/walnut-veneer", "").Body.Bytes(), &item))
		return item.Quantity
	}
	before := left()
	var ids sync.Map
	var buyers sync.WaitGroup
	for i := range 60 {
		buyers.Go(func() {
			id, cents, err := b.service.put(Reservation{OrderID: strconv.Itoa(i), SKU: "walnut-veneer", Quantity: 5})
			if err == nil {
				assert.Equal(t, 5*3350, cents)
				ids.Store(id, true)
			}
		})
	}
	buyers.Wait()
	assert.Zero(t, left(), "200 pieces are 40 reservations of 5")
	assert.Equal(t, http.StatusConflict, b.do(http.MethodPost, "/reservations", `{"sku":"walnut-veneer","quantity":1}`).Code)

	committed := 0
	for id := range ids.Range {
		if committed < 10 {
			committed++
			require.Equal(t, http.StatusNoContent, b.do(http.MethodPost, "/reservations/"+id.(string)+"/commit", "").Code)
			require.Equal(t, http.StatusNotFound, b.do(http.MethodDelete, "/reservations/"+id.(string), "").Code)
			continue
		}
		require.Equal(t, http.StatusNoContent, b.do(http.MethodDelete, "/reservations/"+id.(string), "").Code)
	}
	assert.Equal(t, before-50, left())
	assert.Empty(t, b.service.reserved)
	assert.LessOrEqual(t, len(b.service.oldest), 16)
}

func TestOldReservationsMakeRoom(t *testing.T) {
	b := newBench(t)
	b.service.items["ash-handle"].Quantity = 2 * maxReservations
	for range maxReservations + 500 {
		_, _, err := b.service.put(Reservation{SKU: "ash-handle", Quantity: 1})
		require.NoError(t, err)
	}
	assert.Len(t, b.service.reserved, maxReservations)
	assert.Equal(t, maxReservations, b.service.items["ash-handle"].Quantity, "what made room is back on the shelf")
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	for body, status := range map[string]int{
		`{`:                                             http.StatusBadRequest,
		`{"sku":"ash-handle","quantity":0}`:             http.StatusBadRequest,
		`{"sku":"ash-handle","quantity":1001}`:          http.StatusBadRequest,
		`{"sku":"plutonium","quantity":1}`:              http.StatusNotFound,
		`{"sku":"` + strings.Repeat("x", 70_000) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		assert.Equal(t, status, b.do(http.MethodPost, "/reservations", body).Code, body[:min(len(body), 60)])
	}
	assert.Equal(t, http.StatusNotFound, b.do(http.MethodGet, "/stock/plutonium", "").Code)
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		says   []string
	}{
		fault.InventoryPanic: {500, []string{
			"http: panic serving 192.0.2.1:1234: runtime error: index out of range [4] with length 3\ngoroutine ",
			"inventory.walk(", "\nts=2000-01-01T00:00:00.", " app=inventory at=error method=POST ", " status=500 ",
		}},
		fault.InventoryError: {503, []string{`at=error fn=reserve error="dial tcp 10.0.4.17:5432: connect: connection refused" db retryable`}},
		fault.InventorySlow:  {201, []string{"level=warn slow", "measure#db.query="}},
		fault.InventoryLeak:  {201, []string{"&access_token=", "user=jane@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, name+"=every:1")
				assert.Equal(t, test.status, b.do(http.MethodPost, "/reservations", order).Code)
				for _, says := range test.says {
					assert.Contains(t, b.out.String(), says)
				}
				quiet := newBench(t)
				assert.Equal(t, http.StatusCreated, quiet.do(http.MethodPost, "/reservations", order).Code)
				for _, says := range test.says[:1] {
					assert.NotContains(t, quiet.out.String(), says)
				}
			})
		})
	}
}

func TestShelvesAreFilledUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.service.items["ash-handle"].Quantity = 10
		ctx, cancel := context.WithCancel(t.Context())
		go b.service.restockUntil(ctx)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Contains(t, b.out.String(), "at=restock fn=restock sku=ash-handle count#restocked=590 supplier")
		assert.Contains(t, b.out.String(), "at=sample fn=restock sku=oak-plank-2m sample#stock=400")
		assert.Equal(t, 600, b.service.items["ash-handle"].Quantity)
		cancel()
		synctest.Wait()
	})
}
