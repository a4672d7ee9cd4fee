package archiveaudit_test

import (
	"bytes"
	"testing"

	"go.uber.org/goleak"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

func TestMain(m *testing.M) {
	// The compressor's own channels must not be of a test's bubble.
	var object bytes.Buffer
	w, err := archive.NewObjectWriter(&object, archive.WriteSettings{Compression: archive.CompressionZstd, Lines: true})
	if err == nil {
		err = w.Append([]byte("line"))
	}
	if err == nil {
		_, err = w.Finish()
	}
	if err == nil {
		_, err = archive.ReadLines(&object, archive.ReadSettings{Compression: archive.CompressionZstd, Lines: true}, func([]byte) error { return nil })
	}
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
