package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxPage is what the page's files may be in all, compressed.
const maxPage = 100_000

// TestFiles: the page is small, whole, and asks no other server for anything.
func TestFiles(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	names := map[string]bool{}
	err := fs.WalkDir(Files(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		names["/"+path] = true
		text, err := fs.ReadFile(Files(), path)
		if err == nil {
			_, err = z.Write(text)
		}
		return err
	})
	require.NoError(t, err)
	require.NoError(t, z.Close())
	assert.Less(t, packed.Len(), maxPage)
	t.Logf("%d bytes, compressed", packed.Len())

	index, err := fs.ReadFile(Files(), "index.html")
	require.NoError(t, err)
	wanted := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(index), -1)
	assert.Len(t, wanted, 3)
	for _, name := range wanted {
		assert.True(t, names[name[1]], "%s is not there", name[1])
	}
	// The page's policy refuses what stands in the HTML itself.
	assert.NotRegexp(t, `<script[^>]*>[^<]|<style|\sstyle=|\son\w+=`, string(index))
	for name := range names {
		if strings.HasSuffix(name, ".js") {
			script, err := fs.ReadFile(Files(), name[1:])
			require.NoError(t, err)
			assert.NotRegexp(t, `\beval\(|new Function\(|sourceMappingURL`, string(script))
		}
	}
}
