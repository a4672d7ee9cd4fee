package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

const bucketName = "archive"

// bucket stands for S3: it counts the lines of data objects, keeps only sizes, and leaves
// the rest to the fake.
type bucket struct {
	fake *s3fake.Server // of the log
	data *s3fake.Server // of data objects, which it does not keep

	mu      sync.Mutex
	err     error
	records int
	objects map[string]bool
	stored  int // bytes, compressed
	plain   int // bytes of lines
}

func newBucket() *bucket {
	buckets := map[string]s3fake.Bucket{bucketName: {Lock: true}}
	return &bucket{
		fake:    s3fake.New(s3fake.Settings{Buckets: buckets}),
		data:    s3fake.New(s3fake.Settings{Discard: true, TrustSHA256: true, Buckets: buckets}),
		objects: make(map[string]bool),
	}
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.URL.Path, "/"+bucketName+"/category=")
	switch {
	case !ok && !strings.HasPrefix(r.URL.Query().Get("prefix"), "category="):
		b.fake.ServeHTTP(w, r)
		return
	case r.Method != http.MethodPut:
		b.data.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	records, plain, err := countLines(body)
	b.mu.Lock()
	b.err = errors.Join(b.err, err)
	if !b.objects[key] { // or it is the same again, whose answer was lost
		b.objects[key] = true
		b.records += records
		b.plain += plain
		b.stored += len(body)
	}
	b.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.data.ServeHTTP(w, r)
}

// countLines reads an object's frames.
func countLines(object []byte) (lines, size int, err error) {
	d, err := zstd.NewReader(bytes.NewReader(object), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return 0, 0, err
	}
	defer d.Close()
	part := make([]byte, 256<<10)
	for {
		n, err := d.Read(part)
		lines += bytes.Count(part[:n], []byte{'\n'})
		size += n
		if errors.Is(err, io.EOF) {
			return lines, size, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("an object: %w", err)
		}
	}
}

// requests are what was asked of both, by operation.
func (b *bucket) requests() map[string]int {
	all := make(map[string]int)
	for _, fake := range []*s3fake.Server{b.fake, b.data} {
		for name, count := range fake.Counts() {
			all[name] += count.Requests
		}
	}
	return all
}
