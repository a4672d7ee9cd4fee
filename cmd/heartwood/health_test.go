package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHealth(t *testing.T) {
	code, body := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}))
	status, stdout, stderr := call(t, "", "health", "--url", server.URL)
	assert.Equal(t, exitOK, status)
	assert.Empty(t, stdout+stderr)
	code, body = http.StatusServiceUnavailable, "not\x1b yet"
	status, _, stderr = call(t, "", "health", "--url", server.URL)
	assert.Equal(t, exitFailure, status)
	assert.Contains(t, stderr, "503 Service Unavailable: not")
	assert.NotContains(t, stderr, "\x1b", "a terminal is not told what to do")
	server.Close()
	status, _, _ = call(t, "", "health", "--url", server.URL)
	assert.Equal(t, exitFailure, status)
	for _, args := range [][]string{{"health", "x"}, {"health", "--timeout", "0s"}, {"health", "--url", "http://%"}} {
		status, _, _ = call(t, "", args...)
		assert.Equal(t, exitUsage, status, args)
	}
}
