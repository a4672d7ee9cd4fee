package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const client = `package client

import (
	"context"
	"fmt"
	"strings"
)

type Client struct{ name string }

func New() *Client { return &Client{name: "c"} }

// Fetch is what the program calls.
func (c *Client) Fetch(ctx context.Context) string { return c.send(ctx, "fetch") }

// Delete is an operation that nobody calls.
func (c *Client) Delete(ctx context.Context) string { return c.remove(ctx) }

func (c *Client) send(_ context.Context, verb string) string { return fmt.Sprint(c.name, verb) }

func (c *Client) remove(ctx context.Context) string { return strings.ToUpper(c.send(ctx, "remove")) }

// String takes no context: it may be called through an interface.
func (c *Client) String() string { return c.name }

type Deleter interface{ Delete(ctx context.Context) string }

var _ Deleter = (*Client)(nil)

var registered = register()

func register() bool { fmt.Println("registered"); return true }

func unused() string { return "never" }
`

const program = `package main

import (
	"context"
	"fmt"

	"example.test/client"
)

func main() { fmt.Println(client.New().Fetch(context.Background())) }
`

func TestUncalledOperationsGoAndTheProgramStaysTheSame(t *testing.T) {
	root := t.TempDir()
	cache := filepath.Join(root, "cache", "example.test", "client")
	work := filepath.Join(root, "work")
	write(t, filepath.Join(cache, "client.go"), client)
	write(t, filepath.Join(cache, "go.mod"), "module example.test/client\n\ngo 1.26\n")
	write(t, filepath.Join(work, "main.go"), program)
	write(t, filepath.Join(work, "go.mod"), "module example.test/work\n\ngo 1.26\n\nrequire example.test/client v1.0.0\n\nreplace example.test/client v1.0.0 => ../cache/example.test/client\n")
	write(t, filepath.Join(work, "go.sum"), "")
	out := filepath.Join(root, "out")

	if err := run(work, "", out, []string{"example.test/client"}, io.Discard); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(filepath.Join(out, "example.test", "client", "client.go"))
	if err != nil {
		t.Fatal(err)
	}
	shaken := string(text)
	for _, gone := range []string{"Delete is an operation", "func (c *Client) Delete", "func (c *Client) remove", "Deleter", "func unused", `"strings"`} {
		if strings.Contains(shaken, gone) {
			t.Errorf("%q is still there", gone)
		}
	}
	for _, kept := range []string{"func (c *Client) Fetch", "func (c *Client) send", "func (c *Client) String", "var registered = register()", "func register()"} {
		if !strings.Contains(shaken, kept) {
			t.Errorf("%q is gone", kept)
		}
	}
	if got, want := strings.Count(shaken, "\n"), strings.Count(client, "\n"); got != want {
		t.Errorf("lines: got %d, want %d as before, so that positions stay", got, want)
	}

	plain := execute(t, work)
	if !strings.Contains(plain, "cfetch") {
		t.Fatalf("output without -modfile: %q", plain)
	}
	// the shaken go.mod has two replacements of one module only because this
	// test's module comes from a replacement itself
	replaceFirst(t, filepath.Join(out, "go.mod"))
	if got := execute(t, work, "-modfile", filepath.Join(out, "go.mod")); got != plain {
		t.Errorf("output with the shaken package: %q, without: %q", got, plain)
	}
}

func TestAPackageOutsideTheBuildIsNamed(t *testing.T) {
	work := t.TempDir()
	write(t, filepath.Join(work, "main.go"), "package main\n\nfunc main() {}\n")
	write(t, filepath.Join(work, "go.mod"), "module example.test/work\n\ngo 1.26\n")
	err := run(work, "", filepath.Join(work, "out"), []string{"example.test/absent"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "example.test/absent") {
		t.Fatalf("error %v does not name the package", err)
	}
}

func replaceFirst(t *testing.T, goMod string) {
	t.Helper()
	text, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	write(t, goMod, strings.Replace(string(text), "replace example.test/client v1.0.0 => ../cache/example.test/client\n", "", 1))
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"run"}, flags...), ".")...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go run %v: %v\n%s", flags, err, output)
	}
	return string(output)
}
