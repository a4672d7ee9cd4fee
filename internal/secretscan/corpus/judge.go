package corpus

import (
	"cmp"
	"slices"
)

// Score is how a detector did over samples.
//
// Recall is about what is left in the text: a planted secret is found when
// findings of its family, under whatever names and also several together, cover
// each of its bytes. Precision is about names and places: of the findings that
// bear the detector's name, those that lie on a secret of that detector.
type Score struct {
	Detector      string
	TruePositive  int // planted secrets that findings cover
	FalsePositive int // findings on no secret of the family, or of another detector
	FalseNegative int // planted secrets of which something is left
	Misnamed      int // of TruePositive, those on which no finding had the name
	Excess        int // findings that overlap a secret of the name, and more than it
}

// Planted is the number of secrets that were there to be found.
func (s Score) Planted() int { return s.TruePositive + s.FalseNegative }

// Recall is the part of the planted secrets that was found, 1 of none.
func (s Score) Recall() float64 { return ratio(s.TruePositive, s.Planted()) }

// Precision is the part of the detector's findings that was right, 1 of none.
func (s Score) Precision() float64 {
	right := s.TruePositive - s.Misnamed
	return ratio(right, right+s.FalsePositive)
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// Judge compares what scan finds in samples with what was planted, and returns
// a Score for each detector that was planted or found, sorted by name.
//
// A finding is a false positive of its own detector when it touches no planted
// secret of its family, or when those it touches have other names. A finding of
// the right name on a part of a secret is no false positive: the secret already
// counts as not found. Excess is counted apart and costs neither precision nor
// recall.
func Judge(samples []Sample, scan func(s Sample) []Planted) []Score {
	scores := make(map[string]*Score)
	of := func(detector string) *Score {
		if scores[detector] == nil {
			scores[detector] = &Score{Detector: detector}
		}
		return scores[detector]
	}
	for _, s := range samples {
		findings := slices.Clone(scan(s))
		slices.SortFunc(findings, func(a, b Planted) int { return cmp.Compare(a.Start, b.Start) })
		for _, secret := range s.Secrets {
			score := of(secret.Detector)
			if !covered(secret, findings) {
				score.FalseNegative++
				continue
			}
			score.TruePositive++
			if !slices.ContainsFunc(findings, func(f Planted) bool { return f.Detector == secret.Detector && overlap(f, secret) }) {
				score.Misnamed++
			}
		}
		for _, finding := range findings {
			right, exceeds := false, false
			for _, secret := range s.Secrets {
				if secret.Detector == finding.Detector && overlap(finding, secret) {
					right = true
					exceeds = exceeds || finding.Start < secret.Start || finding.End > secret.End
				}
			}
			if !right {
				of(finding.Detector).FalsePositive++
			} else if exceeds {
				of(finding.Detector).Excess++
			}
		}
	}
	all := make([]Score, 0, len(scores))
	for _, score := range scores {
		all = append(all, *score)
	}
	slices.SortFunc(all, func(a, b Score) int { return cmp.Compare(a.Detector, b.Detector) })
	return all
}

func overlap(a, b Planted) bool {
	return a.Start < b.End && b.Start < a.End
}

// covered says whether findings of the secret's family, sorted by Start, leave
// nothing of it.
func covered(secret Planted, findings []Planted) bool {
	reached := secret.Start
	for _, f := range findings {
		if Family(f.Detector) == Family(secret.Detector) && f.Start <= reached {
			reached = max(reached, f.End)
		}
	}
	return reached >= secret.End
}
