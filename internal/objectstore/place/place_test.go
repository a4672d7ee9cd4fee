package place_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/objectstore/place"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]place.Place{
		"s3://bucket":         {Bucket: "bucket"},
		"s3://bucket/":        {Bucket: "bucket"},
		"s3://bucket/a":       {Bucket: "bucket", Prefix: "a/"},
		"s3://bucket/a/b/":    {Bucket: "bucket", Prefix: "a/b/"},
		"s3://bucket/a%2Fb?x": {Bucket: "bucket", Prefix: "a%2Fb?x/"},
		"folder":              {Folder: "folder"},
		"/tmp/x y":            {Folder: "/tmp/x y"},
		"s3:/bucket":          {Folder: "s3:/bucket"},
	} {
		got, err := place.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
		again, err := place.Parse(got.String())
		require.NoError(t, err, in)
		assert.Equal(t, want, again, in)
	}
	for in, want := range map[string]string{
		"":                "is empty",
		"s3://":           "names no bucket",
		"s3:///a":         "names no bucket",
		"s3://bucket//a":  "has an empty part",
		"s3://bucket/a//": "has an empty part",
		"s3://b/a//b":     "has an empty part",
		"gs://bucket":     "gs is not known here",
		"https://bucket":  "https is not known here",
	} {
		_, err := place.Parse(in)
		require.ErrorContains(t, err, want, in)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	reader, done, err := place.Place{Folder: dir}.Open(t.Context(), s3store.Settings{})
	require.NoError(t, err)
	for range reader.List(t.Context(), "", "") { //nolint:errcheck // there is nothing
		t.Fatal("there is nothing in it")
	}
	done()
	_, _, err = place.Place{Folder: dir + "/missing"}.Open(t.Context(), s3store.Settings{})
	require.ErrorContains(t, err, "missing")
	_, done, err = place.Place{Bucket: "bucket"}.Open(t.Context(), s3store.Settings{Endpoint: "http://127.0.0.1:1"})
	require.NoError(t, err)
	done()
	_, _, err = place.Place{Bucket: "b"}.Open(t.Context(), s3store.Settings{})
	require.ErrorContains(t, err, `bucket is "b"`)
}
