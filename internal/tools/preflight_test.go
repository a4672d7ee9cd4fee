// Package tools holds the scripts of the build; this tests them.
package tools

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// preflight runs the script in a copy of the tree's bones, with programs of the
// system replaced by the given shell scripts.
func preflight(t *testing.T, programs map[string]string, environment ...string) (status int, said string) {
	t.Helper()
	root := t.TempDir()
	script, err := os.ReadFile("preflight.sh")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("tree/internal/tools/preflight.sh", string(script))
	for name, content := range programs {
		write("path/"+name, "#!/bin/sh\n"+content+"\n")
	}
	command := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(root, "tree/internal/tools/preflight.sh"), "run")
	command.Env = append([]string{"PATH=" + filepath.Join(root, "path") + ":/usr/bin:/bin", "FAKE=" + root}, environment...)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(out)
}

const (
	roomy = `echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/a 100 10 99999999 10% /"`
	tight = `echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/a 100 10 1048576 10% /"`
)

func golang(version string) string {
	return `case "$2" in GOVERSION) echo ` + version + ` ;; GOTOOLCHAIN) echo auto ;; *) echo "$FAKE/none/at/all" ;; esac`
}

func TestPreflight(t *testing.T) {
	for name, test := range map[string]struct {
		programs    map[string]string
		environment []string
		status      int
		says        []string
	}{
		"all is well":  {programs: map[string]string{"go": golang("go1.26.8"), "df": roomy, "awk": plenty}},
		"newer Go":     {programs: map[string]string{"go": golang("go1.31rc1"), "df": roomy, "awk": plenty}},
		"an own Go":    {programs: map[string]string{"go": golang("devel"), "df": roomy, "awk": plenty}},
		"df is silent": {programs: map[string]string{"go": golang("go1.26.8"), "df": "exit 1", "awk": plenty}},
		"no Go": {status: 1, says: []string{
			"preflight: there is no go on the PATH; Go 1.26 or newer is needed", "https://go.dev/dl/",
		}},
		"old Go that can fetch": {programs: map[string]string{"go": golang("go1.24.1"), "df": roomy, "awk": plenty}, says: []string{
			"note: go1.24.1 is older than Go 1.26; it will fetch a newer toolchain",
		}},
		"old Go that may not": {programs: map[string]string{"go": golang("go1.24.1"), "df": roomy}, environment: []string{"GOTOOLCHAIN=local"}, status: 1, says: []string{
			"is go1.24.1; Go 1.26 or newer is needed", "unset GOTOOLCHAIN",
		}},
		"old Go that cannot": {programs: map[string]string{"go": golang("go1.20.14"), "df": roomy}, status: 1, says: []string{
			"is go1.20.14; Go 1.26 or newer is needed",
		}},
		"no Go at all behind the name": {programs: map[string]string{"go": "echo hello"}, status: 1, says: []string{
			`says "hello", which is no version of Go`,
		}},
		"little disk": {programs: map[string]string{"go": golang("go1.26.8"), "df": tight, "awk": plenty}, status: 1, says: []string{
			"1024 MB are free on the disk of", "the build needs about 5050 MB there (modules, build cache, bin/)",
		}},
		"little memory": {programs: map[string]string{"go": golang("go1.26.8"), "df": roomy, "awk": scarce}, says: []string{
			"note: 900 MB of memory are available and the linker needs about 2500 MB",
		}},
		"told to be off": {programs: map[string]string{"go": "echo hello"}, environment: []string{"HEARTWOOD_PREFLIGHT=off"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat("/usr/bin/go"); err == nil && test.programs == nil {
				t.Skip("this system has a go where it cannot be hidden")
			}
			status, said := preflight(t, test.programs, test.environment...)
			if status != test.status {
				t.Errorf("status %d, want %d: %s", status, test.status, said)
			}
			if len(test.says) == 0 && said != "" {
				t.Errorf("said %q, want nothing", said)
			}
			for _, says := range test.says {
				if !strings.Contains(said, says) {
					t.Errorf("%q is missing in %q", says, said)
				}
			}
		})
	}
}

// The memory that the script finds is what these awks say of /proc/meminfo.
const (
	plenty = `case "$*" in *meminfo*) echo 9000 ;; *) exec /usr/bin/awk "$@" ;; esac`
	scarce = `case "$*" in *meminfo*) echo 900 ;; *) exec /usr/bin/awk "$@" ;; esac`
)
