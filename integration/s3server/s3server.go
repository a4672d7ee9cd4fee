package s3server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// Server is a running server of another's.
type Server struct {
	// Name is versitygw or moto.
	Name string
	// URL is the endpoint; buckets are named in its path.
	URL string
	// Data is the folder that versitygw keeps buckets in, each object as a file.
	Data string
	// Client is AWS's own, without retries.
	Client *s3.Client
}

// Env is what AWS's clients take from the environment to talk to the server, but for
// the endpoint.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s3fake.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3fake.SecretKey,
		"AWS_REGION=" + s3fake.Region, "AWS_EC2_METADATA_DISABLED=true",
	}
}

// CreateLocked makes a bucket with Object Lock, and with it versioning.
func (s *Server) CreateLocked(tb testing.TB, bucket string) {
	tb.Helper()
	s3fake.CreateLocked(tb, s.Client, bucket)
}

// StartVersity starts versitygw on folders of the test's own, until the test ends. It
// is built first where it isn't there, which takes a minute or two once.
func StartVersity(tb testing.TB) *Server {
	tb.Helper()
	root := harness.Root(tb)
	path := filepath.Join(root, "bin", "tools", "versitygw")
	run(tb, "make", "--no-print-directory", "-C", root, path)
	data, versions := tb.TempDir(), tb.TempDir()
	port := freeport.Take(tb)
	harness.StartProcess(tb, harness.Command{
		Name: "versitygw", Path: path,
		Args: []string{
			"--access", s3fake.AccessKey, "--secret", s3fake.SecretKey, "--region", s3fake.Region,
			"--port", "127.0.0.1:" + strconv.Itoa(port), "--keep-alive", "posix", "--versioning-dir", versions, data,
		},
	})
	s := ready(tb, "versitygw", port)
	s.Data = data
	return s
}

// StartMoto starts moto's server until the test ends. It is what stands for Kinesis,
// too, and is installed with that where it isn't there.
func StartMoto(tb testing.TB) *Server {
	tb.Helper()
	for _, program := range []string{"node", "npm", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Skipf("there's no %s on this machine", program)
		}
	}
	script := filepath.Join(harness.Root(tb), "integration", "kinesis", "kinesis.sh")
	run(tb, "sh", script, "prepare")
	port := freeport.Take(tb)
	harness.StartProcess(tb, harness.Command{
		Name: "moto", Path: "/bin/sh", Args: []string{script, "run", "moto", strconv.Itoa(port)},
	})
	return ready(tb, "moto", port)
}

func run(tb testing.TB, program string, args ...string) {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), program, args...)
	command.Env = os.Environ()
	out, err := command.CombinedOutput()
	require.NoError(tb, err, "%s", out)
}

func ready(tb testing.TB, name string, port int) *Server {
	tb.Helper()
	s := &Server{Name: name, URL: "http://127.0.0.1:" + strconv.Itoa(port)}
	s.Client = s3fake.NewClient(tb, s.URL)
	require.Eventually(tb, func() bool {
		_, err := s.Client.ListBuckets(tb.Context(), &s3.ListBucketsInput{})
		return err == nil
	}, 2*time.Minute, 50*time.Millisecond, "%s to answer at %s", name, s.URL)
	return s
}
