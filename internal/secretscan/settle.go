package secretscan

import (
	"cmp"
	"slices"
)

// settle sorts findings and makes them disjoint, in place. Where two overlap, the
// one of the lower rank (its detector's index) stands; two of one detector
// become one. A weaker one that has the stronger within it stands instead: the
// whole of a password is secret, whatever else it looks like. What a finding of the
// detector rest has beyond a stronger one stands too, unless the stronger one begins it
// and what follows is no more of it: the fragment behind a token in a URL.
func settle(text string, found []Finding, rest int) []Finding {
	slices.SortFunc(found, func(a, b Finding) int {
		if c := cmp.Compare(a.Start, b.Start); c != 0 {
			return c
		}
		if c := cmp.Compare(a.Detector, b.Detector); c != 0 {
			return c
		}
		return cmp.Compare(b.End, a.End)
	})
	n := 0 // found[:n] is settled
	for _, f := range found {
		if n == 0 || f.Start >= found[n-1].End {
			found[n] = f
			n++
			continue
		}
		last := &found[n-1]
		switch {
		case f.Detector == last.Detector:
			last.End = max(last.End, f.End)
		case f.Detector > last.Detector: // weaker
			if f.Detector == rest && f.End > last.End && (f.Start > last.Start || !parted(text[last.End])) {
				f.Start = last.End
				found[n] = f
				n++
			}
		case f.Start == last.Start || f.End > last.End:
			if last.Detector == rest && f.Start > last.Start {
				last.End = f.Start
				found[n] = f
				n++
				continue
			}
			*last = f
		}
	}
	return found[:n]
}

// parted reports whether c ends a token that stands in a URL or a path.
func parted(c byte) bool { return c == '#' || c == '@' || c == '/' || c == '?' || c == '&' }
