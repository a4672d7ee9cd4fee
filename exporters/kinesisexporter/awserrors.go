package kinesisexporter

import (
	"context"
	"errors"
	"net"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
)

// errorClass is what a call failed with. The list is that of metadata.yaml.
type errorClass string

const (
	classThrottled    errorClass = "throttled"
	classCredentials  errorClass = "credentials"
	classAccessDenied errorClass = "access_denied"
	classClock        errorClass = "clock"
	classMissing      errorClass = "stream_missing"
	classBusy         errorClass = "stream_busy"
	classKMS          errorClass = "kms"
	classInvalid      errorClass = "invalid"
	classTimeout      errorClass = "timeout"
	classUnreachable  errorClass = "unreachable"
	classServer       errorClass = "server"
	classOther        errorClass = "other"
)

// classes are those of AWS's error codes: of Kinesis
// (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html), and
// common ones (https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html).
var classes = map[string]errorClass{
	"ProvisionedThroughputExceededException": classThrottled,
	"LimitExceededException":                 classThrottled,
	"ThrottlingException":                    classThrottled,
	"Throttling":                             classThrottled,
	"RequestLimitExceeded":                   classThrottled,
	"TooManyRequestsException":               classThrottled,
	"KMSThrottlingException":                 classThrottled,

	"ExpiredToken":                        classCredentials,
	"ExpiredTokenException":               classCredentials,
	"TokenRefreshRequired":                classCredentials,
	"InvalidClientTokenId":                classCredentials,
	"UnrecognizedClientException":         classCredentials,
	"IncompleteSignature":                 classCredentials,
	"IncompleteSignatureException":        classCredentials,
	"InvalidSignatureException":           classCredentials,
	"SignatureDoesNotMatch":               classCredentials,
	"MissingAuthenticationToken":          classCredentials,
	"MissingAuthenticationTokenException": classCredentials,
	"NotAuthorized":                       classCredentials,
	"OptInRequired":                       classCredentials,

	"AccessDeniedException":    classAccessDenied,
	"AccessDenied":             classAccessDenied,
	"KMSAccessDeniedException": classAccessDenied,

	"RequestExpired":       classClock,
	"RequestTimeTooSkewed": classClock,
	"RequestInTheFuture":   classClock,

	"ResourceNotFoundException": classMissing,
	"ResourceInUseException":    classBusy,

	"KMSDisabledException":     classKMS,
	"KMSInvalidStateException": classKMS,
	"KMSNotFoundException":     classKMS,
	"KMSOptInRequired":         classKMS,

	"ValidationException":      classInvalid,
	"ValidationError":          classInvalid,
	"InvalidArgumentException": classInvalid,
	"SerializationException":   classInvalid,
	"InvalidParameterValue":    classInvalid,

	"InternalFailure":             classServer,
	"InternalFailureException":    classServer,
	"InternalServerError":         classServer,
	"ServiceUnavailable":          classServer,
	"ServiceUnavailableException": classServer,
}

// classify says what a call failed with; of nil, nothing.
func classify(err error) (class errorClass, code string) {
	if err == nil {
		return "", ""
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
		class, ok := classes[code]
		switch {
		case ok && code == "InvalidSignatureException" && isSkew(api.ErrorMessage()):
			return classClock, code
		case ok:
			return class, code
		}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() >= 400 {
		switch status := response.HTTPStatusCode(); {
		case status == 429:
			return classThrottled, code
		case status >= 500:
			return classServer, code
		}
		return classOther, code
	}
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return classTimeout, code
	case isSigning(err):
		return classCredentials, code
	case errors.As(err, &operation), errors.As(err, &network), isSending(err):
		return classUnreachable, code
	}
	return classOther, code
}

// isSkew is for a signature that is refused for its time: "Signature expired: ... is now
// earlier than ...", "Signature not yet current: ...".
func isSkew(message string) bool {
	return strings.Contains(message, "Signature expired") || strings.Contains(message, "not yet current")
}

// isSigning is for a request that was never sent, for want of credentials.
func isSigning(err error) bool {
	var signing interface{ SigningError() }
	text := err.Error()
	return errors.As(err, &signing) || strings.Contains(text, "get identity") || strings.Contains(text, "failed to refresh cached credentials") ||
		strings.Contains(text, "failed to retrieve credentials") || strings.Contains(text, "failed to sign request")
}

// isSending is for a request that has no answer.
func isSending(err error) bool {
	var send interface{ ConnectionError() bool }
	return errors.As(err, &send) && send.ConnectionError()
}

// callError tells the sender what becomes of the records of a call.
func callError(err error) error {
	class, code := classify(err)
	kind := sender.KindRetry
	switch class {
	case classThrottled:
		kind = sender.KindThrottled
	case classMissing, classBusy:
		kind = sender.KindNoStream
	case classInvalid:
		kind = sender.KindPermanent
	default:
	}
	return &sender.CallError{Kind: kind, Code: code, Err: err}
}

// missingRight is the action that a role lacks.
func missingRight(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if api.ErrorCode() == "KMSAccessDeniedException" {
			return "kms:GenerateDataKey"
		}
		// "User: arn:... is not authorized to perform: kinesis:PutRecords on resource: ..."
		if _, after, found := strings.Cut(api.ErrorMessage(), "not authorized to perform: "); found {
			action, _, _ := strings.Cut(after, " ")
			return action
		}
	}
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		return "kinesis:" + operation.OperationName
	}
	return ""
}

// advice says what is to be done about a class of errors.
var advice = map[errorClass]string{
	classThrottled:    "The stream takes no more; it is tried again, more slowly",
	classCredentials:  "Credentials are missing, or not valid any more; see to that they are renewed. It is tried again",
	classAccessDenied: "A right is missing; add it to the policy of the role. It is tried again",
	classClock:        "The clock of this machine is off; set it. It is tried again",
	classMissing:      "The stream is not there; make it, or correct stream and region. It is tried again",
	classBusy:         "The stream is being made or changed. It is tried again",
	classKMS:          "The key that the stream is encrypted with can't be used; see to that it is enabled. It is tried again",
	classInvalid:      "Kinesis says that the call is not valid",
	classTimeout:      "There was no answer in time. It is tried again",
	classUnreachable:  "The stream can't be reached. It is tried again",
	classServer:       "Kinesis failed. It is tried again",
	classOther:        "A call of Kinesis failed. It is tried again",
}
