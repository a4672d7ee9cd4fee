package kinesisfake

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an answer that isn't a success, in the form of AWS JSON 1.1.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(code, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

// The names that Kinesis gives what went wrong.
const (
	codeThroughput = "ProvisionedThroughputExceededException"
	codeInternal   = "InternalFailure"
	codeMissing    = "ResourceNotFoundException"
	codeInvalid    = "InvalidArgumentException"
	codeValidation = "ValidationException"
	codeInUse      = "ResourceInUseException"
	codeExpired    = "ExpiredTokenException"
	codeSignature  = "InvalidSignatureException"
)

func writeError(w http.ResponseWriter, e *apiError) {
	body, err := json.Marshal(map[string]string{"__type": e.code, "message": e.message})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // whoever is gone has no use for it
}
