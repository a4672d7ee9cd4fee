package fakesecret

import (
	"encoding/base64"
	"encoding/json"
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTokensHaveTheFormOfRealOnes(t *testing.T) {
	// The forms are those that secret scanners look for.
	for form, token := range map[string]string{
		`^sk_test_[0-9a-zA-Z]{24}$`:      StripeKey("a"),
		`^ghp_[0-9a-zA-Z]{36}$`:          GitHubToken("a"),
		`^[0-9a-f]{40}$`:                 HexToken("a"),
		`^eyJ[\w-]+\.[\w-]+\.[\w-]{43}$`: JWT("c0001"),
	} {
		assert.Regexp(t, form, token)
	}
	assert.NotEqual(t, GitHubToken("a"), GitHubToken("b"))

	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(JWT("c0001"), ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	assert.Equal(t, true, claims["fake"])
}

func TestCustomersAreReachableNowhere(t *testing.T) {
	seen := map[string]bool{}
	for n := range uint64(500) {
		c := NewCustomer(n)
		address, err := mail.ParseAddress(c.Email)
		require.NoError(t, err, c.Email)
		assert.Regexp(t, `@example\.(com|org|net)$`, address.Address)
		assert.False(t, seen[c.Email], c.Email)
		seen[c.Email] = true
	}
}
