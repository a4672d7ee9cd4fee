package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path"
	"path/filepath"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// textsOf are the texts of a profile, and the bytes of all else.
func textsOf(t *testing.T, profile []byte) (texts []string, rest []byte) {
	t.Helper()
	require.NoError(t, eachField(profile, func(number protowire.Number, field []byte, text string) error {
		if number == stringTable {
			texts = append(texts, text)
		} else {
			rest = append(rest, field...)
		}
		return nil
	}))
	return texts, rest
}

func TestProfilesHaveNoPaths(t *testing.T) {
	var own bytes.Buffer
	require.NoError(t, pprof.WriteHeapProfile(&own))
	before, rest := textsOf(t, own.Bytes())
	without, err := withoutPaths(own.Bytes())
	require.NoError(t, err)
	after, same := textsOf(t, without)
	require.Len(t, after, len(before))
	assert.Equal(t, rest, same)
	found := 0
	for i, text := range before {
		if path.IsAbs(text) {
			found++
			text = path.Base(text)
		}
		assert.Equal(t, text, after[i])
	}
	assert.NotZero(t, found, "where this program is")

	_, err = withoutPaths([]byte("no profile"))
	require.Error(t, err)
	var broken bytes.Buffer
	w := gzip.NewWriter(&broken)
	_, _ = w.Write([]byte{stringTable<<3 | 2, 5, 'a'})
	require.NoError(t, w.Close())
	_, err = withoutPaths(broken.Bytes())
	require.Error(t, err)
}

// TestTheProfileOfReleasesHasNoPaths: make release compiles with it, and it is committed.
func TestTheProfileOfReleasesHasNoPaths(t *testing.T) {
	profile, err := os.ReadFile(filepath.Join("..", "..", "distribution", "gateway.pgo"))
	require.NoError(t, err)
	texts, _ := textsOf(t, profile)
	require.Contains(t, texts, "otelcol-heartwood")
	for _, text := range texts {
		assert.False(t, path.IsAbs(text), text)
	}
}
