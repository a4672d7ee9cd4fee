package period_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/period"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]int{
		"1d": 1, "90d": 90, "730d": 730, "7y": 2555, "1y": 365, "100y": 36500, "36500d": 36500, "007d": 7, "\t7y\n": 2555,
	} {
		p, err := period.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, p.Days(), in)
		assert.Equal(t, time.Duration(want)*24*time.Hour, p.Duration(), in)
		again, err := period.Parse(p.String())
		require.NoError(t, err, in)
		assert.Equal(t, p, again, in)
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                        `period is empty: write a period as days or years, such as 90d or 7y`,
		" ":                       `period is empty`,
		"90":                      `period "90" has no unit: 90d is 90 days, 90y is 90 years`,
		"0":                       `has no unit`,
		"0d":                      `period "0d" is nothing: it must be at least 1d`,
		"0y":                      `must be at least 1d`,
		"d":                       `period "d" is not a whole number with a unit`,
		"-1d":                     `period "-1d" is not a whole number`,
		"+1d":                     `period "+1d" is not a whole number`,
		"1.5y":                    `period "1.5y" has the unit ".5y"`,
		"2160h":                   `period "2160h" has the unit "h", which is not known: write a period as days or years`,
		"6m":                      `has the unit "m"`,
		"1y6d":                    `has the unit "y6d"`,
		"7Y":                      `has the unit "Y"`,
		"7 y":                     `has the unit " y"`,
		"7years":                  `has the unit "years"`,
		"101y":                    `period "101y" is longer than 36500d (100y), the longest that S3 locks for`,
		"36501d":                  `is longer than`,
		"9223372036854775807d":    `is longer than`,
		"9223372036854775807y":    `is longer than`,
		"25269512999328236y":      `is longer than`, // times 365 it is small, in 64 bits
		"99999999999999999999d":   `is longer than`,
		"10000000000000000000d":   `is longer than`,
		"१d":                      `is not a whole number`,
		"90d;7y":                  `has the unit "d;7y"`,
		"0x10d":                   `has the unit "x10d"`,
		"1e3d":                    `has the unit "e3d"`,
		"0000000000000000000000d": `must be at least 1d`,
	} {
		_, err := period.Parse(in)
		require.Error(t, err, in)
		assert.Contains(t, err.Error(), want, in)
	}
}

func TestDays(t *testing.T) {
	p, err := period.Days(36500)
	require.NoError(t, err)
	assert.Equal(t, "100y", p.String())
	for _, n := range []int{0, -1, 36501} {
		_, err := period.Days(n)
		require.Error(t, err, n)
	}
	assert.Equal(t, -1, period.Period{}.Compare(p))
	assert.Equal(t, 1, p.Compare(period.Period{}))
	same, err := period.Parse("100y")
	require.NoError(t, err)
	assert.Equal(t, 0, p.Compare(same))
	assert.True(t, period.Period{}.IsZero())
	assert.Empty(t, period.Period{}.String())
}

// A configuration in which someone forgot the unit must not be taken for days.
func TestForgottenUnitInYAML(t *testing.T) {
	type rule struct {
		Period period.Period `mapstructure:"period"`
	}
	var got rule
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"period": "90d"}).Unmarshal(&got))
	assert.Equal(t, 90, got.Period.Days())
	for _, one := range []struct {
		value any
		want  string
	}{
		{90, `period "90" has no unit: 90d is 90 days`},
		{int64(90), `period "90" has no unit`},
		{90.0, `period "90" has no unit`},
		{90.5, `has the unit ".5"`},
		{-90, `period "-90" is not a whole number`},
		{"90", `period "90" has no unit`},
		{true, `period is true, which is no text: write a period as days or years`},
		{map[string]any{"days": 90}, "which is no text"},
	} {
		var got rule
		err := confmap.NewFromStringMap(map[string]any{"period": one.value}).Unmarshal(&got)
		require.ErrorContains(t, err, one.want)
		assert.True(t, got.Period.IsZero())
	}
	var none rule
	require.NoError(t, confmap.NewFromStringMap(map[string]any{}).Unmarshal(&none))
	assert.True(t, none.Period.IsZero())
}

func TestUntil(t *testing.T) {
	p, err := period.Parse("90d")
	require.NoError(t, err)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return v
	}
	for from, want := range map[string]string{
		"2026-01-01T00:00:00Z":           "2026-04-01T00:00:00Z",
		"2026-01-01T00:00:00.000000001Z": "2026-04-01T01:00:00Z",
		"2026-01-01T00:59:59Z":           "2026-04-01T01:00:00Z",
		"2026-01-01T05:30:00+05:30":      "2026-04-01T00:00:00Z",
		"2099-12-31T23:00:01Z":           "2100-04-01T00:00:00Z",
	} {
		assert.Equal(t, want, p.Until(at(from)).Format(time.RFC3339Nano), from)
	}
	long, err := period.Parse("100y")
	require.NoError(t, err)
	assert.Equal(t, "2198-12-08T00:00:00Z", long.Until(at("2099-01-01T00:00:00Z")).Format(time.RFC3339))
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"90d", "7y", "90", "25269512999328236y", "0d", "-1d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := period.Parse(text)
		if err != nil {
			assert.True(t, p.IsZero())
			return
		}
		if p.Days() < 1 || p.Days() > period.Max {
			t.Fatalf("%q: %d days", text, p.Days())
		}
		again, err := period.Parse(p.String())
		require.NoError(t, err)
		assert.Equal(t, p, again)
	})
}
