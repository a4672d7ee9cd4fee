package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds the bodies that the services send each other; the largest, the
// list of the stock, has about 1 KiB.
const maxBody = 64 << 10

// WriteJSON answers with status and v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a buyer who has gone away is no error of ours
}

type problem struct {
	Error string `json:"error"`
}

// WriteError answers with status and a reason.
func WriteError(w http.ResponseWriter, status int, reason string) {
	WriteJSON(w, status, problem{reason})
}

// ReadJSON reads a request's body into v. When it returns false it has already
// answered.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		WriteError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("body is larger than %d bytes", tooLarge.Limit))
		return false
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		WriteError(w, http.StatusBadRequest, "body: "+err.Error())
		return false
	}
	return true
}

// StatusError is an answer of a service that was called and did not do it.
type StatusError struct {
	URL    string
	Status int
	Reason string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.URL, e.Status, http.StatusText(e.Status), e.Reason)
}

// Call sends in (nil for none) as JSON and reads the answer into out (nil for
// none). An answer of 300 or above is a *StatusError.
func Call(ctx context.Context, client *http.Client, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if len(answer) > maxBody {
		return fmt.Errorf("the answer of %s is larger than %d bytes", url, maxBody)
	}
	if response.StatusCode >= 300 {
		var p problem
		if json.Unmarshal(answer, &p) != nil || p.Error == "" {
			p.Error = "no reason given"
		}
		return &StatusError{URL: url, Status: response.StatusCode, Reason: p.Error}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	return nil
}
