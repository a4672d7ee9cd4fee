package kinesisexporter

import (
	"bytes"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressor appends what it makes of data to dst. It is for one goroutine at a time.
type compressor interface {
	appendTo(dst, data []byte) ([]byte, error)
}

func newCompressor(kind string) (compressor, error) {
	switch kind {
	case compressionGzip:
		return &gzipCompressor{w: gzip.NewWriter(nil)}, nil
	case compressionZstd:
		// One goroutine: the caller's. What is encoded at once has its size in the frame.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
		return zstdCompressor{e}, nil
	}
	return nil, nil
}

type gzipCompressor struct {
	w   *gzip.Writer
	out bytes.Buffer
}

func (c *gzipCompressor) appendTo(dst, data []byte) ([]byte, error) {
	c.out.Reset()
	c.w.Reset(&c.out)
	if _, err := c.w.Write(data); err != nil {
		return dst, err
	}
	if err := c.w.Close(); err != nil {
		return dst, err
	}
	return append(dst, c.out.Bytes()...), nil
}

type zstdCompressor struct{ e *zstd.Encoder }

func (c zstdCompressor) appendTo(dst, data []byte) ([]byte, error) {
	return c.e.EncodeAll(data, dst), nil
}
