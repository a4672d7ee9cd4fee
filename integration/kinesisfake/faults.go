package kinesisfake

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Faults say how the fake misbehaves, in shares from 0 to 1. The same seed and the
// same order of calls give the same faults. Shares of calls exclude one another: a
// call has at most one of these faults, and their sum is at most 1.
type Faults struct {
	Seed uint64

	// Of the records of a call that is answered with success:
	RefuseRecords float64 // ProvisionedThroughputExceededException
	FailRecords   float64 // InternalFailure
	// RefuseShards is a share of the records of single shards, by the shard's id.
	RefuseShards map[string]float64

	// Of the calls that write:
	Throttle  float64 // the whole call is refused, 400
	Errors    float64 // 500 and 503 in turn, the latter as a load balancer words it
	Expired   float64 // ExpiredTokenException, 400
	CutBefore float64 // the connection is cut, nothing is stored
	CutAfter  float64 // stored, and the connection is cut without an answer
	Tear      float64 // stored, and the connection is cut in the middle of the answer
	Slow      float64 // stored, and answered after SlowFor
	SlowFor   time.Duration

	// Shuffle stores the records of a call in an order of its own, as PutRecords may.
	Shuffle bool
	// Lists makes Throttle and Errors count for ListShards and
	// DescribeStreamSummary, too.
	Lists bool
}

// fault is what becomes of a call.
type fault int

const (
	faultNone fault = iota
	faultThrottle
	faultError
	faultUnavailable
	faultExpired
	faultCutBefore
	faultCutAfter
	faultTear
	faultSlow
)

func (f fault) String() string {
	return [...]string{"none", "throttle", "error", "unavailable", "expired", "cut before", "cut after", "tear", "slow"}[f]
}

// dice decides which calls and records are hit.
type dice struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
	errors int
}

func (d *dice) set(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
	d.random = rand.New(rand.NewPCG(f.Seed, f.Seed))
	d.errors = 0
}

// call decides about a call, and gives what else counts for it.
func (d *dice) call(op string) (fault, Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.faults
	writes := op == "PutRecords" || op == "PutRecord"
	lists := f.Lists && (op == "ListShards" || op == "DescribeStreamSummary")
	if d.random == nil || !writes && !lists {
		return faultNone, Faults{}
	}
	left := d.random.Float64()
	hit := func(share float64) bool {
		left -= share
		return left < 0
	}
	switch {
	case hit(f.Throttle):
		return faultThrottle, f
	case hit(f.Errors):
		d.errors++
		if d.errors%2 == 0 {
			return faultUnavailable, f
		}
		return faultError, f
	case !writes:
		return faultNone, f
	case hit(f.Expired):
		return faultExpired, f
	case hit(f.CutBefore):
		return faultCutBefore, f
	case hit(f.CutAfter):
		return faultCutAfter, f
	case hit(f.Tear):
		return faultTear, f
	case hit(f.Slow):
		return faultSlow, f
	}
	return faultNone, f
}

// record decides about a record, and gives the code of its refusal.
func (d *dice) record(f *Faults, shard string) string {
	ofShard := f.RefuseShards[shard]
	if f.RefuseRecords == 0 && f.FailRecords == 0 && ofShard == 0 {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.random.Float64()
	switch {
	case left < f.RefuseRecords:
		return codeThroughput
	case left < f.RefuseRecords+f.FailRecords:
		return codeInternal
	case ofShard > 0 && d.random.Float64() < ofShard:
		return codeThroughput
	}
	return ""
}

func (d *dice) shuffle(n int, swap func(i, j int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.random.Shuffle(n, swap)
}

// refusal is the answer to a call that is refused as a whole.
func (f fault) refusal() *apiError {
	switch f {
	case faultThrottle:
		return refuse(codeThroughput, "Rate exceeded for stream")
	case faultError:
		return &apiError{http.StatusInternalServerError, codeInternal, "Internal failure"}
	case faultExpired:
		return refuse(codeExpired, "The security token included in the request is expired")
	case faultNone, faultUnavailable, faultCutBefore, faultCutAfter, faultTear, faultSlow:
	}
	return nil
}
