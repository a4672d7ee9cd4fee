package soak

import (
	"os"
	"testing"
	"time"
)

// full says whether the full form is asked for.
func full(tb testing.TB) bool {
	tb.Helper()
	switch form := os.Getenv("HEARTWOOD_SOAK"); form {
	case "", "short":
		return false
	case "full":
		return true
	default:
		tb.Fatalf("HEARTWOOD_SOAK is %q, want short or full", form)
		return false
	}
}

// scaled gives the value of the form that is asked for.
func scaled[T any](tb testing.TB, short, long T) T {
	tb.Helper()
	if full(tb) {
		return long
	}
	return short
}

// lasting is how long a scenario goes on: as HEARTWOOD_SOAK_FOR says, or by its form.
func lasting(tb testing.TB, short, long time.Duration) time.Duration {
	tb.Helper()
	if text := os.Getenv("HEARTWOOD_SOAK_FOR"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			tb.Fatalf("HEARTWOOD_SOAK_FOR is %q, want a duration such as 2h", text)
		}
		return d
	}
	return scaled(tb, short, long)
}
