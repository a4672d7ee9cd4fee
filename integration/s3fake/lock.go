package s3fake

import (
	"encoding/xml"
	"net/http"
	"time"
)

// lockHeaders are those of a PutObject.
func lockHeaders(q *request, v *Version) *apiError {
	mode, until := q.header("X-Amz-Object-Lock-Mode"), q.header("X-Amz-Object-Lock-Retain-Until-Date")
	if (mode == "") != (until == "") {
		return invalidArgument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	if mode != "" {
		if mode != Governance && mode != Compliance {
			return invalidArgument("Unknown wormMode directive.")
		}
		at, err := time.Parse(time.RFC3339, until)
		if err != nil {
			return invalidArgument("The retain until date must be provided in ISO 8601 format")
		}
		v.Mode, v.RetainUntil = mode, at
	}
	switch q.header("X-Amz-Object-Lock-Legal-Hold") {
	case "", "OFF":
	case "ON":
		v.LegalHold = true
	default:
		return invalidArgument("Legal Hold must be either of 'ON' or 'OFF'")
	}
	return nil
}

// bypasses says whether a request may do what GOVERNANCE forbids.
func bypasses(q *request) bool { return q.header("X-Amz-Bypass-Governance-Retention") == "true" }

func missingLock() *apiError {
	return invalidRequest("Bucket is missing Object Lock Configuration")
}

type retention struct {
	XMLName xml.Name `xml:"Retention"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Mode    string   `xml:",omitempty"`
	Until   string   `xml:"RetainUntilDate,omitempty"`
}

func (s *Server) getRetention(q *request) (*answer, *apiError) {
	return s.ofVersion(q, func(b *bucket, v *Version) (*answer, *apiError) {
		if b.lock == nil {
			return nil, missingLock()
		}
		if v.Mode == "" {
			return nil, fail(http.StatusNotFound, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
		}
		return answerXML(retention{Xmlns: namespace, Mode: v.Mode, Until: v.RetainUntil.UTC().Format(lockTime)}), nil
	})
}

func (s *Server) putRetention(q *request) (*answer, *apiError) {
	var in retention
	if e := decodeXML(q, &in); e != nil {
		return nil, e
	}
	var until time.Time
	if in.Mode != "" || in.Until != "" {
		var err error
		if until, err = time.Parse(time.RFC3339, in.Until); err != nil || in.Mode != Governance && in.Mode != Compliance {
			return nil, malformedXML()
		}
	}
	return s.ofVersion(q, func(b *bucket, v *Version) (*answer, *apiError) {
		now := s.clock()
		if b.lock == nil {
			return nil, missingLock()
		}
		if in.Mode != "" && !until.After(now) {
			return nil, invalidArgument("The retain until date must be in the future!")
		}
		if v.RetainUntil.After(now) && (in.Mode != v.Mode || until.Before(v.RetainUntil)) && (v.Mode == Compliance || !bypasses(q)) {
			return nil, accessDenied("Access Denied because object protected by object lock.")
		}
		v.Mode, v.RetainUntil = in.Mode, until
		return newAnswer(http.StatusOK), nil
	})
}

type legalHold struct {
	XMLName xml.Name `xml:"LegalHold"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Status  string
}

func (s *Server) getLegalHold(q *request) (*answer, *apiError) {
	return s.ofVersion(q, func(b *bucket, v *Version) (*answer, *apiError) {
		if b.lock == nil {
			return nil, missingLock()
		}
		status := "OFF"
		if v.LegalHold {
			status = "ON"
		}
		return answerXML(legalHold{Xmlns: namespace, Status: status}), nil
	})
}

func (s *Server) putLegalHold(q *request) (*answer, *apiError) {
	var in legalHold
	if e := decodeXML(q, &in); e != nil {
		return nil, e
	}
	if in.Status != "ON" && in.Status != "OFF" {
		return nil, malformedXML()
	}
	return s.ofVersion(q, func(b *bucket, v *Version) (*answer, *apiError) {
		if b.lock == nil {
			return nil, missingLock()
		}
		v.LegalHold = in.Status == "ON"
		return newAnswer(http.StatusOK), nil
	})
}
