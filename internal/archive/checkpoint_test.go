package archive

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
)

// testKeys are made once: their names are the origin's.
func testKey(tb testing.TB, name string) (note.Signer, note.Verifier, string) {
	tb.Helper()
	secret, public, err := GenerateKey(name)
	require.NoError(tb, err)
	s, err := NewSigner(" " + secret + "\n")
	require.NoError(tb, err)
	v, err := NewVerifier(public + "\n")
	require.NoError(tb, err)
	return s, v, public
}

const testOrigin = "example.com/logs/gateway-1"

func TestCheckpointRoundTrip(t *testing.T) {
	s, v, _ := testKey(t, testOrigin)
	root := LeafHash([]byte("x"))
	data, err := SignCheckpoint(testOrigin, 20852164, root, s)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), testOrigin+"\n20852164\n"+base64.StdEncoding.EncodeToString(root[:])+"\n\n— "+testOrigin+" "))
	want := Checkpoint{Origin: testOrigin, Size: 20852164, Root: root, KeyHash: v.KeyHash(), Raw: data}
	c, err := OpenCheckpoint(data, note.VerifierList(v))
	require.NoError(t, err)
	assert.Equal(t, want, c)
	c, err = ParseCheckpoint(data)
	require.NoError(t, err)
	assert.Equal(t, want, c)

	// The longest name has a checkpoint as well.
	long := strings.Repeat("a", maxOrigin)
	s, _, _ = testKey(t, long)
	data, err = SignCheckpoint(long, 1<<62, root, s)
	require.NoError(t, err)
	assert.Less(t, len(data), MaxCheckpoint)
}

func TestCheckpointRefused(t *testing.T) {
	s, v, _ := testKey(t, testOrigin)
	_, other, _ := testKey(t, testOrigin)
	known := note.VerifierList(v)
	root := LeafHash([]byte("x"))
	data, err := SignCheckpoint(testOrigin, 7, root, s)
	require.NoError(t, err)

	_, err = ParseCheckpoint(append(bytes.Clone(data[:len(data)-9]), append([]byte("\r"), data[len(data)-9:]...)...))
	require.ErrorContains(t, err, "signature: no base64")
	_, err = OpenCheckpoint(data, note.VerifierList(other))
	require.ErrorContains(t, err, "no key that is known has signed it")
	_, err = SignCheckpoint("example.com/logs/gateway-2", 7, root, s)
	require.ErrorContains(t, err, "its name has to be the log's")
	_, err = SignCheckpoint("a b", 7, root, s)
	require.ErrorContains(t, err, "origin: ")
	_, err = SignCheckpoint(testOrigin, 0, root, s)
	require.ErrorContains(t, err, "a checkpoint of 0 leaves")

	sign := func(text string, signers ...note.Signer) string {
		data, err := note.Sign(&note.Note{Text: text}, signers...)
		require.NoError(t, err)
		return string(data)
	}
	stranger, _, _ := testKey(t, "example.com/witness")
	b64 := base64.StdEncoding.EncodeToString(root[:])
	for name, text := range map[string]string{
		"empty":            "",
		"a line more":      sign(testOrigin+"\n7\n"+b64+"\nmore\n", s),
		"a line less":      sign(testOrigin+"\n7\n", s),
		"another origin":   sign("example.com/logs/gateway-2\n7\n"+b64+"\n", s),
		"size with a zero": sign(testOrigin+"\n07\n"+b64+"\n", s),
		"size of 0":        sign(testOrigin+"\n0\n"+b64+"\n", s),
		"negative size":    sign(testOrigin+"\n-7\n"+b64+"\n", s),
		"size of 2^63":     sign(testOrigin+"\n9223372036854775808\n"+b64+"\n", s),
		"short root":       sign(testOrigin+"\n7\n"+b64[4:]+"\n", s),
		"other base64":     sign(testOrigin+"\n7\n"+strings.TrimRight(b64, "=")+"\n", s),
		"two signatures":   sign(testOrigin+"\n7\n"+b64+"\n", s, stranger),
		"a stranger's":     sign(testOrigin+"\n7\n"+b64+"\n", stranger),
		"no signature":     testOrigin + "\n7\n" + b64 + "\n\n",
		"byte behind":      string(data) + "\n",
		"too long":         string(data) + strings.Repeat("x", MaxCheckpoint),
		"carriage returns": strings.ReplaceAll(string(data), "\n", "\r\n"),
	} {
		_, err := OpenCheckpoint([]byte(text), known)
		assert.Error(t, err, name)
	}
}

// TestCheckpointMutations: there is one form of a signature, and each bit of it counts.
func TestCheckpointMutations(t *testing.T) {
	s, v, _ := testKey(t, testOrigin)
	data, err := SignCheckpoint(testOrigin, 7, LeafHash(nil), s)
	require.NoError(t, err)
	for at := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << bit
			_, err := OpenCheckpoint(changed, note.VerifierList(v))
			require.Error(t, err, "byte %d, bit %d", at, bit)
		}
		_, err := OpenCheckpoint(data[:at], note.VerifierList(v))
		require.Error(t, err)
	}
}

func TestKeysOfSigners(t *testing.T) {
	secret, public, err := GenerateKey(testOrigin)
	require.NoError(t, err)
	for text, want := range map[string]string{
		"":                         "is empty",
		"hello":                    "begins with PRIVATE+KEY+",
		public:                     "this is the public half",
		secret[:len(secret)-9]:     "is damaged",
		"PRIVATE+KEY+a+b+c":        "is damaged",
		secret + "x":               "is damaged",
		strings.ToLower(secret):    "begins with PRIVATE+KEY+",
		"PRIVATE+KEY+" + public:    "is damaged",
		secret + "\n" + secret[1:]: "is damaged",
	} {
		_, err := NewSigner(text)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), secret[len(secret)-20:])
	}
	_, err = NewVerifier(secret)
	require.ErrorContains(t, err, "the secret half")
	assert.NotContains(t, err.Error(), secret[len(secret)-20:])
	_, err = NewVerifier("x")
	require.ErrorContains(t, err, "no verifying key")
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\u00a0b", "a\x01", "\xff", strings.Repeat("a", maxOrigin+1)} {
		_, _, err := GenerateKey(name)
		require.Error(t, err, "%q", name)
	}
	require.NoError(t, CheckOrigin("example.com/logs"))
	require.ErrorContains(t, CheckOrigin(strings.Repeat("a", maxOrigin-64)), "the most")
	assert.Equal(t, testOrigin, WriterOrigin("example.com/logs", "gateway-1"))
	assert.Equal(t, "example.com/logs/root", RootName("example.com/logs"))
}

func FuzzCheckpoint(f *testing.F) {
	s, v, err := fixedKey(testOrigin)
	require.NoError(f, err)
	data, err := SignCheckpoint(testOrigin, 7, LeafHash(nil), s)
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCheckpoint(data)
		if _, openErr := OpenCheckpoint(data, note.VerifierList(v)); openErr == nil && err != nil {
			t.Fatal("opened, but not parsed")
		}
		if err != nil {
			return
		}
		text := fmt.Sprintf("%s\n%d\n%s\n\n— %s ", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), c.Origin)
		if !strings.HasPrefix(string(data), text) {
			t.Fatalf("%q is not %q", data, text)
		}
	})
}

// fixedKey is the same each time, so that a corpus has signatures that are right.
func fixedKey(name string) (note.Signer, note.Verifier, error) {
	secret, public, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), name)
	if err != nil {
		return nil, nil, err
	}
	s, err := NewSigner(secret)
	if err != nil {
		return nil, nil, err
	}
	v, err := NewVerifier(public)
	return s, v, err
}
