package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

func TestAllowOrigins(t *testing.T) {
	const page = "http://page.example"
	served := 0
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served++
		w.Header().Set("X-Request-ID", "r1")
	})
	ask := func(method, origin string, origins ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/orders", http.NoBody)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		}
		recorder := httptest.NewRecorder()
		served = 0
		web.AllowOrigins(inner, origins).ServeHTTP(recorder, r)
		return recorder
	}

	answer := ask(http.MethodPost, page, page)
	assert.Equal(t, 1, served)
	assert.Equal(t, page, answer.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "X-Request-ID", answer.Header().Get("Access-Control-Expose-Headers"))
	assert.Equal(t, "r1", answer.Header().Get("X-Request-ID"))
	assert.Equal(t, "Origin", answer.Header().Get("Vary"))

	answer = ask(http.MethodOptions, page, page)
	assert.Zero(t, served, "the question before is none for the service")
	assert.Equal(t, http.StatusNoContent, answer.Code)
	assert.Equal(t, page, answer.Header().Get("Access-Control-Allow-Origin"))
	assert.Contains(t, answer.Header().Get("Access-Control-Allow-Headers"), "X-Request-ID")
	assert.Contains(t, answer.Header().Get("Access-Control-Allow-Methods"), http.MethodPost)

	for _, other := range []string{"http://other.example", "null", ""} {
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			answer = ask(method, other, page)
			assert.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"), "%s of %q", method, other)
			assert.Empty(t, answer.Header().Get("Access-Control-Allow-Headers"))
		}
	}
	answer = ask(http.MethodOptions, page)
	assert.Equal(t, 1, served, "without origins nothing is added")
	assert.Empty(t, answer.Header().Get("Vary"))
}
