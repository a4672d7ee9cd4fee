// Package period reads how long something is kept, as people write it in configuration:
// "90d", "730d", "7y". What is locked for too long can't be unlocked, so there is one
// form alone, with a unit.
package period

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Year is how many days a year has: S3 counts them so in a bucket's default retention.
const Year = 365

// Max is the longest that S3 locks an object for, in days: 100 years.
const Max = 100 * Year

var errForm = errors.New("write a period as days or years, such as 90d or 7y (365 days each)")

// Period is a whole number of days; the zero value is none. It is no number, so that a
// decoder of YAML can't take `period: 90` for one.
type Period struct{ days int }

// Days makes one of 1 to Max days.
func Days(n int) (Period, error) {
	switch {
	case n < 1:
		return Period{}, fmt.Errorf("period of %d days: it must be at least one day: %w", n, errForm)
	case n > Max:
		return Period{}, fmt.Errorf("period of %d days is longer than %d (100y), the longest that S3 locks for", n, Max)
	}
	return Period{days: n}, nil
}

// Parse reads a period. The error names the text and what would be right.
func Parse(text string) (Period, error) {
	s := strings.TrimSpace(text)
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	number, unit := s[:end], s[end:]
	if number == "" {
		if s == "" {
			return Period{}, fmt.Errorf("period is empty: %w", errForm)
		}
		return Period{}, fmt.Errorf("period %q is not a whole number with a unit: %w", text, errForm)
	}
	factor := 1
	switch unit {
	case "d":
	case "y":
		factor = Year
	case "":
		return Period{}, fmt.Errorf("period %q has no unit: %sd is %s days, %sy is %s years", text, number, number, number, number)
	default:
		return Period{}, fmt.Errorf("period %q has the unit %q, which is not known: %w", text, unit, errForm)
	}
	n, err := strconv.Atoi(number)
	if err != nil || n > Max/factor {
		return Period{}, fmt.Errorf("period %q is longer than %dd (100y), the longest that S3 locks for", text, Max)
	}
	if n == 0 {
		return Period{}, fmt.Errorf("period %q is nothing: it must be at least 1d", text)
	}
	return Period{days: n * factor}, nil
}

// Days are those of the period: 0 for none.
func (p Period) Days() int { return p.days }

// IsZero says that there is none.
func (p Period) IsZero() bool { return p.days == 0 }

// Duration is the period in days of 24 hours.
func (p Period) Duration() time.Duration { return time.Duration(p.days) * 24 * time.Hour }

// Compare is -1, 0 or 1 where p is shorter than, as long as, or longer than q.
func (p Period) Compare(q Period) int {
	switch {
	case p.days < q.days:
		return -1
	case p.days > q.days:
		return 1
	}
	return 0
}

// Until is when a lock ends that begins at a time: the period later, rounded up to a whole
// hour, in UTC.
func (p Period) Until(from time.Time) time.Time {
	end := from.UTC().Add(p.Duration())
	if hour := end.Truncate(time.Hour); !hour.Equal(end) {
		return hour.Add(time.Hour)
	}
	return end
}

// String writes the period in years where these are whole, otherwise in days; Parse reads
// it back. None is "".
func (p Period) String() string {
	switch {
	case p.days == 0:
		return ""
	case p.days%Year == 0:
		return strconv.Itoa(p.days/Year) + "y"
	}
	return strconv.Itoa(p.days) + "d"
}

// UnmarshalText is Parse, for configuration decoders.
func (p *Period) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err != nil {
		return err
	}
	*p = v
	return nil
}

// MarshalText writes the period as String does.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalMapstructure is for mapstructure, which decodes the Collector's configuration:
// a number, for which it has only its own words, is told what it lacks.
func (p *Period) UnmarshalMapstructure(input any) error {
	switch v := input.(type) {
	case Period: // of UnmarshalText
		*p = v
		return nil
	case *Period:
		*p = *v
		return nil
	case string:
		return p.UnmarshalText([]byte(v))
	case int, int64, uint64, float64:
		return p.UnmarshalText(fmt.Append(nil, v))
	}
	return fmt.Errorf("period is %v, which is no text: %w", input, errForm)
}
