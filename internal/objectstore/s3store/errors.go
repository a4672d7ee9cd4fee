package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// callFailure is a call that failed. It wraps a sentinel of objectstore, where what
// happened has one, and the SDK's error.
type callFailure struct {
	operation, bucket, key string
	status                 int // 0 without an answer
	code, message          string
	requestID, hostID      string
	remedy                 string
	sentinel               error
	cause                  error
}

func (f *callFailure) Error() string {
	var b strings.Builder
	b.WriteString(f.operation)
	if f.key != "" {
		fmt.Fprintf(&b, " %q", f.key)
	}
	fmt.Fprintf(&b, " in bucket %q: ", f.bucket)
	switch {
	case f.code != "":
		b.WriteString(f.code)
	case f.status != 0:
		b.WriteString(http.StatusText(f.status))
	}
	if f.status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", f.status)
		if f.requestID != "" {
			fmt.Fprintf(&b, ", request %s", f.requestID)
		}
		if f.hostID != "" {
			fmt.Fprintf(&b, ", host %s", f.hostID)
		}
		b.WriteString(")")
	}
	if f.message != "" {
		if f.status != 0 || f.code != "" {
			b.WriteString(": ")
		}
		b.WriteString(f.message)
	}
	if f.remedy != "" {
		fmt.Fprintf(&b, "; %s", f.remedy)
	}
	return b.String()
}

func (f *callFailure) Unwrap() []error {
	var all []error
	if f.sentinel != nil {
		all = append(all, f.sentinel)
	}
	if f.cause != nil {
		all = append(all, f.cause)
	}
	return all
}

// failure makes a call's error one that says what was asked and what to do.
func (s *Store) failure(ctx context.Context, operation, key string, err error) error {
	f, ok := err.(*callFailure) //nolint:errorlint // made here, for this
	if !ok {
		f = read(ctx, operation, err)
	}
	f.operation, f.bucket, f.key = operation, s.set.Bucket, key
	return f
}

// read takes the SDK's error apart.
func read(ctx context.Context, operation string, err error) *callFailure {
	f := &callFailure{cause: err}
	var answer *awshttp.ResponseError
	var header http.Header
	if errors.As(err, &answer) && answer.ResponseError != nil && answer.Response != nil {
		f.status, f.requestID, header = answer.HTTPStatusCode(), answer.ServiceRequestID(), answer.Response.Header
	}
	var host interface{ ServiceHostID() string }
	if errors.As(err, &host) {
		f.hostID = host.ServiceHostID()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		f.code, f.message = api.ErrorCode(), api.ErrorMessage()
		if f.code == "UnknownError" { // without a body
			f.code = ""
		}
	}
	// Credentials are asked for on the way to the call. An answer is then that of
	// another service.
	credentials := strings.Contains(err.Error(), "get identity: ")
	if f.status == 0 {
		f.withoutAnswer(ctx, credentials)
		return f
	}
	f.classify(operation, header)
	if credentials {
		f.message = strings.TrimSpace("no credentials: " + f.message)
		if !errors.Is(f.sentinel, objectstore.ErrBusy) {
			f.sentinel, f.remedy = objectstore.ErrDenied, credentialsRemedy
		}
	}
	return f
}

const credentialsRemedy = "give credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by AWS_PROFILE, or by the machine's role; with role_arn these must be allowed to assume it"

// withoutAnswer is for calls to which no one answered.
func (f *callFailure) withoutAnswer(ctx context.Context, credentials bool) {
	f.message = f.cause.Error()
	var operation *smithy.OperationError
	if errors.As(f.cause, &operation) && operation.Err != nil {
		f.message = operation.Err.Error()
	}
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		// Whoever asked does not want it any more.
		f.cause = errors.Join(ctx.Err(), f.cause)
	case credentials:
		f.sentinel, f.remedy = objectstore.ErrDenied, credentialsRemedy
	case ctx.Err() != nil:
		f.cause = errors.Join(ctx.Err(), f.cause)
		f.sentinel = objectstore.ErrBusy
	case errors.Is(f.cause, errNoNext), errors.As(f.cause, new(*smithy.DeserializationError)):
		f.sentinel = objectstore.ErrBusy
	default:
		f.sentinel = objectstore.ErrBusy
		f.remedy = "no answer: look at the network, and at region and endpoint"
	}
}

// busy are the codes of what is to be tried again, whatever their status.
var busy = map[string]bool{
	"InternalError": true, "SlowDown": true, "ServiceUnavailable": true, "RequestTimeout": true, "RequestTimeoutException": true,
	"OperationAborted": true, "ConditionalRequestConflict": true, "IncompleteBody": true, "BandwidthLimitExceeded": true,
	"RequestLimitExceeded": true, "TooManyRequests": true, "Throttling": true, "ThrottlingException": true, "KMS.ThrottlingException": true,
	"PriorRequestNotComplete": true,
}

// deniedCodes are those of credentials and rights that have another status than 403.
var deniedCodes = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "InvalidToken": true, "TokenRefreshRequired": true, "InvalidAccessKeyId": true, "SignatureDoesNotMatch": true,
	"AccessDenied": true, "AccountProblem": true, "AllAccessDisabled": true, "NotSignedUp": true, "RequestExpired": true,
	"KMS.DisabledException": true, "KMS.NotFoundException": true, "KMS.KMSInvalidStateException": true, "KMS.InvalidKeyUsageException": true,
}

// rights are what a call needs, by AWS's table of actions for S3.
var rights = map[string]string{
	"PutObject":                  "s3:PutObject, for an object with a lock s3:PutObjectRetention, with tags s3:PutObjectTagging, with KMS kms:GenerateDataKey",
	"GetObject":                  "s3:GetObject and s3:GetObjectVersion, with KMS kms:Decrypt",
	"HeadObject":                 "s3:GetObject, s3:GetObjectVersion and s3:GetObjectRetention, with KMS kms:Decrypt, and s3:ListBucket, without which what is missing looks denied",
	"GetObjectRetention":         "s3:GetObjectRetention",
	"ListObjectsV2":              "s3:ListBucket",
	"ListObjectVersions":         "s3:ListBucketVersions",
	"HeadBucket":                 "s3:ListBucket",
	"GetBucketVersioning":        "s3:GetBucketVersioning",
	"GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
	"CreateBucket":               "s3:CreateBucket, s3:PutBucketVersioning and s3:PutBucketObjectLockConfiguration",
	"PutBucketVersioning":        "s3:PutBucketVersioning",
	"PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
}

// classify finds the sentinel and the remedy of an answer.
func (f *callFailure) classify(operation string, header http.Header) {
	switch {
	case f.code == "NoSuchBucket":
		// Not ErrNotFound: that a bucket is missing must not look as if its archive were
		// empty.
		f.remedy = "look at the bucket's name, region and endpoint, or make it with `heartwood bucket create`"
	case f.code == "RequestTimeTooSkewed":
		f.sentinel, f.remedy = objectstore.ErrClock, "set this machine's clock (NTP); S3 takes no request that is more than 15 minutes off"
	case f.status == http.StatusPreconditionFailed:
		f.sentinel = objectstore.ErrExists
	case f.status == http.StatusNotFound && (operation == "PutObject" || operation == "HeadBucket"):
		f.remedy = "look at the bucket's name, region and endpoint, or make it with `heartwood bucket create`"
	case f.code == "NoSuchKey", f.code == "NoSuchVersion",
		f.status == http.StatusNotFound && (f.code == "" || f.code == "NotFound"),
		f.status == http.StatusMethodNotAllowed && header.Get("X-Amz-Delete-Marker") == "true",
		f.code == "InvalidArgument" && strings.Contains(strings.ToLower(f.message), "version id"):
		f.sentinel = objectstore.ErrNotFound
		if header.Get("X-Amz-Delete-Marker") == "true" {
			f.message = strings.TrimSpace(f.message + " (a delete marker)")
		}
	case header.Get("X-Amz-Bucket-Region") != "" && (f.status == http.StatusMovedPermanently || f.status == http.StatusTemporaryRedirect || f.code == "AuthorizationHeaderMalformed" || f.code == "IllegalLocationConstraintException"),
		f.code == "PermanentRedirect":
		f.remedy = "set region to that of the bucket"
		if region := header.Get("X-Amz-Bucket-Region"); region != "" {
			f.remedy = "set region: " + region
		}
	case busy[f.code], f.status >= 500 && f.status != http.StatusNotImplemented, f.status == http.StatusTooManyRequests, f.status == http.StatusRequestTimeout:
		f.sentinel = objectstore.ErrBusy
	case f.status == http.StatusConflict && operation == "PutObject":
		f.sentinel = objectstore.ErrBusy
	case deniedCodes[f.code], f.status == http.StatusForbidden, f.status == http.StatusUnauthorized:
		f.sentinel = objectstore.ErrDenied
		f.remedy = "allow " + rights[operation]
		if rights[operation] == "" {
			f.remedy = "look at the rights of these credentials"
		}
		switch {
		case strings.Contains(f.code, "Token") || f.code == "RequestExpired":
			f.remedy = "the credentials have expired: renew them"
		case f.code == "InvalidAccessKeyId" || f.code == "SignatureDoesNotMatch":
			f.remedy = "look at the access key and its secret, and at the endpoint"
		case strings.HasPrefix(f.code, "KMS."):
			f.remedy = "look at the KMS key: that it is there, enabled, and may be used"
		}
	case f.code == "EntityTooLarge":
		f.remedy = "lower max_object_size"
	case f.code == "InvalidStorageClass":
		f.remedy = "look at the rule's storage_class"
	case f.code == "InvalidRequest" && strings.Contains(f.message, "Object Lock"), f.code == "ObjectLockConfigurationNotFoundError":
		f.remedy = "Object Lock is not on: `heartwood bucket create` turns it on"
	case f.code == "InvalidArgument" && strings.Contains(strings.ToLower(f.message), "retain until"):
		f.remedy = "look at this machine's clock and at the rule's period"
	case f.status == http.StatusBadRequest && f.code == "" || f.code == "BadRequest":
		// HEAD has no body that would say it.
		f.remedy = "a HEAD does not say more: credentials that have expired, or another region, are answered so"
	}
}
