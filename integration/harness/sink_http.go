package harness

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	contentProtobuf = "application/x-protobuf"
	contentJSON     = "application/json"
)

// exportMessage is what the request and response types of the three signals share.
type exportMessage interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

type exportAnswer interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

func (s *Sink) httpHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		request := plogotlp.NewExportRequest()
		serveOTLP(w, r, request, plogotlp.NewExportResponse(), func(ctx context.Context) error {
			return s.takeLogs(ctx, request.Logs())
		})
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		request := pmetricotlp.NewExportRequest()
		serveOTLP(w, r, request, pmetricotlp.NewExportResponse(), func(ctx context.Context) error {
			return s.takeMetrics(ctx, request.Metrics())
		})
	})
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		request := ptraceotlp.NewExportRequest()
		serveOTLP(w, r, request, ptraceotlp.NewExportResponse(), func(ctx context.Context) error {
			return s.takeTraces(ctx, request.Traces())
		})
	})
	return mux
}

func serveOTLP(w http.ResponseWriter, r *http.Request, request exportMessage, answer exportAnswer, take func(context.Context) error) {
	body, err := readBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	unmarshal, marshal := request.UnmarshalProto, answer.MarshalProto
	contentType := r.Header.Get("Content-Type")
	switch contentType {
	case contentProtobuf:
	case contentJSON:
		unmarshal, marshal = request.UnmarshalJSON, answer.MarshalJSON
	default:
		http.Error(w, fmt.Sprintf("content type %q", contentType), http.StatusUnsupportedMediaType)
		return
	}
	if err := unmarshal(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := take(r.Context()); err != nil {
		refusal := asRefusal(err)
		if refusal.RetryAfter > 0 {
			seconds := (refusal.RetryAfter + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
		}
		http.Error(w, refusal.Error(), httpStatus(refusal))
		return
	}
	text, err := marshal()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(text)
}

func readBody(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		reader, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = reader
	case "zstd":
		reader, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		body = reader
	default:
		return nil, fmt.Errorf("content encoding %q", encoding)
	}
	text, err := io.ReadAll(io.LimitReader(body, maxSinkMessage+1))
	if err == nil && len(text) > maxSinkMessage {
		err = fmt.Errorf("the body has more than %d bytes", maxSinkMessage)
	}
	return text, err
}
