package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const planned = "testdata/plan/three.yaml"

func TestPlan(t *testing.T) {
	t.Setenv("HEARTWOOD_TEST_BUCKET", "from-the-environment")
	status, stdout, stderr := call(t, "", "plan", "--config", planned, "--volume", "50GB/day", "--share", "audit=5%", "--share", "access=25%", "--output", "json")
	require.Equal(t, exitOK, status, stderr)
	type row struct {
		Rule, Mode, Period string
		Days               int
		LockedUntil        time.Time `json:"locked_until"`
		Share              float64
		Puts               float64 `json:"puts_per_day"`
		Lists              float64 `json:"lists_per_day"`
		Stored             float64 `json:"stored_bytes_per_day"`
		First              float64 `json:"first_year_usd"`
		Steady             float64 `json:"steady_year_usd"`
	}
	var got struct {
		Plans []struct {
			Exporter, Bucket string
			Rows             []row
		}
		Now time.Time
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Len(t, got.Plans, 2)
	assert.Equal(t, "worm_s3", got.Plans[0].Exporter)
	assert.Equal(t, "from-the-environment", got.Plans[0].Bucket)
	assert.Equal(t, "worm_s3/second", got.Plans[1].Exporter)
	rows := map[string]row{}
	for _, r := range got.Plans[0].Rows {
		rows[r.Rule] = r
		left := r.LockedUntil.Sub(got.Now) - time.Duration(r.Days)*24*time.Hour
		assert.True(t, left >= 0 && left <= time.Hour+time.Second, "%s: %s", r.Rule, left)
		assert.Zero(t, r.LockedUntil.Minute()+r.LockedUntil.Second())
	}
	require.Len(t, rows, 5)
	assert.Equal(t, "COMPLIANCE 7y", rows["audit"].Mode+" "+rows["audit"].Period)
	assert.Equal(t, "GOVERNANCE 2y", rows["access"].Mode+" "+rows["access"].Period)
	assert.Equal(t, "GOVERNANCE 30d", rows["traces"].Mode+" "+rows["traces"].Period)
	assert.Equal(t, "COMPLIANCE 7y", rows["_log/"].Mode+" "+rows["_log/"].Period)
	assert.InDelta(t, 0.35, rows["application"].Share, 1e-9) // half of what is left
	assert.InDelta(t, 0.35, rows["traces"].Share, 1e-9)
	assert.InDelta(t, 50e9*0.05/8, rows["audit"].Stored, 1)
	assert.InDelta(t, 288, rows["audit"].Puts, 1e-6) // by age
	// 0.3125 GB a day for 2,555 days, and 288 PUTs and 288 HEADs a day.
	assert.InDelta(t, 0.3125e9/(1<<30)*0.023*12*2555+288*365*0.0054/1000, rows["audit"].Steady, 0.01)
	assert.Less(t, rows["audit"].First, rows["audit"].Steady)
	// 100 million leaves are 392,160 tiles, more or less.
	assert.InDelta(t, 100e6/256*1.0039+3*288, rows["_log/"].Puts, 100)
	// Each checkpoint's versions are listed once, which costs as much as a PUT.
	assert.InDelta(t, 288, rows["_log/"].Lists, 1e-6)
	assert.Zero(t, rows["audit"].Lists)
	status, stdout, stderr = call(t, "", "plan", "--config", planned, "--volume", "50GB/day", "--price", "STANDARD.storage=0", "--price", "STANDARD.put=1", "--output", "json")
	require.Equal(t, exitOK, status, stderr)
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	logRow := got.Plans[0].Rows[len(got.Plans[0].Rows)-1]
	require.Equal(t, "_log/", logRow.Rule)
	assert.InDelta(t, (logRow.Puts+288)*365/1000, logRow.Steady, 0.01)

	status, stdout, _ = call(t, "", "plan", "--config", planned, "--volume", "50GB/day", "--price", "STANDARD.put=0")
	assert.Equal(t, exitOK, status)
	for _, text := range []string{"worm_s3, bucket from-the-environment, max_retention 7y", "RULE", "LISTS/DAY", "audit: COMPLIANCE. No one can delete it before ", "by this machine's clock", "changed by --price"} {
		assert.Contains(t, stdout, text)
	}
}

// What can't be undone must not be planned by mistake.
func TestPlanStopsMistakes(t *testing.T) {
	for name, one := range map[string]struct{ old, now, want string }{
		"a forgotten unit":            {"period: 7y}", "period: 7}", `'rules[0].period' period "7" has no unit: 7d is 7 days`},
		"a forgotten unit, as text":   {"period: 7y}", `period: "90"}`, `period "90" has no unit: 90d is 90 days`},
		"hours":                       {"period: 7y}", "period: 2160h}", `has the unit "h", which is not known: write a period as days or years`},
		"zero":                        {"period: 7y}", "period: 0d}", "must be at least 1d"},
		"100 years":                   {"period: 7y}", "period: 100y}", "rules[0] (audit): period 100y is longer than max_retention 7y"},
		"101 years":                   {"period: 7y}", "period: 101y}", "is longer than 36500d"},
		"overflow":                    {"period: 7y}", "period: 25269512999328236y}", "is longer than 36500d"},
		"COMPLIANCE without a limit":  {"max_retention: ${env:HEARTWOOD_TEST_MAX:-7y}", "", "rules[0] (audit): mode is COMPLIANCE, which no one can undo, and max_retention is not set"},
		"a limit without a unit":      {"max_retention: ${env:HEARTWOOD_TEST_MAX:-7y}", "max_retention: 2555", `'max_retention' period "2555" has no unit`},
		"GOVERNANCE beyond the limit": {"period: 730d", "period: 8y", "rules[1] (access): period 8y is longer than max_retention 7y"},
		"no period":                   {", period: 730d", "", "rules[1] (access): period is not set"},
		"a mode that is none":         {"mode: COMPLIANCE", "mode: LEGAL", `rules[0] (audit): mode is "LEGAL", want GOVERNANCE or COMPLIANCE`},
		"a class without a price":     {"STANDARD_IA", "EXPRESS", `rules[1] (access): storage_class "EXPRESS" has no price here`},
		"records without a rule":      {"{name: application,", "{name: application, category: x,", "the last rule must have neither condition nor category"},
		"no rules":                    {"rules: [{name: all, period: 1d}]", "rules: []", "exporters::worm_s3/second: rules is empty"},
		"no interval":                 {"writer: gateway-1", "checkpoint_interval: 0s", "checkpoint_interval is 0s, want at least 1s"},
		"a size of nothing":           {"writer: gateway-1", "max_object_size: 1KiB", "max_object_size is 1KiB"},
	} {
		text, err := os.ReadFile(planned)
		require.NoError(t, err)
		require.Contains(t, string(text), one.old, name)
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), one.old, one.now, 1)), 0o600))
		status, stdout, stderr := call(t, "", "plan", "--config", path, "--volume", "50GB/day")
		assert.Equal(t, exitFailure, status, name)
		assert.Empty(t, stdout, name)
		assert.Contains(t, stderr, one.want, name)
	}
	// From the environment as well.
	t.Setenv("HEARTWOOD_TEST_PERIOD", "90")
	status, _, stderr := call(t, "", "plan", "--config", planned, "--volume", "50GB/day")
	assert.Equal(t, exitFailure, status)
	assert.Contains(t, stderr, `period "90" has no unit`)
}

func TestPlanUsage(t *testing.T) {
	for line, want := range map[string]string{
		"":                                                              "--config is missing",
		"--config C":                                                    "--volume is missing",
		"--config C --volume 50":                                        `volume "50" is not of the form 50GB/day`,
		"--config C --volume 50GB/week":                                 "is not of the form 50GB/day",
		"--config C --volume x/day":                                     `volume "x/day": `,
		"--config C --volume 0/day":                                     "is nothing",
		"--config C --volume -1GB/day":                                  "is negative",
		"--config C --volume 1GB/day x":                                 `unexpected argument "x"`,
		"--config C --volume 1GB/day --ratio 0.5":                       "--ratio is 0.5",
		"--config C --volume 1GB/day --ratio NaN":                       "--ratio is NaN",
		"--config C --volume 1GB/day --writers 0":                       "--writers is 0",
		"--config C --volume 1GB/day --line 0":                          `--line is "0"`,
		"--config C --volume 1GB/day --output xml":                      `--output is "xml"`,
		"--config C --volume 1GB/day --share audit":                     `share "audit" is not of the form audit=5%`,
		"--config C --volume 1GB/day --share audit=5":                   "is not of the form",
		"--config C --volume 1GB/day --share audit=101%":                "is not of the form",
		"--config C --volume 1GB/day --share audit=5% --share audit=6%": "has one already",
		"--config C --volume 1GB/day --price STANDARD=1":                "is not of the form STANDARD.storage=0.023",
		"--config C --volume 1GB/day --price GOLD.put=1":                `the storage class "GOLD" is not known`,
		"--config C --volume 1GB/day --price STANDARD.delete=1":         `"delete" is not known`,
		"--config C --volume 1GB/day --price STANDARD.put=-1":           "is not of the form",
		"--config C --volume 1GB/day --price STANDARD.put=NaN":          "is not of the form",
		"--config missing.yaml --volume 1GB/day":                        "missing.yaml",
	} {
		status, _, stderr := call(t, "", append([]string{"plan"}, strings.Fields(strings.Replace(line, " C", " "+planned, 1))...)...)
		assert.Equal(t, exitUsage, status, line)
		assert.Contains(t, stderr, want, line)
	}
	for line, want := range map[string]string{
		"--share nothing=5%": "there is no such rule",
		"--share audit=60% --share access=60% --share application=1% --share traces=1%": "which is more than there is",
		"--share audit=10% --share access=10% --share application=1% --share traces=1%": "they must be 100%",
	} {
		status, _, stderr := call(t, "", append([]string{"plan", "--config", planned, "--volume", "1GB/day"}, strings.Fields(line)...)...)
		assert.Equal(t, exitFailure, status, line)
		assert.Contains(t, stderr, want, line)
	}
	status, _, stderr := call(t, "", "plan", "--config", lintShapes+"clean.yaml", "--volume", "1GB/day")
	assert.Equal(t, exitFailure, status)
	assert.Contains(t, stderr, "there is no worm_s3 exporter")
}
