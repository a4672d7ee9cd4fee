package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

// programEnv makes the test binary play a program that the harness starts.
const programEnv = "HARNESS_TEST_PROGRAM"

var programs = map[string]func(){
	"echo": func() {
		fmt.Println("to stdout", os.Args[1:])
		fmt.Fprintln(os.Stderr, "to stderr", os.Getenv("HARNESS_TEST_VALUE"))
		os.Exit(3)
	},
	"sleep": func() {
		fmt.Println("ready")
		waitForTheEnd()
	},
	"obedient": func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("ready")
		fmt.Println("got", <-signals)
		os.Exit(0)
	},
	"disobedient": func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("ready")
		<-signals
		os.Exit(7)
	},
	"panic": func() { panic("as asked") },
	"parent": func() {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), programEnv+"=sleep")
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", child.Process.Pid)
		waitForTheEnd()
	},
	"listener":  playListener,
	"collector": playCollector,
	"tester":    playTester,
}

func playListener() {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	wide, err := lc.Listen(context.Background(), "tcp", "0.0.0.0:0")
	if err != nil {
		panic(err)
	}
	pc, err := lc.ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("tcp", l.Addr())
	fmt.Println("tcp", strings.Replace(wide.Addr().String(), "[::]", "0.0.0.0", 1))
	fmt.Println("udp", pc.LocalAddr())
	fmt.Println("ready")
	waitForTheEnd()
}

// playCollector is what the harness needs of a collector: it reads the
// configurations it is given, serves health and metrics, and ends on SIGTERM.
func playCollector() {
	fmt.Println("arguments", os.Args[1:], "value", os.Getenv("HARNESS_TEST_VALUE"))
	var merged struct {
		Refuse     string
		Extensions map[string]struct{ Endpoint string }
		Service    struct {
			Extensions []string
			Telemetry  struct {
				Metrics struct {
					Readers []struct {
						Pull struct {
							Exporter struct {
								Prometheus struct {
									Host string
									Port int
								}
							}
						}
					}
				}
			}
		}
	}
	for _, arg := range os.Args[1:] {
		path, ok := strings.CutPrefix(arg, "--config=")
		if !ok {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		if err := yaml.Unmarshal(text, &merged); err != nil {
			panic(err)
		}
	}
	if merged.Refuse != "" {
		fmt.Println("refused:", merged.Refuse)
		os.Exit(1)
	}
	fmt.Println("extensions", merged.Service.Extensions)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)

	metrics := merged.Service.Telemetry.Metrics.Readers[0].Pull.Exporter.Prometheus
	serve := func(addr string, handler http.HandlerFunc) {
		go func() {
			server := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: time.Second}
			panic(server.ListenAndServe())
		}()
	}
	asked := 0
	serve(merged.Extensions[healthExtension].Endpoint, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	serve(fmt.Sprintf("%s:%d", metrics.Host, metrics.Port), func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# HELP pid The process.\npid{who=\"me\"} %d\n", os.Getpid())
	})
	<-signals
	fmt.Println("Shutdown complete.")
	os.Exit(0)
}

// waitForTheEnd never returns. An empty select would, in a program without cgo, be
// taken for a deadlock.
func waitForTheEnd() {
	for {
		time.Sleep(time.Hour)
	}
}

// playTester is a test process that starts a program with the harness and then
// ends in the way its argument says, without cleaning up.
func playTester() {
	tb := newRecorder()
	p := startProgram(tb, "sleep")
	p.WaitOutput(tb, "ready", 10*time.Second)
	fmt.Println("child", p.PID())
	switch os.Args[1] {
	case "panic":
		panic("the test panics")
	case "exit":
		os.Exit(1)
	case "hang":
		waitForTheEnd()
	}
}

func TestMain(m *testing.M) {
	if program, ok := programs[os.Getenv(programEnv)]; ok {
		program()
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/heartwood-otel/heartwood/integration/harness.runSpawner"))
}

func startProgram(tb testing.TB, name string, args ...string) *Process {
	tb.Helper()
	return StartProcess(tb, Command{
		Name: name,
		Path: os.Args[0],
		Args: args,
		Env:  []string{programEnv + "=" + name, "HARNESS_TEST_VALUE=set"},
	})
}

// requireGone waits for the end of a process that has been killed: it is a
// matter of the kernel's, over in no time.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Positive(t, pid)
	require.Eventually(t, func() bool { return !Alive(pid) }, 10*time.Second, time.Millisecond, "process %d is still there", pid)
}

// recorder is a testing.TB that keeps what is said to it, so that the
// failures of helpers can be looked at.
type recorder struct {
	testing.TB // nil: what isn't listed below must not be called

	mu       sync.Mutex
	failed   bool
	text     strings.Builder
	cleanups []func()
}

func newRecorder() *recorder { return &recorder{} }

// run runs f as a test is run: in a goroutine that Fatal ends.
func (r *recorder) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// end runs the cleanups, and gives all that was said.
func (r *recorder) end() string {
	r.run(func() {
		for _, cleanup := range slices.Backward(r.cleanups) {
			cleanup()
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *recorder) say(failed bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	r.text.WriteString(text + "\n")
}

func (r *recorder) Helper()                      {}
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Log(args ...any)              { r.say(false, fmt.Sprint(args...)) }
func (r *recorder) Logf(f string, args ...any)   { r.say(false, fmt.Sprintf(f, args...)) }
func (r *recorder) Error(args ...any)            { r.say(true, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any) { r.say(true, fmt.Sprintf(f, args...)) }

func (r *recorder) Fatal(args ...any) {
	r.say(true, fmt.Sprint(args...))
	runtime.Goexit()
}

func (r *recorder) Fatalf(f string, args ...any) {
	r.say(true, fmt.Sprintf(f, args...))
	runtime.Goexit()
}

func (r *recorder) Context() context.Context { return context.Background() }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}
