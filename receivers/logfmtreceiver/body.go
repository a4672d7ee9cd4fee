package logfmtreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
)

const (
	firstBody = 16 << 10
	// keptBody is the largest buffer that is kept for the next request.
	keptBody = 1 << 20
	// maxWindow of a zstd frame, the least that RFC 8878 section 3.1.1.1.2 asks of a
	// decoder. A frame may ask for more than a thousand times as much.
	maxWindow = 8 << 20
)

// bodyBuffer is the memory for a request's body after decompression, at most max
// bytes. It grows with what arrives, not with what is announced, and takes every
// byte from the budget.
type bodyBuffer struct {
	budget *lineframe.Budget
	max    int
	data   []byte
	taken  int
}

var bodies sync.Pool // of *[]byte

// room is where the next read goes, or nil when the budget is used up. At the
// maximum it is one byte, which the limit of the body will not let be read.
func (b *bodyBuffer) room() []byte {
	if len(b.data) < cap(b.data) {
		return b.data[len(b.data):cap(b.data)]
	}
	if cap(b.data) >= b.max {
		return make([]byte, 1)
	}
	if b.data == nil {
		if kept, ok := bodies.Get().(*[]byte); ok && cap(*kept) <= b.max && b.budget.Take(cap(*kept)) {
			b.taken = cap(*kept)
			b.data = (*kept)[:0]
			return b.data[:cap(b.data)]
		}
	}
	size := min(max(firstBody, 2*cap(b.data)), b.max)
	if !b.budget.Take(size - b.taken) {
		return nil
	}
	b.taken = size
	data := make([]byte, len(b.data), size)
	copy(data, b.data)
	b.data = data
	return b.data[len(b.data):size]
}

func (b *bodyBuffer) release() {
	b.budget.Give(b.taken)
	if c := cap(b.data); c > 0 && c <= keptBody {
		data := b.data[:0]
		bodies.Put(&data)
	}
	b.data, b.taken = nil, 0
}

// read takes in the body of r. damage says that it can't be decompressed to its
// end; what came before is in data. With a problem, nothing may be taken and the
// status is the answer's.
func (b *bodyBuffer) read(r *http.Request) (damage string, status int, problem string) {
	for {
		room := b.room()
		if room == nil {
			// Read to the end, so that the sender gets its answer and not a reset.
			_, _ = io.Copy(io.Discard, r.Body)
			return "", http.StatusTooManyRequests, "nothing was taken: requests under way use up max_buffer_size; send the request again"
		}
		n, err := r.Body.Read(room)
		b.data = b.data[:min(len(b.data)+n, cap(b.data))]
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			return "", 0, ""
		}
		return bodyProblem(r.Context(), err)
	}
}

func bodyProblem(ctx context.Context, err error) (damage string, status int, problem string) {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", http.StatusRequestEntityTooLarge, fmt.Sprintf("nothing was taken: the body is larger than max_request_body_size, %d bytes after decompression; send it in parts", tooLarge.Limit)
	}
	switch sent := bodyOf(ctx).failure(); {
	case sent == nil:
		return "the body cannot be decompressed to its end: " + err.Error(), 0, ""
	case isTimeout(sent) || errors.Is(sent, os.ErrDeadlineExceeded):
		return "", http.StatusRequestTimeout, "nothing was taken: the body did not arrive within read_timeout"
	}
	return "", http.StatusBadRequest, "nothing was taken: the body broke off"
}

// watchedBody remembers how reading the body as it was sent has ended, under all
// decompression: a body that breaks off is sent again, one that was damaged before
// it was sent is not.
type watchedBody struct {
	io.ReadCloser
	err error
}

type watchedBodyKey struct{}

func watchBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &watchedBody{ReadCloser: r.Body}
		r = r.WithContext(context.WithValue(r.Context(), watchedBodyKey{}, body))
		r.Body = body
		if coding := r.Header.Get("Content-Encoding"); coding != "" {
			// RFC 9110 section 8.4.1: codings know no case, and x-gzip is gzip.
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding == "x-gzip" {
				coding = "gzip"
			}
			r.Header.Set("Content-Encoding", coding)
		}
		next.ServeHTTP(w, r)
	})
}

func bodyOf(ctx context.Context) *watchedBody {
	body, _ := ctx.Value(watchedBodyKey{}).(*watchedBody)
	return body
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// failure is what reading the body ended with, or nil.
func (b *watchedBody) failure() error {
	if b == nil {
		return nil
	}
	return b.err
}

type decoder = func(io.ReadCloser) (io.ReadCloser, error)

// newDecoders are the decompressors that stand in for the Collector's: gzip, which
// is faster, and zstd, whose memory is bounded here.
func newDecoders(maxBody int64) map[string]decoder {
	var gzips, zstds sync.Pool
	return map[string]decoder{
		"identity": func(io.ReadCloser) (io.ReadCloser, error) { return nil, nil }, //nolint:nilnil // the Collector's way to say that the body stays as it is
		"gzip": func(body io.ReadCloser) (io.ReadCloser, error) {
			d, ok := gzips.Get().(*gzip.Reader)
			if !ok {
				d = new(gzip.Reader)
			}
			if err := d.Reset(body); err != nil {
				gzips.Put(d)
				return nil, fmt.Errorf("gzip: %w", err)
			}
			return &pooledReader{Reader: d, put: func() { gzips.Put(d) }}, nil
		},
		"zstd": func(body io.ReadCloser) (io.ReadCloser, error) {
			d, ok := zstds.Get().(*zstd.Decoder)
			if !ok {
				var err error
				d, err = zstd.NewReader(nil,
					zstd.WithDecoderConcurrency(1),
					zstd.WithDecoderLowmem(true),
					zstd.WithDecoderMaxWindow(maxWindow),
					zstd.WithDecoderMaxMemory(uint64(max(maxBody, maxWindow))))
				if err != nil {
					return nil, fmt.Errorf("zstd: %w", err)
				}
			}
			if err := d.Reset(body); err != nil {
				zstds.Put(d)
				return nil, fmt.Errorf("zstd: %w", err)
			}
			return &pooledReader{Reader: d, put: func() {
				if d.Reset(nil) == nil {
					zstds.Put(d)
				}
			}}, nil
		},
	}
}

// pooledReader gives its decoder back when it is closed, once.
type pooledReader struct {
	io.Reader
	put func()
}

func (p *pooledReader) Close() error {
	if p.put != nil {
		p.put()
		p.put, p.Reader = nil, eofReader{}
	}
	return nil
}

type eofReader struct{}

func (eofReader) Read([]byte) (int, error) { return 0, io.EOF }

func parseCount(header string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(header))
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func writeAnswer(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An answer that can't be written is the client's to notice.
	_ = json.NewEncoder(w).Encode(a)
}

// answerError answers for the Collector's own handlers: authentication and
// decompression.
func answerError(w http.ResponseWriter, _ *http.Request, problem string, status int) {
	if status == http.StatusBadRequest && strings.HasPrefix(problem, "unsupported Content-Encoding") {
		status = http.StatusUnsupportedMediaType
	}
	writeAnswer(w, status, answer{Reasons: []string{problem}})
}
