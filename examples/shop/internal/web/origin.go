package web

import (
	"net/http"
	"slices"
)

// AllowOrigins lets pages of other origins talk to a service from a browser (CORS, in
// https://fetch.spec.whatwg.org): send a request's id, trace and baggage along, and read
// the id in the answer. With no origins it is h. A page of another origin gets its
// answer all the same, and the browser keeps it back.
func AllowOrigins(h http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Add("Vary", "Origin")
		allowed := slices.Contains(origins, r.Header.Get("Origin"))
		if allowed {
			header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			header.Set("Access-Control-Expose-Headers", RequestIDHeader)
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			h.ServeHTTP(w, r)
			return
		}
		if allowed { // the browser asks beforehand
			header.Set("Access-Control-Allow-Methods", "GET, POST")
			header.Set("Access-Control-Allow-Headers", "Content-Type, "+RequestIDHeader+", traceparent, tracestate, baggage")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
