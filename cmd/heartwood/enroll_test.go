package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// startS3 starts the fake, and gives the flags with which it is reached.
func startS3(t *testing.T, buckets map[string]s3fake.Bucket) (*s3fake.Running, []string) {
	t.Helper()
	fake := s3fake.Start(t, s3fake.Settings{Buckets: buckets})
	t.Setenv("AWS_ACCESS_KEY_ID", s3fake.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3fake.SecretKey)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	return fake, []string{"--endpoint", fake.URL(), "--region", s3fake.Region}
}

func TestKeygen(t *testing.T) {
	dir := t.TempDir()
	status, stdout, stderr := call(t, "", "keygen", "--root", "example.com/logs", "--out", dir)
	require.Equal(t, exitOK, status, stderr)
	assert.Contains(t, stdout, "example.com/logs/root+")
	assert.NotContains(t, stdout, "PRIVATE")
	status, stdout, stderr = call(t, "", "keygen", "--writer", "example.com/logs/gateway-1", "--out", dir)
	require.Equal(t, exitOK, status, stderr)
	assert.Contains(t, stdout, "example.com/logs/gateway-1+")
	for name, begins := range map[string]string{
		"root.key": "PRIVATE+KEY+example.com/logs/root+", "root.pub": "example.com/logs/root+",
		"gateway-1.key": "PRIVATE+KEY+example.com/logs/gateway-1+", "gateway-1.pub": "example.com/logs/gateway-1+",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(text), begins), name)
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
	// Nothing is overwritten, and nothing is left half done.
	before, err := os.ReadFile(filepath.Join(dir, "root.key"))
	require.NoError(t, err)
	for _, gone := range []string{"", "root.pub"} {
		if gone != "" {
			require.NoError(t, os.Remove(filepath.Join(dir, gone)))
		}
		status, _, stderr = call(t, "", "keygen", "--root", "example.com/logs", "--out", dir)
		assert.Equal(t, exitFailure, status)
		assert.Contains(t, stderr, "is there already: move it away")
		after, err := os.ReadFile(filepath.Join(dir, "root.key"))
		require.NoError(t, err)
		assert.Equal(t, before, after)
	}
	assert.NoFileExists(t, filepath.Join(dir, "root.pub"))
	require.NoError(t, os.Remove(filepath.Join(dir, "gateway-1.key")))
	status, _, _ = call(t, "", "keygen", "--writer", "example.com/logs/gateway-1", "--out", dir)
	assert.Equal(t, exitFailure, status)
	assert.NoFileExists(t, filepath.Join(dir, "gateway-1.key"))

	for line, want := range map[string]string{
		"":                               "say --root ORIGIN or --writer ORIGIN/NAME",
		"--root a --writer b/c":          "say --root ORIGIN or --writer ORIGIN/NAME",
		"--writer gateway":               `"gateway" has no origin`,
		"--writer example.com/logs/Gate": "--writer: ",
		"--writer example.com/logs/root": "--writer: ",
		"--writer example.com/logs/":     "--writer: ",
		"--root a+b":                     "--root: ",
		"--root a b":                     `unexpected argument "b"`,
	} {
		status, _, stderr := call(t, "", append([]string{"keygen", "--out", dir}, strings.Fields(line)...)...)
		assert.Equal(t, exitUsage, status, line)
		assert.Contains(t, stderr, want, line)
	}
}

func TestBucketCreate(t *testing.T) {
	fake, reach := startS3(t, map[string]s3fake.Bucket{
		"plain": {}, "versioned": {Versioned: true}, "long": {Lock: true, Mode: "COMPLIANCE", Years: 100}, "good": {Lock: true},
	})
	run := func(line string) (int, string, string) {
		return call(t, "", append(append([]string{"bucket"}, strings.Fields(line)...), reach...)...)
	}
	status, stdout, stderr := run("create s3://fresh")
	assert.Equal(t, exitOK, status, stderr)
	assert.Equal(t, "Bucket fresh has been made.\nVersioning: on. Object Lock: on. Default retention: none.\n", stdout)
	status, stdout, _ = run("create s3://fresh2 --default-period 30d")
	assert.Equal(t, exitOK, status)
	assert.Contains(t, stdout, "Default retention: GOVERNANCE for 30 days.")
	status, stdout, _ = run("create s3://fresh3 --default-mode compliance --default-period 1y --max-retention 1y")
	assert.Equal(t, exitOK, status)
	assert.Contains(t, stdout, "Default retention: COMPLIANCE for 365 days.")
	status, stdout, _ = run("create s3://good/prefix")
	assert.Equal(t, exitOK, status)
	assert.Contains(t, stdout, "Bucket good is there already, and is left as it is.")

	for line, want := range map[string]string{
		"create s3://plain":                    "has no Object Lock",
		"check s3://plain":                     "has no versioning",
		"check s3://versioned":                 "has no Object Lock",
		"check s3://long --max-retention 7y":   "locks what is put without a retention by COMPLIANCE for 36500 days, which is longer than max_retention 7y",
		"create s3://long --max-retention 99y": "shorten the bucket's default retention",
		"check s3://missing":                   "`heartwood bucket create`",
	} {
		status, _, stderr := run(line)
		assert.Equal(t, exitFailure, status, line)
		assert.Contains(t, stderr, want, line)
	}
	status, _, stderr = run("check s3://long --max-retention 100y")
	assert.Equal(t, exitOK, status, stderr)
	calls := fake.Counts()["CreateBucket"]
	for line, want := range map[string]string{
		"":                                      "say `bucket create",
		"make s3://x":                           "say `bucket create",
		"create":                                "takes one bucket",
		"create s3://xyz s3://abc":              "takes one bucket",
		"create folder":                         `"folder" is no bucket`,
		"create s3://":                          "names no bucket",
		"create gs://xyz":                       "gs is not known here",
		"create s3://new --default-period 90":   `--default-period: period "90" has no unit: 90d is 90 days`,
		"create s3://new --default-period 101y": "longer than 36500d",
		"create s3://new --default-period 0d":   "must be at least 1d",
		"create s3://new --default-mode x":      `--default-mode is "X"`,
		"create s3://new --default-mode COMPLIANCE --default-period 100y":                       "set --max-retention as well",
		"create s3://new --default-mode COMPLIANCE --default-period 100y --max-retention 7y":    "--default-period 100y is longer than --max-retention 7y",
		"create s3://new --default-mode COMPLIANCE --default-period 7y --max-retention forever": "--max-retention: ",
	} {
		status, _, stderr := run(line)
		assert.Equal(t, exitUsage, status, line)
		assert.Contains(t, strings.ToUpper(stderr), strings.ToUpper(want), line)
	}
	assert.Equal(t, calls, fake.Counts()["CreateBucket"], "a bucket was made by a command that was not understood")
}

func TestEnrolling(t *testing.T) {
	fake, reach := startS3(t, map[string]s3fake.Bucket{"archive": {Lock: true}})
	dir := t.TempDir()
	key := func(name string) string { return filepath.Join(dir, name) }
	run := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		status, stdout, stderr := call(t, "", append(args, reach...)...)
		require.Equal(t, want, status, stderr)
		return stdout, stderr
	}
	for _, args := range [][]string{
		{"--root", "example.com/logs"}, {"--writer", "example.com/logs/gateway-1"}, {"--writer", "example.com/logs/gateway-2"},
	} {
		status, _, stderr := call(t, "", append([]string{"keygen", "--out", dir}, args...)...)
		require.Equal(t, exitOK, status, stderr)
	}
	const place = "s3://archive/logs"
	stdout, _ := run(exitOK, "enroll", place, "--list")
	assert.Contains(t, stdout, "No one may write")

	stdout, _ = run(exitOK, "enroll", place, "--root-key", key("root.key"), "--writer", key("gateway-1.pub"), "--from", "2026-01-01")
	assert.Contains(t, stdout, "Written: s3://archive/logs/_log/writers/00000000000000000000, locked until ")
	stored := fake.Versions("archive")
	require.Len(t, stored, 1)
	assert.Equal(t, "GOVERNANCE", stored[0].Mode)
	assert.WithinDuration(t, time.Now().Add(7*365*24*time.Hour), stored[0].RetainUntil, 2*time.Hour)
	assert.Zero(t, stored[0].RetainUntil.Truncate(time.Hour).Sub(stored[0].RetainUntil))

	// The same key again; then another of that writer, which closes the first.
	_, stderr := run(exitFailure, "enroll", place, "--root-key", key("root.key"), "--writer", key("gateway-1.pub"))
	assert.Contains(t, stderr, "this key is enrolled already, from 2026-01-01T00:00:00Z")
	second := t.TempDir()
	status, _, _ := call(t, "", "keygen", "--writer", "example.com/logs/gateway-1", "--out", second)
	require.Equal(t, exitOK, status)
	_, stderr = run(exitFailure, "enroll", place, "--root-key", key("root.key"), "--writer", filepath.Join(second, "gateway-1.pub"), "--from", "2025-01-01")
	assert.Contains(t, stderr, "the new one must begin later than that, and not at 2025-01-01T00:00:00Z")
	run(exitOK, "enroll", place, "--root-key", key("root.key"), "--writer", filepath.Join(second, "gateway-1.pub"), "--from", "2026-06-01T12:00:00Z", "--mode", "compliance", "--period", "30d")
	// A key itself, instead of the file it is in.
	public, err := os.ReadFile(key("gateway-2.pub"))
	require.NoError(t, err)
	run(exitOK, "enroll", place, "--root-key", key("root.key"), "--writer", string(public), "--from", "2026-02-01", "--to", "2027-02-01")
	run(exitOK, "retire", place, "--root-key", key("root.key"), "--writer", "gateway-1", "--at", "2026-07-01")
	_, stderr = run(exitFailure, "retire", place, "--root-key", key("root.key"), "--writer", "gateway-1")
	assert.Contains(t, stderr, "retired already, at 2026-07-01T00:00:00Z")
	_, stderr = run(exitFailure, "retire", place, "--root-key", key("root.key"), "--writer", "gateway-9")
	assert.Contains(t, stderr, `there is no writer "gateway-9"; there are: gateway-1, gateway-2`)

	stdout, _ = run(exitOK, "enroll", place, "--list", "--root-key", key("root.pub"), "--output", "json")
	var got struct {
		Keys []struct{ Writer, Key, From, To, Retired string }
		Was  bool `json:"signature_checked"`
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	assert.True(t, got.Was)
	require.Len(t, got.Keys, 3)
	assert.Equal(t, "2026-01-01T00:00:00Z 2026-06-01T12:00:00Z", got.Keys[0].From+" "+got.Keys[0].To)
	assert.Equal(t, "2026-06-01T12:00:00Z 2026-07-01T00:00:00Z 2026-07-01T00:00:00Z", got.Keys[1].From+" "+got.Keys[1].To+" "+got.Keys[1].Retired)
	assert.Equal(t, "gateway-2 2026-02-01T00:00:00Z 2027-02-01T00:00:00Z ", got.Keys[2].Writer+" "+got.Keys[2].From+" "+got.Keys[2].To+" "+got.Keys[2].Retired)
	stdout, _ = run(exitOK, "enroll", place, "--list")
	assert.Contains(t, stdout, "example.com/logs, writers file 3\n")
	assert.Contains(t, stdout, "retired 2026-07-01T00:00:00Z")
	assert.Contains(t, stdout, "Signatures were not looked at")

	// Other people's keys.
	other := t.TempDir()
	for _, args := range [][]string{{"--root", "example.com/logs"}, {"--writer", "example.org/logs/gateway-3"}} {
		status, _, _ := call(t, "", append([]string{"keygen", "--out", other}, args...)...)
		require.Equal(t, exitOK, status)
	}
	for _, wrong := range [][3]string{
		{filepath.Join(other, "root.key"), key("gateway-2.pub"), "has signed it"},
		{key("gateway-1.key"), key("gateway-2.pub"), "a root key's ends with"},
		{key("root.pub"), key("gateway-2.pub"), "--root-key"},
		{key("root.key"), key("gateway-2.key"), "this is a private key"},
		{key("root.key"), filepath.Join(other, "gateway-3.pub"), `the key is named "example.org/logs/gateway-3", and this archive's writers are named example.com/logs/NAME`},
		{key("root.key"), key("root.pub"), "writer"},
		{key("missing.key"), key("gateway-2.pub"), "no such file"},
		{key("root.key"), key("missing.pub"), "no such file"},
	} {
		_, stderr := run(exitFailure, "enroll", place, "--root-key", wrong[0], "--writer", wrong[1])
		assert.Contains(t, stderr, wrong[2])
		assert.NotContains(t, stderr, "PRIVATE+KEY+example")
	}
	for line, want := range map[string]string{
		"enroll s3://archive":                                  "--writer is missing",
		"enroll --list":                                        "it takes one archive",
		"enroll folder --list":                                 `"folder" is no bucket`,
		"enroll s3://archive --list --writer x":                "--list changes nothing",
		"enroll s3://archive --list --output xml":              `--output is "xml"`,
		"retire s3://archive":                                  "--writer is missing",
		"retire s3://archive --writer x":                       "--root-key is missing",
		"retire s3://archive --writer x --at now":              `--at is "now", want 2026-01-31`,
		"retire s3://archive --writer x --period 7":            `--period: period "7" has no unit`,
		"retire s3://archive --writer x --mode LEGAL":          `--mode is "LEGAL"`,
		"retire s3://archive --writer x --at 2026-01-01T00:00": `--at is`,
	} {
		_, stderr := run(exitUsage, strings.Fields(line)...)
		assert.Contains(t, stderr, want, line)
	}

	// A root key that others can read is told.
	require.NoError(t, os.Chmod(key("root.key"), 0o644))
	_, stderr = run(exitFailure, "retire", place, "--root-key", key("root.key"), "--writer", "x")
	assert.Contains(t, stderr, "can be read by others on this machine")
}

// What is locked, and from when a key counts, goes by S3's clock and not by this machine's.
func TestEnrollingGoesByS3sClock(t *testing.T) {
	for _, server := range []time.Time{time.Date(2099, 12, 31, 23, 30, 0, 0, time.UTC), time.Date(2020, 1, 1, 0, 0, 1, 0, time.UTC)} {
		fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}, IgnoreSkew: true})
		fake.SetClock(func() time.Time { return server })
		_, _ = startS3(t, nil) // for the environment
		dir := t.TempDir()
		for _, args := range [][]string{{"--root", "example.com/logs"}, {"--writer", "example.com/logs/w"}} {
			status, _, stderr := call(t, "", append([]string{"keygen", "--out", dir}, args...)...)
			require.Equal(t, exitOK, status, stderr)
		}
		reach := []string{"--endpoint", fake.URL(), "--region", s3fake.Region}
		status, _, stderr := call(t, "", append([]string{
			"enroll", "s3://archive", "--root-key", filepath.Join(dir, "root.key"), "--writer", filepath.Join(dir, "w.pub"), "--period", "90d",
		}, reach...)...)
		require.Equal(t, exitOK, status, stderr)
		stored := fake.Versions("archive")
		require.Len(t, stored, 1)
		want := server.Add(90 * 24 * time.Hour).Truncate(time.Hour).Add(time.Hour)
		assert.True(t, want.Equal(stored[0].RetainUntil), "%s, not %s", stored[0].RetainUntil, want)
		status, stdout, _ := call(t, "", append([]string{"enroll", "s3://archive", "--list"}, reach...)...)
		require.Equal(t, exitOK, status)
		assert.Contains(t, stdout, "from "+server.Format(time.RFC3339))
	}
}
