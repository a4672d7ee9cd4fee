package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3server"
)

// TestArchiveStranger: somebody who may write to the bucket, and has no key, puts something
// where the next checkpoints will be: junk, and a copy of the first one. The writer goes on,
// through a restart, and `heartwood verify` names what they put and nothing else. `heartwood
// search` and `prove` give what they would without it, and tell what they passed over.
func TestArchiveStranger(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) *archiveBed{
		"versitygw": func(t *testing.T) *archiveBed {
			t.Helper()
			s := s3server.StartVersity(t)
			return newArchiveBed(t, s.URL, s.Client)
		},
		"moto": func(t *testing.T) *archiveBed {
			t.Helper()
			s := s3server.StartMoto(t)
			return newArchiveBed(t, s.URL, s.Client)
		},
		"fake": func(t *testing.T) *archiveBed {
			t.Helper()
			_, b := newFakeBed(t)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			col := b.start(t)
			const number = "otelcol_exporter_worm_s3_checkpoint_number"
			reached := func(n float64) {
				t.Helper()
				col.WaitMetrics(t, fmt.Sprintf("checkpoint %v", n), func(m harness.Metrics) bool {
					require.Zero(t, m.Sum("otelcol_exporter_worm_s3_failed"), "%s", lastError(col.Output()))
					return m.Has(number) && m.Sum(number) >= n
				})
			}
			key := func(n int) *string {
				return aws.String(fmt.Sprintf("%s_log/%s/checkpoint/%020d", b.below(), archiveWriter, n))
			}
			reached(0)
			first := string(b.get(t, *key(0)))
			theirs := make(map[string]bool)
			put := func(n int, text string) {
				t.Helper()
				out, err := b.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: key(n), Body: strings.NewReader(text)})
				require.NoError(t, err)
				theirs[aws.ToString(out.VersionId)] = true
			}
			// Some numbers on, so that they are there before the writer is.
			at := int(col.Metrics(t).Sum(number)) + 4
			put(at, "junk")
			put(at+1, first)
			put(at+1, "junk on top")
			put(at+3, "")
			load := newArchiveLoad(t, "stranger", 5000)
			require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
			reached(float64(at + 1))
			col.Kill()
			col.Start(t)
			reached(float64(at + 3))
			waitArchived(t, col)
			assert.Positive(t, col.Metrics(t).Sum("otelcol_exporter_worm_s3_deviations"))
			col.Stop(t)
			r := b.verify(t)
			assert.Equal(t, 1, r.code)
			found := make(map[string]bool)
			for _, f := range r.Findings {
				if f.Severity != "note" {
					assert.True(t, theirs[f.Version], "%+v", f)
					found[f.Version] = true
				}
			}
			assert.Equal(t, theirs, found)

			last := at + 3
			for {
				_, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: key(last + 1)})
				if err != nil {
					require.ErrorAs(t, err, new(*types.NotFound))
					break
				}
				last++
			}
			put(last, "junk on top")
			put(last+1, first)
			put(last+2, "junk")
			lines := b.run(t, append(b.args("search"), "--request-id", "request-7", "--output", "json")...)
			require.Zero(t, lines.Code, lines.Stderr)
			assert.Equal(t, 10, strings.Count(lines.Stdout, "\n"))
			proofs := t.TempDir()
			proved := b.run(t, append(b.args("prove"), "--request-id", "request-7", "--checkpoint", "latest", "--out", proofs, "--root-key", filepath.Join(b.Keys, "root.pub"))...)
			require.Zero(t, proved.Code, proved.Stderr)
			assert.Equal(t, 10, strings.Count(proved.Stdout, fmt.Sprintf("at checkpoint %d,", last)), proved.Stdout)
			for _, r := range []harness.Result{lines, proved} {
				assert.Contains(t, r.Stderr, *key(last)+": passed over what is on top of the log's own")
			}
			files, err := filepath.Glob(filepath.Join(proofs, "*.tlog-proof"))
			require.NoError(t, err)
			require.Len(t, files, 10)
			b.mustRun(t, "check-proof", files[0], "--line", strings.TrimSuffix(files[0], ".tlog-proof")+".line", "--key", filepath.Join(b.Keys, archiveWriter+".pub"))
		})
	}
}
