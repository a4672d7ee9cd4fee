package s3fake

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
)

// apiError is an answer that isn't a success.
type apiError struct {
	status  int
	code    string
	message string
	header  http.Header // on top of what every answer has
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (e *apiError) with(name, value string) *apiError {
	if e.header == nil {
		e.header = make(http.Header)
	}
	e.header.Set(name, value)
	return e
}

func invalidRequest(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, "InvalidRequest", format, args...)
}

func invalidArgument(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, "InvalidArgument", format, args...)
}

func malformedXML() *apiError {
	return fail(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func accessDenied(message string) *apiError {
	return fail(http.StatusForbidden, "AccessDenied", "%s", message)
}

func noSuchBucket() *apiError {
	return fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
}

func noSuchKey() *apiError {
	return fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

func notImplemented(what string) *apiError {
	return fail(http.StatusNotImplemented, "NotImplemented", "The fake does not implement %s", what)
}

func preconditionFailed(condition string) *apiError {
	return fail(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold: %s", condition)
}

func (e *apiError) answer(q *request) *answer {
	a := newAnswer(e.status)
	maps.Copy(a.header, e.header)
	if q.r.Method == http.MethodHead || e.status == http.StatusNotModified {
		return a
	}
	a.xml(struct {
		XMLName    xml.Name `xml:"Error"`
		Code       string
		Message    string
		BucketName string `xml:",omitempty"`
		Key        string `xml:",omitempty"`
		RequestID  string `xml:"RequestId"`
	}{Code: e.code, Message: e.message, BucketName: q.bucket, Key: xmlSafe(q.key), RequestID: requestID})
	return a
}
