package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseBuild(t *testing.T) {
	for _, test := range [][2]string{
		{"go build", "build -v"},
		{"go build -o bin/x ./cmd/x", "build -v -o bin/x ./cmd/x"},
		{"/usr/bin/go build -tags a,b -trimpath .", "build -v -tags a,b -trimpath ."},
		{"go build -v -modfile=x/go.mod --o=y -race .", "build -v -modfile=x/go.mod -race -o y ."},
		{"go build -ldflags -s -p 2 a b", "build -v -ldflags -s -p 2 a b"},
	} {
		line, want := test[0], test[1]
		b, ok := parseBuild(strings.Fields(line))
		if !ok {
			t.Fatalf("%q: not understood", line)
		}
		if got := strings.Join(b.verbose(), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{"go test ./...", "make", "go", "go build -n .", "go build -o"} {
		if _, ok := parseBuild(strings.Fields(line)); ok {
			t.Errorf("%q was taken for a build to be shown", line)
		}
	}
}

func TestClassify(t *testing.T) {
	for line, want := range map[string]kind{
		"runtime\n":                    compiled,
		"github.com/a/b.c/v2\n":        compiled,
		"go: downloading a.b/c v1.0.0": fetched,
		"go: finding module for x":     other,
		"# example.com/x":              other,
		"./x.go:3:1: syntax error":     other,
		"":                             other,
	} {
		if got, _ := classify(line); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}

func TestProgress(t *testing.T) {
	begin := time.Unix(1000, 0)
	after := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	p := progress{workers: 2}
	expect := func(now time.Time, want string) {
		t.Helper()
		if got := p.text(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	expect(begin, "reading packages, then linking")
	p.fetch()
	expect(begin, "fetching modules, 1 so far")
	p.missing = 40
	expect(begin, "fetching modules, 1 of at most 40")
	p.compile("early", begin)
	expect(after(1), "compiling, 1 package so far")

	weights := map[string]int64{}
	for i := range 100 {
		weights[fmt.Sprint("p", i)] = 10_000
	}
	p.plan(plan{weights: weights, all: 1_000_000})
	expect(after(1), "compiling 1 of 101 packages (1 %)")
	for i := range 50 {
		p.compile(fmt.Sprint("p", i), begin)
	}
	p.compile("p0", begin) // said twice, counted once
	// Done are early (30,000), 48 packages and two halves (490,000), of 1,060,000.
	expect(after(52), "compiling 51 of 101 packages (49 %), about 54 s left")
	for i := range 100 {
		p.compile(fmt.Sprint("p", i), begin)
	}
	expect(after(100), "compiled 101 packages, linking")
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		340 * time.Millisecond: "0.3 s", 9940 * time.Millisecond: "9.9 s", 42 * time.Second: "42 s",
		59700 * time.Millisecond: "1 min 00 s", 328 * time.Second: "5 min 28 s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestRequired(t *testing.T) {
	got := required("module x\n\nrequire example.com/a v1.0.0\nrequire (\n\tgithub.com/Azure/b v1.2.3 // indirect\n\n)\nreplace y => ../y\n")
	if want := []module{{"example.com/a", "v1.0.0"}, {"github.com/Azure/b", "v1.2.3"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := escape("github.com/Azure/go-SDK"); got != "github.com/!azure/go-!s!d!k" {
		t.Error(got)
	}
}

// newModule writes a module with a main package and one that it imports, which no
// build cache has seen.
func newModule(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	// In what is compiled, not in a comment: with -trimpath, equal code is not
	// compiled twice.
	unique := dir + time.Now().String()
	for name, content := range map[string]string{
		"go.mod":  "module example.test/x\n\ngo 1.26\n",
		"main.go": "package main\n\nimport \"example.test/x/y\"\n\nfunc main() { println(y.Y, y.Unique) }\n",
		"y/y.go":  "package y\n\nconst Unique = \"" + unique + "\"\n\nconst Y = " + body + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func TestRunTellsWhatItCompiledAndThenNothing(t *testing.T) {
	newModule(t, `"built"`)
	command := []string{"go", "build", "-o", "out/x", "."}
	var stdout, stderr bytes.Buffer
	if code := run(command, &stdout, &stderr, false); code != 0 {
		t.Fatal(code, stderr.String())
	}
	if got := stderr.String(); !strings.Contains(got, "x: compiled 2 packages in ") {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat("out/x"); err != nil {
		t.Error(err)
	}
	stderr.Reset()
	if code := run(command, &stdout, &stderr, false); code != 0 || stderr.Len() > 0 || stdout.Len() > 0 {
		t.Errorf("with nothing to do: %d %q %q", code, stdout.String(), stderr.String())
	}
}

func TestRunPassesErrorsThrough(t *testing.T) {
	newModule(t, `1 +`)
	var stdout, stderr bytes.Buffer
	if code := run([]string{"go", "build", "."}, &stdout, &stderr, false); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	if got := stderr.String(); !strings.Contains(got, "syntax error") || strings.Contains(got, "compiled") {
		t.Errorf("%q", got)
	}
	stderr.Reset()
	if code := run([]string{"sh", "-c", "echo out; echo err >&2; exit 7"}, &stdout, &stderr, false); code != 7 || stdout.String() != "out\n" || stderr.String() != "err\n" {
		t.Errorf("%d %q %q", code, stdout.String(), stderr.String())
	}
	stderr.Reset()
	if code := run([]string{"sh", "-c", "kill -TERM $$"}, &stdout, &stderr, false); code != 143 {
		t.Errorf("exit status %d, want 143", code)
	}
	if code := run([]string{"/nonexistent/go", "build"}, &stdout, &stderr, false); code != 1 || !strings.Contains(stderr.String(), "no such file") {
		t.Errorf("%d %q", code, stderr.String())
	}
}

func TestPlanKnowsWhatIsStale(t *testing.T) {
	newModule(t, `"plan"`)
	b, _ := parseBuild([]string{"go", "build", "-o", "x", "."})
	p := makePlan(t.Context(), b)
	if len(p.weights) != 2 || p.weights["example.test/x/y"] == 0 || p.weights["example.test/x"] == 0 {
		t.Errorf("%v", p.weights)
	}
	if p.all < 1_000_000 {
		t.Errorf("all packages weigh %d, the standard library's are missing", p.all)
	}
	if missing := missingModules(t.Context(), b); missing != 0 {
		t.Errorf("%d modules missing, want none", missing)
	}
}

func TestPlanKnowsThatEmbeddedFilesAreNotStale(t *testing.T) {
	dir := newModule(t, `"embedding"`)
	for name, content := range map[string]string{
		"y/text.txt": "text",
		"y/embed.go": "package y\n\nimport _ \"embed\"\n\n//go:embed text.txt\nvar Text string\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"go", "build", "-o", "x", "."}, &stdout, &stderr, false); code != 0 {
		t.Fatal(stderr.String())
	}
	b, _ := parseBuild([]string{"go", "build", "-o", "x", "."})
	if p := makePlan(t.Context(), b); len(p.weights) != 0 {
		t.Errorf("stale after it was built: %v", p.weights)
	}
}

func TestTerminalLineIsReplaced(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(buildCommand{output: "bin/x"}, &out, true)
	d.progress.compile("a", d.begun)
	d.show(d.begun)
	d.show(d.begun)
	d.end(true)
	if got := out.String(); !strings.HasPrefix(got, "x: compiling, 1 package so far\r\x1b[Kx: compiling") || !strings.HasSuffix(got, "\r\x1b[Kx: compiled 1 package in 0.0 s\n") {
		t.Errorf("%q", got)
	}
}
