package awsclient

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBodiesAreOnlyRead: no request reaches net/http with a body that can write itself,
// and its caller's request stays what it was.
func TestBodiesAreOnlyRead(t *testing.T) {
	stop := errors.New("stop")
	body := io.NopCloser(strings.NewReader("body")) // which has WriteTo
	require.Implements(t, (*io.WriterTo)(nil), body)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", http.NoBody)
	require.NoError(t, err)
	r.Body = body
	_, err = plainBody{roundTripper(func(got *http.Request) (*http.Response, error) {
		assert.NotImplements(t, (*io.WriterTo)(nil), got.Body)
		text, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		assert.Equal(t, "body", string(text))
		return nil, stop
	})}.RoundTrip(r) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, stop)
	assert.Equal(t, body, r.Body)
}
