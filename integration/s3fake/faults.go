package s3fake

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Fault is one way in which a request goes wrong. The zero value: it goes well.
// Faults may be compared.
type Fault struct {
	kind   faultKind
	status int
	code   string
	delay  time.Duration
	// after says that the request is done before it is answered so.
	after bool
}

type faultKind int

const (
	kindNone faultKind = iota
	kindRefuse
	kindUnavailable
	kindCut
	kindTear
	kindHang
	kindSlow
	kindShorten
	kindFlip
	kindChecksum
)

// What can go wrong with any request.
var (
	// InternalError, SlowDown, AccessDenied, ExpiredToken and TooSkewed are answered,
	// and nothing is done; with After it is.
	InternalError = Refuse(http.StatusInternalServerError, "InternalError")
	SlowDown      = Refuse(http.StatusServiceUnavailable, "SlowDown")
	AccessDenied  = Refuse(http.StatusForbidden, "AccessDenied")
	ExpiredToken  = Refuse(http.StatusBadRequest, "ExpiredToken")
	TooSkewed     = Refuse(http.StatusForbidden, "RequestTimeTooSkewed")
	// Unavailable is 503 as a load balancer words it, without XML.
	Unavailable = Fault{kind: kindUnavailable}
	// CutBefore cuts the connection; nothing is done.
	CutBefore = Fault{kind: kindCut}
	// CutAfter cuts the connection without an answer; what was asked for is done.
	CutAfter = Fault{kind: kindCut, after: true}
	// Tear cuts the connection in the middle of the answer's body; where the answer has
	// none, it is CutAfter.
	Tear = Fault{kind: kindTear, after: true}
	// Hang does what was asked for, and gives no answer until the client hangs up.
	Hang = Fault{kind: kindHang, after: true}
)

// What can go wrong with a conditional write.
var (
	// Conflict is 409 as S3 gives it when a write or deletion of the same key comes in between.
	Conflict = Refuse(http.StatusConflict, "ConditionalRequestConflict")
	// Precondition is 412, whether or not there is such a key.
	Precondition = Refuse(http.StatusPreconditionFailed, "PreconditionFailed")
)

// What can be wrong with an answer that looks well.
var (
	// Shorten leaves out the second half of a GetObject's body, and says so in Content-Length.
	Shorten = Fault{kind: kindShorten, after: true}
	// Flip changes one bit in the middle of a GetObject's body.
	Flip = Fault{kind: kindFlip, after: true}
	// WrongChecksum changes what an answer says in x-amz-checksum-*.
	WrongChecksum = Fault{kind: kindChecksum, after: true}
)

// Refuse answers with an error of S3's, before anything is done.
func Refuse(status int, code string) Fault {
	return Fault{kind: kindRefuse, status: status, code: code}
}

// Slow does what was asked for, and answers after d, or when the client hangs up.
func Slow(d time.Duration) Fault { return Fault{kind: kindSlow, delay: d, after: true} }

// After makes a refusal come after what was asked for has been done: a PUT is stored,
// and answered with 500.
func (f Fault) After() Fault {
	f.after = true
	return f
}

// String names the fault, as in Counts.
func (f Fault) String() string {
	var name string
	switch f.kind {
	case kindRefuse:
		name = f.code
	case kindCut:
		if f.after {
			return "CutAfter"
		}
		return "CutBefore"
	case kindSlow:
		return "Slow"
	default:
		return [...]string{
			kindNone: "None", kindUnavailable: "Unavailable", kindTear: "Tear", kindHang: "Hang",
			kindShorten: "Shorten", kindFlip: "Flip", kindChecksum: "WrongChecksum",
		}[f.kind]
	}
	if f.after {
		name += " after"
	}
	return name
}

// refusal is the answer of a fault that has one of its own.
func (f Fault) refusal() *apiError {
	message := map[string]string{
		"InternalError":              "We encountered an internal error. Please try again.",
		"SlowDown":                   "Please reduce your request rate.",
		"AccessDenied":               "Access Denied",
		"ExpiredToken":               "The provided token has expired.",
		"RequestTimeTooSkewed":       "The difference between the request time and the current time is too large.",
		"ConditionalRequestConflict": "The conditional request cannot succeed due to a conflicting operation against this resource.",
		"PreconditionFailed":         "At least one of the pre-conditions you specified did not hold",
	}[f.code]
	if message == "" {
		message = fmt.Sprintf("The fake was told to answer %d %s", f.status, f.code)
	}
	return fail(f.status, f.code, "%s", message)
}

// Rule is a share, from 0 to 1, of an operation's requests that go wrong.
type Rule struct {
	// Operation by its name in the API ("PutObject"). Empty: all.
	Operation string
	Share     float64
	Fault     Fault
}

// Faults say how the fake misbehaves. The same seed and the same order of requests give
// the same faults. A request has at most one: the shares of the rules that are for its
// operation are to add up to at most 1.
type Faults struct {
	Seed  uint64
	Rules []Rule
}

// Request is what a hook may decide by. Its Header is not to be changed.
type Request struct {
	Operation              string
	Bucket, Key, VersionID string
	Header                 http.Header
	// Number counts the operation's requests, from 1.
	Number int
}

// dice decide which requests are hit.
type dice struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
	hook   func(Request) Fault
	answer func(Request, http.Header)
	counts map[string]int
}

func (d *dice) set(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
	d.random = rand.New(rand.NewPCG(f.Seed, f.Seed))
}

// throw decides about a request, and numbers it.
func (d *dice) throw(q *Request) (Fault, func(Request, http.Header)) {
	d.mu.Lock()
	if d.counts == nil {
		d.counts = make(map[string]int)
	}
	d.counts[q.Operation]++
	q.Number = d.counts[q.Operation]
	hook, answer := d.hook, d.answer
	fault := d.ruleLocked(q.Operation)
	d.mu.Unlock()
	if hook != nil {
		if f := hook(*q); f != (Fault{}) {
			fault = f
		}
	}
	return fault, answer
}

func (d *dice) ruleLocked(op string) Fault {
	if len(d.faults.Rules) == 0 {
		return Fault{}
	}
	left := d.random.Float64()
	for _, rule := range d.faults.Rules {
		if rule.Operation != "" && rule.Operation != op {
			continue
		}
		if left -= rule.Share; left < 0 {
			return rule.Fault
		}
	}
	return Fault{}
}
