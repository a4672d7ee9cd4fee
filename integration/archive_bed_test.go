package integration

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

const (
	archiveOrigin = "example.com/logs"
	archiveWriter = "gateway-1"
	archivePrefix = "shop"
)

// archiveRules are three classes with retentions of their own.
const archiveRules = `[
  {name: audit, category: audit, mode: COMPLIANCE, period: 3d},
  {name: access, condition: 'log.attributes["log.category"] == "access"', period: 2d},
  {name: application, period: 1d}]`

// archiveLocks are the modes and periods of archiveRules, in days, by class; "" is the log.
var archiveLocks = map[string]archiveLock{
	"audit": {"COMPLIANCE", 3}, "access": {"GOVERNANCE", 2}, "application": {"GOVERNANCE", 1}, "": {"COMPLIANCE", 3},
}

type archiveLock struct {
	mode string
	days int
}

// archiveConfig is a collector with a writer that seals and signs every second.
const archiveConfig = `
	receivers:
	  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
	exporters:
	  worm_s3:
	    bucket: {{.bed.Bucket}}
	    prefix: '{{.bed.Prefix}}'
	    region: {{.bed.Region}}
	    endpoint: {{.bed.URL}}
	    origin: ` + archiveOrigin + `
	    writer: {{.bed.Writer}}
	    signing_key_file: {{.bed.Keys}}/{{.bed.Writer}}.key
	    rules: {{.bed.Rules}}
	    max_retention: 3d
	    max_object_size: 1MiB
	    max_object_age: 700ms
	    checkpoint_interval: 1s
	    compression: {{.bed.Compression}}
	    timeout: {{.bed.Timeout}}
	    expected_bucket_owner: {{.bed.Account}}
	    retry: {initial_interval: 10ms, max_interval: 200ms}
	    accept_timeout: {{.bed.AcceptTimeout}}
	    spool: {directory: {{dir "spool"}}, max_size: {{.bed.SpoolSize}}}
	service:
	  pipelines:
	    logs: {receivers: [otlp], exporters: {{.bed.Exporters}}}
`

// archiveBed is a bucket with an archive, its keys, and what the commands for it need.
type archiveBed struct {
	URL, Region, Bucket, Prefix, Writer, Keys string
	Rules, Compression, Timeout               string
	AcceptTimeout, SpoolSize, Exporters       string
	// Account that the bucket must be of, in quotes; empty: it isn't asked for.
	Account string

	client *s3.Client
	env    []string
	locks  map[string]archiveLock
}

// below is what all keys of the archive begin with.
func (b *archiveBed) below() string {
	if b.Prefix == "" {
		return ""
	}
	return b.Prefix + "/"
}

// newArchiveBed makes keys, a bucket with `heartwood bucket create`, and enrols the
// writers, on a server at a URL.
func newArchiveBed(t *testing.T, url string, client *s3.Client, writers ...string) *archiveBed {
	t.Helper()
	return newArchiveBedBelow(t, archivePrefix, url, client, writers...)
}

func newArchiveBedBelow(t *testing.T, prefix, url string, client *s3.Client, writers ...string) *archiveBed {
	t.Helper()
	b := newBareBed(prefix, url, client)
	b.makeKeys(t, writers...)
	b.open(t, writers...)
	return b
}

// open makes the bucket and enrols the writers, whose keys are there.
func (b *archiveBed) open(t *testing.T, writers ...string) {
	t.Helper()
	b.mustRun(t, "bucket", "create", "s3://"+b.Bucket, "--path-style")
	b.enroll(t, writers...)
}

// newBareBed has neither keys nor a bucket yet.
func newBareBed(prefix, url string, client *s3.Client) *archiveBed {
	return &archiveBed{
		URL: url, Region: s3fake.Region, Bucket: "archive", Prefix: prefix, Writer: archiveWriter,
		Rules: archiveRules, Compression: "zstd", Timeout: "2s", AcceptTimeout: "5s", SpoolSize: "64MiB", Exporters: "[worm_s3]",
		client: client, locks: archiveLocks,
		env: []string{
			"AWS_ACCESS_KEY_ID=" + s3fake.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3fake.SecretKey,
			"AWS_REGION=" + s3fake.Region, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + url,
		},
	}
}

func (b *archiveBed) makeKeys(t *testing.T, writers ...string) {
	t.Helper()
	b.Keys = t.TempDir()
	b.mustRun(t, "keygen", "--root", archiveOrigin, "--out", b.Keys)
	for _, writer := range append([]string{archiveWriter}, writers...) {
		b.mustRun(t, "keygen", "--writer", archiveOrigin+"/"+writer, "--out", b.Keys)
	}
}

func (b *archiveBed) enroll(t *testing.T, writers ...string) {
	t.Helper()
	for _, writer := range append([]string{archiveWriter}, writers...) {
		b.mustRun(t, append(b.args("enroll"), "--root-key", filepath.Join(b.Keys, "root.key"),
			"--writer", filepath.Join(b.Keys, writer+".pub"), "--period", strconv.Itoa(b.locks[""].days)+"d", "--mode", b.locks[""].mode)...)
	}
}

// args are those of a command about the archive.
func (b *archiveBed) args(command string) []string {
	args := []string{command, "s3://" + b.Bucket + "/" + b.Prefix}
	if b.URL != "" {
		args = append(args, "--path-style")
	}
	return args
}

// run runs bin/heartwood to its end.
func (b *archiveBed) run(t *testing.T, args ...string) harness.Result {
	t.Helper()
	var stdout bytes.Buffer
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood " + args[0], Path: harness.Program(t, "heartwood", "cmd/heartwood"), Args: args, Env: b.env, Stdout: &stdout,
	})
	code := p.Wait(t, time.Minute)
	return harness.Result{Stdout: stdout.String(), Stderr: p.Output(), Code: code}
}

func (b *archiveBed) mustRun(t *testing.T, args ...string) string {
	t.Helper()
	r := b.run(t, args...)
	require.Zero(t, r.Code, "heartwood %s\n%s%s", strings.Join(args, " "), r.Stdout, r.Stderr)
	return r.Stdout
}

// report is what `heartwood verify --output json` says.
type archiveReport struct {
	Verdict  string
	Findings []archiveFinding
	code     int
}

type archiveFinding struct{ Severity, Kind, Writer, Object, Version, Text string }

// kinds are those of the findings of a severity, sorted, each once.
func (r archiveReport) kinds(severity string) []string {
	var kinds []string
	for _, f := range r.Findings {
		if f.Severity == severity {
			kinds = append(kinds, f.Kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func (b *archiveBed) verify(t *testing.T, more ...string) archiveReport {
	t.Helper()
	return b.verifyWith(t, append(b.args("verify"), more...)...)
}

func (b *archiveBed) verifyWith(t *testing.T, args ...string) (report archiveReport) {
	t.Helper()
	r := b.run(t, append(args, "--root-key", filepath.Join(b.Keys, "root.pub"), "--output", "json")...)
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &report), "exit status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	report.code = r.Code
	return report
}

// requireGood requires that the archive, with its locks, is found to be good.
func (b *archiveBed) requireGood(t *testing.T) archiveReport {
	t.Helper()
	r := b.verify(t)
	require.Zero(t, r.code, "%+v", r.Findings)
	require.Equal(t, "good", r.Verdict)
	return r
}

// start starts a collector that writes to the archive.
func (b *archiveBed) start(t *testing.T, options ...harness.Option) *harness.Collector {
	t.Helper()
	col := b.collector(t, options...)
	col.Start(t)
	return col
}

func (b *archiveBed) collector(t *testing.T, options ...harness.Option) *harness.Collector {
	t.Helper()
	return harness.New(t, archiveConfig, append([]harness.Option{harness.With("bed", *b), harness.WithEnv(b.env...)}, options...)...)
}

// waitArchived waits until a checkpoint covers all that was accepted.
func waitArchived(t *testing.T, col *harness.Collector) {
	t.Helper()
	col.WaitMetrics(t, "all to be in the archive", func(m harness.Metrics) bool {
		return m.Has("otelcol_exporter_worm_s3_spool_size") && m.Sum("otelcol_exporter_worm_s3_objects_open") == 0 &&
			m.Sum("otelcol_exporter_worm_s3_objects_waiting") == 0 && m.Sum("otelcol_exporter_worm_s3_oldest_record_age") == 0
	})
}

// archiveObject is a data object.
type archiveObject struct {
	key, version, partition, writer string
	data, plain                     []byte
	lines                           [][]byte
	firstLeaf                       int
}

// archiveRecord is a line of `encoding: json`.
type archiveRecord struct {
	UID      string `json:"log.record.uid"`
	Body     string `json:"body"`
	Category string `json:"log.category"`
	N        int    `json:"n"`
	object   *archiveObject
}

// archiveManifest is what the tests look at in a manifest.
type archiveManifest struct {
	Number    int    `json:"number"`
	Event     string `json:"event"`
	FirstLeaf int    `json:"first_leaf"`
	Leaf      int    `json:"leaf"`
	Objects   []struct {
		Key string `json:"key"`
	} `json:"objects"`
	Totals struct {
		Accepted     int `json:"accepted"`
		Archived     int `json:"archived"`
		Repeated     int `json:"repeated"`
		DeadLettered int `json:"dead_lettered"`
		Waiting      int `json:"waiting"`
	} `json:"totals"`
	Recovered json.RawMessage `json:"recovered"`
	data      []byte
}

// archiveContent is an archive as it is in the bucket, read without any code of ours.
type archiveContent struct {
	objects     []*archiveObject
	records     []archiveRecord
	manifests   map[string][]archiveManifest // by writer, in order
	checkpoints map[string][]string          // by writer, in order
	keys        []string                     // all of them
	versions    map[string]string
}

var (
	dataKey     = regexp.MustCompile(`^(category=[^/]+/dt=\d{4}-\d\d-\d\d/hour=\d\d)/([a-z0-9.-]+)/(\d{20})-([0-9a-f]{64})(?:\.ext)?\.jsonl(\.zst|\.gz|)$`)
	manifestKey = regexp.MustCompile(`^_log/([a-z0-9.-]+)/manifest/\d{20}-([0-9a-f]{64})\.json$`)
	signedKey   = regexp.MustCompile(`^_log/([a-z0-9.-]+)/checkpoint/\d{20}$`)
	otherKey    = regexp.MustCompile(`^_log/(writers/\d{20}|[a-z0-9.-]+/(probe|filters/\d{20}-[0-9a-f]{64}\.bin|tile/.+))$`)
)

// list gives the keys of the archive, each with its version; each has one.
func (b *archiveBed) list(t *testing.T) (keys []string, versions map[string]string) {
	t.Helper()
	versions = make(map[string]string)
	pages := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &b.Bucket, Prefix: aws.String(b.below())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		require.Empty(t, page.DeleteMarkers)
		for _, v := range page.Versions {
			require.NotContains(t, versions, *v.Key, "one version of each")
			keys = append(keys, *v.Key)
			versions[*v.Key] = *v.VersionId
		}
	}
	return keys, versions
}

func (b *archiveBed) get(t *testing.T, key string) []byte {
	t.Helper()
	out, err := b.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: &key})
	require.NoError(t, err, key)
	defer func() { _ = out.Body.Close() }()
	data, err := io.ReadAll(out.Body)
	require.NoError(t, err, key)
	return data
}

// read reads the whole archive, and holds keys and leaves to docs/format/archive.md.
func (b *archiveBed) read(t *testing.T) *archiveContent {
	t.Helper()
	a := &archiveContent{manifests: make(map[string][]archiveManifest), checkpoints: make(map[string][]string)}
	a.keys, a.versions = b.list(t)
	for _, full := range a.keys {
		data := b.get(t, full)
		key := strings.TrimPrefix(full, b.below())
		if m := dataKey.FindStringSubmatch(key); m != nil {
			o := &archiveObject{key: full, version: a.versions[full], partition: m[1], writer: m[2], data: data}
			o.firstLeaf, _ = strconv.Atoi(m[3])
			require.Equal(t, hashText(data), m[4], "%s is not named by its content", full)
			o.plain, _ = decompress(t, data)
			a.add(t, o)
			continue
		}
		if m := manifestKey.FindStringSubmatch(key); m != nil {
			one := archiveManifest{data: data}
			require.Equal(t, hashText(data), m[2], "%s is not named by its content", full)
			require.NoError(t, json.Unmarshal(data, &one), full)
			a.manifests[m[1]] = append(a.manifests[m[1]], one)
			continue
		}
		if m := signedKey.FindStringSubmatch(key); m != nil {
			a.checkpoints[m[1]] = append(a.checkpoints[m[1]], string(data))
			continue
		}
		require.Regexp(t, otherKey, key)
	}
	return a
}

func hashText(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (a *archiveContent) add(t *testing.T, o *archiveObject) {
	t.Helper()
	require.True(t, bytes.HasSuffix(o.plain, []byte{'\n'}), o.key)
	o.lines = bytes.Split(bytes.TrimSuffix(o.plain, []byte{'\n'}), []byte{'\n'})
	for _, line := range o.lines {
		r := archiveRecord{object: o}
		require.NoError(t, json.Unmarshal(line, &r), "%s", line)
		a.records = append(a.records, r)
	}
	a.objects = append(a.objects, o)
}

// requireLog holds a writer's log against what is there: its leaves are the lines of its
// objects and its manifests, without a gap; each manifest's objects are in the bucket,
// and each object in a manifest; the last checkpoint is signed by the writer's key, and
// its root is the tree's. That is RFC 6962 and nothing of ours.
func (a *archiveContent) requireLog(t *testing.T, b *archiveBed, writer string) {
	t.Helper()
	manifests := a.manifests[writer]
	require.NotEmpty(t, manifests)
	require.Len(t, a.checkpoints[writer], len(manifests))
	leaves := make([][]byte, manifests[len(manifests)-1].Leaf+1)
	put := func(i int, leaf []byte) {
		require.Less(t, i, len(leaves))
		require.Nil(t, leaves[i], "leaf %d is there twice", i)
		leaves[i] = leaf
	}
	byKey := make(map[string]*archiveObject)
	for _, o := range a.objects {
		if o.writer == writer {
			byKey[o.key] = o
		}
	}
	for i, m := range manifests {
		require.Equal(t, i, m.Number)
		put(m.Leaf, m.data)
		for _, one := range m.Objects {
			o := byKey[one.Key]
			if o == nil {
				o = byKey[b.below()+one.Key]
			}
			require.NotNil(t, o, "manifest %d names %s", i, one.Key)
			delete(byKey, o.key)
			for j, line := range o.lines {
				put(o.firstLeaf+j, line)
			}
		}
	}
	require.Empty(t, byKey, "objects that no manifest names")
	for i, leaf := range leaves {
		require.NotNil(t, leaf, "nothing is leaf %d", i)
	}
	root := treeHash(leaves)
	last := a.checkpoints[writer][len(manifests)-1]
	want := fmt.Sprintf("%s/%s\n%d\n%s\n", archiveOrigin, writer, len(leaves), base64.StdEncoding.EncodeToString(root[:]))
	text, signature, ok := strings.Cut(last, "\n\n")
	require.True(t, ok, last)
	require.Equal(t, want, text+"\n")
	public, err := os.ReadFile(filepath.Join(b.Keys, writer+".pub"))
	require.NoError(t, err)
	parts := strings.SplitN(strings.TrimSpace(string(public)), "+", 3)
	require.Len(t, parts, 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	line := strings.Fields(signature)
	require.Len(t, line, 3)
	signed, err := base64.StdEncoding.DecodeString(line[2])
	require.NoError(t, err)
	require.True(t, ed25519.Verify(key[1:], []byte(text+"\n"), signed[4:]), "the signature of the last checkpoint")
}

// treeHash is RFC 6962's, section 2.1.
func treeHash(leaves [][]byte) [sha256.Size]byte {
	if len(leaves) == 1 {
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := treeHash(leaves[:k]), treeHash(leaves[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// requireLocks asks for each object's lock: its class's mode, until the time of writing
// plus the period, rounded up to the next hour.
func (b *archiveBed) requireLocks(t *testing.T, a *archiveContent) {
	t.Helper()
	for _, key := range a.keys {
		if strings.HasSuffix(key, "/probe") {
			continue // of a server that does not look at checksums
		}
		class := ""
		if rest, ok := strings.CutPrefix(key, b.below()+"category="); ok {
			class, _, _ = strings.Cut(rest, "/")
		}
		want, ok := b.locks[class]
		require.True(t, ok, "%s is of no class", key)
		head, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String(key)})
		require.NoError(t, err)
		assert.Equal(t, want.mode, string(head.ObjectLockMode), key)
		until, written := aws.ToTime(head.ObjectLockRetainUntilDate), aws.ToTime(head.LastModified)
		least := written.Add(time.Duration(want.days)*24*time.Hour - time.Minute) // the object was on its way for a while
		assert.False(t, until.Before(least), "%s is locked until %v, want %v", key, until, least)
		assert.False(t, until.After(least.Add(time.Hour+time.Minute)), "%s is locked until %v, want at most an hour behind %v", key, until, least)
		if class != "" || strings.Contains(key, "/manifest/") {
			assert.Zero(t, until.UTC().Minute()+until.Second(), key)
		}
	}
}

// download copies the archive to a folder, as `aws s3 sync` does.
func (b *archiveBed) download(t *testing.T, a *archiveContent) string {
	t.Helper()
	dir := t.TempDir()
	for _, key := range a.keys {
		path := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(key, b.below())))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, b.get(t, key), 0o600))
	}
	return dir
}
