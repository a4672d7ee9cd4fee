package nestinglimitextension

import (
	"io"
	"mime"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/internal/otlpdepth"
)

// body is a request's body that ends with an error where it becomes too deep. It belongs to
// the request's one goroutine.
type body struct {
	io.ReadCloser
	limiter *limiter
	request *http.Request
	scanner io.Writer
	err     error
}

// Read gives bytes only when they have been looked at.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if _, deep := b.scanner.Write(p[:n]); deep != nil {
		b.limiter.refused(b.request.Context(), "http")
		b.err = status.Error(codes.InvalidArgument, deep.Error()) // the otlp receiver answers 400
		// Read to its end, or the sender would see a connection that breaks in place of the
		// answer, and send again. The server's limits hold for the rest as well.
		_, _ = io.Copy(io.Discard, b.ReadCloser)
		return 0, b.err
	}
	return n, err
}

func (l *limiter) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	signal, ok := l.paths[r.URL.Path]
	switch kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case r.Body == nil || r.Body == http.NoBody:
	case err == nil && kind == "application/json":
		r.Body = &body{ReadCloser: r.Body, limiter: l, request: r, scanner: otlpdepth.NewJSONScanner(l.most)}
	case ok:
		r.Body = &body{ReadCloser: r.Body, limiter: l, request: r, scanner: otlpdepth.NewScanner(signal, l.most)}
	default:
		l.refused(r.Context(), "http")
		http.Error(w, "nesting_limit does not know which signal comes to this path: name it under nesting_limit::paths", http.StatusNotFound)
		return
	}
	next.ServeHTTP(w, r)
}
